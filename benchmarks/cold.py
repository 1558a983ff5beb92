"""Cold starts of the real zip: `python -m benchmarks.cold`.

Each function starts in a process of its own, imports, and answers its first event over TLS. CPU time of the
whole process, the least of several, in multiples of `python -c pass`. The interpreter has nothing installed
and writes nothing: on Lambda, too, the code lies on a read-only disk.
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
from benchmarks.container import Container, queue_event, silent
from benchmarks.hooks import REGION
from benchmarks.package import build, link_runtime, unpack
from benchmarks.proxy import CountingProxy
from benchmarks.rows import Row, table
from benchmarks.sink import sink
from benchmarks.stage import TASKS, BenchStage, bench_stage

ROUNDS: Final = 5
_START: Final = Path(__file__).with_name("cold_start.py")
_OBVIOUS: Final = Path(__file__).parent / "peers" / "obvious_app.py"
#: First events, by what they are called.
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
TRICKS: Final[dict[str, tuple[str, ...]]] = {
    "as deployed": (),
    "without bytecode": ("sources",),
    "with all of botocore's roots": ("roots",),
    "with neither": ("sources", "roots"),
}
#: Why a target is missed, and what it takes (docs/explanation/performance.md has the profile).
_NEAR: Final = "within the noise of its target"
_REASONS: Final = {
    "websocket, connect by token": (
        "PyJWT with cryptography takes 4.5: browsers and our own client connect by ticket, without it"
    ),
}


@dataclass(frozen=True)
class Lambda:
    """Where containers start: the zip unpacked, a runtime, an AWS behind TLS."""

    home: Path
    certificates: Certificates
    endpoint: str
    stage: BenchStage
    container: Container

    def start(self, what: str, without: Sequence[str] = (), task: str = "deployed") -> float:
        """CPU seconds of a new container's first event, `without` some tricks."""
        task = "sources" if "sources" in without else task
        return self._run(_HANDLERS.get(what, what), [self._event(what)], self._environment(without, task))[0]

    def report(self, what: str, events: Sequence[Any] = (), task: str = "deployed") -> dict[str, int]:
        """What a container imports, opens and has of memory at most for these events, or a first one."""
        served = events or [self._event(what)]
        said = self._run(_HANDLERS.get(what, what), served, self._environment((), task), "--report")[1]
        found: dict[str, int] = json.loads(said)
        return found

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

    def _event(self, what: str) -> Any:
        """A POST, a client that connects or speaks, a task to run, or its changes for one watcher."""
        container = self.container
        wanted = {"type": "demo.sleep", "payload": {"seconds": 0, "steps": 1}}
        match what:
            case "api":
                return container.event("POST", "/tasks", wanted)
            case "websocket, connect by ticket":
                ticket = container.call("POST", "/tickets")["ticket"]
                query = {"headers": {}, "queryStringParameters": {"ticket": ticket}}
                return {**container.socket_event("CONNECT", "another"), **query}
            case "websocket, connect by token":
                return container.socket_event("CONNECT", "another")
            case "websocket, message":
                subscribe = {"action": "subscribe", "type": "demo.sleep"}
                return {**container.socket_event("MESSAGE", "watcher"), "body": json.dumps(subscribe)}
        container.skip_stream()
        container.call("POST", "/tasks", wanted)
        messages = container.receive()
        if what == "run_tasks":
            return queue_event(messages)
        return {"Records": container.stream_records()}

    def _environment(self, without: Sequence[str], task: str) -> dict[str, str]:
        known = self.certificates
        bundle = known.whole_bundle if task == "obvious" or "roots" in without else known.small_bundle
        return {
            "PATH": os.defpath,
            "PYTHONPATH": f"{self.home / task}{os.pathsep}{self.home / 'runtime'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(bundle),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "STAGE": "local",
            "TABLE": TASKS,
            "QUEUE": TASKS.replace("tasks", "fast"),
        }


def _cpu(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """CPU seconds of a process, and what it says on standard error. Raises: AssertionError when it fails."""
    process = subprocess.Popen(
        command,
        cwd=_START.root,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return usage.ru_utime + usage.ru_stime, said


@contextmanager
def prepared() -> Iterator[Lambda]:
    """Everything in its place, as long as the block lasts."""
    with TemporaryDirectory(prefix="cold-") as place, bench_stage() as stage, sink() as sockets:
        home = Path(place)
        package = build()
        unpack(package, home / "deployed")
        sources = unpack(package, home / "sources", bytecode=False)
        copytree(sources, home / "obvious")
        (home / "obvious" / "app.py").write_bytes(_OBVIOUS.read_bytes())
        link_runtime(home / "runtime")
        EnvBuilder(symlinks=True).create(home / "python")  # nothing is installed there
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
    """What was measured, in multiples of `python -c pass`."""

    ours: dict[tuple[str, str], float]  #: by first event and tricks
    obvious: float
    reports: dict[str, dict[str, int]]
    bare_seconds: float


def measure(rounds: int = ROUNDS) -> Cold:
    """All functions with all tricks, one after the other, again and again."""
    least: dict[tuple[str, str], float] = {}
    with prepared() as place:
        for _ in range(rounds):
            runs = {("pass", ""): place.bare(), ("obvious", ""): place.start("api", task="obvious")}
            for what in TARGETS:
                for name, without in TRICKS.items():
                    runs[what, name] = place.start(what, without)
            least = {case: min(seconds, least.get(case, seconds)) for case, seconds in runs.items()}
        reports = {what: place.report(what) for what in TARGETS}
    bare, obvious = least.pop(("pass", "")), least.pop(("obvious", ""))
    ours = {case: seconds / bare for case, seconds in least.items()}
    return Cold(ours, obvious / bare, reports, bare)


def rows(rounds: int = ROUNDS) -> list[Row]:
    """Each function as it is deployed against its target, and without each trick."""
    cold = measure(rounds)
    found = []
    for what, target in TARGETS.items():
        found.append(
            Row(
                what=f"cold start of {what}, x python -c pass",
                ours=cold.ours[what, "as deployed"],
                peer=cold.obvious,
                target=target,
                reason=_REASONS.get(what, _NEAR),
            )
        )
        found += [Row(what=f"  {tricks}", ours=cold.ours[what, tricks]) for tricks in list(TRICKS)[1:]]
        found += [
            Row(what=f"  {counted}", ours=cold.reports[what][counted]) for counted in ("modules", "opened")
        ]
    return found


def main() -> None:
    """Print the rows."""
    print(table(rows()))


if __name__ == "__main__":
    main()
