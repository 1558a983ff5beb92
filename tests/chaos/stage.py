"""A local stage to be broken: on a free port, with its data in its own directory."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from chalicelib.domain.caller import Scope
from local.deployer import Deployer
from local.emulator import Emulator
from local.smoke_test import run_smoke_test
from local.stage import PREFIX, Endpoints, LocalStage
from tests.support.emulators import free_port, process_id
from tests.support.lambda_events import schedule_event

ROOT: Final = Path(__file__).parents[2]
#: The message of a killed worker returns within a minute, not within twelve.
VISIBILITY_SECONDS: Final = {"fast": 30, "long": 30, "dead-letters": 60}
#: The emulator must save these when it stops. Else the run continues with other data.
_SAVED: Final = ("dynamodb", "sqs", "sns", "lambda")
#: The directory into which the emulator unpacks a function's code.
_CODE: Final = re.compile(rf"/ministack-lambda-{PREFIX}-?(?P<function>\w*)-[a-z0-9_]{{8}}/_worker\.py")
_pause: Final = threading.Event()  # never set: waiting for it is the pause between two polls


class ChaosError(Exception):
    """The run cannot go on, for a reason outside the service. The message has the reason."""


def await_true(condition: Callable[[], object], seconds: float, every_seconds: float = 0.5) -> bool:
    """Poll `condition`. Returns True when it is true, False if that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        _pause.wait(every_seconds)
    return True


class Stage:
    """The service as `make up` starts it, with short leases, so that it recovers within a run."""

    def __init__(self, home: Path, **environment: str) -> None:
        port = free_port()
        self._emulator = Emulator(port, home, persist=True)
        self._state = home / "state" / str(port)
        deployer = Deployer(
            source=ROOT,
            endpoint=self._emulator.endpoint,
            home=home,
            records=home / "deployed",
            environment=environment,
        )
        self._stage = LocalStage(self._emulator, deployer)
        self.endpoints: Endpoints

    def __enter__(self) -> Self:
        try:
            self._emulator.start()
            self._bring_up()
            run_smoke_test(self.endpoints)
        except BaseException:
            self._emulator.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._emulator.stop()

    def restart(self) -> float:
        """Stop the emulated AWS and all functions, and start it again. Returns the seconds without it.

        Raises: ChaosError when it did not save its data.
        """
        stopped, began = time.time(), time.monotonic()
        self._emulator.stop()
        lost = [name for name in _SAVED if not self._is_saved(name, stopped)]
        if lost:
            raise ChaosError(f"The emulator stopped and did not save {', '.join(lost)}.")
        self._emulator.start()
        self._bring_up()
        self._stage.sweep()
        return time.monotonic() - began

    def _is_saved(self, name: str, since: float) -> bool:
        file = self._state / f"{name}.json"
        return file.exists() and file.stat().st_mtime >= since - 1

    def _bring_up(self) -> None:
        self.endpoints = self._stage.bring_up()
        sqs = self.client("sqs")
        for name, seconds in VISIBILITY_SECONDS.items():
            sqs.set_queue_attributes(
                QueueUrl=self.queue_url(name), Attributes={"VisibilityTimeout": str(seconds)}
            )

    # --- Access ----------------------------------------------------------------------------------

    def token(self, owner: str) -> str:
        """A token of `owner` with all scopes."""
        return self._stage.token(owner, tuple(Scope))

    def client(self, name: str) -> Any:
        """A client of an emulated AWS service."""
        return self._emulator.client(name)

    def queue_url(self, name: str) -> str:
        """The URL of the stage's own queue."""
        return str(self.client("sqs").get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"])

    def messages(self, *names: str) -> int:
        """The number of messages in these queues, visible or not."""
        kinds = ["", "NotVisible", "Delayed"]
        attributes = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        sqs = self.client("sqs")
        return sum(
            int(count)
            for name in names
            for count in sqs.get_queue_attributes(QueueUrl=self.queue_url(name), AttributeNames=attributes)[
                "Attributes"
            ].values()
        )

    def watch_dead_letters(self) -> None:
        """Invoke the monitor now. Its schedule is five minutes."""
        event = json.dumps(schedule_event("watch_dead_letters"))
        answer = self._emulator.client("lambda", read_timeout_seconds=300).invoke(
            FunctionName=f"{PREFIX}-watch_dead_letters",
            Payload=event.encode(),
        )
        if "FunctionError" in answer:
            raise ChaosError(f"The monitor failed: {answer['Payload'].read()!r}")

    # --- Its processes ----------------------------------------------------------------------------

    def workers(self) -> dict[str, list[int]]:
        """The process ids of the functions' workers, by function name (`api` for the API)."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError, ValueError):
                code = _CODE.search((entry / "cmdline").read_text())
                if code and _parent(entry) == process_id(self._emulator):
                    found[code["function"] or "api"].append(int(entry.name))
        return dict(found)

    def kill(self, pid: int) -> bool:
        """Kill a worker. Returns False if the process is not a worker of this stage any more."""
        if not any(pid in pids for pids in self.workers().values()):
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])
