"""The files of the pages: small, complete, named by their content, and free of forbidden code."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest

from chalicelib.web.assets import HERE, site

#: The size of a first visit, compressed as API Gateway does it.
BUDGET_BYTES = 150 * 1024
SCRIPTS = sorted((HERE / "scripts").glob("*.js"))
VENDORED = sorted((HERE / "vendor").glob("*.mjs"))


def test_a_first_visit_is_within_its_budget() -> None:
    texts = [*(asset.text for asset in site().assets.values()), *site().pages.values()]
    assert sum(len(gzip.compress(text.encode())) for text in texts) < BUDGET_BYTES


@pytest.mark.parametrize("page", ["dashboard", "reference"])
def test_a_page_names_existing_assets_by_relative_urls(page: str) -> None:
    named = re.findall(r'(?:href|src)="([^"]*)"', site().pages[page])
    assert len(named) == 6
    assert {address.removeprefix("assets/") for address in named} <= site().assets.keys()


def test_a_script_imports_existing_assets() -> None:
    for asset in site().assets.values():
        for address in re.findall(r'^import .* from "([^"]*)";|from"(\./[^"]*)"', asset.text, re.MULTILINE):
            assert "".join(address).removeprefix("./") in site().assets


def test_a_name_changes_with_the_content() -> None:
    for name, asset in site().assets.items():
        assert hashlib.sha256(asset.text.encode()).hexdigest()[:12] in name


@pytest.mark.parametrize("page", ["dashboard", "reference"])
def test_nothing_is_inline(page: str) -> None:
    html = site().pages[page]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script[^>]*>[^<]", html)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_module_has_at_most_200_lines(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 200
    assert text.startswith("// ")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_code_or_markup_of_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage", text
    )


@pytest.mark.parametrize("path", VENDORED, ids=lambda path: path.name)
def test_vendored_code_is_unchanged(path: Path) -> None:
    row = next(
        line for line in (HERE / "vendor" / "README.md").read_text().splitlines() if f"`{path.name}`" in line
    )
    assert hashlib.sha256(path.read_bytes()).hexdigest() in row
