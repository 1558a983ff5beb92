"""Operations on dead letters and redrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict
from urllib.parse import quote

from task_service_client._effects import Sleep, Steps, Stream, consume
from task_service_client._requests import BaseOperations
from task_service_client.models import DeadLetter, DeadLetterGroup, Preview, Redrive

Action = Literal["retry", "cancel"]
_POLL_SECONDS = 0.5


class Filter(TypedDict, total=False):
    """The tasks of a redrive: those that match every given field."""

    status: str
    type: str
    tag: str
    error_kind: str
    group: str  #: of dead letters
    created_before: datetime
    created_after: datetime
    all: bool  #: True: all tasks


class RedriveOperations(BaseOperations):
    """Operations for the operators of the service."""

    def dead_letter_groups(
        self,
        *,
        type: str | None = None,
        kind: str | None = None,
    ) -> Steps[tuple[DeadLetterGroup, ...]]:
        """The dead letters of tasks that were not retried or deleted since, by cause, largest group first.

        A failed task is in a group within five minutes; see `Stats.pending_dead_letters`. For administrators.
        """
        groups: dict[str, Mapping[str, Any]] = {}

        def add(group: Mapping[str, Any]) -> bool:
            groups[group["id"]] = _merged(groups.get(group["id"]), group)
            return False

        query = {"type": type, "kind": kind}
        yield from consume(self._pages("/dead-letters", query, "groups", None, dict), add)
        largest_first = sorted(groups.values(), key=lambda group: -group["count"])
        return tuple(map(DeadLetterGroup.from_json, largest_first))

    def dead_letters(self, group: str, *, limit: int | None = None) -> Stream[DeadLetter]:
        """The dead letters of one group, at most `limit`. For administrators."""
        return self._pages("/dead-letters", {"group": group}, "dead_letters", limit, DeadLetter.from_json)

    def preview_redrive(self, filter: Filter, *, action: Action = "retry") -> Steps[Preview]:
        """The tasks that a redrive with this filter would change. Changes nothing."""
        body = {"action": action, "filter": _json(filter), "dry_run": True}
        return Preview.from_json((yield from self._call("POST", "/redrives", body=body, repeatable=True)))

    def redrive(
        self,
        filter: Filter,
        *,
        action: Action = "retry",
        rate: int = 10,
    ) -> Steps[Redrive]:
        """Start a redrive: it retries or cancels the matching tasks, at most `rate` tasks per second.

        It changes tasks that exist when it starts, each at most once.
        Raises: Invalid for an empty filter; Conflict if a redrive with the same filter is running.
        """
        body = {"action": action, "filter": _json(filter), "rate": rate}
        return Redrive.from_json((yield from self._call("POST", "/redrives", body=body)))

    def get_redrive(self, redrive_id: str) -> Steps[Redrive]:
        """The redrive. Raises: NotFound."""
        return Redrive.from_json((yield from self._call("GET", _path(redrive_id), repeatable=True)))

    def redrives(self, *, limit: int | None = None) -> Stream[Redrive]:
        """The redrives, newest first, at most `limit`."""
        return self._pages("/redrives", {}, "redrives", limit, Redrive.from_json)

    def abort_redrive(self, redrive_id: str) -> Steps[Redrive]:
        """Stop a redrive. Its changes so far remain. Raises: NotFound, Conflict."""
        return Redrive.from_json((yield from self._call("POST", f"{_path(redrive_id)}/abort")))

    def wait_for_redrive(
        self, redrive_id: str, *, on_update: Callable[[Redrive], object] | None = None
    ) -> Steps[Redrive]:
        """The redrive when it is done, aborted or failed. `on_update` is called after each poll."""
        while True:
            redrive = yield from self.get_redrive(redrive_id)
            if on_update is not None:
                on_update(redrive)
            if redrive.finished:
                return redrive
            yield Sleep(_POLL_SECONDS)


def _merged(first: Mapping[str, Any] | None, second: Mapping[str, Any]) -> Mapping[str, Any]:
    """One group from its parts in two pages."""
    if first is None:
        return second
    newest = max(first, second, key=lambda part: str(part["last_failed_at"]))
    return {
        **newest,
        "count": first["count"] + second["count"],
        "first_failed_at": min(first["first_failed_at"], second["first_failed_at"]),
        "task_ids": [*newest["task_ids"], *(first if newest is second else second)["task_ids"]][:5],
    }


def _json(filter: Filter) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in filter.items()
        if value is not None
    }


def _path(redrive_id: str) -> str:
    return f"/redrives/{quote(redrive_id, safe='')}"
