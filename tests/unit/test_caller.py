"""What a caller may do, and for whom."""

from __future__ import annotations

import pytest

from chalicelib.domain.caller import ANYBODY, Caller, Scope, is_owner
from chalicelib.domain.errors import Forbidden

READ, WRITE, ADMIN = Scope


def caller(*scopes: Scope) -> Caller:
    return Caller(subject="ada", owner="acme", scopes=frozenset(scope.value for scope in scopes))


class TestScopes:
    @pytest.mark.parametrize(
        ("held", "allowed"),
        [
            ((), set()),
            ((READ,), {READ}),
            ((WRITE,), {WRITE}),
            ((READ, WRITE), {READ, WRITE}),
            ((ADMIN,), {READ, WRITE, ADMIN}),
        ],
    )
    def test_an_administrator_may_everything_and_others_what_they_hold(
        self, held: tuple[Scope, ...], allowed: set[Scope]
    ) -> None:
        assert {scope for scope in Scope if caller(*held).may(scope)} == allowed

    def test_a_refusal_names_the_scope_that_is_missing(self) -> None:
        with pytest.raises(Forbidden, match="tasks:write"):
            caller(READ).require(WRITE)


class TestOwners:
    @pytest.mark.parametrize("owner", [None, "acme"])
    @pytest.mark.parametrize("scopes", [(), (READ, WRITE), (ADMIN,)])
    def test_everybody_acts_for_themselves(self, owner: str | None, scopes: tuple[Scope, ...]) -> None:
        assert caller(*scopes).acting_for(owner) == caller(*scopes)

    def test_an_administrator_acts_for_others_and_stays_who_they_are(self) -> None:
        acting = caller(ADMIN).acting_for("bob")
        assert (acting.owner, acting.subject) == ("bob", "ada")

    @pytest.mark.parametrize("scopes", [(), (READ,), (READ, WRITE)])
    def test_nobody_else_does(self, scopes: tuple[Scope, ...]) -> None:
        with pytest.raises(Forbidden):
            caller(*scopes).acting_for("bob")

    @pytest.mark.parametrize("name", ["a", "x" * 128, "Zoë", "a b", "org/7", "~!@$%^&*()"])
    def test_have_names_that_can_be_printed(self, name: str) -> None:
        assert is_owner(name)

    @pytest.mark.parametrize(
        "name", ["", "x" * 129, "a#b", "#", "a\nb", "\x7f", "\u202e", "\u200b", "\ud800"]
    )
    def test_have_no_names_that_break_keys_or_logs(self, name: str) -> None:
        assert not is_owner(name)


def test_without_tokens_everybody_is_the_administrator_of_the_default_owner() -> None:
    assert ANYBODY.owner == "default"
    assert all(ANYBODY.may(scope) for scope in Scope)
