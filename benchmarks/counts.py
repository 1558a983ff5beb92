"""Exact requests and write units of a task, from POST to its last update: `python -m benchmarks.counts`.

Everything is counted twice, by the clients and by a proxy, and both must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.counting import Counted, counted
from benchmarks.exchanges import Tally
from benchmarks.rows import Row, table
from benchmarks.stage import bench_stage
from benchmarks.task_types import payload_of

BUSY: Final = 10
SECOND: Final = 100
BULK: Final = 100
SIZES: Final = {"200 B": 200, "20 KB": 20 * 1024, "200 KB": 200 * 1024}


# --- Scenarios ----------------------------------------------------------------------------------------


def single(bench: Counted, size: int) -> int:
    """A hundred tasks, posted one by one, run ten by ten: a busy second."""
    bench.post("bench.noop", size, SECOND)
    bench.container.run(SECOND)
    return SECOND


def idle(bench: Counted, size: int) -> int:
    """One task alone, with each of its changes in a batch of its own."""
    bench.post("bench.noop", size)
    bench.container.run(1)
    return 1


def bulk(bench: Counted, size: int) -> int:
    """A hundred tasks in one request, or as many big ones as fit into a body of 256 KB."""
    tasks = max(1, min(BULK, 256 * 1024 // (size + 200)))
    new_task = {"type": "bench.noop", "payload": payload_of(size)}
    bench.container.call("POST", "/tasks/batch", {"tasks": [new_task] * tasks})
    bench.container.run(tasks)
    return tasks


def retried(bench: Counted, size: int) -> int:
    """Ten tasks that fail once, and succeed a second later."""
    bench.post("bench.flaky", size, BUSY)
    bench.container.settle(bench.container.receive())
    bench.container.await_messages(BUSY)  # they return one by one, and must run in one batch
    bench.container.run(BUSY)
    return BUSY


def canceled(bench: Counted, size: int) -> int:
    """Ten tasks that are canceled before they start; their messages are delivered nevertheless."""
    for task in bench.post("bench.noop", size, BUSY):
        bench.container.call("POST", "/tasks/{task_id}/cancel", {}, task_id=task["id"])
    bench.container.run(BUSY)
    return BUSY


def dead_lettered(bench: Counted, size: int) -> int:
    """Ten tasks that fail for good, up to their alert."""
    bench.post("bench.broken", size, BUSY)
    bench.container.run(BUSY)
    bench.container.watch_dead_letters()
    return BUSY


SCENARIOS: Final[dict[str, Callable[[Counted, int], int]]] = {
    "single": single,
    "single, idle": idle,
    "bulk of 100": bulk,
    "fails, then succeeds": retried,
    "canceled": canceled,
    "dead-lettered": dead_lettered,
}


@dataclass(frozen=True, slots=True)
class Count:
    """The cost of a scenario, for each of its tasks."""

    tasks: int
    served: Tally  #: from POST to its last outcome
    pushed: Tally  #: its updates, without watchers

    @property
    def requests(self) -> float:
        """Requests a task, from POST to its last outcome."""
        return self.served.requests.total() / self.tasks

    @property
    def push_requests(self) -> float:
        """Requests a task for its updates and charts."""
        return self.pushed.requests.total() / self.tasks

    @property
    def row_writes(self) -> float:
        """Write units a task for its row and its documents."""
        return self._writes("-tasks", "-documents")

    @property
    def other_writes(self) -> float:
        """Write units a task for limits and charts."""
        return self._writes("-rollups", "-connections")

    def _writes(self, *tables: str) -> float:
        written = [*self.served.writes.items(), *self.pushed.writes.items()]
        return sum(units for table, units in written if table.endswith(tables)) / self.tasks


def count(bench: Counted, scenario: str, size: str) -> Count:
    """Carry out a scenario and count it."""
    bench.container.skip_stream()
    bench.take()
    bench.clock.start_minute()
    tasks = SCENARIOS[scenario](bench, SIZES[size])
    served = bench.take()
    bench.container.push(batch=1 if scenario == "single, idle" else 100)
    return Count(tasks, served, bench.take())


def counts(cases: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Count]:
    """Each case, a scenario and a size, counted."""
    with bench_stage() as stage, counted(stage) as bench:
        return {case: count(bench, *case) for case in cases}


#: The limits that a test enforces: requests a task from POST to its last outcome, and write units of its row
#: and documents.
MOST: Final[dict[tuple[str, str], tuple[float, float]]] = {
    ("single", "200 B"): (2.48, 5),
    ("single", "20 KB"): (3.58, 26),
    ("single, idle", "200 B"): (8, 5),
    ("bulk of 100", "200 B"): (0.56, 5),
    ("fails, then succeeds", "200 B"): (3.9, 9),
    ("canceled", "200 B"): (5.5, 6),
    ("dead-lettered", "200 B"): (7, 9),
}
_TARGET_WRITES: Final = {"200 B": 5, "20 KB": 26}


def rows() -> list[Row]:
    """Every scenario with every size, and the cost of a batch of the stream without watchers."""
    table_rows = []
    for (scenario, size), each in counts((a, b) for a in SCENARIOS for b in SIZES).items():
        what, small = f"{scenario}, {size}", size == "200 B"
        # DynamoDB bills write units, not requests: requests have no target.
        table_rows.append(Row(what=f"requests a task: {what}", ours=each.requests))
        target = _TARGET_WRITES.get(size) if scenario == "single" else None
        table_rows.append(Row(what=f"write units a task: {what}", ours=each.row_writes, target=target))
        if small:
            table_rows.append(Row(what="  and for limits and charts", ours=each.other_writes))
            table_rows.append(Row(what="  and requests for its updates and charts", ours=each.push_requests))
    return table_rows + _unwatched()


def _unwatched() -> list[Row]:
    """A stream batch of 100 changes of one owner without watchers."""
    with bench_stage() as stage, counted(stage) as bench:
        new_task = {"type": "bench.noop", "payload": {}}
        bench.container.call("POST", "/tasks/batch", {"tasks": [new_task] * BULK})
        bench.take()
        bench.container.push()
        requests = bench.take().requests
    return [
        Row(what="frames for 100 changes nobody watches", ours=requests["PostToConnection"], target=0),
        Row(what="reads an owner for 100 changes nobody watches", ours=requests["Query"], target=1),
    ]


def main() -> None:
    """Print the rows."""
    print(table(rows()))


if __name__ == "__main__":
    main()
