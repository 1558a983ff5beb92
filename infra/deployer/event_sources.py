"""Settings of event source mappings and schedules that Chalice 1.34 does not support."""

from __future__ import annotations

import re
from typing import Any, Final

from infra import APP_NAME, LOCAL_STAGE

# A worker reports which messages of a batch failed. Without this, Lambda deletes those as well.
_PARTIAL_BATCH: Final = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}

# Without limits, one bad record blocks its shard for the 24 hours that AWS keeps it. With them, Lambda splits
# the batch, retries a few times and then describes the record in a queue. A client that missed an update
# syncs when it reconnects.
_STREAM_LIMITS: Final = {
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 5,
    "MaximumRecordAgeInSeconds": 3600,
    "ParallelizationFactor": 2,
}
# The emulator ignores MaximumRetryAttempts; only a record's age ends its retries. 60 s is AWS's minimum.
_EMULATED_STREAM_LIMITS: Final = {**_STREAM_LIMITS, "MaximumRecordAgeInSeconds": 60}

# The same table holds idempotency keys and dead letter records, which no client watches.
_ONLY_TASKS: Final = '{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"task#"}]}}}}'

_TABLE_ARN: Final = re.compile(
    r"arn:(?P<partition>[^:]+):dynamodb:(?P<region_and_account>[^:]*:[^:]*):table/(?P<table>[^/]+)"
)


def mapping_options(source_arn: str) -> dict[str, Any]:
    """Return the options of a mapping from this queue or table stream."""
    table = _TABLE_ARN.match(source_arn)
    if table is None:
        return dict(_PARTIAL_BATCH)
    stack = table["table"].removesuffix("-tasks")
    limits = _EMULATED_STREAM_LIMITS if stack == f"{APP_NAME}-{LOCAL_STAGE}" else _STREAM_LIMITS
    failures = f"arn:{table['partition']}:sqs:{table['region_and_account']}:{stack}-stream-failures"
    return {
        **_PARTIAL_BATCH,
        **limits,
        "FilterCriteria": {"Filters": [{"Pattern": _ONLY_TASKS}]},
        "DestinationConfig": {"OnFailure": {"Destination": failures}},
    }


def target_options(function_arn: str) -> dict[str, Any]:
    """Return the options of a schedule's target.

    A late event is useless, because the next one follows soon: retries end after a minute. An event that
    reached no function is described in a queue, which an alarm watches.
    """
    prefix, _, function = function_arn.partition(":lambda:")
    region_and_account, _, name = function.partition(":function:")
    stack = "-".join([APP_NAME, name.removeprefix(f"{APP_NAME}-").partition("-")[0]])
    return {
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": f"{prefix}:sqs:{region_and_account}:{stack}-schedule-failures"},
    }


def latest_stream(dynamodb: Any, source_arn: str) -> str:
    """Return the table's current stream for a stream ARN with any label; any other ARN unchanged.

    AWS chooses the label when it creates the table, so app.py can name the table only.
    """
    table = _TABLE_ARN.match(source_arn)
    if table is None:
        return source_arn
    return str(dynamodb.describe_table(TableName=table["table"])["Table"]["LatestStreamArn"])
