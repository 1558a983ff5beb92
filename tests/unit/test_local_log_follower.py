"""Late logs do not end the local stage; the end of the server does."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from local import LocalStageError
from local.display import Display
from local.emulator import Emulator
from local.log_follower import LogFollower
from local.log_stream import LOG_GROUPS
from tests.support.emulators import free_port, process_id


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(free_port(), tmp_path, persist=False)
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def follower(emulator: Emulator, output: io.StringIO) -> LogFollower:
    return LogFollower(emulator, Display(Console(file=output, width=200)), read_timeout_seconds=0.2)


def write(emulator: Emulator, line: str) -> None:
    logs, group = emulator.client("logs"), f"{LOG_GROUPS}-sweep"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=line)
    event = {"timestamp": int(time.time() * 1000) + 1, "message": line}
    logs.put_log_events(logGroupName=group, logStreamName=line, logEvents=[event])


def test_a_busy_server_shows_its_lines_later(
    emulator: Emulator, follower: LogFollower, output: io.StringIO
) -> None:
    """Given a server that does not respond, then that is printed once, and no line is lost."""
    write(emulator, "swept")
    os.kill(process_id(emulator), signal.SIGSTOP)
    try:
        follower.show_new()
        follower.show_new()
    finally:
        os.kill(process_id(emulator), signal.SIGCONT)
    assert output.getvalue().count("its logs will appear later") == 1
    follower.show_new()
    assert "swept" in output.getvalue()


def test_the_end_of_the_server_is_told(emulator: Emulator, follower: LogFollower) -> None:
    os.kill(process_id(emulator), signal.SIGKILL)
    with pytest.raises(LocalStageError, match="killed by SIGKILL"):
        follower.show_new()
