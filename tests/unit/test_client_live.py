"""Waiting and watching: no update is missed or repeated when connections are lost."""

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
from task_service_client._sync_state import FINISHED_LIMIT, SyncState
from tests.support.effect_player import (
    LOST,
    OTHER_ID,
    SILENCE,
    SYNCED,
    TASK_ID,
    EffectPlayer,
    frame,
    ok,
    problem,
    synced,
    task,
    ticket,
)

#: The smallest id of a task created at the time of `DATE`.
START = "01a20cc8-8e80-7000-8000-000000000000"


def watched(player: EffectPlayer, count: int, **options: Any) -> list[tuple[str, int]]:
    """(id, version) of the first updates."""
    stream = player.emitted(player.operations().watch(**options))
    return [(each.id, each.version) for each in islice(stream, count)]


class TestWaiting:
    def test_a_finished_task_needs_no_connection(self) -> None:
        player = EffectPlayer(ok(task(4, "succeeded")))
        assert player.perform(player.operations().wait(TASK_ID)).version == 4

    def test_it_follows_the_task_to_its_end(self) -> None:
        frames = [SYNCED, frame(task(2)), frame(task(3)), frame(task(4, "failed"))]
        player = EffectPlayer(ok(task(1, "queued")), ticket(), sockets=[frames])
        seen: list[int] = []
        finished = player.perform(
            player.operations().wait(TASK_ID, on_update=lambda each: seen.append(each.version))
        )
        assert seen == [1, 2, 3, 4]
        assert player.requests[1].body == {"watch": f"task:{TASK_ID}"}
        with pytest.raises(TaskFailed) as caught:
            finished.raise_for_status()
        assert caught.value.task is finished

    def test_an_update_before_the_connection_is_not_missed(self) -> None:
        """Given a task that finishes between the first read and the connection, sync returns the update."""
        player = EffectPlayer(ok(task(1)), ticket(), sockets=[[frame(task(5, "succeeded")), SYNCED]])
        assert player.perform(player.operations().wait(TASK_ID)).version == 5
        assert player.sent_messages == [{"action": "sync", "tasks": {TASK_ID: 1}}]

    def test_the_ticket_of_a_new_task_saves_two_calls(self) -> None:
        new = Task.from_json(task(1, "queued", stream={"url": "wss://service/?ticket=new"}))
        player = EffectPlayer(sockets=[[SYNCED, frame(task(2, "succeeded"))]])
        player.perform(player.operations().wait(new))
        assert player.urls == ["wss://service/?ticket=new&batch=1"]
        assert player.requests == []

    def test_a_lost_connection_is_opened_again(self) -> None:
        lost_soon = [SYNCED, frame(task(2))]
        player = EffectPlayer(
            ok(task(1)),
            ticket("a"),
            ok(task(3)),
            ticket("b"),
            sockets=[lost_soon, [SYNCED, frame(task(4, "succeeded"))]],
        )
        assert player.perform(player.operations().wait(TASK_ID)).version == 4
        assert len(player.urls) == 2
        assert player.sent_messages[-1]["tasks"] == {TASK_ID: 3}

    def test_a_wait_ends_when_the_task_was_deleted(self) -> None:
        player = EffectPlayer(ok(task(1)), ticket(), problem(404), sockets=[[SYNCED]])
        with pytest.raises(NotFound):
            player.perform(player.operations().wait(TASK_ID))

    def test_without_websockets_it_polls(self) -> None:
        unchanged = problem(304)
        player = EffectPlayer(
            *(ok(task(1)), ticket(), ok(task(1)), ticket(), ok(task(1))),
            *(unchanged, unchanged, ok(task(2)), ok(task(3, "succeeded"))),
            sockets=[LOST, LOST],
        )
        assert player.perform(player.operations().wait(TASK_ID)).version == 3
        polls = player.requests[5:]
        assert [request.headers["if-none-match"] for request in polls] == ['"v1"', '"v1"', '"v1"', '"v2"']
        assert player.slept == [0.5, 0.75, 1.125]

    def test_long_polls_follow_each_other_without_a_pause(self) -> None:
        waits = {"preference-applied": "wait=20"}
        player = EffectPlayer(
            *(ok(task(1)), ticket(), ok(task(1)), ticket(), ok(task(1))),
            *(ok(task(2), **waits), ok(task(3, "succeeded"), **waits)),
            sockets=[LOST, LOST],
        )
        player.perform(player.operations().wait(TASK_ID))
        assert player.slept == []
        assert player.requests[-1].headers["prefer"] == "wait=20"

    def test_a_timeout_holds_the_latest_version(self) -> None:
        player = EffectPlayer(ok(task(1)), ticket(), sockets=[[SYNCED, frame(task(2)), SILENCE]])
        with pytest.raises(WaitTimeout) as caught:
            player.perform(player.operations().wait(TASK_ID, timeout=30))
        assert caught.value.task.version == 2
        assert player.now == 30

    def test_a_result_too_big_for_a_frame_is_fetched(self) -> None:
        cut = frame(task(2, "succeeded", truncated=True))
        player = EffectPlayer(
            ok(task(1)), ticket(), ok(task(2, "succeeded", result="big")), sockets=[[SYNCED, cut]]
        )
        assert player.perform(player.operations().wait(TASK_ID)).result == "big"

    def test_creating_and_waiting_are_one_call(self) -> None:
        player = EffectPlayer(
            ok(task(1, "queued")), ticket(), sockets=[[SYNCED, frame(task(2, "succeeded"))]]
        )
        assert player.perform(player.operations().run("demo.sleep", {"seconds": 1}, tags=["a"])).version == 2
        assert player.requests[0].body["tags"] == ["a"]


class TestWatching:
    def test_the_highest_version_wins(self) -> None:
        frames = [frame(task(2)), frame(task(1)), frame(task(2)), frame(task(3), task(1, id=OTHER_ID))]
        player = EffectPlayer(ticket(), sockets=[frames])
        assert watched(player, 3) == [
            (TASK_ID, 2),
            (TASK_ID, 3),
            (OTHER_ID, 1),
        ]

    def test_a_new_connection_syncs_the_missed_updates(self) -> None:
        player = EffectPlayer(
            ticket("a"), ticket("b"), sockets=[[frame(task(2))], [frame(task(5)), SYNCED, frame(task(6))]]
        )
        assert watched(player, 3) == [(TASK_ID, 2), (TASK_ID, 5), (TASK_ID, 6)]
        assert player.sent_messages == [{"action": "sync", "tasks": {TASK_ID: 2}, "since": START}]

    def test_new_tasks_are_those_since_the_last_complete_sync(self) -> None:
        """Given an update of a younger task, and a missed one of an older task, a later sync returns it."""
        older, younger = (START.replace("01a20cc8", f"01a20cc{digit}") for digit in "9a")
        player = EffectPlayer(
            *(ticket(), ticket(), ticket(), ticket()),
            sockets=[
                [frame(task(2, id=older))],
                [SYNCED, frame(task(1, id=younger))],
                [SYNCED],
                [SYNCED, frame(task(3, id=older))],
            ],
        )
        assert watched(player, 3) == [(older, 2), (younger, 1), (older, 3)]
        assert [each["since"] for each in player.sent_messages] == [START, older, younger]

    def test_tasks_created_before_the_first_update_are_not_missed(self) -> None:
        """Given a connection lost before the first update, sync asks for all tasks since the start."""
        player = EffectPlayer(ticket(), ticket(), sockets=[[], [frame(task(1)), SYNCED]])
        assert watched(player, 1) == [(TASK_ID, 1)]
        assert player.sent_messages == [{"action": "sync", "tasks": {}, "since": START}]

    def test_a_sync_in_parts_is_read_to_its_end(self) -> None:
        more = OTHER_ID + "+"
        answers = [frame(task(1)), synced(more), frame(task(1, id=OTHER_ID)), SYNCED]
        player = EffectPlayer(ticket(), ticket(), sockets=[[], answers])
        assert watched(player, 2) == [(TASK_ID, 1), (OTHER_ID, 1)]
        assert player.sent_messages[1] == {"action": "sync", "tasks": {}, "since": more}

    def test_known_tasks_are_compared_with_the_first_connection(self) -> None:
        known = [Task.from_json(task(3)), *_many(150)]
        player = EffectPlayer(ticket(), sockets=[[frame(task(3)), SYNCED, SYNCED, frame(task(4))]])
        assert watched(player, 1, known=known) == [(TASK_ID, 4)]
        assert [len(each["tasks"]) for each in player.sent_messages] == [100, 51]

    def test_a_named_task_comes_first_as_it_is(self) -> None:
        player = EffectPlayer(ticket(), sockets=[[frame(task(3, "succeeded")), SYNCED]])
        assert watched(player, 1, task_id=TASK_ID) == [(TASK_ID, 3)]
        assert player.sent_messages == [{"action": "sync", "tasks": {TASK_ID: 0}}]

    def test_waits_between_connections_grow_and_are_reset_by_a_success(self) -> None:
        sockets: list[Any] = [
            [frame(task(1))],
            LOST,
            LOST,
            [SYNCED, frame(task(2))],
            [SYNCED, frame(task(3))],
        ]
        player = EffectPlayer(*[ticket()] * 5, sockets=sockets)
        watched(player, 3)
        assert player.slept == [0.5, 1.0, 2.0, 0.5]

    def test_a_watch_survives_an_outage_of_the_service(self) -> None:
        outages = [Unreachable("scripted")] * 5 + [problem(503)] * 5
        player = EffectPlayer(
            ticket(), *outages, ticket(), sockets=[[frame(task(1))], [SYNCED, frame(task(2))]]
        )
        assert watched(player, 2) == [(TASK_ID, 1), (TASK_ID, 2)]

    def test_an_expired_token_ends_the_watch(self) -> None:
        player = EffectPlayer(ticket(), problem(403), sockets=[[frame(task(1))]])
        with pytest.raises(Forbidden):
            watched(player, 2)

    def test_a_watch_that_cannot_begin_raises(self) -> None:
        player = EffectPlayer(*[ticket()] * 5, sockets=[LOST] * 5)
        with pytest.raises(Unreachable, match="WebSocket"):
            watched(player, 1)

    def test_it_reports_whether_the_connection_is_open(self) -> None:
        reported: list[bool] = []
        player = EffectPlayer(*[ticket()] * 3, sockets=[[frame(task(1))], LOST, [SYNCED, frame(task(2))]])
        watched(player, 2, on_connection=reported.append)
        assert reported == [True, False, True]

    def test_an_idle_connection_is_pinged_and_replaced_without_a_pong(self) -> None:
        silent = [frame(task(1)), SILENCE, '{"type": "pong"}', SILENCE, SILENCE]
        player = EffectPlayer(ticket(), ticket(), sockets=[silent, [SYNCED, frame(task(2))]])
        assert watched(player, 2) == [(TASK_ID, 1), (TASK_ID, 2)]
        assert [each["action"] for each in player.sent_messages] == ["ping", "ping", "sync"]

    def test_an_error_frame_is_raised(self) -> None:
        error = '{"type": "error", "code": "invalid", "detail": "since: …"}'
        player = EffectPlayer(ticket(), ticket(), sockets=[[], [error]])
        with pytest.raises(Refused, match="since"):
            watched(player, 1)

    @pytest.mark.parametrize(
        ("options", "query"),
        [({}, "all"), ({"type": "demo.sleep"}, "type:demo.sleep"), ({"task_id": TASK_ID}, f"task:{TASK_ID}")],
    )
    def test_it_watches_all_or_a_type_or_a_task(self, options: dict[str, str], query: str) -> None:
        player = EffectPlayer(ticket(), sockets=[[frame(task(1)), SYNCED]])
        watched(player, 1, **options)
        assert player.requests[0].body == {"watch": query}


class TestSyncState:
    def test_old_finished_tasks_are_dropped_and_unfinished_ones_are_kept(self) -> None:
        known = SyncState(_many(10, "running"))
        for each in _many(FINISHED_LIMIT + 500, "succeeded", start=10):
            assert known.update(each)
        sizes = [message.count(":") - 2 for message in known.syncs(None)]
        assert sum(sizes) == FINISHED_LIMIT + 10

    def test_a_retried_task_is_unfinished_again(self) -> None:
        known = SyncState([Task.from_json(task(4, "failed"))])
        assert known.update(Task.from_json(task(5, "queued")))
        assert not known.update(Task.from_json(task(4, "failed")))


def _many(count: int, status: str = "running", start: int = 0) -> list[Task]:
    return [
        Task.from_json(task(1, status, id=f"01a20bfe-0000-7000-8000-1{number:011}"))
        for number in range(start, start + count)
    ]
