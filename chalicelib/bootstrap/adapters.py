"""A stage's tables, queues, parameters and sockets. Each is imported and built on first use."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.aws.sdk import new_clients
from chalicelib.settings import AwsEnvironment, Settings

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.connection_table import ConnectionTable
    from chalicelib.aws.dynamodb.dead_letter_list import DeadLetterList
    from chalicelib.aws.dynamodb.dead_letter_records import DeadLetterRecords
    from chalicelib.aws.dynamodb.document_table import DocumentTable
    from chalicelib.aws.dynamodb.due_index import DueIndex
    from chalicelib.aws.dynamodb.idempotency_keys import IdempotencyKeys
    from chalicelib.aws.dynamodb.limit_table import LimitTable
    from chalicelib.aws.dynamodb.pause_table import PauseTable
    from chalicelib.aws.dynamodb.redrive_table import RedriveTable
    from chalicelib.aws.dynamodb.rollup_table import RollupTable
    from chalicelib.aws.dynamodb.task_list import TaskList
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.aws.queues import DeadLetterQueue, QueueUrls, TaskQueue
    from chalicelib.aws.sdk.protocols import AwsClients
    from chalicelib.aws.sns import Alerts
    from chalicelib.aws.ssm.parameters import Parameters
    from chalicelib.aws.ssm.secrets import Secrets
    from chalicelib.aws.websocket import Sockets
    from chalicelib.services.runtime import Runtime


class Adapters:
    """The AWS adapters of a container. They share its clients and threads."""

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime,
        *,
        clients: AwsClients | None = None,
        poll_seconds: int = 1,
    ) -> None:
        """`poll_seconds` is the wait of an SQS receive."""
        self.settings = settings
        self.clients = clients or new_clients(AwsEnvironment.current(), settings.aws_sdk)
        self._runtime = runtime
        self._keep = timedelta(days=settings.retention_days)  # of dead letter records and redrives
        self._poll_seconds = poll_seconds
        #: The table of tasks, idempotency keys, dead-letter records, pauses and redrives.
        self._tasks_name = settings.resource("tasks")

    # --- DynamoDB -------------------------------------------------------------------------------

    @cached_property
    def task_table(self) -> TaskTable:
        from chalicelib.aws.dynamodb.task_table import TaskTable

        return TaskTable(
            self.clients.dynamodb, self._tasks_name, self.document_table, self._runtime.aws_threads
        )

    @cached_property
    def task_list(self) -> TaskList:
        from chalicelib.aws.dynamodb.task_list import TaskList

        return TaskList(
            self.clients.dynamodb, self._tasks_name, self._runtime.aws_threads, self.settings.task_buckets
        )

    @cached_property
    def due_index(self) -> DueIndex:
        from chalicelib.aws.dynamodb.due_index import DueIndex

        return DueIndex(self.clients.dynamodb, self._tasks_name)

    @cached_property
    def idempotency_keys(self) -> IdempotencyKeys:
        from chalicelib.aws.dynamodb.idempotency_keys import IdempotencyKeys

        return IdempotencyKeys(
            self.clients.dynamodb,
            self._tasks_name,
            self.document_table,
            self._runtime.sleep,
            self._runtime.random,
        )

    @cached_property
    def dead_letter_list(self) -> DeadLetterList:
        from chalicelib.aws.dynamodb.dead_letter_list import DeadLetterList

        return DeadLetterList(self.clients.dynamodb, self._tasks_name, self._runtime.aws_threads)

    @cached_property
    def dead_letter_records(self) -> DeadLetterRecords:
        from chalicelib.aws.dynamodb.dead_letter_records import DeadLetterRecords

        return DeadLetterRecords(self.clients.dynamodb, self._tasks_name, self._keep)

    @cached_property
    def redrive_table(self) -> RedriveTable:
        from chalicelib.aws.dynamodb.redrive_table import RedriveTable

        return RedriveTable(self.clients.dynamodb, self._tasks_name, self._keep)

    @cached_property
    def pause_table(self) -> PauseTable:
        from chalicelib.aws.dynamodb.pause_table import PauseTable

        return PauseTable(self.clients.dynamodb, self._tasks_name)

    @cached_property
    def document_table(self) -> DocumentTable:
        from chalicelib.aws.dynamodb.document_table import DocumentTable

        return DocumentTable(self.clients.dynamodb, self.settings.resource("documents"))

    @cached_property
    def connection_table(self) -> ConnectionTable:
        from chalicelib.aws.dynamodb.connection_table import ConnectionTable

        return ConnectionTable(self.clients.dynamodb, self.settings.resource("connections"))

    @cached_property
    def rollup_table(self) -> RollupTable:
        from chalicelib.aws.dynamodb.rollup_table import RollupTable

        return RollupTable(self.clients.dynamodb, self.settings.resource("rollups"))

    @cached_property
    def limit_table(self) -> LimitTable:
        from chalicelib.aws.dynamodb.limit_table import LimitTable

        return LimitTable(self.clients.dynamodb, self.settings.resource("rollups"))

    @cached_property
    def wait_table(self) -> LimitTable:
        from chalicelib.aws.dynamodb.limit_table import WAITS_KEY, LimitTable

        return LimitTable(self.clients.dynamodb, self.settings.resource("rollups"), WAITS_KEY)

    # --- SQS, SSM, SNS, WebSocket ---------------------------------------------------------------

    @cached_property
    def task_queue(self) -> TaskQueue:
        from chalicelib.aws.queues import TaskQueue

        return TaskQueue(self.clients.sqs, self._queue_urls)

    @cached_property
    def dead_letter_queue(self) -> DeadLetterQueue:
        from chalicelib.aws.queues import DeadLetterQueue

        return DeadLetterQueue(self.clients.sqs, self._queue_urls, self._poll_seconds)

    @cached_property
    def _queue_urls(self) -> QueueUrls:
        from chalicelib.aws.queues import DEAD_LETTERS, QueueUrls

        names = ("fast", "long", DEAD_LETTERS)
        return QueueUrls(self.clients.sqs, {name: self.settings.resource(name) for name in names})

    @cached_property
    def parameters(self) -> Parameters:
        from chalicelib.aws.ssm.parameters import Parameters

        return Parameters(self.clients.ssm, self.settings.parameter)

    @cached_property
    def _secrets(self) -> Secrets:
        from chalicelib.aws.ssm.secrets import Secrets

        return Secrets(self.clients.ssm, self.settings.parameter)

    def secret(self, owner: str, name: str, host: str) -> str:
        """The value of an owner's secret, for a request to `host`. Raises: Rejected."""
        return self._secrets.get(owner, name, host)

    @cached_property
    def alerts(self) -> Alerts:
        from chalicelib.aws.sns import Alerts

        return Alerts(self.clients.sns, self.settings.resource("alerts"))

    @cached_property
    def sockets(self) -> Sockets:
        from chalicelib.aws.websocket import Sockets

        return Sockets(self.clients.connections, lambda: self.parameters.websocket_endpoint)
