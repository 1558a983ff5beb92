"""The roots that the functions trust are Amazon's, all of them, and good for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi

from tools.ca_roots import BUNDLE, ROOTS, amazon_roots, roots_in

MENDED = "write it anew: python -m tools.ca_roots"


def pems(bundle: Path) -> set[str]:
    return {root.pem for root in roots_in(bundle)}


def test_each_is_trusted_by_botocore_and_by_mozilla() -> None:
    assert pems(ROOTS) <= pems(BUNDLE), MENDED
    assert pems(ROOTS) <= pems(Path(certifi.where())), MENDED


def test_botocore_knows_no_other_of_amazon() -> None:
    known = [root for root in roots_in(BUNDLE) if "Amazon" in f"{root.organization} {root.name}"]
    assert len(known) >= 4
    assert {root.pem for root in known} <= pems(ROOTS), MENDED


def test_the_others_are_the_one_that_signed_for_amazon_before() -> None:
    others = [root.name for root in roots_in(ROOTS) if root.organization != "Amazon"]
    assert others == ["Starfield Services Root Certificate Authority - G2"]


def test_none_ends_within_a_year() -> None:
    in_a_year = datetime.now(UTC) + timedelta(days=365)
    assert not [root.name for root in roots_in(ROOTS) if root.ends < in_a_year], MENDED


def test_the_file_is_what_the_command_writes() -> None:
    assert ROOTS.read_text() == amazon_roots(), MENDED
