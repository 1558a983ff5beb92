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

# The duration of an example depends on the load of the machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

Printed = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """The logs and metrics that the service printed since the last call, as JSON."""
    from chalicelib.observability import configure  # noqa: PLC0415 - after the environment is set

    configure("INFO")
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class _ByFile(LoadFileScheduling):
    """Assigns whole files to workers, and all files that share the stage to one worker.

    Starting the stage takes as long as a hundred tests, so one worker does it. Files come in the order of
    their names: tests/e2e, the longest, come first, so that no worker ends with a long file alone.
    """

    OF_THEIR_OWN = ("test_aws_stage.py", "test_counts.py", "test_make_up.py")  #: need no stage or another

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        shared = file.startswith("tests/e2e/") and not file.endswith(self.OF_THEIR_OWN)
        return "the stage" if shared else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile | None:
    """Replace the scheduler of --dist loadfile."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # by the number of tests, which is not how long they take
    return _ByFile(config, log)
