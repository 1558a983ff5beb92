"""Our service in the race, as processes: `python -m benchmarks.peers.ours work|submit|submit-bulk`.

A worker receives messages, calls the handler of run_tasks and deletes those that did not fail, as an SQS
mapping does. Tasks are submitted by POST to the app's handler. A task is done when run_tasks has returned,
since its outcome is stored by then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from signal import SIGTERM, signal
from threading import Event
from typing import Final

from benchmarks.container import Container, silent
from benchmarks.peers.journal import record
from benchmarks.peers.submitting import serve
from benchmarks.stage import BenchStage
from chalicelib.domain.messages import TaskMessage
from local.emulator import Emulator

_NEW_TASK: Final = {"type": "bench.noop", "payload": {}}
#: The default rate of an owner, with a burst that no round reaches.
_SETTINGS: Final = {"post_burst": 1_000_000}
_BULK: Final = 100


def main(role: str) -> None:
    """Work or submit until the process is stopped."""
    port = os.environ["BENCH_ADDRESS"].rpartition(":")[2]
    stage = BenchStage(Emulator(int(port), Path(), persist=False))  # the race started it
    container = Container(stage, stage.services(settings=_SETTINGS))
    with silent():
        match role:
            case "work":
                _work(container)
            case "submit":
                serve(lambda count: [_post(container) for _ in range(count)])
            case "submit-bulk":
                serve(lambda count: _post_many(container, count), at_once=_BULK)


def _work(container: Container) -> None:
    stopped = Event()
    # An unfinished receive would take messages of the next contender.
    signal(SIGTERM, lambda *_: stopped.set())
    while not stopped.is_set():
        messages = container.receive(wait_seconds=1)
        if messages:
            done = container.settle(messages)
            assert done == len(messages)
            for message in messages:
                record("done", TaskMessage.parse(message["Body"]).task_id)


def _post(container: Container) -> str:
    return str(container.call("POST", "/tasks", _NEW_TASK)["id"])


def _post_many(container: Container, count: int) -> Iterable[str]:
    response = container.call("POST", "/tasks/batch", {"tasks": [_NEW_TASK] * count})
    for each in response["results"]:
        yield str(each["task"]["id"])


if __name__ == "__main__":
    main(sys.argv[1])
