"""The files of the pages: small, whole, named by their content, and free of what the policy forbids."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest

from chalicelib.web.assets import HERE, site

#: All that a first visit loads, compressed as API Gateway does.
BUDGET_BYTES = 150 * 1024
SCRIPTS = sorted((HERE / "scripts").glob("*.js"))
VENDORED = sorted((HERE / "vendor").glob("*.mjs"))


def test_a_first_visit_is_small() -> None:
    texts = [*(asset.text for asset in site().assets.values()), *site().pages.values()]
    assert sum(len(gzip.compress(text.encode())) for text in texts) < BUDGET_BYTES


@pytest.mark.parametrize("page", ["dashboard", "reference"])
def test_a_page_names_assets_that_exist_by_relative_addresses(page: str) -> None:
    named = re.findall(r'(?:href|src)="([^"]*)"', site().pages[page])
    assert len(named) == 6
    assert {address.removeprefix("assets/") for address in named} <= site().assets.keys()


def test_a_script_imports_assets_that_exist() -> None:
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
def test_a_module_fits_a_few_screens(path: Path) -> None:
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
def test_other_peoples_code_is_as_they_published_it(path: Path) -> None:
    row = next(
        line for line in (HERE / "vendor" / "README.md").read_text().splitlines() if f"`{path.name}`" in line
    )
    assert hashlib.sha256(path.read_bytes()).hexdigest() in row
