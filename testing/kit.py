"""Runs task types in tests: the real service on an AWS in memory (moto), with a clock that the test controls.

    from testing.kit import Kit

    def test_greets():
        with Kit() as kit:
            task = kit.run("demo.greet", {"name": "Ada"})
            assert task["status"] == "succeeded"
            assert task["result"] == "Hello, Ada"

`run` creates a task and runs it to its end. It moves the clock over all waits, so the test of a task that
retries after an hour takes no longer than any other:

    assert [attempt["outcome"] for attempt in task["attempts"]] == ["failed", "succeeded"]

A test can also take single steps:

    task = kit.create("demo.greet", {"name": "Ada"})  # like POST /tasks
    kit.deliver(task)  # a worker runs the first attempt
    kit.clock.advance(3600)
    kit.sweep()  # the service does this every minute
    kit.deliver(task)  # a worker runs the second attempt
    assert kit.get(task["id"])["status"] == "succeeded"

Tasks are the JSON objects of the HTTP API. `Kit(task_types)` runs the types of another registry than those in
`chalicelib/task_types/`; keywords set the stage's settings: `Kit(grace_seconds=5)`. Each kit has its own
tables and queues, made from `infra/stacks/data.yaml`. Only one kit can be open at a time in a process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from inspect import signature
from threading import Lock, RLock
from typing import Any, Self

from botocore.loaders import create_loader
from botocore.session import Session
from moto import mock_aws
from moto.core.models import RESPONSES_METHODS, botocore_stubber

from chalicelib.bootstrap.services import Services
from chalicelib.domain.caller import Scope
from chalicelib.domain.messages import QueueMessage
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task import Task
from chalicelib.domain.task_types import TaskTypes
from chalicelib.domain.views import task_view
from chalicelib.services.runtime import Runtime
from chalicelib.settings import Settings
from infra.stacks.templates import DATA, load
from local.tokens import mint_token
from tests.support.aws_requests import REGION, moto_clients

#: The resources that the service uses. moto does not implement the others, such as log groups.
USED = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic")
STAGE = "test"
_RUNTIME_FIELDS = tuple(signature(Runtime).parameters)
#: HMAC keys; RFC 7518 requires at least the length of the hash.
SIGNING_KEY = "a key for cursors and tickets of tests"
TOKEN_KEY = "a key for the tokens that tests mint for themselves"
#: The time of the function of each lane.
INVOCATION_SECONDS = {"fast": 120.0, "long": 900.0}
#: The most steps of `drain`. Only a task type that snoozes for ever needs more.
STEPS = 1000
#: Loading botocore's service models takes most of a kit's time, so all kits share one loader.
_LOADER = create_loader()
# moto also patches the library `requests`, which no code here uses, at a thousand addresses for each kit.
RESPONSES_METHODS.clear()


@cache
def template() -> str:
    """The part of infra/stacks/data.yaml that the service needs, as JSON.

    It leaves out encryption, for which moto would make an RSA key, the slowest step of a kit. A tab comes
    first, which JSON allows and YAML does not: moto tries its slow YAML parser first, and that fails at once.
    """
    whole = load(DATA)
    used = {name: each for name, each in whole["Resources"].items() if each["Type"] in USED}
    for each in used.values():
        each["Properties"].pop("SSESpecification", None)
    return "\t" + json.dumps({**whole, "Resources": used})


def new_session() -> Session:
    """A botocore session for the AWS of a kit."""
    session = Session()
    session.register_component("data_loader", _LOADER)
    session.set_config_variable("region", REGION)
    return session


@cache
def shared_session() -> Session:
    """The botocore session that all kits share; the open kit answers its clients."""
    return new_session()


@cache
def _botocore_client(name: str) -> Any:
    return shared_session().create_client(name)


@contextmanager
def _one_request_at_a_time() -> Iterator[None]:
    """Serialize requests: DynamoDB checks a condition and writes atomically, and moto does not."""
    process, lock = botocore_stubber.process_request, RLock()

    def process_alone(request: Any) -> Any:
        with lock:
            return process(request)

    botocore_stubber.process_request = process_alone  # type: ignore[method-assign]
    try:
        yield
    finally:
        botocore_stubber.process_request = process  # type: ignore[method-assign]


#: Held while a kit is open.
_OPEN = Lock()


@contextmanager
def _only_kit() -> Iterator[None]:
    if not _OPEN.acquire(blocking=False):
        raise RuntimeError("another kit is open: close it first")
    try:
        yield
    finally:
        _OPEN.release()


class Clock:
    """A clock that moves only when a test moves it. Calling it returns the time, in UTC."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._lock = Lock()

    def __call__(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock `seconds` forward."""
        with self._lock:
            self._now += timedelta(seconds=seconds)

    def move_to(self, moment: datetime) -> None:
        """Move the clock forward to `moment`; a moment in the past changes nothing."""
        with self._lock:
            self._now = max(self._now, moment)


class Kit:
    """The service on its own AWS in memory, for one owner. Use it in a `with` statement."""

    owner = "default"

    def __init__(self, task_types: TaskTypes | None = None, **settings: Any) -> None:
        """`task_types` replaces those of `chalicelib/task_types/`; `settings` are fields of `Settings`."""
        self._task_types = task_types
        self.settings = Settings(stage=STAGE, **settings)
        self.clock = Clock(datetime.now(UTC).replace(microsecond=0))
        self.ended_processes = 0  #: how often a worker ended its process, after a run that did not stop
        self._exit = ExitStack()
        self._messages = 0

    def __enter__(self) -> Self:
        """Open the kit. Raises: RuntimeError if another kit is open."""
        with ExitStack() as opened:  # closed if a step fails
            opened.enter_context(_only_kit())
            self._open(opened)
            self._exit = opened.pop_all()
        return self

    def _open(self, opened: ExitStack) -> None:
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
        opened.enter_context(mock_aws())
        opened.enter_context(_one_request_at_a_time())
        self.client("cloudformation").create_stack(
            StackName=f"task-service-{STAGE}",
            TemplateBody=template(),
            Parameters=[{"ParameterKey": "Stage", "ParameterValue": STAGE}],
        )
        for name, key in (("signing-keys", SIGNING_KEY), ("token-keys", TOKEN_KEY)):
            self.client("ssm").put_parameter(
                Name=self.settings.parameter(name), Value=key, Type="SecureString"
            )
        self.services = self.new_services()

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def client(self, name: str) -> Any:
        """A botocore client of the kit's AWS, to inspect what the service stored and sent."""
        return _botocore_client(name)

    def token(self, *scopes: str, owner: str | None = None, **claims: Any) -> str:
        """An API token for `owner` (by default the kit's own) with `scopes` (by default all)."""
        return mint_token(TOKEN_KEY, owner or self.owner, scopes or tuple(Scope), self.clock(), **claims)

    def new_services(self, **options: Any) -> Services:
        """The services of another container on the same AWS; `options` are fields of Runtime or Services."""
        runtime: dict[str, Any] = {
            "clock": self.clock,
            "sleep": self.clock.advance,
            "random": lambda: 0.5,
            "exit_process": self._note_exit,
        }
        runtime |= {name: options.pop(name) for name in _RUNTIME_FIELDS if name in options}
        defaults = {
            "poll_seconds": 0,
            "task_types": self._task_types,
            "clients": moto_clients(self.settings.aws_sdk),
        }
        return Services(self.settings, runtime=Runtime(**runtime), **(defaults | options))

    def _note_exit(self) -> None:
        self.ended_processes += 1

    # --- Tasks ------------------------------------------------------------------------------------

    def create(self, type: str, payload: Any = None, **options: Any) -> dict[str, Any]:  # noqa: A002
        """Create a task, like `POST /tasks`, and do not run it. `options` are fields of `NewTask`."""
        new_task = NewTask(type=type, payload={} if payload is None else payload, **options)
        return task_view(self.services.task_creator.create(self.owner, new_task))

    def run(self, type: str, payload: Any = None, **options: Any) -> dict[str, Any]:  # noqa: A002
        """Create a task and run it to its end, with all retries and waits."""
        task = self.create(type, payload, **options)
        self.drain()
        return self.get(task["id"])

    def get(self, task_id: str) -> dict[str, Any]:
        """The task as it is now. Raises: NotFound."""
        return task_view(self.services.tasks.get(self.owner, task_id))

    def waiting(self) -> list[Task]:
        """The tasks that wait for their next run, by start."""
        return sorted((task for task in self._due() if task.waiting), key=lambda task: task.run_at)

    def drain(self) -> None:
        """Run all waiting tasks until none is left, and move the clock to each next start."""
        for _ in range(STEPS):
            waiting = self.waiting()
            if not waiting:
                return
            self.clock.move_to(waiting[0].run_at)
            for task in waiting:
                if task.run_at <= self.clock():
                    self.deliver(task)
        raise AssertionError(f"tasks still wait after {STEPS} steps; does a task type snooze for ever?")

    def deliver(self, task: Task | dict[str, Any]) -> list[str]:
        """Deliver the message of a task to a worker. Returns the message ids that SQS must keep."""
        lease = task.lease if isinstance(task, Task) else 0
        task_id = task.id if isinstance(task, Task) else task["id"]
        body = json.dumps({"owner": self.owner, "id": task_id, "lease": lease})
        name = task.type if isinstance(task, Task) else task["type"]
        return self.deliver_bodies(body, lane=self.services.task_types.lane_of(name))

    def deliver_bodies(self, *bodies: str, lane: str = "fast", seconds: float | None = None) -> list[str]:
        """Deliver messages to a worker of `lane` in one invocation. Returns the ids to keep.

        The invocation lasts `seconds`, by default the time of the lane's function.
        """
        messages = [self.message(body, lane) for body in bodies]
        seconds = INVOCATION_SECONDS[lane] if seconds is None else seconds
        return self.services.worker.run_batch(messages, lane, self.clock() + timedelta(seconds=seconds))

    def sweep(self) -> int:
        """Run the sweep once. Returns the number of tasks that it acted on."""
        return self.services.sweeper.sweep(self.clock() + timedelta(seconds=60))

    def message(self, body: str, lane: str) -> QueueMessage:
        """A received message of a lane's queue, whose visibility a worker can change."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=self.settings.resource(lane))["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=body)
        receipt = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"][0]["ReceiptHandle"]
        self._messages += 1
        return QueueMessage(message_id=f"message-{self._messages}", receipt_handle=receipt, body=body)

    def _due(self) -> Iterator[Task]:
        """The tasks in the due index: all live ones, and failed ones whose dead letter is not sent."""
        far = self.clock() + timedelta(days=3660)
        due = self.services.adapters.due_index
        for bucket in range(self.settings.due_buckets):
            for names in due.until(bucket, far):
                yield from self.services.adapters.task_table.get_many(names)
