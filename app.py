"""Every route and event handler of the Task Processing Service, in the order data flows."""

from collections.abc import Callable
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

from chalicelib import api, events
from chalicelib.bootstrap import services
from chalicelib.cursors import read_cursor, sign_cursor
from chalicelib.settings import APP_NAME, Settings

if Settings.deploying():
    # Only on the machine that deploys: infra/ is not in the zip.
    import infra.chalice_extension  # noqa: F401

settings = Settings.current()
app = Chalice(app_name=APP_NAME)
app.experimental_feature_flags.update(["WEBSOCKETS"])

#: Every content type reaches its view, which answers a wrong one with problem+json.
ANY = ["*/*"]


@app.middleware("all")
def observe(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """One bound request id, one line and all metrics for every invocation."""
    return events.observed(event, get_response, services().metrics)


# --- HTTP: a client posts, reads, cancels and retries tasks -------------------------------------


def request() -> Request:
    """The request at hand."""
    assert app.current_request is not None
    return app.current_request


@app.route("/tasks", methods=["POST"], content_types=ANY)
@api.view
def create_task() -> Response:
    owner, wanted = api.owner_of(request()), api.new_task(request())
    trace, key = api.correlation_id(request()), api.idempotency_key(request())
    if key is None:
        return api.created(services().tasks.create(owner, wanted, correlation_id=trace))
    task, replayed = services().tasks.create_once(owner, wanted, key, correlation_id=trace)
    return api.created(task, replayed=replayed)


@app.route("/tasks/batch", methods=["POST"], content_types=ANY)
@api.view
def create_tasks() -> Response:
    owner, wanted = api.owner_of(request()), api.new_tasks(request())
    trace = api.correlation_id(request())
    return api.created_many(services().tasks.create_many(owner, wanted, correlation_id=trace))


@app.route("/tasks", methods=["GET"])
@api.view
def list_tasks() -> Response:
    owner, query = api.owner_of(request()), api.list_query(request())
    keys = services().parameters.cursor_keys
    before = read_cursor(keys, owner, query.filters, query.cursor) if query.cursor is not None else None
    page = services().tasks.newest(owner, before=before, limit=query.limit, filters=query.filters)
    cursor = page.position and sign_cursor(keys, owner, query.filters, page.position)
    return api.page(page.tasks, cursor)


@app.route("/tasks/{task_id}", methods=["GET"])
@api.view
def get_task(task_id: str) -> Response:
    return api.found(request(), services().tasks.get(api.owner_of(request()), task_id))


@app.route("/tasks/{task_id}", methods=["DELETE"])
@api.view
def delete_task(task_id: str) -> Response:
    services().tasks.delete(api.owner_of(request()), task_id)
    return api.deleted()


@app.route("/tasks/{task_id}/cancel", methods=["POST"], content_types=ANY)
@api.view
def cancel_task(task_id: str) -> Response:
    return api.changed(services().tasks.cancel(api.owner_of(request()), task_id))


@app.route("/tasks/{task_id}/retry", methods=["POST"], content_types=ANY)
@api.view
def retry_task(task_id: str) -> Response:
    return api.changed(services().tasks.retry(api.owner_of(request()), task_id))


@app.route("/task-types", methods=["GET"])
@api.view
def list_task_types() -> Response:
    return api.task_types(services().task_types)


@app.route("/stats", methods=["GET"])
@api.view
def get_stats() -> Response:
    minutes = api.stats_query(request()).minutes
    return api.plain(services().stats.last(api.owner_of(request()), minutes))


@app.route("/health", methods=["GET"])
@api.view
def get_health() -> Response:
    services().task_table.ping()
    return api.plain({"status": "ok", "stage": settings.stage})


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
    services().push.push(changes, removed)


# --- WebSocket: clients connect, ask and leave --------------------------------------------------


@app.on_ws_connect(name="websocket_connect")
def connect(event: WebsocketEvent) -> Response:
    """Remember a client and what it watches; refuse a wrong query."""
    return events.connected(event, services().connections)


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
    """Act on every task that is due and that nobody else acted on."""
    services().sweeper.sweep(events.ends_at(event.context, services().clock()))


@app.schedule(Rate(5, unit=Rate.MINUTES))
def watch_dead_letters(event: CloudWatchEvent) -> None:
    """Record new dead letters and raise one alert for them."""
    services().dead_letters.watch(events.ends_at(event.context, services().clock()))
