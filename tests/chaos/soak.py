"""Soak: a steady load for a long time. Measures the memory of every worker."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from tests.chaos.history import History
from tests.chaos.listeners import Listener, Listeners
from tests.chaos.orders import OWNERS, draw_orders
from tests.chaos.poster import Api
from tests.chaos.report import Report
from tests.chaos.sink import Sink
from tests.chaos.stage import Stage, await_true
from tests.chaos.stored import due_rows, stored_tasks

TASKS_PER_SECOND: Final = 4.0
SAMPLE_SECONDS: Final = 5.0
#: A worker loads modules in its first calls. This part of its samples is left out.
_WARM_UP: Final = 1 / 3
#: The number of levels that show the course of a worker's memory.
_LEVELS: Final = 5
#: A worker with fewer samples after the warm-up is left out.
_LEAST: Final = 20
#: A larger growth is not flat: a worker of 1 GB would last less than four days.
LIMIT_MIB_PER_HOUR: Final = 10.0
REST_SECONDS: Final = 150.0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_MIB: Final = 2**20


class Sample(NamedTuple):
    """The resident memory of a process at a moment."""

    at: float  #: seconds
    mib: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """The memory of one function's workers."""

    function: str
    workers: int  #: with enough samples
    course: Sequence[float]  #: MiB from the warm-up to the end, of the worker that grew most
    slope: float  #: MiB an hour, of the same worker

    @property
    def flat(self) -> bool:
        """Is there no leak?"""
        return self.slope <= LIMIT_MIB_PER_HOUR


def slope(samples: Sequence[Sample]) -> float:
    """MiB an hour: the median slope of pairs half a series apart. One step does not change it."""
    half = len(samples) // 2
    pairs = zip(samples, samples[half:], strict=False)
    return 3600 * statistics.median((late.mib - early.mib) / (late.at - early.at) for early, late in pairs)


def lines_of(memory: Mapping[tuple[str, int], Sequence[Sample]]) -> list[Line]:
    """A line for each function: that of its worker that grew most. `memory` is by function and process."""
    series: defaultdict[str, list[Sequence[Sample]]] = defaultdict(list)
    for (function, _), samples in memory.items():
        warm = samples[int(len(samples) * _WARM_UP) :]
        if len(warm) >= _LEAST:
            series[function].append(warm)
    lines = []
    for function, found in sorted(series.items()):
        worst = max(found, key=slope)
        lines.append(Line(function=function, workers=len(found), course=_course(worst), slope=slope(worst)))
    return lines


def _course(samples: Sequence[Sample]) -> list[float]:
    """Medians of equal parts of a series."""
    part = len(samples) // _LEVELS
    return [
        statistics.median(sample.mib for sample in samples[number * part : (number + 1) * part])
        for number in range(_LEVELS)
    ]


class Soak:
    """One run."""

    def __init__(self, stage: Stage, sink: Sink, report: Report, *, seed: int, minutes: float) -> None:
        self._stage = stage
        self._report = report
        self._random = Random(seed)
        self._seconds = minutes * 60
        count = int(self._seconds * TASKS_PER_SECOND)
        self._orders = draw_orders(self._random, count, sink, f"soak-{seed}")
        tokens = {owner: stage.token(owner) for owner in OWNERS}
        self._apis = {owner: Api(stage.endpoints.http, token) for owner, token in tokens.items()}
        self._listeners = Listeners(
            [
                Listener(
                    f"{owner}{query}",
                    stage.endpoints.websocket + query,
                    token,
                    History(),
                    Random(self._random.random()),
                    owner,
                )
                for owner, token in tokens.items()
                for query in ("", "?batch=1")
            ]
        )
        self._memory: defaultdict[tuple[str, int], list[Sample]] = defaultdict(list)
        self._statuses: Counter[int] = Counter()
        self._over = threading.Event()

    def run(self) -> int:
        """Run it. Returns the number of problems: lines not flat, tasks left, functions not measured."""
        began = time.monotonic()
        sampling = threading.Thread(target=self._sample)
        with self._listeners:
            sampling.start()
            try:
                self._load(began)
            finally:
                self._over.set()
                sampling.join()
            self._listeners.stop_drops()
            rests = await_true(lambda: due_rows(self._stage) == 0, REST_SECONDS, 1)
        lines, due = lines_of(self._memory), due_rows(self._stage)
        self._show(lines, due)
        measured = {line.function for line in lines}
        unmeasured = {"api", "run_tasks", "run_long_tasks", "push_updates"} - measured
        return sum(not line.flat for line in lines) + due + (not rests) + len(unmeasured)

    def _load(self, began: float) -> None:
        """Post at an even pace, and read lists and stats."""
        for number, order in enumerate(self._orders):
            self._over.wait(began + number / TASKS_PER_SECOND - time.monotonic())
            if time.monotonic() - began > self._seconds:
                return
            api = self._apis[order.owner]
            headers = {"Idempotency-Key": order.key} if order.key else {}
            self._call(
                lambda api=api, order=order, headers=headers: api.call("POST", "/tasks", order.body, headers)
            )
            if number % 4 == 0:
                self._call(lambda api=api: api.call("GET", "/tasks?limit=25"))
            if number % 40 == 0:
                self._call(lambda api=api: api.call("GET", "/stats?minutes=60"))

    def _call(self, call: Callable[[], tuple[int, object, object]]) -> None:
        try:
            self._statuses[call()[0]] += 1
        except (OSError, HTTPException):
            self._statuses[0] += 1

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            now = time.monotonic()
            for function, pids in self._stage.workers().items():
                for pid in pids:
                    with suppress(OSError):
                        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                        self._memory[function, pid].append(Sample(now, pages * _PAGE / _MIB))

    def _show(self, lines: Sequence[Line], due: int) -> None:
        stored = stored_tasks(self._stage).values()
        self._report.show(
            f"Soak: {self._seconds / 60:.0f} minutes, {len(stored)} tasks, "
            f"{len(stored) / self._seconds:.1f} a second",
            {
                "responses": ", ".join(
                    f"{status} {count}" for status, count in sorted(self._statuses.items())
                ),
                "ended": ", ".join(
                    f"{status} {count}"
                    for status, count in sorted(Counter(task.status.value for task in stored).items())
                ),
                "rows left in the due index": due,
            },
        )
        self._report.show(
            "Memory of the worker of each function that grew most, after its warm-up",
            {
                line.function: f"{'  '.join(f'{mib:.1f}' for mib in line.course)} MiB  "
                f"{line.slope:+5.1f} MiB/h  {'flat' if line.flat else 'NOT FLAT'}  (of {line.workers})"
                for line in lines
            },
        )


def soak(stage: Stage, report: Report, *, seed: int, minutes: float) -> int:
    """Run it on a stage. Returns the number of problems."""
    with Sink() as sink:
        return Soak(stage, sink, report, seed=seed, minutes=minutes).run()
