"""Tickets as text: valid for a minute and for one owner and watch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth.tickets import read_ticket, sign_ticket
from chalicelib.domain.caller import is_owner
from chalicelib.domain.errors import Unauthorized
from chalicelib.domain.ticket import LIFETIME, Ticket
from chalicelib.http.pagination import sign_cursor
from tests.support.examples import NOW, TASK_ID

KEYS = [b"k" * 32]
TICKET = Ticket(id="t1", subject="ada", owner="acme", watch="all", connect_by=NOW + LIFETIME)
TEXT = sign_ticket(KEYS, TICKET)
names = st.text(min_size=1, max_size=128).filter(is_owner)


@given(names, names, st.sampled_from(["all", f"task:{TASK_ID}", "type:" + "\N{PILE OF POO}" * 195]))
def test_a_ticket_is_read_back(subject: str, owner: str, watch: str) -> None:
    ticket = replace(
        TICKET, subject=subject, owner=owner, watch=watch, session_until=NOW + timedelta(hours=1)
    )
    assert read_ticket(KEYS, sign_ticket(KEYS, ticket), NOW) == ticket


def test_the_longest_ticket_is_read_and_fits_a_url() -> None:
    long = "\N{GRINNING FACE}" * 128
    ticket = replace(TICKET, subject=long, owner=long, watch="type:" + "\N{GRINNING FACE}" * 195)
    text = sign_ticket(KEYS, ticket)
    assert read_ticket(KEYS, text, NOW) == ticket
    assert len(text) < 4096


def test_a_ticket_is_valid_for_a_minute_at_most() -> None:
    assert LIFETIME.total_seconds() <= 60


@pytest.mark.parametrize("late", [timedelta(0), timedelta(milliseconds=1), timedelta(days=1)])
def test_an_expired_ticket_is_refused(late: timedelta) -> None:
    with pytest.raises(Unauthorized):
        read_ticket(KEYS, TEXT, TICKET.connect_by + late)


def test_no_character_can_be_changed() -> None:
    for place, letter in enumerate(TEXT):
        with pytest.raises(Unauthorized):
            read_ticket(KEYS, TEXT[:place] + ("A" if letter != "A" else "B") + TEXT[place + 1 :], NOW)


@pytest.mark.parametrize(
    "text", ["", "nope", TEXT[:-1], TEXT + "A", TEXT + "=", " " + TEXT, TEXT + "\n", "é", "\ud800"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(Unauthorized):
        read_ticket(KEYS, text, NOW)


def test_a_cursor_is_not_a_ticket() -> None:
    with pytest.raises(Unauthorized):
        read_ticket(KEYS, sign_cursor(KEYS, "acme", {}, TASK_ID), NOW)


class TestRotation:
    def test_tickets_of_the_older_key_stay_valid(self) -> None:
        assert read_ticket([b"n" * 32, *KEYS], TEXT, NOW) == TICKET

    def test_tickets_of_a_removed_key_are_refused(self) -> None:
        with pytest.raises(Unauthorized):
            read_ticket([b"n" * 32], TEXT, NOW)
