"""Checks the promises against the evidence of a run. Pure: it reads nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.task import Task, TaskStatus
from tests.chaos.history import Update
from tests.chaos.orders import Order

#: Errors of tasks whose workers were killed too often. They may end any task.
_BY_KILLS: Final = ("crashed", "timeout")


@dataclass(frozen=True, kw_only=True)
class View:
    """The tasks that one client holds at the end."""

    name: str
    owner: str
    type: str | None  #: the only task type that it watches
    synced: bool  #: its last sync is complete
    versions: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that was observed from outside, after the stage came to rest."""

    accepted: Mapping[str, Order]  #: by task id: the service accepted them
    by_key: Mapping[str, set[str]]  #: task ids in the responses, by Idempotency-Key
    refused: Sequence[str]  #: responses for which a repeat is useless
    stored: Mapping[str, Task]
    due: int  #: rows in the due index
    updates: Mapping[str, Mapping[int, Update]]  #: updates that clients received, by task and version
    contradictions: Sequence[str]  #: versions with different contents in two frames
    views: Sequence[View]
    alerts: Counter[str]  #: keys in alerts, with counts
    quarantined: frozenset[str]  #: ids of unrecognized messages
    earlier_failures: frozenset[str] = frozenset()  #: dead-letter keys from before a retry
    served: Mapping[str, int] = field(default_factory=dict)  #: responses 200 of the sink, by task id


@dataclass(frozen=True)
class Verdict:
    """The result for one promise."""

    promise: str
    of: int  #: how many were checked
    broken: Sequence[str]


def judge(evidence: Evidence) -> list[Verdict]:
    """A verdict on each promise."""
    rules: dict[str, tuple[int, Callable[[Evidence], Iterator[str]]]] = {
        "tasks lost": (len(evidence.accepted), _lost),
        "tasks finished twice": (len(evidence.stored), _finished_twice),
        "tasks that ended wrongly": (len(evidence.stored), _ended_wrongly),
        "keys with other than one task": (len(evidence.by_key), _keys),
        "clients that differ from the table": (len(evidence.views), _views),
        "dead letters without an alert": (len(_dead_letter_keys(evidence)), _without_alert),
        "alerts without a dead letter": (len(evidence.alerts), _without_dead_letter),
        "alerts repeated": (len(evidence.alerts), _repeated),
        "rows left in the due index": (len(evidence.stored), _due),
        "posts refused for good": (len(evidence.accepted), lambda each: iter(each.refused)),
    }
    return [Verdict(promise, of, list(rule(evidence))) for promise, (of, rule) in rules.items()]


def _lost(evidence: Evidence) -> Iterator[str]:
    for task_id in evidence.accepted:
        task = evidence.stored.get(task_id)
        if task is None:
            yield f"{task_id} was accepted and is not stored"
    for task in evidence.stored.values():  # also those whose response was lost
        if not task.terminal:
            yield f"{task.id} is {task.status}"


def _finished_twice(evidence: Evidence) -> Iterator[str]:
    yield from evidence.contradictions
    for task in evidence.stored.values():
        yield from _two_results(task)
        yield from _two_ends(task, evidence.updates.get(task.id, {}))


def _two_results(task: Task) -> Iterator[str]:
    outcomes = [attempt.outcome for attempt in task.attempts]
    leases = [attempt.lease for attempt in task.attempts]
    if outcomes.count("succeeded") > 1 or "succeeded" in outcomes[:-1]:
        yield f"{task.id} has the attempts {outcomes}"
    if (task.status is TaskStatus.SUCCEEDED) != (outcomes[-1:] == ["succeeded"]):
        yield f"{task.id} is {task.status} after the attempts {outcomes}"
    if sorted(set(leases)) != leases:
        yield f"{task.id} ran under the leases {leases}"


def _two_ends(task: Task, updates: Mapping[int, Update]) -> Iterator[str]:
    """A task ends once between redrives. The same end comes again only with its dead letter."""
    ends: defaultdict[int, set[tuple[str, str | None]]] = defaultdict(set)
    for version, update in sorted(updates.items()):
        if update.final:
            ends[update.redrive_count].add((update.status, update.finished_at))
        elif ends[update.redrive_count]:
            yield f"{task.id} was {update.status} (version {version}) after it had ended"
        if version > task.version:
            yield f"{task.id} was pushed as version {version}, stored is {task.version}"
    for redrive_count, found in ends.items():
        if len(found) > 1:
            yield f"{task.id} ended {len(found)} times after redrive {redrive_count}: {sorted(found)}"


def _ended_wrongly(evidence: Evidence) -> Iterator[str]:
    orders = {order.tag: order for order in evidence.accepted.values()}
    for task in evidence.stored.values():
        order = orders.get(task.tags[0])
        if order is None or not task.terminal:
            continue
        kind = task.error.kind.value if task.error else None
        succeeded = task.status is TaskStatus.SUCCEEDED
        if order.must_fail and task.status is not TaskStatus.FAILED:
            yield f"{task.id} ({order.kind}) is {task.status}"
        if not order.must_fail and not succeeded and kind not in _BY_KILLS:
            yield f"{task.id} ({order.kind}) is {task.status}: {task.error}"
        if task.type == "http.request" and succeeded and not evidence.served.get(task.id):
            yield f"{task.id} succeeded, but its request never arrived"


def _keys(evidence: Evidence) -> Iterator[str]:
    stored = Counter(task.tags[0] for task in evidence.stored.values())
    for order in evidence.accepted.values():
        if order.key is not None and stored[order.tag] != 1:
            yield f"{order.key} made {stored[order.tag]} tasks"
    for key, ids in evidence.by_key.items():
        if len(ids) > 1:
            yield f"{key} was answered with {sorted(ids)}"


def _views(evidence: Evidence) -> Iterator[str]:
    for view in evidence.views:
        expected = {
            task.id: task.version
            for task in evidence.stored.values()
            if task.owner == view.owner and view.type in (None, task.type)
        }
        held = {task_id: version for task_id, version in view.versions.items() if task_id in expected}
        strange = len(view.versions) - len(held) if view.type is None else 0
        behind = [task_id for task_id, version in expected.items() if held.get(task_id) != version]
        if behind or strange or not view.synced:
            some = f"; {behind[0]}: {held.get(behind[0])}, not {expected[behind[0]]}" if behind else ""
            state = "synced" if view.synced else "not synced"
            yield f"{view.name}: {state}, {len(behind)} behind, {strange} unknown{some}"


def _dead_letter_keys(evidence: Evidence) -> set[str]:
    """The key of each failure for good, and of each unrecognized message."""
    failed = {f"{t.id}#{t.redrive_count}" for t in evidence.stored.values() if t.status is TaskStatus.FAILED}
    return failed | evidence.earlier_failures | evidence.quarantined


def _without_alert(evidence: Evidence) -> Iterator[str]:
    yield from sorted(_dead_letter_keys(evidence) - set(evidence.alerts))


def _without_dead_letter(evidence: Evidence) -> Iterator[str]:
    yield from sorted(set(evidence.alerts) - _dead_letter_keys(evidence))


def _repeated(evidence: Evidence) -> Iterator[str]:
    yield from (f"{key}: {count} times" for key, count in sorted(evidence.alerts.items()) if count > 1)


def _due(evidence: Evidence) -> Iterator[str]:
    if evidence.due:
        yield f"{evidence.due} rows"
