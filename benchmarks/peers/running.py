"""A running contender: its workers, its submitters and their journal."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.hooks import REGION
from benchmarks.peers.contenders import PROCESSES, ROOT, Contender

_TIMEOUT_SECONDS: Final = 90
#: Workers that still run after this wait for messages that do not arrive.
_END_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Burst:
    """Tasks that were submitted in a row, and the seconds of each from submit to done."""

    seconds: float  #: from the first submit to the last task's end
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return len(self.latencies) / self.seconds


def percentile(latencies: list[float], percent: int) -> float:
    """A percentile of the latencies."""
    return quantiles(latencies, n=100, method="inclusive")[percent - 1]


class Running:
    """Commands the submitters and reads the journal."""

    def __init__(self, submitters: list[subprocess.Popen[str]], processes: list[Any], home: Path) -> None:
        self._submitters = submitters
        self._processes = processes
        self._home = home
        self._journal = Journal(home / "journal")

    def burst(self, tasks: int) -> Burst:
        """Submit tasks and wait until all are done.

        Raises: RuntimeError when a process ends; TimeoutError when tasks are not done in time.
        """
        before = set(self._journal.submitted)
        share, more = divmod(tasks, len(self._submitters))
        for number, submitter in enumerate(self._submitters):
            _submit(submitter, share + (number < more))
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            self._journal.read()
            keys = self._journal.submitted.keys() - before
            if len(keys) == tasks and keys <= self._journal.done.keys():
                spans = [(self._journal.submitted[key], self._journal.done[key]) for key in keys]
                seconds = max(end for _, end in spans) - min(start for start, _ in spans)
                return Burst(seconds, [end - start for start, end in spans])
            self._check()
            time.sleep(0.02)
        raise TimeoutError(
            f"{len(keys - self._journal.done.keys())} tasks were not done.\n{self._log_tail()}"
        )

    def _check(self) -> None:
        for process in self._processes:
            if process.poll() is not None:
                raise RuntimeError(f"A process ended with {process.returncode}.\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return "\n".join((self._home / "log").read_text(errors="replace").splitlines()[-20:])


def _submit(submitter: subprocess.Popen[str], tasks: int) -> None:
    assert submitter.stdin is not None
    submitter.stdin.write(f"{tasks}\n")
    submitter.stdin.flush()


@dataclass
class Journal:
    """The events that processes recorded in `file`, as far as it was read."""

    file: Path
    submitted: dict[str, float] = field(default_factory=dict)  #: moments by task
    done: dict[str, float] = field(default_factory=dict)  #: the first time of each
    _read: int = 0

    def read(self) -> None:
        """Read the new lines; an incomplete one is left for the next call."""
        if not self.file.exists():
            return
        with self.file.open("rb") as lines:
            lines.seek(self._read)
            complete, newline, _ = lines.read().rpartition(b"\n")
        self._read += len(complete + newline)
        for line in complete.decode().splitlines():
            event, key, moment = line.split()
            (self.submitted if event == "submitted" else self.done).setdefault(key, float(moment))


@contextmanager
def running(contender: Contender, address: str, queue: str) -> Iterator[Running]:
    """The contender on the AWS at `address` (host:port), for the duration of the block."""
    with TemporaryDirectory(prefix="race-") as directory, ExitStack() as ending:
        home = Path(directory)
        environment = _environment(contender, home, address, queue)
        log = ending.enter_context((home / "log").open("wb"))
        common: dict[str, Any] = {"cwd": ROOT, "env": environment, "stderr": log, "start_new_session": True}
        submitters, workers = [], []
        for command in contender.workers:
            arguments = [str(contender.python), *command]
            workers.append(subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, **common))
            ending.callback(_end, workers[-1])
        for _ in range(PROCESSES):
            arguments = [str(contender.python), *contender.submitter]
            submitters.append(
                subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=log, text=True, **common)
            )
            ending.callback(_end, submitters[-1])
        yield Running(submitters, [*submitters, *workers], home)


def _environment(contender: Contender, home: Path, address: str, queue: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",  # pragma: allowlist secret
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "BENCH_JOURNAL": str(home / "journal"),
        "BENCH_ADDRESS": address,
        "BENCH_QUEUE": queue,
        "BENCH_SETTING": contender.setting,
    }


def _end(process: subprocess.Popen[Any]) -> None:
    """Terminate the process, then kill the rest of its process group."""
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
