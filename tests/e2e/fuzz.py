"""Throws whatever it can think of at the running service: `make fuzz SECONDS=300` beside `make up`.

It must never answer 5xx, every refusal must be a problem document, and a WebSocket must outlive whatever is
sent on it. The seed of a run is printed: `SEED=7 make fuzz` draws the same things again.
"""

from __future__ import annotations

import json
import os
import string
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from threading import Lock, Thread
from typing import Any, Final
from urllib.parse import quote, urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

ENDPOINTS: Final = Path(__file__).parents[2] / ".local" / "endpoints.json"
THREADS: Final = 3
PATIENCE_SECONDS: Final = 60
FAILURES_SHOWN: Final = 10
ROUTES: Final = (
    *(
        "GET /tasks",
        "POST /tasks",
        "POST /tasks",
        "POST /tasks/batch",
        "GET /tasks/{id}",
        "DELETE /tasks/{id}",
    ),
    *("POST /tasks/{id}/cancel", "POST /tasks/{id}/retry", "POST /tickets", "GET /task-types"),
    *("GET /stats", "GET /health", "OPTIONS /tasks"),
)
TASKS: Final = (
    {"type": "demo.sleep", "payload": {"seconds": 0, "steps": 1}},
    {"type": "demo.fail", "payload": {"message": "x", "times": 1}, "max_attempts": 2, "tags": ["a", "b"]},
    {"type": "csv.profile", "payload": {"csv": "a,b\n1,2\n"}, "timeout_seconds": 10},
    {"type": "http.request", "payload": {"url": "http://169.254.169.254/", "headers": {"x-a": "b"}}},
    {"type": "demo.sleep", "payload": {"seconds": 0}, "run_at": "2199-01-01T00:00:00Z", "expires_at": None},
)
FIELDS: Final = ("status", "type", "tag", "limit", "cursor", "minutes", "owner", "watch", "x")
HEADERS: Final = ("Content-Type", "Idempotency-Key", "X-Correlation-Id", "If-None-Match", "Accept", "Origin")
MESSAGES: Final = (
    {"action": "ping"},
    {"action": "subscribe", "task_id": "x"},
    {"action": "unsubscribe", "task_id": "x"},
    {"action": "sync", "tasks": {}, "since": None},
)


@dataclass
class Findings:
    """What all threads saw."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=lambda: ["nope"])
    lock: Lock = field(default_factory=Lock)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def fail(self, what: str) -> None:
        with self.lock:
            self.failures.append(what)


class Draw:
    """Things to send, drawn at random."""

    def __init__(self, random: Random, findings: Findings, token: str) -> None:
        self.random = random
        self._findings = findings
        self._token = token

    def text(self, longest: int = 40) -> str:
        alphabet = self.random.choice(
            [string.ascii_letters, string.printable, "é😀\u202e\x00\ud800\"\\/#%;'<>{}[]"]
        )
        return "".join(self.random.choices(alphabet, k=self.random.randrange(longest)))

    def value(self, depth: int = 0) -> Any:
        """Any JSON."""
        kinds: list[Callable[[], Any]] = [
            lambda: None,
            lambda: self.random.choice([True, False]),
            lambda: self.random.choice([0, -1, 1, 7, 10**6, 2**63, 10**400, 1e308, -0.5, 1e-300]),
            self.text,
            self.task_id,
        ]
        if depth < 4:
            kinds += [
                lambda: [self.value(depth + 1) for _ in range(self.random.randrange(4))],
                lambda: {self.text(8): self.value(depth + 1) for _ in range(self.random.randrange(4))},
            ]
        return self.random.choice(kinds)()

    def changed(self, value: Any) -> Any:
        """A value of which, here and there, something is another one."""
        if self.random.random() < 0.12:
            return self.value()
        if isinstance(value, dict):
            changed = {name: self.changed(inner) for name, inner in value.items()}
            return {**changed, self.text(8): self.value()} if self.random.random() < 0.05 else changed
        return [self.changed(inner) for inner in value] if isinstance(value, list) else value

    def task_id(self) -> str:
        known = self.random.choice(self._findings.ids)
        return self.random.choice([known, known, known.upper(), known[:-1], self.text()])

    def body(self, path: str) -> bytes:
        if self.random.random() < 0.1:
            return self.random.choice([b"", b"{", b"[" * 50_000, b"\xff\xfe", self.random.randbytes(200)])
        body: Any = self.random.choice(TASKS)
        if path.endswith("batch"):
            body = {"tasks": [self.random.choice(TASKS) for _ in range(self.random.randrange(1, 5))]}
        elif path.endswith("tickets"):
            body = {"watch": self.random.choice(["all", "none", f"task:{self.task_id()}", "type:x"])}
        return json.dumps(self.changed(body)).encode()

    def query(self) -> str:
        names = self.random.sample(FIELDS, self.random.choice([0, 0, 0, 1, 2]))
        values = [self.random.choice(["1", "failed", "demo.sleep", self.text()]) for _ in names]
        pairs = [f"{name}={_quoted(value)}" for name, value in zip(names, values, strict=True)]
        return "?" + "&".join(pairs) if pairs else ""

    def headers(self) -> dict[str, str]:
        header, payload, signature = self._token.split(".")
        tokens = [self._token] * 20 + [
            f"{header}.{payload}.{signature[::-1]}",
            f"{header}.{payload}.",
            "",
            "x",
        ]
        found = {"Authorization": f"Bearer {self.random.choice(tokens)}", "Content-Type": "application/json"}
        for name in (
            "Content-Type",
            "Idempotency-Key",
            "X-Correlation-Id",
            "If-None-Match",
            "Accept",
            "Origin",
        ):
            if self.random.random() < 0.1:
                found[name] = "".join(
                    each for each in self.text(300) if each.isprintable() and each.isascii()
                )
        return found


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def fuzz_http(url: str, draw: Draw, findings: Findings, ends_at: float) -> None:
    """Send requests until `ends_at`."""
    place = urlsplit(url)
    while time.monotonic() < ends_at:
        method, path = draw.random.choice(ROUTES).split()
        target = path.replace("{id}", _quoted(draw.task_id()) or "x") + draw.query()
        body = draw.body(path) if method == "POST" else b""
        headers = draw.headers()
        server = HTTPConnection(place.netloc, timeout=PATIENCE_SECONDS)
        try:
            server.request(method, place.path + target, body, headers)
            answer = server.getresponse()
            text = answer.read()
        except OSError as error:
            findings.fail(f"{method} {target}: no answer: {error!r}\n  {body[:300]!r}")
            if isinstance(error, ConnectionRefusedError):
                return
            continue
        finally:
            server.close()
        findings.count(f"{method} {path} {answer.status}")
        if flaw := _flaw(answer.status, answer.headers.get("Content-Type", ""), text):
            findings.fail(f"{method} {target}: {flaw}\n  sent {body[:300]!r}\n  got {text[:300]!r}")
        if answer.status == 201 and path == "/tasks":
            with findings.lock:
                findings.ids = [*findings.ids[-200:], json.loads(text)["id"]]


def _flaw(status: int, content_type: str, text: bytes) -> str | None:
    if status >= 500:
        return f"{status}"
    if status >= 400 and content_type != "application/problem+json":
        return f"{status} is {content_type or 'nothing'}, not a problem"
    if b"Traceback" in text:
        return "a stack trace"
    return None


def fuzz_socket(url: str, token: str, draw: Draw, findings: Findings, ends_at: float) -> None:
    """Send messages on one connection until `ends_at`; after each it must still answer a ping."""
    header = {"Authorization": f"Bearer {token}"}
    # No pings of the protocol: the emulator answers them late when it has much to do.
    with connect(f"{url}?watch=none", additional_headers=header, proxy=None, ping_interval=None) as socket:
        while time.monotonic() < ends_at:
            message = draw.random.choice(
                [
                    json.dumps(draw.changed(draw.random.choice(MESSAGES))),
                    json.dumps({"action": "subscribe", "task_id": draw.task_id()}),
                    json.dumps({"action": "sync", "tasks": {draw.task_id(): 0}, "since": draw.task_id()}),
                    draw.text(2000).encode("utf-8", "replace").decode(),
                    '{"action":' + "[" * draw.random.randrange(3000),
                ]
            )
            try:
                socket.send(message)
                socket.send('{"action": "ping"}')
                _await_pong(socket)
            except (WebSocketException, TimeoutError, ValueError) as error:
                findings.fail(f"socket: {error!r}\n  sent {message[:300]!r}")
                return
            findings.count("socket message")


def _await_pong(socket: ClientConnection) -> None:
    while json.loads(socket.recv(PATIENCE_SECONDS))["type"] != "pong":
        continue


def main(seconds: float, seed: int) -> int:
    """0 when nothing was found; 1 otherwise, and what it was."""
    try:
        places = json.loads(ENDPOINTS.read_text())
    except OSError:
        print("The local stage does not run: start it with `make up`.", file=sys.stderr)
        return 2
    findings, ends_at = Findings(), time.monotonic() + seconds
    print(f"Fuzzing for {seconds:g} s with SEED={seed} ...", flush=True)
    draws = [Draw(Random(seed + number), findings, places["token"]) for number in range(THREADS + 1)]
    threads = [
        Thread(target=fuzz_http, args=(places["http"], draw, findings, ends_at)) for draw in draws[:THREADS]
    ]
    socket = (places["websocket"], places["token"], draws[THREADS], findings, ends_at)
    threads.append(Thread(target=fuzz_socket, args=socket))
    with ExitStack() as running:
        for thread in threads:
            thread.start()
            running.callback(thread.join)
    for what, count in sorted(findings.counts.items()):
        print(f"{count:7} {what}")
    for failure in findings.failures[:FAILURES_SHOWN]:
        print(f"\n{failure}")
    print(f"\n{findings.counts.total()} requests and messages, {len(findings.failures)} failures.")
    return 1 if findings.failures or not findings.counts else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(os.environ.get("SEED") or time.time_ns() % 10**6)))
