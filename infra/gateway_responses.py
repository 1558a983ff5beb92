"""What API Gateway answers by itself: unknown paths, bodies too big, functions that did not answer.

The app never sees these requests, so its headers and its problem documents must be taught to the gateway.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from chalicelib.http.headers import EVERY_RESPONSE

EXTENSION: Final = "x-amazon-apigateway-gateway-responses"
#: Kinds of answers with their problem documents. Those of kinds that are not named have no status: a template
#: is not told it.
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
    """The swagger document of an API that answers like the app when the app is not asked.

    A static header can name one origin: with several in `origins`, pages cannot read these answers.
    """
    headers = {**EVERY_RESPONSE, "Content-Type": "application/problem+json"}
    if len(origins) == 1:
        headers["Access-Control-Allow-Origin"] = next(iter(origins))
    parameters = {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()}
    answers = {
        kind: {"responseParameters": parameters, "responseTemplates": {"application/json": _text(problem)}}
        for kind, problem in _PROBLEMS.items()
    }
    return {**document, EXTENSION: answers}


def _text(problem: Mapping[str, Any]) -> str:
    """A template of a problem document; the gateway puts in its own words, quoted."""
    fixed = json.dumps({"type": "about:blank", **problem})
    return fixed.removesuffix("}") + ', "detail": $context.error.messageString}'
