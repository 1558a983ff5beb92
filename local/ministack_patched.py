"""MiniStack, fit for one machine: few workers, and ended with the process that started it.

It starts a worker for every call that finds none free, as AWS does; two hundred at once, each importing
everything, would starve the machine. Here a call waits for one of WORKERS. None of our functions calls
itself, so none can wait for its own caller.

It wants rights of their own for a batch of messages and for one of statements. AWS knows none such: who may
send one message may send ten, and statements are looked at one by one.

Its streams do not tell of what PartiQL writes. Those of AWS do, whatever wrote: `_telling` mends that.

The starter holds the other end of standard input and never writes, so the end of the starter is the end of
the input. A closed terminal or a `kill -9` then leaves no server behind, and its state is saved all the same.
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
#: Of each function.
WORKERS: Final = 4
_LOOK_SECONDS: Final = 0.005

_stock_action_of: Final = iam_actions.extract_iam_action
_stock_arns_of: Final = iam_actions.dynamodb_resource_arns
_STATEMENT: Final = re.compile(r'(INSERT|UPDATE)[^"]*"([^"]+)"')


def _acquire_worker(*args: Any, **kwargs: Any) -> Any:
    """A worker of the function's own, as soon as one of WORKERS is free."""
    while True:
        worker, reason = lambda_runtime.acquire_worker(*args, **{**kwargs, "max_concurrency": WORKERS})
        if worker is not None:
            return worker, reason
        time.sleep(_LOOK_SECONDS)


def _action_of(*args: Any, **kwargs: Any) -> str | None:
    """The IAM action that a request needs, as AWS has it."""
    action: str | None = _stock_action_of(*args, **kwargs)
    if action == "dynamodb:BatchExecuteStatement":
        verbs = {verb for verb, _ in _statements(kwargs.get("body") or args[4])}
        return f"dynamodb:PartiQL{verbs.pop().capitalize()}" if len(verbs) == 1 else action
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def _arns_of(body: bytes, region: str, account_id: str) -> list[str]:
    """The tables that a request to DynamoDB names."""
    asked = [
        table
        for _, table in _statements(body)
        for table in _stock_arns_of(json.dumps({"TableName": table}).encode(), region, account_id)
    ]
    return sorted(set(asked)) or _stock_arns_of(body, region, account_id)


def _statements(body: bytes) -> list[tuple[str, str]]:
    """(verb, table) of each statement of a batch, which the service sends of one verb only."""
    asked = json.loads(body or b"{}")
    texts = [each["Statement"] for each in asked.get("Statements", [])] if isinstance(asked, dict) else []
    return [(found[1], found[2]) for found in map(_STATEMENT.match, texts) if found]


def _telling(write: Callable[..., Any]) -> Callable[..., Any]:
    """A statement's write, told of by the table's stream."""

    def told(table: dict[str, Any], parsed: dict[str, Any], *more: Any) -> Any:
        old = _item(table, parsed)
        answer = write(table, parsed, *more)
        if answer[0] == HTTPStatus.OK:
            name, new = parsed["table"], _item(table, parsed)
            dynamodb._emit_stream_event(name, "INSERT" if old is None else "MODIFY", old, new)
        return answer

    return told


def _item(table: dict[str, Any], parsed: dict[str, Any]) -> dict[str, Any] | None:
    """The item that a statement writes, as it is now; None where there is none."""
    given = parsed.get("item") or {name: value for name, _, value in parsed["conditions"]}
    pk, sk = (next(iter(given[table[name]].values()), None) for name in ("pk_name", "sk_name"))
    found: dict[str, Any] | None = table["items"].get(pk, {}).get(sk)
    return found


def _end_with_starter() -> None:
    os.read(_STDIN, 1)
    stop_group(os.getpid(), has_ended=lambda: False)


if __name__ == "__main__":
    sys.argv[1:] = []
    lambda_svc.acquire_worker = _acquire_worker
    iam_actions.extract_iam_action = _action_of
    iam_actions.dynamodb_resource_arns = _arns_of
    dynamodb._partiql_insert = _telling(dynamodb._partiql_insert)
    dynamodb._partiql_update = _telling(dynamodb._partiql_update)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    serve()
