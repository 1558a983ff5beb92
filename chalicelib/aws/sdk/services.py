"""The JSON services that the service uses, and their operations in use."""

from __future__ import annotations

from chalicelib.aws.sdk.client import JsonClient, operation


class DynamoDBClient(JsonClient):
    """DynamoDB."""

    get_item = operation("GetItem")
    put_item = operation("PutItem")
    update_item = operation("UpdateItem")
    delete_item = operation("DeleteItem")
    query = operation("Query")
    batch_get_item = operation("BatchGetItem")
    batch_write_item = operation("BatchWriteItem")
    batch_execute_statement = operation("BatchExecuteStatement")
    transact_write_items = operation("TransactWriteItems")


class SQSClient(JsonClient):
    """SQS."""

    get_queue_url = operation("GetQueueUrl")
    get_queue_attributes = operation("GetQueueAttributes")
    send_message = operation("SendMessage")
    send_message_batch = operation("SendMessageBatch")
    receive_message = operation("ReceiveMessage")
    change_message_visibility = operation("ChangeMessageVisibility")
    delete_message_batch = operation("DeleteMessageBatch")


class SSMClient(JsonClient):
    """SSM."""

    get_parameter = operation("GetParameter")
