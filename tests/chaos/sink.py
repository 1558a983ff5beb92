"""The HTTP server that http.request tasks call. It counts requests by webhook-id."""

from __future__ import annotations

from collections import Counter

from tests.support.http_server import Answer, HttpServer, Received

OK, FLAKY, GONE = "/ok", "/flaky", "/gone"


class Sink(HttpServer):
    """Answers 200 at OK, 503 and then 200 at FLAKY, 404 at GONE."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()  #: by webhook-id
        self.served: Counter[str] = Counter()  #: responses 200, by webhook-id

    def take(self, received: Received) -> Answer:
        webhook = received.headers.get("webhook-id", "")
        with self._lock:
            self.calls[webhook] += 1
            if received.path == GONE:
                return Answer(404)
            if received.path == FLAKY and self.calls[webhook] == 1:
                return Answer(503, headers={"retry-after": "1"})
            self.served[webhook] += 1
            return Answer(200, b"fine")
