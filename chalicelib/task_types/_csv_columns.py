"""The profile of a CSV's column, updated cell by cell."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict

#: Different values of a column are counted up to this many.
DISTINCT_LIMIT = 10_000
#: Names and texts are cut to this many characters.
EXCERPT_CHARACTERS = 100

_INT64 = range(-(2**63), 2**63)
_INT64_DIGITS = 20  # with the sign
_LARGEST = Decimal(sys.float_info.max)
# Leading zeros make a code (a zip code, an account), not a number. A match without a group is an integer.
_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*|(?=\.))(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_BOOLEANS = {"true": True, "false": False}


class ColumnProfile(TypedDict):
    """The result for one column."""

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


def _valid(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError:  # the 30th of February
        return None


class _Values:
    """The range of a column's values, for as long as all of them can be parsed as one type."""

    def __init__(self, type_name: str, parse: Callable[[str], Any], to_json: Callable[[Any], Any]) -> None:
        self.type = type_name
        self.parse = parse
        self._to_json = to_json
        self._least: Any = None
        self._most: Any = None

    def add(self, text: str) -> bool:
        """Include a value; False when it is of another type."""
        value = self.parse(text)
        return value is not None and self._include(value)

    def _include(self, value: Any) -> bool:
        try:
            if self._least is None or value < self._least:
                self._least = value
            if self._most is None or value > self._most:
                self._most = value
        except TypeError:  # a time with a zone and one without cannot be compared
            return False
        return True

    def range(self) -> tuple[Any, Any]:
        """The least and the greatest value, as JSON."""
        return self._to_json(self._least), self._to_json(self._most)

    def mean(self) -> float | None:
        """The mean; None for a type without one."""
        return None


class _Numbers(_Values):
    """Numbers. The type stays integer until the first number that is not one."""

    def __init__(self) -> None:
        super().__init__("integer", _number, lambda value: value if self.type == "integer" else float(value))
        self._sum: int | Decimal = 0
        self._count = 0

    def _include(self, value: Any) -> bool:
        self._sum += value
        self._count += 1
        if isinstance(value, Decimal):
            self.type = "number"
        return super()._include(value)

    def mean(self) -> float | None:
        return float(self._sum / self._count)


def _shortened(text: str) -> str:
    return text[:EXCERPT_CHARACTERS]


class Column:
    """One column of a CSV.

    Spaces around a value are ignored, and a blank cell is a null. Memory is bounded: values are kept only to
    count the different ones, and only up to DISTINCT_LIMIT.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self._nulls = 0
        self._distinct: set[str] | None = set()
        # The types that fit all cells so far, the preferred one first; text always fits.
        self._candidates = [
            _Numbers(),
            _Values("boolean", _boolean, bool),
            _Values("date", _date, date.isoformat),
            _Values("datetime", _datetime, datetime.isoformat),
            _Values("string", str, _shortened),
        ]

    def add(self, cell: str) -> None:
        """Include the next cell."""
        text = cell.strip()
        if not text:
            self._nulls += 1
            return
        self._count += 1
        if self._distinct is not None:
            self._distinct.add(text)
            if len(self._distinct) > DISTINCT_LIMIT:
                self._distinct = None
        rejected = [values for values in self._candidates if not values.add(text)]
        for values in rejected:
            self._candidates.remove(values)

    def profile(self) -> ColumnProfile:
        """The profile of the cells so far."""
        values = self._candidates[0]
        least, most = values.range() if self._count else (None, None)
        return {
            "name": _shortened(self._name),
            "type": values.type if self._count else "empty",
            "count": self._count,
            "nulls": self._nulls,
            # Counted after parsing: 1 and 1.0 are one number, true and TRUE one boolean.
            "distinct": None if self._distinct is None else len(set(map(values.parse, self._distinct))),
            "min": least,
            "max": most,
            "mean": values.mean() if self._count else None,
        }
