"""Mappings have options that protect failed messages and keep a bad record from blocking a shard."""

from __future__ import annotations

import json

import boto3
import pytest
from moto import mock_aws

from infra.deployer.event_sources import latest_stream, mapping_options

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:task-service-dev-fast"
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/task-service-{}-tasks/stream/2026-01-01T00:00:00.000"


def test_a_function_reports_which_messages_of_a_batch_failed() -> None:
    assert mapping_options(QUEUE) == {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def test_no_record_can_block_the_stream_for_good() -> None:
    options = mapping_options(STREAM.format("dev"))
    assert options["BisectBatchOnFunctionError"] is True
    assert 0 < options["MaximumRetryAttempts"] < 100
    assert 60 <= options["MaximumRecordAgeInSeconds"] <= 3600
    assert options["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_emulator_stops_retrying_a_record_after_a_minute() -> None:
    assert mapping_options(STREAM.format("local"))["MaximumRecordAgeInSeconds"] == 60


def test_dropped_records_go_to_the_queue_of_the_same_stage() -> None:
    destination = mapping_options(STREAM.format("dev"))["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == "arn:aws:sqs:eu-west-1:123456789012:task-service-dev-stream-failures"


def test_only_tasks_of_the_table_reach_the_stream_handler() -> None:
    (condition,) = mapping_options(STREAM.format("dev"))["FilterCriteria"]["Filters"]
    assert json.loads(condition["Pattern"]) == {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "task#"}]}}}}


@pytest.mark.parametrize("label", ["at-deploy", "2020-01-01T00:00:00.000"])
def test_a_stream_is_found_by_its_tables_name_whatever_the_label(label: str) -> None:
    with mock_aws():
        dynamodb = boto3.client(
            "dynamodb", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        table = dynamodb.create_table(
            TableName="task-service-dev-tasks",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        placeholder = f"{table['TableArn']}/stream/{label}"
        assert latest_stream(dynamodb, placeholder) == table["LatestStreamArn"]


def test_the_arn_of_a_queue_stays_as_it_is() -> None:
    assert latest_stream(None, QUEUE) == QUEUE
