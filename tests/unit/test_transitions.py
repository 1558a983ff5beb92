"""Which status can follow which: methods, table, diagram and protocol are equal."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import TransitionNotAllowed
from chalicelib.domain.task import TERMINAL, TRANSITIONS, WAITING, Task, TaskStatus
from tests.support.examples import ERROR, KEEP, LATER, a_running_task

DOCS = Path(__file__).parents[2] / "docs"
STATES = DOCS / "reference" / "states.md"
PROTOCOL = DOCS / "explanation" / "protocol.md"
GRACE = timedelta(seconds=120)
WAIT = timedelta(seconds=5)
S = TaskStatus


#: What may happen to a task in any status: its owner asks for it.
OWNER: tuple[Callable[[Task], Task], ...] = (
    lambda task: task.cancel(LATER, KEEP),
    lambda task: task.redrive(LATER, GRACE),
)
#: To a running task: its worker, or the sweep when the lease is out.
WORKER: tuple[Callable[[Task], Task], ...] = (
    lambda task: task.succeed(LATER, Document.of(1), KEEP),
    lambda task: task.fail(LATER, ERROR, KEEP),
    lambda task: task.retry_later(LATER, ERROR, WAIT, GRACE),
    lambda task: task.snooze(LATER, WAIT, GRACE),
    lambda task: task.stop(LATER, KEEP),
)
#: To a waiting task: the sweep and the monitor; and a claim, which is one write in `aws/task_table.py`.
SWEEP: tuple[Callable[[Task], Task], ...] = (
    lambda task: task.expire(LATER, KEEP),
    lambda task: task.check_again(LATER, LATER + GRACE),
    lambda task: task.fail_as_poison(LATER, ERROR, KEEP),
    lambda task: replace(task, status=S.RUNNING),
)


def test_the_table_names_every_status() -> None:
    assert set(TRANSITIONS) == set(TaskStatus)
    assert WAITING | TERMINAL | {S.RUNNING} == set(TaskStatus)


@pytest.mark.parametrize("status", TaskStatus)
def test_the_methods_make_exactly_the_transitions_of_the_table(status: TaskStatus) -> None:
    task = replace(a_running_task(), status=status)
    methods = OWNER + (WORKER if status is S.RUNNING else ())
    methods += SWEEP if status in WAITING else ()
    found = set()
    for method in methods:
        with suppress(TransitionNotAllowed):
            found.add(method(task).status)
    assert found - {status} == TRANSITIONS[status]


def test_nothing_leaves_success() -> None:
    assert TRANSITIONS[S.SUCCEEDED] == frozenset()


def test_the_drawing_shows_the_table() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): ", STATES.read_text(), re.MULTILINE)
    assert set(drawn) == {(a.value, b.value) for a, after in TRANSITIONS.items() for b in after}


def test_the_list_explains_each_verb_of_the_drawing_and_no_other() -> None:
    explained = re.findall(r"^- \*\*(.+?)\*\*: ", STATES.read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(drawn_verbs())


def test_the_protocol_has_each_verb_as_a_heading_or_a_row() -> None:
    text = PROTOCOL.read_text()
    headings = {each.lower() for each in re.findall(r"^### (.+)$", text, re.MULTILINE)}
    rows = {each.lower() for each in re.findall(r"^(?:\| |- )\*\*(.+?)\*\*", text, re.MULTILINE)}
    assert drawn_verbs() <= headings | rows


def drawn_verbs() -> set[str]:
    labels = re.findall(r"^    \S+ --> \S+: (.+)$", STATES.read_text(), re.MULTILINE)
    return {verb for label in labels for verb in label.split(", ")}
