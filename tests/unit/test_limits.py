"""The limits of one owner: a rate with a burst, open tasks, and connections."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from chalicelib.aws.dynamodb.limit_table import LimitTable, Usage
from chalicelib.domain.errors import TooMany
from chalicelib.services.limits import Limits, Quota
from testing.kit import Clock, Kit
from tests.support.aws_wire import Wire
from tests.support.examples import NOW

PATIENCE = 20  # seconds; nothing here takes as long unless it is broken


@pytest.fixture(scope="module")
def kit() -> Iterator[Kit]:
    with Kit() as kit:
        yield kit


class Table(LimitTable):
    """A limit table for each test."""

    def __init__(self, kit: Kit, name: str) -> None:
        super().__init__(kit.services.adapters.clients.dynamodb, kit.settings.resource("rollups"))
        self._name = name
        self.kit = kit

    def take(self, owner: str, *of_what: Any, in_use: bool = False) -> tuple[bool, Usage]:
        return super().take(f"{self._name}/{owner}", *of_what, in_use=in_use)

    def open_tasks(self, owner: str, count: int) -> None:
        """Count `count` more open tasks, as the stream handler does."""
        self.kit.services.adapters.rollup_table.add_open(
            f"{self._name}/{owner}", count, f"{self._name}-{count}"
        )


@pytest.fixture
def table(kit: Kit, request: pytest.FixtureRequest) -> Table:
    return Table(kit, request.node.nodeid)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def limits(table: Table, clock: Clock, **quota: Any) -> Limits:
    chosen = {"posts_per_second": 2.0, "post_burst": 10, "open_tasks": 1000, "connections": 3, **quota}
    return Limits(table, Quota(**chosen), clock)


def granted(service: Limits, tries: int, owner: str = "ada", tasks: int = 1) -> int:
    """The number of granted posts out of `tries`."""
    count = 0
    for _ in range(tries):
        with suppress(TooMany):
            service.spend(owner, tasks)
            count += 1
    return count


class TestTheRate:
    def test_a_burst_is_granted_and_no_more(self, table: Table, clock: Clock) -> None:
        assert granted(limits(table, clock), 30) == 10

    def test_tokens_come_back_with_time(self, table: Table, clock: Clock) -> None:
        service = limits(table, clock)
        granted(service, 30)
        clock.advance(1.5)
        assert granted(service, 30) == 3
        clock.advance(3600)
        assert granted(service, 30) == 10

    def test_a_refusal_has_the_time_at_which_a_retry_is_granted(self, table: Table, clock: Clock) -> None:
        service = limits(table, clock)
        granted(service, 10)
        with pytest.raises(TooMany) as refused:
            service.spend("ada", 4)
        assert refused.value.retry_after_seconds == pytest.approx(2)
        assert (refused.value.limit, refused.value.quota) == ("posts", 10)
        clock.advance(refused.value.retry_after_seconds - 0.01)
        assert granted(service, 1, tasks=4) == 0
        clock.advance(0.01)
        assert granted(service, 1, tasks=4) == 1

    def test_a_batch_counts_each_of_its_tasks(self, table: Table, clock: Clock) -> None:
        service = limits(table, clock)
        assert granted(service, 3, tasks=4) == 2
        assert granted(service, 3) == 2

    def test_a_batch_over_the_burst_is_granted_by_a_full_bucket_and_counted(
        self, table: Table, clock: Clock
    ) -> None:
        service = limits(table, clock)
        assert granted(service, 2, tasks=20) == 1
        clock.advance(9.9)
        assert granted(service, 1, tasks=20) == 0
        clock.advance(0.1)
        assert granted(service, 1, tasks=20) == 1

    def test_owners_have_separate_limits(self, table: Table, clock: Clock) -> None:
        service = limits(table, clock)
        granted(service, 30)
        assert granted(service, 30, owner="bob") == 10

    def test_containers_share_the_limits(self, table: Table, clock: Clock) -> None:
        containers = [limits(table, clock) for _ in range(4)]
        assert sum(granted(container, 10) for container in containers) == 10

    def test_containers_share_the_limits_of_concurrent_posts(self, table: Table, clock: Clock) -> None:
        containers = [limits(table, clock, post_burst=40) for _ in range(8)]
        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(lambda container: granted(container, 10), containers)) == 40

    def test_no_thread_waits_for_the_request_of_another(
        self, kit: Kit, table: Table, clock: Clock, request: pytest.FixtureRequest
    ) -> None:
        together = Barrier(2)

        class Meeting(Table):
            def take(self, owner: str, *of_what: Any, in_use: bool = False) -> tuple[bool, Usage]:
                together.wait(PATIENCE)
                return super().take(owner, *of_what, in_use=in_use)

        quota = {"posts_per_second": 100, "post_burst": 60}
        service = limits(Meeting(kit, request.node.nodeid), clock, **quota)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda _: service.spend("ada", 1), range(2)))
        together.abort()  # threads that wait from here on fail
        assert granted(service, 4) == 4, "what both took is there for both"
        assert granted(limits(table, clock, **quota), 80) == 54

    def test_the_defaults_grant_a_thousand_at_once(self, kit: Kit, table: Table, clock: Clock) -> None:
        chosen = kit.settings
        service = limits(
            table,
            clock,
            posts_per_second=chosen.posts_per_second,
            post_burst=chosen.post_burst,
            open_tasks=chosen.open_tasks,
        )
        assert granted(service, 12, tasks=100) == 10
        clock.advance(1)
        assert granted(service, 3, tasks=100) == 2

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @seed(20261124)
    @given(st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 12)), max_size=25))
    def test_never_more_than_burst_and_rate_allow(self, table: Table, steps: list[tuple[int, int]]) -> None:
        """For any posts of two containers at any times, no window gets more."""
        clock = Clock(NOW)
        owner = f"owner-{hash(tuple(steps))}"
        containers = [limits(table, clock, post_burst=12), limits(table, clock, post_burst=12)]
        let_through = 0
        for number, (wait, tasks) in enumerate(steps):
            clock.advance(wait / 1000)
            let_through += tasks * granted(containers[number % 2], 1, owner, tasks)
            elapsed = (clock() - NOW).total_seconds()
            assert let_through <= 12 + 2 * elapsed


class TestABucketInUse:
    """A caller that assumes this takes the remaining tokens first, with the same result."""

    def test_taking_from_it_needs_one_request(self, table: Table, clock: Clock) -> None:
        second, depth = timedelta(seconds=1), timedelta(seconds=10)
        assert table.take("ada", clock(), second, depth)[0]
        wire = Wire(table.kit.services)
        assert table.take("ada", clock(), second, depth, in_use=True)[1].full_at == clock() + 2 * second
        assert wire.counts() == {"UpdateItem": 1}
        assert not table.take("ada", clock(), depth, depth, in_use=True)[0]
        assert wire.counts() == {"UpdateItem": 2}

    @pytest.mark.parametrize("known", [False, True])
    def test_a_full_bucket_grants_no_more_than_it_holds(
        self, table: Table, clock: Clock, known: bool
    ) -> None:
        second, depth = timedelta(seconds=1), timedelta(seconds=10)
        if known:
            table.take("ada", clock(), second, depth)
            clock.advance(3600)
        taken, usage = table.take("ada", clock(), second, depth, in_use=True)
        assert (taken, usage.full_at) == (True, clock() + second)


class TestPrefetching:
    """A container takes several tokens by one write and spends them locally for a second."""

    def test_many_posts_cost_few_writes(self, kit: Kit, table: Table, clock: Clock) -> None:
        service = limits(table, clock, posts_per_second=200, post_burst=1000)
        wire = Wire(kit.services)
        assert granted(service, 100) == 100
        assert wire.counts()["UpdateItem"] <= 2 * 100 / 10

    def test_unspent_tokens_expire_after_a_second(self, kit: Kit, table: Table, clock: Clock) -> None:
        service = limits(table, clock, posts_per_second=200, post_burst=1000)
        granted(service, 1)
        wire = Wire(kit.services)
        granted(service, 1)
        assert wire.counts() == {}
        clock.advance(1)
        granted(service, 1)
        assert wire.counts()["UpdateItem"] >= 1


class TestOpenTasks:
    def test_as_many_may_be_open_as_settings_say(self, table: Table, clock: Clock) -> None:
        service = limits(table, clock, open_tasks=5)
        table.open_tasks("ada", 3)
        assert granted(service, 4) == 2

    def test_posts_that_the_stream_handler_has_not_counted_yet_count(
        self, table: Table, clock: Clock
    ) -> None:
        service = limits(table, clock, open_tasks=5)
        assert granted(service, 10) == 5
        clock.advance(0.9)
        assert granted(service, 10) == 0

    def test_a_refusal_costs_nothing(self, table: Table, clock: Clock) -> None:
        service = limits(table, clock, open_tasks=5)
        with pytest.raises(TooMany) as refused:
            service.spend("ada", 6)
        assert (refused.value.limit, refused.value.quota) == ("open-tasks", 5)
        assert granted(service, 10) == 5

    def test_finished_tasks_stop_counting_within_a_second(self, table: Table, clock: Clock) -> None:
        service = limits(table, clock, open_tasks=5)
        table.open_tasks("ada", 5)
        assert granted(service, 1) == 0
        table.open_tasks("ada", -2)
        clock.advance(1)
        assert granted(service, 5) == 2


class TestConnections:
    @pytest.mark.parametrize(("open_now", "good"), [(0, True), (2, True), (3, False), (50, False)])
    def test_as_many_may_be_open_as_settings_say(
        self, table: Table, clock: Clock, open_now: int, good: bool
    ) -> None:
        service = limits(table, clock)
        if good:
            service.connect(open_now)
        else:
            with pytest.raises(TooMany) as refused:
                service.connect(open_now)
            assert refused.value.limit == "connections"
