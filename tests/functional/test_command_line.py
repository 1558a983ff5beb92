"""`tasks` on the real app: its output and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import httpx
import pytest

from task_service_client import Client, Retries
from task_service_client.command_line import main
from testing.kit import Kit
from tests.functional.conftest import FAR, Handlers, Http


class AppTransport(httpx.BaseTransport):
    """Passes requests to the app."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        with redirect_stdout(StringIO()):  # the app's logs and metrics
            answer = self._http.client.http.request(
                request.method, path, dict(request.headers), request.read()
            )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.body)


@dataclass(frozen=True)
class Ran:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Tasks = Callable[..., Ran]


@pytest.fixture
def tasks(http: Http, kit: Kit, capsys: pytest.CaptureFixture[str]) -> Tasks:
    """Runs `tasks` with these arguments, as an administrator or with another token."""

    def run(*arguments: str, token: str | None = None) -> Ran:
        chosen = token or kit.token(exp=FAR)

        def make_client(**options: Any) -> Client:
            client_options = options | {"url": "http://app", "token": chosen}
            return Client(transport=AppTransport(http), retries=Retries(tries=1), **client_options)

        capsys.readouterr()
        code = main(arguments, make_client)
        captured = capsys.readouterr()
        return Ran(code, captured.out.rstrip("\n"), captured.err)

    return run


class TestRunning:
    def test_the_id_of_a_new_task_is_printed(self, tasks: Tasks, kit: Kit) -> None:
        ran = tasks("run", "demo.sleep", "seconds=2", "steps=4", "--tag", "a", "--max-attempts", "2")
        task_id, status = ran.out.split()
        assert (ran.code, status) == (0, "queued")
        task = kit.get(task_id)
        assert task["payload"] == {"seconds": 2.0, "steps": 4}
        assert (task["tags"], task["max_attempts"]) == (["a"], 2)

    def test_a_delayed_task_is_scheduled(self, tasks: Tasks) -> None:
        ran = tasks("run", "demo.sleep", "seconds=0", "--delay", "5m", "--json")
        assert ran.json["status"] == "scheduled"

    def test_the_same_key_returns_the_same_task(self, tasks: Tasks) -> None:
        command = ("run", "demo.sleep", "seconds=0", "--idempotency-key", "mine")
        assert tasks(*command).out == tasks(*command).out

    def test_a_wrong_payload_points_to_each_field(self, tasks: Tasks) -> None:
        ran = tasks("run", "demo.sleep", "seconds=many", "steps=0")
        assert ran.code == 2
        assert ran.err.splitlines()[0] == "tasks: The payload does not fit the task type demo.sleep."
        assert [line.split(":")[0].strip() for line in ran.err.splitlines()[1:]] == [
            "/payload/seconds",
            "/payload/steps",
        ]


class TestWaiting:
    def test_only_the_result_goes_to_standard_output(self, tasks: Tasks, kit: Kit) -> None:
        task = kit.run("demo.sleep", {"seconds": 0})
        ran = tasks("wait", task["id"])
        assert (ran.code, ran.json) == (0, {"slept_seconds": 0.0})
        assert "succeeded" in ran.err

    def test_a_failed_task_is_1(self, tasks: Tasks, kit: Kit) -> None:
        task = kit.run("demo.fail", {"message": "[no] disk"}, max_attempts=1)
        ran = tasks("wait", task["id"])
        assert (ran.code, ran.out) == (1, "")
        assert "FailedOnPurpose: [no] disk" in ran.err

    def test_a_canceled_task_is_3(self, tasks: Tasks, kit: Kit) -> None:
        task = kit.create("demo.sleep", {"seconds": 0})
        assert tasks("cancel", task["id"]).code == 0
        ran = tasks("wait", task["id"], "--json")
        assert (ran.code, ran.json["status"]) == (3, "canceled")

    def test_a_task_that_is_unfinished_at_the_timeout_is_4_and_printed(self, tasks: Tasks) -> None:
        ran = tasks("run", "demo.sleep", "seconds=0", "--wait", "--timeout", "0.01", "--json")
        assert (ran.code, ran.json["status"]) == (4, "queued")
        assert f"Task {ran.json['id']} is still queued." in ran.err


class TestShowing:
    def test_a_list_is_newest_first_and_filtered(self, tasks: Tasks, kit: Kit) -> None:
        first = kit.create("demo.sleep", {"seconds": 0}, tags=("a",))
        kit.clock.advance(1)
        second = kit.create("demo.sleep", {"seconds": 0}, tags=("a",))
        kit.create("demo.fail")
        rows = tasks("ls", "--tag", "a").out.splitlines()[1:]
        assert [row.split()[0] for row in rows] == [second["id"], first["id"]]
        assert [task["id"] for task in tasks("ls", "--tag", "a", "-n", "1", "--json").json] == [second["id"]]

    def test_a_task_is_shown_with_its_attempts(self, tasks: Tasks, kit: Kit) -> None:
        task = kit.run("demo.fail", {"times": 1})
        ran = tasks("show", task["id"])
        assert "FailedOnPurpose" in ran.out
        assert '"attempt": 2' in ran.out
        assert tasks("show", task["id"], "--json").json["attempts"] == task["attempts"]

    def test_types_are_listed_and_shown(self, tasks: Tasks) -> None:
        assert "demo.sleep" in tasks("types").out
        assert '"seconds"' in tasks("types", "show", "demo.sleep").out
        assert [each["name"] for each in tasks("types", "--json").json][:1] == ["csv.profile"]
        assert tasks("types", "show", "nope").code == 2

    def test_a_waiting_task_is_explained(self, tasks: Tasks, kit: Kit) -> None:
        task = kit.create("demo.sleep", {"seconds": 0}, delay_seconds=3600)
        assert "scheduled" in tasks("explain", task["id"]).out
        assert tasks("explain", task["id"], "--json").json["reason"] == "scheduled"

    def test_a_type_is_paused_and_resumed(self, tasks: Tasks) -> None:
        assert tasks("types", "pause", "demo.sleep", "--reason", "it is broken").code == 0
        assert "demo.sleep paused" in tasks("types").out
        shown = tasks("types", "show", "demo.sleep", "--json").json
        assert shown["paused"]["reason"] == "it is broken"
        assert tasks("types", "resume", "demo.sleep", "--json").json["paused"] is None
        assert tasks("types", "pause", "nope").code == 1

    def test_stats_are_for_administrators(self, tasks: Tasks, kit: Kit) -> None:
        assert "queues" in tasks("stats").out
        ran = tasks("stats", token=kit.token("tasks:read", exp=FAR))
        assert ran.code == 1
        assert "tasks:admin" in ran.err


class TestChanging:
    def test_a_refused_task_does_not_stop_the_others(self, tasks: Tasks, kit: Kit) -> None:
        done = kit.run("demo.sleep", {"seconds": 0})
        waiting = kit.create("demo.sleep", {"seconds": 0})
        ran = tasks("cancel", done["id"], waiting["id"])
        assert ran.code == 1
        assert ran.out == f"{waiting['id']}  canceled"
        assert ran.err.startswith("tasks: ")

    def test_a_canceled_task_is_queued_again(self, tasks: Tasks, kit: Kit) -> None:
        task = kit.create("demo.sleep", {"seconds": 0})
        tasks("cancel", task["id"])
        assert tasks("retry", task["id"]).out == f"{task['id']}  queued"

    def test_a_finished_task_is_deleted(self, tasks: Tasks, kit: Kit) -> None:
        task = kit.run("demo.sleep", {"seconds": 0})
        assert tasks("delete", task["id"]).out == f"{task['id']}  deleted"
        assert tasks("show", task["id"]).code == 1


class TestManyTasks:
    def test_all_matching_tasks_are_canceled(self, tasks: Tasks, kit: Kit) -> None:
        waiting = [kit.create("demo.sleep", {"seconds": 0})["id"] for _ in range(3)]
        other = kit.create("demo.fail")["id"]
        ran = tasks("cancel", "--type", "demo.sleep", "--yes", "--json")
        assert (ran.code, ran.json["status"], ran.json["changed"]) == (0, "done", 3)
        assert {kit.get(each)["status"] for each in waiting} == {"canceled"}
        assert kit.get(other)["status"] == "queued"

    def test_dead_letters_are_listed_by_cause_and_retried(
        self, tasks: Tasks, kit: Kit, handlers: Handlers
    ) -> None:
        dead = [kit.run("demo.fail", {"message": f"disk {n} full"}, max_attempts=1)["id"] for n in range(2)]
        handlers.watch_dead_letters()
        (group,) = tasks("dead-letters", "ls", "--json").json
        assert group["count"] == 2
        assert "FailedOnPurpose: disk" in tasks("dead-letters", "ls").out
        assert dead[0] in tasks("dead-letters", "ls", "--group", group["id"]).out
        ran = tasks("dead-letters", "retry", "--group", group["id"], "--yes")
        assert ran.code == 0
        assert {kit.get(each)["redrive_count"] for each in dead} == {1}
        assert tasks("dead-letters", "ls", "--json").json == []
        assert tasks("dead-letters", "ls").err == "No dead letters.\n"
        assert "2/2" in tasks("redrives", "ls").out

    def test_dead_letters_that_are_not_recorded_yet_are_counted(
        self, tasks: Tasks, kit: Kit, handlers: Handlers
    ) -> None:
        """Given failed tasks, the list has none or one of them until the monitor has recorded both."""
        kit.run("demo.fail", max_attempts=1)
        ran = tasks("dead-letters", "ls")
        assert (ran.out, ran.err) == ("", "1 dead letter will be recorded within five minutes.\n")
        handlers.watch_dead_letters()
        assert tasks("dead-letters", "ls").err == ""
        kit.run("demo.fail", max_attempts=1)
        assert tasks("dead-letters", "ls").err == "1 dead letter will be recorded within five minutes.\n"


class TestErrors:
    @pytest.mark.parametrize(
        "command",
        [
            "nope",
            "ls --nope",
            "ls --limit many",
            "ls --status nope",
            "run",
            "run demo.sleep seconds",
            "run demo.sleep seconds:=x",
            "run demo.sleep --payload [1]",
            "run demo.sleep --payload @/nowhere",
            "run demo.sleep seconds=1 --delay soon",
            "run demo.sleep seconds=1 --run-at tomorrow",
            "run demo.sleep seconds=1 --tag " + "x" * 65,
            "run nope",
            "cancel",
            "delete",
            "retry 1 --type demo.sleep",
            "types show nope",
            "types nope",
            "dead-letters retry",
            "dead-letters nope",
            "completion nope",
            "stats --minutes 0",
        ],
    )
    def test_wrong_usage_is_one_sentence_and_2(self, tasks: Tasks, command: str) -> None:
        ran = tasks(*command.split())
        assert (ran.code, ran.out) == (2, "")
        first, *fields = ran.err.splitlines()
        assert first.startswith("tasks: ")
        assert all(line.startswith("  /") for line in fields)

    def test_no_arguments_show_the_help(self, tasks: Tasks) -> None:
        ran = tasks()
        assert ran.code == 2
        assert "Usage: tasks" in ran.out
        assert ran.err == ""

    def test_an_unreachable_service_is_one_sentence_and_1(self, capsys: pytest.CaptureFixture[str]) -> None:
        def make_client(**options: Any) -> Client:
            return Client("http://127.0.0.1:1", retries=Retries(tries=1))

        assert main(["ls"], make_client) == 1
        assert capsys.readouterr().err.startswith("tasks: http://127.0.0.1:1 does not answer: ")

    def test_a_missing_address_is_one_sentence_and_2(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        monkeypatch.delenv("TASKS_URL", raising=False)
        monkeypatch.chdir(tmp_path)
        assert main(["ls"]) == 2
        assert "TASKS_URL" in capsys.readouterr().err


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_each_shell_has_a_script(self, tasks: Tasks, shell: str) -> None:
        assert "_TASKS_COMPLETE" in tasks("completion", shell).out
