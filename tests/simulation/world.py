"""A simulated stage: its functions, AWS around them, an owner and WebSocket clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

import app
from chalicelib.aws.sdk.transport import Response
from chalicelib.domain.caller import Scope
from chalicelib.domain.documents import Document
from chalicelib.domain.task import Task
from chalicelib.settings import Settings
from local.tokens import mint_token
from testing.kit import SIGNING_KEY, STAGE, TOKEN_KEY, new_session, template
from tests.simulation.browsers import Browser, Gateway
from tests.simulation.calls import SOCKETS_URL, Calls, connect
from tests.simulation.functions import Ended, Functions, moment
from tests.simulation.history import History
from tests.simulation.plans import SKEW, NoFaults
from tests.simulation.queues import SECOND, Message, Queue, Sqs
from tests.simulation.scheduler import Fiber, Scheduler
from tests.simulation.stream import ACCOUNT, Stream
from tests.simulation.users import Api, User
from tests.simulation.work import Work
from tests.support.aws_requests import REGION, AwsCall
from tests.support.lambda_events import schedule_event

OWNER = "ada"
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
TABLES = ("tasks", "documents", "connections", "rollups")
FAR = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())


@contextmanager
def stage() -> Iterator[None]:
    """The tables and parameters. All worlds of a process use them, one after the other."""
    settings = Settings(stage=STAGE)
    with ExitStack() as exit_stack:
        exit_stack.enter_context(mock_aws())
        session = new_session()
        session.create_client("cloudformation").create_stack(
            StackName=f"task-service-{STAGE}",
            TemplateBody=template(),
            Parameters=[{"ParameterKey": "Stage", "ParameterValue": STAGE}],
        )
        parameters = {"signing-keys": SIGNING_KEY, "token-keys": TOKEN_KEY, "websocket-endpoint": SOCKETS_URL}
        for name, value in parameters.items():
            session.create_client("ssm").put_parameter(
                Name=settings.parameter(name), Value=value, Type="SecureString"
            )
        yield


def table(settings: Settings, name: str) -> Any:
    """moto's own table."""
    return dynamodb_backends[ACCOUNT][REGION].get_table(settings.resource(name))


class World:
    """One run of a simulation."""

    def __init__(
        self,
        plan: NoFaults,
        *,
        report_failures: bool = True,
        trace: bool = False,
        **settings: Any,
    ) -> None:
        self.plan = plan
        self.trace: list[str] = []
        self.unrecognized: list[str] = []
        self.alerts: list[tuple[int, str]] = []
        self.browsers: list[Browser] = []
        self.settings = Settings(
            stage=STAGE, **{"task_buckets": 1, "due_buckets": 1, "log_level": "CRITICAL", **settings}
        )
        for name in TABLES:
            table(self.settings, name).items.clear()
        table(self.settings, "tasks").stream_shard.items.clear()
        self.scheduler = Scheduler()
        self.work = Work(self.scheduler)
        self.sqs = Sqs(self.scheduler, self.settings.resource(""), plan.chance)
        self.functions = Functions(self.scheduler, self.settings, self.work.types, plan.random, plan.skew)
        self.gateway = Gateway(self.scheduler, self.functions, plan.chance)
        self.calls = Calls(
            self.scheduler,
            plan,
            {"sqs": self.sqs.answer, "sns": self._publish, "apigatewaymanagementapi": self.gateway.answer},
        )
        self.stream = Stream(self.scheduler, self.functions, self.settings.resource("tasks"), plan.chance)
        self.api = Api(self.scheduler, self.functions)
        self.history = History(lambda: self.scheduler.now, lambda: self.calls.writer)
        self.token = mint_token(TOKEN_KEY, OWNER, tuple(Scope), moment(0), exp=FAR)
        self.user = User(self.scheduler, self.api, self.token)
        self.stream.seen = self._seen
        self.calls.after_write = self.stream.follow
        self.work.on_step = self.history.step
        if trace:
            self.calls.note = self.history.note = self._note
        connect(self.calls)
        self._script: Fiber | None = None
        self._report_failures = report_failures
        for queue, handler, most in ((self.sqs.fast, "run_tasks", 10), (self.sqs.long, "run_long_tasks", 1)):
            queue.on_arrival = self._poller(queue, handler, most)
        self._every(MINUTE, self._sweep_if_due)
        self._every(5 * MINUTE, self._watch_if_needed)
        self._every(MINUTE, self.remove_expired)

    # --- For scripts --------------------------------------------------------------------------------

    def browser(self, name: str = "browser", **query: str) -> Browser:
        """A WebSocket client that connects now."""
        browser = Browser(
            name,
            self.scheduler,
            self.gateway,
            list_tasks=lambda on_answer: self.api.send(
                "GET", "/tasks", self.token, on_answer, query={"limit": "100"}
            ),
            token=self.token,
            **({"watch": "all"} | query),
        )
        self.browsers.append(browser)
        browser.connect()
        return browser

    def now(self) -> datetime:
        """The time."""
        return moment(self.scheduler.now)

    def sweep(self) -> None:
        """Invoke the sweep now."""
        self._schedule("sweep", app.sweep)

    def watch_dead_letters(self) -> None:
        """Invoke the monitor now."""
        self._schedule("watch_dead_letters", app.watch_dead_letters)

    def remove_expired(self) -> None:
        """Delete rows past their `ttl`, as DynamoDB does."""
        tasks = table(self.settings, "tasks")
        for task in list(self.history.rows.values()):
            if task.ttl is not None and task.ttl <= moment(self.scheduler.now):
                tasks.delete_item(*_moto_key(tasks, task))
                self.calls.writer = "TTL"
                self.stream.follow()

    # --- Running ------------------------------------------------------------------------------------

    def run(self, script: Callable[[World, User], None]) -> None:
        """Run the script, let the world come to rest, then check that it stays at rest."""
        self._script = self.scheduler.start(self.user.process, lambda: script(self, self.user))
        if not self.scheduler.run(lambda: self._broken or self._script_done, 48 * HOUR):
            self.history.report_broken("the script does not end")
        if self._script.error is not None:
            raise self._script.error
        self.plan.over = True
        if not self.scheduler.run(lambda: self._broken or self.quiet, self.scheduler.now + 24 * HOUR):
            self.history.report_broken(f"the world does not come to rest: {self._unrest()}")
        for browser in self.browsers:
            browser.at_rest = dict(browser.tasks)  # before it connects anew and syncs
        if not self._broken:
            self._rest()

    def read(self, task_id: str) -> Task | None:
        """The task with its payload and result, read from moto's tables directly."""
        row = self.history.rows[task_id]
        items = _items(table(self.settings, "documents"), task_id)
        texts = {item.range_key.value: item.attrs for item in items}

        def filled(document: Document | None, name: str) -> Document | None:
            if document is None or not document.missing:
                return document
            return document.loaded(texts[name]["text"].value) if name in texts else document

        payload = filled(row.payload, "payload")
        assert payload is not None
        return replace(row, payload=payload, result=filled(row.result, f"result#{row.lease}"))

    def disturbed(self, function: str) -> bool:
        """Did a function have a fault or a failure, or did two of its invocations overlap?"""
        ends = [ended.good for name, ended in self.functions.ended if name.startswith(function)]
        return (
            not all(ends)
            or self.functions.overlapped[function]
            or any(call.function == function for call, _ in self.calls.troubles)
        )

    def send_unrecognized(self, body: str) -> None:
        """Send an unrecognized message to the fast lane's queue."""
        self.unrecognized.append(body)
        self.sqs.fast.send(body)

    def close(self) -> None:
        """Kill all processes."""
        self.scheduler.close()

    @property
    def _broken(self) -> bool:
        return bool(self.history.broken)

    @property
    def _script_done(self) -> bool:
        return self._script is not None and self._script.done

    @property
    def quiet(self) -> bool:
        """Is nothing left to do?"""
        return (
            self.functions.running == 0
            and self.calls.copies == 0
            and not any(queue.messages for queue in self.sqs.all)
            and self.stream.empty
            and all(row.due_at is None for row in self.history.rows.values())
            and self.history.due_besides_tasks is None
            and all(browser.settled for browser in self.browsers)
        )

    def _unrest(self) -> str:
        queues = {queue.name: len(queue.messages) for queue in self.sqs.all}
        rows = [task for task in self.history.rows.values() if task.due_at is not None]
        redrives = [key[-6:] for key, row in self.history.redrives.items() if "due_at" in row]
        return f"messages {queues}, due {[(task.id[-6:], task.status.value) for task in rows]}, " + (
            f"paused {list(self.history.paused_since)}, redrives {redrives}, "
            f"browsers {[browser.name for browser in self.browsers if not browser.settled]},"
            f" running {self.functions.running}"
        )

    def _rest(self) -> None:
        """Run for two more hours with sweep and monitor. Nothing may change."""
        before = self._activity()
        for _ in range(2):
            self.sweep()
            self.watch_dead_letters()
            self.scheduler.run(lambda: False, self.scheduler.now + HOUR)
        if self._activity() != before:
            self.history.report_broken(f"something goes on for good: {before} became {self._activity()}")

    def _activity(self) -> tuple[int, ...]:
        pushed = sum(
            call.operation == "PostToConnection" and call.function == "push_updates"
            for call in self.calls.made
        )
        return len(self.sqs.sent), pushed, self.history.writes, len(self.alerts)

    # --- Triggers -----------------------------------------------------------------------------------

    def _poller(self, queue: Queue, handler: str, most: int) -> Callable[[], None]:
        def poll() -> None:
            messages = queue.take(most)
            if not messages:
                return
            event = {"Records": [_sqs_record(message) for message in messages]}
            receipts = {message.id: message.receipt for message in messages}
            self.functions.invoke(
                handler,
                lambda context: getattr(app, handler)(event, context),
                lambda ended: self._acknowledge(queue, receipts, ended),
            )

        return lambda: self.scheduler.after(self.plan.latency(), poll)

    def _acknowledge(self, queue: Queue, receipts: dict[str, str], ended: Ended) -> None:
        """Delete the finished messages of a batch, as the event source mapping does."""
        if not ended.good:
            return
        failures = ended.value["batchItemFailures"] if self._report_failures else []
        kept = {each["itemIdentifier"] for each in failures}
        for message_id, receipt in receipts.items():
            message = None if message_id in kept else queue.delete(receipt)
            again = self.plan.chance("message delivered again")
            if message is not None and again:
                message.visible_at = self.scheduler.now + again
                queue.put(message)

    def _every(self, period: int, act: Callable[[], None]) -> None:
        def tick() -> None:
            act()
            self.scheduler.after(period, tick)

        self.scheduler.after(period, tick)

    def _sweep_if_due(self) -> None:
        """Invoke the sweep, unless no row is due: then it would do nothing."""
        soon = moment(self.scheduler.now + SKEW)
        due = [task.due_at for task in self.history.rows.values()] + [self.history.due_besides_tasks]
        if any(due_at is not None and due_at <= soon for due_at in due):
            self.sweep()
            again = self.plan.chance("sweep twice")
            if again:
                self.scheduler.after(again, self.sweep)

    def _watch_if_needed(self) -> None:
        if self.sqs.dead.messages:
            self.watch_dead_letters()
            again = self.plan.chance("monitor twice")
            if again:
                self.scheduler.after(again, self.watch_dead_letters)

    def _schedule(self, function: str, handler: Callable[[Any, Any], Any]) -> None:
        event = schedule_event(function)
        self.functions.invoke(function, lambda context: handler(event, context), lambda ended: None)

    # --- Simulated SNS, and notes ---------------------------------------------------------------------

    def _publish(self, request: AwsCall) -> Response:
        if request.operation == "CreateTopic":
            inner = f"<TopicArn>arn:aws:sns:us-east-1:{ACCOUNT}:{request.parameters['Name']}</TopicArn>"
        else:
            self.alerts.append((self.scheduler.now, request.parameters["Message"]))
            inner = "<MessageId>1</MessageId>"
        name = request.operation
        text = f"<{name}Response><{name}Result>{inner}</{name}Result></{name}Response>"
        return Response(200, text.encode())

    def _seen(self, record: dict[str, Any]) -> None:
        self.history.record(record)

    def _note(self, line: str) -> None:
        at = moment(self.scheduler.now) - moment(0)
        self.trace.append(f"{at / timedelta(seconds=1):10.3f} {line}")


def _sqs_record(message: Message) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.received)},
        "eventSource": "aws:sqs",
    }


def _items(of: Any, partition: str) -> list[Any]:
    everything = (item for items in of.items.values() for item in items.values())
    return [item for item in everything if item.hash_key.value == partition]


def _moto_key(tasks: Any, task: Any) -> tuple[Any, Any]:
    for by_sort_key in tasks.items.values():
        for item in by_sort_key.values():
            if item.range_key.value == task.id:
                return item.hash_key, item.range_key
    raise LookupError(task.id)
