"""Decodes JSON into the values of `models`, by the types of their fields."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Self, cast, get_args, get_origin, get_type_hints


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """A value that was decoded from JSON."""

    json: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)  #: as it was received

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The value of a JSON object. Missing fields get their defaults, unknown fields stay in `json`."""
        readers = _readers_of(cast(Any, cls))  # mypy does not take a class of Self for Hashable
        known = {name: readers[name](data[name]) for name in readers.keys() & data.keys()}
        return cls(json=data, **known)


Reader = Callable[[Any], Any]


@cache
def _readers_of(cls: type[Decoded]) -> Mapping[str, Reader]:
    hints = get_type_hints(cls, vars(sys.modules[cls.__module__]))
    return {each.name: _reader(hints[each.name]) for each in fields(cls) if each.name != "json"}


def _reader(hint: Any) -> Reader:
    """The function that decodes a value of this type; null becomes None."""
    inner = next((each for each in get_args(hint) if each is not type(None)), hint)
    if get_origin(hint) is tuple:
        item = _reader(inner)
        return lambda values: tuple(item(each) for each in values or ())
    chosen = inner if type(None) in get_args(hint) else hint
    if chosen is datetime:
        return lambda text: None if text is None else datetime.fromisoformat(text)
    if is_dataclass(chosen) and isinstance(chosen, type) and issubclass(chosen, Decoded):
        return lambda data: None if data is None else chosen.from_json(data)
    return lambda value: value
