"""Fetches for tests: from a server on this machine, or from a scripted internet."""

from __future__ import annotations

import socket
from typing import Any

from chalicelib.fetching import Fetcher, Request, Response
from tests.support.http_server import HttpServer

PUBLIC = "93.184.215.14"
LOCAL = Fetcher(allowed_hosts=["127.0.0.1"])


def get(url: str, fetcher: Fetcher = LOCAL, **options: Any) -> Response:
    """The response to a GET, by default within 5 s and 1000 bytes."""
    return fetcher.fetch(Request(url=url), **{"timeout_seconds": 5, "limit_bytes": 1000, **options})


def never(*_: Any) -> socket.socket:
    """A connector that fails the test."""
    raise AssertionError("connected")


class Internet:
    """A resolver and a connector for tests. Names have scripted addresses, and all lead to one server."""

    def __init__(self, server: HttpServer | None = None, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}
        self.connected: list[tuple[str, int]] = []
        self.resolved: list[str] = []
        self._server = server

    def resolve(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.resolved.append(host)
        if not self.names.get(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        # Each look-up removes the first of several addresses; a single address stays.
        answers = self.names[host]
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in address.split()]

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.connected.append(address)
        if self._server is None:
            raise ConnectionRefusedError(111, "Connection refused")
        return socket.create_connection(("127.0.0.1", self._server.port), timeout)

    def fetcher(self, *allowed_hosts: str) -> Fetcher:
        return Fetcher(allowed_hosts=allowed_hosts, resolve=self.resolve, connect=self.connect)
