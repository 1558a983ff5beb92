"""Guards around what is done to many tasks at once: pauses and redrives."""

from __future__ import annotations

from tests.mutants.mutant import SWEEPER, WORKER, mutant

WRITES = "chalicelib/aws/dynamodb/writes.py"
PAUSE_TABLE = "chalicelib/aws/dynamodb/pause_table.py"
REDRIVE_TABLE = "chalicelib/aws/dynamodb/redrive_table.py"
REDRIVES = "chalicelib/services/maintenance/redrives.py"

OF_BULK = (
    # --- PauseCache -----------------------------------------------------------------------------------
    mutant(
        "the sweep looks into the lots",
        "what is parked does not expire, and waits for good when its pause is forgotten",
        SWEEPER,
        ("for each in (bucket, *parking_buckets_of(bucket)):", "for each in (bucket,):"),
    ),
    mutant(
        "what the sweep acts on goes home",
        "a task that was parked once is parked for the next pause of its parking_bucket",
        SWEEPER,
        ("self._tasks.replace_due(seen, unparked(after))", "self._tasks.replace_due(seen, after)"),
    ),
    mutant(
        "a worker parks only what is paused still",
        "a worker that has not heard of a resume parks what was just resumed",
        WORKER,
        ("if self._pauses.confirmed(held.type):", "if held.type:"),
    ),
    mutant(
        "a pause is forgotten when all have heard of its end",
        "what a slow worker parks after a resume waits for an hour",
        SWEEPER,
        ("ended.resumed_at + RESUME_GRACE <= now < stop_at", "ended.resumed_at <= now < stop_at"),
    ),
    mutant(
        "what is known of pauses is as old as its question",
        "a worker that stood still starts tasks of a paused type",
        "chalicelib/services/pauses.py",
        ("        self._read_at = asked_at\n", "        self._read_at = self._clock()\n"),
    ),
    mutant(
        "pause: not the one that has ended",
        "a late copy of it pauses a type that was resumed",
        PAUSE_TABLE,
        (
            "attribute_exists(resumed_at) AND paused_at <> :now",
            "attribute_exists(resumed_at) AND (paused_at <> :now OR attribute_exists(pk))",
        ),
    ),
    mutant(
        "resume: the pause that was seen",
        "a late copy of it ends the next pause",
        PAUSE_TABLE,
        (
            '"paused_at = :seen AND attribute_not_exists(resumed_at)"',
            '"(paused_at = :seen OR attribute_exists(pk)) AND attribute_not_exists(resumed_at)"',
        ),
    ),
    # --- Batches ----------------------------------------------------------------------------------
    mutant(
        "claims of a delivery: an id for each",
        "a task whose message came twice at once runs twice at once",
        WORKER,
        (
            "        wake_ups = [delivery.task_message for delivery in deliveries]\n",
            "        wake_ups = [delivery.task_message for delivery in deliveries]\n"
            "        claim_id = self._claim_id()\n",
        ),
        ("task_message.task_id, self._claim_id())", "task_message.task_id, claim_id)"),
    ),
    mutant(
        "a statement that failed is not done",
        "a task that was not claimed runs, its outcome is dropped",
        WRITES,
        (
            "    return None\n",
            "    return Answer(None, refused=True)\n",
        ),
    ),
    mutant(
        "a batch refuses each by its own condition",
        "what one task refuses is refused to all",
        WRITES,
        (
            "        return [_answer_of(*each) for each in zip(requests, answers, strict=True)]\n",
            "        done = [_answer_of(*each) for each in zip(requests, answers, strict=True)]\n"
            "        return next(([each] * len(done) for each in done if each and each.refused), done)\n",
        ),
    ),
    mutant(
        "a new task overwrites nothing, in a batch either",
        "a late copy of the batch puts a task that runs back to queued",
        WRITES,
        (
            "statements = [statement(each) for each in requests]",
            "[self._client.put_item(TableName=e['TableName'], Item=e['Item']) for e in requests if 'Item' in e]\n"
            "            statements = [statement(each) for each in requests]",
        ),
    ),
    mutant(
        "documents that DynamoDB left out are put again",
        "a task without its payload",
        "chalicelib/aws/dynamodb/document_table.py",
        ('answer["UnprocessedItems"].get(self._table, [])', "()"),
    ),
    mutant(
        "counts: each batch of the stream once",
        "a copy of a batch opens its tasks twice, and their owner may post no more",
        "chalicelib/aws/dynamodb/rollup_table.py",
        (
            'f"attribute_not_exists(#{place}) OR #{place} <> :{place}"',
            'f"attribute_not_exists(#{place}) OR attribute_exists(#{place}) OR #{place} <> :{place}"',
        ),
    ),
    # --- Redrives ---------------------------------------------------------------------------------
    mutant(
        "redrive: its lease is mine",
        "a function that stood still sets it back",
        REDRIVE_TABLE,
        (
            '"#lease = :lease AND #status = :running" if running',
            '"(#lease = :lease OR attribute_exists(pk)) AND #status = :running" if running',
        ),
    ),
    mutant(
        "redrive: the lease is counted",
        "the function before goes on beside the next one",
        REDRIVE_TABLE,
        ("#lease = #lease + :one", "#lease = if_not_exists(#lease, :one)"),
    ),
    mutant(
        "redrive: taken on when its lease is out",
        "two sweeps work on it, at twice its rate",
        REDRIVE_TABLE,
        (
            '"#status = :running AND due_at <= :now"',
            '"#status = :running AND (due_at <= :now OR attribute_exists(pk))"',
        ),
    ),
    mutant(
        "redrive: goes on only while it runs",
        "an abort stops nothing",
        REDRIVE_TABLE,
        (
            '"#lease = :lease AND #status = :running" if running',
            '"#lease = :lease AND (#status = :running OR attribute_exists(pk))" if running',
        ),
    ),
    mutant(
        "redrive: the life that was seen (redrive_count)",
        "a task that was retried by hand, and died again, is retried twice",
        REDRIVES,
        (", by=redrive.by, life=task.redrive_count)", ", by=redrive.by)"),
    ),
    mutant(
        "redrive: what had ended when it began",
        "a task that dies again is retried again, for good",
        "chalicelib/domain/redrive.py",
        (
            "return task.finished_at is not None and task.finished_at <= self.created_at",
            "return task.finished_at is not None",
        ),
    ),
    mutant(
        "redrive: one for each filter",
        "a request that is sent again starts a second one",
        REDRIVE_TABLE,
        (
            '"attribute_not_exists(pk) OR redrive_id = :stale"',
            '"attribute_not_exists(pk) OR redrive_id = :stale OR attribute_exists(pk)"',
        ),
    ),
)
