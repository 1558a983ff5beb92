"""Models of the service under high load: `python -m benchmarks.scale` simulates them, seeded, in seconds.

The inputs are AWS's limits and our measurements, the outputs are the settings that a stage needs. Each model
asserts its numbers. docs/explanation/scale.md holds the printed tables, and a test compares the two.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from benchmarks.counts import MOST
from benchmarks.loads import BATCH_SECONDS, CHANGES, LOADS, POSTS_PER_SECOND, use

SEED: Final = 20_000
#: A task that succeeds at once is stored, claimed and finished; it enters and leaves the due index.
ROW_UNITS: Final = 3
INDEX_UNITS: Final = 2
assert MOST["single", "200 B"][1] == ROW_UNITS + INDEX_UNITS

# --- AWS's limits -------------------------------------------------------------------------------------
KEY_LIMIT: Final = 1000  #: write units a second that one partition key takes
KEY_GOAL: Final = 500  #: our own limit
MAPPING_START, MAPPING_PER_MINUTE, MAPPING_MOST = 5, 300, 1000  #: batches at once of an SQS mapping
CONNECTS_PER_SECOND: Final = 500
CONNECTION_SECONDS: Final = 7200
STREAM_BATCH: Final = 100

INVOKES_PER_SECOND: Final = 1000  #: asynchronous ones, by one function
HOP_SECONDS: Final = 0.1


# --- Partition heat ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Heat:
    """The load on the keys of the tasks table, and the queries that a list costs."""

    hottest: float  #: write units in the worst second of the hottest key
    over: int  #: seconds in which some key was over KEY_GOAL
    most_buckets: int  #: of any owner
    mean_buckets: float  #: of an owner with tasks; a list queries each bucket


Buckets = Callable[[int, int], int]


def fixed(buckets: int) -> Buckets:
    """TASK_BUCKETS as it is today: the same for every owner."""
    return lambda _current, _created: buckets


def adaptive(current: int, created: int) -> int:
    """Twice the buckets that the owner needed in the last second, and never fewer than before."""
    needed = 2 * created * ROW_UNITS / KEY_GOAL
    while current < needed:
        current *= 2
    return current


def heat(
    buckets: Buckets, *, rate: int = 20_000, owners: int = 10_000, ramp: int = 30, hold: int = 20
) -> Heat:
    """Owners by Zipf's law; their total ramps from a twentieth of `rate` up to it, and stays there.

    A task is stored in one second, and claimed and finished in the next.
    """
    draw = random.Random(SEED)  # noqa: S311 - a simulation
    weights = list(accumulate(1 / rank for rank in range(1, owners + 1)))
    using = [buckets(4, 0)] * owners
    hottest, over = 0, 0
    running: Counter[tuple[int, int]] = Counter()
    for second in range(ramp + hold):
        tasks = round(rate * min(1.0, 0.05 + second / ramp))
        posted = draw.choices(range(owners), cum_weights=weights, k=tasks)
        created = Counter((owner, int(draw.random() * using[owner])) for owner in posted)
        units = Counter({key: 2 * count for key, count in running.items()})
        units.update(created)
        worst = max(units.values())
        hottest, over, running = max(hottest, worst), over + (worst > KEY_GOAL), created
        for owner, count in Counter(posted).items():
            using[owner] = buckets(using[owner], count)
    return Heat(hottest=hottest, over=over, most_buckets=max(using), mean_buckets=sum(using) / owners)


def worst_second_of_an_owner(posts_per_second: int, burst: int, buckets: int) -> float:
    """Write units of a key when an owner posts up to its limit in one second, and all tasks run."""
    return (posts_per_second + burst) * ROW_UNITS / buckets


def rollup_heat(*, slots: int, window_seconds: float) -> float:
    """Write units on each rollup key of an owner with changes in every batch.

    Minutes and open tasks have one key each. A slot of the stream takes its next batch as soon as the last is
    done, or one in `window_seconds`.
    """
    return slots / max(BATCH_SECONDS, window_seconds)


# --- Stream -----------------------------------------------------------------------------------------------


def stream_lag(
    *, shards: int, parallel: int, watched: bool, rate: int = 1000, burst: int = 10, seconds: int = 60
) -> tuple[float, float]:
    """The worst lag of a slot in seconds, and the seconds after a burst until all have caught up.

    Keys hash unevenly to `shards` x `parallel` slots; each slot takes one batch after the other.
    """
    draw = random.Random(SEED)  # noqa: S311 - a simulation
    slots = shards * parallel
    shares = [draw.gammavariate(20, 1) for _ in range(slots)]
    per_record = (1 / POSTS_PER_SECOND if watched else 0.0) + BATCH_SECONDS / STREAM_BATCH
    speed = 1 / per_record
    worst_lag = worst_end = 0.0
    for share in shares:
        arriving = rate * CHANGES * share / sum(shares)
        backlog = max(0.0, (burst * arriving - speed) * seconds)
        if arriving >= speed:
            return float("inf"), float("inf")
        worst_lag = max(worst_lag, backlog / speed)
        worst_end = max(worst_end, backlog / (speed - arriving))
    return worst_lag, worst_end


# --- Queue ------------------------------------------------------------------------------------------------


def drain_seconds(messages: int, task_seconds: float, most: int = MAPPING_MOST) -> int:
    """Seconds until one mapping has drained a spike, with ten tasks in parallel in each invocation."""
    second = 0
    left = float(messages)
    while left > 0:
        at_once = min(most, MAPPING_START + MAPPING_PER_MINUTE * (second // 60))
        left -= at_once * 10 / (task_seconds + 0.03)
        second += 1
    return second


# --- Connections ------------------------------------------------------------------------------------------


def storm(clients: int, per_second: int = CONNECTS_PER_SECOND, longest_wait: int = 60) -> tuple[int, float]:
    """All clients reconnect at once, and retry after 1, 2, 4 … `longest_wait` s with full jitter.

    Returns the seconds until 99 % are connected, and the mean attempts of a client.
    """
    waits = [1, 2, 4, 8, 16, 32, longest_wait]
    waiting: defaultdict[int, list[float]] = defaultdict(lambda: [0.0] * len(waits))  # by second and attempt
    waiting[0][0] = clients
    back = attempts = 0.0
    second = 0
    while back < 0.99 * clients:
        coming = waiting.pop(second, [])
        total = sum(coming)
        refused = max(0.0, 1 - per_second / total) if total else 0.0
        back += total * (1 - refused)
        attempts += total
        for number, count in enumerate(coming):
            for later in range(1, waits[number] + 1):
                waiting[second + later][min(number + 1, len(waits) - 1)] += count * refused / waits[number]
        second += 1
    return second, attempts / clients


def fan_out_seconds(watchers: int, posts_per_second: int, chunk: int | None = None) -> float:
    """Seconds until one frame reaches all watchers, from one invocation or from two levels of them.

    The first level invokes another function for each `chunk` of watchers, which reads them and posts.
    """
    if chunk is None:
        return watchers / posts_per_second
    return -(-watchers // chunk) / INVOKES_PER_SECOND + HOP_SECONDS + min(chunk, watchers) / posts_per_second


# --- The tables of docs/explanation/scale.md --------------------------------------------------------------


def tables() -> Iterator[str]:
    """The table of each model, as in docs/explanation/scale.md, with its numbers asserted."""
    yield _heat_table()
    yield _rollup_table()
    yield _stream_table()
    yield _fan_out_table()
    yield _drain_table()
    yield _storm_table()
    yield _cost_table()


def _heat_table() -> str:
    four, many, own = heat(fixed(4)), heat(fixed(64)), heat(adaptive)
    assert four.hottest > KEY_LIMIT, "four buckets are too few for an owner with a tenth of everything"
    assert many.hottest <= KEY_GOAL
    assert own.hottest <= KEY_GOAL
    assert own.mean_buckets < 5, "lists of nearly all owners ask four buckets still"
    assert worst_second_of_an_owner(200, 1000, 4) <= KEY_LIMIT
    assert 20_000 * INDEX_UNITS / 128 <= KEY_GOAL
    return _table(
        (
            "task buckets",
            "hottest key, units/s",
            "seconds over 500",
            "most buckets",
            "queries a list, on average",
        ),
        [
            (name, f"{each.hottest:,}", each.over, each.most_buckets, f"{each.mean_buckets:.2f}")
            for name, each in (("4", four), ("64", many), ("by the owner's rate", own))
        ],
    )


def _rollup_table() -> str:
    cases = [(8, 0.0), (8, 1.0), (64, 0.0), (64, 1.0)]
    heats = {case: rollup_heat(slots=case[0], window_seconds=case[1]) for case in cases}
    assert heats[8, 0.0] <= KEY_GOAL, "a new table's slots may all be one owner's"
    assert heats[64, 0.0] > KEY_LIMIT
    assert heats[64, 1.0] <= KEY_GOAL
    return _table(
        ("batches at once", "batching window, s", "units/s on each of the owner's rollup keys"),
        [(slots, f"{window:g}", f"{units:,.0f}") for (slots, window), units in heats.items()],
    )


def _stream_table() -> str:
    cases = [(4, 2, False), (4, 2, True), (8, 2, True), (8, 10, True), (32, 2, True)]
    results = [(case, stream_lag(shards=case[0], parallel=case[1], watched=case[2])) for case in cases]
    lags = {case: lag for case, (lag, _) in results}
    assert lags[4, 2, True] > 60, "a burst of ten times is more than a new table's shards push"
    assert lags[8, 2, True] < 10
    assert lags[8, 10, True] < 1
    assert lags[32, 2, True] < 1
    return _table(
        ("shards", "batches at once a shard", "watched", "worst lag, s", "caught up after, s"),
        [
            (s, p, "each change" if w else "none", f"{lag:.0f}", f"{end:.0f}")
            for (s, p, w), (lag, end) in results
        ],
    )


def _fan_out_table() -> str:
    lines = []
    for frames in (500, 50_000, 1_000_000):
        alone = fan_out_seconds(frames, POSTS_PER_SECOND)
        levels = fan_out_seconds(frames, POSTS_PER_SECOND, chunk=1000)
        lines.append((f"{frames:,}", f"{alone:,.1f}", f"{levels:.1f}"))
    assert fan_out_seconds(50_000, POSTS_PER_SECOND) < 60, "it fits the time of push_updates"
    assert fan_out_seconds(1_000_000, POSTS_PER_SECOND, chunk=1000) < 5
    return _table(("frames", "one function, s", "two levels of functions, s"), lines)


def _drain_table() -> str:
    seconds = {task: drain_seconds(1_000_000, task) for task in (0.1, 1, 10)}
    assert seconds[1] < 300
    return _table(
        ("a task takes, s", "drained after, s", "claims and finishes a second, at most"),
        [(task, f"{end:,}", f"{MAPPING_MOST * 10 / (task + 0.03):,.0f}") for task, end in seconds.items()],
    )


def _storm_table() -> str:
    results = {quota: storm(1_000_000, quota) for quota in (500, 2000, 5000)}
    assert results[500][0] > 1900
    assert results[5000][0] < 300
    assert 1_000_000 / CONNECTION_SECONDS < CONNECTS_PER_SECOND, "the churn of two hours fits the quota"
    return _table(
        ("new connections a second", "99 % are back after, s", "attempts of a client"),
        [(f"{quota:,}", f"{end:,}", f"{tries:.0f}") for quota, (end, tries) in results.items()],
    )


def _cost_table() -> str:
    lines = []
    for load in LOADS:
        prices = use(load).price()
        million = 1e6 * sum(prices.values())
        month = million * load.rate * 30 * 86_400 / 1e6
        shares = ", ".join(f"{name} {1e6 * price:.2f}" for name, price in prices.items())
        lines.append((f"{load.rate:,}", f"{million:.2f}", f"{month:,.0f}", shares))
    return _table(("tasks a second", "$ a million tasks", "$ a month", "of a million"), lines)


def _table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def main() -> None:
    """Print the tables."""
    for each in tables():
        print(each, end="\n\n")


if __name__ == "__main__":
    main()
