"""The doctor's checks of queues, the stream, their functions and the schedules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from infra.deployer.diff import includes
from infra.deployer.event_sources import mapping_options, target_options
from infra.deployer.preconditions import LANES, VISIBILITY_FACTOR
from infra.doctor.check import check
from infra.doctor.deployed_stage import QUEUES, DeployedStage
from infra.names import function_name
from infra.stacks.alarms import RUNBOOK

#: AWS's advice for a queue that Lambda reads.
MINIMUM_DELIVERIES: Final = 5

_UP = "Correct infra/stacks/data.yaml if the mistake is there; then `make up STAGE={stage}`."
_DEPLOY = "`make deploy STAGE={stage}` repairs it."


@check("queues hide a message for six runs of its function", _UP)
def visibility(stage: DeployedStage) -> Iterator[str]:
    for lane, function in LANES.items():
        hidden = int(stage.queue(lane)["VisibilityTimeout"])
        timeout = stage.function(function)["Timeout"]
        if hidden < VISIBILITY_FACTOR * timeout:
            yield (
                f"{lane} hides a message for {hidden} s, {function} may run {timeout} s: a running batch "
                "would be delivered again."
            )


@check("a poison message reaches the dead letter queue in time", _UP)
def redrive(stage: DeployedStage) -> Iterator[str]:
    resources = {"fast": "FastQueue", "long": "LongQueue"}
    for lane in LANES:
        queue = stage.queue(lane)
        policy = json.loads(queue.get("RedrivePolicy", "{}"))
        if policy.get("deadLetterTargetArn") != stage.queue("dead-letters")["QueueArn"]:
            yield f"{lane} has no dead letter queue: a poison message would return until it expires."
            continue
        desired = stage.template[resources[lane]]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        count = int(policy["maxReceiveCount"])
        if count < MINIMUM_DELIVERIES:
            yield f"{lane} dead-letters a message after {count} deliveries: throttling uses some of them."
        elif count != desired:
            yield f"{lane} dead-letters a message after {count} deliveries instead of {desired}."
        if count * int(queue["VisibilityTimeout"]) >= int(queue["MessageRetentionPeriod"]):
            yield f"{lane} would lose a poison message: it expires before it is dead-lettered."


@check("dead letters are kept longer than messages", _UP)
def retention(stage: DeployedStage) -> Iterator[str]:
    dead_letter_retention = int(stage.queue("dead-letters")["MessageRetentionPeriod"])
    for lane in LANES:
        lane_retention = int(stage.queue(lane)["MessageRetentionPeriod"])
        if dead_letter_retention <= lane_retention:  # a dead letter keeps its original sending time
            yield (
                f"dead-letters keeps messages for {dead_letter_retention} s, {lane} for {lane_retention} s: "
                "a dead letter could expire."
            )


@check("no dead letters wait", f"`python -m infra doctor` again in five minutes; then see {RUNBOOK}.")
def dead_letters(stage: DeployedStage) -> Iterator[str]:
    if waiting := _waiting(stage, "dead-letters"):
        yield f"{waiting} in the queue. watch_dead_letters handles them every five minutes."


@check("no update and no scheduled event was dropped", f"{RUNBOOK} names the response.")
def failures(stage: DeployedStage) -> Iterator[str]:
    for queue in ("stream-failures", "schedule-failures"):
        if waiting := _waiting(stage, queue):
            yield f"{waiting} in the queue {queue}."


@check("queues are encrypted", _UP)
def encryption(stage: DeployedStage) -> Iterator[str]:
    for queue in QUEUES:
        attributes = stage.queue(queue)
        if attributes.get("SqsManagedSseEnabled") != "true" and not attributes.get("KmsMasterKeyId"):
            yield f"{queue} is not encrypted."


@check("functions read their queues and report failed messages", _DEPLOY)
def queue_mappings(stage: DeployedStage) -> Iterator[str]:
    for lane, function in LANES.items():
        yield from _mapping(stage, function, stage.queue(lane)["QueueArn"])


@check("the tasks table streams old and new images", _UP)
def images(stage: DeployedStage) -> Iterator[str]:
    if stage.table("tasks").get("StreamSpecification", {}).get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        yield "The tasks table has no stream with both images."


@check("a function reads the stream, and no record can block it", _DEPLOY)
def stream_mapping(stage: DeployedStage) -> Iterator[str]:
    yield from _mapping(stage, "push_updates", stage.table("tasks").get("LatestStreamArn", "the stream"))


@check("schedules run and report lost events", _DEPLOY)
def schedules(stage: DeployedStage) -> Iterator[str]:
    events = stage.client("events")
    for function in ("sweep", "watch_dead_letters"):
        rule = f"{function_name(stage.stage, function)}-event"
        try:
            schedule = events.describe_rule(Name=rule)
        except events.exceptions.ResourceNotFoundException:
            yield f"{function} has no schedule."
            continue
        if schedule["State"] != "ENABLED":
            yield f"The schedule of {function} is {schedule['State'].lower()}."
        arn = stage.function(function)["FunctionArn"]
        targets = events.list_targets_by_rule(Rule=rule)["Targets"]
        if not any(includes(each, {"Arn": arn, **target_options(arn)}) for each in targets):
            yield f"The schedule of {function} lacks its function, its retry limit or its failure queue."


def _mapping(stage: DeployedStage, function: str, source: str) -> Iterator[str]:
    mapping = next((each for each in stage.mappings(function) if each["EventSourceArn"] == source), None)
    if mapping is None:
        yield f"{function} does not read {_short(source)}."
        return
    if mapping["State"] not in ("Enabled", "Enabling", "Updating", "Creating"):
        yield f"{function} does not read {_short(source)}: the mapping is {mapping['State'].lower()}."
    for key, desired in mapping_options(source).items():
        if not includes(mapping.get(key), desired):
            current = _text(mapping.get(key))
            yield f"{function} reads {_short(source)} with {key} {current} instead of {_text(desired)}."


def _waiting(stage: DeployedStage, queue: str) -> int:
    return int(stage.queue(queue)["ApproximateNumberOfMessages"])


def _short(arn: str) -> str:
    return "the stream" if ":dynamodb:" in arn else arn.rpartition("-")[2]


def _text(value: Any) -> str:
    return "none" if value in (None, [], {}) else json.dumps(value)
