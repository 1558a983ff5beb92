"""Puts the services together: the only place that knows every collaborator.

A container builds each service when a handler first asks for it, and keeps it: a socket handler pays for
no worker. Tests build their own with another clock.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib import observability
from chalicelib.aws.alerts import Alerts
from chalicelib.aws.clients import CONNECTIONS, Clients
from chalicelib.aws.connection_table import ConnectionTable
from chalicelib.aws.dead_letter_queue import QUEUE, DeadLetterQueue
from chalicelib.aws.dead_letter_records import DeadLetterRecords
from chalicelib.aws.document_table import DocumentTable
from chalicelib.aws.due_index import DueIndex
from chalicelib.aws.idempotency_keys import IdempotencyKeys
from chalicelib.aws.limit_table import LimitTable
from chalicelib.aws.parameters import Parameters
from chalicelib.aws.rollup_table import RollupTable
from chalicelib.aws.secrets import Secrets
from chalicelib.aws.task_list import TaskList
from chalicelib.aws.task_queue import QueueUrls, TaskQueue
from chalicelib.aws.task_table import TaskTable
from chalicelib.aws.websocket import Sockets
from chalicelib.box_office import BoxOffice
from chalicelib.observability import Metrics
from chalicelib.policies import quota_of, retry_of, timing_of
from chalicelib.services.connections import Connections
from chalicelib.services.dead_letters import DeadLetterMonitor, Obituary
from chalicelib.services.limits import Limits
from chalicelib.services.realtime import Push
from chalicelib.services.stats import Stats
from chalicelib.services.sweeper import Sweeper
from chalicelib.services.tasks import TaskService
from chalicelib.services.threads import Threads, end_process
from chalicelib.services.worker import Worker
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.domain.task_types import TaskTypes
    from chalicelib.tokens import Tokens


def _now() -> datetime:
    return datetime.now(UTC)


class Services:
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
        clients: Clients | None = None,
    ) -> None:
        observability.configure(settings.log_level)
        self.settings = settings
        self.metrics = Metrics(settings.stage)
        self.clients = clients or Clients(settings.endpoint_url)
        self.timing = timing_of(settings)
        self.retry = retry_of(settings)
        self.clock = clock
        self._rows = settings.resource("tasks")  # tasks, idempotency keys and dead letter records
        self._wait = wait
        self._draw = draw
        self._random_bits = random_bits
        self._run_threads = threads or Threads()
        self._poll_seconds = poll_seconds
        self._end_process = end_process
        self._task_types = task_types

    # --- Use cases ------------------------------------------------------------------------------

    @cached_property
    def tasks(self) -> TaskService:
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
        return Worker(
            tasks=self.task_table,
            queue=self.task_queue,
            dead_letters=self.dead_letter_queue,
            obituary=self._obituary,
            task_types=self.task_types,
            secrets=Secrets(self.clients.ssm, self.settings.parameter),
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
        return Sweeper(
            tasks=self.task_table,
            due=self.due_index,
            queue=self.task_queue,
            obituary=self._obituary,
            task_types=self.task_types,
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
    def dead_letters(self) -> DeadLetterMonitor:
        return DeadLetterMonitor(
            tasks=self.task_table,
            queue=self.dead_letter_queue,
            records=DeadLetterRecords(self.clients.dynamodb, self._rows, self.timing.keep),
            alerts=Alerts(self.clients.sns, self.settings.resource("alerts")),
            metrics=self.metrics,
            clock=self.clock,
            timing=self.timing,
            stage=self.settings.stage,
        )

    @cached_property
    def push(self) -> Push:
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
    def tokens(self) -> Tokens | None:
        """Who may call; None on a stage where everybody may."""
        if self.settings.auth == "off":
            return None
        # Here, because half of the functions see no token and need no cryptography.
        from chalicelib.tokens import Tokens  # noqa: PLC0415

        return Tokens.of(self.settings, shared_keys=lambda: self.parameters.token_keys, clock=self.clock)

    @cached_property
    def box_office(self) -> BoxOffice:
        return BoxOffice(self.parameters, self.clock)

    @cached_property
    def limits(self) -> Limits:
        table = LimitTable(self.clients.dynamodb, self.settings.resource("rollups"))
        return Limits(table, quota_of(self.settings), self.clock)

    @cached_property
    def stats(self) -> Stats:
        return Stats(
            rollups=self._rollups,
            queue=self.task_queue,
            dead_letters=self.dead_letter_queue,
            threads=self._threads,
            clock=self.clock,
        )

    @cached_property
    def task_types(self) -> TaskTypes:
        if self._task_types is not None:
            return self._task_types
        # Here, because most functions need no task types and so no pydantic.
        import chalicelib.task_types  # noqa: F401, PLC0415 - fills the registry
        from chalicelib.domain.task_types import TASK_TYPES  # noqa: PLC0415

        return TASK_TYPES

    # --- AWS ------------------------------------------------------------------------------------

    @cached_property
    def task_table(self) -> TaskTable:
        return TaskTable(self.clients.dynamodb, self._rows, self._documents, self._threads)

    @cached_property
    def task_list(self) -> TaskList:
        return TaskList(self.clients.dynamodb, self._rows, self._threads, self.settings.task_buckets)

    @cached_property
    def due_index(self) -> DueIndex:
        return DueIndex(self.clients.dynamodb, self.settings.resource("tasks"))

    @cached_property
    def task_queue(self) -> TaskQueue:
        return TaskQueue(self.clients.sqs, self._queue_urls)

    @cached_property
    def dead_letter_queue(self) -> DeadLetterQueue:
        return DeadLetterQueue(self.clients.sqs, self._queue_urls, self._poll_seconds)

    @cached_property
    def sockets(self) -> Sockets:
        return Sockets(self.clients.websocket, lambda: self.parameters.websocket_endpoint)

    @cached_property
    def parameters(self) -> Parameters:
        return Parameters(self.clients.ssm, self.settings.parameter)

    @cached_property
    def _documents(self) -> DocumentTable:
        return DocumentTable(self.clients.dynamodb, self.settings.resource("documents"))

    @cached_property
    def _connection_table(self) -> ConnectionTable:
        return ConnectionTable(self.clients.dynamodb, self.settings.resource("connections"))

    @cached_property
    def _rollups(self) -> RollupTable:
        return RollupTable(self.clients.dynamodb, self.settings.resource("rollups"))

    @cached_property
    def _idempotency_keys(self) -> IdempotencyKeys:
        return IdempotencyKeys(self.clients.dynamodb, self._rows, self._documents, self._wait, self._draw)

    @cached_property
    def _queue_urls(self) -> QueueUrls:
        return QueueUrls(
            self.clients.sqs, {name: self.settings.resource(name) for name in ("fast", "long", QUEUE)}
        )

    @cached_property
    def _obituary(self) -> Obituary:
        return Obituary(self.task_table, self.dead_letter_queue, self.clock)

    @cached_property
    def _threads(self) -> Executor:
        return self._run_threads.pool(CONNECTIONS, "aws")


_installed: list[Services] = []


def services() -> Services:
    """This container's services, built when first asked for."""
    if not _installed:
        install(Services(Settings.current()))
    return _installed[0]


def install(made: Services) -> None:
    """Let handlers use `made` from now on; tests do, with a clock of their own."""
    _installed[:] = [made]
