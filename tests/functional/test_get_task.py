"""GET /tasks/{id}: the whole task, or 304 if the caller has it."""

from __future__ import annotations

import pytest

from chalicelib.domain.new_task import NewTask
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script

pytestmark = pytest.mark.usefixtures("script")


class TestTask:
    def test_a_finished_task_has_payload_and_result(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.returns({"sum": 3})
        task = kit.create("test.fast", {"number": 1})
        handlers.run(task)
        answer = http.get(f"/tasks/{task['id']}")
        assert answer.status_code == 200
        assert (answer.json_body["payload"], answer.json_body["result"]) == ({"number": 1}, {"sum": 3})
        assert len(answer.json_body["attempts"]) == 1

    def test_large_documents_are_read_with_one_more_request(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.returns("r" * 2000)
        task = kit.create("test.fast", {"text": "p" * 2000})
        handlers.run(task)
        wire = Wire(kit.services)
        body = http.get(f"/tasks/{task['id']}").json_body
        assert (body["payload"]["text"], body["result"]) == ("p" * 2000, "r" * 2000)
        assert wire.counts() == {"BatchGetItem": 1, "GetItem": 1}

    def test_a_small_task_is_one_consistent_read(self, http: Http, kit: Kit) -> None:
        task = kit.create("test.fast")
        wire = Wire(kit.services)
        http.get(f"/tasks/{task['id']}")
        (read,) = wire.sent("GetItem")
        assert read["ConsistentRead"] is True
        assert wire.counts() == {"GetItem": 1}

    @pytest.mark.parametrize(
        "task_id",
        [
            "0190163d-8694-739b-aea5-966c26f8ad01",  # an id that nobody has
            "0190163D-8694-739B-AEA5-966C26F8AD01",
            "nope",
            "%00",
            "..",
            "task#default#00",
            "é",
            "x" * 5000,
        ],
    )
    def test_an_unknown_task_is_a_404(self, http: Http, task_id: str) -> None:
        answer = http.get(f"/tasks/{task_id}")
        assert (answer.status_code, answer.json_body["code"]) == (404, "not_found")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert len(answer.body) < 1000

    def test_the_task_of_another_owner_is_a_404(self, http: Http, kit: Kit) -> None:
        task = kit.services.task_creator.create("bob", NewTask(type="test.fast"))
        for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")]:
            answer = http.request(method, f"/tasks/{task.id}{path}")
            assert answer.status_code == 404
        assert kit.services.tasks.get("bob", task.id).version == 1


class TestEtag:
    @pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', "*", '"v0", "v1"', 'W/"v7" ,  W/"v1"'])
    def test_a_caller_with_this_version_gets_304_without_a_body(
        self, http: Http, kit: Kit, etag: str
    ) -> None:
        task = kit.create("test.fast")
        answer = http.get(f"/tasks/{task['id']}", if_none_match=etag)
        assert (answer.status_code, answer.body) == (304, b"")
        assert answer.headers["ETag"] == '"v1"'

    @pytest.mark.parametrize("etag", ['"v0"', '"v11"', "v1", "", '"', '"*"', "x" * 1000])
    def test_a_caller_with_another_version_gets_the_task(self, http: Http, kit: Kit, etag: str) -> None:
        task = kit.create("test.fast")
        answer = http.get(f"/tasks/{task['id']}", if_none_match=etag)
        assert answer.status_code == 200
        assert answer.json_body["id"] == task["id"]

    def test_the_tag_changes_with_every_change(self, http: Http, kit: Kit, handlers: Handlers) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        answer = http.get(f"/tasks/{task['id']}", if_none_match='"v1"')
        assert answer.status_code == 200
        assert answer.headers["ETag"] == f'"v{answer.json_body["version"]}"' == '"v3"'
