"""Security headers are on every response, and CORS headers are for allowed origins only."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.app import Request, Response

from chalicelib.http.headers import EVERY_RESPONSE, preflight, with_browser_headers

ORIGINS = ("https://app.example", "https://other.example")


def request(origin: str | None) -> Request:
    return Request(
        {
            "multiValueQueryStringParameters": None,
            "headers": {} if origin is None else {"Origin": origin},
            "pathParameters": {},
            "requestContext": {"httpMethod": "GET", "resourcePath": "/tasks", "path": "/tasks"},
            "body": None,
            "stageVariables": None,
            "isBase64Encoded": False,
        }
    )


def headers(origin: str | None, origins: tuple[str, ...] = ORIGINS) -> dict[str, Any]:
    answer: Response = with_browser_headers(Response({}), request(origin), origins)
    return dict(answer.headers)


@pytest.mark.parametrize("origin", [None, "https://evil.example", "https://app.example"])
@pytest.mark.parametrize("origins", [(), ORIGINS])
def test_every_response_has_the_security_headers(origin: str | None, origins: tuple[str, ...]) -> None:
    assert EVERY_RESPONSE.items() <= headers(origin, origins).items()


def test_a_response_keeps_its_own_headers() -> None:
    own = Response({}, headers={"Cache-Control": "max-age=60"})
    assert with_browser_headers(own, request(None), ()).headers["Cache-Control"] == "max-age=60"


@pytest.mark.parametrize("origin", ORIGINS)
def test_an_allowed_origin_gets_cors_headers(origin: str) -> None:
    response_headers = headers(origin)
    assert response_headers["Access-Control-Allow-Origin"] == origin
    assert "Authorization" in response_headers["Access-Control-Allow-Headers"]
    assert "Location" in response_headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in response_headers


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "*",
        "https://evil.example",
        "http://app.example",
        "https://app.example.evil.example",
        "https://app.example:8443",
        "https://app.example/",
        "HTTPS://APP.EXAMPLE",
        "https://app.example, https://evil.example",
    ],
)
def test_another_origin_gets_no_cors_headers(origin: str | None) -> None:
    assert not [name for name in headers(origin) if name.startswith("Access-Control")]


def test_responses_vary_by_origin() -> None:
    assert headers(None)["Vary"] == "Origin"
    assert "Vary" not in headers(None, ())


def test_a_preflight_has_no_body() -> None:
    answer = preflight(task_id="x")
    assert (answer.status_code, answer.body) == (204, "")


@pytest.mark.parametrize("answer", [None, {"batchItemFailures": []}, {"statusCode": 200}])
def test_the_result_of_another_event_is_unchanged(answer: Any) -> None:
    assert with_browser_headers(answer, object(), ORIGINS) is answer
