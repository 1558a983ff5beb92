"""Compares the AWS calls of each function in the functional tests with infra/iam/calls.json.

A call that is not in the file fails its test, because no policy allows it. A call in the file that no test
makes fails a run of the whole functional suite, because policies allow it without need. `make policies`
records the calls again.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

import pytest
from botocore import xform_name

from chalicelib.aws.sdk.transport import Request, Response
from chalicelib.settings import APP_NAME
from infra.iam.policies import CALLS_FILE, recorded_calls
from testing.kit import STAGE
from tests.support.aws_requests import AwsCall, MotoBoto3Clients, MotoClients, Send, moto_clients, parsed_call

#: (function, service, method, resource)
Call = tuple[str, str, str, str]

REMEDY: Final = """\
If this is intended, record the calls and write the policies again: make policies
(A test's own calls while a function runs belong to another container: kit.new_services().)"""
_OWN: Final = (f"/{APP_NAME}/{STAGE}/", f"{APP_NAME}-{STAGE}-")


class Calls:
    """The calls of one container, by the function that is running."""

    def __init__(self) -> None:
        self.calls: set[Call] = set()
        self._running: list[str] = []
        self._lock = Lock()

    def clients(self, sdk: str = "own") -> MotoClients | MotoBoto3Clients:
        """Clients of an SDK, whose calls are recorded."""
        clients = moto_clients(sdk)
        clients.line.taps.append(self._note)
        return clients

    @contextmanager
    def of(self, function: str) -> Iterator[None]:
        """Attribute the calls inside the block to `function`."""
        with self._lock:
            self._running.append(function)
        try:
            yield
        finally:
            with self._lock:
                self._running.remove(function)

    def _note(self, request: Request, send: Send) -> Response:
        call = parsed_call(request)
        with self._lock:
            if self._running:
                self.calls |= {(self._running[-1], call.service, *part) for part in _parts(call)}
        return send(request)


def _parts(call: AwsCall) -> list[tuple[str, str]]:
    """The (method, resource) pairs that IAM checks. It checks each part of a transaction."""
    method = xform_name(call.operation)
    match call.parameters:
        case {"TransactItems": items}:
            parts = [part for item in items for part in item.items()]
            return [(f"transact_{xform_name(kind)}", _resource(method, what)) for kind, what in parts]
        case {"Statements": statements}:
            return [_of_statement(each["Statement"]) for each in statements]
        case {"RequestItems": tables}:
            return [(method, _short(table)) for table in tables]
        case _:
            return [(method, _resource(method, call.parameters))]


def _of_statement(text: str) -> tuple[str, str]:
    verb, table = text.split(maxsplit=1)[0].lower(), text.split('"')[1]
    return f"partiql_{verb}", _short(table)


def _resource(method: str, params: dict[str, Any]) -> str:
    match params:
        case {"TableName": table, "IndexName": index}:
            return f"{_short(table)}/index/{index}"
        case {"TableName": name} | {"QueueName": name} | {"Name": name}:
            return _short(name)
        case {"QueueUrl": address} | {"TopicArn": address}:
            return _short(re.split("[/:]", address)[-1])
        case {"ConnectionId": _}:
            return {"post_to_connection": "POST", "delete_connection": "DELETE"}[method]
        case _:
            raise AssertionError(f"add the resource of {method} to {__name__}")


def _short(name: str) -> str:
    """A resource's name without the stage. The secrets of all owners are one resource."""
    for prefix in _OWN:
        name = name.removeprefix(prefix)
    return "secrets/*" if name.startswith("secrets/") else name


def flat(recorded: dict[str, Any]) -> set[Call]:
    """The calls of a record."""
    return {
        (function, service, method, resource)
        for function, services in recorded.items()
        for service, methods in services.items()
        for method, resources in methods.items()
        for resource in resources
    }


def nested(calls: Iterable[Call]) -> dict[str, Any]:
    """A record of calls in the form of infra/iam/calls.json."""
    record: dict[str, Any] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for function, service, method, resource in sorted(calls):
        record[function][service][method].append(resource)
    return record


def _lines(calls: Iterable[Call]) -> str:
    return "\n".join("  {} calls {}.{} on {}".format(*call) for call in sorted(calls))


# --- pytest -----------------------------------------------------------------------------------------

_CALLS = pytest.StashKey[set[Call]]()
_WHOLE = pytest.StashKey[bool]()
_NARROWED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-calls",
        action="store_true",
        help="add to infra/iam/calls.json; all functional tests: write it anew",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_CALLS] = set()
    config.stash[_WHOLE] = config.stash[_NARROWED] = False


@pytest.fixture
def calls(request: pytest.FixtureRequest) -> Iterator[Calls]:
    """Records the calls of the test's container. The function's policy must allow each of them."""
    calls = Calls()
    yield calls
    request.config.stash[_CALLS] |= calls.calls
    missing = calls.calls - flat(recorded_calls())
    if missing and not request.config.getoption("--record-calls"):
        pytest.fail(f"No policy allows what this test does:\n{_lines(missing)}\n{REMEDY}", pytrace=False)


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items[:1]:
        item.config.stash[_NARROWED] = True


def pytest_collection_finish(session: pytest.Session) -> None:
    """Record whether every functional test will run: only then can unused calls be detected."""
    functional = session.config.rootpath / "tests" / "functional"
    collected = {item.path for item in session.items}
    narrowed = session.config.stash[_NARROWED] or any("::" in each for each in session.config.args)
    session.config.stash[_WHOLE] = not narrowed and collected >= set(functional.glob("test_*.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the recorded calls of a worker process of xdist."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_CALLS].update(tuple(call) for call in output.get("calls", []))
    node.config.stash[_WHOLE] |= output.get("whole", False)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        calls = config.stash[_CALLS]
        config.workeroutput.update(calls=sorted(calls), whole=config.stash[_WHOLE])
    elif exitstatus == pytest.ExitCode.OK:
        if config.getoption("--record-calls"):
            kept = set() if config.stash[_WHOLE] else flat(recorded_calls())
            CALLS_FILE.write_text(json.dumps(nested(config.stash[_CALLS] | kept), indent=2) + "\n")
        elif _unused(config):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    if not config.getoption("--record-calls") and (unused := _unused(config)):
        terminalreporter.section("Policies allow calls that no functional test makes", red=True)
        terminalreporter.write_line(f"{_lines(unused)}\n{REMEDY}")


def _unused(config: pytest.Config) -> set[Call]:
    """Recorded calls that no test made; empty unless all functional tests ran."""
    calls = config.stash[_CALLS]
    return flat(recorded_calls()) - calls if config.stash[_WHOLE] else set()
