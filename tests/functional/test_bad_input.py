"""Bad input gets a problem document. Nothing is stored, and nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from chalice.test import HTTPResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.domain.documents import DEPTH_LIMIT
from chalicelib.http.pagination import sign_cursor
from chalicelib.http.requests import BODY_LIMIT_BYTES
from testing.kit import Kit
from tests.functional.conftest import Http
from tests.support.aws_wire import Wire
from tests.support.examples import TASK_ID, json_values
from tests.support.scripted_types import Script

GOOD = {"type": "test.fast"}
READS = {"GetItem", "Query", "BatchGetItem", "GetQueueUrl"}


@pytest.fixture(scope="module")
def kit() -> Iterator[Kit]:
    """One kit for the module, because no test here may leave anything behind."""
    with Kit(Script().types) as kit:
        bootstrap.install(kit.services)
        yield kit


@pytest.fixture(scope="module")
def wire(kit: Kit) -> Wire:
    return Wire(kit.services)


@pytest.fixture(autouse=True)
def nothing_is_stored_or_sent(kit: Kit, wire: Wire) -> Iterator[None]:
    """The limits may change: they count a post before its payload is validated."""
    wire.forget()
    yield
    limits = kit.settings.resource("rollups")
    assert {name for name, sent in wire.requests if sent.get("TableName") != limits} <= READS


def assert_problem(answer: HTTPResponse, status: int, code: str, *pointers: str) -> list[dict[str, Any]]:
    """Check that the response is a problem document (RFC 9457) with this code; return its field errors."""
    problem = answer.json_body
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"].endswith(".")
    errors: list[dict[str, Any]] = problem.get("errors", [])
    assert [error["pointer"] for error in errors] == list(pointers)
    assert all(error["message"] for error in errors)
    assert "Traceback" not in answer.body.decode()
    return errors


class TestMalformedBodies:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b" ",
            b"{",
            b'{"type": "test.fast",}',
            b"{'type': 'test.fast'}",
            b'{"type": "test.fast"} more',
            b"hello",
            b'{"type": "\xff"}',
            b'{"type": "test.fast", "payload": {"a": "\x01"}}',
            b'{"type": "test.fast", "payload": {"a": "\\x41"}}',
            b'{"type": "test.fast", "delay_seconds": NaN}',
            b'{"type": "test.fast", "payload": {"number": Infinity}}',
            b'{"type": "test.fast", "payload": {"number": -Infinity}}',
            b'{"type": "test.fast", "payload": {"number": 1' + b"0" * 5000 + b"}}",
            b'{"type": "test.fast", "payload": {"number": 01}}',
            b"\x00",
            b"\xff\xfe\x00",
            b'\x1f\x8b\x08\x00{"type": "test.fast"}',
        ],
    )
    def test_a_body_that_is_not_json_is_refused(self, http: Http, raw: bytes) -> None:
        assert_problem(http.post_raw("/tasks", raw), 400, "malformed")

    @pytest.mark.parametrize(
        "raw", [b"[]", b"null", b"true", b"5", b"1e999", b'"text"', b'[{"type":"test.fast"}]']
    )
    @pytest.mark.parametrize("path", ["/tasks", "/tasks/batch"])
    def test_a_body_that_is_not_an_object_is_refused(self, http: Http, path: str, raw: bytes) -> None:
        assert_problem(http.post_raw(path, raw), 400, "malformed")

    @pytest.mark.parametrize(
        "raw",
        [
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"a":' * 50_000,
            b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
            b'{"type":"test.fast","payload":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"type":"test.fast","payload":' + b"[" * DEPTH_LIMIT + b"0" + b"]" * DEPTH_LIMIT + b"}",
        ],
    )
    @pytest.mark.parametrize("path", ["/tasks", "/tasks/batch"])
    def test_a_body_nested_too_deep_is_refused(self, http: Http, path: str, raw: bytes) -> None:
        assert_problem(http.post_raw(path, raw), 400, "malformed")

    @pytest.mark.parametrize(
        ("raw", "key"),
        [
            (b'{"type": "test.fast", "type": "test.long"}', "type"),
            (b'{"type": "test.fast", "payload": {"any": [{"a": 1, "b": 2, "b": 2}]}}', "b"),
            (b'{"type": "test.fast", "payload": {"\\ud800": 1, "\\ud800": 2}}', "\\ud800"),
            (b'{"tasks": [{"type": "test.fast", "type": "test.fast"}]}', "type"),
        ],
    )
    @pytest.mark.parametrize("path", ["/tasks", "/tasks/batch"])
    def test_a_repeated_key_is_refused(self, http: Http, path: str, raw: bytes, key: str) -> None:
        answer = http.post_raw(path, raw)
        assert_problem(answer, 400, "malformed")
        assert answer.json_body["detail"] == f"The body has the key '{key}' more than once in one object."

    @pytest.mark.parametrize("size", [BODY_LIMIT_BYTES + 1, 1024 * 1024])
    @pytest.mark.parametrize("path", ["/tasks", "/tasks/batch"])
    def test_a_body_over_256_kb_is_refused(self, http: Http, path: str, size: int) -> None:
        body = b'{"type":"test.fast","payload":{"text":"'
        assert_problem(http.post_raw(path, body + b"x" * (size - len(body) - 3) + b'"}}'), 413, "too_large")

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "json",
            "",
            "*/*",
        ],
    )
    @pytest.mark.parametrize("path", ["/tasks", "/tasks/batch"])
    def test_another_content_type_is_refused(self, http: Http, path: str, content_type: str) -> None:
        answer = http.post_raw(path, json.dumps(GOOD).encode(), content_type=content_type)
        assert_problem(answer, 415, "unsupported_media_type")


class TestInvalidFields:
    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({}, ["/type"]),
            ({"type": None}, ["/type"]),
            ({"type": 5}, ["/type"]),
            ({"type": ""}, ["/type"]),
            ({"type": "x" * 101}, ["/type"]),
            ({"type": "\ud800"}, ["/type"]),
            ({"type": "test.fast\x00"}, ["/type"]),
            ({"type": "TEST.FAST"}, ["/type"]),
            ({**GOOD, "colour": "blue"}, ["/colour"]),
            ({**GOOD, "a/b~c": 1}, ["/a~1b~0c"]),
            ({**GOOD, "id": TASK_ID}, ["/id"]),
            ({**GOOD, "owner": "bob"}, ["/owner"]),
            ({**GOOD, "Type": "x"}, ["/Type"]),
            ({**GOOD, "payload": None}, ["/payload"]),
            ({**GOOD, "payload": []}, ["/payload"]),
            ({**GOOD, "payload": "text"}, ["/payload"]),
            ({**GOOD, "payload": {"number": "many"}}, ["/payload/number"]),
            ({**GOOD, "payload": {"number": 1.5}}, ["/payload/number"]),
            *[({**GOOD, "max_attempts": n}, ["/max_attempts"]) for n in (0, 26, -1, 1.5, "3", True, 10**400)],
            *[
                ({**GOOD, "timeout_seconds": n}, ["/timeout_seconds"])
                for n in (0, 0.5, 101, 841, "60", False)
            ],
            *[
                ({**GOOD, "delay_seconds": n}, ["/delay_seconds"])
                for n in (-1, -0.001, "60", True, [], 366 * 86_400 + 1, 10**400)
            ],
            *[
                ({**GOOD, "run_at": time}, ["/run_at"])
                for time in (
                    "2030-01-01T00:00:00",
                    "2030-01-01",
                    "tomorrow",
                    "",
                    1893456000,
                    "1893456000",
                    "2030-02-30T00:00:00Z",
                    "2030-01-01T25:00:00Z",
                    "9999-12-31T23:59:59Z",
                    "9999-12-31T23:59:59-12:00",
                    "10000-01-01T00:00:00Z",
                    "0001-01-01T00:00:00+12:00",
                    "2030-01-01T00:00:00Z\x00",
                    [],
                )
            ],
            *[
                ({**GOOD, "expires_at": time}, ["/expires_at"])
                for time in (
                    "2020-01-01T00:00:00Z",
                    "2100-01-01T00:00:00",
                    4102444800,
                    "4102444800",
                    "9999-12-31T23:59:59-12:00",
                )
            ],
            ({**GOOD, "delay_seconds": 1, "run_at": "2030-01-01T00:00:00Z"}, ["/delay_seconds", "/run_at"]),
            ({**GOOD, "tags": "red"}, ["/tags"]),
            ({**GOOD, "tags": {"a": 1}}, ["/tags"]),
            ({**GOOD, "tags": list("abcdefghijk")}, ["/tags"]),
            *[
                ({**GOOD, "tags": ["fine", tag]}, ["/tags/1"])
                for tag in (
                    "",
                    "x" * 65,
                    "a\nb",
                    "\x00",
                    "\x7f",
                    "\x85",
                    "\x1b[31m",
                    "\ud800",
                    5,
                    None,
                    ["a"],
                )
            ],
            ({**GOOD, "max_attempts": 0, "tags": [""], "x": 1}, ["/max_attempts", "/tags/0", "/x"]),
        ],
    )
    def test_each_wrong_field_has_its_pointer(
        self, http: Http, body: dict[str, Any], pointers: list[str]
    ) -> None:
        assert_problem(http.post("/tasks", body), 422, "invalid", *pointers)

    @pytest.mark.parametrize(
        ("field", "number"),
        [("delay_seconds", "1e999"), ("timeout_seconds", "1e999"), ("max_attempts", "1e999")],
    )
    def test_infinite_numbers_are_refused(self, http: Http, field: str, number: str) -> None:
        raw = f'{{"type":"test.fast","{field}":{number}}}'.encode()
        assert_problem(http.post_raw("/tasks", raw), 422, "invalid", f"/{field}")

    def test_an_infinite_number_in_a_payload_is_refused(self, http: Http) -> None:
        raw = b'{"type":"test.fast","payload":{"any":[1e999]}}'
        assert_problem(http.post_raw("/tasks", raw), 422, "invalid", "/payload")

    def test_a_payload_that_is_larger_when_serialized_is_refused(self, http: Http) -> None:
        """75 KB of 1e15 become 285 KB of 1000000000000000.0: too close to DynamoDB's 400 KB."""
        raw = b'{"type":"test.fast","payload":{"any":[' + b"1e15," * 15_000 + b"0]}}"
        assert_problem(http.post_raw("/tasks", raw), 422, "invalid", "/payload")

    def test_a_field_name_that_is_not_valid_unicode_is_refused(self, http: Http) -> None:
        assert_problem(http.post("/tasks", {**GOOD, "\ud800": 1}), 422, "invalid", "")

    def test_an_unknown_type_lists_the_known_ones(self, http: Http) -> None:
        (error,) = assert_problem(http.post("/tasks", {"type": "test.nope"}), 422, "invalid", "/type")
        assert error["message"] == "unknown task type 'test.nope'; known are test.fast, test.long"

    def test_a_short_wrong_value_is_repeated_and_a_payload_is_not(self, http: Http) -> None:
        (error,) = assert_problem(
            http.post("/tasks", {**GOOD, "max_attempts": 26}), 422, "invalid", "/max_attempts"
        )
        assert error["message"].endswith("not 26")

        answer = http.post("/tasks", {**GOOD, "payload": {"number": "s3cret"}})
        assert_problem(answer, 422, "invalid", "/payload/number")
        assert b"s3cret" not in answer.body

    def test_a_response_does_not_grow_with_the_input(self, http: Http) -> None:
        answer = http.post("/tasks", {"type": "x" * 100_000, "run_at": "y" * 100_000})
        assert_problem(answer, 422, "invalid", "/type", "/run_at")
        assert len(answer.body) < 1000


class TestBatches:
    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "/tasks"),
            ({"tasks": []}, "/tasks"),
            ({"tasks": None}, "/tasks"),
            ({"tasks": {"a": GOOD}}, "/tasks"),
            ({"tasks": [GOOD] * 101}, "/tasks"),
        ],
    )
    def test_a_batch_is_a_list_of_1_to_100(self, http: Http, body: dict[str, Any], pointer: str) -> None:
        assert_problem(http.post("/tasks/batch", body), 422, "invalid", pointer)

    def test_a_batch_has_no_other_fields(self, http: Http) -> None:
        assert_problem(http.post("/tasks/batch", {"tasks": [GOOD], "x": 1}), 422, "invalid", "/x")


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "pointers"),
        [
            *[
                (f"limit={limit}", ["/limit"])
                for limit in ("0", "101", "-1", "x", "", "1.5", "1e1", "9" * 5000)
            ],
            *[(f"status={status}", ["/status"]) for status in ("nope", "", "QUEUED", "queued%00")],
            *[(f"tag={tag}", ["/tag"]) for tag in ("", "%00", "a%0Ab", "x" * 65)],
            *[(f"type={name}", ["/type"]) for name in ("", "x" * 101)],
            ("colour=blue", ["/colour"]),
            ("limit=0&status=x&y=1", ["/status", "/limit", "/y"]),
            ("limit=1&limit=1", ["/limit"]),
            ("status=queued&limit=1&limit=2&status=failed", ["/status", "/limit"]),
            ("owner=a&owner=b", ["/owner"]),
            ("x=1&x=2", ["/x"]),
        ],
    )
    def test_each_wrong_value_has_its_pointer(self, http: Http, query: str, pointers: list[str]) -> None:
        assert_problem(http.get(f"/tasks?{query}"), 422, "invalid", *pointers)

    @pytest.mark.parametrize(
        "cursor", ["", "a", "nope", "=", "é", "\x00", "A" * 70, "A" * 5000, "../../etc/passwd", TASK_ID]
    )
    def test_text_that_is_not_a_cursor_is_refused(self, http: Http, cursor: str) -> None:
        assert_problem(http.get(f"/tasks?cursor={quote(cursor)}"), 400, "bad_cursor")

    @pytest.mark.parametrize(
        ("owner", "filters"), [("bob", {}), ("default", {"status": "failed"}), ("default", {"tag": "a"})]
    )
    def test_a_cursor_of_another_list_is_refused(
        self, http: Http, kit: Kit, owner: str, filters: dict[str, str]
    ) -> None:
        cursor = sign_cursor(kit.services.adapters.parameters.signing_keys, owner, filters, TASK_ID)
        assert_problem(http.get(f"/tasks?cursor={cursor}"), 400, "bad_cursor")

    def test_a_cursor_signed_with_another_key_is_refused(self, http: Http) -> None:
        cursor = sign_cursor([b"guessed"], "default", {}, TASK_ID)
        assert_problem(http.get(f"/tasks?cursor={cursor}"), 400, "bad_cursor")


class TestPaths:
    @pytest.mark.parametrize("task_id", ["nope", "%00", "..", TASK_ID.upper(), TASK_ID, "x" * 1000])
    @pytest.mark.parametrize(
        ("method", "action"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")]
    )
    def test_an_unknown_task_is_a_404(self, http: Http, method: str, action: str, task_id: str) -> None:
        assert_problem(http.request(method, f"/tasks/{task_id}{action}"), 404, "not_found")

    @pytest.mark.parametrize("key", ["", "k" * 256])
    def test_an_idempotency_key_of_the_wrong_length_is_refused(self, http: Http, key: str) -> None:
        assert_problem(http.post("/tasks", GOOD, idempotency_key=key), 400, "malformed")


class TestAnything:
    """No input causes a server error."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(json_values | st.dictionaries(st.sampled_from(["type", "tags", "run_at", "payload"]), json_values))
    def test_no_json_causes_a_server_error(self, http: Http, value: Any) -> None:
        for path in ("/tasks", "/tasks/batch"):
            assert 400 <= http.post(path, value).status_code < 500

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary())
    def test_no_bytes_cause_a_server_error(self, http: Http, raw: bytes) -> None:
        assert 400 <= http.post_raw("/tasks", raw).status_code < 500

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.sampled_from(["limit", "cursor", "status", "type", "tag", "x"]), st.text()))
    def test_no_query_causes_a_server_error(self, http: Http, query: dict[str, str]) -> None:
        text = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in query.items())
        assert http.get(f"/tasks?{text}").status_code < 500
