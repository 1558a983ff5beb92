"""From the table's stream to the sockets: the receivers, the order and the cost of updates."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task_types import TaskContext
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import documents, items, row
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script
from tests.support.sockets import SocketServer


def versions(tasks: list[dict[str, Any]]) -> list[int]:
    return [task["version"] for task in tasks]


class TestFrames:
    def test_each_stored_version_is_sent_as_one_frame_in_order(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        script.work = lambda payload, context: context.progress(50, "half")
        handlers.connect("c1")
        task = kit.create("test.fast")
        handlers.run(task)
        handlers.push()
        updates = sockets.tasks("c1")
        assert [(each["status"], each["version"]) for each in updates] == [
            ("queued", 1),
            ("running", 2),
            ("running", 3),
            ("succeeded", 4),
        ]
        assert updates[-1] == kit.get(task["id"])

    def test_a_batch_connection_gets_the_newest_version_of_each_task(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1", batch="1")
        tasks = [kit.create("test.fast") for _ in range(3)]
        for task in tasks:
            handlers.run(task)
        handlers.push()
        [frame] = sockets.frames["c1"]
        assert frame == {"type": "tasks", "tasks": [kit.get(task["id"]) for task in tasks]}

    def test_large_documents_are_sent_whole_and_too_large_ones_are_left_out(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        script.work = lambda payload, context: payload.text
        handlers.connect("c1")
        for size in (2_000, 40_000):
            handlers.run(kit.create("test.fast", {"text": "x" * size}))
        handlers.push()
        big, small = sorted(  # the stream keeps the order of each task, and of no two
            (task for task in sockets.tasks("c1") if task["status"] == "succeeded"),
            key=lambda task: task["result"] is not None,
        )
        assert (small["payload"], small["result"]) == ({"text": "x" * 2000}, "x" * 2000)
        assert (big["payload"], big["result"], big["truncated"]) == (None, None, True)
        assert big["status"] == "succeeded"

    def test_only_public_changes_are_sent(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        kit.create("test.fast")
        handlers.push()
        kit.clock.advance(120)
        handlers.sweep()  # moves due_at, and nothing else
        handlers.push()
        assert versions(sockets.tasks("c1")) == [1]

    def test_the_highest_version_is_the_row_after_repeats_and_reordering(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        handlers.connect("c2", batch="1")
        task = kit.create("test.fast")
        handlers.run(task)
        records = handlers.stream()
        for batch in (records[2:], records, records[:2], records[::-1]):
            handlers.push(batch)
        for connection in ("c1", "c2"):
            newest = max(sockets.tasks(connection), key=lambda task: task["version"])
            assert newest == kit.get(task["id"])


class TestWatchers:
    def test_each_connection_receives_its_watch(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        one, other = kit.create("test.fast"), kit.create("test.long")
        handlers.connect("all")
        handlers.connect("none", watch="none")
        handlers.connect("one", watch=f"task:{one['id']}")
        handlers.connect("long", watch="type:test.long")
        handlers.push()
        received = {
            name: {task["id"] for task in sockets.tasks(name)} for name in ("all", "none", "one", "long")
        }
        assert received == {
            "all": {one["id"], other["id"]},
            "none": set(),
            "one": {one["id"]},
            "long": {other["id"]},
        }

    def test_a_task_that_is_watched_and_subscribed_is_sent_once(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        task = kit.create("test.fast")
        handlers.connect("c1", watch=f"task:{task['id']}")
        handlers.send("c1", {"action": "subscribe", "task_id": task["id"]})
        sockets.take("c1")
        handlers.push()
        assert versions(sockets.tasks("c1")) == [1]

    def test_owners_are_separate_and_each_is_read_once(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("theirs", token=kit.token(owner="other"))
        handlers.connect("ours")
        ours = [kit.create("test.fast") for _ in range(5)]
        theirs = [kit.services.task_creator.create("other", NewTask(type="test.fast")) for _ in range(5)]
        wire = Wire(kit.services)
        handlers.push()
        assert wire.counts()["Query"] == 2
        assert {task["id"] for task in sockets.tasks("ours")} == {task["id"] for task in ours}
        assert {task["id"] for task in sockets.tasks("theirs")} == {task.id for task in theirs}

    def test_without_watchers_nothing_is_read_or_sent(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.run(kit.create("test.fast", {"text": "x" * 2000}))
        wire = Wire(kit.services)
        handlers.push()
        assert wire.counts() == {"Query": 1, "UpdateItem": 1}  # the watchers, and the minute
        assert not sockets.frames


class TestFailures:
    def test_a_connection_that_is_gone_is_deleted(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        kit.clock.advance(61)
        sockets.fail("c1", 410)
        kit.create("test.fast")
        handlers.push()
        assert items(kit, "connections") == []

    def test_a_failed_send_is_retried_once(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        sockets.answer("c1", 500)
        kit.create("test.fast")
        handlers.push()
        assert versions(sockets.tasks("c1")) == [1]

    def test_a_failing_connection_gets_the_batch_again_and_is_closed_at_the_limit(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        sockets.fail("c1", 500)
        kit.create("test.fast")
        batch = handlers.stream()
        for _ in range(2):
            with pytest.raises(Exception, match="1 of 1 connections"):
                handlers.push(batch)
        assert sockets.closed == []
        handlers.push(batch)  # served, in its way
        assert sockets.closed == ["c1"]
        assert items(kit, "connections") == []

    def test_a_success_resets_the_failures(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        kit.create("test.fast")
        batch = handlers.stream()
        for _ in range(3):
            sockets.answer("c1", 500, 500)
            with pytest.raises(Exception, match="could not be served"):
                handlers.push(batch)
            handlers.push(batch)
        assert sockets.closed == []
        assert len(sockets.tasks("c1")) == 3

    def test_failing_and_gone_connections_do_not_affect_others(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        names = [f"c{number}" for number in range(50)]
        for name in names:
            handlers.connect(name)
        sockets.fail("c7", 500)
        kit.clock.advance(61)
        sockets.fail("c8", 410)
        task = kit.create("test.fast")
        with pytest.raises(Exception, match="1 of 50 connections"):
            handlers.push()
        served = {name for name in names if [update["id"] for update in sockets.tasks(name)] == [task["id"]]}
        assert served == set(names) - {"c7", "c8"}

    @pytest.mark.parametrize(
        "malformed",
        [
            {},
            {"dynamodb": {}},
            {"dynamodb": {"Keys": {"pk": {"S": "task#default#00"}}, "NewImage": {}}},
            {"dynamodb": {"Keys": {"pk": {"S": "task#a#00"}}, "NewImage": {"sk": {"S": "x"}, "tags": 1}}},
        ],
    )
    def test_an_unreadable_record_does_not_block_others(
        self, *, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer, malformed: Any
    ) -> None:
        handlers.connect("c1")
        kit.create("test.fast")
        handlers.push([malformed, *handlers.stream()])
        assert versions(sockets.tasks("c1")) == [1]

    def test_updates_are_sent_even_if_counting_fails(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        kit.create("test.fast")
        wire = Wire(kit.services)
        for _ in ("the minute", "the open tasks"):
            wire.refuse("UpdateItem")
        handlers.push()
        assert versions(sockets.tasks("c1")) == [1]
        assert items(kit, "rollups") == []


class TestOtherEffects:
    def test_the_documents_of_a_removed_row_are_deleted(
        self, kit: Kit, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        script.work = lambda payload, context: payload.text
        task = kit.create("test.fast", {"text": "x" * 2000})
        handlers.run(task)
        assert len(documents(kit, task["id"])) == 2
        row_of_it = items(kit, "tasks", "task#")[0]
        kit.client("dynamodb").delete_item(  # as TTL does
            TableName=kit.settings.resource("tasks"), Key={"pk": row_of_it["pk"], "sk": row_of_it["sk"]}
        )
        handlers.push()
        assert documents(kit, task["id"]) == []

    def test_changes_are_counted_by_the_minute(
        self, kit: Kit, http: Http, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        def work(payload: Any, context: TaskContext) -> None:
            kit.clock.advance(2)

        script.work = work
        for _ in range(2):
            handlers.run(kit.create("test.fast"))
        handlers.push()
        counted: dict[str, int] = {}
        for item in items(kit, "rollups"):
            for name, value in item.items():
                if "N" in value and name != "ttl":
                    counted[name] = counted.get(name, 0) + int(value["N"])
        assert counted == {"created": 2, "started": 2, "wait_ms": 0, "succeeded": 2, "ran": 2, "run_ms": 4000}

    def test_other_rows_of_the_table_are_ignored(
        self, kit: Kit, http: Http, handlers: Handlers, script: Script, sockets: SocketServer
    ) -> None:
        handlers.connect("c1")
        http.post("/tasks", {"type": "test.fast"}, idempotency_key="once")
        handlers.push()
        assert versions(sockets.tasks("c1")) == [1]
        assert row(kit, sockets.tasks("c1")[0]["id"]).version == 1
