"""The way back leads to what was live before the last deployment, whatever that changed."""

from __future__ import annotations

import pytest

from infra.deployer.versions import History, Version, way_back
from infra.errors import BadInput


def history(function: str, *codes: str, live: str | None = None) -> History:
    """Versions by `code@deployment`; the last is live unless another is."""
    versions = [
        Version(number=number, code=code, deployment=deployment)
        for number, (code, deployment) in enumerate((each.split("@") for each in codes), 1)
    ]
    return History(function=function, live=live or versions[-1].code, versions=versions)


def ways(*histories: History) -> dict[str, str]:
    return {each.function: each.to.code for each in way_back(histories)}


def test_all_functions_return_together() -> None:
    assert ways(history("a", "1@d1", "2@d2"), history("b", "1@d1", "2@d2")) == {"a": "1", "b": "1"}


def test_only_what_the_last_deployment_changed_returns() -> None:
    assert ways(history("a", "1@d1", "2@d2"), history("b", "1@d1")) == {"a": "1"}


def test_what_was_not_finished_returns_to_what_was_published() -> None:
    assert ways(history("a", "1@d1", "2@d2", live="3"), history("b", "1@d1", "2@d2")) == {"a": "2"}


def test_the_versions_that_were_left_are_not_returned_to() -> None:
    (way,) = way_back([history("a", "1@d1", "2@d2")])
    assert [version.code for version in way.left] == ["2"]


def test_a_version_with_the_same_code_is_no_way_back() -> None:
    assert ways(history("a", "1@d1", "2@d2", "2@d3")) == {"a": "1"}


@pytest.mark.parametrize(
    "histories", [[history("a", "1@d1")], [History(function="a", live="1", versions=[])]]
)
def test_the_first_deployment_has_none(histories) -> None:
    with pytest.raises(BadInput, match="no earlier code"):
        way_back(histories)
