"""Guards around runs: deaths, new lives, creation, documents and clients."""

from __future__ import annotations

from tests.mutants.mutant import CONNECTIONS, DEAD_LETTERS, REALTIME, TASK, TASK_TABLE, TASKS, WORKER, mutant

DEAD_LETTER_FIRST = """        for each in ended:
            ending = self._recorder._decided(each.run)
            if getattr(ending, "after", None) and ending.after.dead_letter_unsent:
                self._dead_letter_publisher.publish(ending.after)
        recorded = self._recorder.record("""
RESULTS_LAST = """        self._documents.put_results(results)
        stored: dict[str, Task | Conflict | Exception] = {**failed}
"""

OF_LIVES = (
    # --- Dead letters -----------------------------------------------------------------------------
    mutant(
        "failed first, then its dead letter",
        "a dead letter for a run that is rescued and succeeds",
        WORKER,
        ("        recorded = self._recorder.record(", DEAD_LETTER_FIRST),
    ),
    mutant(
        "the dead letter is sent, then confirmed",
        "the process dies in between: the dead letter is lost",
        "chalicelib/services/dead_letter_publisher.py",
        (
            "        self._queue.send(DeadLetter.of(task))\n"
            "        return self._tasks.confirm_dead_letter(task, task.dead_lettered(self._clock()))",
            "        noted = self._tasks.confirm_dead_letter(task, task.dead_lettered(self._clock()))\n"
            "        self._queue.send(DeadLetter.of(task))\n        return noted",
        ),
    ),
    mutant(
        "confirm: this life's death",
        "a slow sweep confirms the death of the life before, the last one is never told",
        TASK_TABLE,
        (
            '"#status = :failed AND redrive_count = :life AND',
            '"#status = :failed AND (redrive_count = :life OR attribute_exists(pk)) AND',
        ),
    ),
    mutant(
        "retry: a death that is not told is told first",
        "a quick retry hides it for good",
        TASKS,
        ("        if not task.dead_letter_unsent:\n", "        if task.dead_letter_unsent or True:\n"),
    ),
    mutant(
        "bounced: nobody claimed or retried since it was sent",
        "a message from before a retry condemns a healthy task",
        TASK_TABLE,
        (
            '"#status IN (:queued, :scheduled, :retrying) AND #lease = :lease"',
            '"#status IN (:queued, :scheduled, :retrying) AND (#lease = :lease OR attribute_exists(pk))"',
        ),
    ),
    mutant(
        "bounced: the task waits",
        "a canceled task gets a verdict",
        TASK_TABLE,
        (
            '"#status IN (:queued, :scheduled, :retrying) AND #lease = :lease"',
            '"(#status IN (:queued, :scheduled, :retrying) OR attribute_exists(pk)) AND #lease = :lease"',
        ),
    ),
    mutant(
        "alert, then record",
        "the process dies in between: the alert is lost",
        DEAD_LETTERS,
        (
            "        if records:\n            self._alerts.publish(self._subject(records), alert_text(self._stage, records))\n",
            "        for record in records:\n            self._records.put(record)\n"
            "        if records:\n            self._alerts.publish(self._subject(records), alert_text(self._stage, records))\n",
        ),
    ),
    mutant(
        "a message is deleted last",
        "the process dies in between: record and alert are lost",
        DEAD_LETTERS,
        (
            "        records = list(batch.new.values())\n",
            "        if batch.handled:\n            self._queue.delete(batch.handled)\n        records = list(batch.new.values())\n",
        ),
    ),
    mutant(
        "a death on record is not told again",
        "each copy of a dead letter is an alert",
        DEAD_LETTERS,
        (" and not self._records.has(record)", ""),
    ),
    mutant(
        "the key of a death has its life",
        "the second death of a task is taken for a copy of the first",
        "chalicelib/domain/dead_letters.py",
        ('return f"{self.task_id}#{self.redrive_count}"', 'return f"{self.task_id}#0"'),
    ),
    mutant(
        "what is not ours is kept, then acknowledged",
        "a message nobody can read is gone without a trace",
        WORKER,
        ("        self._dead_letter_queue.quarantine(message.body, message.message_id)\n", ""),
    ),
    # --- A new life ---------------------------------------------------------------------------------
    mutant(
        "retry: REMOVE ttl",
        "the live row is deleted",
        TASK,
        ("            expires_at=None,\n            ttl=None,\n", "            expires_at=None,\n"),
    ),
    mutant(
        "retry: REMOVE expires_at",
        "it expires again without a run",
        TASK,
        ("            expires_at=None,\n            ttl=None,\n", "            ttl=None,\n"),
    ),
    mutant(
        "retry: REMOVE cancel_requested",
        "it is canceled at its first step",
        TASK,
        ("            cancel_requested=False,\n", ""),
    ),
    mutant(
        "retry: the lease is counted",
        "a message from before it condemns the new life",
        TASK,
        ("            lease=self.lease + 1,\n", ""),
    ),
    # --- Create ---------------------------------------------------------------------------------------
    mutant(
        "create: only what is not there",
        "a late copy of the request puts a running task back to queued",
        TASK_TABLE,
        (
            '"ConditionExpression": ABSENT}',
            '"ConditionExpression": "attribute_not_exists(pk) OR attribute_exists(pk)"}',
        ),
    ),
    mutant(
        "key and task in one transaction",
        "the process dies in between: a key without its task, or two tasks",
        "chalicelib/aws/dynamodb/idempotency_keys.py",
        (
            "        self._client.transact_write_items(\n",
            "        self._client.put_item(TableName=self._table, Item=item)\n        self._client.transact_write_items(\n",
        ),
        ('"attribute_not_exists(pk) OR #ttl <= :now"', '"attribute_exists(pk) OR #ttl <= :now"'),
    ),
    mutant(
        "the same key finds the task that is there",
        "each request makes a task",
        "chalicelib/aws/dynamodb/idempotency_keys.py",
        (
            '"attribute_not_exists(pk) OR #ttl <= :now"',
            '"attribute_not_exists(pk) OR #ttl <= :now OR attribute_exists(pk)"',
        ),
    ),
    mutant(
        "a failed send of a new task is no error",
        "the owner is told 500, and posts again: two tasks",
        TASKS,
        (
            '            log.exception("Messages not sent", action="send_failed", count=len(wakes))\n            return\n',
            "            raise\n",
        ),
    ),
    # --- Documents ------------------------------------------------------------------------------------
    mutant(
        "a result has the name of its lease",
        "a zombie overwrites the accepted result",
        "chalicelib/aws/dynamodb/document_table.py",
        ('return f"result#{task.lease}"', 'return "result"'),
    ),
    mutant(
        "the result's item, then the row",
        "the process dies in between: succeeded without a result",
        TASK_TABLE,
        ("        stored: dict[str, Task | Conflict | Exception] = {**failed}\n", RESULTS_LAST),
        ("        failed = self._documents.put_results(\n", "        failed, results = {}, (\n"),
    ),
    # --- Clients --------------------------------------------------------------------------------------
    mutant(
        "watchers are read consistently",
        "the update of a moment ago misses the client that has just come",
        "chalicelib/aws/dynamodb/connection_table.py",
        ("**self._live(owner, now), ConsistentRead=True)", "**self._live(owner, now))"),
    ),
    mutant(
        "subscribe, then read",
        "an update in between is missed",
        CONNECTIONS,
        (
            "        self._connections.subscribe(connection, task_id)\n        task = self._tasks.get(connection.owner, task_id)\n",
            "        task = self._tasks.get(connection.owner, task_id)\n        self._connections.subscribe(connection, task_id)\n",
        ),
    ),
    mutant(
        "a connect that arrives twice is one",
        "the second copy wipes the subscriptions",
        "chalicelib/aws/dynamodb/connection_table.py",
        ('Item=item, ConditionExpression="attribute_not_exists(pk)"', "Item=item"),
    ),
    mutant(
        "a failed post is not done",
        "a client misses an update for good",
        REALTIME,
        ("            return self._failed(connection, failures[0])\n", "            return True\n"),
    ),
    mutant(
        "a connection that cannot be served is closed",
        "its client waits for updates that never come",
        REALTIME,
        (
            "        close_connection(self._connections, self._sockets, connection.id)\n        return True\n",
            "        return True\n",
        ),
    ),
    mutant(
        "a moved due time is not announced",
        "clients get frames that say nothing new",
        "chalicelib/domain/change.py",
        ("return self.previous is None or self.previous.version != self.task.version", "return True"),
    ),
    mutant(
        "a batch that failed comes again",
        "whoever could not be served misses its updates",
        REALTIME,
        ("        if not all(served):\n", "        if not served and wanted:\n"),
    ),
)
