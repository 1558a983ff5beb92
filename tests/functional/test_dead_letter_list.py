"""GET /dead-letters: dead letters grouped by cause, and the dead letters of one group."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.dynamodb.dead_letter_list import EXAMINED
from chalicelib.aws.dynamodb.dead_letter_records import DeadLetterRecords
from chalicelib.domain.dead_letters import DeadLetter, DeadLetterRecord
from chalicelib.domain.outcomes import NonRetryable, Rejected
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import items, row, send_message
from tests.support.aws_wire import Wire
from tests.support.dead_letters import failed_task
from tests.support.scripted_types import Script


def groups(admin: Http, query: str = "") -> list[dict[str, Any]]:
    answer = admin.get(f"/dead-letters{query}")
    assert answer.status_code == 200
    body: list[dict[str, Any]] = answer.json_body["groups"]
    return body


def pages(admin: Http, query: str, name: str) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    collected, cursor = [], ""
    while True:
        body = admin.get(f"/dead-letters{query}{cursor}").json_body
        collected.append(body[name])
        if body["next_cursor"] is None:
            return collected
        cursor = f"&cursor={body['next_cursor']}"


class TestGroups:
    def test_dead_letters_of_one_cause_are_one_group(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = []
        for number in range(7):
            dead.append(failed_task(kit, handlers, script, f"order {number} is lost"))
            kit.clock.advance(1)
        failed_task(kit, handlers, script, "something else")
        handlers.watch_dead_letters()
        by_count = {group["count"]: group for group in groups(admin)}
        assert sorted(by_count) == [1, 7]
        group = by_count[7]
        assert (group["type"], group["kind"], group["error_type"]) == ("test.fast", "exception", "ValueError")
        assert group["message"] == "order 6 is lost"
        assert group["task_ids"] == [task["id"] for task in reversed(dead[2:])]
        assert group["first_failed_at"] == dead[0]["finished_at"]
        assert group["last_failed_at"] == dead[6]["finished_at"]

    def test_type_kind_and_error_class_separate_groups(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        for error in (ValueError("it broke"), NonRetryable("it broke"), Rejected("it broke")):
            script.raises(error)
            handlers.run(kit.create("test.fast", max_attempts=1))
        handlers.run_tasks(
            handlers.message(kit.create("test.long", max_attempts=1)), handler="run_long_tasks"
        )
        handlers.watch_dead_letters()
        assert [group["count"] for group in groups(admin)] == [1, 1, 1, 1]
        assert len(groups(admin, "?kind=rejected")) == 2
        assert [group["type"] for group in groups(admin, "?type=test.long")] == ["test.long"]
        assert groups(admin, "?type=test.long&kind=timeout") == []

    def test_a_dead_letter_whose_task_was_retried_or_deleted_is_not_listed(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        retried, deleted, left = (failed_task(kit, handlers, script) for _ in range(3))
        handlers.watch_dead_letters()
        admin.post(f"/tasks/{retried['id']}/retry")
        admin.delete(f"/tasks/{deleted['id']}")
        (group,) = groups(admin)
        assert (group["count"], group["task_ids"]) == (1, [left["id"]])

    def test_a_second_dead_letter_replaces_the_first(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = failed_task(kit, handlers, script)
        handlers.watch_dead_letters()
        admin.post(f"/tasks/{task['id']}/retry")
        handlers.run_tasks(handlers.message(row(kit, task["id"])))
        kit.drain()
        handlers.watch_dead_letters()
        (group,) = groups(admin)
        (letter,) = admin.get(f"/dead-letters?group={group['id']}").json_body["dead_letters"]
        assert (letter["key"], letter["redrive_count"]) == (f"{task['id']}#1", 1)

    def test_unrecognized_messages_are_a_group_of_their_own(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        for text in ("nonsense", "more nonsense"):
            send_message(kit, "dead-letters", text)
        handlers.watch_dead_letters()
        (group,) = groups(admin)
        assert (group["type"], group["kind"], group["count"]) == (None, "quarantined", 2)
        assert group["task_ids"] == []
        first, second = admin.get(f"/dead-letters?group={group['id']}").json_body["dead_letters"]
        assert {first["message"], second["message"]} == {"nonsense", "more nonsense"}
        assert (first["task_id"], first["type"], first["redrive_count"]) == (None, None, 0)

    def test_groups_continue_on_the_next_page(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        for name in "abcabcabc":
            failed_task(kit, handlers, script, f"{name} is gone")
            kit.clock.advance(1)
        handlers.watch_dead_letters()
        listed = pages(admin, "?limit=2", "groups")
        counts: dict[str, int] = {}
        for page in listed:
            assert len(page) <= 2
            for group in page:
                counts[group["message"]] = counts.get(group["message"], 0) + group["count"]
        assert counts == {"a is gone": 3, "b is gone": 3, "c is gone": 3}

    def test_without_dead_letters_the_list_is_empty(self, admin: Http, script: Script) -> None:
        assert admin.get("/dead-letters").json_body == {"groups": [], "next_cursor": None}


class TestDeadLettersOfAGroup:
    def test_the_dead_letters_of_a_group_are_paged(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = []
        for number in range(5):
            dead.append(failed_task(kit, handlers, script, f"order {number} is lost"))
            failed_task(kit, handlers, script, "something else")
            kit.clock.advance(1)
        handlers.watch_dead_letters()
        (group,) = [group for group in groups(admin) if "order" in group["message"]]
        listed = pages(admin, f"?group={group['id']}&limit=2", "dead_letters")
        assert [[letter["task_id"] for letter in page] for page in listed] == [
            [dead[4]["id"], dead[3]["id"]],
            [dead[2]["id"], dead[1]["id"]],
            [dead[0]["id"]],
        ]
        letter = listed[0][0]
        assert letter["key"] == f"{letter['task_id']}#0"
        assert (letter["attempt"], letter["message"]) == (1, "order 4 is lost")
        assert letter["failed_at"] == dead[4]["finished_at"]
        assert letter["recorded_at"] is not None

    def test_an_unknown_group_is_empty(self, admin: Http, script: Script) -> None:
        assert admin.get("/dead-letters?group=nope").json_body == {"dead_letters": [], "next_cursor": None}


class TestBounds:
    def test_a_page_examines_a_bounded_number_of_records(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """For any number of dead letters, and even if all of them were retried."""
        records = DeadLetterRecords(
            kit.client("dynamodb"), kit.settings.resource("tasks"), kit.services.timing.keep
        )
        task = row(kit, failed_task(kit, handlers, script)["id"])
        letter = DeadLetter.of(task)
        for number in range(1, EXAMINED + 100):
            old = DeadLetter(
                **{name: getattr(letter, name) for name in ("owner", "task_id", "type", "attempt", "error")},
                redrive_count=number,
                failed_at=letter.failed_at,
            )
            records.put(DeadLetterRecord.of(old, kit.clock()))
        handlers.watch_dead_letters()
        assert len(items(kit, "tasks", "dead#")) == EXAMINED + 100
        wire = Wire(kit.services)
        listed = pages(admin, "?limit=1", "groups")
        assert sum(group["count"] for page in listed for group in page) == 1
        assert len(listed) > 1
        assert all(sent["Limit"] <= EXAMINED // 8 + 1 for sent in wire.sent("Query"))

    @pytest.mark.parametrize(
        "query",
        ["?limit=0", "?limit=101", "?limit=x", "?kind=bad", "?type=", "?group=", "?status=failed", "?x=1"],
    )
    def test_a_wrong_query_is_refused(self, admin: Http, query: str, script: Script) -> None:
        assert admin.get(f"/dead-letters{query}").status_code == 422

    def test_a_cursor_is_valid_for_its_own_list_only(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        for name in "ab":
            failed_task(kit, handlers, script, f"{name} is gone")
        handlers.watch_dead_letters()
        cursor = admin.get("/dead-letters?limit=1").json_body["next_cursor"]
        assert admin.get(f"/dead-letters?limit=1&cursor={cursor}").status_code == 200
        for other in ("/dead-letters?type=test.fast&", "/dead-letters?group=x&", "/tasks?"):
            assert admin.get(f"{other}cursor={cursor}").status_code == 400
        of_tasks = admin.get("/tasks?limit=1").json_body["next_cursor"]
        assert admin.get(f"/dead-letters?cursor={of_tasks}").status_code == 400

    def test_each_owner_lists_their_own_dead_letters(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        failed_task(kit, handlers, script)
        handlers.watch_dead_letters()
        assert groups(admin, "?owner=bob") == []
        assert len(groups(admin, f"?owner={kit.owner}")) == 1
