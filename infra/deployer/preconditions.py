"""Preconditions of a deployment. Each one that fails is reported in one sentence."""

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
#: The states in which a stack is usable.
_USABLE: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


def check(clients: Clients, stage: str, timeouts: Mapping[str, int], environment: Mapping[str, str]) -> None:
    """Check that the app can be deployed.

    `timeouts` are the functions' in seconds, `environment` their variables.
    Raises: BadInput with a line for each failed precondition.
    """
    settings = read_settings(stage, environment)
    _check_stack(clients, stage)
    problems = [*_auth(clients, settings), *_visibility(clients, stage, timeouts)]
    if problems:
        raise BadInput("\n".join(problems))


def require_stack(clients: Clients, stage: str) -> str:
    """Return the state of the stage's data stack. Raises: BadInput when the region has no such stack."""
    stack = data_stack(clients, stage)
    state = stack.state()
    if state is None or state == "REVIEW_IN_PROGRESS":
        region = clients("cloudformation").meta.region_name
        raise BadInput(
            f"There is no stack {stack.name} in {region}: run `make up STAGE={stage}` first, "
            "or select the stage's region."
        )
    return state


def _check_stack(clients: Clients, stage: str) -> None:
    """Raises: BadInput. The other preconditions depend on the stack."""
    stack = data_stack(clients, stage)
    state = require_stack(clients, stage)
    if state.endswith("_IN_PROGRESS"):
        raise BadInput(f"The stack {stack.name} is being changed ({state}): wait until that has ended.")
    if state not in _USABLE:
        raise BadInput(
            f"The stack {stack.name} is in state {state}: `make up STAGE={stage}` names the remedy."
        )


def read_settings(stage: str, environment: Mapping[str, str]) -> Settings:
    """Return the settings of the stage's functions. Raises: BadInput when a setting is invalid."""
    try:
        return Settings.from_env({**environment, "STAGE": stage})
    except SettingsError as error:
        raise BadInput(f"The settings of stage {stage} in .chalice/config.json: {error}.") from error


def _auth(clients: Clients, settings: Settings) -> Iterator[str]:
    """A stage that cannot verify tokens would refuse every request."""
    name = settings.parameter("token-keys")
    if not settings.jwks_url and read_parameter(clients, name) is None:
        yield (
            f"The stage {settings.stage} cannot verify tokens: set JWKS_URL, TOKEN_ISSUER and TOKEN_AUDIENCE "
            f"in .chalice/config.json, or store a key for HS256 tokens in the SSM parameter {name}."
        )


def _visibility(clients: Clients, stage: str, timeouts: Mapping[str, int]) -> Iterator[str]:
    for lane, function in LANES.items():
        queue = f"{APP_NAME}-{stage}-{lane}"
        visibility = int(_queue_attributes(clients, queue)["VisibilityTimeout"])
        minimum = VISIBILITY_FACTOR * timeouts[function]
        if visibility < minimum:
            yield (
                f"The queue {queue} hides a message for {visibility} s, but {function} may run "
                f"{timeouts[function]} s: the minimum is {minimum} s. Change infra/stacks/data.yaml, then "
                f"`make up STAGE={stage}`."
            )


def _queue_attributes(clients: Clients, queue: str) -> dict[str, Any]:
    """Return all attributes of a queue. Raises: BadInput when it does not exist."""
    client = clients("sqs")
    try:
        url = client.get_queue_url(QueueName=queue)["QueueUrl"]
        response = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    except ClientError as error:
        if "NonExistentQueue" in error.response["Error"]["Code"]:
            raise BadInput(
                f"The queue {queue} of the stack does not exist: was it deleted by hand?"
            ) from error
        raise
    attributes: dict[str, Any] = response["Attributes"]
    return attributes
