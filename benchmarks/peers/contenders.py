"""The contenders of the race: their processes and their packages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
#: The peers' environments, made once for the same requirements.
_HOME: Final = ROOT / ".tools" / "peers"
#: Processes that submit, and as many that run tasks: the default of each peer on two cores.
PROCESSES: Final = 2
_QUIETLY: Final = ("-qq", "--disable-pip-version-check")


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A task queue in one setting."""

    name: str
    workers: Sequence[Sequence[str]]  #: one command for each process
    submitter: Sequence[str]
    peer: str = ""  #: the name of its requirements and environment; ours has neither
    setting: str = ""
    tasks: int = 500  #: in a burst

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return _HOME / self.peer / "bin" / "python" if self.peer else Path(sys.executable)

    def prepare(self) -> None:
        """Install its packages, unless they are installed. Raises: CalledProcessError when that fails."""
        if not self.peer:
            return
        pins = Path(__file__).with_name(f"{self.peer}.txt")
        home = _HOME / self.peer
        installed = home / "installed.txt"
        if installed.exists() and installed.read_text() == pins.read_text():
            return
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = (str(self.python), "-m", "pip", "install", *_QUIETLY)
        subprocess.run([*pip, "--requirement", str(pins)], check=True)
        installed.write_text(pins.read_text())


def _ours(name: str, submit: str) -> Contender:
    module = ("-m", "benchmarks.peers.ours")
    return Contender(name=name, workers=[(*module, "work")] * PROCESSES, submitter=(*module, submit))


def _celery(setting: str, name: str, tasks: int = 500) -> Contender:
    app = "benchmarks.peers.celery_app"
    worker = ("-m", "celery", "-A", app, "worker", f"--concurrency={PROCESSES}", "--loglevel=WARNING")
    return Contender(
        name=name, workers=[worker], submitter=("-m", app), peer="celery", setting=setting, tasks=tasks
    )


def _other(peer: str, name: str, *worker: str) -> Contender:
    submitter = ("-m", f"benchmarks.peers.{peer}_app")
    return Contender(name=name, workers=[("-m", *worker)], submitter=submitter, peer=peer)


OURS: Final = _ours("ours", "submit")
OURS_IN_BULK: Final = _ours("ours, in bulk", "submit-bulk")
TRACKED: Final = _celery("tracked", "Celery, tuned, tracked")
#: The same once more, as a measure of the noise.
AGAIN: Final = _celery("tracked", "Celery, tuned, tracked, again")
PEERS: Final = (
    TRACKED,
    _celery("tuned", "Celery, tuned"),
    _celery("defaults", "Celery, defaults", tasks=60),
    _other(
        "dramatiq",
        "dramatiq-sqs",
        "dramatiq",
        "benchmarks.peers.dramatiq_app",
        f"--processes={PROCESSES}",
    ),
    _other(
        "taskiq",
        "taskiq-aio-sqs",
        "taskiq",
        "worker",
        "benchmarks.peers.taskiq_app:broker",
        f"--workers={PROCESSES}",
    ),
)
