"""A stage's tables, queues and parameters, each reached for when something first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import cached_property

from chalicelib.aws.clients import Clients
from chalicelib.aws.connection_table import ConnectionTable
from chalicelib.aws.dead_letter_queue import QUEUE, DeadLetterQueue
from chalicelib.aws.document_table import DocumentTable
from chalicelib.aws.due_index import DueIndex
from chalicelib.aws.idempotency_keys import IdempotencyKeys
from chalicelib.aws.parameters import Parameters
from chalicelib.aws.rollup_table import RollupTable
from chalicelib.aws.task_list import TaskList
from chalicelib.aws.task_queue import QueueUrls, TaskQueue
from chalicelib.aws.task_table import TaskTable
from chalicelib.aws.websocket import Sockets
from chalicelib.settings import AwsEnvironment, Settings


class Resources:
    """What a container holds of AWS, all of it on the same few clients and threads."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients | None,
        threads: Executor,
        *,
        wait: Callable[[float], None],
        draw: Callable[[], float],
        poll_seconds: int,
    ) -> None:
        self.settings = settings
        self.clients = clients or Clients(AwsEnvironment.current())
        self._rows = settings.resource("tasks")  # tasks, idempotency keys and dead letter records
        self._threads = threads
        self._wait = wait
        self._draw = draw
        self._poll_seconds = poll_seconds

    @cached_property
    def task_table(self) -> TaskTable:
        return TaskTable(self.clients.dynamodb, self._rows, self._documents, self._threads)

    @cached_property
    def task_list(self) -> TaskList:
        return TaskList(self.clients.dynamodb, self._rows, self._threads, self.settings.task_buckets)

    @cached_property
    def due_index(self) -> DueIndex:
        return DueIndex(self.clients.dynamodb, self._rows)

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
