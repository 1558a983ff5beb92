"""How the service gets onto AWS, or onto its emulator. Nothing of this is in the deployment package."""

from collections.abc import Callable
from typing import Any, Final

APP_NAME: Final = "task-service"
LOCAL_STAGE: Final = "local"

#: Makes the client of a service by its name, like boto3.client.
Clients = Callable[[str], Any]


def emulator_environment(endpoint: str) -> dict[str, str]:
    """Environment variables with which AWS clients talk to the emulator at `endpoint` and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
