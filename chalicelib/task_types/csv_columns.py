"""What a column of a CSV holds, learned one cell at a time."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict

#: A column's values are told apart up to this many.
DISTINCT_LIMIT = 10_000
#: Names and texts are shown up to this many characters.
SHOWN_CHARACTERS = 100

_INT64 = range(-(2**63), 2**63)
_INT64_DIGITS = 20  # with the sign
_LARGEST = Decimal(sys.float_info.max)
# Leading zeros make a code (a zip code, an account), not a number. Integers are what has no group.
_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*|(?=\.))(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_BOOLEANS = {"true": True, "false": False}


class ColumnProfile(TypedDict):
    """What is told about one column."""

    name: str
    type: str  #: integer, number, boolean, date, datetime, string or empty
    count: int  #: cells with a value
    nulls: int  #: cells without
    distinct: int | None  #: different values; None when there are more than DISTINCT_LIMIT
    min: Any
    max: Any
    mean: float | None  #: of integers and numbers


def _number(text: str) -> int | Decimal | None:
    """An integer of 64 bits as int; another number as Decimal, whose sums are exact and do not overflow."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if match.lastindex is None and len(text) <= _INT64_DIGITS and (integer := int(text)) in _INT64:
        return integer
    value = Decimal(text)
    return value if value.copy_abs() <= _LARGEST else None


def _boolean(text: str) -> bool | None:
    return _BOOLEANS.get(text.lower())


def _date(text: str) -> date | None:
    return _valid(date.fromisoformat, text) if _DATE.fullmatch(text) else None


def _datetime(text: str) -> datetime | None:
    return _valid(datetime.fromisoformat, text) if _DATETIME.fullmatch(text) else None


def _valid(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError:  # the 30th of February
        return None


class _Values:
    """The range of a column's values, as long as all can be read as one type."""

    def __init__(self, type_name: str, read: Callable[[str], Any], show: Callable[[Any], Any]) -> None:
        self.type = type_name
        self.read = read
        self._show = show
        self._least: Any = None
        self._most: Any = None

    def add(self, text: str) -> bool:
        """Take a value in; False when it is of another type."""
        value = self.read(text)
        return value is not None and self._take(value)

    def _take(self, value: Any) -> bool:
        try:
            if self._least is None or value < self._least:
                self._least = value
            if self._most is None or value > self._most:
                self._most = value
        except TypeError:  # a time with a zone beside one without: neither is earlier
            return False
        return True

    def range(self) -> tuple[Any, Any]:
        """The least and the greatest value, as JSON."""
        return self._show(self._least), self._show(self._most)

    def mean(self) -> float | None:
        """The mean, where there is such a thing."""
        return None


class _Numbers(_Values):
    """Numbers, and integers as long as all are."""

    def __init__(self) -> None:
        super().__init__("integer", _number, lambda value: value if self.type == "integer" else float(value))
        self._sum: int | Decimal = 0
        self._count = 0

    def _take(self, value: Any) -> bool:
        self._sum += value
        self._count += 1
        if isinstance(value, Decimal):
            self.type = "number"
        return super()._take(value)

    def mean(self) -> float | None:
        return float(self._sum / self._count)


def _shown(text: str) -> str:
    return text[:SHOWN_CHARACTERS]


class Column:
    """The profile of one column in the making.

    Spaces around a value do not count, and a cell of nothing else is a null. Its size is bounded: the
    values are kept only to tell them apart, and only up to DISTINCT_LIMIT.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self._nulls = 0
        self._different: set[str] | None = set()
        # What the column can still be, the likeliest answer first; text is always possible.
        self._possible = [
            _Numbers(),
            _Values("boolean", _boolean, bool),
            _Values("date", _date, date.isoformat),
            _Values("datetime", _datetime, datetime.isoformat),
            _Values("string", str, _shown),
        ]

    def add(self, cell: str) -> None:
        """Take the next cell in."""
        text = cell.strip()
        if not text:
            self._nulls += 1
            return
        self._count += 1
        if self._different is not None:
            self._different.add(text)
            if len(self._different) > DISTINCT_LIMIT:
                self._different = None
        impossible = [values for values in self._possible if not values.add(text)]
        for values in impossible:
            self._possible.remove(values)

    def profile(self) -> ColumnProfile:
        """What is known by now."""
        values = self._possible[0]
        least, most = values.range() if self._count else (None, None)
        return {
            "name": _shown(self._name),
            "type": values.type if self._count else "empty",
            "count": self._count,
            "nulls": self._nulls,
            # As values: 1 and 1.0 are one number, true and TRUE one boolean.
            "distinct": None if self._different is None else len(set(map(values.read, self._different))),
            "min": least,
            "max": most,
            "mean": values.mean() if self._count else None,
        }
