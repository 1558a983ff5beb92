"""Guards of runs: leases, attempts, cancels, versions and due times."""

from __future__ import annotations

from tests.mutants.mutant import CLAIM, RECORDER, SWEEPER, TASK, TASK_CHANGE, TASK_TABLE, WORKER, mutant

CLAIM_STATUS = '"#status IN (:queued, :scheduled, :retrying) AND run_at <= :now"'
MINE = 'condition = "#status = :running AND #lease = :lease"'

OF_RUNS = (
    # --- Leases ---------------------------------------------------------------------------------
    mutant(
        "finish: fenced by lease (attempt instead)",
        "a zombie of an earlier life finishes a later one",
        TASK_TABLE,
        (MINE, 'condition = "#status = :running AND #attempt = :lease"'),
        ("condition, _mine(claimed))", 'condition, {**_mine(claimed), ":lease": _count(claimed.attempt)})'),
    ),
    mutant(
        "finish: the lease is mine",
        "a zombie's result is accepted",
        TASK_TABLE,
        (MINE, 'condition = "#status = :running AND (#lease = :lease OR attribute_exists(pk))"'),
    ),
    mutant(
        "finish: the status is running",
        "a run whose task was rescued ends it from the side",
        TASK_TABLE,
        (MINE, 'condition = "(#status = :running OR attribute_exists(pk)) AND #lease = :lease"'),
    ),
    mutant(
        "progress: the lease is mine",
        "a zombie renews the lease of another run",
        TASK_TABLE,
        (
            '"#status = :running AND #lease = :lease AND lease_until <= :until"',
            '"#status = :running AND (#lease = :lease OR attribute_exists(pk)) AND lease_until <= :until"',
        ),
    ),
    mutant(
        "a run's time is watched while others are recorded",
        "AWS is silent for half a minute, and a neighbour runs on beside its own next attempt",
        "chalicelib/services/threads.py",
        (
            "            if any(job.remaining() <= -grace_seconds",
            "            if False and any(job.remaining() <= -grace_seconds",
        ),
    ),
    mutant(
        "progress: a lease only grows",
        "a late copy of an older progress shortens a lease that is held",
        TASK_TABLE,
        (" AND lease_until <= :until", " AND (lease_until <= :until OR attribute_exists(pk))"),
    ),
    mutant(
        "claim: the task waits",
        "a task that runs or is done runs again",
        CLAIM,
        (
            CLAIM_STATUS,
            '"(#status IN (:queued, :scheduled, :retrying) OR attribute_exists(pk)) AND run_at <= :now"',
        ),
    ),
    mutant(
        "claim: the lease is counted",
        "the holder before keeps its rights",
        CLAIM,
        ("#lease = #lease + :one,", "#lease = #lease,"),
    ),
    mutant(
        "claim: not before run_at",
        "a retry starts before its backoff is over",
        CLAIM,
        (CLAIM_STATUS, '"#status IN (:queued, :scheduled, :retrying)"'),
    ),
    mutant(
        "claim: not after expires_at",
        "a task starts when nobody wants it any more",
        CLAIM,
        ('" AND NOT (expires_at <= :now)"', '" AND NOT (attribute_not_exists(pk))"'),
    ),
    mutant(
        "claim: not of a paused type",
        "a paused type goes on",
        CLAIM,
        (
            """            + (f" AND NOT (#type IN ({', '.join(types)}))" if types else "")\n""",
            """            + (f" AND (NOT (#type IN ({', '.join(types)})) OR attribute_exists(pk))" if types else "")\n""",
        ),
    ),
    mutant(
        "claim: whatever the message's lease",
        "a retry is not started by the message that was kept for it",
        WORKER,
        (
            "        started = [self._step(each, partial(self._prepare, each, task, batch)) for each, task in tasks]\n",
            "        tasks = [each for each in tasks if each[1].lease == each[0].task_message.lease + 1]\n"
            "        started = [self._step(each, partial(self._prepare, each, task, batch)) for each, task in tasks]\n",
        ),
    ),
    mutant(
        "lease margin: more than clocks differ",
        "a sweep with a fast clock takes a lease that is held",
        "chalicelib/settings.py",
        ("lease_margin_seconds: float = 15.0", "lease_margin_seconds: float = 0.5"),
    ),
    mutant(
        "a run that is past its deadline ends its process",
        "it goes on beside the next attempt",
        WORKER,
        ("        self._runtime.exit_process()\n", ""),
    ),
    mutant(
        "progress: not of a run that is over",
        "it works on while its next attempt is on its way",
        "chalicelib/services/worker/run.py",
        ("            if self.abandoned:  # while", "            if False:  # while"),
    ),
    mutant(
        "the deadline respects the end of the invocation",
        "a run is killed before its outcome can be recorded",
        "chalicelib/services/worker/run.py",
        (
            "min(task.lease_until - timing.lease_margin, ends_at - timing.reserve)",
            "task.lease_until - timing.lease_margin",
        ),
    ),
    # --- Attempts -------------------------------------------------------------------------------
    mutant(
        "failure: the last attempt is the last",
        "more attempts than were asked for",
        RECORDER,
        ("if failure.final or task.attempt >= task.max_attempts:", "if failure.final:"),
    ),
    mutant(
        "rescue: the last attempt is the last",
        "a task that kills its worker runs for good",
        SWEEPER,
        ("if task.attempt >= task.max_attempts:", "if task.attempt > task.max_attempts:"),
    ),
    mutant(
        "snooze: the attempt is given back",
        "a task that waits for something fails for it",
        TASK,
        ("attempt=self.attempt - 1", "attempt=self.attempt"),
    ),
    mutant(
        "retry: attempts start anew",
        "the new life is the last attempt's",
        TASK,
        ("            attempt=0,\n", ""),
    ),
    # --- Cancel ---------------------------------------------------------------------------------
    mutant(
        "retry later, snooze: not when a cancel was requested",
        "an accepted cancel is forgotten, the task runs again",
        RECORDER,
        (
            "after = task.retry_later(now, failure.error, wait, self._timing.wake_after(wait, KEEP_MESSAGE))\n"
            "        return _Ending(run, after, wait, unless_canceled=True)",
            "after = task.retry_later(now, failure.error, wait, self._timing.wake_after(wait, KEEP_MESSAGE))\n"
            "        return _Ending(run, after, wait)",
        ),
        (
            "                return _Ending(run, after, wait, unless_canceled=True)\n            case Failure",
            "                return _Ending(run, after, wait)\n            case Failure",
        ),
    ),
    mutant(
        "failure: not when a cancel was requested",
        "an alert for a task that its owner had canceled",
        RECORDER,
        (
            "            return _Ending(run, after, unless_canceled=True)",
            "            return _Ending(run, after)",
        ),
    ),
    mutant(
        "rescue: a cancel request ends the task",
        "an accepted cancel is forgotten when the worker dies",
        SWEEPER,
        ("        if task.cancel_requested:\n", "        if False:\n"),
    ),
    mutant(
        "a refused outcome of mine with a cancel request becomes canceled",
        "the task runs until its lease is out",
        RECORDER,
        ("if _cancel_is_mine(stored[i], ending.run.task)]", "if False]"),
    ),
    # --- What was read is what is written ---------------------------------------------------------
    mutant(
        "sweep: the version is what was read",
        "a lease that was renewed is taken, a task that was claimed is queued",
        TASK_TABLE,
        (
            '"#version = :seen AND due_at = :due"',
            '"(#version = :seen OR attribute_exists(pk)) AND due_at = :due"',
        ),
    ),
    mutant(
        "cancel, retry: the version is what was read",
        "a late copy of a cancel ends the next life",
        TASK_TABLE,
        (
            '"#version = :seen", {',
            '"#version = :seen OR attribute_exists(pk)", {',
        ),
    ),
    mutant(
        "every change is counted",
        "clients drop an update as known",
        TASK_CHANGE,
        ('    if public - {"due_at", "due_bucket"}:\n', "    if not public:\n"),
    ),
    # --- Due times --------------------------------------------------------------------------------
    mutant(
        "create: a task is due soon",
        "its message is lost, and nothing ever happens",
        "chalicelib/domain/new_task.py",
        (
            "return replace(task, due_at=",
            "return replace(task, due_at=task.due(now + timedelta(days=99)) if run_at else ",
        ),
    ),
    mutant(
        "retry later, snooze, rescue: a task is due soon after its start",
        "its message is lost, and nothing ever happens",
        TASK,
        ("due_at=self.due(run_at + wake_after),", "due_at=self.due(run_at + timedelta(days=99)),"),
    ),
    mutant(
        "retry by its owner: a task is due soon",
        "its message is lost, and nothing ever happens",
        TASK,
        ("due_at=now + grace,", "due_at=now + timedelta(days=99),"),
    ),
    mutant(
        "a change of status writes due_at although the claim did not",
        "the sweep moved it to the lease's end: a retry waits for that",
        TASK_CHANGE,
        (' | ({"due_at"} if before.status is not after.status else set())', ""),
    ),
    mutant(
        "due not after expires_at",
        "a task expires when it would have started",
        TASK,
        ("return moment if self.expires_at is None else min(moment, self.expires_at)", "return moment"),
    ),
    mutant(
        "failed: due until its dead letter is sent",
        "the worker dies in between: no dead letter, no alert",
        TASK,
        ("return replace(after, error=error, due_at=now)", "return replace(after, error=error)"),
    ),
    mutant(
        "rescue: only when the lease is out",
        "the sweep takes a lease that is held",
        SWEEPER,
        ("elif task.lease_until is not None and task.lease_until > now:", "elif task.lease_until is None:"),
    ),
    mutant(
        "the wait until a task is sent again doubles",
        "a backlog of an hour is sent sixty times",
        "chalicelib/domain/timing.py",
        ("return min(max(waited, RESEND_FIRST), RESEND_LAST)", "return RESEND_FIRST"),
    ),
)
