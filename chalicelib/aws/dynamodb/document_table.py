"""Payloads and results that are too big for a task's row, one item each.

The key of a payload is (task id, "payload"), that of a result (task id, "result#" + lease): a worker that
lost its lease cannot overwrite the result of the worker that holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import Row, batch_get, text, ttl
from chalicelib.domain.task import Task

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

_PAYLOAD = "payload"
#: BatchWriteItem takes at most this many items.
_LIMIT = 25


class DocumentTable:
    """The documents table."""

    def __init__(self, client: DynamoDB, table: str) -> None:
        self._client = client
        self._table = table

    def put_payloads(self, tasks: Sequence[Task]) -> dict[str, Exception]:
        """Store the payloads of new tasks, before their rows. Returns errors by task id.

        The ids are fresh, so an existing item is a copy of this write.
        """
        return self._put({task.id: _item(task.id, _PAYLOAD, task.payload.text) for task in tasks})

    def put_results(self, tasks: Sequence[Task]) -> dict[str, Exception]:
        """Store the results of tasks about to succeed, before their rows. Returns errors by task id."""
        results = [(task, task.result) for task in tasks if task.result is not None]
        return self._put(
            {task.id: _item(task.id, _result_name(task), result.text, task.ttl) for task, result in results}
        )

    def put_payload(self, task: Task) -> None:
        """Store the payload of one new task."""
        for error in self.put_payloads([task]).values():
            raise error

    def delete(self, task: Task) -> None:
        """Delete the documents of a deleted task. Deleting them twice changes nothing."""
        for name in self._names(task, missing_only=False):
            self._client.delete_item(TableName=self._table, Key=_key(task.id, name))

    def load(self, tasks: Iterable[Task]) -> list[Task]:
        """The same tasks with the texts of their documents. A deleted text stays missing."""
        tasks = list(tasks)
        missing = [(task.id, name) for task in tasks for name in self._names(task, missing_only=True)]
        if not missing:
            return tasks
        texts = self._get(list(dict.fromkeys(missing)))
        return [_with_texts(task, texts) for task in tasks]

    @staticmethod
    def _names(task: Task, *, missing_only: bool) -> list[str]:
        documents = ((_PAYLOAD, task.payload), (_result_name(task), task.result))
        return [
            name
            for name, document in documents
            if document is not None and document.stored_apart and (document.missing or not missing_only)
        ]

    def _put(self, items: Mapping[str, Row]) -> dict[str, Exception]:
        """Put items, by task id. Returns the errors of those that are not stored."""
        failed: dict[str, Exception] = {}
        ids = list(items)
        for start in range(0, len(ids), _LIMIT):
            batch = ids[start : start + _LIMIT]
            try:
                self._put_all([items[task_id] for task_id in batch])
            except Exception as error:  # the other batches go on
                failed |= dict.fromkeys(batch, error)
        return failed

    def _put_all(self, items: Sequence[Row]) -> None:
        """Put at most 25 items. Unprocessed ones are put alone, with the client's retries."""
        left: Sequence[Row] = items
        if len(items) > 1:
            puts: Any = {self._table: [{"PutRequest": {"Item": item}} for item in items]}
            answer: Any = self._client.batch_write_item(RequestItems=puts)
            # guard: documents.unprocessed-again
            left = [each["PutRequest"]["Item"] for each in answer["UnprocessedItems"].get(self._table, [])]
        for item in left:
            self._client.put_item(TableName=self._table, Item=item)

    def _get(self, names: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
        keys = [_key(*each) for each in names]
        items = batch_get(self._client, self._table, keys)
        return {(item["pk"]["S"], item["sk"]["S"]): item["text"]["S"] for item in items}


def _item(task_id: str, name: str, document: str | None, delete_at: datetime | None = None) -> Row:
    assert document is not None, "a document is stored with its text"
    item = {**_key(task_id, name), "text": text(document)}
    if delete_at is not None:
        item["ttl"] = ttl(delete_at)
    return item


def _key(task_id: str, name: str) -> Row:
    return {"pk": text(task_id), "sk": text(name)}


def _result_name(task: Task) -> str:
    return f"result#{task.lease}"  # guard: result.named-by-lease


def _with_texts(task: Task, texts: dict[tuple[str, str], str]) -> Task:
    payload = task.payload.loaded(texts[task.id, _PAYLOAD]) if (task.id, _PAYLOAD) in texts else task.payload
    result_key = (task.id, _result_name(task))
    result = task.result
    if result is not None and result_key in texts:
        result = result.loaded(texts[result_key])
    return replace(task, payload=payload, result=result)
