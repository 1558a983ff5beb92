"""The tasks of a run, drawn from its seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.chaos.sink import FLAKY, GONE, OK, Sink

OWNERS: Final = ("ada", "grace", "barbara")
#: The part of all tasks that is posted one by one, each with its own Idempotency-Key.
SINGLE: Final = 0.4
BATCH: Final = 50
#: Kinds of work and their weights.
_KINDS: Final = {"sleep": 40, "fail": 18, "die": 3, "http": 20, "flaky": 4, "gone": 1, "csv": 14}


@dataclass(frozen=True, kw_only=True)
class Order:
    """One task to create."""

    number: int
    owner: str
    kind: str
    body: dict[str, Any]
    key: str | None  #: its Idempotency-Key; None if it is posted in a batch

    @property
    def tag(self) -> str:
        """The tag of every task that this order creates."""
        return f"order-{self.number}"

    @property
    def must_fail(self) -> bool:
        """Is failure the only correct end?"""
        return self.kind in ("die", "gone")


def draw_orders(random: Random, count: int, sink: Sink, run: str) -> list[Order]:
    """Draw `count` orders. Their keys contain `run`."""
    orders = []
    kinds = random.choices(list(_KINDS), list(_KINDS.values()), k=count)
    for number, kind in enumerate(kinds):
        body = _body(random, kind, sink)
        key = f"{run}-{number}" if random.random() < SINGLE else None
        order = Order(number=number, owner=random.choice(OWNERS), kind=kind, body=body, key=key)
        body["tags"] = [order.tag]
        orders.append(order)
    return orders


def posts_of(orders: Sequence[Order]) -> Iterator[list[Order]]:
    """The orders grouped into posts: one by one those with a key, the others in batches of one owner."""
    batches: dict[str, list[Order]] = {}
    for order in orders:
        if order.key is not None:
            yield [order]
            continue
        batch = batches.setdefault(order.owner, [])
        batch.append(order)
        if len(batch) == BATCH:
            yield batches.pop(order.owner)
    yield from batches.values()


def _body(random: Random, kind: str, sink: Sink) -> dict[str, Any]:
    match kind:
        case "sleep":
            payload = {"seconds": round(random.uniform(0, 0.4), 2), "steps": random.randint(1, 3)}
            return _task("demo.sleep", payload)
        case "fail":
            return _task("demo.fail", {"times": random.randint(1, 2)})
        case "die":
            return _task("demo.fail", {"times": None, "message": "must fail"}, max_attempts=2)
        case "csv":
            lines = [f"{n},{random.randint(0, 99)},{random.choice('xyz')}" for n in range(30)]
            return _task("csv.profile", {"csv": "\n".join(["id,amount,group", *lines])})
        case _:
            path = {"http": OK, "flaky": FLAKY, "gone": GONE}[kind]
            return _task("http.request", {"url": sink.url(path), "method": "POST", "body": {"n": 1}})


def _task(task_type: str, payload: dict[str, Any], max_attempts: int = 6) -> dict[str, Any]:
    """Many attempts, because killed workers use them up. A short timeout, so that tasks recover quickly."""
    return {"type": task_type, "payload": payload, "max_attempts": max_attempts, "timeout_seconds": 15}
