"""Cursors are opaque, signed, and valid for one list only."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import BadCursor
from chalicelib.http.pagination import read_cursor, sign_cursor
from tests.support.examples import TASK_ID, task_ids

KEYS = [b"a key for tests"]
FILTERS = {"status": "failed", "tag": "é\ud800"}
CURSOR = sign_cursor(KEYS, "ada", FILTERS, TASK_ID)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=é"


@given(task_ids, st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_a_cursor_returns_its_position(position: str, owner: str, filters: dict[str, str]) -> None:
    assert read_cursor(KEYS, owner, filters, sign_cursor(KEYS, owner, filters, position)) == position


def test_a_cursor_needs_no_escapes_in_a_url() -> None:
    assert set(CURSOR) <= set(ALPHABET[:64])


def test_a_cursor_does_not_show_the_owner_or_the_filters() -> None:
    raw = base64.urlsafe_b64decode(CURSOR + "==")
    assert b"ada" not in raw
    assert b"failed" not in raw


@pytest.mark.parametrize("place", range(len(CURSOR)))
def test_no_character_can_be_changed(place: int) -> None:
    """Not even a character of which base64 ignores some bits."""
    for letter in set(ALPHABET) - {CURSOR[place]}:
        with pytest.raises(BadCursor):
            read_cursor(KEYS, "ada", FILTERS, CURSOR[:place] + letter + CURSOR[place + 1 :])


@pytest.mark.parametrize("length", range(len(CURSOR)))
def test_nothing_can_be_cut_off(length: int) -> None:
    with pytest.raises(BadCursor):
        read_cursor(KEYS, "ada", FILTERS, CURSOR[:length])


@pytest.mark.parametrize("more", ["=", "==", "A", "AAAA", " ", "\n", "é", "\ud800"])
def test_nothing_can_be_added(more: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(KEYS, "ada", FILTERS, CURSOR + more)


@pytest.mark.parametrize(
    ("owner", "filters"),
    [
        ("bob", FILTERS),
        ("", FILTERS),
        ("ada", {}),
        ("ada", {"status": "failed"}),
        ("ada", {**FILTERS, "status": "queued"}),
        ("ada", {**FILTERS, "type": "a"}),
    ],
)
def test_a_cursor_is_valid_for_its_owner_and_filters_only(owner: str, filters: dict[str, str]) -> None:
    with pytest.raises(BadCursor):
        read_cursor(KEYS, owner, filters, CURSOR)


def test_the_order_of_filters_does_not_matter() -> None:
    assert read_cursor(KEYS, "ada", dict(reversed(FILTERS.items())), CURSOR) == TASK_ID


@pytest.mark.parametrize("position", ["", "nope", "0" * 36])
def test_a_signed_position_that_is_not_a_task_id_is_refused(position: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(KEYS, "ada", {}, sign_cursor(KEYS, "ada", {}, position))


class TestRotation:
    """A new key comes first. The old one stays until its cursors are no longer in use."""

    def test_the_first_key_signs(self) -> None:
        assert sign_cursor([b"new", *KEYS], "ada", FILTERS, TASK_ID) == sign_cursor(
            [b"new"], "ada", FILTERS, TASK_ID
        )

    def test_cursors_of_an_older_key_stay_valid(self) -> None:
        assert read_cursor([b"new", *KEYS], "ada", FILTERS, CURSOR) == TASK_ID

    def test_cursors_of_a_removed_key_are_refused(self) -> None:
        with pytest.raises(BadCursor):
            read_cursor([b"new"], "ada", FILTERS, CURSOR)
