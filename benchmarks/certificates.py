"""A certificate for servers on this machine, and bundles of authorities that include it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tools.ca_roots import BUNDLE, ROOTS, roots_in


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files for one certificate of localhost."""

    whole_bundle: Path  #: botocore's authorities, which it reads for each new connection, and ours
    small_bundle: Path  #: Amazon's authorities in the package, minus one, plus ours
    server: ssl.SSLContext


def make_certificates(home: Path) -> Certificates:
    """A self-signed certificate, valid for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = signed.public_bytes(Encoding.PEM)
    (home / "server.pem").write_bytes(private + public)
    (home / "whole.pem").write_bytes(BUNDLE.read_bytes() + b"\n" + public)
    # Ours replaces one of Amazon's, so that the bundle is as big as the real one.
    amazons = [root.pem for root in roots_in(ROOTS)]
    (home / "small.pem").write_bytes("".join(amazons[1:]).encode() + public)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(home / "server.pem")
    return Certificates(home / "whole.pem", home / "small.pem", server)
