"""Cold starts of the real zip: `python -m benchmarks.cold`.

Each function starts in a process of its own, imports, and answers its first event over TLS. The figure is the
CPU time of the whole process, the minimum of several runs, in multiples of `python -c pass`. The interpreter
has nothing installed and writes nothing, as on Lambda, where the code is on a read-only disk.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, Final
from venv import EnvBuilder

from benchmarks.certificates import Certificates, make_certificates
from benchmarks.container import Container, messages_event, silent
from benchmarks.hooks import REGION
from benchmarks.package import build, link_runtime, unpack
from benchmarks.proxy import CountingProxy
from benchmarks.rows import Row, table
from benchmarks.sink import sink
from benchmarks.stage import TASKS, BenchStage, bench_stage

ROUNDS: Final = 5
_START: Final = Path(__file__).with_name("cold_start.py")
_OBVIOUS: Final = Path(__file__).parent / "peers" / "obvious_app.py"
#: Targets by first event.
TARGETS: Final = {
    "api": 30,
    "run_tasks": 20,
    "push_updates": 12,
    "websocket, connect by ticket": 12,
    "websocket, connect by token": 12,
    "websocket, message": 12,
}
_HANDLERS: Final = {
    "api": "app",
    "websocket, connect by ticket": "connect",
    "websocket, connect by token": "connect",
    "websocket, message": "message",
}
VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "as deployed": (),
    "without bytecode": ("sources",),
    "with all of botocore's roots": ("roots",),
    "with neither": ("sources", "roots"),
    "with AWS's own SDK": ("sdk",),
}
#: Why a target is missed, and the remedy (docs/explanation/performance.md has the profile).
_NEAR: Final = "within the noise of its target"
_REASONS: Final = {
    "websocket, connect by token": (
        "PyJWT with cryptography takes 4.5: browsers and our own client connect by ticket, without it"
    ),
}


@dataclass(frozen=True)
class Lambda:
    """The place where containers start: the unpacked zip, a runtime, an AWS behind TLS."""

    home: Path
    certificates: Certificates
    endpoint: str
    stage: BenchStage
    container: Container

    def start(self, target: str, without: Sequence[str] = (), code: str = "deployed") -> float:
        """CPU seconds of a new container's first event, `without` some optimizations."""
        code = "sources" if "sources" in without else code
        environment = self._environment(without, code)
        return self._run(_HANDLERS.get(target, target), [self._event(target)], environment)[0]

    def report(self, target: str, events: Sequence[Any] = (), code: str = "deployed") -> dict[str, int]:
        """Imported modules, opened files and peak kilobytes of a container for these events, or its first."""
        served = events or [self._event(target)]
        environment = self._environment((), code)
        _, output = self._run(_HANDLERS.get(target, target), served, environment, "--report")
        counts: dict[str, int] = json.loads(output)
        return counts

    def bare(self) -> float:
        """CPU seconds of `python -c pass`."""
        return _cpu([self._python, "-c", "pass"], self._environment((), "deployed"))[0]

    def _run(
        self, function: str, served: Sequence[Any], environment: Mapping[str, str], *options: str
    ) -> tuple[float, str]:
        events = self.home / "events.json"
        events.write_text(json.dumps(served))
        return _cpu([self._python, "-P", str(_START), function, str(events), *options], environment)

    @property
    def _python(self) -> str:
        return str(self.home / "python" / "bin" / "python")

    def _event(self, target: str) -> Any:
        """A POST, a client that connects or sends, a task to run, or its changes for one watcher."""
        container = self.container
        new_task = {"type": "demo.sleep", "payload": {"seconds": 0, "steps": 1}}
        match target:
            case "api":
                return container.event("POST", "/tasks", new_task)
            case "websocket, connect by ticket":
                ticket = container.call("POST", "/tickets")["ticket"]
                query = {"headers": {}, "queryStringParameters": {"ticket": ticket}}
                return {**container.websocket_event("CONNECT", "another"), **query}
            case "websocket, connect by token":
                return container.websocket_event("CONNECT", "another")
            case "websocket, message":
                subscribe = {"action": "subscribe", "type": "demo.sleep"}
                return {**container.websocket_event("MESSAGE", "watcher"), "body": json.dumps(subscribe)}
        container.skip_stream()
        container.call("POST", "/tasks", new_task)
        messages = container.receive()
        if target == "run_tasks":
            return messages_event(messages)
        return {"Records": container.stream_records()}

    def _environment(self, without: Sequence[str], code: str) -> dict[str, str]:
        bundles = self.certificates
        bundle = bundles.whole_bundle if code == "obvious" or "roots" in without else bundles.small_bundle
        return {
            "PATH": os.defpath,
            "PYTHONPATH": f"{self.home / code}{os.pathsep}{self.home / 'runtime'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(bundle),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",  # pragma: allowlist secret
            "STAGE": "local",
            "AWS_SDK": "boto3" if "sdk" in without else "own",
            "TABLE": TASKS,
            "QUEUE": TASKS.replace("tasks", "fast"),
        }


def _cpu(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """CPU seconds of a process, and its standard error. Raises: AssertionError when it fails."""
    process = subprocess.Popen(
        command,
        cwd=_START.root,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    output = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, output
    return usage.ru_utime + usage.ru_stime, output


@contextmanager
def prepared() -> Iterator[Lambda]:
    """The place where containers start; it exists for the block."""
    with TemporaryDirectory(prefix="cold-") as place, bench_stage() as stage, sink() as sockets:
        home = Path(place)
        package = build()
        unpack(package, home / "deployed")
        sources = unpack(package, home / "sources", bytecode=False)
        copytree(sources, home / "obvious")
        (home / "obvious" / "app.py").write_bytes(_OBVIOUS.read_bytes())
        link_runtime(home / "runtime")
        EnvBuilder(symlinks=True).create(home / "python")  # without any package
        certificates = make_certificates(home)
        with CountingProxy(stage.endpoint, sockets, certificates.server) as proxy, silent():
            stage.serve_sockets_at(proxy.url)
            container = _container(stage)
            container.connect("watcher")
            yield Lambda(home, certificates, proxy.url, stage, container)


def _container(stage: BenchStage) -> Container:
    return Container(stage, stage.services(task_types=None))


@dataclass(frozen=True, slots=True)
class Cold:
    """The results, in multiples of `python -c pass`."""

    ours: dict[tuple[str, str], float]  #: by first event and variant
    obvious: float
    reports: dict[str, dict[str, int]]
    bare_seconds: float


def measure(rounds: int = ROUNDS) -> Cold:
    """All functions in all variants, one after the other, `rounds` times."""
    least: dict[tuple[str, str], float] = {}
    with prepared() as place:
        for _ in range(rounds):
            runs = {("pass", ""): place.bare(), ("obvious", ""): place.start("api", code="obvious")}
            for target in TARGETS:
                for name, without in VARIANTS.items():
                    runs[target, name] = place.start(target, without)
            least = {case: min(seconds, least.get(case, seconds)) for case, seconds in runs.items()}
        reports = {target: place.report(target) for target in TARGETS}
    bare, obvious = least.pop(("pass", "")), least.pop(("obvious", ""))
    ours = {case: seconds / bare for case, seconds in least.items()}
    return Cold(ours, obvious / bare, reports, bare)


def rows(rounds: int = ROUNDS) -> list[Row]:
    """Each function as deployed against its target, and without each optimization."""
    cold = measure(rounds)
    table_rows = []
    for what, target in TARGETS.items():
        table_rows.append(
            Row(
                what=f"cold start of {what}, x python -c pass",
                ours=cold.ours[what, "as deployed"],
                peer=cold.obvious,
                target=target,
                reason=_REASONS.get(what, _NEAR),
            )
        )
        table_rows += [Row(what=f"  {name}", ours=cold.ours[what, name]) for name in list(VARIANTS)[1:]]
        table_rows += [Row(what=f"  {name}", ours=cold.reports[what][name]) for name in ("modules", "opened")]
    return table_rows


def main() -> None:
    """Print the rows."""
    print(table(rows()))


if __name__ == "__main__":
    main()
