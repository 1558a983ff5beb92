"""The frames that clients receive: updates and errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.domain.formats import to_json
from chalicelib.domain.task import Task
from chalicelib.domain.views import task_view

#: API Gateway's limit of one frame.
FRAME_LIMIT_BYTES = 32 * 1024
#: The part of a frame that is not the task's JSON.
_ENVELOPE_BYTES = 64


class Frames:
    """Frames of updates. The JSON of each version of a task is made once for all its watchers."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, int], str] = {}

    def of_task(self, task: Task) -> str:
        """A frame with the update of one task."""
        return '{"type":"task","task":' + self._text(task) + "}"

    def of_tasks(self, tasks: Sequence[Task]) -> Iterator[str]:
        """As few frames as possible with the updates of several tasks."""
        opening, closing = '{"type":"tasks","tasks":[', "]}"
        room = FRAME_LIMIT_BYTES - len(opening) - len(closing)
        texts: list[str] = []
        used = 0
        for text in map(self._text, tasks):
            size = len(text.encode()) + 1
            if texts and used + size > room:
                yield opening + ",".join(texts) + closing
                texts, used = [], 0
            texts.append(text)
            used += size
        if texts:
            yield opening + ",".join(texts) + closing

    def _text(self, task: Task) -> str:
        version = task.id, task.version
        if version not in self._texts:
            self._texts[version] = _task_json(task)
        return self._texts[version]


def error_frame(code: str, detail: str) -> str:
    """The frame that answers a refused message."""
    return to_json({"type": "error", "code": code, "detail": detail})


def fits_a_frame(task: Task) -> bool:
    """Can a frame hold the task with its payload and result?"""
    return task.payload.size + (0 if task.result is None else task.result.size) < FRAME_LIMIT_BYTES


def _task_json(task: Task) -> str:
    """The public task. If it is too long, without payload and result, and if needed without attempts."""
    whole = task_view(task)
    if not (task.payload.missing or (task.result is not None and task.result.missing)):
        text = to_json(whole)
        if _fits(text):
            return text
    short: dict[str, Any] = {**whole, "payload": None, "result": None, "truncated": True}
    text = to_json(short)
    return text if _fits(text) else to_json({**short, "attempts": []})


def _fits(text: str) -> bool:
    return len(text.encode()) <= FRAME_LIMIT_BYTES - _ENVELOPE_BYTES
