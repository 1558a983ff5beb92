"""The doctor's checks of tables, functions, APIs and alarms."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from infra.alarms import alarms as wanted_alarms
from infra.doctor import check
from infra.functions import FUNCTIONS, function_name
from infra.parameters import read_parameter
from infra.patient import TABLES, Patient
from infra.preconditions import read_settings

_UP = "`make up STAGE={stage}` puts it right."
_DEPLOY = "`make deploy STAGE={stage}` puts it right."
PATIENCE_SECONDS = 10


@check("tables let old rows go", _UP)
def expiry(stage: Patient) -> Iterator[str]:
    for table in TABLES:
        if stage.expiry(table) != "ttl":
            yield f"{table} keeps its rows for ever."


@check("tables can be restored", _UP)
def restorable(stage: Patient) -> Iterator[str]:
    for table in ("tasks", "documents"):
        if not stage.is_restorable(table):
            yield f"{table} has no point-in-time recovery."
        if stage.stage == "prod" and not stage.table(table).get("DeletionProtectionEnabled"):
            yield f"{table} can be deleted by one call."


@check("functions are as .chalice/config.json says", _DEPLOY)
def functions(stage: Patient) -> Iterator[str]:
    missing = stage.client("lambda").exceptions.ResourceNotFoundException
    for function in FUNCTIONS:
        try:
            found = stage.function(function)
        except missing:
            yield f"{function} is not there."
            continue
        config = stage.config_of(function)
        for name, has, wants in (
            ("a timeout of {} s", found["Timeout"], config.lambda_timeout),
            ("{} MB", found["MemorySize"], config.lambda_memory_size),
            ("STAGE={}", found.get("Environment", {}).get("Variables", {}).get("STAGE"), stage.stage),
        ):
            if has != wants:
                yield f"{function} has {name.format(has)} instead of {wants}."


@check(
    "functions may do what the repository's policies say, no more and no less",
    "`make deploy STAGE={stage}` puts back what the repository says.",
)
def policies(stage: Patient) -> Iterator[str]:
    iam = stage.client("iam")
    for function in FUNCTIONS:
        role = stage.function(function)["Role"].rpartition("/")[2]
        inline = iam.list_role_policies(RoleName=role)["PolicyNames"]
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        if inline != [role] or attached:
            extra = sorted({*inline, *(each["PolicyName"] for each in attached)} - {role})
            names = ", ".join(extra)
            # Somebody meant something by them: a deployment leaves them alone.
            more = f"more than its own policy, to be removed by hand: {names}" if extra else "no policy"
            yield f"The role of {function} has {more}."
            continue
        found = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
        if found != stage.policy_file(function):
            yield f"The policy of {function} is not that of {stage.config_of(function).iam_policy_file}."


@check("functions can check tokens and sign", "`make up STAGE={stage}`, and see docs/how-to/rotate-keys.md.")
def secrets(stage: Patient) -> Iterator[str]:
    settings = read_settings(stage.stage, stage.config.environment_variables)
    if read_parameter(stage.target.clients, settings.parameter("signing-keys")) is None:
        yield f"There is no {settings.parameter('signing-keys')}: cursors and tickets cannot be signed."
    keys = read_parameter(stage.target.clients, settings.parameter("token-keys"))
    if not settings.jwks_url and keys is None:
        yield f"There is neither a JWKS_URL nor a {settings.parameter('token-keys')}: nobody is let in."


@check("the HTTP API answers", _DEPLOY)
def http_api(stage: Patient) -> Iterator[str]:
    if stage.rest_api_id is None:
        yield "There is no REST API of the stage."
        return
    url = stage.target.api_address(stage.rest_api_id) + "/health"
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    server = kind(place.netloc, timeout=PATIENCE_SECONDS)
    try:
        server.request("GET", place.path)
        status = server.getresponse().status
    finally:
        server.close()
    if status != http.HTTPStatus.OK:
        yield f"GET {url} answers {status}."


@check("the WebSocket API is reached, by clients and by functions", _DEPLOY)
def websocket_api(stage: Patient) -> Iterator[str]:
    if stage.websocket_api_id is None:
        yield "There is no WebSocket API of the stage."
        return
    routes = stage.client("apigatewayv2").get_routes(ApiId=stage.websocket_api_id)["Items"]
    missing = {"$connect", "$default", "$disconnect"} - {each["RouteKey"] for each in routes}
    if missing:
        yield f"It has no route for {', '.join(sorted(missing))}."
    parameter = f"/task-service/{stage.stage}/websocket-endpoint"
    endpoint = read_parameter(stage.target.clients, parameter)
    if endpoint != stage.target.api_address(stage.websocket_api_id):
        yield f"The parameter {parameter} names {endpoint}: functions would send updates there."
    yield from _refuses_a_stranger(stage.target.api_address(stage.websocket_api_id, "wss"))


def _refuses_a_stranger(url: str) -> Iterator[str]:
    """Who has no token is refused by $connect itself: so it is reached, and works."""
    try:
        with connect(url, proxy=None, open_timeout=PATIENCE_SECONDS):
            yield f"{url} lets in who has no token."
    except InvalidStatus as error:
        if error.response.status_code not in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
            yield f"{url} answers {error.response.status_code} to who connects without a token."
    except (OSError, WebSocketException) as error:
        yield f"{url} is not reached: {error}."


@check("logs of all functions are kept for a time, not for ever", _UP)
def log_retention(stage: Patient) -> Iterator[str]:
    for function in FUNCTIONS:
        name = f"/aws/lambda/{function_name(stage.stage, function)}"
        if name not in stage.log_groups:
            yield f"{name} is not there."
        elif stage.log_groups[name] is None:
            yield f"{name} keeps its lines for ever."


@check("every alarm is there, and silent", "docs/how-to/operate.md says what each means; " + _UP)
def alarms(stage: Patient) -> Iterator[str]:
    for wanted in wanted_alarms(stage.stage):
        name = stage.name(wanted.name)
        found = stage.alarms.get(name)
        if found is None:
            yield f"{name} is not there."
            continue
        if found["StateValue"] == "ALARM":
            yield f"{name} rings: {found.get('StateReason', '')}"
        if not found.get("ActionsEnabled", True) or not found.get("AlarmActions"):
            yield f"{name} tells nobody."


@check("somebody gets the alerts", "`make up STAGE={stage} EMAIL=you@example.com`, then confirm the mail.")
def subscribers(stage: Patient) -> Iterator[str]:
    sns = stage.client("sns")
    pages = sns.get_paginator("list_topics").paginate()
    arns = [topic["TopicArn"] for page in pages for topic in page["Topics"]]
    topic = next((arn for arn in arns if arn.endswith(f":{stage.name('alerts')}")), None)
    if topic is None:
        yield "The topic is not there."
        return
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    if stage.stage == "prod" and not any(each["SubscriptionArn"].startswith("arn:") for each in found):
        yield "The topic has no confirmed subscriber."
