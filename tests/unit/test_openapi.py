"""The OpenAPI document: valid, complete, and with examples that are what it says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

import app
from chalicelib.http.openapi.document import document, text
from chalicelib.http.openapi.operations import OPERATIONS, PAGES, Operation
from chalicelib.settings import VERSION

DOCUMENT = document(VERSION)


def named(operation: Operation) -> str:
    return operation.name


def test_it_is_valid() -> None:
    validate(DOCUMENT)  # type: ignore[arg-type]


def test_routes_and_document_are_the_same() -> None:
    """A route that is added, moved or removed needs its row in `operations`."""
    routes = {
        (method.lower(), path)
        for path, methods in app.app.routes.items()
        for method in methods
        if method != "OPTIONS" and path not in PAGES
    }
    documented = {(method, path) for path, each in DOCUMENT["paths"].items() for method in each}
    assert documented == routes
    assert len(OPERATIONS) == len(routes)


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_an_operation_is_called_as_its_view(operation: Operation) -> None:
    assert app.app.routes[operation.path][operation.method.upper()].view_name == operation.name


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.body], ids=named)
def test_the_examples_are_taken(operation: Operation) -> None:
    """By the model that reads them, and by the schema that describes them."""
    assert operation.body is not None
    assert operation.examples
    schema: dict[str, Any] = {
        "$ref": f"#/components/schemas/{operation.body.__name__}",
        "components": DOCUMENT["components"],
    }
    for example in operation.examples.values():
        operation.body.model_validate(example)
        Draft202012Validator(schema).validate(example)


def test_what_needs_a_token_says_which_scope() -> None:
    for operation in OPERATIONS:
        found = DOCUMENT["paths"][operation.path][operation.method]
        open_to_all = operation.path in ("/health", "/openapi.json")
        assert (found["security"] == []) is open_to_all
        assert ("401" in found["responses"]) is not open_to_all


def test_it_is_small_enough_for_a_page() -> None:
    assert len(text()) < 64 * 1024
