"""Bearer tokens: JSON Web Tokens of an OpenID Connect provider, or signed with a shared key.

The service fixes the algorithm of each kind of key: RS256 and ES256 for the public keys of the provider,
HS256 for shared keys. It therefore refuses `alg: none`, and a token that uses a public key as a shared one
(RFC 8725, 2.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from chalicelib.auth.jwks import KeySet, fetch_key_set
from chalicelib.domain.caller import OWNER_LIMIT_CHARACTERS, Caller, Scope, is_owner
from chalicelib.domain.errors import Unauthorized
from chalicelib.settings import Settings

#: A longer token is refused unread.
TOKEN_LIMIT_CHARACTERS = 8192
_SHARED = "HS256"
_PUBLIC = ("RS256", "ES256")
_REQUIRED = ("exp", "sub")


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRules:
    """The requirements of a stage for tokens."""

    issuer: str | None = None  #: the required `iss`; None: any
    audience: str | None = None  #: the required audience; None: any
    audience_claim: str = "aud"  #: the claim with the audience
    owner_claim: str = "sub"  #: the claim with the owner of the caller's tasks
    scope_claim: str = "scope"  #: the claim with the scopes, a list or text with spaces
    scope_prefix: str = ""  #: the provider's prefix of each scope
    leeway_seconds: float = 30.0  #: the largest difference of the issuer's and the service's clocks


class Tokens:
    """Verifies bearer tokens and returns their callers."""

    def __init__(
        self,
        rules: TokenRules,
        *,
        shared_keys: Callable[[], tuple[bytes, ...]],
        key_set: KeySet | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._rules = rules
        self._shared_keys = shared_keys
        self._key_set = key_set
        self._clock = clock

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        shared_keys: Callable[[], tuple[bytes, ...]],
        clock: Callable[[], datetime],
    ) -> Tokens:
        """A verifier with the rules of the settings."""
        rules = TokenRules(
            issuer=settings.token_issuer or None,
            audience=settings.token_audience or None,
            audience_claim=settings.audience_claim,
            owner_claim=settings.owner_claim,
            scope_claim=settings.scope_claim,
            scope_prefix=settings.scope_prefix,
            leeway_seconds=settings.token_leeway_seconds,
        )
        key_set = KeySet(settings.jwks_url, fetch_key_set) if settings.jwks_url else None
        return cls(rules, shared_keys=shared_keys, key_set=key_set, clock=clock)

    def caller(self, authorization: str | None) -> Caller:
        """The caller of an `Authorization` header. Raises: Unauthorized, Unavailable."""
        if not authorization:
            raise Unauthorized("A token is needed: send Authorization: Bearer and a token.")
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        readable = 0 < len(token) <= TOKEN_LIMIT_CHARACTERS and token.isascii()
        if scheme.lower() != "bearer" or not readable:
            raise Unauthorized("The Authorization header is not Bearer and a token.")
        return self._caller_of(self._claims(token))

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise Unauthorized("The token cannot be read.") from None
        algorithm = header.get("alg")
        if algorithm == _SHARED:
            return self._verified_by_any(token, self._shared_keys(), _SHARED)
        if algorithm in _PUBLIC and self._key_set is not None:
            key = self._key_set.find(header.get("kid"), algorithm)
            return self._verified_by_any(token, () if key is None else (key,), algorithm)
        raise Unauthorized("The token's signature algorithm is not accepted.")

    def _verified_by_any(self, token: str, keys: tuple[Any, ...], algorithm: str) -> Mapping[str, Any]:
        """The claims if one of `keys` signed them: during a key rotation two are valid."""
        for key in keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=[algorithm],
                    issuer=self._rules.issuer,
                    # `_check_times` uses the service's clock, and `_check_audience` the claim of the
                    # settings.
                    options={
                        "require": list(_REQUIRED),
                        "verify_aud": False,
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                    },
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, jwt.InvalidKeyError) as error:
                raise Unauthorized(f"The token is not valid: {error}.") from None
            self._check_times(claims)
            self._check_audience(claims)
            return claims
        raise Unauthorized("The token is signed with an unknown key.")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, leeway = self._clock().timestamp(), self._rules.leeway_seconds
        if _number(claims, "exp") <= now - leeway:
            raise Unauthorized("The token has expired.")
        if any(_number(claims, name) > now + leeway for name in ("nbf", "iat") if name in claims):
            raise Unauthorized("The token is not valid yet.")

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        value = claims.get(self._rules.audience_claim)
        audiences = value if isinstance(value, list) else [value]
        if self._rules.audience is not None and self._rules.audience not in audiences:
            raise Unauthorized("The token is for another service.")

    def _caller_of(self, claims: Mapping[str, Any]) -> Caller:
        return Caller(
            subject=_name(claims, "sub"),
            owner=_name(claims, self._rules.owner_claim),
            scopes=self._scopes(claims.get(self._rules.scope_claim)),
            expires_at=datetime.fromtimestamp(int(_number(claims, "exp")), UTC),
        )

    def _scopes(self, value: Any) -> frozenset[str]:
        """The scopes of this service in a list or in text separated by spaces (RFC 8693, 4.2)."""
        names = value.split(" ") if isinstance(value, str) else value if isinstance(value, list) else []
        return frozenset(scope.value for scope in Scope if self._rules.scope_prefix + scope.value in names)


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 253402300800:
        raise Unauthorized(f"The token's {name} is not a time.")
    return float(value)


def _name(claims: Mapping[str, Any], claim: str) -> str:
    """A claim with a name. It must be safe in keys of rows and in log lines. Raises: Unauthorized."""
    value = claims.get(claim)
    if not isinstance(value, str) or not is_owner(value):
        raise Unauthorized(
            f"The token's claim {claim!r} is not a name of 1 to {OWNER_LIMIT_CHARACTERS} characters."
        )
    return value
