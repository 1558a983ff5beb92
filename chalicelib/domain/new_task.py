"""A request for a new task, and the task that it creates."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.documents import PAYLOAD_LIMIT_BYTES, Document
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.task import Task, TaskStatus
from chalicelib.domain.timing import DELAY_LIMIT, SEND_AHEAD, Timing

if TYPE_CHECKING:
    from chalicelib.domain.task_types import TaskType, TaskTypes


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTask:
    """A request for a new task. For a field that is None the task type decides."""

    type: str
    payload: Any = field(default_factory=dict)
    max_attempts: int | None = None
    timeout_seconds: float | None = None
    delay_seconds: float | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    tags: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """A hash of the request, independent of how its JSON was written."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def task(
        self,
        *,
        id: str,  # noqa: A002 - the field's name
        owner: str,
        task_types: TaskTypes,
        now: datetime,
        timing: Timing,
        due_bucket: int = 0,
        created_by: str | None = None,
        correlation_id: str | None = None,
    ) -> Task:
        """The task to store. Raises: Invalid, with a pointer to each wrong field."""
        task_type = task_types.get(self.type, "/type")
        task_type.parse(self.payload, "/payload")
        now = _to_milliseconds(now)
        run_at = self._start(now)
        self._check_times(now, run_at)
        later = run_at > now
        task = Task(
            id=id,
            owner=owner,
            type=self.type,
            status=TaskStatus.SCHEDULED if later else TaskStatus.QUEUED,
            payload=self._document(),
            max_attempts=self.max_attempts or task_type.max_attempts,
            timeout_seconds=self._timeout(task_type),
            tags=tuple(dict.fromkeys(self.tags)),
            created_at=now,
            updated_at=now,
            queued_at=None if later else now,
            run_at=run_at,
            expires_at=None if self.expires_at is None else _to_milliseconds(self.expires_at),
            due_bucket=due_bucket,
            created_by=created_by,
            correlation_id=correlation_id,
        )
        # guard: create.due
        return replace(task, due_at=task.due(run_at + timing.wake_after(run_at - now, SEND_AHEAD)))

    def _document(self) -> Document:
        try:
            document = Document.of(self.payload)
        except ValueError as error:  # Python reads 1e999 as infinity, which is not JSON
            raise Invalid(
                "The payload is not JSON.", (FieldError(pointer="/payload", message=str(error)),)
            ) from None
        if document.size > PAYLOAD_LIMIT_BYTES:  # compact JSON can be longer than the body: 1e15 is
            message = f"{document.size} bytes as compact JSON; at most {PAYLOAD_LIMIT_BYTES} are kept"
            raise Invalid("The payload is too big.", (FieldError(pointer="/payload", message=message),))
        return document

    def _start(self, now: datetime) -> datetime:
        if self.run_at is not None:
            return max(_to_milliseconds(self.run_at), now)
        return now + timedelta(milliseconds=round(1000 * (self.delay_seconds or 0)))

    def _timeout(self, task_type: TaskType[Any]) -> float:
        if self.timeout_seconds is None:
            return task_type.timeout_seconds
        task_type.check_timeout(self.timeout_seconds, "/timeout_seconds")
        return float(self.timeout_seconds)

    def _check_times(self, now: datetime, run_at: datetime) -> None:
        if run_at > now + DELAY_LIMIT:
            message = f"{run_at.isoformat()} is more than {DELAY_LIMIT.days} days away"
            raise Invalid("The task would start too late.", (FieldError(pointer="/run_at", message=message),))
        if self.expires_at is None or self.expires_at > run_at:
            return
        wrong = "is in the past" if self.expires_at <= now else "is not after the requested start"
        message = f"{self.expires_at.isoformat()} {wrong}"
        raise Invalid(
            "The task would expire before it starts.", (FieldError(pointer="/expires_at", message=message),)
        )


def _to_milliseconds(moment: datetime) -> datetime:
    """`moment` as the row stores it, so that the answer to a request equals later reads."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
