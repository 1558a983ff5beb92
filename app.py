"""Every route and event handler of the Task Processing Service, in the order data flows."""

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any

from chalice.app import (
    Chalice,
    CloudWatchEvent,
    DynamoDBEvent,
    Rate,
    Request,
    Response,
    SQSEvent,
    WebsocketEvent,
)

from chalicelib import lambda_events, middleware, websocket_connect
from chalicelib.bootstrap import services
from chalicelib.domain.caller import Caller, Scope
from chalicelib.http import headers, pagination, requests, responses
from chalicelib.http.openapi import document
from chalicelib.http.problems import view
from chalicelib.settings import APP_NAME, Settings
from chalicelib.web.routes import pages

if Settings.deploying():
    # Only on the machine that deploys: infra/ is not in the zip.
    import infra.deployer.chalice_patches  # noqa: F401

settings = Settings.current()
app = Chalice(app_name=APP_NAME)
app.experimental_feature_flags.update(["WEBSOCKETS"])

#: Every content type reaches its view, which refuses a wrong one with a problem document.
ANY = ["*/*"]


@app.middleware("all")
def observe(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """Bind the request id, and write one log line and all metrics of the invocation."""
    response = middleware.observed(event, get_response, services().metrics)
    return headers.with_browser_headers(response, event, settings.cors_origins)


# --- HTTP: a client posts, reads, cancels and retries tasks -------------------------------------


def request() -> Request:
    """The current request."""
    assert app.current_request is not None
    return app.current_request


def caller(scope: Scope) -> Caller:
    """The sender of the current request, with `scope`. Each view calls it first: 401 and 403 before 422."""
    return requests.caller(request(), services().tokens, scope)


def read_cursor(
    owner: str, filters: Mapping[str, str], text: str | None, **rules: Any
) -> "pagination.Cursor":
    """The start of the requested page. Raises: BadCursor."""
    keys = services().adapters.parameters.signing_keys
    return pagination.Cursor(keys, owner, filters, text, **rules)


@app.route("/tasks", methods=["POST"], content_types=ANY)
@view
def create_task() -> Response:
    sender = caller(Scope.WRITE)
    new_task, key = requests.new_task(request()), requests.idempotency_key(request())
    services().limits.spend(sender.owner, 1)
    trace = {"by": sender.subject, "correlation_id": requests.correlation_id(request())}
    if key is None:
        task, replayed = services().task_creator.create(sender.owner, new_task, **trace), False
    else:
        task, replayed = services().task_creator.create_once(sender.owner, new_task, key, **trace)
    task, seconds = services().waiters.until(attrgetter("terminal"), task, requests.preferred_wait(request()))
    stream = services().ticket_issuer.for_task(sender, task)
    return responses.with_preference_applied(responses.created(task, stream, replayed=replayed), seconds)


@app.route("/tasks/batch", methods=["POST"], content_types=ANY)
@view
def create_tasks() -> Response:
    sender = caller(Scope.WRITE)
    new_tasks = requests.new_tasks(request())
    services().limits.spend(sender.owner, len(new_tasks))
    trace = {"by": sender.subject, "correlation_id": requests.correlation_id(request())}
    return responses.created_many(services().task_creator.create_many(sender.owner, new_tasks, **trace))


@app.route("/tasks", methods=["GET"], content_types=ANY)
@view
def list_tasks() -> Response:
    owner = caller(Scope.READ).owner
    query = requests.list_query(request())
    cursor = read_cursor(owner, query.filters, query.cursor)
    page = services().tasks.newest(owner, before=cursor.before, limit=query.limit, filters=query.filters)
    return responses.page(page.tasks, cursor.next(page.position))


@app.route("/tasks/{task_id}", methods=["GET"], content_types=ANY)
@view
def get_task(task_id: str) -> Response:
    sender, current = caller(Scope.READ), request()
    task = services().tasks.get(sender.owner, task_id)
    ends_wait = partial(responses.ends_wait, current)
    task, seconds = services().waiters.until(ends_wait, task, requests.preferred_wait(current))
    return responses.with_preference_applied(responses.task_or_304(current, task, sender), seconds)


@app.route("/tasks/{task_id}", methods=["DELETE"], content_types=ANY)
@view
def delete_task(task_id: str) -> Response:
    services().tasks.delete(caller(Scope.WRITE).owner, task_id)
    return responses.deleted()


@app.route("/tasks/{task_id}/explain", methods=["GET"], content_types=ANY)
@view
def explain_task(task_id: str) -> Response:
    return responses.json(services().explanations.of(caller(Scope.READ).owner, task_id))


@app.route("/tasks/{task_id}/cancel", methods=["POST"], content_types=ANY)
@view
def cancel_task(task_id: str) -> Response:
    sender = caller(Scope.WRITE)
    return responses.ok_task(services().tasks.cancel(sender.owner, task_id, by=sender.subject))


@app.route("/tasks/{task_id}/retry", methods=["POST"], content_types=ANY)
@view
def retry_task(task_id: str) -> Response:
    sender = caller(Scope.WRITE)
    services().limits.spend(sender.owner, 1)
    return responses.ok_task(services().tasks.retry(sender.owner, task_id, by=sender.subject))


@app.route("/tickets", methods=["POST"], content_types=ANY)
@view
def create_ticket() -> Response:
    sender = caller(Scope.READ)
    return responses.ticket(services().ticket_issuer.issue(sender, requests.ticket_watch(request())))


@app.route("/task-types", methods=["GET"], content_types=ANY)
@view
def list_task_types() -> Response:
    caller(Scope.READ)
    return responses.task_types(services().task_types, services().pauses.now())


@app.route("/task-types/{name}/pause", methods=["POST"], content_types=ANY)
@view
def pause_task_type(name: str) -> Response:
    sender = caller(Scope.ADMIN)
    reason = requests.pause_reason(request())
    return responses.task_type(services().pause_control.pause(name, by=sender.subject, reason=reason))


@app.route("/task-types/{name}/resume", methods=["POST"], content_types=ANY)
@view
def resume_task_type(name: str) -> Response:
    return responses.task_type(services().pause_control.resume(name, by=caller(Scope.ADMIN).subject))


@app.route("/dead-letters", methods=["GET"], content_types=ANY)
@view
def list_dead_letters() -> Response:
    owner = caller(Scope.ADMIN).owner
    query = requests.dead_letter_query(request())
    cursor = read_cursor(owner, query.list, query.cursor, is_position=bool)
    page = services().dead_letter_browser.page(
        owner, query.group, before=cursor.before, limit=query.limit, filters=query.filters
    )
    return responses.json({page.name: page.views, "next_cursor": cursor.next(page.position)})


@app.route("/redrives", methods=["POST"], content_types=ANY)
@view
def create_redrive() -> Response:
    sender = caller(Scope.WRITE)
    body = requests.redrive(request())
    if body.dry_run:
        return responses.json(services().redrives.dry_run(sender.owner, body.new_redrive()))
    return responses.accepted(services().redrives.start(sender.owner, body.new_redrive(), by=sender.subject))


@app.route("/redrives", methods=["GET"], content_types=ANY)
@view
def list_redrives() -> Response:
    owner = caller(Scope.READ).owner
    query = requests.page_query(request())
    cursor = read_cursor(owner, {"list": "redrives"}, query.cursor)
    page, position = services().redrives.newest(owner, before=cursor.before, limit=query.limit)
    views = [each.view() for each in page]
    return responses.json({"redrives": views, "next_cursor": cursor.next(position)})


@app.route("/redrives/{redrive_id}", methods=["GET"], content_types=ANY)
@view
def get_redrive(redrive_id: str) -> Response:
    return responses.json(services().redrives.get(caller(Scope.READ).owner, redrive_id).view())


@app.route("/redrives/{redrive_id}/abort", methods=["POST"], content_types=ANY)
@view
def abort_redrive(redrive_id: str) -> Response:
    sender = caller(Scope.WRITE)
    return responses.json(services().redrives.abort(sender.owner, redrive_id, by=sender.subject).view())


@app.route("/stats", methods=["GET"], content_types=ANY)
@view
def get_stats() -> Response:
    owner = caller(Scope.ADMIN).owner
    return responses.json(services().stats.last(owner, requests.stats_query(request()).minutes))


@app.route("/openapi.json", methods=["GET"], content_types=ANY)
@view
def get_openapi() -> Response:
    return responses.document(request(), document.text())


@app.route("/health", methods=["GET"], content_types=ANY)
@view
def get_health() -> Response:
    services().adapters.task_table.ping()
    return responses.json({"status": "ok", "stage": settings.stage})


app.register_blueprint(pages)  # the dashboard and the API reference

for path in list(app.routes):
    # A browser sends OPTIONS before a page of another origin may send a token.
    app.route(path, methods=["OPTIONS"], name=f"preflight {path}", content_types=ANY)(headers.preflight)


# --- Queues: workers claim and run tasks --------------------------------------------------------


@app.on_sqs_message(queue=settings.resource("fast"), batch_size=10)
def run_tasks(event: SQSEvent) -> dict[str, Any]:
    """Run up to ten tasks of the fast lane side by side."""
    return run_lane(event, "fast")


@app.on_sqs_message(queue=settings.resource("long"), batch_size=1)
def run_long_tasks(event: SQSEvent) -> dict[str, Any]:
    """Run one task of the long lane."""
    return run_lane(event, "long")


def run_lane(event: SQSEvent, lane: str) -> dict[str, Any]:
    """The partial batch response with the messages that SQS must keep."""
    ends_at = lambda_events.ends_at(event.context, services().runtime.clock())
    return lambda_events.batch_response(
        services().worker.run_batch(lambda_events.queue_messages(event.to_dict()), lane, ends_at)
    )


# --- Stream: every stored change is sent to its watchers ----------------------------------------


@app.on_dynamodb_record(stream_arn=settings.stream_arn)
def push_updates(event: DynamoDBEvent) -> None:
    """Send the changes of a stream batch to the connections that watch them."""
    changes, removed = lambda_events.changes(event.to_dict())
    services().update_pusher.push(changes, removed, batch_id=lambda_events.batch_id(event.to_dict()))


# --- WebSocket: clients connect, send actions and disconnect ------------------------------------


@app.on_ws_connect(name="websocket_connect")
def connect(event: WebsocketEvent) -> Response:
    """Authenticate and store a connection, or refuse it."""
    return websocket_connect.connected(event, services())


@app.on_ws_message(name="websocket_message")
def message(event: WebsocketEvent) -> dict[str, int]:
    """Handle the action of a connected client. The response is a separate frame."""
    services().connections.receive(event.connection_id, event.body)
    return {"statusCode": 200}


@app.on_ws_disconnect(name="websocket_disconnect")
def disconnect(event: WebsocketEvent) -> None:
    """Delete a closed connection."""
    services().connections.disconnect(event.connection_id)


# --- Schedules: due tasks, redrives and dead letters --------------------------------------------


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> None:
    """Act on every due task, then continue redrives."""
    ends_at = lambda_events.ends_at(event.context, services().runtime.clock())
    services().sweeper.sweep(ends_at)
    services().redrives.advance(ends_at)


@app.schedule(Rate(5, unit=Rate.MINUTES))
def watch_dead_letters(event: CloudWatchEvent) -> None:
    """Record new dead letters and send one alert for them."""
    services().dead_letter_monitor.watch(lambda_events.ends_at(event.context, services().runtime.clock()))
