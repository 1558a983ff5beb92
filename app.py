"""Every route and event handler of the Task Processing Service, in the order data flows."""

from collections.abc import Callable
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

from chalicelib import api, cors, cursors, events, openapi, responses
from chalicelib.bootstrap import services
from chalicelib.domain.caller import Caller, Scope
from chalicelib.problems import view
from chalicelib.settings import APP_NAME, Settings
from chalicelib.web.routes import pages

if Settings.deploying():
    # Only on the machine that deploys: infra/ is not in the zip.
    import infra.deployer.chalice_patches  # noqa: F401

settings = Settings.current()
app = Chalice(app_name=APP_NAME)
app.experimental_feature_flags.update(["WEBSOCKETS"])

#: Every content type reaches its view, which answers a wrong one with problem+json.
ANY = ["*/*"]


@app.middleware("all")
def observe(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """One bound request id, one line and all metrics for every invocation."""
    return cors.guarded(
        events.observed(event, get_response, services().metrics), event, settings.cors_origins
    )


# --- HTTP: a client posts, reads, cancels and retries tasks -------------------------------------


def request() -> Request:
    """The request at hand."""
    assert app.current_request is not None
    return app.current_request


def caller(scope: Scope) -> Caller:
    """Who sent the request at hand, with `scope` allowed."""
    return api.caller(request(), services().tokens, scope)


@app.route("/tasks", methods=["POST"], content_types=ANY)
@view
def create_task() -> Response:
    who, wanted, key = caller(Scope.WRITE), api.new_task(request()), api.idempotency_key(request())
    services().limits.spend(who.owner, 1)
    trace = {"by": who.subject, "correlation_id": api.correlation_id(request())}
    if key is None:
        task, replayed = services().tasks.create(who.owner, wanted, **trace), False
    else:
        task, replayed = services().tasks.create_once(who.owner, wanted, key, **trace)
    task, seconds = services().waiters.until(attrgetter("terminal"), task, api.preferred_wait(request()))
    stream = services().box_office.for_task(who, task)
    return responses.waited(responses.created(task, stream, replayed=replayed), seconds)


@app.route("/tasks/batch", methods=["POST"], content_types=ANY)
@view
def create_tasks() -> Response:
    who, wanted = caller(Scope.WRITE), api.new_tasks(request())
    services().limits.spend(who.owner, len(wanted))
    trace = {"by": who.subject, "correlation_id": api.correlation_id(request())}
    return responses.created_many(services().tasks.create_many(who.owner, wanted, **trace))


@app.route("/tasks", methods=["GET"], content_types=ANY)
@view
def list_tasks() -> Response:
    owner, query = caller(Scope.READ).owner, api.list_query(request())
    place = cursors.Place(services().parameters.signing_keys, owner, query.filters, query.cursor)
    page = services().tasks.newest(owner, before=place.before, limit=query.limit, filters=query.filters)
    return responses.page(page.tasks, place.next(page.position))


@app.route("/tasks/{task_id}", methods=["GET"], content_types=ANY)
@view
def get_task(task_id: str) -> Response:
    who, asked = caller(Scope.READ), request()
    task = services().tasks.get(who.owner, task_id)
    is_news = partial(responses.is_news, asked)
    task, seconds = services().waiters.until(is_news, task, api.preferred_wait(asked))
    return responses.waited(responses.found(asked, task, who), seconds)


@app.route("/tasks/{task_id}", methods=["DELETE"], content_types=ANY)
@view
def delete_task(task_id: str) -> Response:
    services().tasks.delete(caller(Scope.WRITE).owner, task_id)
    return responses.deleted()


@app.route("/tasks/{task_id}/explain", methods=["GET"], content_types=ANY)
@view
def explain_task(task_id: str) -> Response:
    return responses.plain(services().explanations.of(caller(Scope.READ).owner, task_id))


@app.route("/tasks/{task_id}/cancel", methods=["POST"], content_types=ANY)
@view
def cancel_task(task_id: str) -> Response:
    who = caller(Scope.WRITE)
    return responses.changed(services().tasks.cancel(who.owner, task_id, by=who.subject))


@app.route("/tasks/{task_id}/retry", methods=["POST"], content_types=ANY)
@view
def retry_task(task_id: str) -> Response:
    who = caller(Scope.WRITE)
    services().limits.spend(who.owner, 1)
    return responses.changed(services().tasks.retry(who.owner, task_id, by=who.subject))


@app.route("/tickets", methods=["POST"], content_types=ANY)
@view
def create_ticket() -> Response:
    who = caller(Scope.READ)
    return responses.ticket(services().box_office.sell(who, api.wanted_watch(request())))


@app.route("/task-types", methods=["GET"], content_types=ANY)
@view
def list_task_types() -> Response:
    caller(Scope.READ)
    return responses.task_types(services().task_types, services().pauses.now())


@app.route("/task-types/{name}/pause", methods=["POST"], content_types=ANY)
@view
def pause_task_type(name: str) -> Response:
    who, reason = caller(Scope.ADMIN), api.pause_reason(request())
    return responses.task_type(services().switch.pause(name, by=who.subject, reason=reason))


@app.route("/task-types/{name}/resume", methods=["POST"], content_types=ANY)
@view
def resume_task_type(name: str) -> Response:
    return responses.task_type(services().switch.resume(name, by=caller(Scope.ADMIN).subject))


@app.route("/dead-letters", methods=["GET"], content_types=ANY)
@view
def list_dead_letters() -> Response:
    owner, query = caller(Scope.ADMIN).owner, api.dead_letter_query(request())
    place = cursors.Place(services().parameters.signing_keys, owner, query.list, query.cursor, bool)
    found = services().dead_letter_browser.page(
        owner, query.group, before=place.before, limit=query.limit, filters=query.filters
    )
    return responses.plain({found.name: found.views, "next_cursor": place.next(found.position)})


@app.route("/redrives", methods=["POST"], content_types=ANY)
@view
def create_redrive() -> Response:
    who, body = caller(Scope.WRITE), api.redrive(request())
    if body.dry_run:
        return responses.plain(services().redrives.dry_run(who.owner, body.wanted()))
    return responses.redriving(services().redrives.start(who.owner, body.wanted(), by=who.subject))


@app.route("/redrives", methods=["GET"], content_types=ANY)
@view
def list_redrives() -> Response:
    owner, query = caller(Scope.READ).owner, api.page_query(request())
    place = cursors.Place(services().parameters.signing_keys, owner, {"list": "redrives"}, query.cursor)
    found, position = services().redrives.newest(owner, before=place.before, limit=query.limit)
    views = [each.view() for each in found]
    return responses.plain({"redrives": views, "next_cursor": place.next(position)})


@app.route("/redrives/{redrive_id}", methods=["GET"], content_types=ANY)
@view
def get_redrive(redrive_id: str) -> Response:
    return responses.plain(services().redrives.get(caller(Scope.READ).owner, redrive_id).view())


@app.route("/redrives/{redrive_id}/abort", methods=["POST"], content_types=ANY)
@view
def abort_redrive(redrive_id: str) -> Response:
    who = caller(Scope.WRITE)
    return responses.plain(services().redrives.abort(who.owner, redrive_id, by=who.subject).view())


@app.route("/stats", methods=["GET"], content_types=ANY)
@view
def get_stats() -> Response:
    owner, minutes = caller(Scope.ADMIN).owner, api.stats_query(request()).minutes
    return responses.plain(services().stats.last(owner, minutes))


@app.route("/openapi.json", methods=["GET"], content_types=ANY)
@view
def get_openapi() -> Response:
    return responses.document(request(), openapi.text())


@app.route("/health", methods=["GET"], content_types=ANY)
@view
def get_health() -> Response:
    services().task_table.ping()
    return responses.plain({"status": "ok", "stage": settings.stage})


app.register_blueprint(pages)  # for people: the dashboard and the reference of the API

for path in list(app.routes):
    # A page of an allowed origin asks before it sends a token.
    app.route(path, methods=["OPTIONS"], name=f"preflight {path}", content_types=ANY)(cors.preflight)


# --- Queues: workers run tasks, and the row decides ---------------------------------------------


@app.on_sqs_message(queue=settings.resource("fast"), batch_size=10)
def run_tasks(event: SQSEvent) -> dict[str, Any]:
    """Run up to ten tasks of the fast lane side by side."""
    return run_lane(event, "fast")


@app.on_sqs_message(queue=settings.resource("long"), batch_size=1)
def run_long_tasks(event: SQSEvent) -> dict[str, Any]:
    """Run one task of the long lane."""
    return run_lane(event, "long")


def run_lane(event: SQSEvent, lane: str) -> dict[str, Any]:
    """The partial batch response: the messages that SQS is to keep."""
    ends_at = events.ends_at(event.context, services().clock())
    return events.batch_response(
        services().worker.run_batch(events.queue_messages(event.to_dict()), lane, ends_at)
    )


# --- Stream: every stored change reaches whoever watches ----------------------------------------


@app.on_dynamodb_record(stream_arn=settings.stream_arn)
def push_updates(event: DynamoDBEvent) -> None:
    """Send the changes of a batch to the connections that watch them."""
    changes, removed = events.changes(event.to_dict())
    services().push.push(changes, removed, batch_id=events.batch_id(event.to_dict()))


# --- WebSocket: clients connect, ask and leave --------------------------------------------------


@app.on_ws_connect(name="websocket_connect")
def connect(event: WebsocketEvent) -> Response:
    """Remember a client and what it watches; refuse a wrong query."""
    return events.connected(event, services())


@app.on_ws_message(name="websocket_message")
def message(event: WebsocketEvent) -> dict[str, int]:
    """Serve what a connected client asks; the answer is a frame of its own."""
    services().connections.receive(event.connection_id, event.body)
    return {"statusCode": 200}


@app.on_ws_disconnect(name="websocket_disconnect")
def disconnect(event: WebsocketEvent) -> None:
    """Forget a client that left."""
    services().connections.disconnect(event.connection_id)


# --- Schedules: what is due, and what died ------------------------------------------------------


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> None:
    """Act on every task that is due and that nobody else acted on; then go on with redrives."""
    ends_at = events.ends_at(event.context, services().clock())
    services().sweeper.sweep(ends_at)
    services().redrives.advance(ends_at)


@app.schedule(Rate(5, unit=Rate.MINUTES))
def watch_dead_letters(event: CloudWatchEvent) -> None:
    """Record new dead letters and raise one alert for them."""
    services().dead_letters.watch(events.ends_at(event.context, services().clock()))
