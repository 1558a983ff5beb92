"""`http.request`: the request that it sends, and the result of the response."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from chalicelib.domain.outcomes import NonRetryable, Rejected, RetryAfter
from chalicelib.fetching import FetchError, Response, expect_success
from chalicelib.task_types.http_request import HttpRequest, HttpResult, http_request, signature
from tests.support.http_server import Answer, HttpServer
from tests.support.recording_context import RecordingContext

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _the_local_server_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


def run(server: HttpServer, context: RecordingContext | None = None, **payload: Any) -> HttpResult:
    request = HttpRequest.model_validate({"url": server.url("/hook"), **payload})
    return http_request(request, context or RecordingContext())


class TestWhatIsSent:
    def test_is_a_plain_get_by_default_with_the_tasks_id(self, server: HttpServer) -> None:
        run(server)

        (request,) = server.requests
        assert (request.method, request.path, request.body) == ("GET", "/hook", b"")
        assert request.headers["webhook-id"] == "task-1"
        assert request.headers["user-agent"] == "task-service/1"
        assert "webhook-signature" not in request.headers
        assert "content-type" not in request.headers

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    def test_has_the_method_of_the_payload(self, server: HttpServer, method: str) -> None:
        run(server, method=method)

        assert server.requests[0].method == method

    @pytest.mark.parametrize(
        ("body", "sent", "content_type"),
        [
            ({"a": ["ü", 1.5, None]}, '{"a":["ü",1.5,null]}'.encode(), "application/json"),
            ([], b"[]", "application/json"),
            (0, b"0", "application/json"),
            (False, b"false", "application/json"),
            ({"half": "\ud800"}, b'{"half":"\\ud800"}', "application/json"),
            ("tëxt", "tëxt".encode(), "text/plain; charset=utf-8"),
            ("", b"", "text/plain; charset=utf-8"),
        ],
    )
    def test_has_text_unchanged_and_other_bodies_as_json(
        self, server: HttpServer, body: Any, sent: bytes, content_type: str
    ) -> None:
        run(server, method="POST", body=body)

        assert server.requests[0].body == sent
        assert server.requests[0].headers["content-type"] == content_type

    def test_has_the_headers_of_the_payload(self, server: HttpServer) -> None:
        headers = {
            "Content-Type": "application/cloudevents+json",
            "User-Agent": "mine",
            "X-Latin": "na\u00efve",
        }
        run(server, method="POST", body={}, headers=headers)

        sent = server.requests[0].headers
        assert sent["content-type"] == "application/cloudevents+json"
        assert sent["user-agent"] == "mine"
        assert sent["x-latin"] == "na\u00efve"

    def test_is_signed_with_the_secret_that_is_named(self, server: HttpServer) -> None:
        key = b"a key of some length"
        secret = "whsec_" + base64.b64encode(key).decode()
        context = RecordingContext(secrets={("hooks", "127.0.0.1"): secret})
        run(server, context, method="POST", body={"a": 1}, secret="hooks")

        sent = server.requests[0].headers
        assert abs(int(sent["webhook-timestamp"]) - time.time()) < 60
        signed = f"task-1.{sent['webhook-timestamp']}.".encode() + server.requests[0].body
        digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert sent["webhook-signature"] == f"v1,{digest}"

    def test_is_nothing_if_the_secret_is_not_for_this_host(self, server: HttpServer) -> None:
        context = RecordingContext(secrets={("hooks", "example.com"): "whsec_YQ=="})

        with pytest.raises(Rejected):
            run(server, context, secret="hooks")
        assert server.requests == []

    def test_is_nothing_if_the_address_is_not_public(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "")
        with HttpServer() as server:
            with pytest.raises(Rejected):
                run(server)
            assert server.requests == []


class TestSignatures:
    def test_match_the_standards_example(self) -> None:
        headers = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )

        assert headers == {
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }

    @pytest.mark.parametrize("secret", ["", "whsec_", "MfKQ9r8GKYqrTwjU", "whsec_not base64", "whsec_YQ"])
    def test_need_a_secret_in_the_standards_form(self, secret: str) -> None:
        with pytest.raises(Rejected, match='"whsec_" followed by base64') as refusal:
            signature(secret, "id", 0, b"")
        assert not secret or secret == "whsec_" or secret not in str(refusal.value)


class TestTheResult:
    def test_is_status_headers_and_body(self, server: HttpServer) -> None:
        server.answer_with(
            Answer(201, "naïve".encode("latin-1"), {"Content-Type": "text/plain; charset=latin-1"})
        )

        result = run(server)

        assert (result["status"], result["body"], result["truncated"]) == (201, "naïve", False)
        assert result["headers"]["content-type"] == "text/plain; charset=latin-1"
        json.dumps(result, allow_nan=False)

    @pytest.mark.parametrize(
        ("sent", "kept", "truncated"),
        [
            (b"x" * 65_536, 65_536, False),
            (b"x" * 65_537, 65_536, True),
            ("é".encode() * 40_000, 32_768, True),
            (b"x" + "é".encode() * 40_000, 32_768, True),
            (b"\xff" * 65_536, 21_845, True),
        ],
    )
    def test_has_at_most_64_kb_of_the_body(
        self, server: HttpServer, sent: bytes, kept: int, truncated: bool
    ) -> None:
        server.answer_with(Answer(200, sent))

        result = run(server)

        assert (len(result["body"]), result["truncated"]) == (kept, truncated)
        assert len(result["body"].encode()) <= 65_536

    def test_fits_its_row_even_with_a_binary_body(self, server: HttpServer) -> None:
        server.answer_with(Answer(200, b"\x00\x01\x02\x1b" * 16_384))

        assert len(json.dumps(run(server), ensure_ascii=False).encode()) < 256 * 1024

    def test_has_an_unrequested_compressed_body_unchanged(self, server: HttpServer) -> None:
        server.answer_with(Answer(200, b"\x1f\x8b\x08", {"content-encoding": "gzip"}))

        result = run(server)

        assert result["headers"]["content-encoding"] == "gzip"
        assert result["body"] == "\ufffd\ufffd\ufffd"

    def test_of_a_204_is_empty(self, server: HttpServer) -> None:
        server.answer_with(Answer(204))

        assert run(server)["body"] == ""

    def test_of_a_followed_redirect_has_the_final_url(self, server: HttpServer) -> None:
        server.answer_with(Answer(302, headers={"location": "/there"}), Answer(200, b"there"))

        assert run(server, follow_redirects=True)["body"] == "there"


class TestUnsuccessfulResponses:
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 599])
    def test_are_retried_if_they_are_temporary(self, server: HttpServer, status: int) -> None:
        server.answer_with(Answer(status, b"busy"))

        with pytest.raises(FetchError, match=f"^answered {status}: busy$"):
            run(server)

    @pytest.mark.parametrize("status", [301, 302, 304, 307, 400, 401, 403, 404, 409, 410, 422])
    def test_fail_the_task_for_good_if_they_are_permanent(self, server: HttpServer, status: int) -> None:
        server.answer_with(Answer(status))

        with pytest.raises(NonRetryable, match=f"^answered {status}$") as raised:
            run(server)
        assert not isinstance(raised.value, Rejected)

    def test_are_reported_with_the_start_of_the_body(self, server: HttpServer) -> None:
        server.answer_with(Answer(404, b"no\r\n  such " + b"x" * 1000))

        with pytest.raises(NonRetryable) as raised:
            run(server)
        assert str(raised.value) == "answered 404: no such " + "x" * 192

    def test_are_retried_at_the_requested_time(self, server: HttpServer) -> None:
        server.answer_with(Answer(503, headers={"retry-after": "7"}))

        with pytest.raises(RetryAfter, match="answered 503") as raised:
            run(server)
        assert raised.value.seconds == 7

    @pytest.mark.parametrize(
        ("retry_after", "seconds"),
        [
            ("0", 0),
            ("120", 120),
            (" 120 ", 120),
            ("3600", 3600),
            ("3601", 3600),
            ("9999999999", 3600),
            (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
            (format_datetime(NOW + timedelta(days=90), usegmt=True), 3600),
            (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
            ("Sunday, 01-Mar-26 12:01:00 GMT", 60),
            ("Sun, 01 Mar 2026 13:01:00 +0100", 60),
            ("Sun, 01 Mar 2026 12:01:00 -0000", 60),
            *(
                (text, None)
                for text in (
                    "",
                    "soon",
                    "-5",
                    "1.5",
                    "99999999999",
                    "\u0661",
                    "Sun, 99 Mar 2026 12:00:00 GMT",
                )
            ),
        ],
    )
    def test_may_name_the_time_as_a_number_or_a_date(self, retry_after: str, seconds: float | None) -> None:
        response = Response(status=429, headers={"retry-after": retry_after}, body=b"", truncated=False)

        with pytest.raises(FetchError if seconds is None else RetryAfter) as raised:
            expect_success(response, NOW)
        assert getattr(raised.value, "seconds", None) == seconds

    def test_are_retried_if_no_response_came(self) -> None:
        with HttpServer() as server:
            url = server.url("/secret?token=secret")

        with pytest.raises(FetchError, match=r"^127\.0\.0\.1:\d+ cannot be reached: Connection refused$"):
            http_request(HttpRequest(url=url), RecordingContext())

    def test_are_received_before_the_tasks_timeout(self, server: HttpServer) -> None:
        with pytest.raises(FetchError, match=r"did not answer within 0 s$"):
            run(server, RecordingContext(seconds=0.5))
