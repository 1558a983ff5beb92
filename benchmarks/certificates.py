"""A certificate for servers on this machine, and bundles of authorities that know it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of one certificate of localhost."""

    whole_bundle: Path  #: botocore's own authorities, which it reads for each new connection, and ours
    small_bundle: Path  #: Amazon's authorities, and ours
    server: ssl.SSLContext


def make_certificates(home: Path) -> Certificates:
    """A certificate that is its own authority, good for an hour."""
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
    whole = (Path(botocore.__file__).parent / "cacert.pem").read_bytes()
    (home / "whole.pem").write_bytes(whole + b"\n" + public)
    (home / "small.pem").write_bytes(_of_amazon(home / "whole.pem").encode() + public)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(home / "server.pem")
    return Certificates(home / "whole.pem", home / "small.pem", server)


def _of_amazon(bundle: Path) -> str:
    """Amazon Trust Services in a bundle: four of its own, and the one of Starfield that old clients know."""
    context = ssl.create_default_context(cafile=str(bundle))
    pairs = zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True), strict=True)
    found = [der for told, der in pairs if "Amazon" in str(told) or "Starfield Services Root" in str(told)]
    assert found, "botocore's bundle knows Amazon"
    return "".join(map(ssl.DER_cert_to_PEM_cert, found))
