"""The faults of a run: drawn from its seed, each due when so much of the work is done."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

from tests.chaos.stage import Stage, await_true

#: How often each function's workers are killed. Not the monitor: one that dies between its alert and its
#: record tells it again, as it must; the simulation kills that one.
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
#: Of all work; later faults would strike a world at rest.
_LAST: Final = 0.92


class Fault(NamedTuple):
    """What happens, when so much of the work is done."""

    progress: float
    kind: str  #: kill, restart or flood
    victim: str = ""


def draw_faults(random: Random) -> list[Fault]:
    """The faults of a run, in order."""
    victims = random.choices(list(_VICTIMS), list(_VICTIMS.values()), k=KILLS)
    faults = [Fault(random.uniform(0.02, _LAST), "kill", victim) for victim in victims]
    faults += [Fault(progress, "restart") for progress in RESTARTS]
    faults += [Fault(progress, "flood") for progress in FLOODS]
    return sorted(faults)


@dataclass(frozen=True)
class Garbage:
    """A message that nobody asked for."""

    body: str
    ours: bool  #: has the shape of a wake-up: it is acknowledged, and nobody is told


def draw_garbage(random: Random, known: Sequence[tuple[str, str]]) -> Garbage:
    """Nonsense, a wake-up of nothing, or one more wake-up of a task: `known` are owners and ids."""
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
        return Garbage(random.choice(nonsense), ours=False)
    owner, task_id = random.choice(known)
    if random.random() < 0.3:
        owner = "nobody"
    return Garbage(json.dumps({"owner": owner, "id": task_id, "lease": random.randint(0, 3)}), ours=True)


class Havoc:
    """Breaks the stage as its plan says."""

    def __init__(self, stage: Stage, random: Random, known: Callable[[], Sequence[tuple[str, str]]]) -> None:
        self.kills: Counter[str] = Counter()
        self.restarts: list[float] = []  #: seconds without the emulator
        self.quarantined: set[str] = set()  #: ids of messages that are to be told of
        self.messages = 0  #: sent by floods
        self.unfinished = 0  #: faults that no time was left for
        self._stage = stage
        self._random = random
        self._known = known
        self._plan = draw_faults(random)

    def wreak(self, progress: Callable[[], float], seconds: float) -> None:
        """Let each fault happen as soon as `progress` has come to it, but only for so long."""
        deadline = time.monotonic() + seconds
        for number, fault in enumerate(self._plan):
            due = await_true(
                lambda fault=fault: progress() >= fault.progress, deadline - time.monotonic(), 0.1
            )
            if not due:
                self.unfinished = len(self._plan) - number
                return
            self._strike(fault)

    def _strike(self, fault: Fault) -> None:
        match fault.kind:
            case "kill":
                pids = sorted(self._stage.workers().get(fault.victim, []))
                # Most workers idle: only where all die are those sure to die that run something.
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
            garbage = draw_garbage(self._random, known)
            sent = sqs.send_message(QueueUrl=self._random.choice(urls), MessageBody=garbage.body)
            self.messages += 1
            if not garbage.ours:
                self.quarantined.add(sent["MessageId"])
