"""What the blocking and the awaiting client have in common: how effects look to httpx and websockets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from websockets.exceptions import InvalidStatus

from task_service_client.configuration import find
from task_service_client.effects import Request, Response
from task_service_client.errors import SocketLost, Unreachable
from task_service_client.live_operations import LiveOperations
from task_service_client.redrive_operations import RedriveOperations
from task_service_client.retries import Retries

Token = str | Callable[[], str] | None

TIMEOUT_SECONDS: Final = 30.0
#: API Gateway's limit of a message; frames have at most 32 KB.
MESSAGE_LIMIT_BYTES: Final = 128 * 1024
CLOSE_SECONDS: Final = 1.0
USER_AGENT: Final = "task-service-client/0.1.0"


class Operations(LiveOperations, RedriveOperations):
    """Everything that a client can do, as steps."""


class Shell:
    """How to reach the service, and the operations."""

    def __init__(
        self,
        url: str | None = None,
        token: Token = None,
        *,
        owner: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
        operations: Operations | None = None,
    ) -> None:
        """See `Client`. `operations` replaces clock and randomness, for tests."""
        given = token if isinstance(token, str) else None
        found = find(url, given, os.environ, Path.cwd())
        self.url = found.url
        self._token: Token = token if callable(token) else found.token
        self._owner = owner
        self._timeout = timeout
        self._operations = operations or Operations(retries)

    def _arguments(self, request: Request) -> dict[str, Any]:
        """What httpx is to send."""
        query = {name: value for name, value in request.query.items() if value is not None}
        if self._owner is not None:
            query["owner"] = self._owner
        headers = {"accept": "application/json", "user-agent": USER_AGENT, **request.headers}
        token = self._token() if callable(self._token) else self._token
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        content = None
        if request.body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(request.body, allow_nan=False).encode()
        return {
            "method": request.method,
            "url": f"{self.url}{request.path}{'?' + urlencode(query) if query else ''}",
            "headers": headers,
            "content": content,
            "timeout": httpx.Timeout(self._timeout + request.patience_seconds, connect=self._timeout),
        }

    def _websocket_options(self) -> dict[str, Any]:
        """What websockets is to know."""
        return {
            "open_timeout": self._timeout,
            "close_timeout": CLOSE_SECONDS,
            "max_size": MESSAGE_LIMIT_BYTES,
            "user_agent_header": USER_AGENT,
        }

    def _unreachable(self, error: httpx.HTTPError | httpx.InvalidURL) -> Unreachable:
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        reason = str(error) or type(error).__name__
        return Unreachable(f"{self.url} does not answer: {reason}", unsent=unsent)


def response_of(answer: httpx.Response) -> Response:
    """The answer, read."""
    text = answer.text
    try:
        body = json.loads(text) if text else None
    except ValueError:
        body = text
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(status=answer.status_code, headers=headers, body=body)


def lost(error: Exception) -> SocketLost:
    """The WebSocket could not be opened, or ended."""
    if isinstance(error, InvalidStatus):
        return SocketLost(f"the handshake was answered with {error.response.status_code}")
    return SocketLost(str(error) or type(error).__name__)
