"""The rules of the code that no tool checks: who may import whom, and how big things get."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHIPPED = [ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py"))]
CLIENT = sorted((ROOT / "client").rglob("*.py"))
TESTS = [*sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "testing").rglob("*.py"))]
ALL = [
    *SHIPPED,
    *CLIENT,
    *TESTS,
    *sorted((ROOT / "infra").rglob("*.py")),
    *sorted((ROOT / "local").rglob("*.py")),
    *sorted((ROOT / "tools").rglob("*.py")),
]

MODULE_LIMIT_LINES = 400
TEST_MODULE_LIMIT_LINES = 400
FUNCTION_LIMIT_LINES = 40
#: The table of contents: a short view for each route.
LONGER = {ROOT / "app.py": 400}

#: What each room may import. `domain ← services ← bootstrap ← app.py; aws imports domain only`.
ARROWS = {
    "domain": {"domain", "cold_start"},
    "services": {"domain", "services", "observability", "cold_start"},
    "aws": {"domain", "aws"},
    "fetching": {"domain", "fetching", "settings"},
    "task_types": {"domain", "task_types", "fetching"},
    "auth": {"domain", "auth", "fetching", "observability", "settings"},
    "http": {"domain", "auth", "aws", "http", "observability", "settings", "cold_start"},
    "web": {"domain", "bootstrap", "cold_start", "http", "settings", "web"},
    "bootstrap": {
        "domain",
        "aws",
        "auth",
        "bootstrap",
        "observability",
        "services",
        "settings",
        "task_types",
    },
    "lambda_events": {"domain", "aws", "observability"},
    "middleware": {"http", "observability"},
    "websocket_connect": {"domain", "http", "observability"},
    "observability": {"domain"},
    "settings": set(),
    "cold_start": set(),
    "__init__": {"cold_start"},
    "app": {
        "domain",
        "bootstrap",
        "http",
        "lambda_events",
        "middleware",
        "settings",
        "web",
        "websocket_connect",
    },
}
#: The rooms that alone may speak to something outside.
KEEPERS = {
    "boto3": {"aws", "task_types"},  # a task type may call AWS itself
    "botocore": {"aws", "task_types"},
    "chalice": {"app", "http", "middleware", "web", "websocket_connect"},
    "jwt": {"auth"},
    "moto": set(),
    "ministack": set(),
}
#: Where one failure must not stop the rest, and why.
CATCH_ALL = {
    "http.problems.view": "every exception of a view becomes a problem document",
    "auth.jwks._refresh": "whatever a provider answers, the keys that are known stay good",
    "lambda_events.changes": "one record must not block the stream",
    "websocket_connect.connected": "an exception in $connect would reach the client as a 502",
    "aws.dynamodb.document_table._put": "one batch of documents must not stop the others",
    "aws.dynamodb.task_table._loaded": "a payload that cannot be read must not stop the other tasks",
    "aws.dynamodb.writes._alone": "one write must not stop the others",
    "aws.dynamodb.writes._batch": "one batch of writes must not stop the others",
    "services.maintenance.dead_letter_monitor._handle": "one dead letter must not stop the others",
    "services.live.counting._add_or_log": "updates must not come again for a chart",
    "services.worker.recorder._decided": "one outcome must not stop the others",
    "services.maintenance.redrives._advance": "one redrive must not stop the others",
    "services.worker.run._call": "user code ends its run, never the worker",
    "services.worker.run._described": "the words of an exception are user code, too",
    "services.maintenance.sweeper._act": "one row must not stop the sweep",
    "services.task_sender.try_send": "the task is stored: the sweep sends what this could not",
    "services.waiters.until": "the task is stored: its answer must not be lost with a read",
    "services.worker.worker._guard": "one message must not stop the others",
}


#: Routes need no docstring. A task type of a user needs none but the description that the API shows.
WITHOUT_DOCSTRINGS = ("app", "task_types")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    """The module's name below chalicelib; `app` for app.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[1:] if parts[0] == "chalicelib" else parts).removesuffix(".__init__")


def room_of(path: Path) -> str:
    return name_of(path).partition(".")[0]


def imports(path: Path, *, at_run_time: bool = False) -> Iterator[str]:
    """The full names that a module imports; `at_run_time` leaves out those for the type checker."""
    for node in _nodes(parsed(path), skip_type_checking=at_run_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _nodes(tree: ast.AST, *, skip_type_checking: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if skip_type_checking and for_types:
            continue
        yield node
        yield from _nodes(node, skip_type_checking=skip_type_checking)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def each(paths: Iterable[Path]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """One test that a rule holds for all these files; it tells of every one that breaks it."""

    def of_all(rule: Callable[..., None]) -> Callable[..., None]:
        def test(self: object) -> None:
            broken = []
            for path in paths:
                try:
                    rule(self, path)
                except AssertionError as error:
                    broken.append(f"{path.relative_to(ROOT)}: {error}")
            assert not broken, "\n".join(broken)

        test.__doc__ = rule.__doc__
        return test

    return of_all


shipped = each(SHIPPED)
client = each(CLIENT)


class TestArrows:
    @shipped
    def test_imports_follow_the_arrows(self, path: Path) -> None:
        room = room_of(path)
        if room == "chalicelib":
            return
        ours = [name.split(".") for name in imports(path, at_run_time=True) if name.startswith("chalicelib.")]
        wrong = {".".join(name) for name in ours if name[1] not in ARROWS[room]}
        assert not wrong, f"{room} may import {sorted(ARROWS[room])}"

    def test_services_name_their_collaborators_for_the_type_checker_only(self) -> None:
        """They get them by constructor, so that none of them decides what it speaks to."""
        named = {
            name.split(".")[1]
            for path in SHIPPED
            if room_of(path) == "services"
            for name in imports(path)
            if name.startswith("chalicelib.")
        }
        assert named <= ARROWS["services"] | {"aws"}

    @shipped
    def test_only_its_keepers_speak_to_the_outside(self, path: Path) -> None:
        tops = {name.partition(".")[0] for name in imports(path)}
        wrong = {top for top in tops if top in KEEPERS and room_of(path) not in KEEPERS[top]}
        assert not wrong

    @shipped
    def test_nothing_shipped_needs_what_is_not(self, path: Path) -> None:
        """But for app.py, which takes infra along where the deploy runs."""
        tops = {name.partition(".")[0] for name in imports(path)}
        assert not tops & {"infra", "local", "task_service_client", "tests"} - (
            {"infra"} if path.name == "app.py" else set()
        )

    @client
    def test_the_client_stands_alone(self, path: Path) -> None:
        """It is installed where the service is not."""
        tops = {name.partition(".")[0] for name in imports(path)}
        assert not tops & {"app", "chalicelib", "infra", "local", "tests"}

    def test_the_client_needs_its_extra_for_the_command_line_alone(self) -> None:
        for path in CLIENT:
            if "command_line" not in path.parts:
                assert not {name.partition(".")[0] for name in imports(path)} & {"rich", "typer"}

    def test_app_py_imports_infra_only_where_the_deploy_runs(self) -> None:
        app = parsed(ROOT / "app.py")
        guarded = [
            node
            for node in app.body
            if isinstance(node, ast.If) and ast.unparse(node.test) == "Settings.deploying()"
        ]
        assert [ast.unparse(statement) for node in guarded for statement in node.body] == [
            "import infra.deployer.chalice_patches"
        ]
        unguarded = [node for node in app.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [node for node in unguarded if "infra" in ast.unparse(node)]

    @shipped
    def test_only_settings_reads_the_environment(self, path: Path) -> None:
        if path.name != "settings.py":
            text = ast.unparse(parsed(path))
            assert "os.environ" not in text
            assert "getenv" not in text


class TestErrors:
    @shipped
    def test_only_aws_knows_its_errors(self, path: Path) -> None:
        if room_of(path) != "aws":
            assert not {"ServiceError", "Unreachable"} & set(re.findall(r"\w+", path.read_text()))

    def test_everything_is_caught_only_where_one_failure_must_not_stop_the_rest(self) -> None:
        found = set()
        for path in SHIPPED:
            for function in functions(path):
                for handler in ast.walk(function):
                    if isinstance(handler, ast.ExceptHandler) and _catches_all(handler):
                        found.add(f"{name_of(path)}.{function.name}")
        # A nested function is found with the one around it, too.
        assert found - {"http.problems.respond"} == set(CATCH_ALL)

    @client
    def test_the_client_catches_what_it_can_name(self, path: Path) -> None:
        handlers = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ExceptHandler)]
        assert not [handler for handler in handlers if _catches_all(handler)]

    @each([*SHIPPED, *CLIENT])
    def test_no_error_is_swallowed_without_a_word(self, path: Path) -> None:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ExceptHandler):
                assert [type(statement) for statement in node.body] != [ast.Pass]


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Does it stop any exception? One that only cleans up raises it again."""
    if ast.unparse(handler.body[-1]) == "raise":
        return False
    return handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")


class TestSizes:
    @each(ALL)
    def test_a_module_fits_a_few_screens(self, path: Path) -> None:
        limit = TEST_MODULE_LIMIT_LINES if path in TESTS else LONGER.get(path, MODULE_LIMIT_LINES)
        assert len(path.read_text().splitlines()) <= limit

    @each(ALL)
    def test_a_function_fits_one(self, path: Path) -> None:
        if path in TESTS:
            return
        long = [each.name for each in functions(path) if _lines(each) > FUNCTION_LIMIT_LINES]
        assert not long


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


class TestDocstrings:
    #: Classes whose methods are explained elsewhere.
    EXPLAINED = frozenset({"Run"})  # by the protocol TaskContext

    @each([path for path in [*SHIPPED, *CLIENT] if room_of(path) not in WITHOUT_DOCSTRINGS])
    def test_whatever_is_public_says_what_the_caller_gets(self, path: Path) -> None:
        module = parsed(path)
        assert ast.get_docstring(module)
        assert not [node.name for node in self._public(module.body) if not ast.get_docstring(node)]

    def _public(self, body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            # A collaborator's type says all that there is to say.
            if any(ast.unparse(each) == "cached_property" for each in node.decorator_list):
                continue
            yield node
            if isinstance(node, ast.ClassDef) and node.name not in self.EXPLAINED:
                yield from self._public(node.body)


class TestTests:
    #: Their servers are slow on purpose, a few hundredths of a second at a time.
    SLOW_SERVERS = frozenset({"test_fetcher.py", "test_fetcher_redirects.py"})

    @each(TESTS)
    def test_nothing_is_patched(self, path: Path) -> None:
        used = {ast.unparse(node.func) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)}
        assert not used & {"mock.patch", "patch", "monkeypatch.setattr"}
        assert not {name for name in imports(path) if name.startswith("unittest")}

    @each(TESTS)
    def test_nothing_sleeps_where_it_could_wait_for_something(self, path: Path) -> None:
        if path.name not in self.SLOW_SERVERS:
            assert "time.sleep" not in {ast.unparse(node) for node in ast.walk(parsed(path))}
