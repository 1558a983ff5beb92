"""From pydantic's errors to the service's: a JSON pointer and a remedy per wrong field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.domain.errors import FieldError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

#: What pydantic says of a field that its model does not have, in words that help.
_UNKNOWN = "this field is not known"
#: Longer values are not repeated.
_SHOWN_CHARACTERS = 60


def field_errors(
    error: ValidationError, prefix: str = "", *, show_values: bool = False
) -> tuple[FieldError, ...]:
    """One FieldError for each wrong field; pointers start with `prefix`.

    A message repeats the wrong value only when `show_values`: a payload must not travel in errors.
    """
    return tuple(
        FieldError(pointer=prefix + pointer(each["loc"]), message=_message(each, show_values=show_values))
        for each in error.errors(include_url=False, include_context=False)
    )


def _message(each: ErrorDetails, *, show_values: bool) -> str:
    if each["type"] == "extra_forbidden":
        return _UNKNOWN
    value = each["input"]
    if show_values and isinstance(value, str | int | float) and len(repr(value)) <= _SHOWN_CHARACTERS:
        return f"{each['msg']}, not {value!r}"
    return each["msg"]


def pointer(path: tuple[int | str, ...]) -> str:
    """The JSON pointer (RFC 6901) of a path as pydantic gives it."""
    if path[-1:] == ("[key]",):  # a wrong key of an object: point to its member, there is nothing below it
        path = path[:-1]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
