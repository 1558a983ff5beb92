"""Records the requests of the service to AWS, and injects actions, errors and lost replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from chalicelib.aws.sdk.transport import Request, Response, Unreachable
from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import Outage
from tests.support.aws_requests import AwsCall, MotoBoto3Clients, MotoClients, Send, parsed_call
from tests.support.partiql import OPERATION, failing

Parameters = Mapping[str, Any]
_READ = frozenset({"dynamodb", "sqs", "sns"})


class Crash(BaseException):
    """The Lambda function was killed here. No code catches this."""


class Wire:
    """The requests of one container to DynamoDB, SQS and SNS.

    An injected action happens once, at the next request that matches.
    """

    def __init__(self, services: Services) -> None:
        self.requests: list[tuple[str, Parameters]] = []  #: (operation, parameters), in order
        self._lock = Lock()
        self._cuts: list[tuple[str, Callable[[Parameters], bool], Callable[[], None]]] = []
        self._losses: list[str] = []
        self._failures: list[tuple[str, Callable[[Parameters], bool]]] = []
        self.receipts: list[str] = []  #: of the messages that were received
        assert isinstance(services.adapters.clients, MotoClients | MotoBoto3Clients)
        services.adapters.clients.line.taps.append(self._pass)

    # --- Injections -------------------------------------------------------------------------------

    def before(
        self, operation: str, act: Callable[[], Any], when: Callable[[Parameters], bool] = lambda _: True
    ) -> None:
        """Call `act` just before the next `operation` whose parameters match `when`."""
        with self._lock:
            self._cuts.append((operation, when, act))

    def crash_before(self, operation: str, when: Callable[[Parameters], bool] = lambda _: True) -> None:
        """Kill the function just before it sends the next `operation`."""
        self.before(operation, _raiser(Crash(operation)), when)

    def refuse(self, operation: str, when: Callable[[Parameters], bool] = lambda _: True) -> None:
        """Make AWS answer the next `operation` with an error, after all retries."""
        self.before(operation, _raiser(Outage(operation)), when)

    def lose_reply(self, operation: str) -> None:
        """Execute the next `operation` and lose its reply: the SDK sends the request again."""
        with self._lock:
            self._losses.append(operation)

    def fail_statement(self, code: str, when: Callable[[Parameters], bool] = lambda _: True) -> None:
        """Make the next matching statement of a batch fail with `code`; the others succeed."""
        with self._lock:
            self._failures.append((code, when))

    # --- Recorded requests ------------------------------------------------------------------------

    def sent(self, operation: str) -> list[Parameters]:
        """The parameters of each request of an operation."""
        return [parameters for name, parameters in self.requests if name == operation]

    def counts(self) -> dict[str, int]:
        """The number of requests by operation."""
        names = [name for name, _ in self.requests]
        return {name: names.count(name) for name in sorted(set(names))}

    def forget(self) -> None:
        """Forget the recorded requests."""
        self.requests.clear()

    # --- On the line ------------------------------------------------------------------------------

    def _pass(self, request: Request, send: Send) -> Response:
        call = parsed_call(request)
        if call.service not in _READ:
            return send(request)
        for act in self._recorded(call):
            act()
        if call.operation == OPERATION:
            request = failing(request, dict(self._failing(call.parameters["Statements"])))
        response = send(request)
        with self._lock:
            if call.operation in self._losses:
                self._losses.remove(call.operation)
                raise Unreachable("lost")
        if call.operation == "ReceiveMessage":
            received = json.loads(response.body).get("Messages", [])
            self.receipts += [message["ReceiptHandle"] for message in received]
        return response

    def _recorded(self, call: AwsCall) -> list[Callable[[], None]]:
        """Record a request and return the actions to take before it."""
        with self._lock:
            self.requests.append((call.operation, call.parameters))
            matching = [cut for cut in self._cuts if cut[0] == call.operation and cut[1](call.parameters)]
            for cut in matching[:1]:
                self._cuts.remove(cut)
        return [act for _, _, act in matching[:1]]

    def _failing(self, statements: Sequence[Parameters]) -> Iterator[tuple[int, str]]:
        """The index and error code of each statement that must fail."""
        with self._lock:
            for index, statement in enumerate(statements):
                for failure in [each for each in self._failures if each[1](statement)][:1]:
                    self._failures.remove(failure)
                    yield index, failure[0]


def _raiser(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act
