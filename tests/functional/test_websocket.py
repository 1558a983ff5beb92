"""Clients of the WebSocket API: connect, send actions, disconnect."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ids import new_task_id
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task import Attempt, ErrorKind, Task, TaskError
from chalicelib.services.live.connections import SYNC_LIMIT
from testing.kit import Kit
from tests.functional.conftest import Handlers
from tests.support.aws_state import items, row
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script
from tests.support.sockets import SocketServer


class TestConnect:
    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"watch": "all"},
            {"watch": "none"},
            {"watch": "task:01a20bfd-d410-7563-aa0e-3e9cff6c8303"},
            {"watch": "type:demo.sleep", "batch": "1"},
            {"batch": "0"},
            {"something": "else"},
        ],
        ids=str,
    )
    def test_it_is_stored_for_its_longest_lifetime(
        self, kit: Kit, handlers: Handlers, query: dict[str, str]
    ) -> None:
        assert handlers.connect("c1", **query) == 200
        rows = items(kit, "connections")
        assert len(rows) == 2
        lasts = kit.clock() + timedelta(hours=2, minutes=10)
        assert {int(item["ttl"]["N"]) for item in rows} == {int(lasts.timestamp())}

    @pytest.mark.parametrize(
        "query",
        [
            {"watch": ""},
            {"watch": "some"},
            {"watch": "task:1"},
            {"watch": "type:"},
            {"watch": "all:x"},
            {"batch": "yes"},
            {"batch": ""},
        ],
        ids=str,
    )
    def test_an_invalid_query_is_refused(self, kit: Kit, handlers: Handlers, query: dict[str, str]) -> None:
        assert handlers.connect("c1", **query) == 422
        assert items(kit, "connections") == []

    def test_a_repeated_query_parameter_is_refused(self, kit: Kit, handlers: Handlers) -> None:
        """API Gateway passes the last value: the first would be dropped silently."""
        assert handlers.connect("c1", watch=["none", "all"]) == 422
        assert items(kit, "connections") == []

    def test_a_connection_that_cannot_be_stored_gets_a_503(self, kit: Kit, handlers: Handlers) -> None:
        Wire(kit.services).refuse("PutItem")
        assert handlers.connect("c1") == 503

    def test_a_closed_connection_is_deleted(self, kit: Kit, handlers: Handlers) -> None:
        handlers.connect("c1")
        handlers.disconnect("c1")
        handlers.disconnect("c1")
        assert items(kit, "connections") == []


class TestMessages:
    def test_a_ping_is_answered(self, kit: Kit, handlers: Handlers, sockets: SocketServer) -> None:
        handlers.connect("c1")
        handlers.send("c1", {"action": "ping"})
        assert sockets.frames["c1"] == [{"type": "pong"}]

    @pytest.mark.parametrize(
        ("message", "code"),
        [
            ("{", "malformed"),
            ("", "malformed"),
            ("[1]", "malformed"),
            ('"ping"', "malformed"),
            ("[" * 60_000, "malformed"),
            ("9" * 30_000, "malformed"),
            ("{}", "unknown_action"),
            ({"action": "dance"}, "unknown_action"),
            ({"action": ["ping"]}, "unknown_action"),
            ({"action": "x" * 30_000}, "unknown_action"),
            ({"action": "subscribe"}, "invalid"),
            ({"action": "subscribe", "task_id": "nope"}, "invalid"),
            ({"action": "subscribe", "task_id": 7}, "invalid"),
            ({"action": "subscribe", "task_id": "01a20bfd-d410-7563-aa0e-3e9cff6c8303"}, "not_found"),
            ({"action": "sync", "tasks": []}, "invalid"),
            ({"action": "sync", "tasks": {"nope": 1}}, "invalid"),
            ({"action": "sync", "tasks": {"01a20bfd-d410-7563-aa0e-3e9cff6c8303": "1"}}, "invalid"),
            ({"action": "sync", "since": "yesterday"}, "invalid"),
            ({"action": "sync", "since": 1}, "invalid"),
            (
                {
                    "action": "sync",
                    "tasks": {f"01a20bfd-d410-7563-aa0e-{number:012x}": 1 for number in range(101)},
                },
                "too_many",
            ),
        ],
        ids=range(20),
    )
    def test_an_invalid_action_gets_an_error_frame_and_the_connection_stays(
        self, *, kit: Kit, handlers: Handlers, sockets: SocketServer, message: Any, code: str
    ) -> None:
        handlers.connect("c1")
        handlers.send("c1", message)
        handlers.send("c1", {"action": "ping"})
        error, pong = sockets.frames["c1"]
        assert (error["type"], error["code"], pong) == ("error", code, {"type": "pong"})
        assert len(json.dumps(error)) < 1000

    def test_an_unknown_connection_is_closed(
        self, kit: Kit, handlers: Handlers, sockets: SocketServer
    ) -> None:
        handlers.send("stranger", {"action": "ping"})
        assert sockets.closed == ["stranger"]

    def test_a_connection_that_cannot_be_answered_is_closed(
        self, kit: Kit, handlers: Handlers, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        sockets.fail("c1", 500)
        handlers.send("c1", {"action": "ping"})
        assert sockets.closed == ["c1"]
        assert items(kit, "connections") == []

    def test_a_connection_that_left_before_its_answer_is_deleted(
        self, kit: Kit, handlers: Handlers, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        sockets.fail("c1", 410)
        handlers.send("c1", {"action": "ping"})
        assert items(kit, "connections") == []


class TestSubscribe:
    def test_the_task_is_sent_at_once_and_then_its_updates(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        task, other = kit.create("test.fast"), kit.create("test.fast")
        handlers.stream()
        handlers.connect("c1", watch="none")
        handlers.send("c1", {"action": "subscribe", "task_id": task["id"]})
        assert sockets.take("c1") == [{"type": "task", "task": kit.get(task["id"])}]

        handlers.run(task)
        handlers.run(other)
        handlers.push()
        assert [update["version"] for update in sockets.tasks("c1")] == [2, 3]

        handlers.send("c1", {"action": "unsubscribe", "task_id": task["id"]})
        sockets.take("c1")
        kit.services.tasks.delete(kit.owner, task["id"])
        handlers.push()
        assert sockets.take("c1") == []

    def test_a_separately_stored_payload_is_sent_with_it(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        task = kit.create("test.fast", {"text": "a" * 5000})
        handlers.connect("c1", watch="none")
        handlers.send("c1", {"action": "subscribe", "task_id": task["id"]})
        (frame,) = sockets.take("c1")
        assert frame["task"]["payload"] == {"text": "a" * 5000}

    def test_an_update_in_between_is_not_missed(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        task = kit.create("test.fast")
        handlers.stream()
        handlers.connect("c1", watch="none")
        wire = Wire(kit.services)

        def finish() -> None:
            kit.new_services().tasks.cancel(kit.owner, task["id"])
            handlers.push()

        # Before the subscription is stored, the push finds no watcher; the read that follows sees it all.
        wire.before("UpdateItem", finish)
        handlers.send("c1", {"action": "subscribe", "task_id": task["id"]})
        assert [update["status"] for update in sockets.tasks("c1")] == ["canceled"]

    def test_a_late_copy_of_the_connect_does_not_end_it(
        self, kit: Kit, handlers: Handlers, sockets: SocketServer
    ) -> None:
        task = kit.create("demo.sleep", {"seconds": 1})
        handlers.stream()
        handlers.connect("c1", watch="none")
        handlers.send("c1", {"action": "subscribe", "task_id": task["id"]})
        handlers.connect("c1", watch="none")
        kit.services.tasks.cancel(kit.owner, task["id"])
        handlers.push()
        assert [task["status"] for task in sockets.tasks("c1")] == ["queued", "canceled"]

    def test_subscriptions_have_a_limit(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1", watch="none")
        connection = kit.services.connections
        kit.client("dynamodb").update_item(
            TableName=kit.settings.resource("connections"),
            Key={"pk": {"S": f"owner#{kit.owner}"}, "sk": {"S": "c1"}},
            UpdateExpression="ADD subscriptions :ids",
            ExpressionAttributeValues={":ids": {"SS": [f"id-{number}" for number in range(100)]}},
        )
        task = kit.create("test.fast")
        connection.receive("c1", json.dumps({"action": "subscribe", "task_id": task["id"]}))
        assert sockets.frames["c1"][0]["code"] == "too_many"

    def test_another_owners_task_is_not_found(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        theirs = kit.services.task_creator.create("other", NewTask(type="test.fast"))
        handlers.connect("c1")
        handlers.send("c1", {"action": "subscribe", "task_id": theirs.id})
        assert sockets.frames["c1"][0]["code"] == "not_found"


def sync_all(handlers: Handlers, sockets: SocketServer, since: str, versions: dict[str, int]) -> list[str]:
    """Sync until there is no more, and return the received ids in order."""
    ids: list[str] = []
    start: str | None = since
    while start is not None:
        handlers.send("c1", {"action": "sync", "tasks": versions, "since": start})
        *tasks, synced = sockets.take("c1")
        ids += [frame["task"]["id"] for frame in tasks]
        assert synced["more"] == (synced["since"] is not None)
        start = synced["since"]
    return ids


class TestSync:
    @pytest.mark.parametrize(
        "since", ["00000000-0000-7000-8000-000000000000", "ffffffff-ffff-7fff-bfff-ffffffffffff"]
    )
    def test_extreme_times_are_answered_with_frames(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer, since: str
    ) -> None:
        handlers.connect("c1")
        handlers.send("c1", {"action": "sync", "since": since})
        handlers.send("c1", {"action": "ping"})
        answer, pong = sockets.frames["c1"]
        assert answer["type"] == ("synced" if since.startswith("0") else "error")
        assert pong == {"type": "pong"}

    def test_it_sends_versions_that_the_client_lacks(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        old, new = kit.create("test.fast"), kit.create("test.fast")
        handlers.run(new)
        handlers.connect("c1")
        handlers.send("c1", {"action": "sync", "tasks": {old["id"]: 1, new["id"]: 1}})
        assert sockets.frames["c1"] == [
            {"type": "task", "task": kit.get(new["id"])},
            {"type": "synced", "more": False, "since": None},
        ]

    def test_it_sends_newer_tasks_page_by_page_without_gaps(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        first = kit.create("test.fast")
        kit.clock.advance(60)
        new_tasks = [NewTask(type="test.fast") for _ in range(SYNC_LIMIT * 3 // 5)]
        created = []
        for _ in range(2):
            created += [task.id for task in kit.services.task_creator.create_many(kit.owner, new_tasks)]  # type: ignore[union-attr]
            kit.clock.advance(1)
        handlers.connect("c1")
        assert sync_all(handlers, sockets, first["id"], {first["id"]: 1}) == sorted(created)

    def test_no_gap_is_left_where_a_query_ends_at_its_megabyte(
        self, script: Script, sockets: SocketServer, handlers: Handlers, kit: Kit
    ) -> None:
        first = row(kit, kit.create("test.fast")["id"])
        entry = Attempt(
            number=1,
            lease=1,
            started_at=kit.clock(),
            finished_at=kit.clock(),
            outcome="failed",
            error=TaskError(kind=ErrorKind.EXCEPTION, type="E", message="e" * 1000),
        )
        created = []
        for number in range(84):
            kit.clock.advance(1)
            bucket = number % 2
            task: Task = replace(
                first,
                id=new_task_id(kit.clock(), number << 8 | bucket, 2),
                attempts=() if bucket else (entry,) * 25,  # 42 rows of 27 KB, and as many small ones
            )
            kit.services.adapters.task_table.create(task)
            created.append(task.id)
        handlers.connect("c1")
        assert sync_all(handlers, sockets, first.id, {first.id: 1}) == created

    @pytest.mark.parametrize("seconds", [14, 29, 43], ids=["slow clock", "slow request", "both"])
    def test_a_task_stored_long_after_its_id_was_generated_is_sent(
        self, *, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer, seconds: int
    ) -> None:
        newest = kit.create("test.fast")
        slow = row(kit, newest["id"])
        slow = replace(slow, id=new_task_id(kit.clock() - timedelta(seconds=seconds), 0, 1))
        kit.services.adapters.task_table.create(slow)
        handlers.connect("c1")
        assert sync_all(handlers, sockets, newest["id"], {newest["id"]: 1}) == [slow.id]

    def test_other_owners_are_left_out(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        theirs = kit.services.task_creator.create("other", NewTask(type="test.fast"))
        handlers.connect("c1")
        assert sync_all(handlers, sockets, theirs.id, {theirs.id: 0}) == []
