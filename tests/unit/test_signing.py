"""Signed text: a change or another purpose makes it invalid."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth.signing import sign, verified

KEY, OTHER = b"k" * 32, b"o" * 32
bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=500)
SIGNED = sign(KEY, "ticket", "a body")


@given(bodies, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_body_is_read_back(body: str, purpose: str) -> None:
    assert verified([KEY], purpose, sign(KEY, purpose, body)) == body


@given(bodies)
def test_it_needs_no_escapes_in_a_url(body: str) -> None:
    assert sign(KEY, "ticket", body).replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("purpose", ["", "cursor", "Ticket", "ticket ", "ticket\0", "ticke"])
def test_a_signature_is_valid_for_one_purpose(purpose: str) -> None:
    assert verified([KEY], purpose, SIGNED) is None


def test_purpose_and_body_are_separated() -> None:
    assert sign(KEY, "a", "b") != sign(KEY, "ab", "")


@pytest.mark.parametrize("keys", [[], [OTHER], [b""], [KEY + b"k"], [KEY[:-1]]])
def test_a_signature_of_another_key_is_refused(keys: list[bytes]) -> None:
    assert verified(keys, "ticket", SIGNED) is None


@pytest.mark.parametrize("keys", [[KEY], [OTHER, KEY], [KEY, OTHER]])
def test_every_key_of_a_rotation_verifies(keys: list[bytes]) -> None:
    assert verified(keys, "ticket", SIGNED) == "a body"


@given(st.binary(max_size=100))
def test_random_bytes_are_refused(raw: bytes) -> None:
    assert verified([KEY], "ticket", base64.urlsafe_b64encode(raw).decode().rstrip("=")) is None


@given(st.text(st.characters(exclude_categories=()), max_size=100))
def test_random_text_is_refused(text: str) -> None:
    assert verified([KEY], "ticket", text) is None


def test_a_text_over_the_limit_is_refused() -> None:
    assert verified([KEY], "ticket", sign(KEY, "ticket", "x" * 5000)) is None
