"""A deterministic scheduler: one thread runs at a time, time is a number, and a seed decides the order.

A fiber is a real thread that runs only while the scheduler waits for it. It gives the turn back when it
sleeps or waits; the scheduler then moves the time to the next event. So the code under test is plain
blocking code, and two runs of one seed are equal.
"""

from __future__ import annotations

import heapq
import math
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import count
from threading import Lock, Thread
from typing import Any

from chalicelib.services.threads import GATHER_SECONDS, Job, Threads

#: Seconds of real time. A fiber that keeps its turn for longer waits for a lock that never becomes free.
_STUCK = 180
#: Jobs that end within these milliseconds of each other are yielded together.
_GATHER = math.ceil(GATHER_SECONDS * 1000)


class Killed(BaseException):
    """The process was killed at this call. No code catches it."""


class Process:
    """The fibers of one invocation. They are killed together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.frozen_until = 0
        self.fibers: list[Fiber] = []

    def enter(self) -> None:
        """Called before one of its fibers runs."""

    def leave(self) -> None:
        """Called after one of its fibers ran."""


class Fiber:
    """One thread of a process."""

    def __init__(self, scheduler: Scheduler, process: Process, function: Callable[[], Any]) -> None:
        self.process = process
        self.value: Any = None
        self.error: BaseException | None = None
        self.done = False
        self.on_end: list[Callable[[Fiber], None]] = []
        self.waits = 0  #: numbers the waits: a wake-up ends one wait only
        self._scheduler = scheduler
        self._function = function
        self._turn = Lock()
        self._turn.acquire()
        self._thread = Thread(target=self._main, daemon=True)
        self._thread.start()
        process.fibers.append(self)

    def give_turn(self) -> None:
        """Run the fiber until it waits or ends. The scheduler calls this."""
        self._turn.release()
        if not self._scheduler.turn.acquire(timeout=_STUCK):
            self.done = True  # it cannot be woken any more
            assert self._thread.ident is not None
            stack = "".join(traceback.format_stack(sys._current_frames()[self._thread.ident]))
            raise AssertionError(f"a fiber waits for a lock that another one holds during a call:\n{stack}")
        if self.done:
            self._thread.join()

    def wait(self) -> None:
        """Give the turn back, and wait for the next one. The fiber calls this."""
        if self.process.dead:
            raise Killed
        self.waits += 1
        self._scheduler.turn.release()
        self._turn.acquire()
        if self.process.dead:
            raise Killed

    def _main(self) -> None:
        self._turn.acquire()
        try:
            if not self.process.dead:
                self.value = self._function()
            if self.process.dead:
                raise Killed
        except BaseException as error:  # the fiber that waits for this one raises it
            self.error = error
        self.done = True
        self._scheduler.turn.release()


class Scheduler:
    """Runs events in order. Times are milliseconds since the start."""

    def __init__(self) -> None:
        self.now = 0
        self.current: Fiber | None = None
        self.turn = Lock()
        self.turn.acquire()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._processes: list[Process] = []

    # --- Called from outside and from callbacks ---------------------------------------------------

    def at(self, moment: int, act: Callable[[], None]) -> None:
        """Call `act` at `moment`, or now if that has passed."""
        heapq.heappush(self._events, (max(moment, self.now), next(self._numbers), act))

    def after(self, milliseconds: int, act: Callable[[], None]) -> None:
        """Call `act` after so many milliseconds."""
        self.at(self.now + milliseconds, act)

    def start(
        self, process: Process, function: Callable[[], Any], on_end: Callable[[Fiber], None] | None = None
    ) -> Fiber:
        """Start a fiber that calls `function`. `on_end` gets the fiber when it ends."""
        if not process.fibers:
            self._processes.append(process)
        fiber = Fiber(self, process, function)
        if on_end is not None:
            fiber.on_end.append(on_end)
        self.at(self.now, lambda: self._step(fiber))
        return fiber

    def kill(self, process: Process) -> None:
        """Kill a process with all its fibers."""
        process.dead = True
        for fiber in process.fibers:
            if not fiber.done and fiber is not self.current:
                self.at(self.now, lambda fiber=fiber: self._step(fiber))
        if self.current is not None and self.current.process is process:
            raise Killed

    def run(self, done: Callable[[], bool], limit: int) -> bool:
        """Run until `done`. Returns False if no event is left, or the time passes `limit`, before that."""
        while not done():
            if not self._events or self._events[0][0] > limit:
                return False
            self.now, _, act = heapq.heappop(self._events)
            act()
        return True

    def close(self) -> None:
        """Kill every process."""
        for process in self._processes:
            process.dead = True
            for fiber in process.fibers:
                while not fiber.done:
                    self._step(fiber)

    # --- Called by fibers -------------------------------------------------------------------------

    def sleep(self, milliseconds: int) -> None:
        """Let the current fiber wait."""
        fiber = self._here()
        self._wake_at(self.now + milliseconds, fiber)
        fiber.wait()

    def wait_for(
        self,
        fibers: list[Fiber],
        until: int | None = None,
        enough: Callable[[Iterable[bool]], bool] = all,
    ) -> bool:
        """Let the current fiber wait until all, or any, `fibers` end. False if `until` comes first."""
        here = self._here()
        while not enough(fiber.done for fiber in fibers):
            if until is not None and self.now >= until:
                return False
            number = here.waits + 1
            for fiber in fibers:
                if not fiber.done:
                    fiber.on_end.append(lambda _, number=number: self._wake(here, number))
            if until is not None:
                self._wake_at(until, here)
            here.wait()
        return True

    def wait_for_call(self, begin: Callable[[Callable[[], None]], None]) -> None:
        """Let the current fiber wait until the callback passed to `begin` is called."""
        here = self._here()
        number = here.waits + 1
        begin(lambda: self.at(self.now, lambda: self._wake(here, number)))
        here.wait()

    def _here(self) -> Fiber:
        assert self.current is not None, "only a fiber can wait"
        return self.current

    def _wake_at(self, moment: int, fiber: Fiber) -> None:
        number = fiber.waits + 1
        self.at(moment, lambda: self._wake(fiber, number))

    def _wake(self, fiber: Fiber, number: int) -> None:
        if fiber.done or fiber.waits != number:
            return
        if fiber.process.frozen_until > self.now:
            self.at(fiber.process.frozen_until, lambda: self._wake(fiber, number))
            return
        self._step(fiber)

    def _step(self, fiber: Fiber) -> None:
        if fiber.done:
            return
        outer, self.current = self.current, fiber
        fiber.process.enter()
        fiber.give_turn()
        fiber.process.leave()
        self.current = outer
        if fiber.done:
            for act in fiber.on_end:
                act(fiber)


class Turns(Executor):
    """An executor whose jobs are fibers of the calling process."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def map(self, function: Callable[..., Any], *jobs: Any, **_: Any) -> Iterator[Any]:
        """Run all jobs in parallel. Returns their results in order."""
        arguments = list(zip(*jobs, strict=True))
        here = self._scheduler.current
        if here is None or len(arguments) <= 1:
            return iter([function(*each) for each in arguments])
        fibers = [
            self._scheduler.start(here.process, lambda each=each: function(*each)) for each in arguments
        ]
        self._scheduler.wait_for(fibers)
        return map(_result, fibers)


def _result(fiber: Fiber) -> Any:
    if fiber.error is not None:
        raise fiber.error
    return fiber.value


class SimulatedThreads(Threads):
    """The `Threads` of the service, as fibers."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def pool(self, size: int, name: str) -> Executor:
        return Turns(self._scheduler)

    def run(
        self, jobs: Sequence[Job], *, grace_seconds: float, end: Callable[[], None]
    ) -> Iterator[list[int]]:
        here = self._scheduler.current
        assert here is not None
        fibers = [self._scheduler.start(here.process, job.work) for job in jobs]
        waiting = set(range(len(jobs)))
        while waiting:
            until = self._scheduler.now + min(_milliseconds(jobs[index].remaining()) for index in waiting)
            self._scheduler.wait_for([fibers[index] for index in waiting], until, enough=any)
            if not all(fibers[index].done for index in waiting):
                self._scheduler.sleep(_GATHER)
            ended = {index for index in waiting if fibers[index].done or jobs[index].remaining() <= 0}
            waiting -= ended
            if ended:
                yield sorted(ended)


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
