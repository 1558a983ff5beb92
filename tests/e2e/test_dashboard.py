"""The dashboard on the deployed stage, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from chalicelib.domain.caller import Scope
from tests.e2e.browser import PATIENCE_MS, Person, chromium, needs_chromium, person
from tests.e2e.conftest import Service

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


class TestSigningIn:
    def test_the_link_of_make_up_signs_in_and_is_removed_from_the_address(self, ada: Person) -> None:
        ada.open_live()
        assert ada.token not in ada.page.url
        expect(ada.page.get_by_text("No tasks yet")).to_be_visible()
        ada.page.reload()
        ada.wait_until_live()

    def test_a_pasted_token_is_kept_for_the_tab_only(self, ada: Person) -> None:
        address = ada.service.endpoints.http + "/"
        ada.page.goto(address)
        ada.page.get_by_label("Token").fill("nonsense")
        ada.page.get_by_role("button", name="Sign in").click()
        expect(ada.page.get_by_text("That is not a token")).to_be_visible()
        ada.page.get_by_label("Token").fill(ada.token)
        ada.page.get_by_role("button", name="Sign in").click()
        ada.wait_until_live()
        another_tab = ada.context.new_page()
        another_tab.goto(address)
        expect(another_tab.get_by_label("Token")).to_be_visible()
        ada.page.get_by_role("button", name="Sign out").click()
        expect(ada.page.get_by_label("Token")).to_be_visible()
        assert ada.page.evaluate("sessionStorage.length + localStorage.length") == 0

    def test_a_refused_token_leads_back_to_the_sign_in_page(self, ada: Person) -> None:
        ada.open_live()
        forged = ada.token[:-8] + "AAAAAAAA"
        ada.page.evaluate("token => sessionStorage.setItem('token', token)", forged)
        ada.page.reload()
        expect(ada.page.get_by_text("The service did not accept the token.")).to_be_visible()

    def test_actions_without_permission_are_not_shown(self, browser: Browser, service: Service) -> None:
        with person(browser, service, Scope.READ) as reader:
            reader.open_live()
            expect(reader.page.get_by_role("link", name="Task types")).to_be_visible()
            for name in ("New task", "Dead letters"):
                expect(reader.page.get_by_role("link", name=name)).to_have_count(0)
            expect(reader.page.locator(".charts")).to_have_count(0)
            reader.open(view="dead-letters")
            expect(reader.page.get_by_text("Not for this token")).to_be_visible()
            reader.open(create="demo.sleep")
            expect(reader.page.get_by_role("dialog")).to_have_count(0)

    def test_an_address_without_its_last_slash_shows_a_hint(self, ada: Person) -> None:
        """With API Gateway the page redirects; the emulator serves the page at both addresses."""
        ada.page.goto(ada.service.endpoints.http)
        expect(
            ada.page.get_by_text("Does its address end with a slash?").or_(ada.page.get_by_label("Token"))
        ).to_be_visible()


class TestCreating:
    def test_a_task_is_created_by_the_form_and_followed_until_it_has_finished(self, ada: Person) -> None:
        """Given the form of demo.sleep, when it is sent, progress and result appear without a reload."""
        ada.open_live()
        ada.page.get_by_role("link", name="New task").click()
        dialog = ada.page.get_by_role("dialog", name="New task")
        dialog.get_by_label("Type").select_option("demo.sleep")
        ada.field("seconds").fill("1.5")
        ada.field("steps").fill("5")
        dialog.get_by_role("button", name="Create task").click()
        expect(dialog).to_have_count(0)
        expect(ada.detail.get_by_role("progressbar")).to_have_attribute("value", re.compile("[2-9]0"))
        expect(ada.detail.get_by_text("Attempt 1 succeeded")).to_be_visible()
        expect(ada.detail.get_by_role("group", name="result")).to_contain_text("1.5")
        expect(ada.page.locator(".task")).to_contain_text("succeeded")

    def test_the_errors_of_the_service_are_beside_the_fields(self, ada: Person) -> None:
        ada.open_live(create="demo.sleep")
        dialog = ada.page.get_by_role("dialog")
        ada.field("seconds").fill("101")
        ada.field("steps").fill("many")
        dialog.get_by_role("button", name="Create task").click()
        for name, words in (("seconds", "less than or equal to 100"), ("steps", "valid integer")):
            field = ada.field(name)
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(field).to_have_accessible_description(re.compile(words))
        expect(ada.field("seconds")).to_be_focused()
        dialog.get_by_text("Options").click()
        ada.field("seconds").fill("0")
        ada.field("steps").fill("1")
        ada.field("tags").fill("good\n" + "x" * 65)
        dialog.get_by_role("button", name="Create task").click()
        words = re.compile("line 2: .*64 characters")
        expect(ada.field("tags")).to_have_accessible_description(words)
        assert ada.call("GET", "/tasks").json["tasks"] == []

    def test_a_payload_can_be_written_as_json(self, ada: Person) -> None:
        ada.open_live(create="demo.sleep")
        dialog = ada.page.get_by_role("dialog")
        dialog.get_by_role("button", name="write JSON").click()
        ada.field("JSON").fill("{oops")
        dialog.get_by_role("button", name="Create task").click()
        expect(dialog.get_by_text("This is not JSON")).to_be_visible()
        ada.field("JSON").fill('{"seconds": 0}')
        dialog.get_by_role("button", name="Create task").click()
        expect(ada.detail.get_by_text("Attempt 1 succeeded")).to_be_visible()


class TestActions:
    def test_a_failed_task_is_shown_and_retried(self, ada: Person) -> None:
        ada.open_live()
        task = ada.post("demo.fail", {"message": "The ledger is closed."}, max_attempts=1)
        expect(ada.row(task)).to_contain_text("The ledger is closed.")
        ada.row(task).click()
        expect(ada.detail.get_by_text("Attempt 1 failed")).to_be_visible()
        ada.detail.get_by_role("button", name="Retry").click()
        expect(ada.detail.get_by_text("retried manually 1")).to_be_visible()
        expect(ada.detail.locator("header .status")).to_have_text("failed")

    def test_a_waiting_task_is_explained_and_canceled(self, ada: Person) -> None:
        ada.open_live()
        task = ada.post("demo.sleep", {"seconds": 0}, delay_seconds=600)
        ada.row(task).click()
        expect(ada.detail.locator(".explanation")).to_contain_text("start")
        ada.detail.get_by_role("button", name="Cancel").click()
        expect(ada.row(task)).to_contain_text("canceled")
        ada.page.keyboard.press("Escape")
        expect(ada.detail).to_have_count(0)

    def test_all_matching_tasks_are_canceled_after_a_preview(self, ada: Person) -> None:
        tasks = [ada.post("demo.sleep", {"seconds": 0}, delay_seconds=600, tags=["wrong"]) for _ in range(3)]
        other = ada.post("demo.sleep", {"seconds": 0}, delay_seconds=600)
        ada.open_live(tag="wrong")
        ada.page.get_by_role("button", name="Cancel all …").click()
        dialog = ada.page.get_by_role("dialog")
        expect(dialog).to_contain_text("3 tasks will be canceled")
        dialog.get_by_role("button", name="Cancel 3 tasks").click()
        expect(dialog.get_by_text("Done")).to_be_visible()
        dialog.get_by_role("button", name="Close").first.click()
        for task in tasks:
            expect(ada.row(task)).to_contain_text("canceled")
        assert ada.call("GET", f"/tasks/{other['id']}").json["status"] == "scheduled"

    def test_a_finished_task_is_deleted(self, ada: Person) -> None:
        task = ada.post("demo.sleep", {"seconds": 0})
        ada.open_live(task=task["id"])
        ada.detail.get_by_role("button", name="Delete").click()
        expect(ada.row(task)).to_have_count(0)
        ada.open(task=task["id"])
        expect(ada.page.get_by_text("No such task")).to_be_visible()


class TestViews:
    def test_filters_are_in_the_address(self, ada: Person) -> None:
        """Given tasks of two types, filters apply to updates and after a reload."""
        kept = ada.post("demo.fail", {"message": "no"}, max_attempts=1, tags=["nightly"])
        other = ada.post("demo.sleep", {"seconds": 0}, tags=["nightly"])
        ada.open_live()
        ada.page.get_by_label("Tag").fill("nightly")
        ada.page.get_by_label("Tag").press("Enter")
        expect(ada.row(other)).to_be_visible()
        ada.page.get_by_label("Task type").select_option("demo.fail")
        ada.page.get_by_role("group", name="Status").get_by_role("button", name="failed").click()
        expect(ada.row(other)).to_have_count(0)
        expect(ada.row(kept)).to_be_visible()
        ada.page.reload()
        ada.wait_until_live()
        expect(ada.row(kept)).to_be_visible()
        late = ada.post("demo.fail", {"message": "no"}, max_attempts=1, tags=["nightly"])
        ada.post("demo.fail", {"message": "no"}, max_attempts=1)
        expect(ada.row(late)).to_contain_text("failed")
        expect(ada.page.locator(".task")).to_have_count(2)
        ada.page.get_by_role("button", name="all", exact=True).click()
        assert "status" not in ada.page.url

    def test_charts_show_stored_counts_and_live_updates(self, ada: Person) -> None:
        task = ada.post("demo.sleep", {"seconds": 0})
        ada.wait_for(task, "succeeded")
        ada.open_live()
        legend = ada.page.locator(".charts figure").first
        expect(legend).to_contain_text("1 succeeded")
        ada.post("demo.sleep", {"seconds": 0})
        expect(legend).to_contain_text("2 succeeded")

    def test_the_keyboard_moves_through_the_list(self, ada: Person) -> None:
        tasks = [ada.post("demo.sleep", {"seconds": 0}) for _ in range(3)]
        ada.open_live()
        ada.row(tasks[2]).focus()
        ada.page.keyboard.press("ArrowDown")
        expect(ada.row(tasks[1])).to_be_focused()
        ada.page.keyboard.press("Enter")
        expect(ada.detail).to_contain_text(tasks[1]["id"])

    def test_markup_of_users_is_shown_as_text(self, ada: Person) -> None:
        """Given markup in each text of a task and in the address, the page shows it as text."""
        evil = '"><img src=x onerror=window.broken=1><script>window.broken=1</script>'
        task = ada.post("demo.fail", {"message": evil}, max_attempts=1, tags=["<b>nightly</b>"])
        ada.open_live(task=task["id"])
        expect(ada.detail.get_by_text("Attempt 1 failed")).to_be_visible()
        expect(ada.detail.locator(".failure")).to_contain_text(evil)
        expect(ada.detail.get_by_text("<b>nightly</b>")).to_be_visible()
        ada.open_live(status=evil)
        expect(ada.page.get_by_role("alert")).to_contain_text("status: ")
        for place in ({"type": evil, "tag": evil}, {"view": evil}, {"create": evil}):
            ada.open_live(**place)
        assert ada.page.evaluate("window.broken") is None

    def test_a_task_id_in_the_address_cannot_name_another_route(self, ada: Person) -> None:
        requested: list[str] = []
        ada.page.on("request", lambda request: requested.append(request.url))
        ada.open_live(task="../task-types")
        expect(ada.detail.get_by_text("No such task")).to_be_visible()
        assert len([url for url in requested if url.endswith("/task-types")]) == 1  # the one for the form

    def test_a_wrong_clock_of_the_browser_has_no_effect(self, ada: Person) -> None:
        """Given a browser whose clock is a day ahead, a valid token is accepted and times are right."""
        ada.page.clock.install(time=datetime.now(UTC) + timedelta(days=1))
        task = ada.post("demo.sleep", {"seconds": 0})
        ada.wait_for(task, "succeeded")
        ada.open_live()
        expect(ada.row(task)).to_contain_text(re.compile(r"now|\d+ s ago"))
        expect(ada.page.locator(".charts figure").first).to_contain_text("1 succeeded")

    def test_every_view_fits_a_phone(self, browser: Browser, service: Service) -> None:
        phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
        with person(browser, service, **phone) as ada:
            task = ada.post("demo.fail", {"message": "no " * 100}, max_attempts=1)
            ada.open_live()
            for place in (
                {},
                {"task": task["id"]},
                {"view": "dead-letters"},
                {"view": "types"},
                {"create": "http.request"},
            ):
                ada.open_live(**place)
                wide = ada.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= 360, place
            ada.open_live()
            ada.row(task).tap()
            expect(ada.page.locator(".tasks")).to_be_hidden()
            ada.page.get_by_role("button", name="Close the task").tap()
            expect(ada.row(task)).to_be_visible()


class TestConnection:
    def test_no_update_is_missed_while_it_is_lost(self, ada: Person) -> None:
        """Given a page without a connection and without tickets, when tasks are created and finish, the page
        shows all of them after it has reconnected."""
        waiting = ada.post("demo.sleep", {"seconds": 0}, delay_seconds=600)
        ada.open_live()
        expect(ada.row(waiting)).to_contain_text("scheduled")
        tickets = re.compile("/tickets$")
        ada.page.route(tickets, lambda route: route.abort())
        ada.cut_connections()
        expect(ada.page.locator(".connection.waiting")).to_be_visible()
        missed = [ada.post("demo.sleep", {"seconds": 0}) for _ in range(3)]
        assert ada.call("POST", f"/tasks/{waiting['id']}/cancel").status == 200
        for task in missed:
            ada.wait_for(task, "succeeded")
        ada.page.unroute(tickets)
        ada.wait_until_live()
        for task in missed:
            expect(ada.row(task)).to_contain_text("succeeded")
        expect(ada.row(waiting)).to_contain_text("canceled")

    def test_no_update_of_an_open_task_outside_the_list_is_missed(self, ada: Person) -> None:
        task = ada.post("demo.sleep", {"seconds": 0}, delay_seconds=600)
        ada.open_live(type="demo.fail", task=task["id"])
        expect(ada.detail.locator("header .status")).to_have_text("scheduled")
        tickets = re.compile("/tickets$")
        ada.page.route(tickets, lambda route: route.abort())
        ada.cut_connections()
        expect(ada.page.locator(".connection.waiting")).to_be_visible()
        assert ada.call("POST", f"/tasks/{task['id']}/cancel").status == 200
        ada.page.unroute(tickets)
        expect(ada.detail.locator("header .status")).to_have_text("canceled")

    def test_a_browser_without_network_shows_it_and_reconnects(self, ada: Person) -> None:
        ada.open_live()
        ada.context.set_offline(True)
        expect(ada.page.get_by_text("offline")).to_be_visible()
        task = ada.post("demo.sleep", {"seconds": 0})
        ada.context.set_offline(False)
        ada.wait_until_live()
        expect(ada.row(task)).to_be_visible()

    def test_a_failed_request_is_shown_and_can_be_repeated(self, ada: Person) -> None:
        tasks = re.compile(r"/tasks\?")
        ada.page.route(
            tasks, lambda route: route.fulfill(status=503, json={"detail": "Try again in a moment."})
        )
        ada.open_live()
        trouble = ada.page.get_by_role("alert").filter(has_text="Try again in a moment.")
        expect(trouble).to_be_visible()
        ada.page.unroute(tasks)
        trouble.get_by_role("button", name="Try again").click()
        expect(ada.page.get_by_text("No tasks yet")).to_be_visible()

    def test_failed_requests_are_repeated_after_a_reconnect(self, ada: Person) -> None:
        task = ada.post("demo.sleep", {"seconds": 0}, delay_seconds=600)
        everything = re.compile(r"/(tasks|stats|tickets)\b")
        ada.page.route(everything, lambda route: route.fulfill(status=503, json={"detail": "In a moment."}))
        ada.open()
        expect(ada.page.get_by_role("alert")).to_contain_text("In a moment.")
        expect(ada.page.get_by_text("The statistics are unavailable.")).to_be_visible()
        ada.page.unroute(everything)
        expect(ada.row(task)).to_be_visible()
        expect(ada.page.get_by_text("The statistics are unavailable.")).to_have_count(0)

    def test_a_task_that_another_tab_deleted_is_removed(self, ada: Person) -> None:
        task = ada.post("demo.sleep", {"seconds": 0})
        ada.open_live(task=task["id"])
        expect(ada.detail.get_by_text("Attempt 1 succeeded")).to_be_visible()
        assert ada.call("DELETE", f"/tasks/{task['id']}").status == 204
        ada.detail.get_by_role("button", name="Delete").click()
        expect(ada.detail.get_by_text("No such task")).to_be_visible()
        expect(ada.row(task)).to_have_count(0)
