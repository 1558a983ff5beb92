"""The transport between the handlers and AWS: numbers, delays, answers and breaks each request.

moto answers for DynamoDB and SSM; the simulation answers for SQS, SNS and the WebSocket API. The service's
own clients run above this transport, but without their retries. A plan plays those: a request whose response
was lost is sent twice, and a copy of it may arrive late.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.transport import Request, Response, Unreachable
from tests.simulation.scheduler import Process, Scheduler
from tests.support.aws_requests import ENVIRONMENT, AwsCall, Moto, OneByOne, parsed_call
from tests.support.partiql import OPERATION, failing

SOCKETS_URL = "https://sockets.example/test"


class Fault(StrEnum):
    """A fault of one request."""

    CRASH_BEFORE = "crash before"  #: the process dies before it sends the request
    CRASH_AFTER = "crash after"  #: the request is done, and it dies before the response arrives
    REFUSED = "refused"  #: AWS answers with a server error, after all retries
    THROTTLED = "throttled"  #: AWS throttles, after all retries
    NO_RESPONSE = "no response"  #: the request is done, but the SDK gives up waiting for the response
    PARTLY = "partly"  #: every other statement of a batch is throttled, the others are done
    TWICE = "twice"  #: the response is lost, and the SDK sends the request again
    LATE_COPY = "late copy"  #: a copy of the request arrives later
    FROZEN = "frozen"  #: the process is frozen for minutes before it sends the request


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
        """Does it change nothing?"""
        return self.operation.startswith(("Get", "Query", "BatchGet"))

    @property
    def batch(self) -> bool:
        """Does it hold several writes, each of which can fail alone?"""
        return self.operation == OPERATION

    @property
    def writes(self) -> bool:
        """Could a second copy of it change anything?"""
        return not self.operation.startswith(("Get", "Query", "BatchGet", "Receive", "CreateTopic"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A fault and its duration."""

    fault: Fault
    milliseconds: int = 0


class Plan(Protocol):
    """Decides which faults happen."""

    def trouble(self, call: Call) -> Trouble | None:
        """The trouble of `call`, if any."""

    def latency(self) -> int:
        """Milliseconds that a request or its response takes."""

    def chance(self, name: str) -> int:
        """Milliseconds for which the named event happens; 0 if it does not."""


Played = Callable[[AwsCall], Response]


class Calls:
    """The transport of all handlers."""

    def __init__(self, scheduler: Scheduler, plan: Plan, played: Mapping[str, Played]) -> None:
        self.made: list[Call] = []
        self.troubles: list[tuple[Call, Trouble]] = []
        self.writer: str = ""  #: the process whose request is running
        self.after_write: Callable[[], None] = lambda: None
        self.note: Callable[[str], None] = lambda line: None
        self.copies = 0  #: late copies still to arrive
        self.plan = plan
        self._scheduler = scheduler
        self._played = played
        self._moto = Moto()
        self._transactions: dict[str, Response] = {}
        self._answered: dict[str, Response] = {}  #: responses to eventually consistent reads, by request

    def handle(self, request: Request) -> Response:
        """The response to one request of the current fiber. Raises: Unreachable."""
        fiber = self._scheduler.current
        assert fiber is not None, f"{request.url} outside of any process"
        call = self._call(request, fiber.process)
        self.made.append(call)
        trouble = self.plan.trouble(call)
        if trouble is not None:
            self.troubles.append((call, trouble))
        self.note(f"{call}{f'  !!! {trouble.fault}' if trouble else ''}")
        self._before(trouble, fiber.process)
        answer = self._outcome(trouble, call, request)
        self._scheduler.sleep(self.plan.latency())
        if trouble is not None and trouble.fault is Fault.CRASH_AFTER:
            self._scheduler.kill(fiber.process)
        if trouble is not None and trouble.fault is Fault.NO_RESPONSE:
            raise Unreachable(request.url)
        return answer

    def _call(self, request: Request, process: Process) -> Call:
        parsed = parsed_call(request)
        return Call(
            number=len(self.made),
            process=process.name,
            function=process.name.partition("/")[0],
            service=parsed.service,
            operation=parsed.operation,
            body=request.body.decode(),
        )

    def _before(self, trouble: Trouble | None, process: Process) -> None:
        if trouble is not None and trouble.fault is Fault.CRASH_BEFORE:
            self._scheduler.kill(process)
        if trouble is not None and trouble.fault is Fault.FROZEN:
            process.frozen_until = self._scheduler.now + trouble.milliseconds
        self._scheduler.sleep(self.plan.latency())

    def _outcome(self, trouble: Trouble | None, call: Call, request: Request) -> Response:
        fault = None if trouble is None else trouble.fault
        if fault is Fault.REFUSED:
            return failure(500, "InternalServerError", call.service)
        if fault is Fault.THROTTLED:
            return failure(400, "ThrottlingException", call.service)
        if fault is Fault.PARTLY:
            statements = range(len(json.loads(call.body)["Statements"]))
            request = failing(request, dict.fromkeys(statements[::2], "ThrottlingError"))
        answer = self._do(call, request)
        if fault is Fault.TWICE:
            assert trouble is not None
            self._scheduler.sleep(trouble.milliseconds)
            answer = self._do(call, request)
        if fault is Fault.LATE_COPY:
            assert trouble is not None
            self.copies += 1
            self._scheduler.after(trouble.milliseconds, lambda: self._copy(call, request))
        return answer

    def _copy(self, call: Call, request: Request) -> None:
        self.copies -= 1
        self.note(f"late copy of {call}")
        self._do(call, request)

    def _do(self, call: Call, request: Request) -> Response:
        """Send the request to moto or to the simulated service."""
        self.writer = call.process
        played = self._played.get(call.service)
        if played is not None:
            return played(parsed_call(request))
        body = json.loads(call.body)
        token = body.get("ClientRequestToken") if "Transact" in call.operation else None
        if token in self._transactions:
            return self._transactions[token]
        eventual = call.operation in ("Query", "GetItem") and not body.get("ConsistentRead")
        question = _question(body) if eventual else ""
        if question in self._answered and self.plan.chance("read old"):
            self.note("    answered with an old read")
            return self._answered[question]
        answer = self._moto.send(request)
        if token is not None and answer.status == 200:
            self._transactions[token] = answer
        if eventual:
            self._answered[question] = answer
        self.after_write()
        return answer


def _question(body: dict[str, Any]) -> str:
    """The same text for the same read, at any time."""
    values = dict(body.get("ExpressionAttributeValues", {}))
    for name in (":now", ":moment"):
        values.pop(name, None)
    return json.dumps({**body, "ExpressionAttributeValues": values}, sort_keys=True)


def answer_json(body: Any) -> Response:
    """A response with status 200."""
    return Response(200, json.dumps(body).encode())


def failure(status: int, code: str, service: str) -> Response:
    """An error response, in the format of a service."""
    if service == "sns":
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>played</Message></Error></ErrorResponse>"
        return Response(status, text.encode())
    return Response(status, json.dumps({"__type": code, "message": "played"}).encode())


# --- The clients, shared by all worlds -------------------------------------------------------------

_open: list[Calls] = []


def connect(calls: Calls) -> None:
    """Send all requests of the clients to `calls` from now on."""
    _open[:] = [calls]


class _Open(OneByOne):
    """Sends requests to the current world."""

    def send(self, request: Request) -> Response:
        """The response of the current world."""
        return _open[0].handle(request)


@cache
def clients() -> Clients:
    """Clients without retries, whose requests go to the current world."""
    return Clients(ENVIRONMENT, transport=_Open(), attempts=1)
