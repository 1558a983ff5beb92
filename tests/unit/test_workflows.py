"""The workflows of CI: their actions are pinned, and they test each Python that the project supports."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
#: An action by the commit of a release, which a moved tag cannot replace.
PINNED = re.compile(r"\./\S+|[\w/.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    actions = re.findall(r"uses: (.*)", path.read_text())
    assert actions
    assert [action for action in actions if not PINNED.fullmatch(action)] == []


def test_ci_tests_every_python_from_the_oldest_supported_one() -> None:
    ci: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    minors = [
        int(each.partition(".")[2]) for each in ci["jobs"]["test"]["strategy"]["matrix"]["python-version"]
    ]
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert required == f">=3.{minors[0]}"
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_every_hook_runs_a_tool_of_the_virtual_environment() -> None:
    """So that a commit is checked with the versions of CI."""
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert (ROOT / hook["entry"].split()[0]).is_file(), hook["id"]
