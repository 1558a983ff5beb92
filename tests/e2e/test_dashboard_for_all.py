"""The dashboard: accessibility, sign-in at a provider, dead letters, pauses and floods of updates."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Route, expect

from local.stage import PREFIX
from tests.e2e.browser import PATIENCE_MS, Person, chromium, needs_chromium, person
from tests.e2e.conftest import ROOT, Service, await_value
from tests.e2e.flood import Flood
from tests.e2e.test_pipeline import invoke

AXE = next(iter((ROOT / ".tools").glob("axe-core-*/node_modules/axe-core/axe.min.js")), None)
GRAVE = ("serious", "critical")

pytestmark = needs_chromium
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def ada(browser: Browser, service: Service) -> Iterator[Person]:
    """An administrator."""
    with person(browser, service) as ada:
        yield ada


def violations(user: Person) -> list[str]:
    """The serious and critical violations that axe finds."""
    assert AXE is not None
    user.page.evaluate(AXE.read_text())
    result: list[dict[str, Any]] = user.page.evaluate(
        "axe.run({ resultTypes: ['violations'] }).then((result) => result.violations)"
    )
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in result if each["impact"] in GRAVE]


@pytest.mark.skipif(AXE is None, reason="axe-core is not installed: `make test` does it with npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_accessibility_violations(browser: Browser, service: Service, scheme: str) -> None:
    with person(browser, service, color_scheme=scheme) as ada:
        ada.page.goto(service.endpoints.http + "/")
        expect(ada.page.get_by_label("Token")).to_be_visible()
        assert violations(ada) == []
        dead = ada.post("demo.fail", {"message": "The ledger is closed."}, max_attempts=1)
        ada.record_dead_letters(dead)
        ada.post("demo.sleep", {"seconds": 0}, delay_seconds=600)
        slow = ada.post("demo.sleep", {"seconds": 20, "steps": 40}, tags=["nightly"])
        ada.open_live(task=slow["id"])
        expect(ada.detail.locator("header .status")).to_have_text("running")
        assert violations(ada) == []
        ada.detail.get_by_role("button", name="Cancel").click()
        ada.open_live(task=dead["id"])
        expect(ada.detail.get_by_text("Attempt 1 failed")).to_be_visible()
        assert violations(ada) == []
        ada.open_live(create="http.request")
        expect(ada.field("url")).to_be_visible()
        ada.page.get_by_role("button", name="Create task").click()
        expect(ada.field("url")).to_be_focused()
        ada.page.get_by_text("Options", exact=True).click()
        assert violations(ada) == []
        ada.open_live(view="types")
        expect(ada.page.get_by_role("heading", name="demo.sleep")).to_be_visible()
        assert violations(ada) == []
        ada.open_live(view="dead-letters", type="demo.fail")
        ada.page.locator(".fold").click()
        expect(ada.page.get_by_role("link", name=dead["id"])).to_be_visible()
        assert violations(ada) == []


def test_a_provider_signs_in_by_code_and_pkce(ada: Person) -> None:
    """Given a stage with a provider, a sign-in returns to the same view."""
    base, seen = ada.service.endpoints.http, {}

    def config(route: Route) -> None:
        answer = route.fetch().json()
        provider = {"client_id": "dashboard", "scope": "openid tasks:read", "audience": "tasks"}
        endpoints = {f"{name}_endpoint": f"{base}/provider/{name}" for name in ("authorization", "token")}
        route.fulfill(json={**answer, "auth": {**answer["auth"], "mode": "oidc", **provider, **endpoints}})

    def authorize(route: Route) -> None:
        seen.update({name: value for name, (value,) in parse_qs(urlsplit(route.request.url).query).items()})
        back = f"{seen['redirect_uri']}?code=one-time&state={seen['state']}"
        route.fulfill(status=302, headers={"Location": back})

    def token(route: Route) -> None:
        sent = {name: value for name, (value,) in parse_qs(route.request.post_data or "").items()}
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == seen["code_challenge"]
        assert (sent["code"], sent["redirect_uri"]) == ("one-time", seen["redirect_uri"])
        route.fulfill(json={"access_token": ada.token, "token_type": "Bearer"})

    ada.page.route("**/config", config)
    ada.page.route("**/provider/authorization?*", authorize)
    ada.page.route("**/provider/token", token)
    ada.page.goto(f"{base}/?view=types")
    ada.page.get_by_role("button", name="Sign in").click()
    ada.wait_until_live()
    assert ada.page.url == f"{base}/?view=types"
    parameters = {
        name: seen[name] for name in ("response_type", "code_challenge_method", "scope", "audience")
    }
    assert parameters == {
        "response_type": "code",
        "code_challenge_method": "S256",
        "scope": "openid tasks:read",
        "audience": "tasks",
    }
    ada.page.evaluate("sessionStorage.clear()")
    ada.page.goto(f"{base}/?code=stolen&state=forged")
    expect(ada.page.get_by_text("That sign-in did not start in this tab.")).to_be_visible()


class TestDeadLetters:
    def test_they_are_grouped_by_cause_and_retried(self, ada: Person) -> None:
        closed = [
            ada.post("demo.fail", {"message": "The ledger is closed."}, max_attempts=1) for _ in range(2)
        ]
        ada.record_dead_letters(*closed)
        ada.open_live(view="dead-letters")
        group = ada.page.get_by_role("listitem").filter(has_text="The ledger is closed.").first
        expect(group.locator(".count")).to_contain_text("2")
        group.locator(".fold").click()
        retry = ada.page.get_by_role("button", name=f"Retry {closed[0]['id']}")
        retry.click()
        expect(retry).to_have_count(0)
        expect(ada.page.get_by_role("link", name=closed[1]["id"])).to_be_visible()
        assert ada.call("GET", f"/tasks/{closed[0]['id']}").json["redrive_count"] == 1

    def test_all_of_a_group_are_retried_after_a_preview(self, ada: Person) -> None:
        dead = [ada.post("demo.fail", {"message": "The ledger is closed."}, max_attempts=1) for _ in range(3)]
        ada.record_dead_letters(*dead)
        ada.open_live(view="dead-letters", type="demo.fail")
        ada.page.get_by_role("button", name="Retry all …").click()
        dialog = ada.page.get_by_role("dialog")
        expect(dialog).to_contain_text("3 tasks will be queued again")
        dialog.get_by_role("button", name="Retry 3 tasks").click()
        expect(dialog.get_by_text("Done")).to_be_visible()
        for task in dead:
            assert ada.call("GET", f"/tasks/{task['id']}").json["redrive_count"] == 1

    def test_a_message_without_a_task_cannot_be_retried(self, ada: Person) -> None:
        url = f"{ada.service.endpoints.aws_endpoint}/000000000000/{PREFIX}-fast"
        ada.service.client("sqs").send_message(QueueUrl=url, MessageBody="<b>no task</b>")

        def is_listed() -> bool | None:
            invoke(ada.service, "watch_dead_letters")
            groups = ada.call("GET", "/dead-letters?kind=quarantined").json["groups"]
            return bool(groups) or None

        await_value(is_listed)
        ada.open_live(view="dead-letters")
        group = ada.page.get_by_role("listitem").filter(has_text="Not a task")
        expect(group).to_contain_text("<b>no task</b>")
        expect(group.get_by_role("button")).to_have_count(1)
        group.get_by_role("button").click()
        expect(group.get_by_text("1 dead letter")).to_be_visible()
        expect(group.get_by_role("button")).to_have_count(1)

    def test_dead_letters_that_are_not_recorded_yet_are_counted(self, ada: Person) -> None:
        """Given two dead letters in the queue, the list says so, whether it is empty or not."""

        def stats(route: Route) -> None:
            answer = route.fetch().json()
            queues = {**answer["queues"], "dead-letters": {"ready": 1, "delayed": 0, "in_flight": 1}}
            route.fulfill(json={**answer, "queues": queues})

        ada.page.route(re.compile(r"/stats\b"), stats)
        ada.open_live(view="dead-letters", type="demo.fail")
        pending = ada.page.get_by_text("2 dead letters will be recorded within five minutes.")
        expect(ada.page.get_by_text("No dead letters recorded yet")).to_be_visible()
        expect(pending).to_be_visible()
        ada.record_dead_letters(ada.post("demo.fail", {"message": "The ledger is closed."}, max_attempts=1))
        ada.open_live(view="dead-letters", type="demo.fail")
        expect(ada.page.locator(".group")).to_have_count(1)
        expect(pending).to_be_visible()

    def test_an_empty_list_says_so(self, ada: Person) -> None:
        ada.open_live(view="dead-letters", type="demo.sleep")
        expect(ada.page.get_by_text("No dead letters")).to_be_visible()


def test_a_type_is_paused_with_a_reason_and_resumed(ada: Person) -> None:
    """Given a paused type, its waiting task shows the pause, and runs when the type is resumed."""
    ada.open_live(view="types")
    ada.page.get_by_role("button", name="Pause csv.profile").click()
    ada.page.get_by_label("Reason").fill("the storage is down")
    ada.page.get_by_role("dialog").get_by_role("button", name="Pause", exact=True).click()
    try:
        expect(ada.page.get_by_text("the storage is down")).to_be_visible()
        task = ada.post("csv.profile", {"csv": "a\n1\n"})
        ada.open_live(task=task["id"])
        expect(ada.detail.locator(".explanation")).to_contain_text("paused")
    finally:
        ada.open_live(view="types")
        ada.page.get_by_role("button", name="Resume csv.profile").click()
        expect(ada.page.get_by_role("button", name="Pause csv.profile")).to_be_visible()


def test_a_flood_of_updates_leaves_the_page_usable(ada: Person) -> None:
    """Given 2,000 updates at once, the page shows all tasks with few elements and stays usable."""
    flood = Flood(ada.page)
    ada.open_live()
    flood.send(tasks=500, versions=4)
    expect(ada.page.locator(".row").first).to_have_attribute("aria-setsize", "500")
    expect(ada.page.locator(".task").first).to_contain_text("succeeded")
    assert ada.page.locator(".row").count() < 60
    ada.page.get_by_role("link", name="Task types").click()
    expect(ada.page.get_by_role("heading", name="demo.sleep")).to_be_visible()


def test_the_reference_of_the_api_shows_every_route(ada: Person) -> None:
    document = ada.call("GET", "/openapi.json")
    if document.status != 200:
        pytest.skip("this checkout has no openapi.json")
    ada.page.goto(f"{ada.service.endpoints.http}/docs")
    routes = sum(
        method in item for item in document.json["paths"].values() for method in ("get", "post", "delete")
    )
    expect(ada.page.locator(".operation")).to_have_count(routes)
    expect(ada.page.get_by_role("heading", name=re.compile(r"POST\s*.tasks$"))).to_be_visible()
    if AXE is not None:
        assert violations(ada) == []
