"""Saved queries for CloudWatch Logs Insights. Each searches the logs of all functions of a stage."""

from __future__ import annotations

from typing import Final

#: Queries by their titles. Replace the dots by an id.
QUERIES: Final = {
    "a request and all that came of it": """\
fields @timestamp, function, level, action, message, task_id, attempt, error_kind
| filter correlation_id = "..."
| sort @timestamp asc
| limit 1000""",
    "a task's whole life": """\
fields @timestamp, function, level, action, message, attempt, lease, duration_ms, error_kind
| filter task_id = "..."
| sort @timestamp asc
| limit 1000""",
    "slowest task types": """\
filter message = "Run finished"
| stats count() as runs, pct(duration_ms, 50) as p50_ms, pct(duration_ms, 95) as p95_ms by task_type
| sort p95_ms desc""",
    "failures by kind": """\
filter ispresent(error_kind)
| stats count() as failures by task_type, error_kind, bin(1h)
| sort failures desc""",
    "errors with their tracebacks": """\
fields @timestamp, function, action, message, task_id, exception
| filter level = "ERROR"
| sort @timestamp desc
| limit 100""",
    "cold starts": """\
filter @type = "REPORT" and ispresent(@initDuration)
| stats count() as starts, pct(@initDuration, 50) as p50_ms, max(@initDuration) as max_ms by @log""",
}
