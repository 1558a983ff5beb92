"""What the owners of a run want done: drawn from its seed, the same tasks for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.chaos.sink import FLAKY, GONE, OK, Sink

OWNERS: Final = ("ada", "grace", "barbara")
#: This part of all tasks is posted one by one, each under an Idempotency-Key of its own.
SINGLE: Final = 0.4
BATCH: Final = 50
#: Kinds of work, and how often each is wanted.
_KINDS: Final = {"sleep": 40, "fail": 18, "die": 3, "http": 20, "flaky": 4, "gone": 1, "csv": 14}


@dataclass(frozen=True, kw_only=True)
class Order:
    """One wanted task."""

    number: int
    owner: str
    kind: str
    body: dict[str, Any]
    key: str | None  #: its Idempotency-Key; None when it is posted in a batch

    @property
    def tag(self) -> str:
        """Marks every task that this order made."""
        return f"order-{self.number}"

    @property
    def doomed(self) -> bool:
        """Can it only fail?"""
        return self.kind in ("die", "gone")


def draw_orders(random: Random, count: int, sink: Sink, run: str) -> list[Order]:
    """`count` orders; `run` is part of their keys."""
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
    """The same orders as they are posted: one by one those with a key, the others in batches of an owner."""
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
            return _wanted("demo.sleep", payload)
        case "fail":
            return _wanted("demo.fail", {"times": random.randint(1, 2)})
        case "die":
            return _wanted("demo.fail", {"times": None, "message": "doomed"}, max_attempts=2)
        case "csv":
            lines = [f"{n},{random.randint(0, 99)},{random.choice('xyz')}" for n in range(30)]
            return _wanted("csv.profile", {"csv": "\n".join(["id,amount,group", *lines])})
        case _:
            path = {"http": OK, "flaky": FLAKY, "gone": GONE}[kind]
            return _wanted("http.request", {"url": sink.url(path), "method": "POST", "body": {"n": 1}})


def _wanted(task_type: str, payload: dict[str, Any], max_attempts: int = 6) -> dict[str, Any]:
    """Killed workers cost attempts, so there are plenty. A silent run is given up soon, so that it heals."""
    return {"type": task_type, "payload": payload, "max_attempts": max_attempts, "timeout_seconds": 15}
