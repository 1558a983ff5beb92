"""Two owners do random operations, also with each other's ids. Neither sees or changes the other's tasks."""

from __future__ import annotations

import json
from collections import defaultdict
from random import Random
from typing import Any

from chalice.test import Client, HTTPResponse
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

import app
from chalicelib import bootstrap
from testing.kit import Kit
from tests.functional.conftest import FAR, ROOT, Handlers, Http
from tests.support.sockets import SocketServer

OWNERS = ("ada", "bob")
TYPES = {"ada": "demo.sleep", "bob": "demo.fail"}
STEPS = (
    "create",
    "create_once",
    "batch",
    "get",
    "list",
    "page",
    "cancel",
    "retry",
    "delete",
    "run",
    "push",
    "connect",
    "ticket",
    "subscribe",
    "unsubscribe",
    "sync",
)


class Pair:
    """Two owners on one stage. Each marks their own data. No response may have the mark of the other."""

    def __init__(self, kit: Kit, sockets: SocketServer) -> None:
        self.kit = kit
        self.sockets = sockets
        self.handlers = Handlers(kit)
        scopes = ("tasks:read", "tasks:write")
        self.tokens = {owner: kit.token(*scopes, owner=owner, exp=FAR) for owner in OWNERS}
        self.tasks: defaultdict[str, list[str]] = defaultdict(list)
        self.cursors: defaultdict[str, list[str]] = defaultdict(list)
        self.connections: defaultdict[str, list[str]] = defaultdict(list)
        self.numbers = iter(range(10**6))

    def step(self, http: Http, owner: str, name: str, random: Random) -> None:
        """One operation of `owner` on a task of either owner."""
        getattr(self, f"_{name}")(http.as_(self.tokens[owner]), owner, random)

    # --- What owners do -------------------------------------------------------------------------

    def _new_task(self, owner: str) -> dict[str, Any]:
        payload = {"message": f"of {owner}"} if owner == "bob" else {"seconds": 0}
        return {"type": TYPES[owner], "payload": payload, "tags": [f"of-{owner}"]}

    def _create(self, http: Http, owner: str, random: Random) -> None:
        self._created(owner, http.post("/tasks", self._new_task(owner)))

    def _create_once(self, http: Http, owner: str, random: Random) -> None:
        """Both owners use the same keys."""
        key = f"key-{random.randrange(2)}"
        self._created(owner, http.post("/tasks", self._new_task(owner), idempotency_key=key))

    def _created(self, owner: str, answer: HTTPResponse) -> None:
        assert answer.status_code in (200, 201, 409)
        if answer.status_code != 409:  # the task of that key was deleted
            self._check(owner, answer)
            if answer.json_body["id"] not in self.tasks[owner]:
                self.tasks[owner].append(answer.json_body["id"])

    def _batch(self, http: Http, owner: str, random: Random) -> None:
        answer = http.post("/tasks/batch", {"tasks": [self._new_task(owner)] * 2})
        self._check(owner, answer)
        self.tasks[owner] += [each["task"]["id"] for each in answer.json_body["results"]]

    def _get(self, http: Http, owner: str, random: Random) -> None:
        self._act(http, owner, random, "GET", {200, 404})

    def _cancel(self, http: Http, owner: str, random: Random) -> None:
        self._act(http, owner, random, "POST /cancel", {200, 404, 409})

    def _retry(self, http: Http, owner: str, random: Random) -> None:
        self._act(http, owner, random, "POST /retry", {200, 404, 409})

    def _delete(self, http: Http, owner: str, random: Random) -> None:
        self._act(http, owner, random, "DELETE", {204, 404, 409})

    def _act(self, http: Http, owner: str, random: Random, what: str, usual: set[int]) -> None:
        method, _, action = what.partition(" ")
        for whose in OWNERS:
            if self.tasks[whose]:
                answer = http.request(method, f"/tasks/{random.choice(self.tasks[whose])}{action}")
                assert answer.status_code in (usual if whose == owner else {404})
                self._check(owner, answer)

    def _list(self, http: Http, owner: str, random: Random) -> None:
        query = random.choice(["", "?limit=2", "?tag=of-ada", "?tag=of-bob", "?type=demo.sleep"])
        answer = http.get(f"/tasks{query}")
        self._check(owner, answer)
        assert {task["id"] for task in answer.json_body["tasks"]} <= set(self.tasks[owner])

    def _page(self, http: Http, owner: str, random: Random) -> None:
        """Continue with a cursor of either owner."""
        cursor = http.get("/tasks?limit=1").json_body["next_cursor"]
        self.cursors[owner] += [cursor] if cursor else []
        for whose in OWNERS:
            if self.cursors[whose]:
                answer = http.get(f"/tasks?limit=1&cursor={random.choice(self.cursors[whose])}")
                assert answer.status_code == (200 if whose == owner else 400)
                self._check(owner, answer)

    def _run(self, http: Http, owner: str, random: Random) -> None:
        if self.tasks[owner]:
            message = {"owner": owner, "id": random.choice(self.tasks[owner]), "lease": 0}
            self.handlers.run_tasks(json.dumps(message))

    def _push(self, http: Http, owner: str, random: Random) -> None:
        self.handlers.push()

    def _connect(self, http: Http, owner: str, random: Random) -> None:
        watch = random.choice(["all", "none", "type:demo.sleep", "type:demo.fail", self._anybodys(random)])
        name = f"{owner}-{next(self.numbers)}"
        assert self.handlers.connect(name, token=self.tokens[owner], watch=watch) == 200
        self.connections[owner].append(name)

    def _ticket(self, http: Http, owner: str, random: Random) -> None:
        watch = random.choice(["all", "type:demo.sleep", "type:demo.fail", self._anybodys(random)])
        answer = http.post("/tickets", {"watch": "all" if watch == "none" else watch})
        name = f"{owner}-{next(self.numbers)}"
        assert self.handlers.connect(name, token="", ticket=answer.json_body["ticket"]) == 200
        self.connections[owner].append(name)

    def _anybodys(self, random: Random) -> str:
        tasks = [task_id for whose in OWNERS for task_id in self.tasks[whose]]
        return f"task:{random.choice(tasks)}" if tasks else "none"

    def _subscribe(self, http: Http, owner: str, random: Random) -> None:
        self._say(owner, random, lambda task_id: {"action": "subscribe", "task_id": task_id})

    def _unsubscribe(self, http: Http, owner: str, random: Random) -> None:
        self._say(owner, random, lambda task_id: {"action": "unsubscribe", "task_id": task_id})

    def _sync(self, http: Http, owner: str, random: Random) -> None:
        self._say(owner, random, lambda task_id: {"action": "sync", "tasks": {task_id: 0}, "since": task_id})

    def _say(self, owner: str, random: Random, message: Any) -> None:
        for whose in OWNERS:
            if self.tasks[whose] and self.connections[owner]:
                name = random.choice(self.connections[owner])
                self.handlers.send(name, message(random.choice(self.tasks[whose])))

    # --- What must hold -------------------------------------------------------------------------

    def _check(self, owner: str, answer: HTTPResponse) -> None:
        """The response has nothing of the other owner, except a requested id."""
        other = OWNERS[1 - OWNERS.index(owner)]
        assert f"of {other}" not in answer.body.decode()
        assert answer.status_code >= 400 or not self._named(answer.body.decode(), other)

    def check_frames(self) -> None:
        """Every frame of a connection is about a task of its owner."""
        for name, frames in self.sockets.frames.items():
            owner = name.partition("-")[0]
            other = OWNERS[1 - OWNERS.index(owner)]
            text = json.dumps([frame for frame in frames if frame["type"] != "error"])
            assert f"of {other}" not in text
            assert not self._named(text, other)

    def _named(self, text: str, owner: str) -> list[str]:
        return [task_id for task_id in self.tasks[owner] if task_id in text]

    def check_lists(self, http: Http) -> None:
        """Each owner's list has only tasks that they created."""
        for owner in OWNERS:
            tasks = http.as_(self.tokens[owner]).get("/tasks?limit=100").json_body["tasks"]
            assert {task["id"] for task in tasks} <= set(self.tasks[owner])
            assert {task["type"] for task in tasks} <= {TYPES[owner]}


@seed(20261124)
@settings(max_examples=5, deadline=None, phases=[Phase.generate])
@given(
    steps=st.lists(st.tuples(st.sampled_from(OWNERS), st.sampled_from(STEPS)), min_size=10, max_size=30),
    random=st.randoms(use_true_random=False),
)
def test_neither_owner_sees_or_changes_the_others_tasks(steps: list[tuple[str, str]], random: Random) -> None:
    with (
        Kit() as kit,
        SocketServer() as sockets,
        Client(app.app, stage_name="local", project_dir=str(ROOT)) as client,
    ):
        kit.client("ssm").put_parameter(
            Name=kit.settings.parameter("websocket-endpoint"), Value=sockets.url, Type="String"
        )
        bootstrap.install(kit.services)
        http, pair = Http(client, ""), Pair(kit, sockets)
        for owner in OWNERS:
            pair.step(http, owner, "connect", random)
            pair.step(http, owner, "batch", random)
            pair.step(http, owner, "page", random)
        for owner, name in steps:
            pair.step(http, owner, name, random)
        pair.handlers.push()
        pair.check_frames()
        pair.check_lists(http)
