"""Our service against other task queues, on one emulated AWS: `python -m benchmarks.peers.race`.

Each contender runs a task that does nothing, with the same number of processes. A polling loop drives ours,
as it does theirs, so the services are compared and not the emulator's deliveries. In each round a contender
starts, warms up and gets a burst of tasks; the table has the medians of the rounds. A proxy counts the
requests of a task in a round of its own. Single tasks are not timed: the emulator shows a message to a
waiting receiver up to 100 ms late.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from benchmarks.exchanges import tally
from benchmarks.peers.contenders import AGAIN, OURS, OURS_IN_BULK, PEERS, TRACKED, Contender
from benchmarks.peers.running import Burst, Running, percentile, running
from benchmarks.proxy import CountingProxy
from benchmarks.rows import Row, table
from benchmarks.stage import BenchStage, bench_stage

ROUNDS: Final = 3
#: On a busy machine, no further round begins after this.
_BUDGET_SECONDS: Final = 150
_WARM_UP: Final = 20
_COUNTED: Final = 200
_CONTENDERS: Final = (OURS, OURS_IN_BULK, *PEERS, AGAIN)


@dataclass(slots=True)
class Score:
    """The results of a contender, round by round."""

    bursts: list[Burst] = field(default_factory=list)
    requests: float = 0  #: a task

    @property
    def rate(self) -> float:
        """Tasks a second in a burst."""
        return median(burst.rate for burst in self.bursts)

    def milliseconds(self, percent: int) -> float:
        """The percentile of the time from submit to done in a burst."""
        return 1000 * median(percentile(burst.latencies, percent) for burst in self.bursts)


Scores = dict[str, Score]


def measure(rounds: int = ROUNDS, tasks: int | None = None) -> Scores:
    """All rounds, with `tasks` in a burst; the default is each contender's own number."""
    scores = {contender.name: Score() for contender in _CONTENDERS}
    for contender in _CONTENDERS:
        contender.prepare()
    with bench_stage() as stage:
        _create_results_table(stage)
        ends_at = time.monotonic() + _BUDGET_SECONDS
        for number in range(rounds):
            if number and time.monotonic() > ends_at:
                print(f"  {number} of {rounds} rounds: the machine is busy", file=sys.stderr)
                break
            for contender in _CONTENDERS if number % 2 == 0 else _CONTENDERS[::-1]:
                _run(stage, contender, scores[contender.name], f"round-{number}", tasks or contender.tasks)
        for contender in (OURS, OURS_IN_BULK, *PEERS):
            scores[contender.name].requests = _count(stage, contender)
    return scores


def _run(stage: BenchStage, contender: Contender, score: Score, title: str, tasks: int) -> None:
    with running(contender, _address(stage.endpoint), _queue(stage, contender, title)) as runner:
        _warm_up(runner)
        score.bursts.append(runner.burst(tasks))
    print(f"  {title}: {contender.name}: {score.bursts[-1].rate:.0f} tasks/s", file=sys.stderr)


def _count(stage: BenchStage, contender: Contender) -> float:
    """Requests a task in a burst."""
    queue, tasks = _queue(stage, contender, "counted"), min(_COUNTED, contender.tasks)
    with CountingProxy(stage.endpoint, stage.endpoint) as proxy:
        with running(contender, _address(proxy.url), queue) as runner:
            _warm_up(runner)
            proxy.take()
            runner.burst(tasks)
        # Requests after the end of a task, such as a delete, are made by the end of the contender.
        return tally(proxy.take()).requests.total() / tasks


def _warm_up(runner: Running) -> None:
    for _ in range(2):  # a process that starts late warms up in the second
        runner.burst(_WARM_UP)


def _queue(stage: BenchStage, contender: Contender, title: str) -> str:
    """A queue for this run alone. Ours uses the stage's queues."""
    name = f"{title}-{contender.peer}-{contender.setting}{'-again' * (contender is AGAIN)}"
    stage.emulator.client("sqs").create_queue(QueueName=name)
    return name


def _create_results_table(stage: BenchStage) -> None:
    """Create Celery's table, which it would otherwise create itself during a round."""
    stage.emulator.client("dynamodb").create_table(
        TableName="celery",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _address(url: str) -> str:
    return urlsplit(url).netloc


# --- The table ------------------------------------------------------------------------------------------


_TARGETS: Final = {OURS.name: 2.5, OURS_IN_BULK.name: 6}
_REASONS: Final = {
    OURS.name: (
        "the emulator is busy: it works 0.7 ms on each request of a POST, and reads each statement of a "
        "batch twice; reading it once gives 1.2 times as much"
    ),
    OURS_IN_BULK.name: (
        "the emulator is busy, with 2.3 ms a task for 0.56 requests: for 0.9 ms it reads each of a task's "
        "three statements, twice; reading them once gives 1.4 times as much"
    ),
}


def rows(rounds: int = ROUNDS, tasks: int | None = None) -> list[Row]:
    """Tasks a second, milliseconds and requests, in multiples of each peer's."""
    scores = measure(rounds, tasks)
    table_rows: list[Row] = []
    for us in (OURS, OURS_IN_BULK):
        for peer in PEERS:
            table_rows += _rows(us, peer, scores[us.name], scores[peer.name])
    again, once = scores[AGAIN.name], scores[TRACKED.name]
    return [
        *table_rows,
        Row(what=f"tasks/s, {TRACKED.name} / itself: noise", ours=again.rate, peer=once.rate),
    ]


def _rows(us: Contender, peer: Contender, ours: Score, theirs: Score) -> Iterator[Row]:
    names = f"{us.name} / {peer.name}"
    yield Row(
        what=f"tasks/s, {names}",
        ours=ours.rate,
        peer=theirs.rate,
        than="times",
        target=_TARGETS[us.name] if peer is TRACKED else None,
        at_least=True,
        reason=_REASONS[us.name],
    )
    for percent in (50, 95):
        yield Row(
            what=f"  ms from submit to done, p{percent}",
            ours=ours.milliseconds(percent),
            peer=theirs.milliseconds(percent),
        )
    yield Row(what="  requests a task", ours=ours.requests, peer=theirs.requests)


def main(rounds: int = ROUNDS, tasks: int | None = None) -> None:
    """Print the rows."""
    print(table(rows(rounds, tasks)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
