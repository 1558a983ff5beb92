"""The stage's tables, queues and topic, kept as infra/template.yaml says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from infra import APP_NAME, Clients

TEMPLATE: Final = Path(__file__).with_name("template.yaml")


def put_stack(clients: Clients, stage: str) -> None:
    """Create the stage's stack, or bring it up to date. Done when AWS is done.

    Raises: botocore's WaiterError when AWS rolls the change back.
    """
    client = clients("cloudformation")
    name = f"{APP_NAME}-{stage}"
    stack = {
        "StackName": name,
        "TemplateBody": TEMPLATE.read_text(),
        "Parameters": [{"ParameterKey": "Stage", "ParameterValue": stage}],
    }
    if not _exists(client, name):
        client.create_stack(**stack)
        outcome = "stack_create_complete"
    elif _update(client, stack):
        outcome = "stack_update_complete"
    else:
        return
    client.get_waiter(outcome).wait(StackName=name, WaiterConfig={"Delay": 5})


def _exists(client: Any, name: str) -> bool:
    try:
        client.describe_stacks(StackName=name)
    except ClientError as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def _update(client: Any, stack: dict[str, Any]) -> bool:
    try:
        client.update_stack(**stack)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return False
        raise
    return True
