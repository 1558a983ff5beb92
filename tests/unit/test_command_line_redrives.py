"""Retries and cancels of many tasks: a preview, a confirmation, then the redrive."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from task_service_client import Client, Retries
from task_service_client.command_line import main
from tests.support.effect_player import TASK_ID, task

RUNNING = {"id": "r1", "action": "retry", "filter": {"type": "a"}, "status": "running", "matched": 3}
DONE = {**RUNNING, "status": "done", "changed": 3, "skipped": 0, "failed": 0}
CTRL_C = object()
PREVIEW = {"matched": 3, "more": False, "sample": [task(5, "failed")]}

Tasks = Callable[..., int]


class Service:
    """A service with one redrive; records the POST requests."""

    def __init__(self) -> None:
        self.preview: Any = PREVIEW
        self.polls: list[Any] = [DONE]  #: the responses to GET; the last one is repeated
        self.posted: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            answer = self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]
            if answer is CTRL_C:
                raise KeyboardInterrupt
            return httpx.Response(200, json=answer)
        body = json.loads(request.read() or "{}")
        self.posted.append((request.url.path, body))
        return (
            httpx.Response(200, json=self.preview)
            if body.get("dry_run")
            else httpx.Response(202, json=RUNNING)
        )


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def tasks(service: Service) -> Tasks:
    """Runs `tasks` against the service, without a terminal."""

    def run(*arguments: str) -> int:
        def make_client(**options: Any) -> Client:
            transport = httpx.MockTransport(service)
            return Client(
                **options | {"url": "http://service"}, transport=transport, retries=Retries(tries=1)
            )

        return main(arguments, make_client)

    return run


@pytest.mark.parametrize(
    ("command", "action", "criteria"),
    [
        ("dead-letters retry --group g1", "retry", {"group": "g1"}),
        ("dead-letters retry --type a --kind timeout", "retry", {"type": "a", "error_kind": "timeout"}),
        ("dead-letters retry --all", "retry", {"all": True}),
        ("retry --tag x --kind crashed", "retry", {"tag": "x", "error_kind": "crashed"}),
        ("cancel --type a --status queued", "cancel", {"type": "a", "status": "queued"}),
        (
            "cancel --created-before 2026-01-31T12:00:00Z",
            "cancel",
            {"created_before": "2026-01-31T12:00:00+00:00"},
        ),
    ],
)
def test_the_options_become_the_filter(
    tasks: Tasks, service: Service, command: str, action: str, criteria: dict[str, Any]
) -> None:
    assert tasks(*command.split(), "--yes", "--rate", "20") == 0
    preview, redrive = service.posted
    assert preview == ("/redrives", {"action": action, "filter": criteria, "dry_run": True})
    assert redrive == ("/redrives", {"action": action, "filter": criteria, "rate": 20})


def test_a_dry_run_changes_nothing(
    tasks: Tasks, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tasks("retry", "--type", "a", "--dry-run") == 0
    captured = capsys.readouterr()
    assert "3 tasks" in captured.err
    assert TASK_ID in captured.out
    assert len(service.posted) == 1


def test_without_a_terminal_a_redrive_needs_yes(
    tasks: Tasks, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tasks("retry", "--type", "a") == 2
    assert "--yes" in capsys.readouterr().err
    assert len(service.posted) == 1


def test_no_redrive_starts_when_no_task_matches(
    tasks: Tasks, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.preview = {**PREVIEW, "matched": 0, "sample": []}
    assert tasks("retry", "--type", "a", "--yes") == 0
    assert "No task matches" in capsys.readouterr().err
    assert len(service.posted) == 1


def test_a_dry_run_without_a_match_has_no_table(
    tasks: Tasks, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.preview = {**PREVIEW, "matched": 0, "sample": []}
    assert tasks("retry", "--type", "a", "--dry-run") == 0
    assert capsys.readouterr() == ("", "No task matches.\n")


def test_a_redrive_is_polled_until_it_is_finished(
    tasks: Tasks, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.polls = [RUNNING, DONE]
    assert tasks("retry", "--type", "a", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "done"


def test_ctrl_c_ends_the_command_and_not_the_redrive(
    tasks: Tasks, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.polls = [RUNNING, CTRL_C]
    assert tasks("retry", "--type", "a", "--yes") == 130
    assert capsys.readouterr().err == "It continues in the service. To follow it: tasks redrives show r1\n"


@pytest.mark.parametrize("end", [{"status": "aborted"}, {"status": "failed"}, {"failed": 1}])
def test_an_incomplete_redrive_is_1(tasks: Tasks, service: Service, end: dict[str, Any]) -> None:
    service.polls = [{**DONE, **end}]
    assert tasks("retry", "--type", "a", "--yes") == 1


def test_redrives_are_listed_shown_and_aborted(
    tasks: Tasks, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.polls = [{"redrives": [DONE], "next_cursor": None}]
    assert tasks("redrives", "ls") == 0
    assert "type=a" in capsys.readouterr().out
    service.polls = [DONE]
    assert tasks("redrives", "show", "r1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == DONE
    assert tasks("redrives", "abort", "r1") == 0
    assert service.posted == [("/redrives/r1/abort", {})]
