"""Cold starts of the real zip: `python -m benchmarks.cold`.

Each function starts in a process of its own, imports, and answers its first event over TLS. CPU time of the
whole process, the least of several, in multiples of `python -c pass`; the interpreter writes nothing, as on
Lambda, where the code lies on a read-only disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.certificates import Certificates, make_certificates
from benchmarks.container import Container, queue_event, silent
from benchmarks.hooks import REGION
from benchmarks.package import add_bytecode, build, link_runtime, trimmed_data, unpack
from benchmarks.proxy import CountingProxy
from benchmarks.rows import Row, table
from benchmarks.sink import sink
from benchmarks.stage import TASKS, BenchStage, bench_stage

ROUNDS: Final = 5
_START: Final = Path(__file__).with_name("cold_start.py")
_OBVIOUS: Final = Path(__file__).parent / "peers" / "obvious_app.py"
#: The interpreter itself, started without anything that is installed for it.
_PYTHON: Final = sys._base_executable  # type: ignore[attr-defined]
TARGETS: Final = {"app": 30, "run_tasks": 20, "push_updates": 12, "connect": 12}
_NAMES: Final = {"app": "api", "connect": "websocket"}
TRICKS: Final[dict[str, tuple[str, ...]]] = {
    "as deployed": (),
    "bytecode": ("bytecode",),
    "bytecode, trimmed data": ("bytecode", "data"),
    "bytecode, trimmed data, small CA bundle": ("bytecode", "data", "bundle"),
}


@dataclass(frozen=True)
class Lambda:
    """Where containers start: the zip unpacked, a runtime, an AWS behind TLS."""

    home: Path
    certificates: Certificates
    endpoint: str
    stage: BenchStage
    container: Container

    def start(self, function: str, tricks: Sequence[str] = (), task: str = "plain") -> float:
        """CPU seconds of a new container's first event."""
        return self._run(function, [self._event(function)], tricks, task)[0]

    def report(self, function: str, events: Sequence[Any] = (), task: str = "plain") -> dict[str, int]:
        """What a container imports, opens and has of memory at most for these events, or a first one."""
        served = events or [self._event(function)]
        found: dict[str, int] = json.loads(self._run(function, served, (), task, "--report")[1])
        return found

    def bare(self) -> float:
        """CPU seconds of `python -c pass`."""
        return _cpu([_PYTHON, "-S", "-c", "pass"], self._environment((), "plain"))[0]

    def _run(
        self, function: str, served: Sequence[Any], tricks: Sequence[str], task: str, *options: str
    ) -> tuple[float, str]:
        events = self.home / "events.json"
        events.write_text(json.dumps(served))
        data = (f"--data={self.home / 'data'}",) if "data" in tricks else ()
        command = [_PYTHON, "-S", "-P", str(_START), function, str(events), *data, *options]
        return _cpu(command, self._environment(tricks, "compiled" if "bytecode" in tricks else task))

    def _event(self, function: str) -> Any:
        """A first event: a POST, a task to run, its changes with one watcher, a client that connects."""
        wanted = {"type": "demo.sleep", "payload": {"seconds": 0, "steps": 1}}
        match function:
            case "app":
                return self.container.event("POST", "/tasks", wanted)
            case "connect":
                return self.container.socket_event("CONNECT", "another")
        self.container.skip_stream()
        self.container.call("POST", "/tasks", wanted)
        messages = self.container.receive()
        if function == "run_tasks":
            return queue_event(messages)
        return {"Records": self.container.stream_records()}

    def _environment(self, tricks: Sequence[str], task: str) -> dict[str, str]:
        bundle = self.certificates.small_bundle if "bundle" in tricks else self.certificates.whole_bundle
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
        unpack(package, home / "plain")
        add_bytecode(unpack(package, home / "compiled"))
        (unpack(package, home / "obvious") / "app.py").write_bytes(_OBVIOUS.read_bytes())
        link_runtime(home / "runtime")
        trimmed_data(home / "data")
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

    ours: dict[tuple[str, str], float]  #: by function and tricks
    obvious: float
    reports: dict[str, dict[str, int]]
    bare_seconds: float


def measure(rounds: int = ROUNDS) -> Cold:
    """All functions with all tricks, one after the other, again and again."""
    least: dict[tuple[str, str], float] = {}
    with prepared() as place:
        for _ in range(rounds):
            runs = {("pass", ""): place.bare(), ("obvious", ""): place.start("app", task="obvious")}
            for function in TARGETS:
                for name, tricks in TRICKS.items():
                    runs[function, name] = place.start(function, tricks)
            least = {case: min(seconds, least.get(case, seconds)) for case, seconds in runs.items()}
        reports = {function: place.report(function) for function in TARGETS}
    bare, obvious = least.pop(("pass", "")), least.pop(("obvious", ""))
    ours = {case: seconds / bare for case, seconds in least.items()}
    return Cold(ours, obvious / bare, reports, bare)


def rows(rounds: int = ROUNDS) -> list[Row]:
    """Each function as it is deployed against its target, and what each trick makes of it."""
    cold = measure(rounds)
    found = []
    for function, target in TARGETS.items():
        name = _NAMES.get(function, function)
        best = cold.ours[function, list(TRICKS)[-1]]
        found.append(
            Row(
                what=f"cold start of {name}, x python -c pass",
                ours=cold.ours[function, "as deployed"],
                peer=cold.obvious,
                target=target,
                reason=f"the zip has no valid bytecode, all of botocore's data and roots: {best:.1f} without",
            )
        )
        found += [
            Row(what=f"  with {tricks}", ours=cold.ours[function, tricks]) for tricks in list(TRICKS)[1:]
        ]
        report = cold.reports[function]
        found += [Row(what=f"  {what}", ours=report[what]) for what in ("modules", "opened")]
    return found


def main() -> None:
    """Print the rows."""
    print(table(rows()))


if __name__ == "__main__":
    main()
