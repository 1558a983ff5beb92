"""The functions that Chalice makes of app.py, by the names that they have on AWS."""

from __future__ import annotations

from typing import Final

from infra import APP_NAME

#: By Chalice's names; `api_handler` is behind every HTTP route.
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
    """What a function of the stage is called on AWS."""
    return f"{APP_NAME}-{stage}" if function == "api_handler" else f"{APP_NAME}-{stage}-{function}"


def rest_api_name(stage: str) -> str:
    """What the stage's REST API is called. Chalice would call those of all stages the same."""
    return f"{APP_NAME}-{stage}"


def websocket_api_name(stage: str) -> str:
    """What Chalice calls the stage's WebSocket API."""
    return f"{APP_NAME}-{stage}-websocket-api"
