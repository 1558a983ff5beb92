"""Responses that API Gateway sends itself: unknown path, body too large, no response from the function.

The app never receives these requests, so the gateway is configured with its headers and problem documents.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from chalicelib.http.headers import EVERY_RESPONSE

EXTENSION: Final = "x-amazon-apigateway-gateway-responses"
#: The problem document of each kind of response. The DEFAULT kinds have no status, because a template cannot
#: read it.
_PROBLEMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "MISSING_AUTHENTICATION_TOKEN": {"status": 403, "title": "Forbidden", "code": "no_such_route"},
    "REQUEST_TOO_LARGE": {"status": 413, "title": "Content Too Large", "code": "too_large"},
    "THROTTLED": {"status": 429, "title": "Too Many Requests", "code": "too_many"},
    "INTEGRATION_FAILURE": {"status": 504, "title": "Gateway Timeout", "code": "unavailable"},
    "INTEGRATION_TIMEOUT": {"status": 504, "title": "Gateway Timeout", "code": "unavailable"},
    "DEFAULT_4XX": {"title": "Refused by the gateway", "code": "refused"},
    "DEFAULT_5XX": {"title": "Failed in the gateway", "code": "unavailable"},
}


def with_gateway_responses(document: Mapping[str, Any], origins: Collection[str]) -> dict[str, Any]:
    """Return the swagger document with gateway responses in the format of the app's own.

    A static header names one origin: with several in `origins`, browsers' pages cannot read the responses.
    """
    headers = {**EVERY_RESPONSE, "Content-Type": "application/problem+json"}
    if len(origins) == 1:
        headers["Access-Control-Allow-Origin"] = next(iter(origins))
    parameters = {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()}
    responses = {
        kind: {"responseParameters": parameters, "responseTemplates": {"application/json": _text(problem)}}
        for kind, problem in _PROBLEMS.items()
    }
    return {**document, EXTENSION: responses}


def _text(problem: Mapping[str, Any]) -> str:
    """Return a template of a problem document; the gateway substitutes its own message, quoted."""
    fixed = json.dumps({"type": "about:blank", **problem})
    return fixed.removesuffix("}") + ', "detail": $context.error.messageString}'
