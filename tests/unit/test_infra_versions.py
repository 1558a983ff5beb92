"""A rollback returns to the code before the last deployment, for the functions that it changed."""

from __future__ import annotations

import pytest

from infra.deployer.versions import History, Version, plan_rollback
from infra.errors import BadInput


def history(function: str, *codes: str, live: str | None = None) -> History:
    """Versions as `code@deployment`; the last one is live unless `live` is given."""
    versions = [
        Version(number=number, code=code, deployment=deployment)
        for number, (code, deployment) in enumerate((each.split("@") for each in codes), 1)
    ]
    return History(function=function, live=live or versions[-1].code, versions=versions)


def rollbacks(*histories: History) -> dict[str, str]:
    return {each.function: each.to.code for each in plan_rollback(histories)}


def test_all_functions_return_together() -> None:
    assert rollbacks(history("a", "1@d1", "2@d2"), history("b", "1@d1", "2@d2")) == {"a": "1", "b": "1"}


def test_only_what_the_last_deployment_changed_returns() -> None:
    assert rollbacks(history("a", "1@d1", "2@d2"), history("b", "1@d1")) == {"a": "1"}


def test_an_unfinished_deployment_returns_to_the_published_code() -> None:
    assert rollbacks(history("a", "1@d1", "2@d2", live="3"), history("b", "1@d1", "2@d2")) == {"a": "2"}


def test_discarded_versions_are_listed() -> None:
    (rollback,) = plan_rollback([history("a", "1@d1", "2@d2")])
    assert [version.code for version in rollback.discarded] == ["2"]


def test_a_version_with_the_same_code_is_no_plan_rollback() -> None:
    assert rollbacks(history("a", "1@d1", "2@d2", "2@d3")) == {"a": "1"}


@pytest.mark.parametrize(
    "histories", [[history("a", "1@d1")], [History(function="a", live="1", versions=[])]]
)
def test_the_first_deployment_has_no_rollback(histories) -> None:
    with pytest.raises(BadInput, match="no earlier code"):
        plan_rollback(histories)
