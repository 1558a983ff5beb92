"""A plan is shown without a call that changes anything, whatever Chalice may call."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.awsclient import TypedAWSClient
from chalice.deploy import models
from chalice.deploy.planner import KeyDataVariable, Variable
from chalice.utils import UI

from infra.deployer.diff import _LOOKS
from infra.deployer.execution import _CALLS, Rehearsal
from infra.plan import Change, Changes

READS = {name for name in vars(TypedAWSClient) if name.startswith("get_")} - {"get_or_create_rule_arn"}


class Spy:
    """Chalice's client, which notes what it is asked to do and answers nothing."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.called.append(name)


def rehearse(*instructions: Any) -> tuple[list[str], list[Change]]:
    spy = Spy()
    rehearsal = Rehearsal(spy, UI())
    rehearsal.rehearse(models.Plan(list(instructions), {}))
    return spy.called, rehearsal.changes.all


@pytest.mark.parametrize("method", ["create_role", "import_rest_api", "create_stage", "whatever_comes_next"])
def test_a_call_that_may_change_something_is_noted_and_not_made(method: str) -> None:
    called, changes = rehearse(models.APICall(method_name=method, params={"name": "x"}))
    assert called == []
    assert len(changes) == 1


def test_a_call_that_reads_is_made() -> None:
    called, changes = rehearse(models.APICall(method_name="get_rest_api", params={"rest_api_id": "a"}))
    assert called == ["get_rest_api"]
    assert changes == []


def test_what_is_made_later_has_a_placeholder_that_the_rest_can_use() -> None:
    domain = {"domain_name": "api.example.com"}
    called, changes = rehearse(
        models.APICall(method_name="create_domain_name", params=domain, output_var="domain"),
        models.StoreValue(name="zone", value=KeyDataVariable("domain", "hosted_zone_id")),
        models.APICall(
            method_name="create_api_mapping",
            params={**domain, "zone": Variable("zone")},
            output_var="mapping",
        ),
    )
    assert called == []
    assert [str(change) for change in changes] == ["create domain api.example.com"]


def test_every_comparison_is_of_a_call_that_chalice_has() -> None:
    assert set(_LOOKS) <= set(_CALLS) <= set(vars(TypedAWSClient))
    assert not set(_CALLS) & READS


def test_what_is_created_is_told_once() -> None:
    changes = Changes()
    assert changes.add(Change(verb="create", kind="function", name="f"))
    assert not changes.add(Change(verb="update", kind="function", name="f", details=("permission",)))
    assert changes.add(Change(verb="update", kind="function", name="g"))
    assert not changes.add(Change(verb="update", kind="function", name="g"))
