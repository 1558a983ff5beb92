"""The simulated stream of the tasks table: in order for each row, in batches, at least once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from moto.dynamodb.models import dynamodb_backends

import app
from testing.kit import REGION
from tests.simulation.functions import Ended, Functions
from tests.simulation.scheduler import Scheduler

ACCOUNT = "123456789012"
#: As infra/deployer/event_sources.py sets them.
LANES = 2
MAX_RETRIES = 5
BATCH = 100


class Lane:
    """The records of some partition keys, delivered in order."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.busy = False
        self.retries = 0
        self.next_size = BATCH


class Stream:
    """Reads the changes of moto's table and delivers them to push_updates."""

    def __init__(
        self, scheduler: Scheduler, functions: Functions, table: str, chance: Callable[[str], int]
    ) -> None:
        self.seen: Callable[[dict[str, Any]], None] = lambda record: None
        self.given_up: list[dict[str, Any]] = []
        self._scheduler = scheduler
        self._functions = functions
        self._table = table
        self._position = 0
        self._lanes = [Lane() for _ in range(LANES)]
        self._chance = chance

    @property
    def empty(self) -> bool:
        """Is everything delivered?"""
        return not any(lane.records for lane in self._lanes)

    def follow(self) -> None:
        """Read the records written since the last call."""
        # Looked up each time: a transaction that moto rolls back leaves another table object.
        items = dynamodb_backends[ACCOUNT][REGION].get_table(self._table).stream_shard.items
        fresh, self._position = items[self._position :], len(items)
        for each in fresh:
            record = each.record
            self.seen(record)
            key = record["dynamodb"]["Keys"]["pk"]["S"]
            if key.startswith("task#"):
                lane = self._lanes[crc32(key.encode()) % LANES]
                lane.records.append(record)
                late = self._chance("stream late")
                self._scheduler.after(100 + late, lambda lane=lane: self._deliver(lane))

    def _deliver(self, lane: Lane) -> None:
        if lane.busy or not lane.records:
            return
        lane.busy = True
        batch = lane.records[: lane.next_size]
        event = {"Records": batch}
        self._functions.invoke(
            "push_updates",
            lambda context: app.push_updates(event, context),
            lambda ended: self._settle(lane, batch, ended),
        )

    def _settle(self, lane: Lane, batch: list[dict[str, Any]], ended: Ended) -> None:
        lane.busy = False
        if ended.good and not self._chance("batch delivered again"):
            self._done(lane, batch)
        else:
            lane.retries += 1
            lane.next_size = max(1, len(batch) // 2)
            if lane.retries > MAX_RETRIES:
                self.given_up += batch
                self._done(lane, batch)
        wait = 1000 * 2**lane.retries if lane.retries else 0
        self._scheduler.after(wait, lambda: self._deliver(lane))

    @staticmethod
    def _done(lane: Lane, batch: list[dict[str, Any]]) -> None:
        del lane.records[: len(batch)]
        lane.retries, lane.next_size = 0, BATCH
