"""The doctor's checks of tables, functions, APIs and alarms."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from infra.deployer.preconditions import read_settings
from infra.doctor.check import check
from infra.doctor.deployed_stage import TABLES, DeployedStage
from infra.names import FUNCTIONS, function_name
from infra.stacks.alarms import RUNBOOK
from infra.stacks.alarms import alarms as all_alarms
from infra.stacks.ssm_parameters import read_parameter

_UP = "`make up STAGE={stage}` repairs it."
_DEPLOY = "`make deploy STAGE={stage}` repairs it."
TIMEOUT_SECONDS = 10


@check("rows of all tables expire", _UP)
def expiry(stage: DeployedStage) -> Iterator[str]:
    for table in TABLES:
        if stage.expiry(table) != "ttl":
            yield f"Rows of {table} never expire."


@check("tables can be restored", _UP)
def restorable(stage: DeployedStage) -> Iterator[str]:
    for table in ("tasks", "documents"):
        if not stage.is_restorable(table):
            yield f"{table} has no point-in-time recovery."
        if stage.stage == "prod" and not stage.table(table).get("DeletionProtectionEnabled"):
            yield f"{table} has no deletion protection."


@check("functions have the settings of .chalice/config.json", _DEPLOY)
def function_settings(stage: DeployedStage) -> Iterator[str]:
    missing = stage.client("lambda").exceptions.ResourceNotFoundException
    for function in FUNCTIONS:
        try:
            deployed = stage.function(function)
        except missing:
            yield f"{function} does not exist."
            continue
        config = stage.config_of(function)
        variables = deployed.get("Environment", {}).get("Variables", {})
        for setting, current, desired in (
            ("a timeout of {} s", deployed["Timeout"], config.lambda_timeout),
            ("{} MB", deployed["MemorySize"], config.lambda_memory_size),
            ("STAGE={}", variables.get("STAGE"), stage.stage),
        ):
            if current != desired:
                yield f"{function} has {setting.format(current)} instead of {desired}."


@check(
    "functions have exactly the repository's policies",
    "`make deploy STAGE={stage}` restores the repository's policies.",
)
def policies(stage: DeployedStage) -> Iterator[str]:
    iam = stage.client("iam")
    for function in FUNCTIONS:
        role = stage.function(function)["Role"].rpartition("/")[2]
        inline = iam.list_role_policies(RoleName=role)["PolicyNames"]
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        if inline != [role] or attached:
            extra = sorted({*inline, *(each["PolicyName"] for each in attached)} - {role})
            names = ", ".join(extra)
            # They were added on purpose, so a deployment does not delete them.
            excess = f"additional policies, to be removed by hand: {names}" if extra else "no policy"
            yield f"The role of {function} has {excess}."
            continue
        document = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
        if document != stage.policy_file(function):
            yield f"The policy of {function} differs from {stage.config_of(function).iam_policy_file}."


@check("functions can verify tokens and sign", "`make up STAGE={stage}`, and see docs/how-to/rotate-keys.md.")
def secrets(stage: DeployedStage) -> Iterator[str]:
    settings = read_settings(stage.stage, stage.config.environment_variables)
    if read_parameter(stage.target.clients, settings.parameter("signing-keys")) is None:
        yield f"{settings.parameter('signing-keys')} is missing: cursors and tickets cannot be signed."
    keys = read_parameter(stage.target.clients, settings.parameter("token-keys"))
    if not settings.jwks_url and keys is None:
        yield f"JWKS_URL and {settings.parameter('token-keys')} are both missing: every request is refused."


@check("the HTTP API responds", _DEPLOY)
def http_api(stage: DeployedStage) -> Iterator[str]:
    if stage.rest_api_id is None:
        yield "The stage has no REST API."
        return
    url = stage.target.api_address(stage.rest_api_id) + "/health"
    parts = urlsplit(url)
    is_https = parts.scheme == "https"
    connection_class = http.client.HTTPSConnection if is_https else http.client.HTTPConnection
    connection = connection_class(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path)
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        yield f"GET {url} responds with {status}."


@check("clients and functions can reach the WebSocket API", _DEPLOY)
def websocket_api(stage: DeployedStage) -> Iterator[str]:
    if stage.websocket_api_id is None:
        yield "The stage has no WebSocket API."
        return
    routes = stage.client("apigatewayv2").get_routes(ApiId=stage.websocket_api_id)["Items"]
    missing = {"$connect", "$default", "$disconnect"} - {each["RouteKey"] for each in routes}
    if missing:
        yield f"It has no route for {', '.join(sorted(missing))}."
    parameter = f"/task-service/{stage.stage}/websocket-endpoint"
    endpoint = read_parameter(stage.target.clients, parameter)
    if endpoint != stage.target.api_address(stage.websocket_api_id):
        yield f"The parameter {parameter} is {endpoint}: functions would send updates there."
    yield from _refuses_anonymous(stage.target.api_address(stage.websocket_api_id, "wss"))


def _refuses_anonymous(url: str) -> Iterator[str]:
    """Connect without a token. Only a working $connect refuses that."""
    try:
        with connect(url, proxy=None, open_timeout=TIMEOUT_SECONDS):
            yield f"{url} accepts a connection without a token."
    except InvalidStatus as error:
        if error.response.status_code not in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
            yield f"{url} responds with {error.response.status_code} to a connection without a token."
    except (OSError, WebSocketException) as error:
        yield f"{url} cannot be reached: {error}."


@check("log groups of all functions have a retention", _UP)
def log_retention(stage: DeployedStage) -> Iterator[str]:
    for function in FUNCTIONS:
        name = f"/aws/lambda/{function_name(stage.stage, function)}"
        if name not in stage.log_groups:
            yield f"{name} does not exist."
        elif stage.log_groups[name] is None:
            yield f"{name} has no retention."


@check("every alarm exists and is silent", f"{RUNBOOK} explains each alarm; {_UP}")
def alarms(stage: DeployedStage) -> Iterator[str]:
    for desired in all_alarms(stage.stage):
        name = stage.name(desired.name)
        alarm = stage.alarms.get(name)
        if alarm is None:
            yield f"{name} does not exist."
            continue
        if alarm["StateValue"] == "ALARM":
            yield f"{name} rings: {alarm.get('StateReason', '')}"
        if not alarm.get("ActionsEnabled", True) or not alarm.get("AlarmActions"):
            yield f"{name} alerts nobody."


@check("alerts have a recipient", "`make up STAGE={stage} EMAIL=you@example.com`, then confirm the mail.")
def subscribers(stage: DeployedStage) -> Iterator[str]:
    sns = stage.client("sns")
    pages = sns.get_paginator("list_topics").paginate()
    arns = [topic["TopicArn"] for page in pages for topic in page["Topics"]]
    topic = next((arn for arn in arns if arn.endswith(f":{stage.name('alerts')}")), None)
    if topic is None:
        yield "The topic does not exist."
        return
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    is_confirmed = any(each["SubscriptionArn"].startswith("arn:") for each in subscriptions)
    if stage.stage == "prod" and not is_confirmed:
        yield "The topic has no confirmed subscriber."
