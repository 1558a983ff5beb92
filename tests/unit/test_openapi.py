"""The OpenAPI document is valid and complete, and its examples match its schemas."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

import app
from chalicelib.http.openapi.document import document, text
from chalicelib.http.openapi.operations import OPERATIONS, Operation
from chalicelib.settings import VERSION
from tests.support.page_routes import PAGE_ROUTES

DOCUMENT = document(VERSION)


def named(operation: Operation) -> str:
    return operation.name


def test_it_is_valid() -> None:
    validate(DOCUMENT)  # type: ignore[arg-type]


def test_the_document_has_every_route() -> None:
    """Each route needs an operation in `operations.py`, and each operation a route."""
    routes = {
        (method.lower(), path)
        for path, methods in app.app.routes.items()
        for method in methods
        if method != "OPTIONS" and path not in PAGE_ROUTES
    }
    documented = {(method, path) for path, each in DOCUMENT["paths"].items() for method in each}
    assert documented == routes
    assert len(OPERATIONS) == len(routes)


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_an_operation_has_the_name_of_its_view(operation: Operation) -> None:
    assert app.app.routes[operation.path][operation.method.upper()].view_name == operation.name


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.body], ids=named)
def test_the_examples_are_valid(operation: Operation) -> None:
    """For the model that reads them, and for the schema that describes them."""
    assert operation.body is not None
    assert operation.examples
    schema: dict[str, Any] = {
        "$ref": f"#/components/schemas/{operation.body.__name__}",
        "components": DOCUMENT["components"],
    }
    for example in operation.examples.values():
        operation.body.model_validate(example)
        Draft202012Validator(schema).validate(example)


def test_every_operation_but_two_needs_a_token() -> None:
    for operation in OPERATIONS:
        described = DOCUMENT["paths"][operation.path][operation.method]
        open_to_all = operation.path in ("/health", "/openapi.json")
        assert (described["security"] == []) is open_to_all
        assert ("401" in described["responses"]) is not open_to_all


def test_it_is_smaller_than_64_kb() -> None:
    assert len(text()) < 64 * 1024
