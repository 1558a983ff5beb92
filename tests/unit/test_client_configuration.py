"""Where the client finds the service, and whom it gives a token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from task_service_client import NotConfigured
from task_service_client._configuration import find_configuration


@pytest.fixture
def below_a_stage(tmp_path: Path) -> Path:
    """A directory deep in a checkout whose local stage runs."""
    place = tmp_path / ".local"
    place.mkdir()
    (place / "endpoints.json").write_text(
        json.dumps({"http": "http://127.0.0.1:4566/local", "token": "secret"})
    )
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    return deep


def test_what_is_given_comes_before_the_environment() -> None:
    environ = {"TASKS_URL": "https://env", "TASKS_TOKEN": "env"}
    assert find_configuration("https://given/", "given", environ, Path("/")).url == "https://given"
    assert find_configuration(None, None, environ, Path("/")).token == "env"


def test_a_local_stage_above_is_found(below_a_stage: Path) -> None:
    found = find_configuration(None, None, {}, below_a_stage)
    assert (found.url, found.token) == ("http://127.0.0.1:4566/local", "secret")


def test_another_token_may_be_used_there(below_a_stage: Path) -> None:
    assert find_configuration(None, "mine", {}, below_a_stage).token == "mine"


def test_a_local_token_goes_nowhere_else(below_a_stage: Path) -> None:
    assert find_configuration("https://elsewhere", None, {}, below_a_stage).token is None


def test_a_token_is_not_shown(below_a_stage: Path) -> None:
    assert "secret" not in repr(find_configuration(None, None, {}, below_a_stage))


@pytest.mark.parametrize("text", ["{", "[]", "{}", "null"])
def test_a_broken_file_is_named(below_a_stage: Path, text: str) -> None:
    file = below_a_stage.parents[1] / ".local" / "endpoints.json"
    file.write_text(text)
    with pytest.raises(NotConfigured, match=r"endpoints\.json cannot be read"):
        find_configuration(None, None, {}, below_a_stage)


def test_nowhere_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="TASKS_URL"):
        find_configuration(None, None, {}, tmp_path)


def test_an_address_has_a_scheme(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="https://"):
        find_configuration("example.com", None, {}, tmp_path)
