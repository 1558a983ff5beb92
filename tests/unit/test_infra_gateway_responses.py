"""API Gateway's own responses have the app's format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.deployer.gateway_responses import EXTENSION, with_gateway_responses

DOCUMENT = {"paths": {"/tasks": {}}}


def responses(*origins: str) -> dict[str, Any]:
    extended = with_gateway_responses(DOCUMENT, origins)
    assert extended["paths"] == DOCUMENT["paths"]
    by_kind: dict[str, Any] = extended[EXTENSION]
    return by_kind


@pytest.mark.parametrize("kind", ["MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX", "DEFAULT_5XX"])
class TestResponses:
    def test_browsers_get_the_same_headers(self, kind: str) -> None:
        headers = responses()[kind]["responseParameters"]
        assert headers["gatewayresponse.header.X-Content-Type-Options"] == "'nosniff'"
        assert "max-age=" in headers["gatewayresponse.header.Strict-Transport-Security"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"

    def test_the_body_is_a_problem(self, kind: str) -> None:
        template = responses()[kind]["responseTemplates"]["application/json"]
        problem = json.loads(template.replace("$context.error.messageString", '"No."'))
        assert problem.keys() - {"status"} == {"type", "title", "code", "detail"}
        assert problem["detail"] == "No."

    def test_the_one_allowed_origin_may_read_it(self, kind: str) -> None:
        headers = responses("https://app.example")[kind]["responseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://app.example'"

    @pytest.mark.parametrize("origins", [(), ("https://a.example", "https://b.example")])
    def test_no_other_origin_is_named(self, kind: str, origins: tuple[str, ...]) -> None:
        headers = responses(*origins)[kind]["responseParameters"]
        assert "gatewayresponse.header.Access-Control-Allow-Origin" not in headers
