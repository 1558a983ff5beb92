"""Translates pydantic's errors: a JSON pointer and a message for each wrong field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.domain.errors import FieldError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

#: The message for a field that the model does not have.
_UNKNOWN = "this field is not known"
#: Messages do not repeat longer values.
_SHOWN_CHARACTERS = 60


def field_errors(
    error: ValidationError, prefix: str = "", *, show_values: bool = False
) -> tuple[FieldError, ...]:
    """One FieldError for each wrong field; pointers start with `prefix`.

    A message repeats the wrong value only when `show_values` is true: errors must not contain payloads.
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
    """The JSON pointer (RFC 6901) of a path in pydantic's form."""
    if path[-1:] == ("[key]",):  # a wrong key of an object: the pointer ends at its member
        path = path[:-1]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
