"""Chaos: thousands of tasks while workers are killed, the emulator is restarted and clients drop."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final

from chalicelib.domain.task import Task, TaskStatus
from tests.chaos.alerts import Alerts
from tests.chaos.checker import Evidence, View, judge
from tests.chaos.havoc import Havoc
from tests.chaos.history import History
from tests.chaos.listeners import Listener, Listeners
from tests.chaos.orders import OWNERS, draw_orders, posts_of
from tests.chaos.poster import Api, Poster, redrive
from tests.chaos.sink import Sink
from tests.chaos.stage import ChaosError, Stage, await_true
from tests.chaos.stored import due_rows, stored_tasks
from tests.chaos.table import show, show_verdicts

#: A worker that was killed is noticed within half a minute, a lost message as well.
ENVIRONMENT: Final = {"LEASE_MARGIN_SECONDS": "5", "GRACE_SECONDS": "20"}
#: Of the time that a run has, at most this part goes by until the last fault; the world rests in the others.
_HAVOC: Final = 0.6
LEAST_FOR_CLIENTS_SECONDS: Final = 30.0
_SAY_EVERY_SECONDS: Final = 30.0
REDRIVES: Final = 30


class Chaos:
    """One run: what is posted, what is broken, what is left."""

    def __init__(self, stage: Stage, seed: int, count: int, seconds: float, sink: Sink) -> None:
        self._random = Random(seed)
        self._stage = stage
        self._sink = sink
        self._began = self._said = time.monotonic()
        self._seconds = seconds
        self._orders = draw_orders(self._random, count, sink, f"chaos-{seed}")
        self._history = History()
        tokens = {owner: stage.token(owner) for owner in OWNERS}
        self._apis = {owner: Api(stage.endpoints.http, token) for owner, token in tokens.items()}
        self._listeners = Listeners(
            [each for owner in OWNERS for each in self._clients(owner, tokens[owner])]
        )
        self._poster = Poster(self._apis, posts_of(self._orders), self._random)
        self._havoc = Havoc(stage, Random(seed), self._known)
        self._earlier_deaths: set[str] = set()

    def _clients(self, owner: str, token: str) -> list[Listener]:
        """A client that takes batches and drops, one of a single type that drops, and a steady one.

        The steady one of the first owner gets each version in a frame of its own. More of that kind
        would make the emulator, which does one thing at a time, spend all its time on them.
        """
        steady = "" if owner == OWNERS[0] else "?batch=1&watch=all"
        queries = {"?batch=1": None, "?batch=1&watch=type:csv.profile": "csv.profile", steady: None}
        return [
            Listener(
                f"{owner}{query}",
                self._stage.endpoints.websocket + query,
                token,
                self._history,
                Random(self._random.random()),
                owner,
                watched,
                steady=query == steady,  # loses its connections with the emulator alone
            )
            for query, watched in queries.items()
        ]

    def _known(self) -> list[tuple[str, str]]:
        return [(order.owner, task_id) for task_id, order in list(self._poster.accepted.items())]

    def _progress(self) -> float:
        """From 0, nothing posted, to 1, everything accepted and ended as far as clients know."""
        if time.monotonic() - self._said >= _SAY_EVERY_SECONDS:
            self._say(
                f"{len(self._poster.accepted)} accepted, {len(self._history.ended)} ended, "
                f"{self._havoc.kills.total()} workers killed, {len(self._havoc.restarts)} restarts"
            )
        if not self._listeners.alive:
            raise ChaosError("A client has met what it does not understand: see above.")
        return (len(self._poster.accepted) + len(self._history.ended)) / (2 * len(self._orders))

    def run(self) -> int:
        """How many promises are broken."""
        alerts = Alerts(self._stage)
        with self._listeners:
            await_true(lambda: all(each.synced for each in self._listeners.all), 30)
            with self._poster:
                self._havoc.wreak(self._progress, self._seconds * _HAVOC)
                await_true(lambda: self._poster.done, 30)
            self._listeners.calm()
            self._say("The last fault has struck; the world comes to rest ...")
            self._rest()
            self._retry_some()
            self._rest()
            self._stage.watch_dead_letters()
            self._await_clients()
            verdicts = judge(self._evidence(alerts.keys()))
        self._show()
        broken = show_verdicts(verdicts)
        if not broken and self._unanswered:
            raise ChaosError(f"No time was left for {self._unanswered} orders: MINUTES=20 allows more.")
        return broken

    @property
    def _unanswered(self) -> int:
        accepted = {order.number for order in self._poster.accepted.values()}
        return len(self._orders) - len(accepted) - len(self._poster.refused)

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        print(f"[{time.monotonic() - self._began:4.0f} s] {text}", flush=True)

    # --- Rest -------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Wait until nothing is left to do: for the sweep, for the workers, for the monitor."""
        for what, done in self._signs_of_rest().items():
            came = await_true(done, self._began + self._seconds - time.monotonic(), 1)
            self._say(f"{what}: {'yes' if came else 'NOT IN TIME'}")

    def _signs_of_rest(self) -> dict[str, Callable[[], bool]]:
        return {
            "every task has ended, every dead letter is sent": lambda: due_rows(self._stage) == 0,
            "the lanes are empty": lambda: self._stage.messages("fast", "long") == 0,
        }

    def _await_clients(self) -> None:
        """Wait until each client holds what is stored; what is stored is read once, as the world rests."""
        stored = stored_tasks(self._stage)
        left = self._began + self._seconds - time.monotonic()
        came = await_true(
            lambda: all(self._is_right(each, stored) for each in self._listeners.all),
            max(left, LEAST_FOR_CLIENTS_SECONDS),
        )
        self._say(f"every client holds what is stored: {'yes' if came else 'NOT IN TIME'}")

    @staticmethod
    def _is_right(listener: Listener, stored: dict[str, Task]) -> bool:
        wanted = {
            task.id: task.version
            for task in stored.values()
            if task.owner == listener.owner and listener.type in (None, task.type)
        }
        held = dict(listener.tasks)
        return all(task_id in held and held[task_id].version == wanted[task_id] for task_id in wanted)

    def _retry_some(self) -> None:
        """Give some of the dead another life."""
        dead = [task for task in stored_tasks(self._stage).values() if task.status is TaskStatus.FAILED]
        for task in dead[:REDRIVES]:
            if redrive(self._apis[task.owner], task.id, 30):
                self._earlier_deaths.add(f"{task.id}#0")

    # --- What is left -----------------------------------------------------------------------------

    def _evidence(self, alerts: Counter[str]) -> Evidence:
        self._stored = stored_tasks(self._stage)
        return Evidence(
            accepted=self._poster.accepted,
            by_key=self._poster.by_key,
            refused=self._poster.refused,
            stored=self._stored,
            due=due_rows(self._stage),
            updates=self._history.updates,
            contradictions=self._history.contradictions,
            views=[
                View(
                    name=each.name,
                    owner=each.owner,
                    type=each.type,
                    synced=each.synced,
                    versions={task_id: update.version for task_id, update in each.tasks.items()},
                )
                for each in self._listeners.all
            ],
            alerts=alerts,
            quarantined=frozenset(self._havoc.quarantined),
            earlier_deaths=frozenset(self._earlier_deaths),
            served=self._sink.served,
        )

    def _show(self) -> None:
        stored, clients = self._stored.values(), self._listeners.all
        single = sum(1 for order in self._orders if order.key)
        kinds = Counter(task.error.kind.value for task in stored if task.error and task.attempts)
        crashed = sum(
            1 for task in stored for each in task.attempts if each.error and each.error.kind == "crashed"
        )
        show(
            f"Chaos: {len(self._orders)} tasks in {time.monotonic() - self._began:.0f} s",
            {
                "accepted": f"{len(self._poster.accepted)}: {single} with a key, the others in batches",
                "answers to posts": _counted(self._poster.answers),
                "answers of 500": "; ".join(self._poster.broken) or "none",
                "stored without an answer": len(set(self._stored) - set(self._poster.accepted)),
                "workers killed": f"{self._havoc.kills.total()}: {_counted(self._havoc.kills)}",
                "emulator restarts": f"{len(self._havoc.restarts)}, "
                f"{sum(self._havoc.restarts):.0f} s without it",
                "messages of the floods": f"{self._havoc.messages}, "
                f"{len(self._havoc.quarantined)} of them not ours",
                "faults without time": self._havoc.unfinished,
                "clients": f"{len(clients)}, cut {sum(each.drops for each in clients)} times by themselves, "
                f"{sum(each.connections for each in clients)} connections",
                "updates told": f"{self._history.told}",
                "ended": _counted(Counter(task.status.value for task in stored)),
                "last errors": _counted(kinds),
                "attempts": f"{sum(len(task.attempts) for task in stored)}, {crashed} of them crashed",
                "requests at the sink": f"{self._sink.asked.total()}, for {len(self._sink.asked)} tasks; "
                f"{sum(1 for n in self._sink.served.values() if n > 1)} served more than once",
                "retried by their owner": len(self._earlier_deaths),
            },
        )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items())) or "none"


def chaos(stage: Stage, seed: int, count: int, seconds: float) -> int:
    """Run it on a stage for at most about so long; how many promises were broken.

    Raises: ChaosError when the time was too short, or the emulator lost what it held.
    """
    with Sink() as sink:
        return Chaos(stage, seed, count, seconds, sink).run()
