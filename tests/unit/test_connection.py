"""Watches: parsing, and the tasks that they cover."""

from __future__ import annotations

import pytest

from chalicelib.domain.connection import Connection, Watch
from chalicelib.domain.errors import Invalid
from tests.support.examples import TASK_ID, a_task

OTHER_ID = TASK_ID[:-1] + "1"
TASK = a_task(type="demo.sleep", owner="ada")


class TestQuery:
    @pytest.mark.parametrize("text", ["none", "all", f"task:{TASK_ID}", "type:demo.sleep", "type:a:b"])
    def test_a_watch_is_read_back(self, text: str) -> None:
        assert str(Watch.parse(text)) == text

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "ALL",
            "all:",
            "all:x",
            "none:",
            "task",
            "task:",
            "task:nope",
            f"task:{TASK_ID} ",
            "type",
            "type:",
            "owner:ada",
            ":",
            "\ud800",
        ],
    )
    def test_another_watch_is_refused(self, text: str) -> None:
        with pytest.raises(Invalid) as refused:
            Watch.parse(text)
        assert refused.value.errors[0].pointer == "/watch"

    def test_an_error_repeats_the_start_of_the_watch_only(self) -> None:
        with pytest.raises(Invalid) as refused:
            Watch.parse("x" * 10_000)
        assert len(refused.value.errors[0].message) < 200


class TestCoverage:
    @pytest.mark.parametrize(
        ("watch", "covered"),
        [
            ("all", True),
            ("none", False),
            (f"task:{TASK_ID}", True),
            (f"task:{OTHER_ID}", False),
            ("type:demo.sleep", True),
            ("type:demo", False),
        ],
    )
    def test_a_watch_covers_what_it_names(self, watch: str, covered: bool) -> None:
        assert Watch.parse(watch).covers(TASK) is covered

    @pytest.mark.parametrize("watch", ["all", f"task:{TASK_ID}", "type:demo.sleep"])
    def test_nobody_sees_the_tasks_of_another_owner(self, watch: str) -> None:
        connection = Connection(
            id="c1", owner="bob", watch=Watch.parse(watch), subscriptions=frozenset({TASK_ID})
        )
        assert not connection.wants(TASK)

    @pytest.mark.parametrize(("subscription", "expected"), [(TASK_ID, True), (OTHER_ID, False)])
    def test_a_subscription_comes_on_top_of_the_watch(self, subscription: str, expected: bool) -> None:
        connection = Connection(
            id="c1", owner="ada", watch=Watch.parse("none"), subscriptions=frozenset({subscription})
        )
        assert connection.wants(TASK) is expected
