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
from tests.chaos.faults import FaultInjector
from tests.chaos.history import History
from tests.chaos.listeners import Listener, Listeners
from tests.chaos.orders import OWNERS, draw_orders, posts_of
from tests.chaos.poster import Api, Poster, redrive
from tests.chaos.report import Report
from tests.chaos.sink import Sink
from tests.chaos.stage import ChaosError, Stage, await_true
from tests.chaos.stored import due_rows, stored_tasks

#: A killed worker and a lost message are found within half a minute.
ENVIRONMENT: Final = {"LEASE_MARGIN_SECONDS": "5", "GRACE_SECONDS": "20"}
#: The last fault happens before this part of a run's time. The stage comes to rest in the other part.
_FAULTS_END: Final = 0.6
LEAST_FOR_CLIENTS_SECONDS: Final = 30.0
_PRINT_EVERY_SECONDS: Final = 30.0
REDRIVES: Final = 30


class Chaos:
    """One run: posts tasks, injects faults, checks the promises."""

    def __init__(
        self, stage: Stage, sink: Sink, report: Report, *, seed: int, count: int, seconds: float
    ) -> None:
        self._random = Random(seed)
        self._stage = stage
        self._sink = sink
        self._report = report
        self._began = self._printed = time.monotonic()
        self._seconds = seconds
        self._orders = draw_orders(self._random, count, sink, f"chaos-{seed}")
        self._history = History()
        tokens = {owner: stage.token(owner) for owner in OWNERS}
        self._apis = {owner: Api(stage.endpoints.http, token) for owner, token in tokens.items()}
        self._listeners = Listeners(
            [each for owner in OWNERS for each in self._clients(owner, tokens[owner])]
        )
        self._poster = Poster(self._apis, posts_of(self._orders), self._random)
        self._faults = FaultInjector(stage, Random(seed), self._known)
        self._earlier_failures: set[str] = set()

    def _clients(self, owner: str, token: str) -> list[Listener]:
        """Two clients that drop, one of them watching a single type, and a steady one.

        The steady one of the first owner gets each version in its own frame. More clients of that kind
        would take all the time of the emulator, which does one thing at a time.
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
                steady=query == steady,  # it loses connections only when the emulator restarts
            )
            for query, watched in queries.items()
        ]

    def _known(self) -> list[tuple[str, str]]:
        return [(order.owner, task_id) for task_id, order in list(self._poster.accepted.items())]

    def _progress(self) -> float:
        """0 when nothing is posted; 1 when all tasks are accepted and clients have received their ends."""
        if time.monotonic() - self._printed >= _PRINT_EVERY_SECONDS:
            self._print(
                f"{len(self._poster.accepted)} accepted, {len(self._history.ended)} ended, "
                f"{self._faults.kills.total()} workers killed, {len(self._faults.restarts)} restarts"
            )
        if not self._listeners.alive:
            raise ChaosError("A client had an unexpected error: see above.")
        return (len(self._poster.accepted) + len(self._history.ended)) / (2 * len(self._orders))

    def run(self) -> int:
        """Run it. Returns the number of broken promises."""
        alerts = Alerts(self._stage)
        with self._listeners:
            await_true(lambda: all(each.synced for each in self._listeners.all), 30)
            with self._poster:
                self._faults.inject(self._progress, self._seconds * _FAULTS_END)
                await_true(lambda: self._poster.done, 30)
            self._listeners.stop_drops()
            self._print("The last fault has happened. Waiting for the stage to come to rest ...")
            self._rest()
            self._retry_some()
            self._rest()
            self._stage.watch_dead_letters()
            self._await_clients()
            verdicts = judge(self._evidence(alerts.keys()))
        self._show()
        broken = self._report.show_verdicts(verdicts)
        if not broken and self._unanswered:
            raise ChaosError(f"No time was left for {self._unanswered} orders: MINUTES=20 allows more.")
        return broken

    @property
    def _unanswered(self) -> int:
        accepted = {order.number for order in self._poster.accepted.values()}
        return len(self._orders) - len(accepted) - len(self._poster.refused)

    def _print(self, text: str) -> None:
        self._printed = time.monotonic()
        print(f"[{time.monotonic() - self._began:4.0f} s] {text}", flush=True)

    # --- Rest -------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Wait until sweep, workers and monitor have nothing to do."""
        for what, done in self._signs_of_rest().items():
            came = await_true(done, self._began + self._seconds - time.monotonic(), 1)
            self._print(f"{what}: {'yes' if came else 'NOT IN TIME'}")

    def _signs_of_rest(self) -> dict[str, Callable[[], bool]]:
        return {
            "every task has ended, every dead letter is sent": lambda: due_rows(self._stage) == 0,
            "the lanes are empty": lambda: self._stage.messages("fast", "long") == 0,
        }

    def _await_clients(self) -> None:
        """Wait until each client holds what is stored. The table is read once: it no longer changes."""
        stored = stored_tasks(self._stage)
        left = self._began + self._seconds - time.monotonic()
        came = await_true(
            lambda: all(self._is_right(each, stored) for each in self._listeners.all),
            max(left, LEAST_FOR_CLIENTS_SECONDS),
        )
        self._print(f"every client holds what is stored: {'yes' if came else 'NOT IN TIME'}")

    @staticmethod
    def _is_right(listener: Listener, stored: dict[str, Task]) -> bool:
        expected = {
            task.id: task.version
            for task in stored.values()
            if task.owner == listener.owner and listener.type in (None, task.type)
        }
        held = dict(listener.tasks)
        return listener.synced and all(
            task_id in held and held[task_id].version == expected[task_id] for task_id in expected
        )

    def _retry_some(self) -> None:
        """Retry some of the failed tasks."""
        failed = [task for task in stored_tasks(self._stage).values() if task.status is TaskStatus.FAILED]
        for task in failed[:REDRIVES]:
            if redrive(self._apis[task.owner], task.id, 30):
                self._earlier_failures.add(f"{task.id}#0")

    # --- Results --------------------------------------------------------------------------------

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
            quarantined=frozenset(self._faults.quarantined),
            earlier_failures=frozenset(self._earlier_failures),
            served=self._sink.served,
        )

    def _show(self) -> None:
        stored, clients = self._stored.values(), self._listeners.all
        single = sum(1 for order in self._orders if order.key)
        kinds = Counter(task.error.kind.value for task in stored if task.error and task.attempts)
        crashed = sum(
            1 for task in stored for each in task.attempts if each.error and each.error.kind == "crashed"
        )
        self._report.show(
            f"Chaos: {len(self._orders)} tasks in {time.monotonic() - self._began:.0f} s",
            {
                "accepted": f"{len(self._poster.accepted)}: {single} with a key, the others in batches",
                "responses to posts": _counted(self._poster.answers),
                "responses 500": "; ".join(self._poster.broken) or "none",
                "stored without a response": len(set(self._stored) - set(self._poster.accepted)),
                "workers killed": f"{self._faults.kills.total()}: {_counted(self._faults.kills)}",
                "emulator restarts": f"{len(self._faults.restarts)}, "
                f"{sum(self._faults.restarts):.0f} s without it",
                "messages of the floods": f"{self._faults.messages}, "
                f"{len(self._faults.quarantined)} of them unrecognized",
                "faults left out": self._faults.unfinished,
                "clients": f"{len(clients)}, {sum(each.drops for each in clients)} drops of their own, "
                f"{sum(each.connections for each in clients)} connections",
                "updates received": f"{self._history.received}",
                "ended": _counted(Counter(task.status.value for task in stored)),
                "last errors": _counted(kinds),
                "attempts": f"{sum(len(task.attempts) for task in stored)}, {crashed} of them crashed",
                "requests at the sink": f"{self._sink.calls.total()} of {len(self._sink.calls)} tasks; "
                f"{sum(1 for n in self._sink.served.values() if n > 1)} served more than once",
                "retried by their owner": len(self._earlier_failures),
            },
        )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items())) or "none"


def chaos(stage: Stage, report: Report, *, seed: int, count: int, seconds: float) -> int:
    """Run it on a stage for about `seconds` at most. Returns the number of broken promises.

    Raises: ChaosError when the time was too short, or the emulator lost its data.
    """
    with Sink() as sink:
        return Chaos(stage, sink, report, seed=seed, count=count, seconds=seconds).run()
