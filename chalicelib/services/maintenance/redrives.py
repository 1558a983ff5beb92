"""Retrying or canceling many tasks: by the request that asks for it, as far as a second's worth goes, and
then by the sweep, a minute's worth at a time.

A redrive survives whoever works on it: its row says how far it has come, and is due when nobody does. It is
no consumer of a queue, so that sending tasks on cannot become a loop.
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

#: The request that starts a redrive works on it no longer than this.
_AT_ONCE = timedelta(seconds=3)
#: The sweep goes on with so many at a time.
SIDE_BY_SIDE = 4
#: Redrives with the same filter that meet.
_TRIES = 5
#: A dry run looks at this many stretches of a list, and shows this many tasks.
_DRY_STRETCHES = 10
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

    # --- What clients ask for -------------------------------------------------------------------

    def start(self, owner: str, wanted: NewRedrive, *, by: str) -> Redrive:
        """A new redrive: done already when it was small, else the sweep goes on with it.

        Raises: AlreadyRunning when one with the same filter runs; Unavailable.
        """
        redrive = self._new(owner, wanted, by)
        stale: str | None = None
        for _ in range(_TRIES):
            other = self._table.create(redrive, redrive.created_at + LEASE, stale)
            if other is None:
                log.info("Redrive started", action="redrive_started", redrive_id=redrive.id, by=by)
                self._advance(redrive, self._clock() + _AT_ONCE, paced=False)
                return self.get(owner, redrive.id)
            running = self._table.get(owner, other) if other else None
            if running is not None and running.running:
                raise AlreadyRunning(f"The redrive {other} with this filter is running.")
            stale = other or None
        raise Unavailable("Too many redrives with this filter at the same time: send it again.")

    def dry_run(self, owner: str, wanted: NewRedrive) -> dict[str, Any]:
        """What a redrive would act on: a count, whether there may be more, and a few of the tasks."""
        redrive = self._new(owner, wanted, None)
        found: list[Task] = []
        before: str | None = redrive.start
        for _ in range(_DRY_STRETCHES):
            page = read_page(self._listing.stretch(owner, before=before))
            found += [task for task in page.tasks if redrive.matches(task)]
            before = page.position if page.position is not None and page.position > redrive.end else None
            if before is None:
                break
        sample = [task_summary(task) for task in found[:_SAMPLE]]
        return {"matched": len(found), "more": before is not None, "sample": sample}

    def get(self, owner: str, redrive_id: str) -> Redrive:
        """The redrive as it is now. Raises: NotFound."""
        redrive = self._table.get(owner, redrive_id) if is_task_id(redrive_id) else None
        if redrive is None:
            raise NotFound(f"There is no redrive {redrive_id[:100]!r}.")
        return redrive

    def newest(self, owner: str, *, before: str | None, limit: int) -> tuple[list[Redrive], str | None]:
        """A page of the owner's redrives, newest first, and the id where the next one goes on."""
        return self._table.newest(owner, before, limit)

    def abort(self, owner: str, redrive_id: str, *, by: str) -> Redrive:
        """Stop a redrive, within a second; aborting twice changes nothing. What it did stays done.

        Raises: NotFound; TransitionNotAllowed when it ended otherwise.
        """
        redrive = self.get(owner, redrive_id)
        if redrive.running and self._table.abort(owner, redrive_id, self._clock()):
            log.info("Redrive aborted", action="redrive_aborted", redrive_id=redrive_id, by=by)
        redrive = self.get(owner, redrive_id)
        if redrive.status is not RedriveStatus.ABORTED:
            raise TransitionNotAllowed(f"The redrive is {redrive.status}: only a running one can be aborted.")
        return redrive

    def _new(self, owner: str, wanted: NewRedrive, by: str | None) -> Redrive:
        now = self._clock()
        made = Redrive(
            id=new_task_id(now, self._random_bits(74), 1),
            owner=owner,
            action=wanted.action,
            filter=wanted.filter,
            rate=wanted.rate,
            by=by,
            created_at=now,
            updated_at=now,
        )
        return replace(made, position=made.start)

    # --- What the sweep does --------------------------------------------------------------------

    def advance(self, ends_at: datetime) -> int:
        """Work on the redrives that nobody works on, side by side, until shortly before `ends_at`.

        Answers how many.
        """
        now, stop_at = self._clock(), ends_at - self._timing.reserve
        names = self._table.due(now)
        taken = [found for each in names if (found := self._table.take(*each, now, now + LEASE)) is not None]
        list(
            self._threads.map(with_log_context(lambda each: self._advance(each, stop_at, paced=True)), taken)
        )
        return len(taken)

    def _advance(self, redrive: Redrive, stop_at: datetime, *, paced: bool) -> None:
        """Go on with a redrive. One that goes wrong must not stop the others: it is tried again."""
        walk = RedriveRunner(
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
            walk.go()
        except Exception:
            log.exception("Redrive failed", action="redrive_failed", redrive_id=redrive.id)
            walk.back_off()

    def _act(self, redrive: Redrive, task: Task) -> str:
        """Do to a task what the redrive is for: changed, skipped or failed. Raises: TooMany."""
        try:
            if redrive.action is Action.RETRY:
                self._limits.spend(redrive.owner, 1)
                # guard: bulk-redrive.redrive-count-seen
                self._tasks.retry(redrive.owner, task.id, by=redrive.by, life=task.redrive_count)
            else:
                self._tasks.cancel(redrive.owner, task.id, by=redrive.by)
        except (NotFound, TransitionNotAllowed):
            return "skipped"
        except Unavailable:
            return "failed"
        return "changed"
