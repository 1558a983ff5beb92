"""Growth of the work with the number of tasks: `python -m benchmarks.growth`.

Requests, rows examined and write units of every route and handler, with a hundred to a hundred thousand
tasks in the table. These are counts, since the emulator's own time does grow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice, repeat
from multiprocessing import get_context
from typing import Any, Final

from benchmarks.counting import Counted, counted
from benchmarks.exchanges import Tally
from benchmarks.loading import load
from benchmarks.rows import Row
from benchmarks.stage import OWNER, BenchStage, bench_stage

SIZES: Final = (100, 1_000, 10_000, 100_000)
LAYOUTS: Final = {"one owner": 1, "1,000 owners": 1_000}
#: A slope of 0.01 is 7 % more at a thousand times as many tasks.
FLAT: Final = 0.01
#: A page with a filter examines 400 rows at most: it grows until there are so many.
FULL: Final = 1_000

Probe = Callable[[Counted], Iterator[None]]  #: prepares, yields, and then does the measured work


def _create(bench: Counted) -> Iterator[None]:
    yield
    bench.post("bench.noop", 200)


def _create_many(bench: Counted) -> Iterator[None]:
    yield
    new_task = {"type": "bench.noop", "payload": {}}
    bench.container.call("POST", "/tasks/batch", {"tasks": [new_task] * 10})


def _run(bench: Counted) -> Iterator[None]:
    bench.post("bench.noop", 200)
    yield
    bench.container.run(1)


def _get(bench: Counted) -> Iterator[None]:
    (task,) = bench.post("bench.noop", 200)
    yield
    bench.container.call("GET", "/tasks/{task_id}", task_id=task["id"])


def _cancel(bench: Counted) -> Iterator[None]:
    (task,) = bench.post("bench.noop", 200)
    yield
    bench.container.call("POST", "/tasks/{task_id}/cancel", task_id=task["id"])


def _retry(bench: Counted) -> Iterator[None]:
    (task,) = bench.post("bench.noop", 200)
    bench.container.call("POST", "/tasks/{task_id}/cancel", task_id=task["id"])
    yield
    bench.container.call("POST", "/tasks/{task_id}/retry", task_id=task["id"])


def _delete(bench: Counted) -> Iterator[None]:
    (task,) = bench.post("bench.noop", 200)
    bench.container.call("POST", "/tasks/{task_id}/cancel", task_id=task["id"])
    yield
    bench.container.call("DELETE", "/tasks/{task_id}", task_id=task["id"])


def _list(**query: str) -> Probe:
    def probe(bench: Counted) -> Iterator[None]:
        yield
        bench.container.call("GET", "/tasks", query=query)

    return probe


def _second_page(bench: Counted) -> Iterator[None]:
    cursor = bench.container.call("GET", "/tasks")["next_cursor"]
    yield
    bench.container.call("GET", "/tasks", query={"cursor": cursor} if cursor else None)


def _stats(bench: Counted) -> Iterator[None]:
    yield
    bench.container.call("GET", "/stats")


def _sweep(bench: Counted) -> Iterator[None]:
    yield
    bench.container.sweep()


def _push(bench: Counted) -> Iterator[None]:
    bench.container.skip_stream()
    bench.post("bench.noop", 200, tasks=10)
    yield
    bench.container.push()


def _sending(message: dict[str, Any]) -> Probe:
    def probe(bench: Counted) -> Iterator[None]:
        (task,) = bench.post("bench.noop", 200)
        bench.container.connect("growth")
        yield
        filled = {name: task["id"] if value is ... else value for name, value in message.items()}
        bench.container.send("growth", filled)
        bench.container.disconnect("growth")

    return probe


PROBES: Final[dict[str, Probe]] = {
    "POST /tasks": _create,
    "POST /tasks/batch of 10": _create_many,
    "claim and finish": _run,
    "GET /tasks/{id}": _get,
    "POST /tasks/{id}/cancel": _cancel,
    "POST /tasks/{id}/retry": _retry,
    "DELETE /tasks/{id}": _delete,
    "GET /tasks": _list(),
    "GET /tasks, second page": _second_page,
    "GET /tasks?status=failed": _list(status="failed"),
    "GET /tasks?type=": _list(type="bench.noop"),
    "GET /tasks?tag=": _list(tag="bulk"),
    "GET /stats": _stats,
    "sweep, nothing due": _sweep,
    "push_updates, 10 changes": _push,
    "subscribe": _sending({"action": "subscribe", "task_id": ...}),
    "sync": _sending({"action": "sync", "tasks": {}, "since": ...}),
}


@dataclass(frozen=True, slots=True)
class Point:
    """The cost of a probe with `tasks` in the table."""

    tasks: int
    requests: int
    examined: int
    written: float


def growth(owners: int, sizes: Sequence[int] = SIZES) -> dict[str, list[Point]]:
    """Each probe at each size. One owner has all tasks; among several, the measured one has FULL of them.

    The first shows the effect of an owner's own tasks, the second the effect of other owners' tasks.
    """
    points: dict[str, list[Point]] = {name: [] for name in PROBES}
    with bench_stage() as stage, counted(stage) as bench:
        if owners > 1:
            load(stage, repeat(OWNER, FULL), seed=0)
        for size, more in zip(sizes, _differences(sizes), strict=True):
            _fill(stage, owners, more, seed=size)
            for name, probe in PROBES.items():
                cost = _measured(bench, probe)
                points[name].append(
                    Point(size, cost.requests.total(), cost.examined.total(), sum(cost.writes.values()))
                )
    return points


def _fill(stage: BenchStage, owners: int, tasks: int, seed: int) -> None:
    others = [f"owner-{number}" for number in range(1, owners)]
    names = cycle(others or [OWNER])
    load(stage, islice(names, tasks), seed)


def _measured(bench: Counted, probe: Probe) -> Tally:
    bench.clock.start_minute()
    steps = probe(bench)
    next(steps)
    bench.take()
    next(steps, None)
    cost = bench.take()
    bench.container.drain()
    return cost


def _differences(sizes: Sequence[int]) -> list[int]:
    return [size - before for before, size in zip((0, *sizes), sizes, strict=False)]


def slope(name: str, points: Sequence[Point]) -> float:
    """The steepest growth of requests, rows and write units: 0 is none, 1 is proportional to the tasks."""
    first = next(point for point in points if "?" not in name or point.tasks >= FULL)
    last = points[-1]
    longer = math.log(last.tasks / first.tasks)
    pairs = [
        (first.requests, last.requests),
        (first.examined, last.examined),
        (first.written, last.written),
    ]
    return max(math.log(max(after, 1) / max(before, 1)) / longer for before, after in pairs)


def _grown(points: Sequence[Point]) -> str:
    first, last = points[0], points[-1]
    return (
        f"from {first.tasks:,} to {last.tasks:,} tasks: requests {first.requests} to {last.requests}, "
        f"rows examined {first.examined} to {last.examined}, write units {first.written} to {last.written}"
    )


def _layouts() -> dict[str, dict[str, list[Point]]]:
    """Both layouts in parallel, since counts do not depend on speed."""
    with ProcessPoolExecutor(len(LAYOUTS), mp_context=get_context("spawn")) as processes:
        return dict(zip(LAYOUTS, processes.map(growth, LAYOUTS.values()), strict=True))


def rows() -> list[Row]:
    """The slope of each probe from 100 to 100,000 tasks."""
    table_rows = []
    for layout, probes in _layouts().items():
        for name, points in probes.items():
            grows = slope(name, points)
            table_rows.append(
                Row(what=f"growth, {layout}: {name}", ours=grows, target=FLAT, reason=_grown(points))
            )
    return table_rows


def main() -> None:
    """Print each probe's requests, rows examined and write units, and its slope."""
    for layout, probes in _layouts().items():
        sizes = ", ".join(f"{size:,}" for size in SIZES)
        print(f"{layout}: requests / rows examined / write units with {sizes} tasks")
        for name, points in probes.items():
            cells = [f"{each.requests} / {each.examined} / {each.written:g}".rjust(16) for each in points]
            print(f"  {name:26}{''.join(cells)}   slope {slope(name, points):+.3f}")


if __name__ == "__main__":
    main()
