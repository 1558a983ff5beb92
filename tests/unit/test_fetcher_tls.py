"""The fetcher over TLS: it connects to an address and verifies the certificate of the name."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chalicelib.fetching import Fetcher, FetchError, Request, Response
from tests.support.http_server import Answer, HttpServer, RawServer

PUBLIC = "93.184.215.14"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of example.com, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.com")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "example.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + signed.public_bytes(Encoding.PEM)
    )
    return path


@pytest.fixture
def names_asked_for() -> list[str | None]:
    return []


@pytest.fixture
def server(certificate: Path, names_asked_for: list[str | None]) -> Iterator[HttpServer]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    tls.sni_callback = lambda _, name, __: names_asked_for.append(name)
    with HttpServer(Answer(200, b"x" * 100_000), tls=tls) as server:
        yield server


def get(url: str, port: int, trusted: Path | None = None, seconds: float = 5) -> Response:
    """Fetch from a local port to which every name leads."""

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, port))]

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        assert address == (PUBLIC, 443)
        return socket.create_connection(("127.0.0.1", port), timeout)

    fetcher = Fetcher(
        resolve=resolve, connect=connect, tls=lambda: ssl.create_default_context(cafile=trusted)
    )
    return fetcher.fetch(
        Request(url=url, method="POST", body=b"y" * 100_000), timeout_seconds=seconds, limit_bytes=200_000
    )


def test_the_name_is_sent_and_verified(
    server: HttpServer, certificate: Path, names_asked_for: list[str | None]
) -> None:
    response = get("https://Example.com/a", server.port, certificate)

    assert response.body == b"x" * 100_000
    assert names_asked_for == ["example.com"]
    assert server.requests[0].headers["host"] == "example.com"
    assert server.requests[0].body == b"y" * 100_000


def test_a_dot_at_the_end_of_the_name_is_not_part_of_it(server: HttpServer, certificate: Path) -> None:
    assert get("https://example.com./", server.port, certificate).status == 200


def test_a_certificate_of_another_name_is_refused(server: HttpServer, certificate: Path) -> None:
    with pytest.raises(FetchError, match=r"^other\.example:443 has no valid certificate: Hostname mismatch"):
        get("https://other.example/secret", server.port, certificate)
    assert server.requests == []


def test_a_certificate_of_unknown_authority_is_refused(server: HttpServer) -> None:
    with pytest.raises(FetchError, match=r"^example\.com:443 has no valid certificate: self-signed"):
        get("https://example.com/", server.port)


def test_a_server_without_tls_is_an_error() -> None:
    with (
        RawServer(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server,
        pytest.raises(FetchError, match=r"^example\.com:443 cannot be reached: "),
    ):
        get("https://example.com/", server.port)


def test_an_endless_handshake_is_ended() -> None:
    started = time.monotonic()
    with (
        RawServer(lambda connection: bool(connection.recv(1)) or None) as server,
        pytest.raises(FetchError, match="did not answer within"),
    ):
        get("https://example.com/", server.port, seconds=0.2)
    assert time.monotonic() - started < 2
