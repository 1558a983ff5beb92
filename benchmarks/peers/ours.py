"""Our service in the race, as processes: `python -m benchmarks.peers.ours work|submit|submit-bulk`.

A worker receives, calls the handler of run_tasks and deletes what did not fail, as an SQS mapping does. Tasks
are submitted by POST to the app's own handler. One is done when run_tasks returned: its outcome is stored.
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
from benchmarks.peers.journal import note
from benchmarks.peers.submitting import serve
from benchmarks.stage import BenchStage
from chalicelib.domain.messages import TaskMessage
from local.emulator import Emulator

_WANTED: Final = {"type": "bench.noop", "payload": {}}
#: The owner's rate is as by default, with a burst that no round reaches.
_SETTINGS: Final = {"post_burst": 1_000_000}
_BULK: Final = 100


def main(role: str) -> None:
    """Play a role until told to stop."""
    port = os.environ["BENCH_PLACE"].rpartition(":")[2]
    stage = BenchStage(Emulator(int(port), Path(), persist=False))  # of the race, which started it
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
    ended = Event()
    # A receive that nobody waits for any more would take the messages of whoever comes next.
    signal(SIGTERM, lambda *_: ended.set())
    while not ended.is_set():
        messages = container.receive(wait_seconds=1)
        if messages:
            done = container.settle(messages)
            assert done == len(messages)
            for message in messages:
                note("done", TaskMessage.parse(message["Body"]).task_id)


def _post(container: Container) -> str:
    return str(container.call("POST", "/tasks", _WANTED)["id"])


def _post_many(container: Container, count: int) -> Iterable[str]:
    answer = container.call("POST", "/tasks/batch", {"tasks": [_WANTED] * count})
    for each in answer["results"]:
        yield str(each["task"]["id"])


if __name__ == "__main__":
    main(sys.argv[1])
