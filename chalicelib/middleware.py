"""Wraps every invocation: ids on its log lines, one line about it, and its metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chalice.app import Request, Response

from chalicelib.http.requests import correlation_id
from chalicelib.observability import Metrics, log, log_context


def observed(event: Any, get_response: Callable[[Any], Any], metrics: Metrics) -> Any:
    """Handle an event with its ids on every log line, then log the invocation and print the metrics."""
    started = time.monotonic()
    with log_context(**_trace(event)):
        try:
            response = get_response(event)
            took = round((time.monotonic() - started) * 1000)
            status = {"status": response.status_code} if isinstance(response, Response) else {}
            log.info("Invocation finished", action="invocation_finished", duration_ms=took, **status)
            return response
        finally:
            metrics.flush()


def _trace(event: Any) -> dict[str, Any]:
    if isinstance(event, Request):
        return {
            "function": "api",
            "request_id": event.context.get("requestId"),
            "correlation_id": correlation_id(event),
            "method": event.method,
            "path": event.path,
        }
    context = event.context
    return {
        "function": getattr(context, "function_name", None),
        "request_id": getattr(context, "aws_request_id", None),
    }
