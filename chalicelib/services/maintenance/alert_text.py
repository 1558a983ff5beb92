"""The text of an alert about dead letters."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.dead_letters import DeadLetterRecord

#: The text of each dead letter after its key. An SNS message has at most 256 KB.
ALERT_EXCERPT_CHARACTERS = 160


def alert_text(stage: str, records: Sequence[DeadLetterRecord]) -> str:
    """The text of an alert. It names every key, so that a repeated alert can be recognised."""
    lines = [f"- {record.key} {_one_line(record)}" for record in records]
    advice = (
        "Once the cause is fixed, retry a task with POST /tasks/{id}/retry; its id is the key before '#'."
    )
    return "\n".join([f"New dead letters in stage {stage}:", *lines, "", advice])


def _one_line(record: DeadLetterRecord) -> str:
    words = f"{record.type or 'message'} {record.kind}: {record.message}".split()
    return " ".join(words)[:ALERT_EXCERPT_CHARACTERS]
