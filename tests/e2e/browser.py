"""Users of the dashboard, each with their own browser window and tasks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, sync_playwright

from chalicelib.domain.caller import Scope
from tests.e2e.conftest import Answer, Service, await_value
from tests.e2e.test_pipeline import invoke

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM: Final = next(filter(None, map(shutil.which, _NAMES)), None)
needs_chromium: Final = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium: on Debian, apt-get install chromium"
)
PATIENCE_MS: Final = 20_000
#: The console message of Chromium for an error response. The page shows such errors itself.
_REFUSAL: Final = "Failed to load resource"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the tests of one module: its event loop would disturb those of other modules."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user with a token and a browser window, without tasks."""

    service: Service
    context: BrowserContext
    page: Page
    owner: str
    token: str
    errors: list[str]  #: in the console of the page

    def open(self, *, at: str = "", **place: str) -> None:
        """Open a place within the page by a link that signs in."""
        query = f"?{urlencode(place)}" if place else ""
        self.page.goto(f"{self.service.endpoints.http}/{at}{query}#token={self.token}")

    def open_live(self, **place: str) -> None:
        """Open the page and wait until it is connected."""
        self.open(**place)
        self.wait_until_live()

    def wait_until_live(self) -> None:
        self.page.locator(".connection.live").wait_for()

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """A request with the token of the user, sent by another program."""
        return self.service.call(method, path, body, {"Authorization": f"Bearer {self.token}"})

    def post(self, task_type: str, payload: Any = None, **options: Any) -> Any:
        answer = self.call("POST", "/tasks", {"type": task_type, "payload": payload or {}, **options})
        assert answer.status == 201, answer.text
        return answer.json

    def wait_for(self, task: dict[str, Any], status: str) -> None:
        await_value(lambda: self.call("GET", f"/tasks/{task['id']}").json["status"] == status or None)

    def record_dead_letters(self, *tasks: dict[str, Any]) -> None:
        """Record the dead letters of failed tasks now instead of within five minutes."""
        for task in tasks:
            await_value(lambda: self.call("GET", f"/tasks/{task['id']}").json["dead_lettered_at"])  # noqa: B023
        ids = {task["id"] for task in tasks}

        def are_recorded() -> bool | None:
            # The schedule of the stage may hold a message at this moment.
            invoke(self.service, "watch_dead_letters")
            groups = self.call("GET", "/dead-letters").json["groups"]
            return ids <= {task_id for group in groups for task_id in group["task_ids"]} or None

        await_value(are_recorded)

    def cut_connections(self) -> None:
        """Close the connection of the page, as the service does after a failed delivery."""
        self.service.cut_connections(self.owner)

    def row(self, task: dict[str, Any]) -> Locator:
        """The row of a task in the list."""
        return self.page.locator(".task", has_text=task["id"][-8:])

    def field(self, name: str) -> Locator:
        """A field of the form for a new task."""
        return self.page.get_by_role("dialog").get_by_role("textbox", name=name, exact=True)

    @property
    def detail(self) -> Locator:
        return self.page.get_by_role("complementary", name="Task", exact=True)


@contextmanager
def person(browser: Browser, service: Service, *scopes: Scope, **window: Any) -> Iterator[Person]:
    """A user with `scopes` (default: all) in a new window. The page must not log an error."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **window})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_REFUSAL):
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    owner = f"person-{uuid4().hex[:8]}"
    token = service.stage.token(owner, scopes or tuple(Scope))
    try:
        yield Person(service=service, context=context, page=page, owner=owner, token=token, errors=errors)
        assert not errors
    finally:
        context.close()
