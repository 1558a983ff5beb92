"""What people do to a stage by hand, each with what undoes it and the check that notices."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.doctor import checks_app as app
from infra.doctor import checks_queues as queues
from infra.doctor.check import Check
from tests.e2e.aws_stage import AwsStage

Deed = Callable[[AwsStage], Any]


@dataclass(frozen=True, kw_only=True)
class Breakage:
    noticed_by: Check
    says: str  #: part of the problem's sentence
    harm: Deed
    mend: Deed


def queue_set(queue: str, **attributes: Any) -> Deed:
    def act(stage: AwsStage) -> None:
        sqs = stage.client("sqs")
        url = sqs.get_queue_url(QueueName=f"task-service-dev-{queue}")["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={k: str(v) for k, v in attributes.items()})

    return act


def mapping_set(function: str, **settings: Any) -> Deed:
    return lambda stage: stage.client("lambda").update_event_source_mapping(
        UUID=stage.mapping(function)["UUID"], **settings
    )


def expiry_set(enabled: bool) -> Deed:
    return lambda stage: stage.client("dynamodb").update_time_to_live(
        TableName="task-service-dev-tasks",
        TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": enabled},
    )


def recovery_set(enabled: bool) -> Deed:
    return lambda stage: stage.client("dynamodb").update_continuous_backups(
        TableName="task-service-dev-tasks",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
    )


def rule_is(enabled: bool) -> Deed:
    method = "enable_rule" if enabled else "disable_rule"
    return lambda stage: getattr(stage.client("events"), method)(Name="task-service-dev-sweep-event")


def function_set(**settings: Any) -> Deed:
    return lambda stage: stage.client("lambda").update_function_configuration(
        FunctionName="task-service-dev-sweep", **settings
    )


def alarm_is(state: str) -> Deed:
    return lambda stage: stage.client("cloudwatch").set_alarm_state(
        AlarmName="task-service-dev-api-5xx", StateValue=state, StateReason="by hand"
    )


def endpoint_is(url: str | None) -> Deed:
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


def signing_keys(present: bool) -> Deed:
    name = "/task-service/dev/signing-keys"
    if not present:
        return lambda stage: stage.client("ssm").delete_parameter(Name=name)
    return lambda stage: stage.client("ssm").put_parameter(Name=name, Value="k" * 43, Type="SecureString")


def log_retention(days: int | None) -> Deed:
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
        noticed_by=queues.visibility,
        says="fast hides a message for 30 s",
        harm=queue_set("fast", VisibilityTimeout=30),
        mend=queue_set("fast", VisibilityTimeout=720),
    ),
    "poison comes back for ever": Breakage(
        noticed_by=queues.redrive,
        says="long has no dead letter queue",
        harm=queue_set("long", RedrivePolicy=""),
        mend=queue_set("long", RedrivePolicy=json.dumps(REDRIVE)),
    ),
    "one failed delivery is the last": Breakage(
        noticed_by=queues.redrive,
        says="fast gives a message up after 1 deliveries: throttling uses some up",
        harm=queue_set("fast", RedrivePolicy=json.dumps({**REDRIVE, "maxReceiveCount": 1})),
        mend=queue_set("fast", RedrivePolicy=json.dumps(REDRIVE)),
    ),
    "dead letters expire on arrival": Breakage(
        noticed_by=queues.retention,
        says="dead-letters keeps messages for 86400 s",
        harm=queue_set("dead-letters", MessageRetentionPeriod=86400),
        mend=queue_set("dead-letters", MessageRetentionPeriod=1209600),
    ),
    "a dead letter waits": Breakage(
        noticed_by=queues.dead_letters, says="1 in the queue", harm=dead_letter, mend=purge
    ),
    "failed messages are deleted with their batch": Breakage(
        noticed_by=queues.queue_mappings,
        says="run_tasks reads fast with FunctionResponseTypes none",
        harm=mapping_set("run_tasks", FunctionResponseTypes=[]),
        mend=mapping_set("run_tasks", FunctionResponseTypes=PARTIAL),
    ),
    "nobody runs long tasks": Breakage(
        noticed_by=queues.queue_mappings,
        says="run_long_tasks does not read long: that is disabled",
        harm=mapping_set("run_long_tasks", Enabled=False),
        mend=mapping_set("run_long_tasks", Enabled=True),
    ),
    "a bad record holds the stream up": Breakage(
        noticed_by=queues.stream_mapping,
        says="MaximumRetryAttempts -1 instead of 5",
        harm=mapping_set("push_updates", MaximumRetryAttempts=-1),
        mend=mapping_set("push_updates", MaximumRetryAttempts=5),
    ),
    "updates that are given up leave no trace": Breakage(
        noticed_by=queues.stream_mapping,
        says="DestinationConfig none instead of",
        harm=mapping_set("push_updates", DestinationConfig={}),
        mend=mapping_set("push_updates", DestinationConfig=FAILURES),
    ),
    "nothing sweeps": Breakage(
        noticed_by=queues.schedules,
        says="The schedule of sweep is disabled",
        harm=rule_is(False),
        mend=rule_is(True),
    ),
    "rows stay for ever": Breakage(
        noticed_by=app.expiry, says="tasks keeps its rows", harm=expiry_set(False), mend=expiry_set(True)
    ),
    "nothing can be restored": Breakage(
        noticed_by=app.restorable,
        says="tasks has no point-in-time recovery",
        harm=recovery_set(False),
        mend=recovery_set(True),
    ),
    "a function may do too much": Breakage(
        noticed_by=app.policies,
        says="The policy of push_updates is not that of",
        harm=lambda stage: policy_put(stage, generous=True),
        mend=lambda stage: policy_put(stage, generous=False),
    ),
    "a role has a second policy": Breakage(
        noticed_by=app.policies,
        says="more than its own policy, to be removed by hand: more",
        harm=lambda stage: stage.client("iam").put_role_policy(**MORE, PolicyDocument=EVERYTHING),
        mend=lambda stage: stage.client("iam").delete_role_policy(**MORE),
    ),
    "a function has too little time": Breakage(
        noticed_by=app.functions,
        says="sweep has a timeout of 3 s instead of 60",
        harm=function_set(Timeout=3),
        mend=function_set(Timeout=60),
    ),
    "updates go elsewhere": Breakage(
        noticed_by=app.websocket_api,
        says="names https://elsewhere.example",
        harm=endpoint_is("https://elsewhere.example"),
        mend=endpoint_is(None),
    ),
    "nothing can be signed": Breakage(
        noticed_by=app.secrets,
        says="There is no /task-service/dev/signing-keys",
        harm=signing_keys(False),
        mend=signing_keys(True),
    ),
    "an alarm rings": Breakage(
        noticed_by=app.alarms,
        says="task-service-dev-api-5xx rings: by hand",
        harm=alarm_is("ALARM"),
        mend=alarm_is("OK"),
    ),
    "logs are kept for ever": Breakage(
        noticed_by=app.log_retention,
        says="/aws/lambda/task-service-dev-sweep keeps its lines for ever",
        harm=log_retention(None),
        mend=log_retention(14),
    ),
}
