"""Each function's role on an AWS that asks for permission: its own work is allowed, another's is refused.

All other tests here run on the same AWS, so whatever they see working is allowed by the policies.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.e2e.conftest import Service

PREFIX = "task-service-local"
KEY = {"pk": {"S": "task#nobody#0"}, "sk": {"S": "nothing"}}
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


class Role:
    """What a function's role may do, tried with credentials of that role."""

    def __init__(self, service: Service, function: str) -> None:
        self._service = service
        role = f"arn:aws:iam::000000000000:role/{PREFIX}-{function}"
        answer = service.client("sts").assume_role(RoleArn=role, RoleSessionName="a-test")["Credentials"]
        self._session = Session()
        self._session.set_config_variable("region", "us-east-1")
        self._session.set_credentials(
            answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
        )

    def client(self, name: str) -> Any:
        return self._session.create_client(name, endpoint_url=self._service.endpoints.aws_endpoint)

    def queue(self, name: str) -> str:
        """A queue's address, found by somebody who may look for it."""
        return str(self._service.client("sqs").get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"])

    # --- What functions do ------------------------------------------------------------------------

    def write_task(self) -> None:
        self.client("dynamodb").put_item(TableName=f"{PREFIX}-tasks", Item=KEY)

    def change_task(self) -> None:
        self.client("dynamodb").update_item(
            TableName=f"{PREFIX}-tasks", Key=KEY, ConditionExpression="attribute_exists(pk)"
        )

    def claim_tasks(self) -> None:
        text = f'UPDATE "{PREFIX}-tasks" SET "x" = ? WHERE "pk" = ? AND "sk" = ?'
        parameters = [{"N": "1"}, *KEY.values()]
        self.client("dynamodb").batch_execute_statement(
            Statements=[{"Statement": text, "Parameters": parameters}] * 2
        )

    def write_tasks(self) -> None:
        text = f"""INSERT INTO "{PREFIX}-tasks" VALUE {{'pk': ?, 'sk': ?}}"""
        self.client("dynamodb").batch_execute_statement(
            Statements=[{"Statement": text, "Parameters": list(KEY.values())}] * 2
        )

    def read_task(self) -> None:
        self.client("dynamodb").get_item(TableName=f"{PREFIX}-tasks", Key=KEY)

    def scan_tasks(self) -> None:
        self.client("dynamodb").scan(TableName=f"{PREFIX}-tasks")

    def find_due(self) -> None:
        self.client("dynamodb").query(
            TableName=f"{PREFIX}-tasks",
            IndexName="due",
            KeyConditionExpression="due_bucket = :bucket",
            ExpressionAttributeValues={":bucket": {"N": "0"}},
        )

    def read_connection(self) -> None:
        self.client("dynamodb").get_item(TableName=f"{PREFIX}-connections", Key=KEY)

    def send_work(self) -> None:
        self.client("sqs").send_message(QueueUrl=self.queue("fast"), MessageBody="{}")

    def take_dead_letters(self) -> None:
        self.client("sqs").receive_message(QueueUrl=self.queue("dead-letters"), VisibilityTimeout=0)

    def alert(self) -> None:
        self.client("sns").publish(
            TopicArn=f"arn:aws:sns:us-east-1:000000000000:{PREFIX}-alerts", Message="a test"
        )

    def read_token_keys(self) -> None:
        self.client("ssm").get_parameter(Name="/task-service/local/token-keys")

    def become_administrator(self) -> None:
        self.client("iam").put_role_policy(RoleName=f"{PREFIX}-sweep", PolicyName="all", PolicyDocument="{}")


def denied(act: Callable[[], None]) -> bool:
    try:
        act()
    except ClientError as error:
        return error.response["Error"]["Code"] in DENIED
    return False


def test_the_embedded_aws_asks_for_permission(service: Service) -> None:
    place = service.endpoints.aws_endpoint.removeprefix("http://")
    server = HTTPConnection(place, timeout=10)
    server.request("GET", "/_ministack/health")
    assert json.loads(server.getresponse().read())["auth"] == "enabled"
    server.close()


@pytest.mark.parametrize(
    ("function", "act"),
    [
        ("api_handler", Role.write_task),
        ("api_handler", Role.write_tasks),
        ("api_handler", Role.read_token_keys),
        ("push_updates", Role.read_connection),
        ("run_tasks", Role.change_task),
        ("run_tasks", Role.claim_tasks),
        ("sweep", Role.find_due),
        ("watch_dead_letters", Role.take_dead_letters),
        ("watch_dead_letters", Role.alert),
        ("websocket_message", Role.read_task),
    ],
)
def test_a_function_may_do_its_own_work(service: Service, function: str, act: Callable[[Role], None]) -> None:
    role = Role(service, function)
    assert not denied(lambda: act(role))


@pytest.mark.parametrize(
    ("function", "act"),
    [
        # Status leaves through the stream and comes in through nothing of it.
        ("push_updates", Role.write_task),
        ("push_updates", Role.change_task),
        ("push_updates", Role.claim_tasks),
        ("run_tasks", Role.write_tasks),
        ("api_handler", Role.claim_tasks),
        ("websocket_connect", Role.read_task),
        ("websocket_message", Role.change_task),
        # Dead letters are the monitor's.
        ("api_handler", Role.take_dead_letters),
        ("run_tasks", Role.take_dead_letters),
        # No loops: what consumes a queue sends to none, and the monitor sends nothing back.
        ("run_tasks", Role.send_work),
        ("run_long_tasks", Role.send_work),
        ("watch_dead_letters", Role.send_work),
        # Only what checks tokens may see their keys.
        ("run_tasks", Role.read_token_keys),
        ("push_updates", Role.read_token_keys),
        ("run_tasks", Role.find_due),
        ("api_handler", Role.scan_tasks),
        ("sweep", Role.become_administrator),
    ],
)
def test_another_functions_work_is_refused(
    service: Service, function: str, act: Callable[[Role], None]
) -> None:
    role = Role(service, function)
    assert denied(lambda: act(role))
