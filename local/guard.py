"""MiniStack, fit for one machine: few workers, and ended with the process that started it.

It starts a worker for every call that finds none free, as AWS does; two hundred at once, each importing
everything, would starve the machine. Here a call waits for one of WORKERS. None of our functions calls
itself, so none can wait for its own caller.

It wants a right of its own for a batch of messages. AWS knows none such: who may send one may send ten.

The starter holds the other end of standard input and never writes, so the end of the starter is the end of
the input. A closed terminal or a `kill -9` then leaves no server behind, and its state is saved all the same.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, Final

from ministack.app import main as serve
from ministack.core import iam_actions, lambda_runtime
from ministack.services import lambda_svc

from local.process_group import stop_group

_STDIN: Final = 0
#: Of each function.
WORKERS: Final = 4
_LOOK_SECONDS: Final = 0.005

_stock_action_of: Final = iam_actions.extract_iam_action


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
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def _end_with_starter() -> None:
    os.read(_STDIN, 1)
    stop_group(os.getpid(), has_ended=lambda: False)


if __name__ == "__main__":
    sys.argv[1:] = []
    lambda_svc.acquire_worker = _acquire_worker
    iam_actions.extract_iam_action = _action_of
    threading.Thread(target=_end_with_starter, daemon=True).start()
    serve()
