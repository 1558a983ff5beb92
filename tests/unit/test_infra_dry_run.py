"""A dry run makes no call that changes anything, whatever Chalice plans."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.awsclient import TypedAWSClient
from chalice.deploy import models
from chalice.deploy.planner import KeyDataVariable, Variable
from chalice.utils import UI

from infra.deployer.diff import _COMPARISONS
from infra.deployer.execution import _CHANGING_CALLS, DryRun
from infra.plan import Change, Changes

READS = {name for name in vars(TypedAWSClient) if name.startswith("get_")} - {"get_or_create_rule_arn"}


class Spy:
    """A client that records the names of calls and returns nothing."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.called.append(name)


def dry_run(*instructions: Any) -> tuple[list[str], list[Change]]:
    spy = Spy()
    run = DryRun(spy, UI())
    run.run(models.Plan(list(instructions), {}))
    return spy.called, run.changes.all


@pytest.mark.parametrize("method", ["create_role", "import_rest_api", "create_stage", "an_unknown_call"])
def test_a_call_that_may_change_something_is_listed_and_not_made(method: str) -> None:
    called, changes = dry_run(models.APICall(method_name=method, params={"name": "x"}))
    assert called == []
    assert len(changes) == 1


def test_a_call_that_reads_is_made() -> None:
    called, changes = dry_run(models.APICall(method_name="get_rest_api", params={"rest_api_id": "a"}))
    assert called == ["get_rest_api"]
    assert changes == []


def test_the_output_of_a_skipped_call_has_a_placeholder() -> None:
    domain = {"domain_name": "api.example.com"}
    called, changes = dry_run(
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
    assert set(_COMPARISONS) <= set(_CHANGING_CALLS) <= set(vars(TypedAWSClient))
    assert not set(_CHANGING_CALLS) & READS


def test_a_created_resource_is_listed_once() -> None:
    changes = Changes()
    assert changes.add(Change(verb="create", kind="function", name="f"))
    assert not changes.add(Change(verb="update", kind="function", name="f", details=("permission",)))
    assert changes.add(Change(verb="update", kind="function", name="g"))
    assert not changes.add(Change(verb="update", kind="function", name="g"))
