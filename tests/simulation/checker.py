"""The promises about a whole run, checked when the world has come to rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.dynamodb.redrive_table import _from_item as redrive_from_item
from chalicelib.domain.pauses import PARKED_CHECK_INTERVAL
from chalicelib.domain.redrive import RedriveStatus
from chalicelib.domain.task import TaskStatus
from chalicelib.domain.timing import RESEND_LAST
from chalicelib.domain.views import task_view
from tests.simulation.calls import Fault
from tests.simulation.functions import moment
from tests.simulation.plans import RandomFaults
from tests.simulation.users import Request
from tests.simulation.work import BIG
from tests.simulation.world import World

_ALERT_LINE = re.compile(r"^- (\S+) ", re.MULTILINE)


def check(world: World) -> list[str]:
    """All broken promises."""
    broken = list(world.history.broken)
    if not broken:  # a broken write explains what is wrong at the end
        for promise, violations in _PROMISES.items():
            broken += [f"{promise}: {violation}" for violation in violations(world)]
    return broken


def _accepted_ends(world: World) -> Iterator[str]:
    """Each accepted task ended, and is stored unless it was deleted or its retention ended."""
    removed = {change.old.id for change in world.history.changes if change.new is None and change.old}
    for task_id in world.user.accepted:
        if task_id not in world.history.rows and task_id not in removed:
            yield f"{task_id} is gone"
    for row in world.history.rows.values():
        if not row.terminal:
            yield f"{row.id} is {row.status}"


def _one_result(world: World) -> Iterator[str]:
    """A stored result equals what the run under the accepted lease returned."""
    returned = {(step.task_id, step.lease) for step in world.work.steps if step.ended == "returned"}
    for row in world.history.rows.values():
        if row.status is not TaskStatus.SUCCEEDED:
            continue
        task = stored(world, row.id)
        if task is None or task.result is None or task.result.missing:
            yield f"{row.id} succeeded without its result"
            continue
        result = task.result.value()
        if result["lease"] != row.lease or (row.id, row.lease) not in returned:
            yield f"{row.id} of lease {row.lease} has the result of lease {result['lease']}"
        if len(result["pad"]) not in (0, BIG):
            yield f"{row.id} has a torn result"


def _ends_once(world: World) -> Iterator[str]:
    """A task ends once between redrives. A deleted task stored again by a late copy counts as another."""
    stored_times: Counter[str] = Counter()
    ends: Counter[tuple[str, int, int]] = Counter()
    for change in world.history.changes:
        old, new = change.old, change.new
        if new is not None and old is None:
            stored_times[new.id] += 1
        elif new is not None and old is not None and new.terminal and not old.terminal:
            ends[new.id, stored_times[new.id], new.redrive_count] += 1
    yield from (f"{key} ended {count} times" for key, count in ends.items() if count > 1)


def _dead_letter_keys(world: World) -> set[str]:
    return {
        change.new.dead_letter_key
        for change in world.history.changes
        if change.fails_for_good and change.new is not None
    }


def _dead_letters_are_reported(world: World) -> Iterator[str]:
    """Each failure for good has one record and one alert. A repeat has the same key and a cause."""
    keys = _dead_letter_keys(world)
    alerted = Counter(key for _, text in world.alerts for key in _ALERT_LINE.findall(text))
    records = world.history.records
    quarantined = {key for key, record in records.items() if record["kind"]["S"] == "quarantined"}
    if keys != set(records) - quarantined:
        yield f"dead letters {keys} but records {set(records)}"
    if keys != set(alerted) - quarantined:
        yield f"dead letters {keys} but alerts {set(alerted)}"
    repeats = sum(alerted.values()) - len(alerted)
    disturbed = world.disturbed("watch_dead_letters")
    if repeats and not disturbed:
        yield f"alerts are repeated without a cause: {alerted}"


def _unrecognized_are_kept(world: World) -> Iterator[str]:
    quarantined = [r for r in world.history.records.values() if r["kind"]["S"] == "quarantined"]
    kept = {record["message"]["S"] for record in quarantined}
    yield from (f"{body!r} was not kept" for body in world.unrecognized if body not in kept)


def _cancels_hold(world: World) -> Iterator[str]:
    for request in _answered(world, "cancel"):
        task_id, redrive_count = request.answer["id"], request.answer["redrive_count"]
        later = [
            change
            for change in world.history.changes
            if change.at > request.ended
            and change.new is not None
            and change.new.id == task_id
            and change.new.redrive_count == redrive_count
        ]
        if any(change.claims for change in later):
            yield f"an attempt of {task_id} started after its cancel"
        last = [change.new.status for change in later if change.new is not None and change.new.terminal]
        if last and last[-1] not in (TaskStatus.CANCELED, TaskStatus.SUCCEEDED):
            yield f"{task_id} was canceled and became {last[-1]}"


def _redrives_once(world: World) -> Iterator[str]:
    """A retry request and a bulk redrive each redrive a task at most once."""
    retries = Counter(each.path.split("/")[2] for each in world.api.requests if each.path.endswith("/retry"))
    redrives = sum(row["action"]["S"] == "retry" for row in world.history.redrives.values())
    for row in world.history.rows.values():
        if row.redrive_count > retries[row.id] + redrives:
            count = row.redrive_count
            yield f"{row.id} has {count} redrives: {retries[row.id]} retries, {redrives} in bulk"
    for request in _answered(world, "retry"):
        row = world.history.rows.get(request.answer["id"])
        if row is not None and row.redrive_count == 0:
            yield f"a retry of {row.id} was accepted and not done"


def _redrives_do_all(world: World) -> Iterator[str]:
    """A bulk redrive ends. A completed one has changed all tasks that matched when it began."""
    for key, row in world.history.redrives.items():
        redrive = redrive_from_item(row)
        if redrive.running:
            yield f"redrive {key} is running"
        if redrive.status is not RedriveStatus.DONE or redrive.counts.failed:
            continue
        began = world.history.redrive_began[key]
        late = {
            change.new.id for change in world.history.changes if change.at >= began and change.new is not None
        }
        for task in world.history.rows.values():
            if redrive.end <= task.id < redrive.start and redrive.matches(task) and task.id not in late:
                yield f"{task.id} is missing in redrive {key}"


def _resumed_tasks_start(world: World) -> Iterator[str]:
    """After a resume, parked tasks start within 20 minutes; within an hour more if copies arrived late.

    20 minutes, because a process may die after its write and before its send: the sweep then sends again.
    """
    crashes = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
    only_crashes = all(trouble.fault in crashes for _, trouble in world.calls.troubles)
    late = (
        timedelta(0) if only_crashes and not isinstance(world.plan, RandomFaults) else PARKED_CHECK_INTERVAL
    )
    limit = RESEND_LAST + timedelta(minutes=5) + late
    for resumed_at, name in world.history.resumed:
        waited: dict[str, datetime] = {}
        for change in world.history.changes:
            at, new = moment(change.at), change.new
            if new is None or new.type != name:
                continue
            if at <= resumed_at:
                waited.pop(new.id, None)
                if new.waiting and new.due_bucket < 0:
                    waited[new.id] = max(resumed_at, new.run_at) + limit
            elif new.id in waited and not (new.waiting and at <= waited[new.id]):
                if at > waited[new.id] and not _paused_again(world, name, resumed_at, at):
                    yield f"{new.id} of {name}, resumed at {resumed_at:%H:%M:%S}, waited until {at:%H:%M:%S}"
                del waited[new.id]


def _paused_again(world: World, name: str, since: datetime, until: datetime) -> bool:
    return any(other == name and since < at <= until for at, other in world.history.resumed)


def _created_once(world: World) -> Iterator[str]:
    """One task for each Idempotency-Key, and at most one for each POST without a key."""
    created = {change.new.id for change in world.history.changes if change.old is None and change.new}
    posts = [each for each in world.api.requests if each.method == "POST" and each.path == "/tasks"]
    keys = {each.key for each in posts if each.key is not None}
    for key in keys:
        ids = {each.answer["id"] for each in posts if each.key == key and each.status in (200, 201)}
        if len(ids) > 1:
            yield f"key {key} answered with {ids}"
    batches = [each for each in world.api.requests if each.path == "/tasks/batch"]
    most = len(keys) + sum(each.key is None for each in posts) + sum(len(b.body["tasks"]) for b in batches)
    if len(created) > most:
        yield f"{len(created)} tasks of at most {most} requests"


def _browsers_agree(world: World) -> Iterator[str]:
    """Each client holds the stored version. Tasks that were stored twice are left out: versions restart."""
    stored_times = Counter(change.new.id for change in world.history.changes if change.new and not change.old)
    for browser in world.browsers:
        if world.stream.given_up:
            continue
        everything = browser.query["watch"] == "all"
        for row in world.history.rows.values():
            if not everything and row.id not in browser.subscribed:
                continue
            task = stored(world, row.id)
            seen = browser.at_rest.get(row.id)
            if task is not None and seen != task_view(task) and stored_times[row.id] == 1:
                yield f"{browser.name} sees version {seen and seen['version']} of {row.id}, not {row.version}"


def _sends_little(world: World) -> Iterator[str]:
    """The number of messages of a task is bounded."""
    bodies = "".join(body for _, queue, body in world.sqs.sent if queue != "dead-letters")
    wakes = Counter(re.findall(r'"id":"([0-9a-f-]+)"', bodies))
    for row in world.history.rows.values():
        hours = world.scheduler.now / 3_600_000
        most = 8 + 4 * hours + 3 * row.lease + len(world.calls.troubles) + 4 * world.functions.crashed("run_")
        if wakes[row.id] > most:
            yield f"{row.id} was woken {wakes[row.id]} times; at most {most:.0f} were expected"


def _answered(world: World, verb: str) -> list[Request]:
    return [each for each in world.api.requests if each.path.endswith(f"/{verb}") and each.status == 200]


def stored(world: World, task_id: str) -> Any:
    """The stored task with its documents."""
    return world.read(task_id)


_PROMISES: dict[str, Callable[[World], Iterator[str]]] = {
    "an accepted task ends": _accepted_ends,
    "a task has one result, of the run that held its lease": _one_result,
    "a task ends once between redrives": _ends_once,
    "a failure for good leaves a record and an alert": _dead_letters_are_reported,
    "an unrecognized message is kept": _unrecognized_are_kept,
    "an accepted cancel is final": _cancels_hold,
    "a retry is done once": _redrives_once,
    "a bulk redrive changes all that match": _redrives_do_all,
    "a parked task starts after the resume": _resumed_tasks_start,
    "a task is created once": _created_once,
    "a client holds what is stored": _browsers_agree,
    "nothing sends forever": _sends_little,
}
