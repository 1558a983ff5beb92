"""What must be so before a stage's app is deployed. Each that is not is one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from chalicelib.settings import Settings, SettingsError
from infra import APP_NAME, Clients
from infra.errors import BadInput
from infra.stacks.ssm_parameters import read_parameter
from infra.stacks.stack import data_stack

#: The queues and the functions that read them.
LANES: Final = {"fast": "run_tasks", "long": "run_long_tasks"}
#: As AWS advises: a message must not come back while its batch may still run, retries of Lambda included.
VISIBILITY_FACTOR: Final = 6
#: The states that a stack can be used in.
_GOOD: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


def check(clients: Clients, stage: str, timeouts: Mapping[str, int], environment: Mapping[str, str]) -> None:
    """`timeouts` are the functions' in seconds, `environment` is what they will run with.

    Raises: BadInput with a line for everything that is missing.
    """
    settings = read_settings(stage, environment)
    _check_stack(clients, stage)
    problems = [*_auth(clients, settings), *_visibility(clients, stage, timeouts)]
    if problems:
        raise BadInput("\n".join(problems))


def require_stack(clients: Clients, stage: str) -> str:
    """The state of the stage's stack of data. Raises: BadInput when the region has no such stage."""
    stack = data_stack(clients, stage)
    state = stack.state()
    if state is None or state == "REVIEW_IN_PROGRESS":
        region = clients("cloudformation").meta.region_name
        raise BadInput(
            f"There is no stack {stack.name} in {region}: run `make up STAGE={stage}` first, "
            "unless it is another region that you mean."
        )
    return state


def _check_stack(clients: Clients, stage: str) -> None:
    """Everything else needs it."""
    stack = data_stack(clients, stage)
    state = require_stack(clients, stage)
    if state.endswith("_IN_PROGRESS"):
        raise BadInput(f"The stack {stack.name} is being changed right now ({state}): wait for that to end.")
    if state not in _GOOD:
        raise BadInput(
            f"The stack {stack.name} is in state {state}: `make up STAGE={stage}` says what to do."
        )


def read_settings(stage: str, environment: Mapping[str, str]) -> Settings:
    """What the stage's functions will run with. Raises: BadInput when they could not."""
    try:
        return Settings.from_env({**environment, "STAGE": stage})
    except SettingsError as error:
        raise BadInput(f"The settings of stage {stage} in .chalice/config.json: {error}.") from error


def _auth(clients: Clients, settings: Settings) -> Iterator[str]:
    """A stage without any means to check a token would refuse everybody."""
    name = settings.parameter("token-keys")
    if not settings.jwks_url and read_parameter(clients, name) is None:
        yield (
            f"The stage {settings.stage} could check nobody's token: give it JWKS_URL, TOKEN_ISSUER and "
            f"TOKEN_AUDIENCE in .chalice/config.json, or a key for HS256 tokens in the SSM parameter {name}."
        )


def _visibility(clients: Clients, stage: str, timeouts: Mapping[str, int]) -> Iterator[str]:
    for lane, function in LANES.items():
        queue = f"{APP_NAME}-{stage}-{lane}"
        visibility = int(attributes_of(clients, queue)["VisibilityTimeout"])
        needed = VISIBILITY_FACTOR * timeouts[function]
        if visibility < needed:
            yield (
                f"The queue {queue} hides a message for {visibility} s, but {function} may take "
                f"{timeouts[function]} s: {needed} s are needed. Change infra/stacks/data.yaml, then "
                f"`make up STAGE={stage}`."
            )


def attributes_of(clients: Clients, queue: str) -> dict[str, Any]:
    """All attributes of a queue. Raises: BadInput when it does not exist."""
    client = clients("sqs")
    try:
        url = client.get_queue_url(QueueName=queue)["QueueUrl"]
        found: dict[str, Any] = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
            "Attributes"
        ]
    except ClientError as error:
        if "NonExistentQueue" in error.response["Error"]["Code"]:
            raise BadInput(
                f"There is no queue {queue}, though its stack says so: was it deleted by hand?"
            ) from error
        raise
    return found
