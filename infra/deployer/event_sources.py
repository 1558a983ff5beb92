"""The settings of event source mappings and schedules that Chalice 1.34 has no words for."""

from __future__ import annotations

import re
from typing import Any, Final

from infra import APP_NAME, LOCAL_STAGE

# A worker reports which messages of a batch failed. Without this, Lambda deletes those as well.
_PARTIAL_BATCH: Final = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}

# One broken record must not hold its shard for the 24 hours that AWS keeps it: the batch is split around it,
# tried a few times and then described in a queue. Clients that missed an update sync when they reconnect.
_STREAM_LIMITS: Final = {
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 5,
    "MaximumRecordAgeInSeconds": 3600,
    "ParallelizationFactor": 2,
}
# The emulator retries without end, only a record's age stops it: there it is the least that AWS allows.
_EMULATED_STREAM_LIMITS: Final = {**_STREAM_LIMITS, "MaximumRecordAgeInSeconds": 60}

# Idempotency keys and dead letter records live in the same table, and nobody watches those.
_ONLY_TASKS: Final = '{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"task#"}]}}}}'

_TABLE_ARN: Final = re.compile(
    r"arn:(?P<partition>[^:]+):dynamodb:(?P<place>[^:]*:[^:]*):table/(?P<table>[^/]+)"
)


def mapping_options(source_arn: str) -> dict[str, Any]:
    """What a mapping from this queue or table stream is to be created and kept with."""
    table = _TABLE_ARN.match(source_arn)
    if table is None:
        return dict(_PARTIAL_BATCH)
    stack = table["table"].removesuffix("-tasks")
    limits = _EMULATED_STREAM_LIMITS if stack == f"{APP_NAME}-{LOCAL_STAGE}" else _STREAM_LIMITS
    return {
        **_PARTIAL_BATCH,
        **limits,
        "FilterCriteria": {"Filters": [{"Pattern": _ONLY_TASKS}]},
        "DestinationConfig": {
            "OnFailure": {
                "Destination": f"arn:{table['partition']}:sqs:{table['place']}:{stack}-stream-failures"
            }
        },
    }


def target_options(function_arn: str) -> dict[str, Any]:
    """What a schedule's target is to be put with: a tick that comes late is of no use, the next is near.

    Whatever reached no function in time is described in a queue, which an alarm watches.
    """
    prefix, _, function = function_arn.partition(":lambda:")
    place, _, name = function.partition(":function:")
    stack = "-".join([APP_NAME, name.removeprefix(f"{APP_NAME}-").partition("-")[0]])
    return {
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": f"{prefix}:sqs:{place}:{stack}-schedule-failures"},
    }


def latest_stream(dynamodb: Any, source_arn: str) -> str:
    """The ARN of the stream the table has now, for a stream ARN of any label; any other ARN as it is.

    AWS makes up the label with the table: app.py can name the table and nothing more.
    """
    table = _TABLE_ARN.match(source_arn)
    if table is None:
        return source_arn
    return str(dynamodb.describe_table(TableName=table["table"])["Table"]["LatestStreamArn"])
