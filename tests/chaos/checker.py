"""What is promised, held against what a run left behind. Pure: it sees nothing but its evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.task import Task, TaskStatus
from tests.chaos.history import Update
from tests.chaos.orders import Order

#: What ends a task that could have succeeded: its workers were killed too often.
_BY_KILLS: Final = ("crashed", "timeout")


@dataclass(frozen=True, kw_only=True)
class View:
    """What one client holds in the end."""

    name: str
    owner: str
    type: str | None  #: the only task type that it watches
    synced: bool  #: its last sync came to its end
    versions: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that can be known from outside when the world has come to rest."""

    accepted: Mapping[str, Order]  #: by task id: the service answered that it has them
    by_key: Mapping[str, set[str]]  #: the task ids that each Idempotency-Key was answered with
    refused: Sequence[str]  #: answers that no repeat can help
    stored: Mapping[str, Task]
    due: int  #: rows in the due index
    updates: Mapping[str, Mapping[int, Update]]  #: what clients were told, by task and version
    contradictions: Sequence[str]  #: versions that two frames told differently
    views: Sequence[View]
    alerts: Counter[str]  #: keys of dead letters, and how often each was told
    quarantined: frozenset[str]  #: ids of the messages that were not ours
    earlier_deaths: frozenset[str] = frozenset()  #: keys of deaths before a retry
    served: Mapping[str, int] = field(default_factory=dict)  #: good answers of the sink, by task id


@dataclass(frozen=True)
class Verdict:
    """One promise."""

    promise: str
    of: int  #: how many could have broken it
    broken: Sequence[str]


def judge(evidence: Evidence) -> list[Verdict]:
    """A verdict on each promise."""
    rules: dict[str, tuple[int, Callable[[Evidence], Iterator[str]]]] = {
        "tasks lost": (len(evidence.accepted), _lost),
        "tasks finished twice": (len(evidence.stored), _finished_twice),
        "tasks that ended wrongly": (len(evidence.stored), _ended_wrongly),
        "keys with other than one task": (len(evidence.by_key), _keys),
        "clients that differ from the table": (len(evidence.views), _views),
        "dead letters without an alert": (len(_deaths(evidence)), _untold),
        "alerts without a dead letter": (len(evidence.alerts), _invented),
        "alerts told again": (len(evidence.alerts), _repeated),
        "rows left in the due index": (len(evidence.stored), _due),
        "posts refused for good": (len(evidence.accepted), lambda each: iter(each.refused)),
    }
    return [Verdict(promise, of, list(rule(evidence))) for promise, (of, rule) in rules.items()]


def _lost(evidence: Evidence) -> Iterator[str]:
    for task_id in evidence.accepted:
        task = evidence.stored.get(task_id)
        if task is None:
            yield f"{task_id} was accepted and is not stored"
    for task in evidence.stored.values():  # also those whose answer was lost
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
    """A life ends once: the same end is told again only with its dead letter."""
    ends: defaultdict[int, set[tuple[str, str | None]]] = defaultdict(set)
    for version, update in sorted(updates.items()):
        if update.final:
            ends[update.life].add((update.status, update.finished_at))
        elif ends[update.life]:
            yield f"{task.id} was {update.status} (version {version}) after it had ended"
        if version > task.version:
            yield f"{task.id} was told as version {version}, stored is {task.version}"
    for life, found in ends.items():
        if len(found) > 1:
            yield f"{task.id} ended {len(found)} times in life {life}: {sorted(found)}"


def _ended_wrongly(evidence: Evidence) -> Iterator[str]:
    orders = {order.tag: order for order in evidence.accepted.values()}
    for task in evidence.stored.values():
        order = orders.get(task.tags[0])
        if order is None or not task.terminal:
            continue
        kind = task.error.kind.value if task.error else None
        succeeded = task.status is TaskStatus.SUCCEEDED
        if order.doomed and task.status is not TaskStatus.FAILED:
            yield f"{task.id} ({order.kind}) is {task.status}"
        if not order.doomed and not succeeded and kind not in _BY_KILLS:
            yield f"{task.id} ({order.kind}) is {task.status}: {task.error}"
        if task.type == "http.request" and succeeded and not evidence.served.get(task.id):
            yield f"{task.id} succeeded, and its request never arrived"


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
        wanted = {
            task.id: task.version
            for task in evidence.stored.values()
            if task.owner == view.owner and view.type in (None, task.type)
        }
        held = {task_id: version for task_id, version in view.versions.items() if task_id in wanted}
        strange = len(view.versions) - len(held) if view.type is None else 0
        behind = [task_id for task_id, version in wanted.items() if held.get(task_id) != version]
        if behind or strange or not view.synced:
            some = f"; {behind[0]}: {held.get(behind[0])}, not {wanted[behind[0]]}" if behind else ""
            state = "synced" if view.synced else "not synced"
            yield f"{view.name}: {state}, {len(behind)} behind, {strange} unknown{some}"


def _deaths(evidence: Evidence) -> set[str]:
    """The key of every death and of every message that was not ours."""
    failed = {f"{t.id}#{t.redrive_count}" for t in evidence.stored.values() if t.status is TaskStatus.FAILED}
    return failed | evidence.earlier_deaths | evidence.quarantined


def _untold(evidence: Evidence) -> Iterator[str]:
    yield from sorted(_deaths(evidence) - set(evidence.alerts))


def _invented(evidence: Evidence) -> Iterator[str]:
    yield from sorted(set(evidence.alerts) - _deaths(evidence))


def _repeated(evidence: Evidence) -> Iterator[str]:
    yield from (f"{key}: {count} times" for key, count in sorted(evidence.alerts.items()) if count > 1)


def _due(evidence: Evidence) -> Iterator[str]:
    if evidence.due:
        yield f"{evidence.due} rows"
