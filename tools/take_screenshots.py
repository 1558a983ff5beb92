"""Takes docs/images/dashboard-*.png from the real thing: run it beside `make up`.

.venv/bin/python -m docs.take_screenshots [MINUTES]

For so many minutes (25) a shop's tasks go through first, so that the charts have something to tell.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from botocore.session import get_session
from playwright.sync_api import Browser, Page

from chalicelib.domain.caller import Scope
from infra import emulator_environment
from local.stage import PREFIX
from local.supervisor import ENDPOINTS
from local.tokens import stage_token
from task_service_client import Client
from tests.e2e.browser import chromium
from tests.http_server import Answer, HttpServer

IMAGES: Final = Path(__file__).parent / "images"
OWNER: Final = "webshop"
ORDERS: Final = (Path(__file__).parent / "examples" / "orders.csv").read_text()
WIDE: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 780}
MINUTES: Final = 25.0
#: What a schedule sends.
SCHEDULED: Final = {
    **dict.fromkeys(("version", "account", "region", "source", "time", "id"), ""),
    "detail-type": "Scheduled Event",
    "detail": {},
    "resources": [],
}


class Shop:
    """Asks for tasks as a web shop would, some of which go wrong."""

    def __init__(self, client: Client, well: HttpServer, busy: HttpServer, gone: HttpServer) -> None:
        self._client = client
        self._well, self._busy, self._gone = well, busy, gone
        self._draw = random.Random(7)

    def trade(self, minutes: float) -> None:
        """A day's traffic, in a few minutes: two tasks in three seconds, more of them now and then."""
        end = time.monotonic() + 60 * minutes
        while (left := end - time.monotonic()) > 0:
            rush = 1.0 + (int(left / 60) % 7 in (2, 3)) * 1.5
            time.sleep(min(left, self._draw.expovariate(rush / 1.5)))
            self._one()

    def _one(self) -> None:
        chance = self._draw.random()
        if chance < 0.62:
            self.call(self._well, f"/orders/{self._draw.randrange(10_000)}", tags=["orders"])
        elif chance < 0.80:
            self._client.create("csv.profile", {"csv": ORDERS}, tags=["nightly", "report"])
        elif chance < 0.90:
            seconds = round(self._draw.uniform(0.5, 4), 1)
            self._client.create("demo.sleep", {"seconds": seconds, "steps": 5}, tags=["render"])
        elif chance < 0.94:
            self.call(self._busy, "/stock", tags=["stock"], max_attempts=2)
        elif chance < 0.97:
            self.call(self._gone, "/newsletter", tags=["mail"])
        else:
            self._client.cancel(self._client.create("demo.sleep", {"seconds": 1}, delay_seconds=60).id)

    def call(self, server: HttpServer, path: str, **options: Any) -> str:
        """A webhook. The id of its task."""
        payload = {"url": server.url(path), "method": "POST", "body": '{"paid": true}'}
        return self._client.create("http.request", payload, **options).id

    def last_hour(self) -> str:
        """What the pictures show: a bit of everything. The id of a task that is tried again and again."""
        self._client.create("csv.profile", {"csv": ORDERS}, delay_seconds=5400, tags=["nightly", "report"])
        shown = self.call(self._busy, "/stock", tags=["stock", "warehouse-2"], max_attempts=8)
        for _ in range(3):
            self.call(self._well, f"/orders/{self._draw.randrange(10_000)}", tags=["orders"])
        self._client.cancel(self._client.create("demo.sleep", {"seconds": 1}, delay_seconds=600).id)
        sleep = "demo.sleep"
        self._client.create(sleep, {"seconds": 90, "steps": 90}, tags=["render"])
        self._client.create(sleep, {"seconds": 60, "steps": 80}, tags=["render"])
        time.sleep(6)
        self._client.create(sleep, {"seconds": 60, "steps": 12}, tags=["render"])
        self.call(self._gone, "/newsletter", tags=["mail"])
        self._client.create("csv.profile", {"csv": ORDERS}, tags=["nightly", "report"])
        for _ in range(2):
            self.call(self._well, f"/orders/{self._draw.randrange(10_000)}", tags=["orders"])
        return shown


@contextmanager
def window(browser: Browser, link: str, **options: Any) -> Iterator[Page]:
    """A page that is live."""
    context = browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **options})
    page = context.new_page()
    page.goto(link)
    page.locator(".connection.live").wait_for()
    yield page
    context.close()


def main(arguments: list[str]) -> int:
    """Trade, then take the pictures; 2 when nothing runs that could be shown."""
    if not ENDPOINTS.exists():
        print("The local stage does not run: start it with `make up`.", file=sys.stderr)
        return 2
    endpoints = json.loads(ENDPOINTS.read_text())
    os.environ.update(emulator_environment(endpoints["aws_endpoint"]))
    clients = get_session().create_client
    token = stage_token(clients, OWNER, tuple(Scope))
    with (
        Client(endpoints["http"], token=token) as client,
        HttpServer() as well,
        HttpServer(Answer(503)) as busy,
        HttpServer(Answer(410, b"moved away")) as gone,
    ):
        shop = Shop(client, well, busy, gone)
        shop.trade(float(arguments[0]) if arguments else MINUTES)
        clients("lambda").invoke(FunctionName=f"{PREFIX}-watch_dead_letters", Payload=json.dumps(SCHEDULED))
        shown = shop.last_hour()
        take(endpoints["http"], token, shown)
    return 0


def take(http: str, token: str, shown: str) -> None:
    """The pictures of the README."""
    with chromium() as browser:
        with window(browser, f"{http}/#token={token}") as page:
            page.locator(".charts .legend", has_text="succeeded").wait_for()
            page.screenshot(path=IMAGES / "dashboard-light.png")
        with window(browser, f"{http}/?task={shown}#token={token}", color_scheme="dark") as page:
            page.locator(".detail .timeline").wait_for()
            page.screenshot(path=IMAGES / "dashboard-dark.png")
        phone = {"viewport": PHONE, "is_mobile": True, "has_touch": True}
        with window(browser, f"{http}/#token={token}", **phone) as page:
            page.locator(".task").first.wait_for()
            page.screenshot(path=IMAGES / "dashboard-phone.png")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
