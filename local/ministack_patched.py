"""MiniStack with the patches that the local stage needs. It ends with the process that started it.

- AWS starts a worker for every call that finds none free. Two hundred at once, each importing everything,
  would starve one machine: here a call waits for one of WORKERS. No function calls itself, so no call can
  wait for its own caller.
- MiniStack requires IAM actions of their own for a batch of messages and for a batch of statements. AWS has
  no such actions: sqs:SendMessage allows ten messages, too, and each statement is authorised alone.
- MiniStack's streams miss the writes of PartiQL. AWS's streams contain every write: see `_with_stream_event`.
- The starter holds the other end of standard input and never writes. When the starter ends, the input ends.
  So a closed terminal or a `kill -9` leaves no server behind, and the server saves its state first.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from ministack.app import main as serve
from ministack.core import iam_actions, lambda_runtime
from ministack.services import dynamodb, lambda_svc

from local.process_group import stop_group

_STDIN: Final = 0
#: For each function.
WORKERS: Final = 4
_POLL_SECONDS: Final = 0.005

_original_action: Final = iam_actions.extract_iam_action
_original_arns: Final = iam_actions.dynamodb_resource_arns
_STATEMENT: Final = re.compile(r'(INSERT|UPDATE)[^"]*"([^"]+)"')


def _acquire_worker(*args: Any, **kwargs: Any) -> Any:
    """Wait until one of the function's WORKERS is free, and return it."""
    while True:
        worker, reason = lambda_runtime.acquire_worker(*args, **{**kwargs, "max_concurrency": WORKERS})
        if worker is not None:
            return worker, reason
        time.sleep(_POLL_SECONDS)


def _iam_action(*args: Any, **kwargs: Any) -> str | None:
    """Return the IAM action that AWS requires for a request."""
    action: str | None = _original_action(*args, **kwargs)
    if action == "dynamodb:BatchExecuteStatement":
        verbs = {verb for verb, _ in _statements(kwargs.get("body") or args[4])}
        return f"dynamodb:PartiQL{verbs.pop().capitalize()}" if len(verbs) == 1 else action
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def _table_arns(body: bytes, region: str, account_id: str) -> list[str]:
    """Return the ARNs of the tables in a request to DynamoDB."""
    arns = [
        arn
        for _, table in _statements(body)
        for arn in _original_arns(json.dumps({"TableName": table}).encode(), region, account_id)
    ]
    return sorted(set(arns)) or _original_arns(body, region, account_id)


def _statements(body: bytes) -> list[tuple[str, str]]:
    """Return (verb, table) of each statement of a batch. The service sends batches of one verb only."""
    request = json.loads(body or b"{}")
    statements = request.get("Statements", []) if isinstance(request, dict) else []
    matches = [_STATEMENT.match(each["Statement"]) for each in statements]
    return [(match[1], match[2]) for match in matches if match]


def _with_stream_event(write: Callable[..., Any]) -> Callable[..., Any]:
    """Return the write of a statement, followed by an event in the table's stream."""

    def write_and_emit(table: dict[str, Any], parsed: dict[str, Any], *more: Any) -> Any:
        old = _item(table, parsed)
        response = write(table, parsed, *more)
        if response[0] == HTTPStatus.OK:
            name, new = parsed["table"], _item(table, parsed)
            dynamodb._emit_stream_event(name, "INSERT" if old is None else "MODIFY", old, new)
        return response

    return write_and_emit


def _item(table: dict[str, Any], parsed: dict[str, Any]) -> dict[str, Any] | None:
    """Return the current item that a statement writes; None when there is none."""
    attributes = parsed.get("item") or {name: value for name, _, value in parsed["conditions"]}
    pk, sk = (next(iter(attributes[table[name]].values()), None) for name in ("pk_name", "sk_name"))
    item: dict[str, Any] | None = table["items"].get(pk, {}).get(sk)
    return item


def _end_with_starter() -> None:
    os.read(_STDIN, 1)
    stop_group(os.getpid(), has_ended=lambda: False)


if __name__ == "__main__":
    sys.argv[1:] = []
    lambda_svc.acquire_worker = _acquire_worker
    iam_actions.extract_iam_action = _iam_action
    iam_actions.dynamodb_resource_arns = _table_arns
    dynamodb._partiql_insert = _with_stream_event(dynamodb._partiql_insert)
    dynamodb._partiql_update = _with_stream_event(dynamodb._partiql_update)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    serve()
