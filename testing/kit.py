"""Test your own task types: run them on the real worker, tables and queues, in memory and in no time.

    from testing.kit import Kit

    def test_greets():
        with Kit() as kit:
            task = kit.run("demo.greet", {"name": "Ada"})
            assert task["status"] == "succeeded"
            assert task["result"] == "Hello, Ada"

AWS is moto, the stack is infra/stacks/data.yaml, and time stands still until a test moves it: a task that
waits an hour for its retry is run as soon as `drain` has moved the clock there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
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
from tests.support.aws_requests import REGION, MotoClients

#: What the service speaks to. moto knows nothing of the rest (logs, queue policies).
USED = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic")
STAGE = "test"
RUNTIME = tuple(each.name for each in fields(Runtime))
#: HMAC keys as long as their hash, as RFC 7518 wants.
SIGNING_KEY = "a key for cursors and tickets of tests"
TOKEN_KEY = "a key for the tokens that tests mint for themselves"
#: Nothing shipped runs longer than this many steps of `drain`; a task type that snoozes for good would.
STEPS = 1000
#: Reading botocore's service models is most of the time that a kit takes: all kits share one reading.
_LOADER = create_loader()
#: moto also listens to `requests`, which nothing here uses, at a thousand addresses that each kit would add.
RESPONSES_METHODS.clear()


@cache
def template() -> str:
    """infra/stacks/data.yaml, as far as the service needs it.

    Without encryption: the RSA key that moto makes for it is most of a kit's time. With a tab, which JSON
    allows and YAML does not: moto tries its slow YAML reader first, which so gives up at once.
    """
    whole = load(DATA)
    used = {name: each for name, each in whole["Resources"].items() if each["Type"] in USED}
    for each in used.values():
        each["Properties"].pop("SSESpecification", None)
    return "\t" + json.dumps({**whole, "Resources": used})


def new_session() -> Session:
    """A session for the AWS of a kit."""
    session = Session()
    session.register_component("data_loader", _LOADER)
    session.set_config_variable("region", REGION)
    return session


@cache
def shared_session() -> Session:
    """One session for all kits, whose clients are answered by the AWS of the kit that is open."""
    return new_session()


@cache
def _plain_client(name: str) -> Any:
    """A client for all kits."""
    return shared_session().create_client(name)


@contextmanager
def _one_request_at_a_time() -> Iterator[None]:
    """DynamoDB checks a condition and writes in one step; in moto, another thread can come in between."""
    answer, lock = botocore_stubber.process_request, RLock()

    def answer_alone(request: Any) -> Any:
        with lock:
            return answer(request)

    botocore_stubber.process_request = answer_alone  # type: ignore[method-assign]
    try:
        yield
    finally:
        botocore_stubber.process_request = answer  # type: ignore[method-assign]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._lock = Lock()

    def __call__(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move `seconds` on."""
        with self._lock:
            self._now += timedelta(seconds=seconds)

    def move_to(self, moment: datetime) -> None:
        """Move on to `moment`; never back."""
        with self._lock:
            self._now = max(self._now, moment)


class Kit:
    """The service on an AWS of its own, for one owner, with a clock to move."""

    owner = "default"

    def __init__(self, task_types: TaskTypes | None = None, **settings: Any) -> None:
        self._task_types = task_types
        self.settings = Settings(stage=STAGE, **settings)
        self.clock = Clock(datetime.now(UTC).replace(microsecond=0))
        self.ended_processes = 0
        self._exit = ExitStack()
        self._messages = 0

    def __enter__(self) -> Self:
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
        self._exit.enter_context(mock_aws())
        self._exit.enter_context(_one_request_at_a_time())
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
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def client(self, name: str) -> Any:
        """A plain client of the kit's AWS, for a look behind the scenes."""
        return _plain_client(name)

    def token(self, *scopes: str, owner: str | None = None, **claims: Any) -> str:
        """A token for `owner` (the kit's own) with `scopes` (all)."""
        chosen = scopes or tuple(Scope)
        return mint_token(TOKEN_KEY, owner or self.owner, chosen, self.clock(), **claims)

    def new_services(self, **differing: Any) -> Services:
        """The services of another container, on the same AWS; what is not `differing` is the same, too."""
        runtime: dict[str, Any] = {
            "clock": self.clock,
            "sleep": self.clock.advance,
            "random": lambda: 0.5,
            "exit_process": self._note_exit,
        }
        runtime |= {name: differing.pop(name) for name in RUNTIME if name in differing}
        others = {"poll_seconds": 0, "task_types": self._task_types, "clients": MotoClients()}
        return Services(self.settings, runtime=Runtime(**runtime), **(others | differing))

    def _note_exit(self) -> None:
        self.ended_processes += 1

    # --- What a user's test needs -----------------------------------------------------------------

    def create(self, type: str, payload: Any = None, **options: Any) -> dict[str, Any]:  # noqa: A002
        """Create a task as `POST /tasks` does, without running it: the public task."""
        wanted = NewTask(type=type, payload={} if payload is None else payload, **options)
        return task_view(self.services.tasks.create(self.owner, wanted))

    def run(self, type: str, payload: Any = None, **options: Any) -> dict[str, Any]:  # noqa: A002
        """Create a task and run it to its end, retries and waits included: the public task."""
        task = self.create(type, payload, **options)
        self.drain()
        return self.get(task["id"])

    def get(self, task_id: str) -> dict[str, Any]:
        """The public task as it is now."""
        return task_view(self.services.tasks.get(self.owner, task_id))

    def waiting(self) -> list[Task]:
        """The tasks that have yet to start, the next first."""
        return sorted((task for task in self._live() if task.waiting), key=lambda task: task.run_at)

    def drain(self) -> None:
        """Run whatever waits until nothing does, moving the clock to each next start."""
        for _ in range(STEPS):
            waiting = self.waiting()
            if not waiting:
                return
            self.clock.move_to(waiting[0].run_at)
            for task in waiting:
                if task.run_at <= self.clock():
                    self.deliver(task)
        raise AssertionError(f"tasks still wait after {STEPS} steps; does a task type snooze for good?")

    def deliver(self, task: Task | dict[str, Any]) -> list[str]:
        """Hand a task's message to a worker; the message ids that it wants kept."""
        lease = task.lease if isinstance(task, Task) else 0
        task_id = task.id if isinstance(task, Task) else task["id"]
        body = json.dumps({"owner": self.owner, "id": task_id, "lease": lease})
        return self.deliver_bodies(body)

    def deliver_bodies(self, *bodies: str, lane: str = "fast", seconds: float = 120) -> list[str]:
        """Hand messages to a worker in one batch of an invocation that lasts `seconds`."""
        messages = [self.message(body, lane) for body in bodies]
        return self.services.worker.run_batch(messages, lane, self.clock() + timedelta(seconds=seconds))

    def sweep(self) -> int:
        """Run the sweep once; the number of tasks that it acted on."""
        return self.services.sweeper.sweep(self.clock() + timedelta(seconds=60))

    def message(self, body: str, lane: str) -> QueueMessage:
        """A message in flight: its receipt is good, so that the worker may change its visibility."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=self.settings.resource(lane))["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=body)
        receipt = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"][0]["ReceiptHandle"]
        self._messages += 1
        return QueueMessage(message_id=f"message-{self._messages}", receipt_handle=receipt, body=body)

    # --- The pieces -------------------------------------------------------------------------------

    def _live(self) -> Iterator[Task]:
        """Everything in the due index: all live tasks, and deaths whose dead letter is unsent."""
        far = self.clock() + timedelta(days=3660)
        due = self.services.adapters.due_index
        for bucket in range(self.settings.due_buckets):
            for names in due.until(bucket, far):
                yield from self.services.adapters.task_table.get_many(names)
