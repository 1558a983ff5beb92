"""Which faults happen in a world: none, chosen ones, or random ones drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from tests.simulation.calls import Call, Fault, Trouble
from tests.simulation.queues import SECOND

#: Clocks differ by at most twice this, which is less than the lease margin of 15 s.
SKEW = 5 * SECOND


#: A copy of a pause's write that arrives later than this may find the pause forgotten, and set it again
#: (docs/explanation/reliability.md, "What is not promised"). The SDK sends no copy so late.
_PAUSE_COPY = 100 * SECOND


def can_happen(call: Call, trouble: Trouble) -> bool:
    """Can this call have this trouble, and does a promise cover it?"""
    if trouble.fault is Fault.PARTLY and not call.batch:
        return False
    late = trouble.fault is Fault.LATE_COPY and trouble.milliseconds > _PAUSE_COPY
    return not (late and call.operation == "PutItem" and '"pauses"' in call.body)


class NoFaults:
    """No faults. Every request takes a few milliseconds."""

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)
        self.over = False  #: no more faults from now on

    def trouble(self, call: Call) -> Trouble | None:
        """The trouble of `call`, if any."""
        return None

    def latency(self) -> int:
        """Milliseconds that a request or its response takes."""
        return self.random.randint(2, 15)

    def chance(self, name: str) -> int:
        """Milliseconds for which the named event happens; 0 if it does not."""
        return 0

    def skew(self) -> int:
        """The clock error of a new container, in milliseconds."""
        return 0


@dataclass(frozen=True, slots=True)
class Point:
    """One fault at one call."""

    number: int
    trouble: Trouble

    def __str__(self) -> str:
        return f"{self.trouble.fault.name}@{self.number}:{self.trouble.milliseconds}"

    @classmethod
    def parse(cls, text: str) -> Point:
        """The point in the text that `str` makes."""
        fault, _, place = text.partition("@")
        number, _, milliseconds = place.partition(":")
        return cls(int(number), Trouble(fault=Fault[fault], milliseconds=int(milliseconds or 0)))


class FaultsAtPoints(NoFaults):
    """Faults at the calls with chosen numbers."""

    def __init__(self, points: Iterable[Point], seed: int = 0) -> None:
        super().__init__(seed)
        self._points = {point.number: point.trouble for point in points}

    def trouble(self, call: Call) -> Trouble | None:
        return self._points.get(call.number)


class FaultAt(NoFaults):
    """Faults at every call that the rule selects, and the events that are named."""

    def __init__(
        self,
        rule: Callable[[Call], Trouble | None],
        events: Callable[[str], int] = lambda name: 0,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self._rule = rule
        self._events = events

    def trouble(self, call: Call) -> Trouble | None:
        return None if self.over else self._rule(call)

    def chance(self, name: str) -> int:
        return 0 if self.over else self._events(name)


#: Probability of each event in RandomFaults, and its longest duration.
_EVENTS = {
    "message lost": (0.06, 1),
    "message late": (0.3, 20 * SECOND),
    "message doubled": (0.15, 1),
    "message delivered again": (0.1, 400 * SECOND),
    "entry of a batch fails": (0.05, 1),
    "frame late": (0.3, 3 * SECOND),
    "frame lost with its connection": (0.03, 1),
    "disconnect lost": (0.5, 1),
    "stream late": (0.3, 5 * SECOND),
    "batch delivered again": (0.1, 1),
    "sweep twice": (0.4, 2 * SECOND),
    "monitor twice": (0.3, 3 * SECOND),
    "read old": (0.2, 1),
    "browser drops": (0.1, 1),
}
#: Weight of each fault in RandomFaults, and its longest duration.
_FAULTS = {
    Fault.CRASH_BEFORE: (4, 0),
    Fault.CRASH_AFTER: (4, 0),
    Fault.REFUSED: (2, 0),
    Fault.THROTTLED: (2, 0),
    Fault.NO_RESPONSE: (3, 0),
    Fault.PARTLY: (4, 0),
    Fault.TWICE: (4, 4 * SECOND),
    Fault.LATE_COPY: (4, 600 * SECOND),
    Fault.FROZEN: (4, 400 * SECOND),
}


class RandomFaults(NoFaults):
    """Random faults and events, drawn from a seed, until `budget` faults have happened."""

    def __init__(self, seed: int, budget: int = 12) -> None:
        super().__init__(seed)
        self._budget = budget
        self._rate = self.random.choice((0.01, 0.03, 0.08))

    def trouble(self, call: Call) -> Trouble | None:
        if self.over or self._budget == 0 or self.random.random() > self._rate:
            return None
        self._budget -= 1
        fault = self.random.choices(list(_FAULTS), [weight for weight, _ in _FAULTS.values()])[0]
        longest = _FAULTS[fault][1]
        trouble = Trouble(fault=fault, milliseconds=self.random.randint(0, longest) if longest else 0)
        return trouble if can_happen(call, trouble) else None

    def latency(self) -> int:
        if self.random.random() < 0.05:
            return self.random.randint(15, 3000)
        return self.random.randint(2, 60)

    def chance(self, name: str) -> int:
        likely, longest = _EVENTS[name]
        if self.over or self.random.random() > likely:
            return 0
        return self.random.randint(1, longest)

    def skew(self) -> int:
        return self.random.randint(-SKEW, SKEW)
