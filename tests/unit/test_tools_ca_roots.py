"""The functions trust all of Amazon's roots, no others, and none that expires soon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi

from tools.ca_roots import BUNDLE, ROOTS, amazon_roots, roots_in

REMEDY = "write the file again: python -m tools.ca_roots"


def pems(bundle: Path) -> set[str]:
    return {root.pem for root in roots_in(bundle)}


def test_each_is_trusted_by_botocore_and_by_mozilla() -> None:
    assert pems(ROOTS) <= pems(BUNDLE), REMEDY
    assert pems(ROOTS) <= pems(Path(certifi.where())), REMEDY


def test_botocore_has_no_other_root_of_amazon() -> None:
    amazons = [root for root in roots_in(BUNDLE) if "Amazon" in f"{root.organization} {root.name}"]
    assert len(amazons) >= 4
    assert {root.pem for root in amazons} <= pems(ROOTS), REMEDY


def test_the_others_are_the_one_that_signed_for_amazon_before() -> None:
    others = [root.name for root in roots_in(ROOTS) if root.organization != "Amazon"]
    assert others == ["Starfield Services Root Certificate Authority - G2"]


def test_none_ends_within_a_year() -> None:
    in_a_year = datetime.now(UTC) + timedelta(days=365)
    assert not [root.name for root in roots_in(ROOTS) if root.ends < in_a_year], REMEDY


def test_the_file_is_what_the_command_writes() -> None:
    assert ROOTS.read_text() == amazon_roots(), REMEDY
