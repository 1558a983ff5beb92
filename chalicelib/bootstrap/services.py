"""The composition root: builds each service from its collaborators.

A service is imported and built when a handler first uses it, and then kept. A WebSocket handler therefore
does not load the worker.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib import observability
from chalicelib.bootstrap.adapters import Adapters
from chalicelib.observability import Metrics
from chalicelib.services.runtime import Runtime
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.auth.tickets import TicketIssuer
    from chalicelib.auth.tokens import Tokens
    from chalicelib.aws.sdk.protocols import AwsClients
    from chalicelib.domain.task_types import TaskTypes
    from chalicelib.domain.timing import Timing
    from chalicelib.services.dead_letter_browser import DeadLetterBrowser
    from chalicelib.services.dead_letter_publisher import DeadLetterPublisher
    from chalicelib.services.explanations import Explanations
    from chalicelib.services.limits import Limits
    from chalicelib.services.live.connections import Connections
    from chalicelib.services.live.updates import UpdatePusher
    from chalicelib.services.maintenance.dead_letter_monitor import DeadLetterMonitor
    from chalicelib.services.maintenance.redrives import Redrives
    from chalicelib.services.maintenance.sweeper import Sweeper
    from chalicelib.services.pause_control import PauseControl
    from chalicelib.services.pauses import PauseCache
    from chalicelib.services.stats import Stats
    from chalicelib.services.task_creator import TaskCreator
    from chalicelib.services.task_sender import TaskSender
    from chalicelib.services.tasks import TaskService
    from chalicelib.services.waiters import Waiters
    from chalicelib.services.worker.worker import Worker


class Services:
    """The services that the handlers call."""

    def __init__(
        self,
        settings: Settings,
        *,
        runtime: Runtime | None = None,
        task_types: TaskTypes | None = None,
        clients: AwsClients | None = None,
        poll_seconds: int = 1,
    ) -> None:
        """`task_types` are by default those of `chalicelib/task_types`."""
        self.settings = settings
        self.runtime = runtime or Runtime()
        self.adapters = Adapters(settings, self.runtime, clients=clients, poll_seconds=poll_seconds)
        self.metrics = Metrics(settings.stage)
        self._task_types = task_types
        observability.configure(settings.log_level)

    @cached_property
    def timing(self) -> Timing:
        from chalicelib.bootstrap.timing import timing_of

        return timing_of(self.settings)

    # --- Authentication and limits ---------------------------------------------------------------

    @cached_property
    def tokens(self) -> Tokens | None:
        """None on a stage without tokens."""
        if self.settings.auth == "off":
            return None
        from chalicelib.auth.tokens import Tokens

        return Tokens.of(
            self.settings,
            shared_keys=lambda: self.adapters.parameters.token_keys,
            clock=self.runtime.clock,
        )

    @cached_property
    def ticket_issuer(self) -> TicketIssuer:
        from chalicelib.auth.tickets import TicketIssuer

        return TicketIssuer(self.adapters.parameters, self.runtime.clock)

    @cached_property
    def limits(self) -> Limits:
        from chalicelib.services.limits import Limits, Quota

        quota = Quota(
            posts_per_second=self.settings.posts_per_second,
            post_burst=self.settings.post_burst,
            open_tasks=self.settings.open_tasks,
            connections=self.settings.connections,
        )
        return Limits(self.adapters.limit_table, quota, self.runtime.clock)

    # --- Tasks ----------------------------------------------------------------------------------

    @cached_property
    def task_types(self) -> TaskTypes:
        if self._task_types is not None:
            return self._task_types
        import chalicelib.task_types  # noqa: F401 - fills the registry
        from chalicelib.domain.task_types import TASK_TYPES

        return TASK_TYPES

    @cached_property
    def task_creator(self) -> TaskCreator:
        from chalicelib.services.task_creator import TaskCreator

        return TaskCreator(
            tasks=self.adapters.task_table,
            keys=self.adapters.idempotency_keys,
            sender=self._task_sender,
            task_types=self.task_types,
            timing=self.timing,
            metrics=self.metrics,
            runtime=self.runtime,
            task_buckets=self.settings.task_buckets,
            due_buckets=self.settings.due_buckets,
        )

    @cached_property
    def tasks(self) -> TaskService:
        from chalicelib.services.tasks import TaskService

        return TaskService(
            tasks=self.adapters.task_table,
            listing=self.adapters.task_list,
            sender=self._task_sender,
            dead_letter_publisher=self._dead_letter_publisher,
            timing=self.timing,
            metrics=self.metrics,
            clock=self.runtime.clock,
        )

    @cached_property
    def _task_sender(self) -> TaskSender:
        from chalicelib.services.task_sender import TaskSender

        return TaskSender(self.adapters.task_queue, self.task_types)

    @cached_property
    def explanations(self) -> Explanations:
        from chalicelib.services.explanations import Explanations

        return Explanations(
            tasks=self.tasks,
            queue=self.adapters.task_queue,
            task_types=self.task_types,
            pauses=self.pauses,
            clock=self.runtime.clock,
        )

    @cached_property
    def waiters(self) -> Waiters:
        from chalicelib.services.waiters import Waiters

        return Waiters(
            tasks=self.adapters.task_table,
            table=self.adapters.wait_table,
            waiters=self.settings.waiters,
            runtime=self.runtime,
        )

    @cached_property
    def pauses(self) -> PauseCache:
        from chalicelib.services.pauses import PauseCache

        return PauseCache(self.adapters.pause_table, self.runtime.clock)

    @cached_property
    def pause_control(self) -> PauseControl:
        from chalicelib.services.pause_control import PauseControl

        return PauseControl(
            pauses=self.pauses,
            task_types=self.task_types,
            sweeper=self.sweeper,
            clock=self.runtime.clock,
        )

    @cached_property
    def stats(self) -> Stats:
        from chalicelib.services.stats import Stats

        return Stats(
            rollups=self.adapters.rollup_table,
            queue=self.adapters.task_queue,
            dead_letters=self.adapters.dead_letter_queue,
            runtime=self.runtime,
        )

    # --- Workers ---------------------------------------------------------------------------------

    @cached_property
    def worker(self) -> Worker:
        from chalicelib.services.worker.worker import Worker

        return Worker(
            tasks=self.adapters.task_table,
            queue=self.adapters.task_queue,
            dead_letter_publisher=self._dead_letter_publisher,
            task_types=self.task_types,
            pauses=self.pauses,
            secret=self.adapters.secret,
            timing=self.timing,
            metrics=self.metrics,
            runtime=self.runtime,
        )

    @cached_property
    def _dead_letter_publisher(self) -> DeadLetterPublisher:
        from chalicelib.services.dead_letter_publisher import DeadLetterPublisher

        return DeadLetterPublisher(
            self.adapters.task_table, self.adapters.dead_letter_queue, self.runtime.clock
        )

    # --- Live updates ---------------------------------------------------------------------------

    @cached_property
    def connections(self) -> Connections:
        from chalicelib.services.live.connections import Connections

        return Connections(
            connections=self.adapters.connection_table,
            tasks=self.adapters.task_table,
            listing=self.adapters.task_list,
            sockets=self.adapters.sockets,
            limits=self.limits,
            clock=self.runtime.clock,
            clock_margin=self.timing.lease_margin,
        )

    @cached_property
    def update_pusher(self) -> UpdatePusher:
        from chalicelib.services.live.counting import RollupCounter
        from chalicelib.services.live.updates import UpdatePusher

        return UpdatePusher(
            connections=self.adapters.connection_table,
            documents=self.adapters.document_table,
            counter=RollupCounter(self.adapters.rollup_table, self.runtime.aws_threads),
            sockets=self.adapters.sockets,
            metrics=self.metrics,
            runtime=self.runtime,
            failures_allowed=self.settings.connection_failures,
        )

    # --- On a schedule --------------------------------------------------------------------------

    @cached_property
    def sweeper(self) -> Sweeper:
        from chalicelib.services.maintenance.sweeper import Sweeper

        return Sweeper(
            tasks=self.adapters.task_table,
            due=self.adapters.due_index,
            sender=self._task_sender,
            dead_letter_publisher=self._dead_letter_publisher,
            pauses=self.pauses,
            timing=self.timing,
            metrics=self.metrics,
            runtime=self.runtime,
            due_buckets=self.settings.due_buckets,
        )

    @cached_property
    def redrives(self) -> Redrives:
        from chalicelib.services.maintenance.redrives import Redrives

        return Redrives(
            table=self.adapters.redrive_table,
            listing=self.adapters.task_list,
            tasks=self.tasks,
            limits=self.limits,
            timing=self.timing,
            runtime=self.runtime,
        )

    @cached_property
    def dead_letter_monitor(self) -> DeadLetterMonitor:
        from chalicelib.services.maintenance.dead_letter_monitor import DeadLetterMonitor

        return DeadLetterMonitor(
            tasks=self.adapters.task_table,
            queue=self.adapters.dead_letter_queue,
            records=self.adapters.dead_letter_records,
            alerts=self.adapters.alerts,
            metrics=self.metrics,
            clock=self.runtime.clock,
            timing=self.timing,
            stage=self.settings.stage,
        )

    @cached_property
    def dead_letter_browser(self) -> DeadLetterBrowser:
        from chalicelib.services.dead_letter_browser import DeadLetterBrowser

        return DeadLetterBrowser(records=self.adapters.dead_letter_list, tasks=self.adapters.task_table)
