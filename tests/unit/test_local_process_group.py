"""The emulator's process group ends politely as long as its leader gets on with it, and all of it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from local.process_group import stop_group

#: Asks for what is left to be saved before it ends, as the emulator does; a copy of it is a function.
LEADER = """
import signal, subprocess, sys, threading
signalled = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: signalled.set())
function = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
print(function.pid, flush=True)
while not signalled.wait(0.02):
    pass
threading.Event().wait({saving})
print("saved", flush=True)
"""

Start = Callable[[float], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(saving_seconds: float) -> subprocess.Popen[str]:
        code = LEADER.format(saving=saving_seconds)
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("saving_seconds", "timeout_seconds", "output", "code"),
    [(0.8, 30, "saved\n", 0), (60, 0.3, "", -9)],
    ids=["slow", "for ever"],
)
def test_it_may_save_what_it_holds_but_not_for_ever(
    start: Start, saving_seconds: float, timeout_seconds: float, output: str, code: int
) -> None:
    leader = start(saving_seconds)
    assert leader.stdout is not None
    assert leader.stdout.readline().strip().isdigit()  # its function runs
    stop_group(leader.pid, lambda: leader.poll() is not None, timeout_seconds)
    rest, _ = leader.communicate(timeout=30)  # ends when no process of the group holds the pipe
    assert (rest, leader.returncode) == (output, code)
