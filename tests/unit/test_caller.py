"""The scopes of a caller, and the owners that it may act for."""

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
    def test_an_administrator_has_every_scope_and_others_their_own(
        self, held: tuple[Scope, ...], allowed: set[Scope]
    ) -> None:
        assert {scope for scope in Scope if caller(*held).may(scope)} == allowed

    def test_a_refusal_names_the_scope_that_is_missing(self) -> None:
        with pytest.raises(Forbidden, match="tasks:write"):
            caller(READ).require(WRITE)


class TestOwners:
    @pytest.mark.parametrize("owner", [None, "acme"])
    @pytest.mark.parametrize("scopes", [(), (READ, WRITE), (ADMIN,)])
    def test_every_caller_may_act_for_themselves(self, owner: str | None, scopes: tuple[Scope, ...]) -> None:
        assert caller(*scopes).acting_for(owner) == caller(*scopes)

    def test_an_administrator_acts_for_others_under_their_own_subject(self) -> None:
        acting = caller(ADMIN).acting_for("bob")
        assert (acting.owner, acting.subject) == ("bob", "ada")

    @pytest.mark.parametrize("scopes", [(), (READ,), (READ, WRITE)])
    def test_other_callers_may_not_act_for_others(self, scopes: tuple[Scope, ...]) -> None:
        with pytest.raises(Forbidden):
            caller(*scopes).acting_for("bob")

    @pytest.mark.parametrize("name", ["a", "x" * 128, "Zoë", "a b", "org/7", "~!@$%^&*()"])
    def test_may_have_any_printable_name(self, name: str) -> None:
        assert is_owner(name)

    @pytest.mark.parametrize(
        "name", ["", "x" * 129, "a#b", "#", "a\nb", "\x7f", "\u202e", "\u200b", "\ud800"]
    )
    def test_may_not_have_names_that_break_keys_or_logs(self, name: str) -> None:
        assert not is_owner(name)


def test_without_tokens_every_caller_is_the_administrator_of_the_default_owner() -> None:
    assert ANYBODY.owner == "default"
    assert all(ANYBODY.may(scope) for scope in Scope)
