"""The wire between the service and AWS: a test reads along, cuts in, and loses what is on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from chalicelib.aws.sdk.client import error_type
from chalicelib.aws.sdk.transport import Request, Response, Unreachable
from chalicelib.bootstrap.services import Services
from tests.support.aws_requests import Asked, MotoClients, Send, asked
from tests.support.partiql import OPERATION, failing

Parameters = Mapping[str, Any]
_READ = frozenset({"dynamodb", "sqs", "sns"})


class Crash(BaseException):
    """The function died here. Nothing catches it, as nothing catches a killed process."""


class Wire:
    """Everything that one container says to DynamoDB, SQS and SNS.

    What a test asks for happens once, at the next request that fits.
    """

    def __init__(self, services: Services) -> None:
        self.requests: list[tuple[str, Parameters]] = []  #: (operation, parameters), in order
        self._lock = Lock()
        self._cuts: list[tuple[str, Callable[[Parameters], bool], Callable[[], None]]] = []
        self._losses: list[str] = []
        self._failures: list[tuple[str, Callable[[Parameters], bool]]] = []
        self.receipts: list[str] = []  #: of the messages that were received
        assert isinstance(services.adapters.clients, MotoClients)
        services.adapters.clients.line.taps.append(self._pass)

    # --- What a test asks for ---------------------------------------------------------------------

    def before(
        self, operation: str, act: Callable[[], Any], when: Callable[[Parameters], bool] = lambda _: True
    ) -> None:
        """Call `act` just before the next `operation` whose parameters fit `when`."""
        with self._lock:
            self._cuts.append((operation, when, act))

    def crash_before(self, operation: str, when: Callable[[Parameters], bool] = lambda _: True) -> None:
        """Let the function die just before it sends the next `operation`."""
        self.before(operation, _raiser(Crash(operation)), when)

    def refuse(self, operation: str, when: Callable[[Parameters], bool] = lambda _: True) -> None:
        """Let AWS answer the next `operation` with an error, after all retries."""
        code = "InternalServerError"
        self.before(operation, _raiser(error_type(code)(operation, code, 500, {})), when)

    def lose_reply(self, operation: str) -> None:
        """Let the next `operation` happen, but its reply get lost: the SDK sends the request again."""
        with self._lock:
            self._losses.append(operation)

    def fail_statement(self, code: str, when: Callable[[Parameters], bool] = lambda _: True) -> None:
        """Let the next statement that fits fail with `code`, in a batch whose others are done."""
        with self._lock:
            self._failures.append((code, when))

    # --- What a test looks at ---------------------------------------------------------------------

    def sent(self, operation: str) -> list[Parameters]:
        """The parameters of each request of an operation."""
        return [parameters for name, parameters in self.requests if name == operation]

    def counts(self) -> dict[str, int]:
        """How many requests each operation had."""
        names = [name for name, _ in self.requests]
        return {name: names.count(name) for name in sorted(set(names))}

    def forget(self) -> None:
        """Start counting anew."""
        self.requests.clear()

    # --- On the line ------------------------------------------------------------------------------

    def _pass(self, request: Request, send: Send) -> Response:
        found = asked(request)
        if found.service not in _READ:
            return send(request)
        for act in self._noted(found):
            act()
        if found.operation == OPERATION:
            request = failing(request, dict(self._failing(found.parameters["Statements"])))
        response = send(request)
        with self._lock:
            if found.operation in self._losses:
                self._losses.remove(found.operation)
                raise Unreachable("lost")
        if found.operation == "ReceiveMessage":
            received = json.loads(response.body).get("Messages", [])
            self.receipts += [message["ReceiptHandle"] for message in received]
        return response

    def _noted(self, found: Asked) -> list[Callable[[], None]]:
        """Note a request; what a test wants done before it."""
        with self._lock:
            self.requests.append((found.operation, found.parameters))
            fitting = [cut for cut in self._cuts if cut[0] == found.operation and cut[1](found.parameters)]
            for cut in fitting[:1]:
                self._cuts.remove(cut)
        return [act for _, _, act in fitting[:1]]

    def _failing(self, statements: Sequence[Parameters]) -> Iterator[tuple[int, str]]:
        """Which statements fail now, and how."""
        with self._lock:
            for index, statement in enumerate(statements):
                for failure in [each for each in self._failures if each[1](statement)][:1]:
                    self._failures.remove(failure)
                    yield index, failure[0]


def _raiser(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act
