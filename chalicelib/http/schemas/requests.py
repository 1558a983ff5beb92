"""The bodies and queries that clients send. Unknown fields are refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.redrive import (
    ALLOWED_STATUSES,
    DEFAULT_RATE,
    MAX_RATE,
    Action,
    NewRedrive,
    RedriveFilter,
)
from chalicelib.domain.task import ErrorKind, TaskStatus
from chalicelib.domain.task_types import MAX_ATTEMPTS, NAME_LIMIT_CHARACTERS, TIMEOUT_LIMIT_SECONDS
from chalicelib.domain.timing import DELAY_LIMIT
from chalicelib.domain.validation import field_errors

BATCH_LIMIT = 100
PAGE_LIMIT = 100
DEFAULT_PAGE = 25
TAGS_LIMIT = 10
#: Minutes that `GET /stats` looks back at most: a day.
STATS_LIMIT_MINUTES = 1440
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], data: Any) -> M:
    """`data` as a model. Raises: Invalid, with a pointer to each wrong field."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = field_errors(error, show_values=True)
        raise Invalid(f"{len(wrong)} field{'s are' if len(wrong) > 1 else ' is'} not valid.", wrong) from None


def _only_text(value: Any) -> Any:
    """Refuse all but RFC 3339 text: pydantic would guess the unit of a bare number, even in quotes."""
    if not isinstance(value, str) or not _DATE_AND_TIME.match(value):
        raise PydanticCustomError(
            "time_text", "a time is needed as RFC 3339 text, such as 2026-01-31T12:00:00Z"
        )
    return value


def _in_utc(value: datetime) -> datetime:
    """The time in UTC, as rows and responses have it. A time out of UTC's range is refused."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("time_range", "the time is out of range") from None


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "a number of seconds is needed")
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_only_text), AfterValidator(_in_utc)]
Seconds = Annotated[float, BeforeValidator(_number)]
Tag = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT_CHARACTERS)]


#: The kind of a task's last error, or `quarantined` for a message that is not this service's.
DeadLetterKind = Literal["exception", "timeout", "crashed", "poison", "rejected", "quarantined"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class TaskRequest(_Request):
    """The body of `POST /tasks`."""

    type: Name = Field(description="A task type, such as `http.request`.")
    payload: Any = Field(default_factory=dict, description="The type's payload.")
    max_attempts: StrictInt | None = Field(
        None, ge=1, le=MAX_ATTEMPTS, description="The most attempts; by default the type's."
    )
    timeout_seconds: Seconds | None = Field(
        None,
        ge=1,
        le=max(TIMEOUT_LIMIT_SECONDS.values()),
        description="The longest silence of a run; by default the type's.",
    )
    delay_seconds: Seconds | None = Field(
        None,
        ge=0,
        le=DELAY_LIMIT.total_seconds(),
        description="Seconds until the task may start. Excludes `run_at`.",
    )
    run_at: Time | None = Field(None, description="The time at which the task may start.")
    expires_at: Time | None = Field(None, description="The task expires if it has not started by then.")
    tags: tuple[Tag, ...] = Field((), max_length=TAGS_LIMIT, description="Words to filter by.")

    def new_task(self) -> NewTask:
        """The task to create. Raises: Invalid for two start times."""
        if self.delay_seconds is not None and self.run_at is not None:
            message = "delay_seconds and run_at exclude each other: send one of them"
            raise Invalid(
                "The task has two start times.",
                tuple(FieldError(pointer=each, message=message) for each in ("/delay_seconds", "/run_at")),
            )
        return NewTask(**{name: getattr(self, name) for name in type(self).model_fields})


class BatchRequest(_Request):
    """The body of `POST /tasks/batch`; each task is validated on its own."""

    tasks: list[Any] = Field(min_length=1, max_length=BATCH_LIMIT, description="Bodies of `POST /tasks`.")


class TicketRequest(_Request):
    """The body of `POST /tickets`."""

    watch: str = Field("all", max_length=200, description="`all`, `task:ID` or `type:NAME`.")


class PauseRequest(_Request):
    """The body of `POST /task-types/{name}/pause`."""

    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="A reason, shown to people."
    )


class ListQuery(_Request):
    """The query of `GET /tasks`."""

    status: TaskStatus | None = None
    type: Name | None = None
    tag: Tag | None = None
    limit: int = Field(DEFAULT_PAGE, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(None, description="The `next_cursor` of the page before.")

    @property
    def filters(self) -> dict[str, str]:
        """The filters that the query sets."""
        filters = {"status": self.status and self.status.value, "type": self.type, "tag": self.tag}
        return {name: value for name, value in filters.items() if value is not None}


class RedriveFilterRequest(_Request):
    """The tasks that a redrive acts on."""

    status: TaskStatus | None = None
    type: Name | None = None
    tag: Tag | None = None
    error_kind: ErrorKind | None = Field(None, description="The kind of the last error.")
    group: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="The id of a dead letter group."
    )
    created_before: Time | None = None
    created_after: Time | None = None
    all: StrictBool = Field(False, description="Match every task.")


class RedriveRequest(_Request):
    """The body of `POST /redrives`."""

    action: Action = Action.RETRY
    filter: RedriveFilterRequest = RedriveFilterRequest()
    dry_run: StrictBool = Field(False, description="Only count the tasks that match.")
    rate: StrictInt = Field(DEFAULT_RATE, ge=1, le=MAX_RATE, description="Tasks per second.")

    @model_validator(mode="after")
    def _no_accident(self) -> RedriveRequest:
        status = self.filter.status
        if status is not None and status not in ALLOWED_STATUSES[self.action]:
            allowed = ", ".join(sorted(each.value for each in ALLOWED_STATUSES[self.action]))
            raise PydanticCustomError("wrong_status", f"{self.action} acts on tasks that are {allowed}")
        if not self.filter.model_fields_set:
            raise PydanticCustomError(
                "no_filter", 'a filter is needed; send {"all": true} in it for all of your tasks'
            )
        return self

    def new_redrive(self) -> NewRedrive:
        """The redrive to start."""
        filters = self.filter.model_dump(exclude={"all"})
        return NewRedrive(action=self.action, filter=RedriveFilter(**filters), rate=self.rate)


class PageQuery(_Request):
    """The query of a list without filters."""

    limit: int = Field(DEFAULT_PAGE, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(None, description="The `next_cursor` of the page before.")


class DeadLetterQuery(_Request):
    """The query of `GET /dead-letters`."""

    type: Name | None = None
    kind: DeadLetterKind | None = None
    group: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="The id of a group: list its dead letters."
    )
    limit: int = Field(DEFAULT_PAGE, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(None, description="The `next_cursor` of the page before.")

    @property
    def filters(self) -> dict[str, str]:
        """The filters that the query sets."""
        filters = {"type": self.type, "kind": self.kind}
        return {name: value for name, value in filters.items() if value is not None}

    @property
    def list(self) -> dict[str, str]:
        """The identity of this list, to which its cursors are bound."""
        return {"list": "dead-letters", "group": self.group or "", **self.filters}


class StatsQuery(_Request):
    """The query of `GET /stats`."""

    minutes: int = Field(60, ge=1, le=STATS_LIMIT_MINUTES, description="The length of the period.")
