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
from benchmarks.hooks import RecordingClients
from benchmarks.proxy import CountingProxy
from benchmarks.sink import sink
from benchmarks.stage import BenchStage
from benchmarks.task_types import payload_of
from chalicelib.services.runtime import Runtime
from chalicelib.services.threads import Threads


class Clock:
    """Ticks with each reading, so that it runs at the same pace on every machine."""

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
        """Move to the start of a minute, with an idle minute before it."""
        with self._lock:
            self._now = self._now.replace(second=0, microsecond=0) + 2 * self._MINUTE


@dataclass(frozen=True)
class Counted:
    """A container whose requests are counted, with a clock that can be moved."""

    container: Container
    clock: Clock
    clients: RecordingClients
    proxy: CountingProxy

    def take(self) -> Tally:
        """The requests since the last call. Raises: AssertionError when clients and proxy do not agree."""
        inside, outside = tally(self.clients.take()), tally(self.proxy.take())
        assert inside == outside, f"counted differently:\n  inside  {inside}\n  outside {outside}"
        return inside

    def post(self, task_type: str, size: int, tasks: int = 1) -> list[dict[str, Any]]:
        """Create tasks one by one."""
        new_task = {"type": task_type, "payload": payload_of(size)}
        return [self.container.call("POST", "/tasks", new_task) for _ in range(tasks)]


@contextmanager
def counted(stage: BenchStage) -> Iterator[Counted]:
    """A warm container: it has made all requests that a container makes only once."""
    clock = Clock()
    with sink() as sockets, CountingProxy(stage.endpoint, sockets) as proxy, silent():
        stage.serve_sockets_at(proxy.url)
        clients = RecordingClients(proxy.url)
        services = stage.services(
            clients,
            # The long gathering makes the counts independent of the machine's load.
            runtime=Runtime(clock=clock, random=lambda: 0.0, threads=Threads(gather_seconds=1)),
            poll_seconds=0,
        )
        container = Container(stage, services)
        bench = Counted(container, clock, clients, proxy)
        bench.post("bench.broken", 200)
        container.run(1)
        container.push()
        container.watch_dead_letters()
        bench.take()
        yield bench
