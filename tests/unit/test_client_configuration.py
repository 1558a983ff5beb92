"""The address and the token that a client uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from task_service_client import NotConfigured
from task_service_client._configuration import find_configuration


@pytest.fixture
def below_a_stage(tmp_path: Path) -> Path:
    """A directory inside a checkout with a running local stage."""
    directory = tmp_path / ".local"
    directory.mkdir()
    (directory / "endpoints.json").write_text(
        json.dumps({"http": "http://127.0.0.1:4566/local", "token": "secret"})
    )
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    return deep


def test_arguments_override_the_environment() -> None:
    environ = {"TASKS_URL": "https://env", "TASKS_TOKEN": "env"}
    assert find_configuration("https://given/", "given", environ, Path("/")).url == "https://given"
    assert find_configuration(None, None, environ, Path("/")).token == "env"


def test_a_local_stage_in_a_directory_above_is_found(below_a_stage: Path) -> None:
    configuration = find_configuration(None, None, {}, below_a_stage)
    assert (configuration.url, configuration.token) == ("http://127.0.0.1:4566/local", "secret")


def test_another_token_may_be_used_for_a_local_stage(below_a_stage: Path) -> None:
    assert find_configuration(None, "mine", {}, below_a_stage).token == "mine"


def test_a_local_token_is_not_sent_elsewhere(below_a_stage: Path) -> None:
    assert find_configuration("https://elsewhere", None, {}, below_a_stage).token is None


def test_a_token_is_not_in_the_repr(below_a_stage: Path) -> None:
    assert "secret" not in repr(find_configuration(None, None, {}, below_a_stage))


@pytest.mark.parametrize("text", ["{", "[]", "{}", "null"])
def test_the_error_names_a_broken_file(below_a_stage: Path, text: str) -> None:
    file = below_a_stage.parents[1] / ".local" / "endpoints.json"
    file.write_text(text)
    with pytest.raises(NotConfigured, match=r"endpoints\.json cannot be read"):
        find_configuration(None, None, {}, below_a_stage)


def test_the_error_without_an_address_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="TASKS_URL"):
        find_configuration(None, None, {}, tmp_path)


def test_an_address_needs_a_scheme(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="https://"):
        find_configuration("example.com", None, {}, tmp_path)
