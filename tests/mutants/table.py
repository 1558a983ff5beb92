"""How to remove each guard. docs/explanation/protocol.md has what goes wrong without it."""

from __future__ import annotations

from tests.mutants.mutant import (
    Edit,
    Mutant,
    always_true,
    assigns,
    condition,
    dropped,
    followed,
    preceded,
    replaced,
    returns,
    swapped,
)

_PUBLISH_BEFORE_RECORDING = (
    "[self._dead_letter_publisher.publish(ending.after)"
    " for ending in [self._recorder._decided(each.run) for each in ended]"
    " if getattr(ending, 'after', None) and ending.after.dead_letter_unsent]"
)
_PUT_ALL_ITEMS = (
    "[self._client.put_item(TableName=e['TableName'], Item=e['Item']) for e in requests if 'Item' in e]"
)
_REFUSE_ALL = "return next(([each] * len(done) for each in done if each and each.refused), done)"

_EDITS: dict[str, Edit | tuple[Edit, ...]] = {
    # --- Every write ------------------------------------------------------------------------------
    "write.counts-version": condition(False),
    "write.due-with-status": replaced("before.status is not after.status", "False"),
    "due.not-after-expires-at": returns("moment"),
    "batch.own-condition": lambda line: followed(_REFUSE_ALL)(line.replace("return ", "done = ")),
    "batch.failed-statement-again": returns("WriteResult(None, refused=True)"),
    "batch.create-only-if-absent": preceded(_PUT_ALL_ITEMS),
    "documents.unprocessed-again": replaced("self._table", "''"),
    # --- API --------------------------------------------------------------------------------------
    "create.only-if-absent": replaced("ABSENT", '"attribute_not_exists(pk) OR attribute_exists(pk)"'),
    "create.due": replaced("due(run_at +", "due(run_at + timedelta(days=99) +"),
    "create.send-may-fail": replaced("except Exception", "except ZeroDivisionError"),
    "idempotency-key.one-transaction": (
        preceded("self._client.put_item(TableName=self._table, Item=item)"),
        replaced("attribute_not_exists(pk)", "attribute_exists(pk)"),
    ),
    "idempotency-key.only-if-absent": always_true,
    "change.version-seen": always_true,
    "redrive.counts-lease": dropped,
    "redrive.resets-attempt": dropped,
    "redrive.due": replaced("grace", "timedelta(days=99)"),
    "redrive.removes-ttl": dropped,
    "redrive.removes-expires-at": dropped,
    "redrive.removes-cancel-requested": dropped,
    "redrive.dead-letter-first": condition(True),
    # --- Claim and lease --------------------------------------------------------------------------
    "claim.waiting": always_true,
    "claim.counts-lease": replaced(" + :one", ""),
    "claim.not-before-run-at": always_true,
    "claim.not-after-expires-at": always_true,
    "claim.type-not-paused": always_true,
    "claim.any-message-lease": replaced(
        "in tasks]", "in tasks if task.lease == each.task_message.lease + 1]"
    ),
    "claim.own-id": replaced("self._claim_id()", "str(id(deliveries))"),
    "lease.margin": assigns("0.5"),
    "run.deadline-in-invocation": assigns("task.lease_until - timing.lease_margin"),
    "run.ends-process": dropped,
    "run.watched-while-recording": condition(False),
    "progress.lease-held": always_true,
    "progress.lease-only-grows": always_true,
    "progress.not-after-deadline": condition(False),
    # --- Finish -----------------------------------------------------------------------------------
    "finish.lease-held": always_true,
    "finish.running": always_true,
    "finish.fenced-by-lease": (
        replaced("#lease", "#attempt"),
        assigns('{**_mine(claimed), ":lease": {"N": str(claimed.attempt)}}'),
    ),
    "finish.refused-becomes-stop": replaced("_cancel_requested(stored[i], ending.run.task)", "False"),
    "retry-later.unless-cancel-requested": replaced(", unless_canceled=True", ""),
    "retry-later.due": replaced("wake_after", "timedelta(days=99)"),
    "snooze.returns-attempt": replaced(" - 1", ""),
    "fail.last-attempt": replaced(" or task.attempt >= task.max_attempts", ""),
    "fail.unless-cancel-requested": replaced(", unless_canceled=True", ""),
    "fail.due-until-dead-letter": replaced(", due_at=now", ""),
    "result.named-by-lease": replaced("#{task.lease}", ""),
    "result.before-row": (
        replaced("failed = self._documents.put_results(", "failed, results = {}, ("),
        followed("self._documents.put_results(results)"),
    ),
    "quarantine.before-ack": dropped,
    # --- Sweep ------------------------------------------------------------------------------------
    "sweep.version-seen": always_true,
    "rescue.lease-over": condition(False),
    "rescue.cancel-wins": condition(False),
    "rescue.last-attempt": condition(False),
    "send-again.wait-doubles": returns("RESEND_FIRST"),
    # --- Dead letters -----------------------------------------------------------------------------
    "dead-letter.after-row": preceded(_PUBLISH_BEFORE_RECORDING),
    "dead-letter.before-confirmation": swapped,
    "dead-letter.key-has-redrive-count": replaced("{self.redrive_count}", "0"),
    "confirm.redrive-count-seen": always_true,
    "monitor.not-on-record": replaced(" and not self._records.has(record)", ""),
    "monitor.alert-before-record": preceded("for each in records: self._records.put(each)"),
    "monitor.delete-last": preceded("self._queue.delete(batch.handled)"),
    "poison.waiting": always_true,
    "poison.lease-seen": always_true,
    # --- Pauses -----------------------------------------------------------------------------------
    "pause.parked-are-swept": replaced(" *parking_buckets_of(bucket)", ""),
    "pause.unparked-when-written": replaced("unparked(after)", "after"),
    "pause.confirmed-before-parking": condition(True),
    "pause.forgotten-late": replaced(" + RESUME_GRACE", ""),
    "pause.as-old-as-its-read": assigns("self._clock()"),
    "pause.not-the-ended-one": always_true,
    "resume.pause-seen": always_true,
    # --- Bulk redrives ----------------------------------------------------------------------------
    "bulk-redrive.lease-held": always_true,
    "bulk-redrive.counts-lease": replaced("#lease + :one", ":one"),
    "bulk-redrive.lease-over": always_true,
    "bulk-redrive.running": always_true,
    "bulk-redrive.redrive-count-seen": replaced("task.redrive_count", "None"),
    "bulk-redrive.ended-before": returns("task.finished_at is not None"),
    "bulk-redrive.one-per-filter": always_true,
    # --- Updates and clients ----------------------------------------------------------------------
    "updates.skip-due-only": returns("True"),
    "updates.watchers-consistent": replaced(", ConsistentRead=True", ""),
    "updates.failed-frame-counts": returns("True"),
    "updates.failed-batch-again": condition(False),
    "updates.close-failing": dropped,
    "subscribe.before-read": swapped,
    "connect.only-if-absent": always_true,
    "counts.batch-once": always_true,
}
MUTANTS = tuple(
    Mutant(guard, edits if isinstance(edits, tuple) else (edits,)) for guard, edits in _EDITS.items()
)
