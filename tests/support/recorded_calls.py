"""What each function asks of AWS while the functional tests drive it, held against infra/iam/calls.json.

A call that is not there fails its test: no policy allows it. A recorded call that no test makes fails a run
of the whole functional suite: policies allow it for nothing. `make policies` records the calls anew.
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
from tests.support.aws_requests import Asked, MotoClients, Send, asked

#: (function, service, method, what it is called on)
Call = tuple[str, str, str, str]

REMEDY: Final = """\
If that is right, record the calls and write the policies anew: make policies
(What a test does itself while a function runs is for another container: kit.new_services().)"""
_OWN: Final = (f"/{APP_NAME}/{STAGE}/", f"{APP_NAME}-{STAGE}-")


class Calls:
    """The calls of one container, by the function that is running."""

    def __init__(self) -> None:
        self.made: set[Call] = set()
        self._running: list[str] = []
        self._lock = Lock()

    def clients(self) -> MotoClients:
        """Clients that are listened to."""
        clients = MotoClients()
        clients.line.taps.append(self._note)
        return clients

    @contextmanager
    def of(self, function: str) -> Iterator[None]:
        """Calls meanwhile are those of `function`."""
        with self._lock:
            self._running.append(function)
        try:
            yield
        finally:
            with self._lock:
                self._running.remove(function)

    def _note(self, request: Request, send: Send) -> Response:
        found = asked(request)
        with self._lock:
            if self._running:
                self.made |= {(self._running[-1], found.service, *part) for part in _parts(found)}
        return send(request)


def _parts(found: Asked) -> list[tuple[str, str]]:
    """The (method, resource) that IAM looks at; transactions and statements are looked at part by part."""
    method = xform_name(found.operation)
    match found.parameters:
        case {"TransactItems": items}:
            parts = [part for item in items for part in item.items()]
            return [(f"transact_{xform_name(kind)}", _resource(method, what)) for kind, what in parts]
        case {"Statements": statements}:
            return [_of_statement(each["Statement"]) for each in statements]
        case {"RequestItems": tables}:
            return [(method, _short(table)) for table in tables]
        case _:
            return [(method, _resource(method, found.parameters))]


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
            raise AssertionError(f"which resource does {method} need? Say so in {__name__}")


def _short(name: str) -> str:
    """A resource's name without the stage; the secrets of all owners are one resource."""
    for prefix in _OWN:
        name = name.removeprefix(prefix)
    return "secrets/*" if name.startswith("secrets/") else name


def flat(recorded: dict[str, Any]) -> set[Call]:
    """The calls that a record holds."""
    return {
        (function, service, method, resource)
        for function, services in recorded.items()
        for service, methods in services.items()
        for method, resources in methods.items()
        for resource in resources
    }


def nested(calls: Iterable[Call]) -> dict[str, Any]:
    """A record of calls, as infra/iam/calls.json keeps it."""
    record: dict[str, Any] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for function, service, method, resource in sorted(calls):
        record[function][service][method].append(resource)
    return record


def _told(calls: Iterable[Call]) -> str:
    return "\n".join("  {} calls {}.{} on {}".format(*call) for call in sorted(calls))


# --- pytest -----------------------------------------------------------------------------------------

_MADE = pytest.StashKey[set[Call]]()
_WHOLE = pytest.StashKey[bool]()
_NARROWED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-calls",
        action="store_true",
        help="add to infra/iam/calls.json; all functional tests: write it anew",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_MADE] = set()
    config.stash[_WHOLE] = config.stash[_NARROWED] = False


@pytest.fixture
def calls(request: pytest.FixtureRequest) -> Iterator[Calls]:
    """Listens to the test's container; each call must be one that its function's policy allows."""
    calls = Calls()
    yield calls
    request.config.stash[_MADE] |= calls.made
    missing = calls.made - flat(recorded_calls())
    if missing and not request.config.getoption("--record-calls"):
        pytest.fail(f"No policy allows what this test does:\n{_told(missing)}\n{REMEDY}", pytrace=False)


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items[:1]:
        item.config.stash[_NARROWED] = True


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note whether every functional test is about to run: only then can an unused call be told."""
    functional = session.config.rootpath / "tests" / "functional"
    collected = {item.path for item in session.items}
    narrowed = session.config.stash[_NARROWED] or any("::" in each for each in session.config.args)
    session.config.stash[_WHOLE] = not narrowed and collected >= set(functional.glob("test_*.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker process of xdist has heard."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_MADE].update(tuple(call) for call in output.get("calls", []))
    node.config.stash[_WHOLE] |= output.get("whole", False)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        made = config.stash[_MADE]
        config.workeroutput.update(calls=sorted(made), whole=config.stash[_WHOLE])
    elif exitstatus == pytest.ExitCode.OK:
        if config.getoption("--record-calls"):
            kept = set() if config.stash[_WHOLE] else flat(recorded_calls())
            CALLS_FILE.write_text(json.dumps(nested(config.stash[_MADE] | kept), indent=2) + "\n")
        elif _unused(config):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    if not config.getoption("--record-calls") and (unused := _unused(config)):
        terminalreporter.section("Policies allow what no functional test does", red=True)
        terminalreporter.write_line(f"{_told(unused)}\n{REMEDY}")


def _unused(config: pytest.Config) -> set[Call]:
    """Recorded calls that no test made; none when a test that makes them may not have run."""
    made = config.stash[_MADE]
    return flat(recorded_calls()) - made if config.stash[_WHOLE] else set()
