"""Frames to WebSocket connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.watching import ConnectionGone, SendFailed

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient


class Sockets:
    """The stage's WebSocket API, seen from the server."""

    def __init__(
        self, client_for: Callable[[str], ApiGatewayManagementApiClient], endpoint: Callable[[], str]
    ) -> None:
        self._client_for = client_for
        self._endpoint = endpoint
        self._made: ApiGatewayManagementApiClient | None = None

    @property
    def _client(self) -> ApiGatewayManagementApiClient:
        # No cached_property: in Python 3.11 its lock, one for all instances, is held while SSM is asked.
        if self._made is None:
            self._made = self._client_for(self._endpoint())
        return self._made

    def send(self, connection_id: str, frame: str) -> None:
        """Post one frame. Raises: ConnectionGone, or SendFailed when it may work later."""
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=frame.encode())
        except self._client.exceptions.GoneException:
            raise ConnectionGone(connection_id) from None
        except (ClientError, BotoCoreError) as error:
            raise SendFailed(str(error)) from error

    def close(self, connection_id: str) -> None:
        """Cut the connection; one that is gone already is no error. Raises: SendFailed."""
        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except self._client.exceptions.GoneException:
            return
        except (ClientError, BotoCoreError) as error:
            raise SendFailed(str(error)) from error
