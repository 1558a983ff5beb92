"""Every test runs without the machine's own AWS configuration."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

# Before anything imports boto3: no test may reach an AWS account.
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
os.environ["AWS_ACCESS_KEY_ID"] = "test"
os.environ["AWS_SECRET_ACCESS_KEY"] = "test"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "STAGE"):
    os.environ.pop(name, None)

pytest_plugins = ["tests.recorded_calls"]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The JSON lines that the service printed since the last call: its logs and metrics."""
    from chalicelib.observability import configure  # noqa: PLC0415 - after the environment is set

    configure("INFO")
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
