"""Bearer tokens: valid ones name their caller, all others are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest

from chalicelib.auth.jwks import KeySet
from chalicelib.auth.tokens import TOKEN_LIMIT_CHARACTERS, TokenRules, Tokens
from chalicelib.domain.caller import Scope
from chalicelib.domain.errors import Unauthorized
from tests.support.examples import NOW
from tests.support.forgery import (
    EC_KID,
    RSA_KID,
    ec_key,
    forged,
    issued,
    key_set,
    public_pem,
    rsa_key,
    segment,
)

KEY = b"a shared key for tests, long enough"
OLD_KEY = b"the shared key of before the rotation"
SECONDS = int(NOW.timestamp())
CLAIMS = {"sub": "ada", "scope": "tasks:read tasks:write", "iat": SECONDS, "exp": SECONDS + 3600}
HEADER = {"alg": "HS256", "typ": "JWT"}


def tokens(
    *keys: bytes, provider: bool = False, clock: Callable[[], datetime] = lambda: NOW, **rules: Any
) -> Tokens:
    return Tokens(
        TokenRules(**rules),
        shared_keys=lambda: keys or (KEY,),
        key_set=KeySet("https://issuer.example/jwks", lambda url: key_set()) if provider else None,
        clock=clock,
    )


def signed(claims: Any = None, **more: Any) -> str:
    """CLAIMS with `more`, or `claims`, signed with the shared key. A value of None removes a claim."""
    together = {**CLAIMS, **more} if claims is None else claims
    if isinstance(together, dict):
        together = {name: value for name, value in together.items() if value is not None}
    return forged(HEADER, together, KEY)


def refusal(service: Tokens, header: str | None) -> str:
    with pytest.raises(Unauthorized) as refused:
        service.caller(header)
    return refused.value.detail


class TestAValidToken:
    def test_names_the_caller_and_its_scopes(self) -> None:
        caller = tokens().caller(f"Bearer {signed()}")
        assert (caller.subject, caller.owner) == ("ada", "ada")
        assert caller.scopes == {"tasks:read", "tasks:write"}
        assert caller.expires_at == NOW + timedelta(hours=1)

    @pytest.mark.parametrize("header", ["bearer {}", "BEARER {}", "Bearer   {}", "Bearer {} "])
    def test_is_read_from_any_spelling_of_rfc_9110(self, header: str) -> None:
        assert tokens().caller(header.format(signed())).owner == "ada"

    def test_names_the_owner_by_the_claim_of_the_settings(self) -> None:
        caller = tokens(owner_claim="org").caller(f"Bearer {signed(org='acme')}")
        assert (caller.subject, caller.owner) == ("ada", "acme")

    @pytest.mark.parametrize("name", ["a", "x" * 128, "user@example.com", "Zoë Ünal", "auth0|123", "日本"])
    def test_may_name_an_owner_in_any_script(self, name: str) -> None:
        assert tokens().caller(f"Bearer {signed(sub=name)}").owner == name

    @pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
    def test_may_be_signed_by_the_provider(self, algorithm: str) -> None:
        kid = {"RS256": RSA_KID, "ES256": EC_KID}[algorithm]
        assert tokens(provider=True).caller(f"Bearer {issued(CLAIMS, algorithm, kid)}").owner == "ada"

    def test_is_valid_with_the_old_key_during_a_rotation(self) -> None:
        service = tokens(KEY, OLD_KEY)
        for key in (KEY, OLD_KEY):
            assert service.caller(f"Bearer {forged(HEADER, CLAIMS, key)}").owner == "ada"


class TestScopes:
    @pytest.mark.parametrize(
        ("scope", "expected"),
        [
            ("tasks:read", {"tasks:read"}),
            ("openid  tasks:admin email", {"tasks:admin"}),
            (["tasks:read", "tasks:write", "other"], {"tasks:read", "tasks:write"}),
            (["tasks:read", 7, None, {"tasks:admin": 1}], {"tasks:read"}),
            ("", set()),
            ("tasks:", set()),
            ("TASKS:READ", set()),
            ("tasks:read,tasks:write", set()),
            ("xtasks:read", set()),
            ({"tasks:admin": True}, set()),
            (True, set()),
            (7, set()),
            (None, set()),
        ],
    )
    def test_are_read_from_text_or_a_list_only(self, scope: Any, expected: set[str]) -> None:
        assert tokens().caller(f"Bearer {signed(scope=scope)}").scopes == expected

    def test_may_have_the_providers_prefix(self) -> None:
        service = tokens(scope_prefix="my-api/")
        caller = service.caller(f"Bearer {signed(scope='my-api/tasks:read tasks:admin other/tasks:write')}")
        assert caller.scopes == {Scope.READ.value}

    def test_may_come_from_another_claim(self) -> None:
        caller = tokens(scope_claim="cognito:groups").caller(
            "Bearer " + signed({**CLAIMS, "cognito:groups": ["tasks:admin"]})
        )
        assert caller.scopes == {"tasks:admin"}


class TestTheHeader:
    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Basic YWRhOnB3",
            "Token {}",
            "{}",
            "Bearer\t{}",
            "Bearer, {}",
            "Bearer {} {}",
            "Bearer {}\N{ZERO WIDTH SPACE}",
            "Bearer \ud800{}",
        ],
    )
    def test_that_is_not_bearer_and_a_token_is_refused(self, header: str | None) -> None:
        refusal(tokens(), header if header is None else header.replace("{}", signed()))

    def test_over_the_limit_is_refused_unread(self) -> None:
        assert "not Bearer" in refusal(tokens(), "Bearer " + "a" * (TOKEN_LIMIT_CHARACTERS + 1))


class TestTheSignature:
    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 0, [], {}, ["HS256"]])
    @pytest.mark.parametrize("key", [None, b"", KEY])
    def test_the_algorithm_none_is_refused(self, algorithm: Any, key: bytes | None) -> None:
        refusal(tokens(provider=True), "Bearer " + forged({"alg": algorithm}, CLAIMS, key))

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512", "RS384", "PS256", "ES384", "ES256K", "EdDSA"])
    def test_other_algorithms_are_refused(self, algorithm: str) -> None:
        refusal(tokens(provider=True), "Bearer " + forged({"alg": algorithm, "kid": RSA_KID}, CLAIMS, KEY))

    def test_a_public_key_is_not_a_shared_key(self) -> None:
        """Algorithm confusion: the public key is public, so anyone could sign with it."""
        for key in (rsa_key(), ec_key()):
            for header in (HEADER, {**HEADER, "kid": RSA_KID}, {**HEADER, "kid": EC_KID}):
                refusal(tokens(provider=True), "Bearer " + forged(header, CLAIMS, public_pem(key)))

    def test_a_shared_key_is_not_a_public_key(self) -> None:
        for algorithm, kid in (("RS256", RSA_KID), ("ES256", EC_KID)):
            refusal(tokens(provider=True), "Bearer " + forged({"alg": algorithm, "kid": kid}, CLAIMS, KEY))

    def test_public_keys_are_refused_on_a_stage_without_a_provider(self) -> None:
        refusal(tokens(), f"Bearer {issued(CLAIMS, 'RS256', RSA_KID)}")

    def test_the_tokens_own_key_is_ignored(self) -> None:
        """`jwk`, `jku` and `x5u` in a header would let a token supply its own key."""
        attackers_key = rsa_key(number=1)
        for name, value in (
            ("jwk", json.loads(key_set())["keys"][0]),
            ("jku", "https://evil.example/jwks"),
            ("x5u", "https://evil.example/cert"),
        ):
            token = jwt.encode(
                CLAIMS, attackers_key, algorithm="RS256", headers={"kid": RSA_KID, name: value}
            )
            assert "unknown key" in refusal(tokens(provider=True), f"Bearer {token}")

    @pytest.mark.parametrize(
        "kid", [None, "", "unknown", RSA_KID + " ", "../../etc/passwd", "' OR 1=1 --", "rsa-1\x00", EC_KID]
    )
    def test_an_unknown_key_id_is_refused(self, kid: str | None) -> None:
        assert "unknown key" in refusal(tokens(provider=True), f"Bearer {issued(CLAIMS, 'RS256', kid)}")

    @pytest.mark.parametrize("kid", [7, [RSA_KID], {"kid": RSA_KID}, True])
    def test_a_key_id_that_is_not_text_is_refused(self, kid: Any) -> None:
        refusal(tokens(provider=True), "Bearer " + forged({"alg": "RS256", "kid": kid}, CLAIMS, KEY))

    def test_another_key_of_the_same_kind_is_refused(self) -> None:
        token = issued(CLAIMS, "ES256", EC_KID, ec_key(number=1))
        assert "unknown key" in refusal(tokens(provider=True), f"Bearer {token}")

    def test_a_changed_claim_is_refused(self) -> None:
        header, _, signature = signed().split(".")
        changed = f"{header}.{segment({**CLAIMS, 'sub': 'bob'})}.{signature}"
        assert "unknown key" in refusal(tokens(), f"Bearer {changed}")

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_any_changed_character_is_refused(self, place: int) -> None:
        parts = signed().split(".")
        for index in range(len(parts[place])):
            letter = "A" if parts[place][index] != "A" else "B"
            changed = [*parts]
            changed[place] = parts[place][:index] + letter + parts[place][index + 1 :]
            refusal(tokens(), "Bearer " + ".".join(changed))

    @pytest.mark.parametrize("cut", ["{0}.{1}", "{0}.{1}.", "{0}", ".{1}.{2}", "..", "{0}.{1}.{2}.{2}"])
    def test_missing_or_repeated_parts_are_refused(self, cut: str) -> None:
        refusal(tokens(), "Bearer " + cut.format(*signed().split(".")))

    def test_a_token_with_two_signatures_is_refused(self) -> None:
        """The JSON form of RFC 7515 has several signatures, and readers verify different ones."""
        header, payload, signature = signed().split(".")
        general = {"payload": payload, "signatures": [{"protected": header, "signature": signature}] * 2}
        refusal(tokens(), "Bearer " + json.dumps(general))

    @pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "b64", [7]])
    def test_a_critical_extension_is_refused(self, crit: Any) -> None:
        refusal(tokens(), "Bearer " + forged({**HEADER, "crit": crit, "b64": False}, CLAIMS, KEY))

    @pytest.mark.parametrize(
        "header",
        [b"[" * 3000, b'{"alg":' + b"[" * 3000, b"{}", b"7", b"\xff", b'{"alg":"HS256","n":' + b"9" * 5000],
    )
    def test_a_malformed_header_is_refused(self, header: bytes) -> None:
        refusal(tokens(), "Bearer " + forged(header, CLAIMS, KEY))

    @pytest.mark.parametrize("claims", [[], "ada", 7, None, b"\xff\xfe", b"[" * 2000, b"{"])
    def test_a_signed_payload_that_is_not_an_object_is_refused(self, claims: Any) -> None:
        refusal(tokens(), "Bearer " + forged(HEADER, claims, KEY))

    def test_a_key_that_was_rotated_out_is_refused(self) -> None:
        refusal(tokens(KEY), "Bearer " + forged(HEADER, CLAIMS, OLD_KEY))

    def test_without_keys_every_token_is_refused(self) -> None:
        service = Tokens(TokenRules(), shared_keys=lambda: (), key_set=None, clock=lambda: NOW)
        refusal(service, f"Bearer {signed()}")
        refusal(service, "Bearer " + forged(HEADER, CLAIMS, b""))


class TestTimes:
    @pytest.mark.parametrize(
        ("name", "offset", "valid"),
        [
            ("exp", 1, True),
            ("exp", -29, True),
            ("exp", -30, False),
            ("exp", -3600, False),
            ("nbf", 30, True),
            ("nbf", 31, False),
            ("iat", 30, True),
            ("iat", 31, False),
            ("iat", -(10**9), True),
        ],
    )
    def test_have_half_a_minute_of_leeway(self, name: str, offset: int, valid: bool) -> None:
        header = f"Bearer {signed(**{name: SECONDS + offset})}"
        if valid:
            assert tokens().caller(header).owner == "ada"
        else:
            refusal(tokens(), header)

    @pytest.mark.parametrize(
        "exp",
        [
            None,
            "",
            str(SECONDS + 60),
            "2999-01-01T00:00:00Z",
            True,
            [SECONDS + 60],
            {},
            -1,
            253402300800,
            10**400,
        ],
    )
    def test_an_expiry_that_is_not_a_time_is_refused(self, exp: Any) -> None:
        refusal(tokens(), f"Bearer {signed(exp=exp)}")

    @pytest.mark.parametrize("exp", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"null"])
    def test_an_expiry_that_is_not_a_finite_number_is_refused(self, exp: bytes) -> None:
        raw = json.dumps({**CLAIMS, "exp": 0}).encode().replace(b'"exp": 0', b'"exp": ' + exp)
        refusal(tokens(), "Bearer " + forged(HEADER, raw, KEY))

    @pytest.mark.parametrize("name", ["nbf", "iat"])
    @pytest.mark.parametrize("value", ["tomorrow", str(SECONDS), True, [], -5])
    def test_a_start_that_is_not_a_time_is_refused(self, name: str, value: Any) -> None:
        refusal(tokens(), f"Bearer {signed(**{name: value})}")

    def test_the_last_representable_time_is_accepted(self) -> None:
        assert tokens().caller(f"Bearer {signed(exp=253402300799.9999)}").owner == "ada"


class TestIssuerAndAudience:
    @pytest.mark.parametrize(
        "iss", [None, "", "https://evil.example", "https://issuer.example/", ["https://issuer.example"]]
    )
    def test_another_issuer_is_refused(self, iss: Any) -> None:
        refusal(tokens(issuer="https://issuer.example"), f"Bearer {signed(iss=iss)}")

    def test_the_configured_issuer_is_accepted(self) -> None:
        service = tokens(issuer="https://issuer.example")
        assert service.caller(f"Bearer {signed(iss='https://issuer.example')}").owner == "ada"

    @pytest.mark.parametrize("aud", [None, "", "other", "TASKS", "tasks2", ["other"], [], {"tasks": 1}, 7])
    def test_a_token_for_another_service_is_refused(self, aud: Any) -> None:
        refusal(tokens(audience="tasks"), f"Bearer {signed(aud=aud)}")

    @pytest.mark.parametrize("aud", ["tasks", ["other", "tasks"]])
    def test_a_token_for_this_service_is_accepted(self, aud: Any) -> None:
        assert tokens(audience="tasks").caller(f"Bearer {signed(aud=aud)}").owner == "ada"

    def test_the_audience_may_be_in_another_claim(self) -> None:
        service = tokens(audience="client-1", audience_claim="client_id")
        assert service.caller(f"Bearer {signed(client_id='client-1')}").owner == "ada"
        refusal(service, f"Bearer {signed(client_id='client-2')}")
        refusal(service, f"Bearer {signed(aud='client-1')}")


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            None,
            "",
            7,
            True,
            ["ada"],
            {"name": "ada"},
            "x" * 129,
            "ada#01",
            "ada\n",
            "ada\r\nSet-Cookie: a=b",
            "ada\x00",
            "ada\x1b[31m",
            "ada\N{RIGHT-TO-LEFT OVERRIDE}nimda",
            "ad\N{ZERO WIDTH JOINER}a",
            "ada\N{LINE SEPARATOR}",
            "ada\N{NO-BREAK SPACE}",
            "\ud800",
        ],
    )
    @pytest.mark.parametrize("claim", ["sub", "org"])
    def test_that_could_break_keys_or_logs_are_refused(self, claim: str, name: Any) -> None:
        refusal(tokens(owner_claim="org"), f"Bearer {signed(**{'org': 'acme', claim: name})}")
