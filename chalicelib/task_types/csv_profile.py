"""`csv.profile`: the types and ranges of a CSV's columns."""

from __future__ import annotations

from typing import Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib import fetching
from chalicelib.domain.outcomes import Cancel, Rejected
from chalicelib.domain.task_types import Lane, TaskContext, task_type
from chalicelib.fetching import Request, Url, expect_success
from chalicelib.task_types._csv_columns import Column, ColumnProfile
from chalicelib.task_types._csv_source import Source

TEXT_LIMIT_CHARACTERS = 262_144
URL_LIMIT_BYTES = 10_000_000
URL_TIMEOUT_SECONDS = 60.0
COLUMNS_LIMIT = 500
PROGRESS_ROWS = 1000


class CsvProfile(BaseModel):
    """The CSV itself, or its URL."""

    model_config = ConfigDict(extra="forbid")

    csv: str | None = Field(default=None, max_length=TEXT_LIMIT_CHARACTERS)
    url: Url | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.csv is None) == (self.url is None):
            raise PydanticCustomError("exactly_one", "give either csv or url")
        return self


class Profile(TypedDict):
    """The number of rows below the header, and the profile of each column."""

    rows: int
    columns: list[ColumnProfile]


# The long lane runs one task at a time: ten CSVs of 10 MB on one processor would all be late.
@task_type("csv.profile", payload=CsvProfile, lane=Lane.LONG, max_attempts=5, timeout_seconds=120)
def csv_profile(payload: CsvProfile, context: TaskContext) -> Profile | Cancel:
    """Return the type, range, mean and number of different values of each column of a CSV.

    The first line names the columns; comma, semicolon, tab or "|" separates them; blank lines are skipped.
    A column is a string as soon as one of its values is.
    """
    context.progress(0, "reading")
    source = Source.of_text(payload.csv) if payload.csv is not None else _fetched(str(payload.url), context)
    records = source.records()
    header = next(records, None)
    if header is None:
        raise Rejected("line 1: the CSV is empty; its first line names the columns")
    columns = _columns(*header)
    rows = 0
    for line, record in records:
        if len(record) != len(columns):
            expected = f"expected {len(columns)} values, as in the header"
            raise Rejected(f"line {line}: {expected}, but found {len(record)}")
        for column, cell in zip(columns, record, strict=True):
            column.add(cell)
        rows += 1
        if rows % PROGRESS_ROWS == 0:
            context.progress(source.percent_read(), f"{rows} rows")
            if context.cancel_requested:
                return Cancel("canceled on request")
    context.progress(100, f"{rows} rows")
    return {"rows": rows, "columns": [column.profile() for column in columns]}


def _fetched(url: str, context: TaskContext) -> Source:
    response = fetching.fetch(
        Request(url=url, headers={"accept": "text/csv, */*;q=0.5"}),
        timeout_seconds=min(URL_TIMEOUT_SECONDS, fetching.time_left(context)),
        limit_bytes=URL_LIMIT_BYTES,
        follow_redirects=True,
    )
    expect_success(response)
    if response.truncated:
        raise Rejected(f"the CSV has more than {URL_LIMIT_BYTES} bytes")
    return Source.of_response(response)


def _columns(line: int, names: list[str]) -> list[Column]:
    if len(names) > COLUMNS_LIMIT:
        raise Rejected(f"line {line} names {len(names)} columns; at most {COLUMNS_LIMIT} are profiled")
    if not any(name.strip() for name in names):
        raise Rejected(f"line {line} names no columns; the first line that is not blank must")
    return [Column(name.strip()) for name in names]
