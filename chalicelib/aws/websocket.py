"""Frames to WebSocket connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from chalicelib.domain.connection import ConnectionGone, SendFailed

if TYPE_CHECKING:
    from chalicelib.aws.sdk.client import Endpoint
    from chalicelib.aws.sdk.transport import Response, Unreachable

_GONE = 410


class Sockets:
    """The stage's WebSocket API, seen from the server."""

    def __init__(self, endpoint_at: Callable[[str], Endpoint], address: Callable[[], str]) -> None:
        """`address` is https://HOST/STAGE; `endpoint_at` signs for its host."""
        self._endpoint_at = endpoint_at
        self._address = address
        self._made: tuple[Endpoint, str] | None = None

    @property
    def _known(self) -> tuple[Endpoint, str]:
        """The endpoint, and the path of its connections."""
        # No cached_property: in Python 3.11 its lock, one for all instances, is held while SSM is asked.
        if self._made is None:
            where = urlsplit(self._address())
            endpoint = self._endpoint_at(f"{where.scheme}://{where.netloc}")
            self._made = endpoint, f"{where.path.rstrip('/')}/@connections/"
        return self._made

    def send(self, connection_id: str, frame: str) -> None:
        """Post one frame. Raises: ConnectionGone, or SendFailed when it may work later."""
        (failure,) = self.send_all([(connection_id, frame)])
        if failure is not None:
            raise failure

    def send_all(self, frames: Sequence[tuple[str, str]]) -> list[ConnectionGone | SendFailed | None]:
        """Post (connection id, frame) side by side; for each, None or what kept it from arriving."""
        return self._done("POST", frames)

    def close(self, connection_id: str) -> None:
        """Cut the connection; one that is gone already is no error. Raises: SendFailed."""
        (failure,) = self._done("DELETE", [(connection_id, "")])
        if isinstance(failure, SendFailed):
            raise failure

    def _done(
        self, method: str, frames: Sequence[tuple[str, str]]
    ) -> list[ConnectionGone | SendFailed | None]:
        endpoint, path = self._known
        requests = [
            endpoint.request(method, path + quote(connection_id, safe=""), {}, frame.encode())
            for connection_id, frame in frames
        ]
        answers = endpoint.answers(requests)
        return [_failure(id_, answer) for (id_, _), answer in zip(frames, answers, strict=True)]


def _failure(connection_id: str, answer: Response | Unreachable) -> ConnectionGone | SendFailed | None:
    if isinstance(answer, Exception):
        return SendFailed(str(answer))
    if answer.status == _GONE:
        return ConnectionGone(connection_id)
    if answer.status >= 300:
        return SendFailed(f"{answer.status} {answer.body[:200].decode(errors='replace')}")
    return None
