"""Simulated Lambda: containers that serve one invocation at a time, each with its own clock."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import app
from chalicelib import bootstrap
from chalicelib.bootstrap.services import Services
from chalicelib.domain.task_types import TaskTypes
from chalicelib.services.runtime import Runtime
from chalicelib.settings import Settings
from tests.simulation.calls import clients
from tests.simulation.queues import BEGINNING, SECOND
from tests.simulation.scheduler import Fiber, Process, Scheduler, SimulatedThreads

_CONFIG = json.loads((Path(__file__).parents[2] / ".chalice" / "config.json").read_text())


def timeout_of(function: str) -> int:
    """The timeout of a function in .chalice/config.json, in milliseconds."""
    own: dict[str, int] = _CONFIG["lambda_functions"].get(function, {})
    return int(own.get("lambda_timeout", _CONFIG["lambda_timeout"])) * SECOND


def moment(now: int) -> datetime:
    """The UTC time of a moment of the simulation, which is in milliseconds."""
    return datetime.fromtimestamp((BEGINNING + now) / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Ended:
    """How an invocation ended."""

    value: Any = None
    error: BaseException | None = None
    killed: bool = False

    @property
    def good(self) -> bool:
        """Did it return?"""
        return self.error is None and not self.killed


class Context:
    """The parts of Lambda's context that handlers use."""

    def __init__(self, scheduler: Scheduler, process: str, ends_at: int) -> None:
        self.function_name = process.partition("/")[0]
        self.aws_request_id = process
        self._scheduler = scheduler
        self._ends_at = ends_at

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._ends_at - self._scheduler.now)


class Container:
    """A container of one function: its services and its clock error."""

    def __init__(
        self,
        settings: Settings,
        scheduler: Scheduler,
        task_types: TaskTypes,
        random: Random,
    ) -> None:
        self.skew = 0
        self._scheduler = scheduler
        self.services = Services(
            settings,
            runtime=Runtime(
                clock=self.now,
                sleep=lambda seconds: scheduler.sleep(round(seconds * 1000)),
                random=random.random,
                random_bits=random.getrandbits,
                threads=SimulatedThreads(scheduler),  # type: ignore[arg-type]
                exit_process=self._end,
            ),
            poll_seconds=0,
            task_types=task_types,
            clients=clients(),
        )

    def now(self) -> datetime:
        """The time on this container's clock."""
        return moment(self._scheduler.now) + timedelta(milliseconds=self.skew)

    def _end(self) -> None:
        assert self._scheduler.current is not None
        self._scheduler.kill(self._scheduler.current.process)


class Invocation(Process):
    """One invocation. While one of its fibers runs, the app uses its services and its request."""

    def __init__(self, name: str, container: Container) -> None:
        super().__init__(name)
        self.container = container
        self._request: Any = None

    def enter(self) -> None:
        bootstrap.install(self.container.services)
        app.app.current_request = self._request

    def leave(self) -> None:
        self._request = app.app.current_request


class Functions:
    """All functions of the stage."""

    def __init__(
        self,
        scheduler: Scheduler,
        settings: Settings,
        task_types: TaskTypes,
        random: Random,
        skew: Callable[[], int],
    ) -> None:
        self.running = 0
        self.overlapped: defaultdict[str, bool] = defaultdict(bool)
        self._busy: defaultdict[str, int] = defaultdict(int)
        self.ended: list[tuple[str, Ended]] = []
        self._scheduler = scheduler
        self._settings = settings
        self._task_types = task_types
        self._random = random
        self._skew = skew
        self._warm: defaultdict[str, list[Container]] = defaultdict(list)
        self._counts: defaultdict[str, int] = defaultdict(int)

    def invoke(
        self, function: str, handler: Callable[[Context], Any], on_end: Callable[[Ended], None]
    ) -> None:
        """Run `handler` as an invocation of `function`; `on_end` gets the result."""
        self._counts[function] += 1
        container = self._warm[function].pop() if self._warm[function] else self._cold()
        process = Invocation(f"{function}/{self._counts[function]}", container)
        context = Context(self._scheduler, process.name, self._scheduler.now + timeout_of(function))
        self.running += 1
        self._busy[function] += 1
        self.overlapped[function] |= self._busy[function] > 1

        def ended(fiber: Fiber) -> None:
            self.running -= 1
            self._busy[function] -= 1
            outcome = Ended(fiber.value, None if process.dead else fiber.error, process.dead)
            if not process.dead:
                self._warm[function].append(container)
            self.ended.append((process.name, outcome))
            on_end(outcome)

        main = self._scheduler.start(process, lambda: handler(context), ended)

        def time_out() -> None:
            if not main.done:
                self._scheduler.kill(process)

        self._scheduler.after(timeout_of(function), time_out)

    def crashed(self, prefix: str) -> int:
        """How many invocations of functions with this prefix did not return."""
        return sum(not ended.good for name, ended in self.ended if name.startswith(prefix))

    def _cold(self) -> Container:
        container = Container(self._settings, self._scheduler, self._task_types, self._random)
        container.skew = self._skew()
        return container
