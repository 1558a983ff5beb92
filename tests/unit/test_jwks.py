"""A provider's keys: fetched on demand, cached, and not fetched for forged tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.auth.jwks import FIRST_FETCH_SECONDS, KEPT_SECONDS, REFETCH_SECONDS, KeySet, fetch_key_set
from chalicelib.domain.errors import Unavailable
from tests.support.forgery import EC_KID, RSA_KID, ec_key, jwk, key_set, rsa_key
from tests.support.http_server import Answer, HttpServer


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "127.0.0.1")
    with HttpServer(Answer(200, key_set())) as server:
        yield server


@pytest.fixture
def keys(server: HttpServer, clock: Seconds) -> KeySet:
    return KeySet(server.url("/jwks"), fetch_key_set, clock)


class TestFinding:
    def test_keys_are_fetched_once_for_many_tokens(self, keys: KeySet, server: HttpServer) -> None:
        for _ in range(5):
            assert keys.find(RSA_KID, "RS256") is not None
            assert keys.find(EC_KID, "ES256") is not None
        assert [request.path for request in server.requests] == ["/jwks"]

    @pytest.mark.parametrize(("kid", "algorithm"), [(RSA_KID, "ES256"), (EC_KID, "RS256")])
    def test_a_key_is_valid_for_its_own_algorithm_only(self, keys: KeySet, kid: str, algorithm: str) -> None:
        assert keys.find(kid, algorithm) is None

    @pytest.mark.parametrize("kid", [None, 7, ["rsa-1"], {"kid": 1}])
    def test_a_key_id_that_is_not_text_causes_no_fetch(
        self, keys: KeySet, server: HttpServer, kid: Any
    ) -> None:
        assert keys.find(kid, "RS256") is None
        assert server.requests == []


class TestRotation:
    def test_a_new_key_is_found_at_once(self, keys: KeySet, server: HttpServer, clock: Seconds) -> None:
        keys.find(RSA_KID, "RS256")
        server.answer_with(Answer(200, key_set(jwk(rsa_key(1), "rsa-2"), jwk(rsa_key(), RSA_KID))))
        clock.now += REFETCH_SECONDS
        assert keys.find("rsa-2", "RS256") is not None
        assert keys.find(RSA_KID, "RS256") is not None
        assert len(server.requests) == 2

    def test_a_revoked_key_is_refused_after_an_hour(
        self, keys: KeySet, server: HttpServer, clock: Seconds
    ) -> None:
        keys.find(RSA_KID, "RS256")
        server.answer_with(Answer(200, key_set(jwk(ec_key(), EC_KID))))
        clock.now += KEPT_SECONDS - 1
        assert keys.find(RSA_KID, "RS256") is not None
        clock.now += 1
        assert keys.find(RSA_KID, "RS256") is None

    def test_forged_ids_cause_one_request_in_half_a_minute(
        self, keys: KeySet, server: HttpServer, clock: Seconds
    ) -> None:
        keys.find(RSA_KID, "RS256")
        for second in range(90):
            clock.now += 1
            assert keys.find(f"forged-{second}", "RS256") is None
        assert len(server.requests) == 1 + 3


class TestAFailingProvider:
    @pytest.mark.parametrize(
        "answer",
        [
            Answer(500),
            Answer(302, headers={"location": "https://evil.example/jwks"}),
            Answer(200, b""),
            Answer(200, b"<html>maintenance</html>"),
            Answer(200, b"[]"),
            Answer(200, b"{}"),
            Answer(200, b'{"keys": 7}'),
            Answer(200, b'{"keys": {}}'),
            Answer(200, b"[" * 100_000),
            Answer(200, b'{"keys": [], "more": "' + b"x" * 200_000 + b'"}'),
        ],
        ids=lambda answer: f"{answer.status}-{answer.body[:12].decode()}",
    )
    def test_does_not_invalidate_the_cached_keys(
        self, keys: KeySet, server: HttpServer, clock: Seconds, answer: Answer
    ) -> None:
        assert keys.find(RSA_KID, "RS256") is not None
        server.answer_with(answer)
        clock.now += KEPT_SECONDS
        assert keys.find(RSA_KID, "RS256") is not None
        assert len(server.requests) == 2

    def test_is_a_503_while_no_keys_are_cached(
        self, keys: KeySet, server: HttpServer, clock: Seconds
    ) -> None:
        server.answer_with(Answer(503))
        for _ in range(3):
            with pytest.raises(Unavailable):
                keys.find(RSA_KID, "RS256")
        assert len(server.requests) == 1
        server.answer_with(Answer(200, key_set()))
        clock.now += FIRST_FETCH_SECONDS
        assert keys.find(RSA_KID, "RS256") is not None

    def test_may_be_on_a_private_network_only_where_settings_allow_it(
        self, keys: KeySet, server: HttpServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "")
        with pytest.raises(Unavailable):
            keys.find(RSA_KID, "RS256")
        assert server.requests == []


#: Keys that are not accepted. Each is generated when its test runs.
BAD_KEYS: dict[str, Callable[[], Any]] = {
    "a number": lambda: 7,
    "null": lambda: None,
    "a list": list,
    "nothing": dict,
    "a shared key": lambda: {"kty": "oct", "kid": "bad", "k": "c2VjcmV0"},
    "a list of types": lambda: {"kty": ["RSA"], "kid": "bad"},
    "RSA without numbers": lambda: {"kty": "RSA", "kid": "bad"},
    "RSA with no base64": lambda: {"kty": "RSA", "kid": "bad", "n": "!", "e": "!"},
    "RSA with bare numbers": lambda: {"kty": "RSA", "kid": "bad", "n": 7, "e": 7},
    "EC off its curve": lambda: {"kty": "EC", "kid": "bad", "crv": "P-256", "x": "AA", "y": "AA"},
    "EC on another curve": lambda: jwk(ec.generate_private_key(ec.SECP384R1()), "bad"),
    "EC that lies about its curve": lambda: jwk(ec_key(), "bad", crv="P-384"),
    "Ed25519": lambda: {"kty": "OKP", "kid": "bad", "crv": "Ed25519", "x": "AA"},
    "no id": lambda: jwk(rsa_key(), "bad", kid=None),
    "an id that is no text": lambda: jwk(rsa_key(), "bad", kid=7),
    "for encryption": lambda: jwk(rsa_key(), "bad", use="enc"),
    "for another algorithm": lambda: jwk(rsa_key(), "bad", alg="RS512"),
    "a private key": lambda: jwk(rsa_key(), "bad", d="AQAB"),
    "a short key": lambda: jwk(rsa_key(bits=1024), "bad"),
}


class TestKeysOfOtherKinds:
    @pytest.mark.parametrize("kind", BAD_KEYS)
    def test_are_left_out_and_the_others_stay_valid(self, kind: str) -> None:
        body = key_set(BAD_KEYS[kind](), jwk(rsa_key(), RSA_KID))
        keys = KeySet("https://issuer.example/jwks", lambda url: body)
        assert keys.find("bad", "RS256") is None
        assert keys.find("bad", "ES256") is None
        assert keys.find(RSA_KID, "RS256") is not None

    def test_at_most_fifty_keys_are_read(self) -> None:
        many = [jwk(ec_key(), f"ec-{number}") for number in range(60)]
        keys = KeySet("https://issuer.example/jwks", lambda url: key_set(*many))
        assert keys.find("ec-49", "ES256") is not None
        assert keys.find("ec-50", "ES256") is None
