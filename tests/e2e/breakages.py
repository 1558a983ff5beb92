"""Ways to break a stage by hand, each with its repair and the check that detects it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.doctor import checks_app as app
from infra.doctor import checks_queues as queues
from infra.doctor.check import Check
from tests.e2e.aws_stage import AwsStage

Action = Callable[[AwsStage], Any]


@dataclass(frozen=True, kw_only=True)
class Breakage:
    check: Check
    problem: str  #: part of the problem's sentence
    break_it: Action
    repair: Action


def queue_set(queue: str, **attributes: Any) -> Action:
    def act(stage: AwsStage) -> None:
        sqs = stage.client("sqs")
        url = sqs.get_queue_url(QueueName=f"task-service-dev-{queue}")["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={k: str(v) for k, v in attributes.items()})

    return act


def mapping_set(function: str, **settings: Any) -> Action:
    return lambda stage: stage.client("lambda").update_event_source_mapping(
        UUID=stage.mapping(function)["UUID"], **settings
    )


def expiry_set(enabled: bool) -> Action:
    return lambda stage: stage.client("dynamodb").update_time_to_live(
        TableName="task-service-dev-tasks",
        TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": enabled},
    )


def recovery_set(enabled: bool) -> Action:
    return lambda stage: stage.client("dynamodb").update_continuous_backups(
        TableName="task-service-dev-tasks",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
    )


def rule_is(enabled: bool) -> Action:
    method = "enable_rule" if enabled else "disable_rule"
    return lambda stage: getattr(stage.client("events"), method)(Name="task-service-dev-sweep-event")


def function_set(**settings: Any) -> Action:
    return lambda stage: stage.client("lambda").update_function_configuration(
        FunctionName="task-service-dev-sweep", **settings
    )


def alarm_is(state: str) -> Action:
    return lambda stage: stage.client("cloudwatch").set_alarm_state(
        AlarmName="task-service-dev-api-5xx", StateValue=state, StateReason="by hand"
    )


def endpoint_is(url: str | None) -> Action:
    def act(stage: AwsStage) -> None:
        good = stage.endpoints.websocket.replace("ws", "http", 1)
        stage.client("ssm").put_parameter(
            Name="/task-service/dev/websocket-endpoint", Value=url or good, Type="String", Overwrite=True
        )

    return act


def policy_put(stage: AwsStage, *, generous: bool) -> None:
    iam, role = stage.client("iam"), "task-service-dev-push_updates"
    policy = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    extra = {"Sid": "ByHand", "Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    statements = [each for each in policy["Statement"] if each.get("Sid") != "ByHand"]
    policy["Statement"] = [*statements, extra] if generous else statements
    iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(policy))


def dead_letter(stage: AwsStage) -> None:
    sqs = stage.client("sqs")
    url = sqs.get_queue_url(QueueName="task-service-dev-dead-letters")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")


def purge(stage: AwsStage) -> None:
    sqs = stage.client("sqs")
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName="task-service-dev-dead-letters")["QueueUrl"])


def signing_keys(present: bool) -> Action:
    name = "/task-service/dev/signing-keys"
    if not present:
        return lambda stage: stage.client("ssm").delete_parameter(Name=name)
    return lambda stage: stage.client("ssm").put_parameter(Name=name, Value="k" * 43, Type="SecureString")


def log_retention(days: int | None) -> Action:
    group = "/aws/lambda/task-service-dev-sweep"
    if days is None:
        return lambda stage: stage.client("logs").delete_retention_policy(logGroupName=group)
    return lambda stage: stage.client("logs").put_retention_policy(logGroupName=group, retentionInDays=days)


REDRIVE = {
    "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:task-service-dev-dead-letters",
    "maxReceiveCount": 10,
}
FAILURES = {
    "OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:task-service-dev-stream-failures"}
}
MORE = {"RoleName": "task-service-dev-sweep", "PolicyName": "more"}
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
PARTIAL = ["ReportBatchItemFailures"]
BREAKAGES = {
    "messages come back while they run": Breakage(
        check=queues.visibility,
        problem="fast hides a message for 30 s",
        break_it=queue_set("fast", VisibilityTimeout=30),
        repair=queue_set("fast", VisibilityTimeout=720),
    ),
    "poison comes back for ever": Breakage(
        check=queues.redrive,
        problem="long has no dead letter queue",
        break_it=queue_set("long", RedrivePolicy=""),
        repair=queue_set("long", RedrivePolicy=json.dumps(REDRIVE)),
    ),
    "one failed delivery is the last": Breakage(
        check=queues.redrive,
        problem="fast dead-letters a message after 1 deliveries: throttling uses some of them",
        break_it=queue_set("fast", RedrivePolicy=json.dumps({**REDRIVE, "maxReceiveCount": 1})),
        repair=queue_set("fast", RedrivePolicy=json.dumps(REDRIVE)),
    ),
    "dead letters expire on arrival": Breakage(
        check=queues.retention,
        problem="dead-letters keeps messages for 86400 s",
        break_it=queue_set("dead-letters", MessageRetentionPeriod=86400),
        repair=queue_set("dead-letters", MessageRetentionPeriod=1209600),
    ),
    "a dead letter waits": Breakage(
        check=queues.dead_letters, problem="1 in the queue", break_it=dead_letter, repair=purge
    ),
    "failed messages are deleted with their batch": Breakage(
        check=queues.queue_mappings,
        problem="run_tasks reads fast with FunctionResponseTypes none",
        break_it=mapping_set("run_tasks", FunctionResponseTypes=[]),
        repair=mapping_set("run_tasks", FunctionResponseTypes=PARTIAL),
    ),
    "nobody runs long tasks": Breakage(
        check=queues.queue_mappings,
        problem="run_long_tasks does not read long: the mapping is disabled",
        break_it=mapping_set("run_long_tasks", Enabled=False),
        repair=mapping_set("run_long_tasks", Enabled=True),
    ),
    "a bad record holds the stream up": Breakage(
        check=queues.stream_mapping,
        problem="MaximumRetryAttempts -1 instead of 5",
        break_it=mapping_set("push_updates", MaximumRetryAttempts=-1),
        repair=mapping_set("push_updates", MaximumRetryAttempts=5),
    ),
    "updates that are given up leave no trace": Breakage(
        check=queues.stream_mapping,
        problem="DestinationConfig none instead of",
        break_it=mapping_set("push_updates", DestinationConfig={}),
        repair=mapping_set("push_updates", DestinationConfig=FAILURES),
    ),
    "nothing sweeps": Breakage(
        check=queues.schedules,
        problem="The schedule of sweep is disabled",
        break_it=rule_is(False),
        repair=rule_is(True),
    ),
    "rows stay for ever": Breakage(
        check=app.expiry,
        problem="Rows of tasks never expire",
        break_it=expiry_set(False),
        repair=expiry_set(True),
    ),
    "nothing can be restored": Breakage(
        check=app.restorable,
        problem="tasks has no point-in-time recovery",
        break_it=recovery_set(False),
        repair=recovery_set(True),
    ),
    "a function may do too much": Breakage(
        check=app.policies,
        problem="The policy of push_updates differs from",
        break_it=lambda stage: policy_put(stage, generous=True),
        repair=lambda stage: policy_put(stage, generous=False),
    ),
    "a role has a second policy": Breakage(
        check=app.policies,
        problem="additional policies, to be removed by hand: more",
        break_it=lambda stage: stage.client("iam").put_role_policy(**MORE, PolicyDocument=EVERYTHING),
        repair=lambda stage: stage.client("iam").delete_role_policy(**MORE),
    ),
    "a function has too little time": Breakage(
        check=app.function_settings,
        problem="sweep has a timeout of 3 s instead of 60",
        break_it=function_set(Timeout=3),
        repair=function_set(Timeout=60),
    ),
    "updates go elsewhere": Breakage(
        check=app.websocket_api,
        problem="is https://elsewhere.example",
        break_it=endpoint_is("https://elsewhere.example"),
        repair=endpoint_is(None),
    ),
    "nothing can be signed": Breakage(
        check=app.secrets,
        problem="/task-service/dev/signing-keys is missing",
        break_it=signing_keys(False),
        repair=signing_keys(True),
    ),
    "an alarm rings": Breakage(
        check=app.alarms,
        problem="task-service-dev-api-5xx rings: by hand",
        break_it=alarm_is("ALARM"),
        repair=alarm_is("OK"),
    ),
    "logs are kept for ever": Breakage(
        check=app.log_retention,
        problem="/aws/lambda/task-service-dev-sweep has no retention",
        break_it=log_retention(None),
        repair=log_retention(14),
    ),
}
