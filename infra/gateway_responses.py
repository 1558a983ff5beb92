"""What API Gateway answers by itself: unknown paths, bodies too big, functions that did not answer.

The app never sees these requests, so its headers and its problem documents must be taught to the gateway.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from chalicelib.cors import EVERY_RESPONSE

EXTENSION: Final = "x-amazon-apigateway-gateway-responses"
#: Kind of answer: what the problem document says of it. The gateway fills in its own status and words.
_CODES: Final = {"DEFAULT_4XX": "refused_by_gateway", "DEFAULT_5XX": "unavailable"}


def with_gateway_responses(document: Mapping[str, Any], origins: Collection[str]) -> dict[str, Any]:
    """The swagger document of an API that answers like the app when the app is not asked.

    A static header can name one origin: with several in `origins`, pages cannot read these answers.
    """
    headers = {**EVERY_RESPONSE, "Content-Type": "application/problem+json"}
    if len(origins) == 1:
        headers["Access-Control-Allow-Origin"] = next(iter(origins))
    parameters = {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()}
    answers = {
        kind: {"responseParameters": parameters, "responseTemplates": {"application/json": _problem(code)}}
        for kind, code in _CODES.items()
    }
    return {**document, EXTENSION: answers}


def _problem(code: str) -> str:
    """A template; `messageString` is quoted by the gateway itself."""
    fixed = json.dumps({"type": "about:blank", "title": "Refused by the gateway", "code": code})
    return fixed.removesuffix("}") + ', "status": $context.status, "detail": $context.error.messageString}'
