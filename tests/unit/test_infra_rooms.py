"""The rooms of infra/ and the imports between them, which point one way."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

from tests.test_architecture import ROOT, imports

MODULES = sorted((ROOT / "infra").rglob("*.py"))
#: The rooms and modules that each room, or module at the top, imports.
ARROWS = {
    "__init__": set(),
    "errors": set(),
    "names": set(),
    "plan": set(),
    "target": {"errors"},
    "terminal": {"errors", "plan"},
    "stacks": {"errors", "names", "plan"},
    "deployer": {"errors", "names", "plan", "stacks", "target"},
    "iam": {"deployer", "errors"},
    "doctor": {"deployer", "errors", "names", "stacks", "target"},
    "commands": {"deployer", "doctor", "errors", "names", "plan", "stacks", "target", "terminal"},
    "__main__": {"commands", "errors", "target", "terminal"},
}


def room_of(module: Path) -> str:
    return module.relative_to(ROOT / "infra").with_suffix("").parts[0]


def test_rooms_import_as_the_arrows_point() -> None:
    found: dict[str, set[str]] = {room_of(module): set() for module in MODULES}
    for module in MODULES:
        names = {name.split(".")[1] for name in imports(module) if name.startswith("infra.")}
        found[room_of(module)] |= names & set(ARROWS) - {room_of(module)}
    assert found == ARROWS


def test_the_arrows_make_no_circle() -> None:
    TopologicalSorter(ARROWS).prepare()


def test_only_the_deployer_and_the_policies_import_chalice() -> None:
    """deployer/ uses Chalice's private classes, iam/ its table of IAM actions."""
    users = {room_of(each) for each in MODULES if any(name.startswith("chalice.") for name in imports(each))}
    assert users == {"deployer", "iam"}
