"""The doctor's checks of queues, of what reads them, and of the stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from infra.doctor import check
from infra.event_sources import mapping_options, target_options
from infra.functions import function_name
from infra.patient import QUEUES, Patient
from infra.preconditions import LANES, VISIBILITY_FACTOR
from infra.standing import covers

#: As AWS advises for a queue that Lambda reads.
LEAST_DELIVERIES: Final = 5

_UP = "Change infra/template.yaml if it says so, too; then `make up STAGE={stage}`."
_DEPLOY = "`make deploy STAGE={stage}` puts it right."


@check("queues hide a message for six runs of its function", _UP)
def visibility(stage: Patient) -> Iterator[str]:
    for lane, function in LANES.items():
        has = int(stage.queue(lane)["VisibilityTimeout"])
        timeout = stage.function(function)["Timeout"]
        if has < VISIBILITY_FACTOR * timeout:
            yield (
                f"{lane} hides a message for {has} s, {function} may take {timeout} s: a running batch "
                "would be delivered again."
            )


@check("a poison message goes to the dead letters in time", _UP)
def redrive(stage: Patient) -> Iterator[str]:
    resources = {"fast": "FastQueue", "long": "LongQueue"}
    for lane in LANES:
        queue = stage.queue(lane)
        policy = json.loads(queue.get("RedrivePolicy", "{}"))
        if policy.get("deadLetterTargetArn") != stage.queue("dead-letters")["QueueArn"]:
            yield f"{lane} has no dead letter queue: a poison message would come back until it expires."
            continue
        wanted = stage.template[resources[lane]]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        count = int(policy["maxReceiveCount"])
        if count < LEAST_DELIVERIES:
            yield f"{lane} gives a message up after {count} deliveries: throttling uses some up."
        elif count != wanted:
            yield f"{lane} gives a message up after {count} deliveries instead of {wanted}."
        if count * int(queue["VisibilityTimeout"]) >= int(queue["MessageRetentionPeriod"]):
            yield f"{lane} would lose a poison message before it is given up: it expires first."


@check("dead letters are kept longer than messages", _UP)
def retention(stage: Patient) -> Iterator[str]:
    kept = int(stage.queue("dead-letters")["MessageRetentionPeriod"])
    for lane in LANES:
        of_lane = int(stage.queue(lane)["MessageRetentionPeriod"])
        if kept <= of_lane:  # a message that moves keeps the time at which it was sent
            yield f"dead-letters keeps messages for {kept} s, {lane} for {of_lane} s: one could expire."


@check("no dead letters wait", "`make doctor` again in five minutes; then see docs/how-to/operate.md.")
def dead_letters(stage: Patient) -> Iterator[str]:
    if waiting := _waiting(stage, "dead-letters"):
        yield f"{waiting} in the queue. watch_dead_letters takes them every five minutes."


@check("no update and no tick was given up", "docs/how-to/operate.md says what to do with those messages.")
def failures(stage: Patient) -> Iterator[str]:
    for queue in ("stream-failures", "schedule-failures"):
        if waiting := _waiting(stage, queue):
            yield f"{waiting} in the queue {queue}."


@check("queues are encrypted", _UP)
def encryption(stage: Patient) -> Iterator[str]:
    for queue in QUEUES:
        found = stage.queue(queue)
        if found.get("SqsManagedSseEnabled") != "true" and not found.get("KmsMasterKeyId"):
            yield f"{queue} is not."


@check("queues have their functions, which say what failed", _DEPLOY)
def queue_mappings(stage: Patient) -> Iterator[str]:
    for lane, function in LANES.items():
        yield from _mapping(stage, function, stage.queue(lane)["QueueArn"])


@check("changes of tasks are streamed, as they were and as they are", _UP)
def images(stage: Patient) -> Iterator[str]:
    if stage.table("tasks").get("StreamSpecification", {}).get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        yield "The table of tasks has no stream with both images."


@check("the stream has its function, and cannot be held up", _DEPLOY)
def stream_mapping(stage: Patient) -> Iterator[str]:
    yield from _mapping(stage, "push_updates", stage.table("tasks").get("LatestStreamArn", "the stream"))


@check("schedules run, and tell where a tick was lost", _DEPLOY)
def schedules(stage: Patient) -> Iterator[str]:
    events = stage.client("events")
    for function in ("sweep", "watch_dead_letters"):
        rule = f"{function_name(stage.stage, function)}-event"
        try:
            found = events.describe_rule(Name=rule)
        except events.exceptions.ResourceNotFoundException:
            yield f"{function} has no schedule."
            continue
        if found["State"] != "ENABLED":
            yield f"The schedule of {function} is {found['State'].lower()}."
        arn = stage.function(function)["FunctionArn"]
        targets = events.list_targets_by_rule(Rule=rule)["Targets"]
        if not any(covers(each, {"Arn": arn, **target_options(arn)}) for each in targets):
            yield f"The schedule of {function} lacks its function, finite retries or its queue."


def _mapping(stage: Patient, function: str, source: str) -> Iterator[str]:
    found = [each for each in stage.mappings(function) if each["EventSourceArn"] == source]
    if not found:
        yield f"{function} does not read {_short(source)}."
        return
    mapping = found[0]
    if mapping["State"] not in ("Enabled", "Enabling", "Updating", "Creating"):
        yield f"{function} does not read {_short(source)}: that is {mapping['State'].lower()}."
    for key, value in mapping_options(source).items():
        if not covers(mapping.get(key), value):
            has = _text(mapping.get(key))
            yield f"{function} reads {_short(source)} with {key} {has} instead of {_text(value)}."


def _waiting(stage: Patient, queue: str) -> int:
    return int(stage.queue(queue)["ApproximateNumberOfMessages"])


def _short(arn: str) -> str:
    return "the stream" if ":dynamodb:" in arn else arn.rpartition("-")[2]


def _text(value: Any) -> str:
    return "none" if value in (None, [], {}) else json.dumps(value)
