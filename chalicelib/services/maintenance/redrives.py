"""Redrives: retry or cancel many tasks.

The request that starts a redrive works on it first, within one second of its rate. Then the sweep continues,
for most of a minute at a time. The row of a redrive stores its position, and becomes due when no function
works on it, so a redrive survives the end of any function. Redrives consume no queue, so no loop can form.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import AlreadyRunning, NotFound, TransitionNotAllowed, Unavailable
from chalicelib.domain.ids import is_task_id, new_task_id
from chalicelib.domain.redrive import Action, NewRedrive, Redrive, RedriveStatus
from chalicelib.domain.task import Task
from chalicelib.domain.timing import Timing
from chalicelib.domain.views import task_summary
from chalicelib.observability import log, with_log_context
from chalicelib.services.limits import Limits
from chalicelib.services.maintenance.redrive_runner import LEASE, RedriveRunner
from chalicelib.services.reading import read_page
from chalicelib.services.tasks import TaskService

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.redrive_table import RedriveTable
    from chalicelib.aws.dynamodb.task_list import TaskList
    from chalicelib.services.runtime import Runtime

#: The request that starts a redrive works on it for at most this long.
_IN_REQUEST = timedelta(seconds=3)
#: The sweep works on this many redrives at a time.
SIDE_BY_SIDE = 4
#: Tries to store a redrive while others with the same filter start and end.
_TRIES = 5
#: A dry run reads this many pages of tasks, and returns a sample of this many.
_DRY_RUN_PAGES = 10
_SAMPLE = 5


class Redrives:
    """Starts, shows, aborts and advances redrives."""

    def __init__(
        self,
        *,
        table: RedriveTable,
        listing: TaskList,
        tasks: TaskService,
        limits: Limits,
        timing: Timing,
        runtime: Runtime,
    ) -> None:
        self._table = table
        self._listing = listing
        self._tasks = tasks
        self._limits = limits
        self._timing = timing
        self._threads = runtime.threads.pool(SIDE_BY_SIDE, "redrive")
        self._clock = runtime.clock
        self._sleep = runtime.sleep
        self._random_bits = runtime.random_bits

    # --- Requests -------------------------------------------------------------------------------

    def start(self, owner: str, new_redrive: NewRedrive, *, by: str) -> Redrive:
        """Start a redrive. A small one is done on return; the sweep continues a larger one.

        Raises: AlreadyRunning if one with the same filter is running; Unavailable.
        """
        redrive = self._new(owner, new_redrive, by)
        stale: str | None = None
        for _ in range(_TRIES):
            other = self._table.create(redrive, redrive.created_at + LEASE, stale)
            if other is None:
                log.info("Redrive started", action="redrive_started", redrive_id=redrive.id, by=by)
                self._advance(redrive, self._clock() + _IN_REQUEST, paced=False)
                return self.get(owner, redrive.id)
            running = self._table.get(owner, other) if other else None
            if running is not None and running.running:
                raise AlreadyRunning(f"The redrive {other} with this filter is running.")
            stale = other or None
        raise Unavailable(
            "Too many redrives with this filter start at the same time: send the request again."
        )

    def dry_run(self, owner: str, new_redrive: NewRedrive) -> dict[str, Any]:
        """The tasks on which a redrive would act: their number, whether there may be more, and a sample."""
        redrive = self._new(owner, new_redrive, None)
        matching: list[Task] = []
        before: str | None = redrive.start
        for _ in range(_DRY_RUN_PAGES):
            page = read_page(self._listing.page(owner, before=before))
            matching += [task for task in page.tasks if redrive.matches(task)]
            before = page.position if page.position is not None and page.position > redrive.end else None
            if before is None:
                break
        sample = [task_summary(task) for task in matching[:_SAMPLE]]
        return {"matched": len(matching), "more": before is not None, "sample": sample}

    def get(self, owner: str, redrive_id: str) -> Redrive:
        """The current redrive. Raises: NotFound."""
        redrive = self._table.get(owner, redrive_id) if is_task_id(redrive_id) else None
        if redrive is None:
            raise NotFound(f"There is no redrive {redrive_id[:100]!r}.")
        return redrive

    def newest(self, owner: str, *, before: str | None, limit: int) -> tuple[list[Redrive], str | None]:
        """A page of the owner's redrives, newest first, and the id where the next page starts."""
        return self._table.newest(owner, before, limit)

    def abort(self, owner: str, redrive_id: str, *, by: str) -> Redrive:
        """Stop a redrive within a second; its changes so far remain. Aborting twice changes nothing.

        Raises: NotFound; TransitionNotAllowed if it has ended otherwise.
        """
        redrive = self.get(owner, redrive_id)
        if redrive.running and self._table.abort(owner, redrive_id, self._clock()):
            log.info("Redrive aborted", action="redrive_aborted", redrive_id=redrive_id, by=by)
        redrive = self.get(owner, redrive_id)
        if redrive.status is not RedriveStatus.ABORTED:
            raise TransitionNotAllowed(f"The redrive is {redrive.status}: only a running one can be aborted.")
        return redrive

    def _new(self, owner: str, new_redrive: NewRedrive, by: str | None) -> Redrive:
        now = self._clock()
        redrive = Redrive(
            id=new_task_id(now, self._random_bits(74), 1),
            owner=owner,
            action=new_redrive.action,
            filter=new_redrive.filter,
            rate=new_redrive.rate,
            by=by,
            created_at=now,
            updated_at=now,
        )
        return replace(redrive, position=redrive.start)

    # --- Sweep ----------------------------------------------------------------------------------

    def advance(self, ends_at: datetime) -> int:
        """Continue the redrives whose lease has ended, side by side, until shortly before `ends_at`.

        Returns their number.
        """
        now, stop_at = self._clock(), ends_at - self._timing.reserve
        names = self._table.due(now)
        taken = [r for name in names if (r := self._table.take(*name, now, now + LEASE)) is not None]
        list(
            self._threads.map(with_log_context(lambda each: self._advance(each, stop_at, paced=True)), taken)
        )
        return len(taken)

    def _advance(self, redrive: Redrive, stop_at: datetime, *, paced: bool) -> None:
        """Work on a redrive. After an error it is tried again later, and the others continue."""
        runner = RedriveRunner(
            redrive,
            table=self._table,
            listing=self._listing,
            act=self._act,
            clock=self._clock,
            sleep=self._sleep,
            stop_at=stop_at,
            paced=paced,
        )
        try:
            runner.run()
        except Exception:
            log.exception("Redrive failed", action="redrive_failed", redrive_id=redrive.id)
            runner.back_off()

    def _act(self, redrive: Redrive, task: Task) -> str:
        """Retry or cancel a task: "changed", "skipped" or "failed". Raises: TooMany."""
        try:
            if redrive.action is Action.RETRY:
                self._limits.spend(redrive.owner, 1)
                # guard: bulk-redrive.redrive-count-seen
                self._tasks.retry(redrive.owner, task.id, by=redrive.by, redrive_count=task.redrive_count)
            else:
                self._tasks.cancel(redrive.owner, task.id, by=redrive.by)
        except (NotFound, TransitionNotAllowed):
            return "skipped"
        except Unavailable:
            return "failed"
        return "changed"
