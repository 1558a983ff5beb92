"""Our service against other task queues, on one emulated AWS: `python -m benchmarks.peers.race`.

Each runs a task that does nothing, in as many processes. Ours is driven by a loop that polls, as theirs are: what
is compared are the services, not how an emulator delivers. One round after the other each contender starts,
warms up, and gets a burst of tasks and then some one by one; the table has the medians of the rounds. How many
requests a task takes is counted in a round of its own, by a proxy.
"""

from __future__ import annotations

import sys
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
#: Tasks that come one by one, so slowly that each is done before the next comes.
_ALONE: Final = 10
_PAUSE_SECONDS: Final = 0.1
_WARM_UP: Final = 20
_COUNTED: Final = 100
_CONTENDERS: Final = (OURS, OURS_IN_BULK, *PEERS, AGAIN)


@dataclass(slots=True)
class Score:
    """What a contender reached, round by round."""

    bursts: list[Burst] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)  #: seconds from submit to done
    requests: float = 0  #: a task

    @property
    def rate(self) -> float:
        """Tasks a second in a burst."""
        return median(burst.rate for burst in self.bursts)

    def burst_ms(self, percent: int) -> float:
        """Milliseconds from submit to done in a burst."""
        return 1000 * median(percentile(burst.latencies, percent) for burst in self.bursts)

    def alone_ms(self, percent: int) -> float:
        """Milliseconds from submit to done of a task that comes alone."""
        return 1000 * percentile(self.alone, percent)


Scores = dict[str, Score]


def measure(rounds: int = ROUNDS, tasks: int | None = None) -> Scores:
    """All rounds; `tasks` in a burst (as many as each contender says)."""
    scores = {contender.name: Score() for contender in _CONTENDERS}
    for contender in _CONTENDERS:
        contender.prepare()
    with bench_stage() as stage:
        for number in range(rounds):
            for contender in _CONTENDERS if number % 2 == 0 else _CONTENDERS[::-1]:
                _run(stage, contender, scores[contender.name], f"round-{number}", tasks or contender.tasks)
        for contender in (OURS, OURS_IN_BULK, *PEERS):
            scores[contender.name].requests = _count(stage, contender)
    return scores


def _run(stage: BenchStage, contender: Contender, score: Score, title: str, tasks: int) -> None:
    with running(contender, _place(stage.endpoint), _queue(stage, contender, title)) as runner:
        _warm_up(runner)
        score.bursts.append(runner.burst(tasks))
        if contender is not OURS_IN_BULK:
            score.alone += runner.burst(_ALONE, _PAUSE_SECONDS).latencies
    print(f"  {title}: {contender.name}: {score.bursts[-1].rate:.0f} tasks/s", file=sys.stderr)


def _count(stage: BenchStage, contender: Contender) -> float:
    """Requests a task in a burst."""
    queue = _queue(stage, contender, "counted")
    with CountingProxy(stage.endpoint, stage.endpoint) as proxy:
        with running(contender, _place(proxy.url), queue) as runner:
            _warm_up(runner)
            proxy.take()
            runner.burst(_COUNTED)
        # What a contender does of a task after its end, such as a delete, is done when it has ended.
        return tally(proxy.take()).requests.total() / _COUNTED


def _warm_up(runner: Running) -> None:
    for _ in range(2):  # a process that was late for the first has its turn in the second
        runner.burst(_WARM_UP)


def _queue(stage: BenchStage, contender: Contender, title: str) -> str:
    """A queue for this run alone. Ours has the stage's own."""
    name = f"{title}-{contender.peer}-{contender.setting}{'-again' * (contender is AGAIN)}"
    stage.emulator.client("sqs").create_queue(QueueName=name)
    return name


def _place(url: str) -> str:
    return urlsplit(url).netloc


# --- The table ------------------------------------------------------------------------------------------


_REASONS: Final = {
    OURS.name: "a request for each claim and each finish; ten of them in one make it 2.5",
    OURS_IN_BULK.name: "a request for each put, claim and finish; 25 puts, ten of the others in one make it 6",
}


def rows(rounds: int = ROUNDS, tasks: int | None = None) -> list[Row]:
    """Tasks a second, milliseconds and requests, in multiples of each peer's."""
    scores = measure(rounds, tasks)
    found = [_rate_row(scores, us, peer) for us in (OURS, OURS_IN_BULK) for peer in PEERS]
    again = scores[AGAIN.name]
    found.append(
        Row(
            what="tasks/s: Celery, tuned, tracked against itself",
            ours=again.rate,
            peer=scores[TRACKED.name].rate,
        )
    )
    for peer in PEERS:
        found += _latency_rows(scores[OURS.name], scores[peer.name], peer.name)
    found += [
        Row(
            what=f"requests a task, racing: {us.name} / {peer.name}",
            ours=scores[us.name].requests,
            peer=scores[peer.name].requests,
        )
        for us in (OURS, OURS_IN_BULK)
        for peer in PEERS
    ]
    return found


def _rate_row(scores: Scores, us: Contender, peer: Contender) -> Row:
    target = {OURS.name: 2.5, OURS_IN_BULK.name: 6}[us.name]
    return Row(
        what=f"tasks/s: {us.name} / {peer.name}",
        ours=scores[us.name].rate,
        peer=scores[peer.name].rate,
        than="times",
        target=target if peer is TRACKED else None,
        at_least=True,
        reason=_REASONS[us.name],
    )


def _latency_rows(us: Score, peer: Score, name: str) -> Iterator[Row]:
    for percent in (50, 95):
        yield Row(
            what=f"ms to done in a burst, p{percent}: ours / {name}",
            ours=us.burst_ms(percent),
            peer=peer.burst_ms(percent),
        )
    for percent in (50, 95):
        yield Row(
            what=f"ms to done one by one, p{percent}: ours / {name}",
            ours=us.alone_ms(percent),
            peer=peer.alone_ms(percent),
        )


def main(rounds: int = ROUNDS, tasks: int | None = None) -> None:
    """Print the rows."""
    print(table(rows(rounds, tasks)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
