"""A container whose requests are counted twice: by its clients and by a proxy. Both must agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from benchmarks.container import Container, silent
from benchmarks.exchanges import Tally, tally
from benchmarks.hooks import NotingClients
from benchmarks.proxy import CountingProxy
from benchmarks.sink import sink
from benchmarks.stage import BenchStage
from benchmarks.task_types import payload_of
from chalicelib.services.threads import Threads


class Clock:
    """Ticks whenever it is read, and so at the same pace on every machine."""

    _TICK = timedelta(milliseconds=1)
    _MINUTE = timedelta(minutes=1)

    def __init__(self) -> None:
        self._lock = Lock()
        self._now = datetime.now(UTC)
        self.start_minute()

    def __call__(self) -> datetime:
        with self._lock:
            self._now += self._TICK
            return self._now

    def start_minute(self) -> None:
        """Let time pass to the start of a minute, with a quiet one before it."""
        with self._lock:
            self._now = self._now.replace(second=0, microsecond=0) + 2 * self._MINUTE


@dataclass(frozen=True)
class Counted:
    """A container whose requests are counted, on a clock to move."""

    container: Container
    clock: Clock
    clients: NotingClients
    proxy: CountingProxy

    def take(self) -> Tally:
        """What was said since the last call. Raises: AssertionError when hooks and proxy do not agree."""
        inside, outside = tally(self.clients.take()), tally(self.proxy.take())
        assert inside == outside, f"counted differently:\n  inside  {inside}\n  outside {outside}"
        return inside

    def post(self, task_type: str, size: int, tasks: int = 1) -> list[dict[str, Any]]:
        """Create tasks one by one, busy as an owner who posts ten at once."""
        wanted = {"type": task_type, "payload": payload_of(size)}
        return [self.container.call("POST", "/tasks", wanted) for _ in range(tasks)]


@contextmanager
def counted(stage: BenchStage) -> Iterator[Counted]:
    """A container that has served before, so that nothing is asked for the first time."""
    clock = Clock()
    with sink() as sockets, CountingProxy(stage.endpoint, sockets) as proxy, silent():
        stage.serve_sockets_at(proxy.url)
        clients = NotingClients(proxy.url)
        services = stage.services(
            clients,
            clock=clock,
            draw=lambda: 0.0,
            poll_seconds=0,
            threads=Threads(gather_seconds=1),  # counts are of the design, and not of how busy the machine is
        )
        container = Container(stage, services)
        bench = Counted(container, clock, clients, proxy)
        bench.post("bench.broken", 200)
        container.run(1)
        container.push()
        container.watch_dead_letters()
        bench.take()
        yield bench
