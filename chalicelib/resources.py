"""A stage's tables, queues and parameters, each reached for when something first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.aws.sdk import new_clients
from chalicelib.settings import AwsEnvironment, Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from datetime import datetime

    from chalicelib.aws.alerts import Alerts
    from chalicelib.aws.connection_table import ConnectionTable
    from chalicelib.aws.dead_letter_list import DeadLetterList
    from chalicelib.aws.dead_letter_queue import DeadLetterQueue
    from chalicelib.aws.document_table import DocumentTable
    from chalicelib.aws.due_index import DueIndex
    from chalicelib.aws.idempotency_keys import IdempotencyKeys
    from chalicelib.aws.limit_table import LimitTable
    from chalicelib.aws.parameters import Parameters
    from chalicelib.aws.pause_table import PauseTable
    from chalicelib.aws.rollup_table import RollupTable
    from chalicelib.aws.sdk.protocols import AwsClients
    from chalicelib.aws.secrets import Secrets
    from chalicelib.aws.task_list import TaskList
    from chalicelib.aws.task_queue import QueueUrls, TaskQueue
    from chalicelib.aws.task_table import TaskTable
    from chalicelib.aws.websocket import Sockets


class Resources:
    """What a container holds of AWS, all of it on the same few clients and threads."""

    def __init__(
        self,
        settings: Settings,
        clients: AwsClients | None,
        threads: Executor,
        *,
        clock: Callable[[], datetime],
        wait: Callable[[float], None],
        draw: Callable[[], float],
        poll_seconds: int,
    ) -> None:
        self.settings = settings
        self.clients = clients or new_clients(AwsEnvironment.current(), settings.aws_sdk)
        self._rows = settings.resource("tasks")  # tasks, idempotency keys and dead letter records
        self._threads = threads
        self.clock = clock
        self._wait = wait
        self._draw = draw
        self._poll_seconds = poll_seconds

    @cached_property
    def task_table(self) -> TaskTable:
        from chalicelib.aws.task_table import TaskTable

        return TaskTable(self.clients.dynamodb, self._rows, self._documents, self._threads)

    @cached_property
    def task_list(self) -> TaskList:
        from chalicelib.aws.task_list import TaskList

        return TaskList(self.clients.dynamodb, self._rows, self._threads, self.settings.task_buckets)

    @cached_property
    def due_index(self) -> DueIndex:
        from chalicelib.aws.due_index import DueIndex

        return DueIndex(self.clients.dynamodb, self._rows)

    @cached_property
    def task_queue(self) -> TaskQueue:
        from chalicelib.aws.task_queue import TaskQueue

        return TaskQueue(self.clients.sqs, self._queue_urls)

    @cached_property
    def dead_letter_queue(self) -> DeadLetterQueue:
        from chalicelib.aws.dead_letter_queue import DeadLetterQueue

        return DeadLetterQueue(self.clients.sqs, self._queue_urls, self._poll_seconds)

    @cached_property
    def sockets(self) -> Sockets:
        from chalicelib.aws.websocket import Sockets

        return Sockets(self.clients.connections, lambda: self.parameters.websocket_endpoint)

    @cached_property
    def parameters(self) -> Parameters:
        from chalicelib.aws.parameters import Parameters

        return Parameters(self.clients.ssm, self.settings.parameter)

    @cached_property
    def _documents(self) -> DocumentTable:
        from chalicelib.aws.document_table import DocumentTable

        return DocumentTable(self.clients.dynamodb, self.settings.resource("documents"))

    @cached_property
    def _connection_table(self) -> ConnectionTable:
        from chalicelib.aws.connection_table import ConnectionTable

        return ConnectionTable(self.clients.dynamodb, self.settings.resource("connections"))

    @cached_property
    def _rollups(self) -> RollupTable:
        from chalicelib.aws.rollup_table import RollupTable

        return RollupTable(self.clients.dynamodb, self.settings.resource("rollups"))

    @cached_property
    def _idempotency_keys(self) -> IdempotencyKeys:
        from chalicelib.aws.idempotency_keys import IdempotencyKeys

        return IdempotencyKeys(self.clients.dynamodb, self._rows, self._documents, self._wait, self._draw)

    @cached_property
    def _queue_urls(self) -> QueueUrls:
        from chalicelib.aws.dead_letter_queue import QUEUE
        from chalicelib.aws.task_queue import QueueUrls

        return QueueUrls(
            self.clients.sqs, {name: self.settings.resource(name) for name in ("fast", "long", QUEUE)}
        )

    @cached_property
    def _secrets(self) -> Secrets:
        from chalicelib.aws.secrets import Secrets

        return Secrets(self.clients.ssm, self.settings.parameter)

    def _secret(self, owner: str, name: str, host: str) -> str:
        """An owner's secret, for a request to `host`: what few runs ask for is made for them alone."""
        return self._secrets.get(owner, name, host)

    @cached_property
    def _pause_table(self) -> PauseTable:
        from chalicelib.aws.pause_table import PauseTable

        return PauseTable(self.clients.dynamodb, self._rows)

    @cached_property
    def _limit_table(self) -> LimitTable:
        from chalicelib.aws.limit_table import LimitTable

        return LimitTable(self.clients.dynamodb, self.settings.resource("rollups"))

    @cached_property
    def _wait_table(self) -> LimitTable:
        from chalicelib.aws.limit_table import WAITS_KEY, LimitTable

        return LimitTable(self.clients.dynamodb, self.settings.resource("rollups"), WAITS_KEY)

    @cached_property
    def _alerts(self) -> Alerts:
        from chalicelib.aws.alerts import Alerts

        return Alerts(self.clients.sns, self.settings.resource("alerts"))

    @cached_property
    def _deaths(self) -> DeadLetterList:
        from chalicelib.aws.dead_letter_list import DeadLetterList

        return DeadLetterList(self.clients.dynamodb, self._rows, self._threads)
