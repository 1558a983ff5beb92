"""Frames to WebSocket connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chalicelib.domain.connection import ConnectionGone, SendFailed

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import Connections


class Sockets:
    """The connections of the stage's WebSocket API."""

    def __init__(self, connections_at: Callable[[str], Connections], address: Callable[[], str]) -> None:
        """`address` returns https://HOST/STAGE; `connections_at` makes a client for it."""
        self._connections_at = connections_at
        self._address = address
        self._client: Connections | None = None

    @property
    def _connections(self) -> Connections:
        # Not a cached_property: in Python 3.11 all instances share its lock, here during a call to SSM.
        if self._client is None:
            self._client = self._connections_at(self._address())
        return self._client

    def send(self, connection_id: str, frame: str) -> None:
        """Post one frame. Raises: ConnectionGone; SendFailed when a later attempt may succeed."""
        (failure,) = self.send_all([(connection_id, frame)])
        if failure is not None:
            raise failure

    def send_all(self, frames: Sequence[tuple[str, str]]) -> list[ConnectionGone | SendFailed | None]:
        """Post (connection id, frame) side by side. Returns None or an error for each."""
        return self._connections.post_all([(id_, frame.encode()) for id_, frame in frames])

    def close(self, connection_id: str) -> None:
        """Close the connection. Closing one that is gone does nothing. Raises: SendFailed."""
        failure = self._connections.delete(connection_id)
        if isinstance(failure, SendFailed):
            raise failure
