"""The cost of tokens and limits: `python -m benchmarks.auth`.

Times are ratios to a bare handler, so that machines can be compared; requests and write units are exact.
Everything runs on an AWS in memory, so the times include none of AWS.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from chalice.test import Client

import app
from chalicelib import bootstrap
from testing.kit import Kit
from tests.support.aws_wire import Wire
from tests.support.forgery import EC_KID, RSA_KID, issued, key_set
from tests.support.http_server import Answer, HttpServer

ROOT: Final = Path(__file__).parents[1]
RUNS: Final = 300
ISSUER: Final = "https://issuer.example"
POST: Final = json.dumps({"type": "demo.sleep", "payload": {"seconds": 0}}).encode()
#: Operations that are billed as writes.
WRITES: Final = ("PutItem", "UpdateItem", "TransactWriteItems")


def cpu_seconds(act: Callable[[], Any]) -> float:
    """The minimum CPU time of `act` in RUNS runs, without the first few."""
    best = float("inf")
    for number in range(RUNS):
        started = time.process_time()
        act()
        if number > RUNS // 10:
            best = min(best, time.process_time() - started)
    return best


def main() -> None:
    with HttpServer(Answer(200, key_set())) as server:
        provider: dict[str, Any] = {
            "jwks_url": server.url(),
            "token_issuer": ISSUER,
            "token_audience": "tasks",
        }
        times = _times(provider)
    bare = times.pop("no token (AUTH=off)")
    print(f"GET /task-types, CPU of the handler: {bare * 1e6:.0f} us without a token")
    for name, seconds in times.items():
        print(f"  {name:28} {seconds / bare:5.2f} x   (+{(seconds - bare) * 1e6:.0f} us)")
    _print_posts()
    _print_imports()


def _times(provider: dict[str, Any]) -> dict[str, float]:
    seconds = {}
    with Kit(auth="off") as kit:
        seconds["no token (AUTH=off)"] = _time(kit, "")
    with Kit(**provider) as kit:
        claims = {"iss": ISSUER, "aud": "tasks"}
        seconds["HS256"] = _time(kit, kit.token(**claims))
        signed = {"sub": "ada", "scope": "tasks:read", "exp": int(kit.clock().timestamp()) + 60, **claims}
        seconds["ES256, key set kept"] = _time(kit, issued(signed, "ES256", EC_KID))
        seconds["RS256, key set kept"] = _time(kit, issued(signed, "RS256", RSA_KID))
    return seconds


def _time(kit: Kit, token: str) -> float:
    bootstrap.install(kit.services)
    with Client(app.app, stage_name="local", project_dir=str(ROOT)) as client:
        headers = {"authorization": f"Bearer {token}"}
        assert client.http.get("/task-types", headers=headers).status_code == 200
        return cpu_seconds(lambda: client.http.get("/task-types", headers=headers))


def _print_posts() -> None:
    """Requests to AWS of successive posts, with those that the limits add."""
    for pause, pace in ((0.0, "at once"), (0.1, "at 10 a second"), (2.0, "one every 2 s")):
        with Kit() as kit:
            bootstrap.install(kit.services)
            wire, headers = Wire(kit.services), {"content-type": "application/json"}
            headers["authorization"] = f"Bearer {kit.token()}"
            with Client(app.app, stage_name="local", project_dir=str(ROOT)) as client:
                for _ in range(100):
                    assert client.http.post("/tasks", headers=headers, body=POST).status_code == 201
                    kit.clock.advance(pause)
            counts = wire.counts()
            print(f"100 posts {pace:16} {counts['UpdateItem'] / 100:.2f} write units a post by the limit")
            print(f"  {counts}")


def _print_imports() -> None:
    bare = _process("pass")
    for name in ("import jwt", "import app", "import app, chalicelib.auth.tokens"):
        print(f"python -c '{name}': {_process(name) / bare:.1f} x python -c pass")


def _process(code: str) -> float:
    """CPU seconds of a whole process, the minimum of seven."""
    best = float("inf")
    for _ in range(7):
        before = _children()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        best = min(best, _children() - before)
    return best


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
