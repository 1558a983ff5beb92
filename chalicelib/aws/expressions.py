"""The pieces of DynamoDB's requests and answers that every table needs."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.client import ServiceError


def names(*attributes: str) -> dict[str, str]:
    """Placeholders for attribute names, some of which are reserved words; each is its name after a #."""
    return {f"#{name}": name for name in attributes}


def number(value: int) -> dict[str, str]:
    """A number as an attribute value."""
    return {"N": str(value)}


def refused_row(refusal: Exception) -> dict[str, Any] | None:
    """The row as it was, which DynamoDB sends along with a refusal; None when there is none."""
    assert isinstance(refusal, ServiceError)  # which the types of botocore do not know
    row: dict[str, Any] | None = refusal.response.get("Item")
    return row
