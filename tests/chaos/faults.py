"""The faults of a run, drawn from its seed. Each happens when a given part of the work is done."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

from tests.chaos.stage import Stage, await_true

#: Weights of the functions whose workers are killed. Not the monitor: if it dies between alert and record it
#: repeats the alert, which is correct. The simulation kills the monitor.
_VICTIMS: Final = {
    "run_tasks": 6,
    "run_long_tasks": 4,
    "push_updates": 4,
    "api": 4,
    "websocket_message": 2,
    "websocket_connect": 1,
    "websocket_disconnect": 1,
    "sweep": 2,
}
RESTARTS: Final = (0.2, 0.45, 0.7)
FLOODS: Final = (0.08, 0.25, 0.4, 0.55, 0.65, 0.8)
KILLS: Final = 50
FLOOD: Final = 50
#: The last fault happens before this part of the work: later ones would find nothing to break.
_LAST: Final = 0.92


class Fault(NamedTuple):
    """A fault, and the part of the work after which it happens."""

    progress: float
    kind: str  #: kill, restart or flood
    victim: str = ""


def draw_faults(random: Random) -> list[Fault]:
    """Draw the faults of a run, in order."""
    victims = random.choices(list(_VICTIMS), list(_VICTIMS.values()), k=KILLS)
    faults = [Fault(random.uniform(0.02, _LAST), "kill", victim) for victim in victims]
    faults += [Fault(progress, "restart") for progress in RESTARTS]
    faults += [Fault(progress, "flood") for progress in FLOODS]
    return sorted(faults)


@dataclass(frozen=True)
class StrayMessage:
    """A message that the service did not send."""

    body: str
    known_shape: bool  #: it looks like a task message: acknowledged without an alert


def draw_message(random: Random, known: Sequence[tuple[str, str]]) -> StrayMessage:
    """Draw nonsense, a message of no task, or another message of a task of `known`: (owner, id)."""
    nonsense = [
        "<order/>",
        "{",
        "null",
        "[]",
        '"text"',
        json.dumps({"owner": "ada"}),
        json.dumps({"owner": "ada", "id": "nope", "lease": 0}),
        json.dumps({"owner": 7, "id": [], "lease": {}}),
        "[" * 5000,
        "x" * 20_000,
    ]
    if not known or random.random() < 0.6:
        return StrayMessage(random.choice(nonsense), known_shape=False)
    owner, task_id = random.choice(known)
    if random.random() < 0.3:
        owner = "nobody"
    return StrayMessage(
        json.dumps({"owner": owner, "id": task_id, "lease": random.randint(0, 3)}), known_shape=True
    )


class FaultInjector:
    """Breaks the stage according to a plan."""

    def __init__(self, stage: Stage, random: Random, known: Callable[[], Sequence[tuple[str, str]]]) -> None:
        self.kills: Counter[str] = Counter()
        self.restarts: list[float] = []  #: seconds without the emulator
        self.quarantined: set[str] = set()  #: ids of messages that need an alert
        self.messages = 0  #: sent in floods
        self.unfinished = 0  #: faults for which no time was left
        self._stage = stage
        self._random = random
        self._known = known
        self._plan = draw_faults(random)

    def inject(self, progress: Callable[[], float], seconds: float) -> None:
        """Cause each fault when `progress` reaches it, for at most `seconds`."""
        deadline = time.monotonic() + seconds
        for number, fault in enumerate(self._plan):
            due = await_true(
                lambda fault=fault: progress() >= fault.progress, deadline - time.monotonic(), 0.1
            )
            if not due:
                self.unfinished = len(self._plan) - number
                return
            self._cause(fault)

    def _cause(self, fault: Fault) -> None:
        match fault.kind:
            case "kill":
                pids = sorted(self._stage.workers().get(fault.victim, []))
                # Most workers are idle. Only a kill of all of them surely hits one that runs a task.
                for pid in pids[: self._random.choice([1, len(pids)])]:
                    self.kills[fault.victim] += self._stage.kill(pid)
            case "restart":
                self.restarts.append(self._stage.restart())
            case _:
                self._flood()

    def _flood(self) -> None:
        sqs: Any = self._stage.client("sqs")
        urls = [self._stage.queue_url(lane) for lane in ("fast", "long")]
        known = self._known()
        for _ in range(FLOOD):
            message = draw_message(self._random, known)
            sent = sqs.send_message(QueueUrl=self._random.choice(urls), MessageBody=message.body)
            self.messages += 1
            if not message.known_shape:
                self.quarantined.add(sent["MessageId"])
