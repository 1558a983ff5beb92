"""The embedded AWS starts and stops, and its failures are reported."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError

from local import LocalStageError
from local.emulator import HOST, Emulator
from tests.support.emulators import free_port, process_id


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(free_port(), tmp_path, persist=True)
    yield emulator
    emulator.stop()


def test_a_port_in_use_is_reported_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LocalStageError, match=rf"Port {port} is in use(.|\n)*PORT={port + 1} make up"):
            Emulator(port, tmp_path, persist=False).start()


def test_what_it_holds_outlives_a_clean_stop(emulator: Emulator) -> None:
    emulator.start()
    emulator.client("sqs").create_queue(QueueName="kept")
    emulator.stop()
    assert not emulator.is_running
    emulator.start()
    assert emulator.client("sqs").get_queue_url(QueueName="kept")["QueueUrl"].endswith("/kept")


def test_a_crash_is_reported_with_its_signal_and_the_log(emulator: Emulator) -> None:
    emulator.start()
    emulator.check()
    os.kill(process_id(emulator), signal.SIGKILL)
    with pytest.raises(LocalStageError, match=r"killed by SIGKILL(.|\n)*ministack\.log"):
        emulator.check(timeout_seconds=10)


def test_its_functions_do_not_inherit_our_environment(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.example")
    emulator.start()
    environment = Path(f"/proc/{process_id(emulator)}/environ")
    if not environment.exists():
        pytest.skip("only Linux shows a process's environment")
    assert b"AWS_PROFILE" not in environment.read_bytes()
    assert b"AWS_ENDPOINT_URL" not in environment.read_bytes()


def test_it_listens_to_this_machine_only_and_stays_stopped(emulator: Emulator) -> None:
    emulator.start()
    emulator.stop()
    emulator.stop()
    with pytest.raises(BotoCoreError):
        emulator.client("sqs").list_queues()
