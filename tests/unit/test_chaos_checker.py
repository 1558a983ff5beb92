"""The checker of a chaos run finds each broken promise: correct evidence, wrong in one place at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.formats import timestamp
from chalicelib.domain.ids import new_task_id
from chalicelib.domain.task import Attempt, ErrorKind, Task, TaskError, TaskStatus
from tests.chaos.checker import Evidence, View, judge
from tests.chaos.history import History, Update
from tests.chaos.orders import Order
from tests.chaos.soak import LIMIT_MIB_PER_HOUR, Sample, lines_of, slope
from tests.support.examples import ERROR, LATER, NOW, a_task

GOOD, DEAD, CALLED = (new_task_id(NOW, number << 8, 4) for number in range(3))


def attempt(number: int, outcome: str) -> Attempt:
    return Attempt(number=number, lease=number, started_at=NOW, finished_at=LATER, outcome=outcome)


def ended(task_id: str, number: int, status: TaskStatus, *attempts: Attempt, **fields: Any) -> Task:
    return a_task(
        status,
        id=task_id,
        tags=(f"order-{number}",),
        version=4,
        attempts=attempts,
        finished_at=LATER,
        due_at=None,
        **fields,
    )


def order(number: int, kind: str, key: str | None = None) -> Order:
    return Order(number=number, owner="default", kind=kind, body={}, key=key)


def update(version: int, status: str, redrive_count: int = 0, finished: bool = False) -> Update:
    return Update(version, status, redrive_count, timestamp(LATER) if finished else None, "")


TASKS = {
    GOOD: ended(GOOD, 0, TaskStatus.SUCCEEDED, attempt(1, "failed"), attempt(2, "succeeded")),
    DEAD: ended(DEAD, 1, TaskStatus.FAILED, attempt(1, "failed"), error=ERROR, type="demo.fail"),
    CALLED: ended(CALLED, 2, TaskStatus.SUCCEEDED, attempt(1, "succeeded"), type="http.request"),
}
HELD = dict.fromkeys(TASKS, 4)
EVIDENCE = Evidence(
    accepted={GOOD: order(0, "sleep", "key-0"), DEAD: order(1, "die"), CALLED: order(2, "http")},
    by_key={"key-0": {GOOD}},
    refused=[],
    stored=TASKS,
    due=0,
    updates={
        GOOD: {1: update(1, "queued"), 2: update(2, "running"), 4: update(4, "succeeded", finished=True)},
        DEAD: {3: update(3, "failed", finished=True), 4: update(4, "failed", finished=True)},
    },
    contradictions=[],
    views=[
        View(name="all", owner="default", type=None, synced=True, versions=HELD),
        View(name="typed", owner="default", type="http.request", synced=True, versions={CALLED: 4, GOOD: 1}),
    ],
    alerts=Counter({f"{DEAD}#0": 1, "message-1": 1}),
    quarantined=frozenset({"message-1"}),
    served={CALLED: 2},
)


def broken(evidence: Evidence) -> set[str]:
    return {verdict.promise for verdict in judge(evidence) if verdict.broken}


def stored(task_id: str, **fields: Any) -> Evidence:
    return replace(EVIDENCE, stored={**TASKS, task_id: replace(TASKS[task_id], **fields)})


def received(task_id: str, *updates: Update) -> Evidence:
    versions = {**EVIDENCE.updates[task_id], **{each.version: each for each in updates}}
    return replace(EVIDENCE, updates={**EVIDENCE.updates, task_id: versions})


def test_correct_evidence_keeps_every_promise() -> None:
    assert broken(EVIDENCE) == set()
    assert {verdict.promise: verdict.of for verdict in judge(EVIDENCE)}["tasks lost"] == 3


BREAKS: dict[str, tuple[str, Callable[[], Evidence]]] = {
    "not stored": (
        "tasks lost",
        lambda: replace(
            EVIDENCE,
            accepted={**EVIDENCE.accepted, "gone": order(9, "sleep")},
        ),
    ),
    "two successes": (
        "tasks finished twice",
        lambda: stored(GOOD, attempts=(attempt(1, "succeeded"), attempt(2, "succeeded"))),
    ),
    "run again after its success": (
        "tasks finished twice",
        lambda: stored(
            DEAD, status=TaskStatus.FAILED, attempts=(attempt(1, "succeeded"), attempt(2, "failed"))
        ),
    ),
    "two runs under one lease": (
        "tasks finished twice",
        lambda: stored(GOOD, attempts=(attempt(2, "failed"), attempt(2, "succeeded"))),
    ),
    "two ends received": (
        "tasks finished twice",
        lambda: received(GOOD, update(3, "failed", finished=True)),
    ),
    "an update after the end": ("tasks finished twice", lambda: received(DEAD, update(4, "running"))),
    "a version that is not stored": (
        "tasks finished twice",
        lambda: received(GOOD, update(5, "succeeded", finished=True)),
    ),
    "one version with two contents": (
        "tasks finished twice",
        lambda: replace(EVIDENCE, contradictions=["version 2"]),
    ),
    "succeeded although it must fail": (
        "tasks that ended wrongly",
        lambda: replace(EVIDENCE, accepted={**EVIDENCE.accepted, GOOD: order(0, "die", "key-0")}),
    ),
    "failed for no reason": (
        "tasks that ended wrongly",
        lambda: replace(EVIDENCE, accepted={**EVIDENCE.accepted, DEAD: order(1, "sleep")}),
    ),
    "succeeded without its effect": ("tasks that ended wrongly", lambda: replace(EVIDENCE, served={})),
    "one key, two answers": (
        "keys with other than one task",
        lambda: replace(EVIDENCE, by_key={"key-0": {GOOD, "other"}}),
    ),
    "one key, two tasks": (
        "keys with other than one task",
        lambda: replace(
            EVIDENCE,
            stored={**TASKS, "copy": replace(TASKS[GOOD], id="copy", owner="else")},
        ),
    ),
    "a client behind": (
        "clients that differ from the table",
        lambda: replace(EVIDENCE, views=[replace(EVIDENCE.views[0], versions={**HELD, GOOD: 3})]),
    ),
    "a client that is not synced": (
        "clients that differ from the table",
        lambda: replace(EVIDENCE, views=[replace(EVIDENCE.views[0], synced=False)]),
    ),
    "a client without one task": (
        "clients that differ from the table",
        lambda: replace(EVIDENCE, views=[replace(EVIDENCE.views[0], versions={GOOD: 4, DEAD: 4})]),
    ),
    "a client with an unknown task": (
        "clients that differ from the table",
        lambda: replace(EVIDENCE, views=[replace(EVIDENCE.views[0], versions={**HELD, "x": 1})]),
    ),
    "a client behind on the type it watches": (
        "clients that differ from the table",
        lambda: replace(EVIDENCE, views=[replace(EVIDENCE.views[1], versions={CALLED: 3})]),
    ),
    "a failure without an alert": (
        "dead letters without an alert",
        lambda: replace(EVIDENCE, alerts=Counter({"message-1": 1})),
    ),
    "an earlier failure without an alert": (
        "dead letters without an alert",
        lambda: replace(EVIDENCE, earlier_failures=frozenset({f"{GOOD}#0"})),
    ),
    "an unrecognized message without an alert": (
        "dead letters without an alert",
        lambda: replace(EVIDENCE, quarantined=frozenset({"message-1", "message-2"})),
    ),
    "an alert for nothing": (
        "alerts without a dead letter",
        lambda: replace(EVIDENCE, alerts=EVIDENCE.alerts + Counter({f"{GOOD}#0": 1})),
    ),
    "an alert twice": (
        "alerts repeated",
        lambda: replace(EVIDENCE, alerts=EVIDENCE.alerts + Counter({"message-1": 1})),
    ),
    "a due row": ("rows left in the due index", lambda: replace(EVIDENCE, due=1)),
    "a post refused": ("posts refused for good", lambda: replace(EVIDENCE, refused=["422"])),
}


@pytest.mark.parametrize("name", BREAKS)
def test_the_broken_promise_is_found_and_no_other(name: str) -> None:
    promise, evidence = BREAKS[name]
    assert broken(evidence()) == {promise}


def test_a_task_that_never_ends_is_lost_whether_its_post_had_a_response_or_not() -> None:
    running = replace(TASKS[GOOD], status=TaskStatus.RUNNING, attempts=(attempt(1, "failed"),))
    others = {task_id: each for task_id, each in EVIDENCE.accepted.items() if task_id != GOOD}
    world = replace(EVIDENCE, stored={**TASKS, GOOD: running}, updates={})
    assert broken(world) == {"tasks lost"}
    assert broken(replace(world, accepted=others)) == {"tasks lost"}


def test_killed_workers_may_cost_a_task_all_its_attempts() -> None:
    crash = TaskError.of(ErrorKind.CRASHED, "gone")
    world = stored(DEAD, error=crash)
    assert broken(replace(world, accepted={**EVIDENCE.accepted, DEAD: order(1, "sleep")})) == set()


def test_a_retried_task_may_end_once_more() -> None:
    world = received(DEAD, update(1, "failed", finished=True), update(2, "queued", redrive_count=1))
    later = {number: replace_redrive_count(each, 1) for number, each in EVIDENCE.updates[DEAD].items()}
    world = replace(world, updates={**world.updates, DEAD: {**world.updates[DEAD], **later}})
    assert broken(world) == set()


def replace_redrive_count(each: Update, redrive_count: int) -> Update:
    return each._replace(redrive_count=redrive_count)


def test_two_frames_with_different_contents_of_one_version_contradict_each_other() -> None:
    history = History()
    history.note(GOOD, update(2, "running"))
    history.note(GOOD, update(2, "running"))
    assert (history.contradictions, history.ended) == ([], set())
    history.note(GOOD, update(2, "succeeded", finished=True))
    assert len(history.contradictions) == 1
    assert history.ended == {GOOD}


class TestMemory:
    def samples(self, mib: Callable[[int], float]) -> list[Sample]:
        return [Sample(5.0 * number, mib(number)) for number in range(90)]

    def test_a_leak_is_found_and_a_step_is_not_one(self) -> None:
        leaking = self.samples(lambda number: 50 + number * 5 * 20 / 3600)
        assert slope(leaking) == pytest.approx(20)
        assert slope(self.samples(lambda number: 50 + (number == 60) * 30)) == 0

    def test_a_function_is_judged_by_the_worker_that_grew_most(self) -> None:
        flat = self.samples(lambda number: 50)
        leaking = self.samples(lambda number: 50 + number)
        memory = {("api", 1): flat, ("api", 2): leaking, ("sweep", 3): flat, ("sweep", 4): leaking[:9]}
        api, sweep = lines_of(memory)
        assert (api.function, api.workers, api.flat) == ("api", 2, False)
        assert api.slope > LIMIT_MIB_PER_HOUR
        assert (sweep.function, sweep.workers, sweep.flat) == ("sweep", 1, True)
        assert sweep.course == [50] * 5

    def test_the_warm_up_is_no_leak(self) -> None:
        loading = self.samples(lambda number: 20 + min(number, 20))
        (line,) = lines_of({("api", 1): loading})
        assert line.flat
