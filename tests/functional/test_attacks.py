"""Attacks, each of which is refused. docs/explanation/security.md describes them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from chalice.test import Client

import app
from chalicelib import bootstrap
from chalicelib.domain.ids import new_task_id
from testing.kit import Kit
from tests.conftest import Printed
from tests.functional.conftest import ROOT, Handlers, Http
from tests.support.attackers import (
    ADMIN,
    AUDIENCE,
    BAD_HEADERS,
    ISSUER,
    PRIVATE_URLS,
    READ,
    SMUGGLED_HEADERS,
    TASK,
    WRITE,
    World,
)
from tests.support.examples import NOW
from tests.support.forgery import key_set
from tests.support.http_server import Answer, HttpServer
from tests.support.sockets import SocketServer

Attack = Callable[[World], None]
ATTACKS: dict[str, Attack] = {}


def attack(act: Attack) -> Attack:
    ATTACKS[act.__name__.strip("_").replace("_", " ")] = act
    return act


@pytest.fixture(scope="module")
def stage() -> Iterator[World]:
    """One stage for all attacks, because refused requests leave nothing behind."""
    with pytest.MonkeyPatch.context() as environment, HttpServer(Answer(200, key_set())) as server:
        environment.setenv("FETCH_ALLOWED_HOSTS", "127.0.0.1")
        settings = {"jwks_url": server.url("/jwks"), "token_issuer": ISSUER, "token_audience": AUDIENCE}
        with Kit(**settings) as kit, SocketServer() as sockets:
            kit.client("ssm").put_parameter(
                Name=kit.settings.parameter("websocket-endpoint"), Value=sockets.url, Type="String"
            )
            with Client(app.app, stage_name="local", project_dir=str(ROOT)) as client:
                yield World(kit, Http(client, ""), Handlers(kit), sockets, server, "")


@pytest.fixture
def world(stage: World, printed: Printed) -> Iterator[World]:
    """Afterwards ada's task is unchanged, and no line of the log contains a token."""
    bootstrap.install(stage.kit.services)
    stage.server.answer_with(Answer(200, key_set()))
    stage.task_id = stage.as_("ada").post("/tasks", TASK).json_body["id"]
    before = stage.as_("ada").get(f"/tasks/{stage.task_id}").json_body
    yield stage
    assert stage.as_("ada").get(f"/tasks/{stage.task_id}").json_body == before
    for line in printed():  # fails on a line that is not JSON
        assert "ey" + "J" not in json.dumps(line), "a token was logged"


@pytest.mark.parametrize("flaw", BAD_HEADERS)
def test_an_invalid_token_gives_no_access(world: World, flaw: str) -> None:
    header = BAD_HEADERS[flaw](world)
    for method, path, body in [
        ("GET", f"/tasks/{world.task_id}", b""),
        ("GET", "/tasks", b""),
        ("DELETE", f"/tasks/{world.task_id}", b""),
        ("POST", f"/tasks/{world.task_id}/cancel", b""),
        ("POST", "/tasks", json.dumps(TASK).encode()),
        ("POST", "/tickets", b""),
    ]:
        answer = world.http.request(method, path, body, authorization=header)
        assert (answer.status_code, answer.json_body["code"]) == (401, "unauthorized")
    event = world.handlers.websocket_event("CONNECT", "c0")
    event |= {"queryStringParameters": None, "headers": {"Authorization": header}}
    assert app.connect(event, world.handlers.context)["statusCode"] == 401


@pytest.mark.parametrize("where", PRIVATE_URLS)
def test_no_task_reaches_a_private_address(world: World, where: str) -> None:
    for task_type in ("http.request", "csv.profile"):
        task = {"type": task_type, "payload": {"url": PRIVATE_URLS[where]}}
        answer = world.mallory.post("/tasks", task)
        if answer.status_code == 422:
            continue
        world.handlers.run_tasks(json.dumps({"owner": "mallory", "id": answer.json_body["id"], "lease": 0}))
        task = world.mallory.get(f"/tasks/{answer.json_body['id']}").json_body
        assert (task["status"], task["error"]["kind"], task["attempt"]) == ("failed", "rejected", 1)


@pytest.mark.parametrize("what", SMUGGLED_HEADERS)
def test_no_header_smuggles_a_request(world: World, what: str) -> None:
    payload = {"url": world.server.url(), "headers": SMUGGLED_HEADERS[what]}
    answer = world.mallory.post("/tasks", {"type": "http.request", "payload": payload})
    assert answer.status_code == 422
    assert answer.json_body["errors"][0]["pointer"].startswith("/payload/headers")


# --- Scopes and owners --------------------------------------------------------------------------


@attack
def a_reader_writes(world: World) -> None:
    reader = world.as_("ada", READ)
    assert reader.post("/tasks", TASK).status_code == 403
    assert reader.post(f"/tasks/{world.task_id}/cancel").status_code == 403
    assert reader.delete(f"/tasks/{world.task_id}").status_code == 403


@attack
def a_writer_reads(world: World) -> None:
    writer = world.as_("ada", WRITE)
    assert writer.get(f"/tasks/{world.task_id}").status_code == 403
    assert writer.post("/tickets").status_code == 403
    assert world.connect(world.token(WRITE, owner="ada"))[1] == 403


@attack
def scopes_as_an_object(world: World) -> None:
    assert world.http.as_(world.signed(scope={"tasks:read": True})).get("/tasks").status_code == 403


@attack
def statistics_without_being_an_administrator(world: World) -> None:
    assert world.mallory.get("/stats").status_code == 403


@attack
def another_owner_by_query(world: World) -> None:
    assert world.mallory.get(f"/tasks/{world.task_id}?owner=ada").status_code == 403
    assert world.mallory.get("/tasks?owner=ada").status_code == 403
    assert world.connect(world.token(READ), owner="ada")[1] == 403


@attack
def another_owner_by_body(world: World) -> None:
    assert world.mallory.post("/tasks", {**TASK, "owner": "ada"}).status_code == 422
    assert world.mallory.post("/tickets", {"watch": "all", "owner": "ada"}).status_code == 422


@attack
def guessing_whether_a_task_of_another_owner_exists(world: World) -> None:
    unknown_id = new_task_id(NOW, 99, 4)
    for method, action in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")):
        adas = world.mallory.request(method, f"/tasks/{world.task_id}{action}")
        none = world.mallory.request(method, f"/tasks/{unknown_id}{action}")
        assert adas.status_code == none.status_code == 404
        assert adas.body.replace(world.task_id.encode(), b"") == none.body.replace(unknown_id.encode(), b"")
        assert {**adas.headers} == {**none.headers}


@attack
def another_owners_version_by_etag(world: World) -> None:
    assert world.mallory.get(f"/tasks/{world.task_id}", if_none_match="*").status_code == 404


@attack
def another_owners_cursor(world: World) -> None:
    world.as_("ada").post("/tasks", TASK)
    cursor = world.as_("ada").get("/tasks?limit=1").json_body["next_cursor"]
    answer = world.mallory.get(f"/tasks?limit=1&cursor={cursor}")
    assert (answer.status_code, answer.json_body["code"]) == (400, "bad_cursor")


@attack
def another_owners_idempotency_key(world: World) -> None:
    adas = world.as_("ada").post("/tasks", TASK, idempotency_key="k1")
    mallorys = world.mallory.post("/tasks", TASK, idempotency_key="k1")
    assert mallorys.status_code == 201
    assert mallorys.json_body["id"] != adas.json_body["id"]


@attack
def another_owners_secret(world: World) -> None:
    payload = {"url": world.server.url(), "secret": "../ada/key"}
    assert world.mallory.post("/tasks", {"type": "http.request", "payload": payload}).status_code == 422


@attack
def a_token_in_the_query(world: World) -> None:
    token = world.token(owner="ada")
    assert world.http.get(f"/tasks?token={token}", authorization="").status_code == 401
    event = world.handlers.websocket_event("CONNECT", "c0")
    event |= {"queryStringParameters": {"token": token, "authorization": f"Bearer {token}"}, "headers": {}}
    assert app.connect(event, world.handlers.context)["statusCode"] == 401


# --- Tickets and sockets ------------------------------------------------------------------------


@attack
def a_changed_ticket(world: World) -> None:
    ticket = world.ticket(world.mallory)
    for place in range(0, len(ticket), 7):
        letter = "A" if ticket[place] != "A" else "B"
        assert world.connect(ticket=ticket[:place] + letter + ticket[place + 1 :])[1] == 401


@attack
def a_ticket_used_twice(world: World) -> None:
    ticket = world.ticket(world.mallory)
    assert [world.connect(ticket=ticket)[1] for _ in range(3)] == [200, 401, 401]


@attack
def an_old_ticket(world: World) -> None:
    ticket = world.ticket(world.mallory)
    world.kit.clock.advance(60)
    assert world.connect(ticket=ticket)[1] == 401


@attack
def a_ticket_for_something_else(world: World) -> None:
    ticket = world.ticket(world.mallory, "type:demo.fail")
    assert world.connect(ticket=ticket, watch="all")[1] == 401


@attack
def a_cursor_as_a_ticket(world: World) -> None:
    for _ in range(2):
        world.mallory.post("/tasks", TASK)
    cursor = world.mallory.get("/tasks?limit=1").json_body["next_cursor"]
    assert world.connect(ticket=cursor)[1] == 401


@attack
def a_ticket_for_another_owners_task(world: World) -> None:
    """The ticket is issued, so that it does not reveal whether the task exists, and it shows nothing."""
    name, status = world.connect(ticket=world.ticket(world.mallory, f"task:{world.task_id}"))
    assert status == 200
    world.announce()
    world.handlers.send(name, {"action": "subscribe", "task_id": world.task_id})
    world.handlers.send(name, {"action": "sync", "tasks": {world.task_id: 0}})
    assert [frame["type"] for frame in world.sockets.take(name)] == ["error", "synced"]


@attack
def a_subscription_to_another_owners_task(world: World) -> None:
    name, _ = world.connect(world.token(READ))
    world.handlers.send(name, {"action": "subscribe", "task_id": world.task_id})
    assert [frame["code"] for frame in world.sockets.take(name)] == ["not_found"]
    world.announce()
    assert world.task_id not in [task["id"] for task in world.sockets.tasks(name)]


@attack
def a_sync_of_another_owners_tasks(world: World) -> None:
    name, _ = world.connect(world.token(READ))
    world.handlers.send(name, {"action": "sync", "tasks": {world.task_id: 0}, "since": world.task_id})
    assert world.task_id not in [task["id"] for task in world.sockets.tasks(name)]


@attack
def staying_connected_after_the_token_ended(world: World) -> None:
    name, _ = world.connect(world.token(READ, exp=world.seconds(60)))
    world.kit.clock.advance(60)
    world.handlers.send(name, {"action": "sync"})
    assert world.sockets.take(name) == []
    assert name in world.sockets.closed


@attack
def messages_that_break_parsers(world: World) -> None:
    name, _ = world.connect(world.token(READ))
    for message in (
        "",
        "{",
        "[" * 100_000,
        '{"action":' + "[" * 700 + "]" * 700 + "}",
        '{"action":' + '{"a":' * 300 + "1" + "}" * 300 + "}",
        '{"action":"sync","tasks":{"a":1e999}}',
        '{"action":"\\ud800"}',
        '{"action":"subscribe","task_id":"\\ud800"}',
        '{"action":' + "9" * 5000 + "}",
    ):
        world.handlers.send(name, message)
        (answer,) = world.sockets.take(name)
        assert answer["type"] == "error"
    world.handlers.send(name, {"action": "ping"})
    assert world.sockets.take(name) == [{"type": "pong"}]


# --- Input --------------------------------------------------------------------------------------


@attack
def a_body_over_the_limit(world: World) -> None:
    answer = world.mallory.post("/tasks", {**TASK, "payload": {"text": "x" * 262_144}})
    assert answer.status_code == 413


@attack
def a_body_nested_without_end(world: World) -> None:
    raw = b'{"type":"demo.sleep","payload":' + b"[" * 100_000
    assert world.mallory.post_raw("/tasks", raw).status_code == 400


@attack
def a_number_that_takes_an_hour_to_read(world: World) -> None:
    raw = b'{"type":"demo.sleep","payload":{"seconds":' + b"9" * 200_000 + b"}}"
    assert world.mallory.post_raw("/tasks", raw).status_code in (400, 422)


@attack
def more_tags_and_tasks_than_allowed(world: World) -> None:
    assert world.mallory.post("/tasks", {**TASK, "tags": ["t"] * 11}).status_code == 422
    assert world.mallory.post("/tasks/batch", {"tasks": [TASK] * 101}).status_code == 422


@attack
def an_answer_that_is_a_bomb(world: World) -> None:
    """A gigabyte of zeros fits a megabyte of gzip: nothing is decompressed, and 64 KB are stored."""
    bomb = gzip.compress(b"0" * 50_000_000)
    world.server.answer_with(Answer(200, bomb, {"content-encoding": "gzip"}))
    task = {"type": "http.request", "payload": {"url": world.server.url("/bomb")}}
    task_id = world.mallory.post("/tasks", task).json_body["id"]
    world.handlers.run_tasks(json.dumps({"owner": "mallory", "id": task_id, "lease": 0}))
    done = world.mallory.get(f"/tasks/{task_id}").json_body
    assert world.server.requests[-1].headers["accept-encoding"] == "identity"
    assert done["result"] is None or len(done["result"]["body"]) <= 65_536


@attack
def a_redirect_to_a_private_address(world: World) -> None:
    world.server.answer_with(Answer(302, headers={"location": "http://169.254.169.254/latest/meta-data/"}))
    payload = {"url": world.server.url("/redirect"), "follow_redirects": True}
    task_id = world.mallory.post("/tasks", {"type": "http.request", "payload": payload}).json_body["id"]
    world.handlers.run_tasks(json.dumps({"owner": "mallory", "id": task_id, "lease": 0}))
    assert world.mallory.get(f"/tasks/{task_id}").json_body["error"]["kind"] == "rejected"


# --- Browsers and logs --------------------------------------------------------------------------


@attack
def a_page_of_another_origin(world: World) -> None:
    answer = world.mallory.get("/tasks", origin="https://evil.example")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@attack
def a_stack_trace(world: World) -> None:
    for path in ("/tasks/%00", "/tasks?limit=x", "/tasks?cursor=%ff", "/tasks/" + "x" * 5000):
        assert b"Traceback" not in world.mallory.get(path).body


FORGED = '\n{"level":"ERROR","message":"forged"}\r\n'


@attack
def a_line_of_the_log_by_any_field(world: World) -> None:
    """Each line is JSON, and none is forged."""
    http = world.mallory
    http.get("/tasks", x_correlation_id=FORGED, user_agent=FORGED)
    http.get(f"/tasks/{quote(FORGED)}")
    http.get(f"/tasks?owner={quote(FORGED)}&cursor={quote(FORGED)}")
    http.post("/tasks", {"type": FORGED, "tags": [FORGED]})
    http.post("/tasks", TASK, idempotency_key=FORGED, content_type=FORGED)
    http.get("/tasks", authorization=f"Bearer {FORGED}")
    world.connect(FORGED, watch=FORGED)
    world.connect(ticket=FORGED)


@attack
def an_administrator_who_is_none(world: World) -> None:
    assert world.as_("mallory", "tasks:*", "admin", "TASKS:ADMIN").get("/stats").status_code == 403
    assert world.as_("root", ADMIN).get("/stats").status_code == 200


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused(world: World, name: str, printed: Printed) -> None:
    printed()
    ATTACKS[name](world)
    assert not [line for line in printed() if line.get("message") == "forged"]


def test_every_refusal_is_one_line_of_the_log(world: World, printed: Printed) -> None:
    printed()
    world.http.get("/tasks", authorization="Bearer nonsense")
    world.mallory.get("/stats")
    world.connect("nonsense")
    refused = [line for line in printed() if line.get("action") == "request_refused"]
    assert [line["code"] for line in refused] == ["unauthorized", "forbidden", "unauthorized"]
    assert all(line["reason"] for line in refused)


def test_at_least_a_hundred_attacks_are_tried() -> None:
    assert len(BAD_HEADERS) + len(PRIVATE_URLS) + len(SMUGGLED_HEADERS) + len(ATTACKS) >= 100
