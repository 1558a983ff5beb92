"""The pieces of DynamoDB's requests and answers that every table needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.aws.client import ServiceError


def names(*attributes: str) -> dict[str, str]:
    """Placeholders for attribute names, some of which are reserved words; each is its name after a #."""
    return {f"#{name}": name for name in attributes}


def number(value: int) -> dict[str, str]:
    """A number as an attribute value."""
    return {"N": str(value)}


def refused_row(refusal: ServiceError) -> dict[str, Any] | None:
    """The current row, which DynamoDB returns with a refused condition; None when there is none."""
    row: dict[str, Any] | None = refusal.response.get("Item")
    return row
