"""Whom the functions trust to vouch for AWS: `python -m infra.roots` writes chalicelib/aws/sdk/roots.pem.

These are the roots of Amazon Trust Services, taken from botocore's bundle. Reading all of its 130 or so takes
longer than the handshake that follows. A test says when botocore has others.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import botocore

BUNDLE: Final = Path(botocore.__file__).with_name("cacert.pem")
ROOTS: Final = Path(__file__).parents[1] / "chalicelib" / "aws" / "sdk" / "roots.pem"


@dataclass(frozen=True, kw_only=True, slots=True)
class Root:
    """A certificate that others are signed with."""

    organization: str
    name: str
    ends: datetime
    pem: str

    @property
    def is_amazons(self) -> bool:
        """Is it of Amazon Trust Services? One is older than that name and still vouches for old clients."""
        return self.organization == "Amazon" or self.name.startswith("Starfield Services Root")


def roots_in(bundle: Path) -> list[Root]:
    """The roots of a bundle, in its order."""
    context = ssl.create_default_context(cafile=str(bundle))
    pairs = zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True), strict=True)
    return [_root(told, der) for told, der in pairs]


def _root(told: dict[str, Any], der: bytes) -> Root:
    subject = {name: value for part in told["subject"] for name, value in part}
    return Root(
        organization=subject.get("organizationName", ""),
        name=subject.get("commonName", ""),
        ends=datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC),
        pem=ssl.DER_cert_to_PEM_cert(der),
    )


def amazons() -> str:
    """Amazon's roots that botocore knows, each below its name and its last day."""
    found = sorted((root for root in roots_in(BUNDLE) if root.is_amazons), key=lambda root: root.name)
    return "\n".join(f"# {root.name}, until {root.ends:%Y-%m-%d}\n{root.pem}" for root in found)


if __name__ == "__main__":
    ROOTS.write_text(amazons())
