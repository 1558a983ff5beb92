"""Tasks to test with, and hypothesis strategies for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from chalicelib.domain.documents import INLINE_LIMIT_BYTES, Document
from chalicelib.domain.ids import new_task_id
from chalicelib.domain.task import Attempt, ErrorKind, Progress, Task, TaskError, TaskStatus

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
KEEP = timedelta(days=30)
TASK_ID = new_task_id(NOW, 0, 4)
ERROR = TaskError.of(ErrorKind.EXCEPTION, "it broke", "ValueError")
CLAIMED = timedelta(seconds=75)


def a_task(status: TaskStatus = TaskStatus.QUEUED, **fields: Any) -> Task:
    """A task that was created at NOW, with `fields` replaced."""
    values: dict[str, Any] = {
        "id": TASK_ID,
        "owner": "default",
        "type": "demo.sleep",
        "status": status,
        "payload": Document.of({"seconds": 1}),
        "max_attempts": 3,
        "timeout_seconds": 60.0,
        "created_at": NOW,
        "updated_at": NOW,
        "queued_at": NOW,
        "run_at": NOW,
        "due_at": NOW + timedelta(seconds=120),
    }
    return Task(**{**values, **fields})


def a_running_task(**fields: Any) -> Task:
    """A task in its first attempt, claimed at NOW."""
    run = {
        "attempt": 1,
        "lease": 1,
        "version": 2,
        "started_at": NOW,
        "lease_until": NOW + CLAIMED,
    }
    return a_task(TaskStatus.RUNNING, **{**run, **fields})


# --- Hypothesis -----------------------------------------------------------------------------------

#: Clients may send any JSON, including half surrogates and NUL characters.
json_text = st.text(st.characters(exclude_categories=()), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | json_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_text, inner, max_size=4),
    max_leaves=12,
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001 - st.datetimes wants them so
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
counts = st.integers(0, 10**9)
errors = st.builds(TaskError.of, st.sampled_from(ErrorKind), words, words)
attempts = st.builds(
    Attempt,
    number=counts,
    lease=counts,
    started_at=moments,
    finished_at=st.none() | moments,
    outcome=st.sampled_from(["succeeded", "failed", "canceled", "snoozed"]),
    error=st.none() | errors,
    next_wait_seconds=st.none() | st.floats(0, 1e6),
)
inline_documents = json_values.map(Document.of).filter(lambda document: not document.stored_apart)
#: As a row has it: the text is stored separately.
documents_apart = st.builds(Document, st.none(), st.integers(INLINE_LIMIT_BYTES + 1, 10**6))
documents = inline_documents | documents_apart
task_ids = st.builds(new_task_id, moments, st.integers(0, 2**74 - 1), st.integers(1, 256))
tasks = st.builds(
    Task,
    id=task_ids,
    owner=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
    | st.just("with#hash"),
    type=words,
    status=st.sampled_from(TaskStatus),
    payload=documents,
    max_attempts=counts,
    timeout_seconds=st.floats(1, 840),
    created_at=moments,
    updated_at=moments,
    run_at=moments,
    version=counts,
    lease=counts,
    attempt=counts,
    redrive_count=counts,
    tags=st.lists(words, max_size=10).map(tuple),
    result=st.none() | documents,
    error=st.none() | errors,
    progress=st.none() | st.builds(Progress, percent=st.floats(0, 100), message=words),
    attempts=st.lists(attempts, max_size=4).map(tuple),
    queued_at=st.none() | moments,
    started_at=st.none() | moments,
    finished_at=st.none() | moments,
    expires_at=st.none() | moments,
    lease_until=st.none() | moments,
    cancel_requested=st.booleans(),
    dead_lettered_at=st.none() | moments,
    due_at=st.none() | moments,
    due_bucket=counts,
    ttl=st.none() | moments.map(lambda moment: moment.replace(microsecond=0)),
    correlation_id=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
)
