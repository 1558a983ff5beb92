"""Names on AWS of what Chalice creates from app.py: functions and APIs."""

from __future__ import annotations

from typing import Final

from infra import APP_NAME

#: The functions by Chalice's names; `api_handler` serves every HTTP route.
FUNCTIONS: Final = (
    "api_handler",
    "run_tasks",
    "run_long_tasks",
    "push_updates",
    "websocket_connect",
    "websocket_message",
    "websocket_disconnect",
    "sweep",
    "watch_dead_letters",
)


def function_name(stage: str, function: str) -> str:
    """Return the name on AWS of one of the stage's functions."""
    return f"{APP_NAME}-{stage}" if function == "api_handler" else f"{APP_NAME}-{stage}-{function}"


def rest_api_name(stage: str) -> str:
    """Return the name of the stage's REST API. Chalice's default name is the same for all stages."""
    return f"{APP_NAME}-{stage}"


def websocket_api_name(stage: str) -> str:
    """Return the name that Chalice gives the stage's WebSocket API."""
    return f"{APP_NAME}-{stage}-websocket-api"
