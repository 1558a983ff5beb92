"""What the service promises, on the deployed app: tasks go in over HTTP and come out whatever happens."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from tests.e2e.conftest import PATIENCE_SECONDS, ROOT, Service, await_value
from tests.support.emulators import process_id
from tests.support.http_server import Answer, HttpServer
from tests.support.lambda_events import schedule_event

ORDERS = (ROOT / "docs" / "examples" / "orders.csv").read_text()


def frames(socket: ClientConnection, task_id: str) -> Iterator[dict[str, Any]]:
    """The updates of one task, until it has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        frame = json.loads(socket.recv(timeout=PATIENCE_SECONDS))
        if frame.get("type") == "task" and frame["task"]["id"] == task_id:
            yield frame["task"]
            if frame["task"]["finished_at"] is not None:
                return


def invoke(service: Service, function: str) -> None:
    """Run a scheduled function now instead of within minutes."""
    answer = service.client("lambda").invoke(
        FunctionName=f"task-service-local-{function}", Payload=json.dumps(schedule_event(function)).encode()
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


class TestAFirstTask:
    def test_a_csv_is_profiled_and_every_step_is_seen_live(self, service: Service) -> None:
        with service.watch() as socket:
            task = service.post("csv.profile", {"csv": ORDERS}, tags=["orders"])
            seen = list(frames(socket, task["id"]))
        versions = [each["version"] for each in seen]
        assert versions == sorted(set(versions))
        statuses = [each["status"] for each in seen]
        assert statuses[0] == "queued"
        assert statuses[-1] == "succeeded"
        assert any(each["status"] == "running" and each["progress"] for each in seen)
        columns = {column["name"]: column for column in service.get(task["id"])["result"]["columns"]}
        assert columns["order_id"]["distinct"] == 250
        assert columns["express"]["type"] == "boolean"
        assert columns["placed_on"]["min"] == "2026-01-01"

    def test_a_delayed_task_does_not_start_early(self, service: Service) -> None:
        task = service.post("demo.sleep", {"seconds": 0}, delay_seconds=2)
        assert task["status"] == "scheduled"
        done = service.wait_for(task["id"], "succeeded")
        assert done["started_at"] >= done["run_at"]


@pytest.fixture
def with_boto3(service: Service) -> Iterator[None]:
    """The functions use AWS's own SDK until the test ends."""
    lambdas = service.client("lambda")
    before = {
        each["FunctionName"]: each["Environment"]["Variables"]
        for each in lambdas.list_functions()["Functions"]
        if each["FunctionName"].startswith("task-service-local-")
    }
    for name, variables in before.items():
        lambdas.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**variables, "AWS_SDK": "boto3"}}
        )
    yield
    for name, variables in before.items():
        lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


class TestAwssOwnSdk:
    def test_a_task_succeeds_and_another_one_is_alerted(
        self, service: Service, alerts: Alerts, with_boto3: None
    ) -> None:
        with service.watch() as socket, HttpServer(Answer(500)) as server:
            task = service.post("csv.profile", {"csv": ORDERS})
            seen = list(frames(socket, task["id"]))
            dead = service.post("http.request", {"url": server.url("/hook")}, max_attempts=1)
            service.wait_for(dead["id"], "failed")
        assert (seen[0]["status"], seen[-1]["status"]) == ("queued", "succeeded")
        await_value(lambda: service.get(dead["id"])["dead_lettered_at"])
        invoke(service, "watch_dead_letters")
        assert alerts.count(f"{dead['id']}#0") == 1


class TestRetries:
    def test_a_webhook_that_recovers_is_called_until_it_does(self, service: Service) -> None:
        with HttpServer(Answer(503), Answer(503), Answer(200, b"fine")) as server:
            task = service.post(
                "http.request", {"url": server.url("/hook"), "method": "POST", "body": {"n": 1}}
            )
            done = service.wait_for(task["id"], "succeeded")
        assert done["attempt"] == 3
        assert [each["outcome"] for each in done["attempts"]] == ["failed", "failed", "succeeded"]
        assert all(each["next_wait_seconds"] is not None for each in done["attempts"][:2])
        assert {request.headers["webhook-id"] for request in server.requests} == {task["id"]}

    def test_one_that_never_recovers_dies_is_alerted_once_and_can_be_retried(
        self, service: Service, alerts: Alerts
    ) -> None:
        with HttpServer(Answer(500), Answer(500), Answer(200, b"fine")) as server:
            task = service.post("http.request", {"url": server.url("/hook")}, max_attempts=2)
            dead = service.wait_for(task["id"], "failed")
            assert (dead["attempt"], dead["error"]["kind"]) == (2, "exception")
            await_value(lambda: service.get(task["id"])["dead_lettered_at"])
            invoke(service, "watch_dead_letters")
            invoke(service, "watch_dead_letters")
            assert alerts.count(f"{task['id']}#0") == 1
            again = service.call("POST", f"/tasks/{task['id']}/retry").json
            assert (again["status"], again["redrive_count"], again["attempt"]) == ("queued", 1, 0)
            assert service.wait_for(task["id"], "succeeded", "failed")["status"] == "succeeded"


class TestMany:
    def test_100_tasks_at_once_all_succeed_and_each_runs_once(self, service: Service) -> None:
        with ThreadPoolExecutor(100) as threads:
            posted = list(
                threads.map(lambda n: service.post("demo.sleep", {"seconds": 0}, tags=[f"n{n}"]), range(100))
            )
        done = [service.wait_for(task["id"], "succeeded", "failed") for task in posted]
        assert Counter(task["status"] for task in done) == {"succeeded": 100}
        assert Counter(len(task["attempts"]) for task in done) == {1: 100}
        assert {task["lease"] for each in done for task in each["attempts"]} == {1}

    def test_an_idempotency_key_posted_20_times_at_once_makes_one_task(self, service: Service) -> None:
        body = {"type": "demo.sleep", "payload": {"seconds": 0}}
        key = {"Idempotency-Key": f"once-{time.time_ns()}"}
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(lambda _: service.call("POST", "/tasks", body, key), range(20)))
        assert Counter(answer.status for answer in answers) == {201: 1, 200: 19}
        assert len({answer.json["id"] for answer in answers}) == 1


class TestWhenThingsBreak:
    def test_a_task_whose_worker_is_killed_succeeds_by_itself(self, service: Service) -> None:
        task = service.post("demo.sleep", {"seconds": 3, "steps": 10}, timeout_seconds=2)
        running = service.wait_for(task["id"], "running")
        for process in workers_of(service, "run_tasks"):
            os.kill(process, signal.SIGKILL)
        assert service.get(task["id"])["status"] == "running"

        def rescued() -> Any:
            invoke(service, "sweep")
            now = service.get(task["id"])
            return now if now["status"] == "succeeded" else None

        done = await_value(rescued, seconds=60)
        assert [each["outcome"] for each in done["attempts"]] == ["failed", "succeeded"]
        assert done["attempts"][0]["error"]["kind"] == "crashed"
        assert done["version"] > running["version"]

    def test_a_message_that_is_not_ours_is_kept_and_alerted(self, service: Service, alerts: Alerts) -> None:
        sqs = service.client("sqs")
        url = sqs.get_queue_url(QueueName="task-service-local-fast")["QueueUrl"]
        message_id = sqs.send_message(QueueUrl=url, MessageBody="<order/>")["MessageId"]

        def alert_count() -> Any:
            invoke(service, "watch_dead_letters")
            return alerts.count(message_id) or None

        assert await_value(alert_count) == 1

    def test_a_cancel_stops_a_running_task(self, service: Service) -> None:
        task = service.post("demo.sleep", {"seconds": 60, "steps": 60})
        service.wait_for(task["id"], "running")
        assert service.call("POST", f"/tasks/{task['id']}/cancel").json["cancel_requested"] is True
        assert service.wait_for(task["id"], "canceled")["status"] == "canceled"

    def test_what_is_wrong_is_told_as_a_problem(self, service: Service) -> None:
        answer = service.call("POST", "/tasks", "[" * 100_000)
        assert answer.status == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert service.call("POST", "/tasks", {"type": "nope"}).json["errors"][0]["pointer"] == "/type"


class Alerts:
    """What the alert topic has published since the fixture began to listen."""

    def __init__(self, service: Service) -> None:
        self._sqs = service.client("sqs")
        sns = service.client("sns")
        self._url = self._sqs.create_queue(QueueName=f"alerts-{time.time_ns()}")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])[
            "Attributes"
        ]
        topic = sns.create_topic(Name="task-service-local-alerts")["TopicArn"]
        let_topic_send = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": attributes["QueueArn"],
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [let_topic_send]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
        self._texts: list[str] = []

    def count(self, key: str) -> int:
        """How many alerts name `key`."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                self._texts.append(json.loads(message["Body"])["Message"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return sum(key in text for text in self._texts)


@pytest.fixture
def alerts(service: Service) -> Alerts:
    return Alerts(service)


def workers_of(service: Service, function: str) -> list[int]:
    """The processes that run a function's code."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_text()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == process_id(service.emulator) and f"task-service-local-{function}" in command:
            found.append(int(entry.name))
    assert found, f"no process runs {function}"
    return found
