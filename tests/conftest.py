"""Every test runs without the machine's own AWS configuration."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

# Before anything imports boto3: no test may reach an AWS account.
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
os.environ["AWS_ACCESS_KEY_ID"] = "test"
os.environ["AWS_SECRET_ACCESS_KEY"] = "test"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "STAGE"):
    os.environ.pop(name, None)

pytest_plugins = ["tests.support.recorded_calls"]

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

Printed = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """The JSON lines that the service printed since the last call: its logs and metrics."""
    from chalicelib.observability import configure  # noqa: PLC0415 - after the environment is set

    configure("INFO")
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class _ByFile(LoadFileScheduling):
    """Gives each worker one file after the other, and all that share the stage to one of them.

    Bringing the stage up takes as long as a hundred tests, so one worker does it. Files come in the order of
    their names: tests/e2e, the longest, first, so that at the end no worker is left alone with a long one.
    """

    OF_THEIR_OWN = ("test_aws_stage.py", "test_counts.py", "test_make_up.py")  #: need no stage, or another

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        shared = file.startswith("tests/e2e/") and not file.endswith(self.OF_THEIR_OWN)
        return "the stage" if shared else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile | None:
    """Takes the place of --dist loadfile."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # by the number of tests, which is not how long they take
    return _ByFile(config, log)
