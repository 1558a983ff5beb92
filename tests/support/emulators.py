"""Help for tests and benchmarks that start an emulator of their own."""

from __future__ import annotations

import socket

from local.emulator import HOST, Emulator


def free_port() -> int:
    """Return a port on which nothing listened a moment ago."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def process_id(emulator: Emulator) -> int:
    """Return the id of a running emulator's server process."""
    assert emulator._process is not None
    return emulator._process.pid
