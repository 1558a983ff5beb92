"""The wire between the service and AWS: a test reads along, cuts in, and loses what is on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError
from moto.core.models import botocore_stubber

from chalicelib.bootstrap import Services
from tests.partiql import FAILING, OPERATION

Parameters = Mapping[str, Any]


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
        for client in (services.clients.dynamodb, services.clients.sqs, services.clients.sns):
            service = client.meta.service_model.service_id.hyphenize()
            client.meta.events.register_last(f"before-parameter-build.{service}", self._pass)
            client.meta.events.register_first(f"before-send.{service}", self._deliver)
            client.meta.events.register_last(f"after-call.{service}.ReceiveMessage", self._note_receipts)

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
        answer = {
            "Error": {"Code": "InternalServerError", "Message": "scripted"},
            "ResponseMetadata": {"HTTPStatusCode": 500},
        }
        self.before(operation, _raiser(ClientError(answer, operation)), when)  # type: ignore[arg-type]

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

    # --- Hooks of botocore ------------------------------------------------------------------------

    def _pass(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        with self._lock:
            self.requests.append((model.name, dict(params)))
            found = [cut for cut in self._cuts if cut[0] == model.name and cut[1](params)][:1]
            for cut in found:
                self._cuts.remove(cut)
        for _operation, _when, act in found:
            act()

    def _note_receipts(self, parsed: Mapping[str, Any], **_: Any) -> None:
        self.receipts += [message["ReceiptHandle"] for message in parsed.get("Messages", [])]

    def _deliver(self, request: Any, event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        with self._lock:
            lost = operation in self._losses
            if lost:
                self._losses.remove(operation)
        if lost:
            botocore_stubber(event_name, request)
            raise ConnectionClosedError(endpoint_url=request.url)
        if operation == OPERATION:
            codes = dict(self._failing(json.loads(request.body)["Statements"]))
            request.headers[FAILING] = json.dumps(codes)

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
