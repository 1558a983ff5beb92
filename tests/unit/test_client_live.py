"""Waiting and watching: nothing is missed, nothing is told twice, whatever connection is lost."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from task_service_client import (
    Forbidden,
    NotFound,
    Refused,
    Task,
    TaskFailed,
    Unreachable,
    WaitTimeout,
)
from task_service_client.known import FINISHED_LIMIT, Known
from tests.support.effect_player import (
    LOST,
    OTHER_ID,
    SILENCE,
    SYNCED,
    TASK_ID,
    Outside,
    frame,
    ok,
    problem,
    synced,
    task,
    ticket,
)

#: The smallest id of the moment that the service's Date says.
START = "01a20cc8-8e80-7000-8000-000000000000"


def watched(outside: Outside, count: int, **options: Any) -> list[tuple[str, int]]:
    """(id, version) of the first updates."""
    stream = outside.emitted(outside.operations().watch(**options))
    return [(each.id, each.version) for each in islice(stream, count)]


class TestWaiting:
    def test_a_finished_task_needs_no_connection(self) -> None:
        outside = Outside(ok(task(4, "succeeded")))
        assert outside.perform(outside.operations().wait(TASK_ID)).version == 4

    def test_it_follows_the_task_to_its_end(self) -> None:
        frames = [SYNCED, frame(task(2)), frame(task(3)), frame(task(4, "failed"))]
        outside = Outside(ok(task(1, "queued")), ticket(), sockets=[frames])
        seen: list[int] = []
        ended = outside.perform(
            outside.operations().wait(TASK_ID, on_update=lambda each: seen.append(each.version))
        )
        assert seen == [1, 2, 3, 4]
        assert outside.requests[1].body == {"watch": f"task:{TASK_ID}"}
        with pytest.raises(TaskFailed) as caught:
            ended.raise_for_status()
        assert caught.value.task is ended

    def test_what_happened_before_the_connection_is_asked_for(self) -> None:
        """Given a task that ends between the look at it and the connection, then the sync tells."""
        outside = Outside(ok(task(1)), ticket(), sockets=[[frame(task(5, "succeeded")), SYNCED]])
        assert outside.perform(outside.operations().wait(TASK_ID)).version == 5
        assert outside.said == [{"action": "sync", "tasks": {TASK_ID: 1}}]

    def test_the_ticket_that_came_with_a_new_task_saves_two_calls(self) -> None:
        new = Task.from_json(task(1, "queued", stream={"url": "wss://service/?ticket=new"}))
        outside = Outside(sockets=[[SYNCED, frame(task(2, "succeeded"))]])
        outside.perform(outside.operations().wait(new))
        assert outside.urls == ["wss://service/?ticket=new&batch=1"]
        assert outside.requests == []

    def test_a_lost_connection_is_made_anew(self) -> None:
        lost_soon = [SYNCED, frame(task(2))]
        outside = Outside(
            ok(task(1)),
            ticket("a"),
            ok(task(3)),
            ticket("b"),
            sockets=[lost_soon, [SYNCED, frame(task(4, "succeeded"))]],
        )
        assert outside.perform(outside.operations().wait(TASK_ID)).version == 4
        assert len(outside.urls) == 2
        assert outside.said[-1]["tasks"] == {TASK_ID: 3}

    def test_a_task_that_was_deleted_meanwhile_is_not_waited_for(self) -> None:
        outside = Outside(ok(task(1)), ticket(), problem(404), sockets=[[SYNCED]])
        with pytest.raises(NotFound):
            outside.perform(outside.operations().wait(TASK_ID))

    def test_without_websockets_it_asks_again_and_again(self) -> None:
        unchanged = problem(304)
        outside = Outside(
            *(ok(task(1)), ticket(), ok(task(1)), ticket(), ok(task(1))),
            *(unchanged, unchanged, ok(task(2)), ok(task(3, "succeeded"))),
            sockets=[LOST, LOST],
        )
        assert outside.perform(outside.operations().wait(TASK_ID)).version == 3
        asked = outside.requests[5:]
        assert [request.headers["if-none-match"] for request in asked] == ['"v1"', '"v1"', '"v1"', '"v2"']
        assert outside.slept == [0.5, 0.75, 1.125]

    def test_a_service_that_waits_itself_is_not_slept_for(self) -> None:
        waits = {"preference-applied": "wait=20"}
        outside = Outside(
            *(ok(task(1)), ticket(), ok(task(1)), ticket(), ok(task(1))),
            *(ok(task(2), **waits), ok(task(3, "succeeded"), **waits)),
            sockets=[LOST, LOST],
        )
        outside.perform(outside.operations().wait(TASK_ID))
        assert outside.slept == []
        assert outside.requests[-1].headers["prefer"] == "wait=20"

    def test_a_timeout_tells_what_was_seen_last(self) -> None:
        outside = Outside(ok(task(1)), ticket(), sockets=[[SYNCED, frame(task(2)), SILENCE]])
        with pytest.raises(WaitTimeout) as caught:
            outside.perform(outside.operations().wait(TASK_ID, timeout=30))
        assert caught.value.task.version == 2
        assert outside.now == 30

    def test_a_result_too_big_for_a_frame_is_fetched(self) -> None:
        cut = frame(task(2, "succeeded", truncated=True))
        outside = Outside(
            ok(task(1)), ticket(), ok(task(2, "succeeded", result="big")), sockets=[[SYNCED, cut]]
        )
        assert outside.perform(outside.operations().wait(TASK_ID)).result == "big"

    def test_creating_and_waiting_are_one_call(self) -> None:
        outside = Outside(ok(task(1, "queued")), ticket(), sockets=[[SYNCED, frame(task(2, "succeeded"))]])
        assert (
            outside.perform(outside.operations().run("demo.sleep", {"seconds": 1}, tags=["a"])).version == 2
        )
        assert outside.requests[0].body["tags"] == ["a"]


class TestWatching:
    def test_the_highest_version_wins(self) -> None:
        frames = [frame(task(2)), frame(task(1)), frame(task(2)), frame(task(3), task(1, id=OTHER_ID))]
        assert watched(Outside(ticket(), sockets=[frames]), 3) == [(TASK_ID, 2), (TASK_ID, 3), (OTHER_ID, 1)]

    def test_a_new_connection_asks_for_what_was_missed(self) -> None:
        outside = Outside(
            ticket("a"), ticket("b"), sockets=[[frame(task(2))], [frame(task(5)), SYNCED, frame(task(6))]]
        )
        assert watched(outside, 3) == [(TASK_ID, 2), (TASK_ID, 5), (TASK_ID, 6)]
        assert outside.said == [{"action": "sync", "tasks": {TASK_ID: 2}, "since": START}]

    def test_what_is_new_begins_where_the_last_complete_sync_did(self) -> None:
        """Given a younger task heard while an older one was missed, then a later sync asks for the older."""
        older, younger = (START.replace("01a20cc8", f"01a20cc{digit}") for digit in "9a")
        outside = Outside(
            *(ticket(), ticket(), ticket(), ticket()),
            sockets=[
                [frame(task(2, id=older))],
                [SYNCED, frame(task(1, id=younger))],
                [SYNCED],
                [SYNCED, frame(task(3, id=older))],
            ],
        )
        assert watched(outside, 3) == [(older, 2), (younger, 1), (older, 3)]
        assert [each["since"] for each in outside.said] == [START, older, younger]

    def test_tasks_made_before_the_first_update_are_not_missed(self) -> None:
        """Given a connection lost before anything came, then what is new since the start is asked for."""
        outside = Outside(ticket(), ticket(), sockets=[[], [frame(task(1)), SYNCED]])
        assert watched(outside, 1) == [(TASK_ID, 1)]
        assert outside.said == [{"action": "sync", "tasks": {}, "since": START}]

    def test_a_sync_in_parts_is_read_to_its_end(self) -> None:
        more = OTHER_ID + "+"
        answers = [frame(task(1)), synced(more), frame(task(1, id=OTHER_ID)), SYNCED]
        outside = Outside(ticket(), ticket(), sockets=[[], answers])
        assert watched(outside, 2) == [(TASK_ID, 1), (OTHER_ID, 1)]
        assert outside.said[1] == {"action": "sync", "tasks": {}, "since": more}

    def test_known_tasks_are_compared_with_the_first_connection(self) -> None:
        known = [Task.from_json(task(3)), *_many(150)]
        outside = Outside(ticket(), sockets=[[frame(task(3)), SYNCED, SYNCED, frame(task(4))]])
        assert watched(outside, 1, known=known) == [(TASK_ID, 4)]
        assert [len(each["tasks"]) for each in outside.said] == [100, 51]

    def test_a_named_task_comes_first_as_it_is(self) -> None:
        outside = Outside(ticket(), sockets=[[frame(task(3, "succeeded")), SYNCED]])
        assert watched(outside, 1, task_id=TASK_ID) == [(TASK_ID, 3)]
        assert outside.said == [{"action": "sync", "tasks": {TASK_ID: 0}}]

    def test_waits_between_connections_grow_and_start_anew_after_a_good_one(self) -> None:
        sockets: list[Any] = [
            [frame(task(1))],
            LOST,
            LOST,
            [SYNCED, frame(task(2))],
            [SYNCED, frame(task(3))],
        ]
        outside = Outside(*[ticket()] * 5, sockets=sockets)
        watched(outside, 3)
        assert outside.slept == [0.5, 1.0, 2.0, 0.5]

    def test_an_outage_of_the_service_is_sat_out(self) -> None:
        outages = [Unreachable("scripted")] * 5 + [problem(503)] * 5
        outside = Outside(ticket(), *outages, ticket(), sockets=[[frame(task(1))], [SYNCED, frame(task(2))]])
        assert watched(outside, 2) == [(TASK_ID, 1), (TASK_ID, 2)]

    def test_a_token_that_ended_ends_the_watch(self) -> None:
        outside = Outside(ticket(), problem(403), sockets=[[frame(task(1))]])
        with pytest.raises(Forbidden):
            watched(outside, 2)

    def test_a_watch_that_cannot_begin_says_so(self) -> None:
        outside = Outside(*[ticket()] * 5, sockets=[LOST] * 5)
        with pytest.raises(Unreachable, match="WebSocket"):
            watched(outside, 1)

    def test_it_tells_whether_updates_come(self) -> None:
        heard: list[bool] = []
        outside = Outside(*[ticket()] * 3, sockets=[[frame(task(1))], LOST, [SYNCED, frame(task(2))]])
        watched(outside, 2, on_connection=heard.append)
        assert heard == [True, False, True]

    def test_a_silent_connection_is_pinged_and_given_up_when_it_stays_silent(self) -> None:
        silent = [frame(task(1)), SILENCE, '{"type": "pong"}', SILENCE, SILENCE]
        outside = Outside(ticket(), ticket(), sockets=[silent, [SYNCED, frame(task(2))]])
        assert watched(outside, 2) == [(TASK_ID, 1), (TASK_ID, 2)]
        assert [each["action"] for each in outside.said] == ["ping", "ping", "sync"]

    def test_what_the_service_refuses_is_raised(self) -> None:
        error = '{"type": "error", "code": "invalid", "detail": "since: …"}'
        outside = Outside(ticket(), ticket(), sockets=[[], [error]])
        with pytest.raises(Refused, match="since"):
            watched(outside, 1)

    @pytest.mark.parametrize(
        ("options", "query"),
        [({}, "all"), ({"type": "demo.sleep"}, "type:demo.sleep"), ({"task_id": TASK_ID}, f"task:{TASK_ID}")],
    )
    def test_it_watches_all_or_a_type_or_a_task(self, options: dict[str, str], query: str) -> None:
        outside = Outside(ticket(), sockets=[[frame(task(1)), SYNCED]])
        watched(outside, 1, **options)
        assert outside.requests[0].body == {"watch": query}


class TestKnown:
    def test_finished_tasks_are_forgotten_in_the_end_and_live_ones_never(self) -> None:
        known = Known(_many(10, "running"))
        for each in _many(FINISHED_LIMIT + 500, "succeeded", start=10):
            assert known.take(each)
        sizes = [message.count(":") - 2 for message in known.syncs(None)]
        assert sum(sizes) == FINISHED_LIMIT + 10

    def test_a_retried_task_is_live_again(self) -> None:
        known = Known([Task.from_json(task(4, "failed"))])
        assert known.take(Task.from_json(task(5, "queued")))
        assert not known.take(Task.from_json(task(4, "failed")))


def _many(count: int, status: str = "running", start: int = 0) -> list[Task]:
    return [
        Task.from_json(task(1, status, id=f"01a20bfe-0000-7000-8000-1{number:011}"))
        for number in range(start, start + count)
    ]
