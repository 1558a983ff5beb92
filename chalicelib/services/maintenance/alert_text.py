"""The text of an alert about dead letters."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.dead_letters import DeadLetterRecord

#: Characters of each dead letter beside its key: an alert of SNS has at most 256 KB.
ALERT_EXCERPT_CHARACTERS = 160


def alert_text(stage: str, records: Sequence[DeadLetterRecord]) -> str:
    """The alert's words: every key, so that a repeat is recognised as one."""
    lines = [f"- {record.key} {_one_line(record)}" for record in records]
    advice = (
        "Retry a task with POST /tasks/{id}/retry once its cause is mended (the id is the key up to '#')."
    )
    return "\n".join([f"New dead letters in stage {stage}:", *lines, "", advice])


def _one_line(record: DeadLetterRecord) -> str:
    words = f"{record.type or 'message'} {record.kind}: {record.message}".split()
    return " ".join(words)[:ALERT_EXCERPT_CHARACTERS]
