"""Puts the services together: the only place that knows every collaborator.

A container imports and builds each service when a handler first asks for it, and keeps it: a socket handler
pays for no worker. Tests build their own with another clock.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib import observability
from chalicelib.aws.clients import CONNECTIONS
from chalicelib.guards import Guards
from chalicelib.observability import Metrics
from chalicelib.services.threads import Threads, end_process
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import AwsClients
    from chalicelib.domain.retry import RetryPolicy
    from chalicelib.domain.task_types import TaskTypes
    from chalicelib.domain.timing import Timing
    from chalicelib.services.connections import Connections
    from chalicelib.services.dead_letter_browser import DeadLetterBrowser
    from chalicelib.services.dead_letters import DeadLetterMonitor, Obituary
    from chalicelib.services.explanations import Explanations
    from chalicelib.services.pauses import Pauses
    from chalicelib.services.realtime import Push
    from chalicelib.services.redrives import Redrives
    from chalicelib.services.stats import Stats
    from chalicelib.services.sweeper import Sweeper
    from chalicelib.services.switch import Switch
    from chalicelib.services.tasks import TaskService
    from chalicelib.services.waiters import Waiters
    from chalicelib.services.worker import Worker


def _now() -> datetime:
    return datetime.now(UTC)


class Services(Guards):
    """Everything that the handlers delegate to."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = _now,
        wait: Callable[[float], None] = time.sleep,
        draw: Callable[[], float] = random.random,
        random_bits: Callable[[int], int] = secrets.randbits,
        threads: Threads | None = None,
        poll_seconds: int = 1,
        end_process: Callable[[], None] = end_process,
        task_types: TaskTypes | None = None,
        clients: AwsClients | None = None,
    ) -> None:
        self._run_threads = threads or Threads()
        pool = self._run_threads.pool(CONNECTIONS, "aws")
        super().__init__(
            settings, clients, pool, clock=clock, wait=wait, draw=draw, poll_seconds=poll_seconds
        )
        observability.configure(settings.log_level)
        self.metrics = Metrics(settings.stage)
        self._random_bits = random_bits
        self._end_process = end_process
        self._task_types = task_types

    @cached_property
    def timing(self) -> Timing:
        from chalicelib.policies import timing_of

        return timing_of(self.settings)

    @cached_property
    def retry(self) -> RetryPolicy:
        from chalicelib.policies import retry_of

        return retry_of(self.settings)

    # --- Use cases ------------------------------------------------------------------------------

    @cached_property
    def tasks(self) -> TaskService:
        from chalicelib.services.tasks import TaskService

        return TaskService(
            tasks=self.task_table,
            listing=self.task_list,
            keys=self._idempotency_keys,
            queue=self.task_queue,
            obituary=self._obituary,
            task_types=self.task_types,
            timing=self.timing,
            metrics=self.metrics,
            clock=self.clock,
            random_bits=self._random_bits,
            buckets=self.settings.task_buckets,
            due_buckets=self.settings.due_buckets,
        )

    @cached_property
    def worker(self) -> Worker:
        from chalicelib.services.worker import Worker

        return Worker(
            tasks=self.task_table,
            queue=self.task_queue,
            dead_letters=self.dead_letter_queue,
            obituary=self._obituary,
            task_types=self.task_types,
            pauses=self.pauses,
            secret=self._secret,
            retry=self.retry,
            timing=self.timing,
            metrics=self.metrics,
            threads=self._threads,
            run_threads=self._run_threads,
            clock=self.clock,
            draw=self._draw,
            claim_id=lambda: f"{self._random_bits(32):08x}",
            end_process=self._end_process,
        )

    @cached_property
    def sweeper(self) -> Sweeper:
        from chalicelib.services.sweeper import Sweeper

        return Sweeper(
            tasks=self.task_table,
            due=self.due_index,
            queue=self.task_queue,
            obituary=self._obituary,
            task_types=self.task_types,
            pauses=self.pauses,
            retry=self.retry,
            timing=self.timing,
            metrics=self.metrics,
            threads=self._threads,
            bucket_threads=self._run_threads.pool(self.settings.due_buckets, "bucket"),
            buckets=self.settings.due_buckets,
            clock=self.clock,
            draw=self._draw,
        )

    @cached_property
    def pauses(self) -> Pauses:
        from chalicelib.services.pauses import Pauses

        return Pauses(self._pause_table, self.clock)

    @cached_property
    def dead_letters(self) -> DeadLetterMonitor:
        from chalicelib.aws.dead_letter_records import DeadLetterRecords
        from chalicelib.services.dead_letters import DeadLetterMonitor

        return DeadLetterMonitor(
            tasks=self.task_table,
            queue=self.dead_letter_queue,
            records=DeadLetterRecords(self.clients.dynamodb, self._rows, self.timing.keep),
            alerts=self._alerts,
            metrics=self.metrics,
            clock=self.clock,
            timing=self.timing,
            stage=self.settings.stage,
        )

    @cached_property
    def push(self) -> Push:
        from chalicelib.services.realtime import Push

        return Push(
            connections=self._connection_table,
            documents=self._documents,
            rollups=self._rollups,
            sockets=self.sockets,
            metrics=self.metrics,
            threads=self._threads,
            clock=self.clock,
            wait=self._wait,
            failures_allowed=self.settings.connection_failures,
        )

    @cached_property
    def connections(self) -> Connections:
        from chalicelib.services.connections import Connections

        return Connections(
            connections=self._connection_table,
            tasks=self.task_table,
            listing=self.task_list,
            sockets=self.sockets,
            limits=self.limits,
            clock=self.clock,
            clock_margin=self.timing.lease_margin,
        )

    @cached_property
    def stats(self) -> Stats:
        from chalicelib.services.stats import Stats

        return Stats(
            rollups=self._rollups,
            queue=self.task_queue,
            dead_letters=self.dead_letter_queue,
            threads=self._threads,
            clock=self.clock,
        )

    # --- For people ------------------------------------------------------------------------------

    @cached_property
    def explanations(self) -> Explanations:
        from chalicelib.services.explanations import Explanations

        return Explanations(
            tasks=self.tasks,
            queue=self.task_queue,
            task_types=self.task_types,
            pauses=self.pauses,
            clock=self.clock,
        )

    @cached_property
    def dead_letter_browser(self) -> DeadLetterBrowser:
        from chalicelib.services.dead_letter_browser import DeadLetterBrowser

        return DeadLetterBrowser(deaths=self._deaths, tasks=self.task_table)

    @cached_property
    def redrives(self) -> Redrives:
        from chalicelib.aws.redrive_table import RedriveTable
        from chalicelib.services.redrives import SIDE_BY_SIDE, Redrives

        return Redrives(
            table=RedriveTable(self.clients.dynamodb, self._rows, self.timing.keep),
            listing=self.task_list,
            tasks=self.tasks,
            limits=self.limits,
            timing=self.timing,
            threads=self._run_threads.pool(SIDE_BY_SIDE, "redrive"),
            clock=self.clock,
            wait=self._wait,
            random_bits=self._random_bits,
        )

    @cached_property
    def waiters(self) -> Waiters:
        from chalicelib.services.waiters import Waiters

        return Waiters(
            tasks=self.task_table,
            table=self._wait_table,
            waiters=self.settings.waiters,
            clock=self.clock,
            wait=self._wait,
        )

    @cached_property
    def switch(self) -> Switch:
        from chalicelib.services.switch import Switch

        return Switch(pauses=self.pauses, task_types=self.task_types, sweeper=self.sweeper, clock=self.clock)

    @cached_property
    def task_types(self) -> TaskTypes:
        if self._task_types is not None:
            return self._task_types
        import chalicelib.task_types  # noqa: F401 - fills the registry
        from chalicelib.domain.task_types import TASK_TYPES

        return TASK_TYPES

    @cached_property
    def _obituary(self) -> Obituary:
        from chalicelib.services.dead_letters import Obituary

        return Obituary(self.task_table, self.dead_letter_queue, self.clock)


_installed: list[Services] = []


def services() -> Services:
    """This container's services, built when first asked for."""
    if not _installed:
        install(Services(Settings.current()))
    return _installed[0]


def install(made: Services) -> None:
    """Let handlers use `made` from now on; tests do, with a clock of their own."""
    _installed[:] = [made]
