"""How the service gets onto AWS, or onto its emulator. Nothing of this is in the deployment package."""

from typing import Final

APP_NAME: Final = "task-service"
LOCAL_STAGE: Final = "local"


def emulator_environment(endpoint: str) -> dict[str, str]:
    """Environment variables with which AWS clients talk to the emulator at `endpoint` and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }
