"""The documents: their links lead somewhere, they name files that exist, and generated pages are current."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tools.reference import PAGES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: Pages about the past name files as they were.
HISTORY = ("adr", "CHANGELOG.md")
#: Files that a reader is to write, or that a command writes.
EXAMPLES = {
    ".chalice/deployed/",
    ".chalice/deployed/prod.json",
    ".chalice/policy-STAGE-FUNCTION.json",
    "chalicelib/task_types/dice.py",
    "chalicelib/task_types/greet.py",
    "infra/iam/own_rights.json",
    "tests/functional/test_dice.py",
}
README_LIMIT_LINES = 130

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(
    r"`((?:app\.py|(?:\.chalice|benchmarks|chalicelib|client|docs|infra|local|testing|tests|tools)/)[\w./-]*)`"
)


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def prose(page: Path) -> str:
    """The text of a page without its code blocks."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-")
        names.add(slug if not found[slug] else f"{slug}-{found[slug]}")
        found[slug] += 1
    return frozenset(names)


def dead_links(page: Path) -> Iterator[str]:
    for link in _LINK.findall(prose(page)):
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file = page.parent / target if target else page
        if not file.exists() or (anchor and anchor not in anchors(file.resolve())):
            yield link


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name_of)
class TestEveryPage:
    def test_its_links_lead_somewhere(self, page: Path) -> None:
        assert list(dead_links(page)) == []

    def test_it_names_files_that_exist(self, page: Path) -> None:
        named = (
            set() if page.parent.name in HISTORY or page.name in HISTORY else set(_PATH.findall(prose(page)))
        )
        assert {name for name in named - EXAMPLES if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_generated_page_is_as_the_code_is(page: Path) -> None:
    assert page.read_text() == PAGES[page](), "run `make reference`"


def test_the_site_lists_every_page() -> None:
    listed = set(re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE))
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    decisions = {page for page in there if re.match(r"adr/\d", page)}  # their own index lists them
    assert listed == there - decisions


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LIMIT_LINES


class TestDecisions:
    FILES = sorted((DOCS / "adr").glob("[0-9]*.md"))

    def test_they_are_numbered_without_a_gap(self) -> None:
        assert [int(file.name[:4]) for file in self.FILES] == list(range(1, len(self.FILES) + 1))

    def test_each_has_a_status_a_date_and_a_decision(self) -> None:
        status = r"Status: (accepted|superseded by \[\d{4}\]\(.+\.md\))\. Date: \d{4}-\d\d-\d\d\."
        form = re.compile(rf"# \d{{4}}: .+\n\n{status}\n\n## Decision\n")
        assert [file.name for file in self.FILES if not form.match(file.read_text())] == []

    def test_the_index_has_each_by_its_title(self) -> None:
        index = (DOCS / "adr" / "README.md").read_text()
        for file in self.FILES:
            title = file.read_text().partition("\n")[0].removeprefix(f"# {file.name[:4]}: ")
            assert f"| [{title}]({file.name}) |" in index
