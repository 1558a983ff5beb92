"""Everything that the handlers say to AWS: numbered, delayed, answered, and broken as a plan wants.

DynamoDB and SSM are moto; SQS, SNS and the WebSocket API are played by the simulation. The hooks sit where
botocore would send a request, behind all code of the service and of the SDK but its own retries, which a
plan plays: a request whose answer was lost is sent twice, and a copy of it may come late.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.models import botocore_stubber

from chalicelib.aws.clients import Clients
from tests.kit import new_session
from tests.partiql import FAILING, OPERATION, answering
from tests.simulation.scheduler import Process, Scheduler

SOCKETS_URL = "https://sockets.example/test"


class Fault(StrEnum):
    """What can go wrong with one request."""

    CRASH_BEFORE = "crash before"  #: the process dies before it sends the request
    CRASH_AFTER = "crash after"  #: the request is done, and the process dies before it hears so
    REFUSED = "refused"  #: AWS answers with a server error, after all retries
    THROTTLED = "throttled"  #: AWS answers "later", after all retries
    UNHEARD = "unheard"  #: the request is done, but the SDK gives up waiting for the answer
    PARTLY = "partly"  #: every other statement of a batch is answered "later", the others are done
    TWICE = "twice"  #: the answer is lost, and the SDK sends the request again
    LATE_COPY = "late copy"  #: a copy of the request arrives once more, later
    FROZEN = "frozen"  #: the process stands still for minutes before it sends the request


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request of a handler."""

    number: int
    process: str
    function: str
    service: str
    operation: str
    body: str

    def __str__(self) -> str:
        return f"#{self.number} {self.process} {self.service}.{self.operation}"

    @property
    def reads(self) -> bool:
        """Does it leave everything as it is?"""
        return self.operation.startswith(("Get", "Query", "BatchGet"))

    @property
    def batch(self) -> bool:
        """Is it several writes, each of which may fail by itself?"""
        return self.operation == OPERATION

    @property
    def writes(self) -> bool:
        """Could a second copy of it change anything?"""
        return not self.operation.startswith(("Get", "Query", "BatchGet", "Receive", "CreateTopic"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A fault, and how long it takes."""

    fault: Fault
    milliseconds: int = 0


class Plan(Protocol):
    """Decides what goes wrong."""

    def trouble(self, call: Call) -> Trouble | None:
        """What goes wrong with `call`, if anything."""

    def latency(self) -> int:
        """Milliseconds that a request, or its answer, is on its way."""

    def chance(self, name: str) -> int:
        """Does this happen, and if so for how many milliseconds?"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What AWS says to a request."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class _Raw:
    """The body of a response, as urllib3 would give it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Any:
        yield self._body


Played = Callable[[str, Any], Answer]


class Calls:
    """The one wire between all handlers and AWS."""

    def __init__(self, scheduler: Scheduler, plan: Plan, played: Mapping[str, Played]) -> None:
        self.made: list[Call] = []
        self.troubles: list[tuple[Call, Trouble]] = []
        self.writer: str = ""  #: the process whose request is being done
        self.after_write: Callable[[], None] = lambda: None
        self.note: Callable[[str], None] = lambda line: None
        self.copies = 0  #: requests that will arrive once more
        self.plan = plan
        self._scheduler = scheduler
        self._played = played
        self._transactions: dict[str, Answer] = {}
        self._answered: dict[str, Answer] = {}  #: reads that need not be consistent, by what they asked

    def handle(self, event_name: str, request: Any) -> AWSResponse:
        """Do one request of the fiber at hand; what AWS answers. Raises: what the SDK would."""
        fiber = self._scheduler.current
        assert fiber is not None, f"{event_name} outside of any process"
        call = self._call(event_name, request, fiber.process)
        self.made.append(call)
        trouble = self.plan.trouble(call)
        if trouble is not None:
            self.troubles.append((call, trouble))
        self.note(f"{call}{f'  !!! {trouble.fault}' if trouble else ''}")
        self._before(trouble, fiber.process)
        answer = self._outcome(trouble, call, event_name, request)
        self._scheduler.sleep(self.plan.latency())
        if trouble is not None and trouble.fault is Fault.CRASH_AFTER:
            self._scheduler.kill(fiber.process)
        if trouble is not None and trouble.fault is Fault.UNHEARD:
            raise ReadTimeoutError(endpoint_url=request.url)
        return AWSResponse(request.url, answer.status, dict(answer.headers), _Raw(answer.body))

    def _call(self, event_name: str, request: Any, process: Process) -> Call:
        _, service, operation = event_name.split(".")
        body = request.body
        return Call(
            number=len(self.made),
            process=process.name,
            function=process.name.partition("/")[0],
            service=service,
            operation=operation,
            body=body.decode() if isinstance(body, bytes) else str(body or ""),
        )

    def _before(self, trouble: Trouble | None, process: Process) -> None:
        if trouble is not None and trouble.fault is Fault.CRASH_BEFORE:
            self._scheduler.kill(process)
        if trouble is not None and trouble.fault is Fault.FROZEN:
            process.frozen_until = self._scheduler.now + trouble.milliseconds
        self._scheduler.sleep(self.plan.latency())

    def _outcome(self, trouble: Trouble | None, call: Call, event_name: str, request: Any) -> Answer:
        fault = None if trouble is None else trouble.fault
        if fault is Fault.REFUSED:
            return failure(500, "InternalServerError", call.service)
        if fault is Fault.THROTTLED:
            return failure(400, "ThrottlingException", call.service)
        if fault is Fault.PARTLY:
            statements = range(len(json.loads(call.body)["Statements"]))
            request.headers[FAILING] = json.dumps(dict.fromkeys(statements[::2], "ThrottlingError"))
        answer = self._do(call, event_name, request)
        if fault is Fault.TWICE:
            assert trouble is not None
            self._scheduler.sleep(trouble.milliseconds)
            answer = self._do(call, event_name, request)
        if fault is Fault.LATE_COPY:
            assert trouble is not None
            self.copies += 1
            self._scheduler.after(trouble.milliseconds, lambda: self._copy(call, event_name, request))
        return answer

    def _copy(self, call: Call, event_name: str, request: Any) -> None:
        self.copies -= 1
        self.note(f"late copy of {call}")
        self._do(call, event_name, request)

    def _do(self, call: Call, event_name: str, request: Any) -> Answer:
        """Let AWS act."""
        self.writer = call.process
        played = self._played.get(call.service)
        if played is not None:
            argument = request.url if call.service == "apigatewaymanagementapi" else call.body
            return played(call.operation, (argument, call.body))
        wanted = json.loads(call.body)
        token = wanted.get("ClientRequestToken") if "Transact" in call.operation else None
        if token in self._transactions:
            return self._transactions[token]
        eventual = call.operation in ("Query", "GetItem") and not wanted.get("ConsistentRead")
        question = _question(wanted) if eventual else ""
        if question in self._answered and self.plan.chance("read old"):
            self.note("    answered with what was")
            return self._answered[question]
        response = answering(botocore_stubber.process_request)(request)
        assert response is not None
        status, headers, text = response
        answer = Answer(status, text if isinstance(text, bytes) else text.encode(), headers)
        if token is not None and answer.status == 200:
            self._transactions[token] = answer
        if eventual:
            self._answered[question] = answer
        self.after_write()
        return answer


def _question(wanted: dict[str, Any]) -> str:
    """What a read asks for, whenever it asks."""
    values = dict(wanted.get("ExpressionAttributeValues", {}))
    for name in (":now", ":moment"):
        values.pop(name, None)
    return json.dumps({**wanted, "ExpressionAttributeValues": values}, sort_keys=True)


def answer_json(body: Any) -> Answer:
    """A good answer."""
    return Answer(200, json.dumps(body).encode(), {"content-type": "application/x-amz-json-1.0"})


def failure(status: int, code: str, service: str) -> Answer:
    """An error, in the words of a service."""
    if service == "sns":
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>played</Message></Error></ErrorResponse>"
        return Answer(status, text.encode(), {"content-type": "text/xml"})
    body = json.dumps({"__type": code, "message": "played"}).encode()
    return Answer(status, body, {"content-type": "application/json", "x-amzn-ErrorType": code})


# --- The SDK's clients, made once for all worlds ---------------------------------------------------

_open: list[Calls] = []


def connect(calls: Calls) -> None:
    """Let the clients speak through `calls` from now on."""
    _open[:] = [calls]


@cache
def clients() -> Clients:
    """Clients whose requests are handled by the world that is open."""
    made = Clients(new_session=new_session)
    for each in (made.dynamodb, made.sqs, made.sns, made.ssm):
        _hook(each)
    sockets = made.websocket(SOCKETS_URL)
    _hook(sockets)
    made.websocket = lambda endpoint_url: sockets  # type: ignore[method-assign]
    return made


def _hook(client: Any) -> None:
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.unregister("before-send", botocore_stubber)
    client.meta.events.register(f"before-send.{service}", _handle)
    client.meta.events.unregister(f"needs-retry.{service}", unique_id=f"retry-config-{service}")


def _handle(request: Any, event_name: str, **_: Any) -> AWSResponse:
    return _open[0].handle(event_name, request)
