"""Deploys the service to AWS, or to its emulator. The deployment package contains nothing of this."""

from collections.abc import Callable
from typing import Any, Final

APP_NAME: Final = "task-service"
LOCAL_STAGE: Final = "local"

#: Returns the client of the AWS service of that name, like boto3.client.
Clients = Callable[[str], Any]


def emulator_environment(endpoint: str) -> dict[str, str]:
    """Return environment variables that direct AWS clients to the emulator at `endpoint` only."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
