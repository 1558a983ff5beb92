"""Takes the dashboard's screenshots in docs/images from a running local stage (`make up`).

    .venv/bin/python -m tools.take_screenshots [MINUTES]

First it runs the tasks of a made-up web shop for MINUTES (default 25), so that the charts are not empty.
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
from tests.support.http_server import Answer, HttpServer

DOCS: Final = Path(__file__).parents[1] / "docs"
IMAGES: Final = DOCS / "images"
OWNER: Final = "webshop"
ORDERS: Final = (DOCS / "examples" / "orders.csv").read_text()
WIDE: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 780}
MINUTES: Final = 25.0
#: The event that a schedule sends.
SCHEDULED: Final = {
    **dict.fromkeys(("version", "account", "region", "source", "time", "id"), ""),
    "detail-type": "Scheduled Event",
    "detail": {},
    "resources": [],
}


class Shop:
    """Creates tasks as a web shop would; some of them fail."""

    def __init__(self, client: Client, healthy: HttpServer, busy: HttpServer, gone: HttpServer) -> None:
        self._client = client
        self._healthy, self._busy, self._gone = healthy, busy, gone
        self._random = random.Random(7)

    def trade(self, minutes: float) -> None:
        """Create tasks for some `minutes`: two in three seconds on average, with busier phases."""
        end = time.monotonic() + 60 * minutes
        while (left := end - time.monotonic()) > 0:
            rush = 1.0 + (int(left / 60) % 7 in (2, 3)) * 1.5
            time.sleep(min(left, self._random.expovariate(rush / 1.5)))
            self._create_one()

    def _create_one(self) -> None:
        chance = self._random.random()
        if chance < 0.62:
            self.call(self._healthy, f"/orders/{self._random.randrange(10_000)}", tags=["orders"])
        elif chance < 0.80:
            self._client.create("csv.profile", {"csv": ORDERS}, tags=["nightly", "report"])
        elif chance < 0.90:
            seconds = round(self._random.uniform(0.5, 4), 1)
            self._client.create("demo.sleep", {"seconds": seconds, "steps": 5}, tags=["render"])
        elif chance < 0.94:
            self.call(self._busy, "/stock", tags=["stock"], max_attempts=2)
        elif chance < 0.97:
            self.call(self._gone, "/newsletter", tags=["mail"])
        else:
            self._client.cancel(self._client.create("demo.sleep", {"seconds": 1}, delay_seconds=60).id)

    def call(self, server: HttpServer, path: str, **options: Any) -> str:
        """Create a task that calls a webhook. Returns its id."""
        payload = {"url": server.url(path), "method": "POST", "body": '{"paid": true}'}
        return self._client.create("http.request", payload, **options).id

    def last_hour(self) -> str:
        """Create the tasks that the screenshots show. Returns the id of one that is retried many times."""
        self._client.create("csv.profile", {"csv": ORDERS}, delay_seconds=5400, tags=["nightly", "report"])
        shown = self.call(self._busy, "/stock", tags=["stock", "warehouse-2"], max_attempts=8)
        for _ in range(3):
            self.call(self._healthy, f"/orders/{self._random.randrange(10_000)}", tags=["orders"])
        self._client.cancel(self._client.create("demo.sleep", {"seconds": 1}, delay_seconds=600).id)
        sleep = "demo.sleep"
        self._client.create(sleep, {"seconds": 90, "steps": 90}, tags=["render"])
        self._client.create(sleep, {"seconds": 60, "steps": 80}, tags=["render"])
        time.sleep(6)
        self._client.create(sleep, {"seconds": 60, "steps": 12}, tags=["render"])
        self.call(self._gone, "/newsletter", tags=["mail"])
        self._client.create("csv.profile", {"csv": ORDERS}, tags=["nightly", "report"])
        for _ in range(2):
            self.call(self._healthy, f"/orders/{self._random.randrange(10_000)}", tags=["orders"])
        return shown


@contextmanager
def window(browser: Browser, link: str, **options: Any) -> Iterator[Page]:
    """A page with a live connection."""
    context = browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **options})
    page = context.new_page()
    page.goto(link)
    page.locator(".connection.live").wait_for()
    yield page
    context.close()


def main(arguments: list[str]) -> int:
    """Create tasks, then take the screenshots. Returns 2 when no local stage runs."""
    if not ENDPOINTS.exists():
        print("No local stage is running. Start one with `make up`.", file=sys.stderr)
        return 2
    endpoints = json.loads(ENDPOINTS.read_text())
    os.environ.update(emulator_environment(endpoints["aws_endpoint"]))
    clients = get_session().create_client
    token = stage_token(clients, OWNER, tuple(Scope))
    with (
        Client(endpoints["http"], token=token) as client,
        HttpServer() as healthy,
        HttpServer(Answer(503)) as busy,
        HttpServer(Answer(410, b"moved away")) as gone,
    ):
        shop = Shop(client, healthy, busy, gone)
        shop.trade(float(arguments[0]) if arguments else MINUTES)
        functions: Any = clients("lambda")
        functions.invoke(FunctionName=f"{PREFIX}-watch_dead_letters", Payload=json.dumps(SCHEDULED))
        shown = shop.last_hour()
        take(endpoints["http"], token, shown)
    return 0


def take(http: str, token: str, shown: str) -> None:
    """Take the screenshots of the README."""
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
