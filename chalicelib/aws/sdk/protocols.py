"""The seam between the service and an AWS SDK: the operations in use, with botocore's call shapes.

Each operation raises ServiceError (`client.exceptions` has its classes) for a refusal, and Outage when AWS
does not answer or is too busy, after all attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Unpack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import type_defs as dynamodb
    from mypy_boto3_sns import type_defs as sns
    from mypy_boto3_sqs import type_defs as sqs
    from mypy_boto3_ssm import type_defs as ssm

    from chalicelib.aws.sdk.client import Errors
    from chalicelib.domain.connection import ConnectionGone, SendFailed


class DynamoDB(Protocol):
    """The operations of DynamoDB in use."""

    exceptions: Errors

    def get_item(self, **parameters: Unpack[dynamodb.GetItemInputTypeDef]) -> dynamodb.GetItemOutputTypeDef:
        """GetItem."""

    def put_item(self, **parameters: Unpack[dynamodb.PutItemInputTypeDef]) -> dynamodb.PutItemOutputTypeDef:
        """PutItem."""

    def update_item(
        self, **parameters: Unpack[dynamodb.UpdateItemInputTypeDef]
    ) -> dynamodb.UpdateItemOutputTypeDef:
        """UpdateItem."""

    def delete_item(
        self, **parameters: Unpack[dynamodb.DeleteItemInputTypeDef]
    ) -> dynamodb.DeleteItemOutputTypeDef:
        """DeleteItem."""

    def query(self, **parameters: Unpack[dynamodb.QueryInputTypeDef]) -> dynamodb.QueryOutputTypeDef:
        """Query."""

    def batch_get_item(
        self, **parameters: Unpack[dynamodb.BatchGetItemInputTypeDef]
    ) -> dynamodb.BatchGetItemOutputTypeDef:
        """BatchGetItem."""

    def batch_write_item(
        self, **parameters: Unpack[dynamodb.BatchWriteItemInputTypeDef]
    ) -> dynamodb.BatchWriteItemOutputTypeDef:
        """BatchWriteItem."""

    def batch_execute_statement(
        self, **parameters: Unpack[dynamodb.BatchExecuteStatementInputTypeDef]
    ) -> dynamodb.BatchExecuteStatementOutputTypeDef:
        """BatchExecuteStatement."""

    def transact_write_items(
        self, **parameters: Unpack[dynamodb.TransactWriteItemsInputTypeDef]
    ) -> dynamodb.TransactWriteItemsOutputTypeDef:
        """TransactWriteItems."""


class SQS(Protocol):
    """The operations of SQS in use."""

    def get_queue_url(
        self, **parameters: Unpack[sqs.GetQueueUrlRequestTypeDef]
    ) -> sqs.GetQueueUrlResultTypeDef:
        """GetQueueUrl."""

    def get_queue_attributes(
        self, **parameters: Unpack[sqs.GetQueueAttributesRequestTypeDef]
    ) -> sqs.GetQueueAttributesResultTypeDef:
        """GetQueueAttributes."""

    def send_message(
        self, **parameters: Unpack[sqs.SendMessageRequestTypeDef]
    ) -> sqs.SendMessageResultTypeDef:
        """SendMessage."""

    def send_message_batch(
        self, **parameters: Unpack[sqs.SendMessageBatchRequestTypeDef]
    ) -> sqs.SendMessageBatchResultTypeDef:
        """SendMessageBatch."""

    def receive_message(
        self, **parameters: Unpack[sqs.ReceiveMessageRequestTypeDef]
    ) -> sqs.ReceiveMessageResultTypeDef:
        """ReceiveMessage."""

    def change_message_visibility(
        self, **parameters: Unpack[sqs.ChangeMessageVisibilityRequestTypeDef]
    ) -> Any:
        """ChangeMessageVisibility."""

    def delete_message_batch(
        self, **parameters: Unpack[sqs.DeleteMessageBatchRequestTypeDef]
    ) -> sqs.DeleteMessageBatchResultTypeDef:
        """DeleteMessageBatch."""


class SSM(Protocol):
    """The operation of SSM in use."""

    exceptions: Errors

    def get_parameter(
        self, **parameters: Unpack[ssm.GetParameterRequestTypeDef]
    ) -> ssm.GetParameterResultTypeDef:
        """GetParameter."""


class SNS(Protocol):
    """The operations of SNS in use."""

    def create_topic(
        self, **parameters: Unpack[sns.CreateTopicInputTypeDef]
    ) -> sns.CreateTopicResponseTypeDef:
        """CreateTopic."""

    def publish(self, **parameters: Unpack[sns.PublishInputTypeDef]) -> sns.PublishResponseTypeDef:
        """Publish."""


class Connections(Protocol):
    """The connections of a WebSocket API."""

    def post_all(self, frames: Sequence[tuple[str, bytes]]) -> list[ConnectionGone | SendFailed | None]:
        """Post (connection id, frame) once each, side by side. Returns None or an error for each."""

    def delete(self, connection_id: str) -> ConnectionGone | SendFailed | None:
        """Close a connection. Returns None or the error."""


class AwsClients(Protocol):
    """One client a service."""

    @property
    def dynamodb(self) -> DynamoDB:
        """DynamoDB."""

    @property
    def sqs(self) -> SQS:
        """SQS."""

    @property
    def ssm(self) -> SSM:
        """SSM."""

    @property
    def sns(self) -> SNS:
        """SNS."""

    def connections(self, url: str) -> Connections:
        """The connections of the WebSocket API at `url`, https://HOST/STAGE. The caller keeps the client."""
