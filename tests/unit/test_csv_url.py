"""`csv.profile` of a URL: fetching in any encoding, and refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.domain.outcomes import Cancel, NonRetryable, Rejected
from chalicelib.fetching import FetchError
from chalicelib.task_types.csv_profile import CsvProfile, Profile, csv_profile
from tests.support.http_server import Answer, HttpServer, RawServer, raw
from tests.support.recording_context import RecordingContext


class TestAUrl:
    @pytest.fixture(autouse=True)
    def _the_local_server_is_allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "127.0.0.1")

    @pytest.fixture
    def server(self) -> Iterator[HttpServer]:
        with HttpServer() as server:
            yield server

    def profile(self, server: HttpServer) -> Profile:
        result = csv_profile(CsvProfile(url=server.url("/x.csv")), RecordingContext())
        assert not isinstance(result, Cancel)
        return result

    def test_is_fetched_and_redirects_are_followed(self, server: HttpServer) -> None:
        server.answer_with(Answer(302, headers={"location": "/moved.csv"}), Answer(200, b"a,b\n1,2\n"))

        assert self.profile(server)["rows"] == 1
        assert server.requests[1].path == "/moved.csv"

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            ("a,b\nü,2\n".encode(), "text/csv"),
            ("a,b\nü,2\n".encode("utf-8-sig"), "text/csv; charset=latin-1"),
            ("a,b\nü,2\n".encode("latin-1"), "text/csv; charset=ISO-8859-1"),
            ("a,b\nü,2\n".encode("cp1252"), "text/csv;charset=windows-1252"),
            ("a,b\nü,2\n".encode("utf-16"), "application/octet-stream"),
            ("a,b\nü,2\n".encode("utf-16le"), "text/csv; charset=utf-16le"),
            ("a,b\nü,2\n".encode("utf-32"), ""),
        ],
    )
    def test_may_be_in_any_encoding_that_it_declares(
        self, server: HttpServer, body: bytes, content_type: str
    ) -> None:
        server.answer_with(Answer(200, body, {"content-type": content_type}))

        first, second = self.profile(server)["columns"]
        assert (first["name"], first["min"], second["max"]) == ("a", "ü", 2)

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (Answer(200, b"a,b\n\n1,\xff\n"), "line 3 is not valid utf-8"),
            (Answer(200, b"a\n" * 9000 + b"\xff"), "line 9001 is not valid utf-8"),
            (Answer(200, b"PK\x03\x04\x00\x00"), "line 1 contains a NUL character, so this is not a CSV"),
            (
                Answer(200, b"a", {"content-type": "text/csv; charset=martian"}),
                "the charset in the response's",
            ),
            (Answer(200, b"a", {"content-encoding": "gzip"}), r"the response is compressed \(gzip\)"),
            (Answer(200, b"a\n" + b"1\n" * 5_000_000), "the CSV has more than 10000000 bytes"),
            (Answer(200), "line 1: the CSV is empty"),
        ],
    )
    def test_that_is_not_a_csv_is_refused(self, server: HttpServer, answer: Answer, message: str) -> None:
        server.answer_with(answer)

        with pytest.raises(Rejected, match=f"^{message}"):
            self.profile(server)

    def test_that_does_not_exist_fails_the_task_for_good(self, server: HttpServer) -> None:
        server.answer_with(Answer(404, b"no such file"))

        with pytest.raises(NonRetryable, match="answered 404: no such file"):
            self.profile(server)

    def test_that_is_busy_is_retried(self, server: HttpServer) -> None:
        server.answer_with(Answer(503))

        with pytest.raises(FetchError, match="answered 503"):
            self.profile(server)

    def test_that_ends_early_is_retried(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\na,b\n1,2\n"
        with RawServer(raw(answer)) as server, pytest.raises(FetchError, match="in the middle of its answer"):
            csv_profile(CsvProfile(url=server.url()), RecordingContext())

    def test_that_leads_to_a_private_address_is_refused(
        self, server: HttpServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "")

        with pytest.raises(Rejected, match="not public"):
            self.profile(server)
