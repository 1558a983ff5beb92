"""The CA roots that the functions trust: `python -m tools.ca_roots` writes chalicelib/aws/sdk/roots.pem.

They are the roots of Amazon Trust Services, copied from botocore's bundle. Parsing all of the bundle's 130 or
so takes longer than the handshake that follows. A test fails when botocore has other roots of Amazon.
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
    """A root certificate."""

    organization: str
    name: str
    ends: datetime
    pem: str

    @property
    def is_amazons(self) -> bool:
        """Whether it is a root of Amazon Trust Services, or the older one that signed for it before."""
        return self.organization == "Amazon" or self.name.startswith("Starfield Services Root")


def roots_in(bundle: Path) -> list[Root]:
    """Return the roots of a bundle, in its order."""
    context = ssl.create_default_context(cafile=str(bundle))
    pairs = zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True), strict=True)
    return [_root(fields, der) for fields, der in pairs]


def _root(fields: dict[str, Any], der: bytes) -> Root:
    subject = {name: value for part in fields["subject"] for name, value in part}
    return Root(
        organization=subject.get("organizationName", ""),
        name=subject.get("commonName", ""),
        ends=datetime.fromtimestamp(ssl.cert_time_to_seconds(fields["notAfter"]), UTC),
        pem=ssl.DER_cert_to_PEM_cert(der),
    )


def amazon_roots() -> str:
    """Return Amazon's roots in botocore's bundle as PEM, each below its name and its last day."""
    roots = sorted((root for root in roots_in(BUNDLE) if root.is_amazons), key=lambda root: root.name)
    return "\n".join(f"# {root.name}, until {root.ends:%Y-%m-%d}\n{root.pem}" for root in roots)


if __name__ == "__main__":
    ROOTS.write_text(amazon_roots())
