"""Tokens as an identity provider signs them, and as an attacker forges them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RSA_KID = "rsa-1"
EC_KID = "ec-1"


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> RSAPrivateKey:
    """A different key for each number, generated once per test run because that is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(number: int = 0) -> EllipticCurvePrivateKey:
    """A different P-256 key for each number."""
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: RSAPrivateKey | EllipticCurvePrivateKey) -> bytes:
    """The public part of a key, with which an attacker signs."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: RSAPrivateKey | EllipticCurvePrivateKey, kid: str, /, **more: Any) -> dict[str, Any]:
    """The public key as an entry of a key set. A value of None removes a field."""
    algorithm: Any = jwt.get_algorithm_by_name("RS256" if isinstance(key, RSAPrivateKey) else "ES256")
    fields = {"kid": kid, "use": "sig", **algorithm.to_jwk(key.public_key(), as_dict=True), **more}
    fields.pop("key_ops", None)
    return {name: value for name, value in fields.items() if value is not None}


def key_set(*keys: Any) -> bytes:
    """The body of a provider's key set, by default with one key of each kind."""
    return json.dumps({"keys": list(keys) or [jwk(rsa_key(), RSA_KID), jwk(ec_key(), EC_KID)]}).encode()


def issued(claims: Mapping[str, Any], algorithm: str, kid: str | None, key: Any = None) -> str:
    """A token signed by a provider."""
    chosen = key or (rsa_key() if algorithm.startswith("RS") else ec_key())
    return jwt.encode(dict(claims), chosen, algorithm=algorithm, headers={} if kid is None else {"kid": kid})


def forged(header: Any, claims: Any, key: bytes | None = None) -> str:
    """A token of any parts, signed by HMAC with `key`, or unsigned."""
    unsigned = f"{segment(header)}.{segment(claims)}"
    if key is None:
        return f"{unsigned}."
    return f"{unsigned}.{base64url(hmac.digest(key, unsigned.encode(), hashlib.sha256))}"


def segment(part: Any) -> str:
    """One part of a token: bytes unchanged, anything else as JSON."""
    return base64url(part if isinstance(part, bytes) else json.dumps(part).encode())


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
