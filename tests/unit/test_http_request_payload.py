"""`http.request`: the payloads it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.task_types import TASK_TYPES


def refused(payload: dict[str, Any]) -> tuple[FieldError, ...]:
    with pytest.raises(Invalid) as refusal:
        TASK_TYPES.get("http.request").parse({"url": "https://example.com/", **payload}, "/payload")
    return refusal.value.errors


class TestPayloadsThatAreRefused:
    @pytest.mark.parametrize(
        ("payload", "pointer"),
        [
            ({"url": ""}, "/url"),
            ({"url": None}, "/url"),
            ({"url": "http://example.com/a b"}, "/url"),
            ({"url": "http://example.com/\r\nhost: x"}, "/url"),
            ({"url": "http://example.com/\x00"}, "/url"),
            ({"url": "http://example.com/\ud800"}, "/url"),
            ({"url": "http://example.com/" + "x" * 4096}, "/url"),
            ({"method": "CONNECT"}, "/method"),
            ({"method": "get"}, "/method"),
            ({"method": "GET / HTTP/1.1\r\nx: "}, "/method"),
            ({"timeout_seconds": 0}, "/timeout_seconds"),
            ({"timeout_seconds": 61}, "/timeout_seconds"),
            ({"timeout_seconds": float("nan")}, "/timeout_seconds"),
            ({"secret": "../cursor-keys"}, "/secret"),
            ({"secret": "a/b"}, "/secret"),
            ({"secret": "a\n"}, "/secret"),
            ({"body": "\ud800"}, "/body"),
            ({"redirects": 3}, "/redirects"),
            ({"headers": {"x": 1}}, "/headers/x"),
            ({"headers": {"x": "a\r\nb: c"}}, "/headers/x"),
            ({"headers": {"x": "a\nb"}}, "/headers/x"),
            ({"headers": {"x": "a\x00b"}}, "/headers/x"),
            ({"headers": {"x": "\u0100"}}, "/headers/x"),
            ({"headers": {"x": "x" * 8193}}, "/headers/x"),
            ({"headers": {"x y": "a"}}, "/headers/x y"),
            ({"headers": {"x:": "a"}}, "/headers/x:"),
            ({"headers": {"x\r\ny": "a"}}, "/headers/x\r\ny"),
            ({"headers": {"": "a"}}, "/headers/"),
            ({"headers": {"x": "a", "X": "b"}}, "/headers"),
            ({"headers": {f"x{number}": "a" for number in range(51)}}, "/headers"),
            *(
                ({"headers": {name: "a"}}, f"/headers/{name}")
                for name in (
                    *("Host", "Content-Length", "transfer-encoding", "Connection", "Upgrade", "TE", "Expect"),
                    *("Accept-Encoding", "webhook-id", "Webhook-Signature", "webhook-timestamp", "webhook-x"),
                )
            ),
        ],
    )
    def test_are_refused_with_a_pointer(self, payload: dict[str, Any], pointer: str) -> None:
        assert [error.pointer for error in refused(payload)] == ["/payload" + pointer]

    def test_are_refused_with_a_reason(self) -> None:
        (error,) = refused({"headers": {"Host": "x"}})

        assert error.message == "this header is set by the service"

    def test_do_not_include_urls_that_the_run_refuses(self) -> None:
        for url in ("ftp://example.com/", "http://10.0.0.1/", "http://localhost/"):
            TASK_TYPES.get("http.request").parse({"url": url})

    def test_have_a_schema_that_clients_can_read(self) -> None:
        schema = TASK_TYPES.get("http.request").payload_model.model_json_schema()

        assert schema["required"] == ["url"]
        assert schema["additionalProperties"] is False
