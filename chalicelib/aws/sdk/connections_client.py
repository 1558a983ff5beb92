"""The management API of a WebSocket API: posts frames to connections and closes them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from chalicelib.aws.sdk.client import Endpoint
from chalicelib.aws.sdk.transport import Response, Unreachable
from chalicelib.domain.connection import ConnectionGone, SendFailed

_GONE = 410


class ConnectionsClient:
    """The connections of one stage of a WebSocket API."""

    def __init__(self, endpoint: Endpoint, path: str) -> None:
        """`path` is the stage's, without a slash at its end."""
        self._endpoint = endpoint
        self._path = f"{path}/@connections/"

    def post_all(self, frames: Sequence[tuple[str, bytes]]) -> list[ConnectionGone | SendFailed | None]:
        """Post (connection id, frame) once each, side by side. Returns None or an error for each."""
        return self._send_all("POST", frames)

    def delete(self, connection_id: str) -> ConnectionGone | SendFailed | None:
        """Close a connection. Returns None or the error."""
        (outcome,) = self._send_all("DELETE", [(connection_id, b"")])
        return outcome

    def _send_all(
        self, method: str, frames: Sequence[tuple[str, bytes]]
    ) -> list[ConnectionGone | SendFailed | None]:
        requests = [
            self._endpoint.request(method, self._path + quote(connection_id, safe=""), {}, frame)
            for connection_id, frame in frames
        ]
        responses = self._endpoint.send_all(requests)
        return [_error(id_, response) for (id_, _), response in zip(frames, responses, strict=True)]


def _error(connection_id: str, response: Response | Unreachable) -> ConnectionGone | SendFailed | None:
    if isinstance(response, Exception):
        return SendFailed(str(response))
    if response.status == _GONE:
        return ConnectionGone(connection_id)
    if response.status >= 300:
        return SendFailed(f"{response.status} {response.body[:200].decode(errors='replace')}")
    return None
