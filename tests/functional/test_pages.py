"""The web pages and their assets, as browsers receive them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from chalice.app import Request
from chalice.test import HTTPResponse

from chalicelib.settings import VERSION, Settings
from chalicelib.web import page_responses as answers
from testing.kit import Kit
from tests.functional.conftest import Http

WEBSOCKET = "wss://ws.example/local"
PROVIDER = {
    "JWKS_URL": "https://id.example/keys",
    "TOKEN_ISSUER": "https://id.example",
    "TOKEN_AUDIENCE": "tasks",
    "OIDC_CLIENT_ID": "dashboard",
    "OIDC_AUTHORIZATION_ENDPOINT": "https://id.example/authorize",
    "OIDC_TOKEN_ENDPOINT": "https://token.example/token",
}


@pytest.fixture
def http(http: Http, kit: Kit) -> Http:
    """The API before sign-in."""
    kit.client("ssm").put_parameter(
        Name=kit.settings.parameter("websocket-endpoint"), Value="https://ws.example/local", Type="String"
    )
    return http.as_("")


def text(answer: HTTPResponse) -> str:
    body: bytes = answer.body
    return body.decode()


def request(path: str) -> Request:
    return Request(
        {
            "multiValueQueryStringParameters": None,
            "headers": {},
            "pathParameters": {},
            "requestContext": {"httpMethod": "GET", "resourcePath": "/", "path": path},
            "body": None,
            "stageVariables": None,
            "isBase64Encoded": False,
        }
    )


def address_of(http: Http, suffix: str) -> str:
    page = text(http.get("/"))
    return next(each for each in page.split('"') if each.startswith("assets/") and each.endswith(suffix))


@pytest.mark.parametrize("path", ["/", "/docs"])
class TestPages:
    def test_a_page_needs_no_token(self, http: Http, path: str) -> None:
        answer = http.get(path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert text(answer).startswith("<!doctype html>")

    def test_a_page_allows_its_own_scripts_and_connections_only(self, http: Http, path: str) -> None:
        policy = dict(
            rule.split(" ", 1) for rule in http.get(path).headers["Content-Security-Policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["connect-src"] == "'self' wss://ws.example"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"

    def test_a_browser_that_has_the_page_gets_304(self, http: Http, path: str) -> None:
        first = http.get(path)
        assert first.headers["Cache-Control"] == "no-cache"
        for tag in (first.headers["ETag"], f"W/{first.headers['ETag']}", "*"):
            again = http.get(path, if_none_match=tag)
            assert (again.status_code, again.body) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
        assert http.get(path, if_none_match='"another"').status_code == 200


class TestAssets:
    @pytest.mark.parametrize(
        ("suffix", "media_type"),
        [
            (".js", "text/javascript; charset=utf-8"),
            (".css", "text/css; charset=utf-8"),
            (".svg", "image/svg+xml"),
        ],
    )
    def test_an_asset_may_be_cached_forever(self, http: Http, suffix: str, media_type: str) -> None:
        answer = http.get(f"/{address_of(http, suffix)}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == media_type
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_a_browser_that_has_it_gets_304(self, http: Http) -> None:
        path = f"/{address_of(http, '.css')}"
        assert http.get(path, if_none_match=http.get(path).headers["ETag"]).status_code == 304

    @pytest.mark.parametrize("name", ["style.css", "style.000000000000.css", "..%2Fassets.py", "README.md"])
    def test_another_file_is_a_404(self, http: Http, name: str) -> None:
        answer = http.get(f"/assets/{name}")
        assert answer.status_code == 404
        assert answer.headers["Cache-Control"] == "no-store"


class TestRelativeUrls:
    @pytest.mark.parametrize(("path", "location"), [("/prod", "./prod/"), ("/base/path", "./path/")])
    def test_a_page_without_a_slash_redirects_to_one_with_it(self, path: str, location: str) -> None:
        answer = answers.page(request(path), "dashboard", Settings(stage="prod"), WEBSOCKET)
        assert (answer.status_code, answer.headers["Location"]) == (308, location)

    @pytest.mark.parametrize("path", ["/", "/prod/"])
    def test_a_path_with_a_slash_has_the_page(self, path: str) -> None:
        assert answers.page(request(path), "dashboard", Settings(stage="prod"), WEBSOCKET).status_code == 200


class TestConfig:
    def config(self, **environ: str) -> Any:
        settings = Settings.from_env({"STAGE": "local", **environ})
        return answers.config(settings, WEBSOCKET).body

    def test_a_stage_with_its_own_tokens_says_so(self, http: Http) -> None:
        assert http.get("/config").json_body == {
            "stage": "test",
            "version": VERSION,
            "auth": {"mode": "token", "scope_claim": "scope", "scope_prefix": ""},
            "websocket_url": WEBSOCKET,
        }

    def test_a_stage_without_tokens_says_so(self) -> None:
        assert self.config(AUTH="off")["auth"] == {"mode": "off"}

    def test_a_stage_with_a_provider_says_how_to_sign_in(self) -> None:
        assert self.config(**PROVIDER, SCOPE_PREFIX="api/")["auth"] == {
            "mode": "oidc",
            "issuer": "https://id.example",
            "client_id": "dashboard",
            "scope": "openid api/tasks:read api/tasks:write",
            "audience": "tasks",
            "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": "https://token.example/token",
            "scope_claim": "scope",
            "scope_prefix": "api/",
        }

    def test_the_requested_scopes_are_a_setting(self) -> None:
        assert self.config(**PROVIDER, OIDC_SCOPE="openid tasks")["auth"]["scope"] == "openid tasks"

    def test_the_page_may_call_the_token_endpoint(self) -> None:
        settings = Settings.from_env(PROVIDER)
        policy = answers.content_security_policy(settings, WEBSOCKET)
        assert "connect-src 'self' wss://ws.example https://token.example;" in policy

    def test_a_changed_policy_is_a_changed_page(self) -> None:
        settings = Settings.from_env(PROVIDER)
        other = replace(settings, oidc_token_endpoint="https://elsewhere.example/token")
        tags = {
            answers.page(request("/"), "dashboard", each, WEBSOCKET).headers["ETag"]
            for each in (settings, other)
        }
        assert len(tags) == 2
