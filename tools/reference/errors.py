"""The page of errors, from the classes of errors and their statuses."""

from __future__ import annotations

import inspect
import json

from chalicelib.domain import errors
from chalicelib.domain.task import ErrorKind, TaskStatus
from chalicelib.http.problems import TITLES, status_of
from tools.reference.comments import comments
from tools.reference.markdown import NOTICE, sentence, table


def error_codes() -> str:
    """The codes and statuses of problem documents, and the kinds of errors of tasks."""
    rows = [
        (str(status_of(each)), TITLES[status_of(each)], f"`{each.code}`", sentence(each.__doc__ or ""))
        for each in _errors()
    ]
    rows.append(("500", TITLES[500], "`internal`", "The service failed. Its log has the cause."))
    kinds = comments(ErrorKind)
    statuses = comments(TaskStatus)
    return "\n".join(
        [
            "# Errors\n",
            NOTICE,
            "## Problem documents\n",
            "An error of the HTTP API is a problem document",
            "([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). `code` is for programs, `detail` for",
            "people. `errors` points at each wrong field by a JSON pointer (RFC 6901):\n",
            "```json",
            json.dumps(_EXAMPLE, indent=2),
            "```\n",
            "429 and 503 carry `Retry-After`. 429 also carries `RateLimit-Policy` and `RateLimit`.\n",
            table(("status", "title", "code", "meaning"), sorted(rows)),
            "## Errors of tasks\n",
            "A failed attempt has an `error` with a `kind`, a `type` (the class of the exception, or the",
            "kind) and a `message`.\n",
            table(("kind", "meaning"), ((f"`{each.value}`", kinds[each.name]) for each in ErrorKind)),
            "## Statuses of tasks\n",
            "[States](states.md) has the transitions.\n",
            table(("status", "meaning"), ((f"`{each.value}`", statuses[each.name]) for each in TaskStatus)),
        ]
    )


_EXAMPLE = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "The payload does not fit the task type demo.sleep.",
    "code": "invalid",
    "errors": [{"pointer": "/payload/seconds", "message": "Input should be a valid number"}],
}


def _errors() -> list[type[errors.TaskServiceError]]:
    classes = (each for _, each in inspect.getmembers(errors, inspect.isclass))
    root = errors.TaskServiceError
    return [each for each in classes if issubclass(each, root) and each is not root]
