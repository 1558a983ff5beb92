"""GET /tasks: all pages together list every task once, and the cost depends on the page size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.aws.dynamodb.task_list import EXAMINED_WITH_FILTERS
from chalicelib.bootstrap.services import Services
from chalicelib.domain.ids import new_task_id
from chalicelib.domain.task import Task, TaskStatus
from testing.kit import Kit
from tests.functional.conftest import Http
from tests.support.aws_wire import Wire
from tests.support.examples import NOW, a_task

BUCKETS = 4


@pytest.fixture(scope="module")
def kit() -> Iterator[Kit]:
    """One kit for the module, because every test has its own owner."""
    with Kit() as kit:
        bootstrap.install(kit.services)
        yield kit


@pytest.fixture(scope="module")
def owners() -> Iterator[str]:
    return (f"owner-{number}" for number in count())


def id_of(milliseconds: int, random_bits: int) -> str:
    """The id of a task that was created `milliseconds` after NOW."""
    return new_task_id(NOW + timedelta(milliseconds=milliseconds), random_bits, BUCKETS)


def store(kit: Kit, owner: str, tasks: list[Task]) -> list[str]:
    """Store rows and return their ids, newest first."""
    kit.services.adapters.task_table.create_many([replace(task, owner=owner) for task in tasks])
    return sorted((task.id for task in tasks), reverse=True)


def some_tasks(number: int, **fields: Any) -> list[Task]:
    """Tasks created one millisecond apart, in different buckets."""
    return [a_task(id=id_of(n, n * 2654435761 % 2**74), **fields) for n in range(number)]


def walk(kit: Kit, owner: str, limit: int, filters: Mapping[str, str] | None = None) -> list[list[str]]:
    """The ids of every page of a list."""
    pages: list[list[str]] = []
    before: str | None = None
    while True:
        page = kit.services.adapters.task_list.newest(
            owner, before=before, limit=limit, filters=filters or {}
        )
        pages.append([task.id for task in page.tasks])
        if page.position is None:
            return pages
        assert before is None or page.position < before, "each page goes on further down"
        before = page.position


class TestCompleteness:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        # Of one moment or of many, in one bucket or in all.
        statuses=st.dictionaries(
            st.builds(id_of, st.integers(0, 20), st.integers(0, 2**16)),
            st.sampled_from([TaskStatus.QUEUED, TaskStatus.FAILED]),
            max_size=30,
        ),
        limit=st.integers(1, 12),
        filtered=st.booleans(),
    )
    def test_every_task_is_listed_once_in_order(
        self, kit: Kit, owners: Iterator[str], statuses: dict[str, TaskStatus], limit: int, filtered: bool
    ) -> None:
        owner = next(owners)
        store(kit, owner, [a_task(status, id=task_id) for task_id, status in statuses.items()])
        filters = {"status": "failed"} if filtered else {}
        expected = [task_id for task_id, status in statuses.items() if status == "failed" or not filtered]

        pages = walk(kit, owner, limit, filters)
        assert [task_id for page in pages for task_id in page] == sorted(expected, reverse=True)
        assert all(len(page) <= limit for page in pages)

    @pytest.mark.parametrize("limit", [5, 25, 100])
    def test_a_list_without_filters_has_full_pages(self, kit: Kit, owners: Iterator[str], limit: int) -> None:
        """Ids are distributed randomly, so reading twice a bucket's share nearly always fills a page."""
        owner = next(owners)
        ids = store(kit, owner, some_tasks(60))
        pages = walk(kit, owner, limit)
        assert [task_id for page in pages for task_id in page] == ids
        assert len(pages) <= 60 / limit + 2

    def test_all_tasks_of_one_bucket_are_listed(self, kit: Kit, owners: Iterator[str]) -> None:
        owner = next(owners)
        ids = store(
            kit,
            owner,
            [a_task(id=id_of(n, 0)) for n in range(40)],
        )
        assert [task_id for page in walk(kit, owner, 10) for task_id in page] == ids

    def test_a_task_created_between_two_pages_moves_no_other(self, kit: Kit, owners: Iterator[str]) -> None:
        owner = next(owners)
        ids = store(kit, owner, some_tasks(20))
        first = kit.services.adapters.task_list.newest(owner, before=None, limit=8, filters={})
        newer = a_task(id=id_of(1000, 1))
        store(kit, owner, [newer])
        rest = kit.services.adapters.task_list.newest(owner, before=first.position, limit=100, filters={})
        assert [task.id for task in [*first.tasks, *rest.tasks]] == ids

    def test_buckets_can_grow_without_moving_a_task(self, kit: Kit, owners: Iterator[str]) -> None:
        owner = next(owners)
        old = some_tasks(10)
        new = [
            a_task(id=new_task_id(NOW + timedelta(seconds=n), n * 2654435761 % 2**74, 16))
            for n in range(1, 11)
        ]
        ids = store(kit, owner, [*old, *new])
        grown = Services(
            replace(kit.settings, task_buckets=16), clients=kit.services.adapters.clients
        ).adapters.task_list
        page = grown.newest(owner, before=None, limit=100, filters={})
        assert [task.id for task in page.tasks] == ids


class TestCost:
    def test_a_page_is_one_request_a_bucket_whatever_the_table_holds(
        self, kit: Kit, owners: Iterator[str]
    ) -> None:
        owner = next(owners)
        store(kit, owner, some_tasks(110))
        wire = Wire(kit.services)
        for limit in (1, 25, 100):
            wire.forget()
            kit.services.adapters.task_list.newest(owner, before=None, limit=limit, filters={})
            queries = wire.sent("Query")
            assert len(queries) == BUCKETS
            assert sum(query["Limit"] for query in queries) <= 2 * limit + 2 * BUCKETS

    def test_a_filter_without_matches_examines_a_bounded_number_of_rows(
        self, kit: Kit, owners: Iterator[str]
    ) -> None:
        """The page is empty, but its cursor is not null: only a null cursor ends the list."""
        owner = next(owners)
        store(kit, owner, some_tasks(420))
        wire = Wire(kit.services)
        page = kit.services.adapters.task_list.newest(owner, before=None, limit=25, filters={"type": "nope"})
        assert page.tasks == []
        assert page.position is not None
        assert sum(query["Limit"] for query in wire.sent("Query")) <= EXAMINED_WITH_FILTERS + 2 * BUCKETS
        assert walk(kit, owner, 25, {"type": "nope"})[-1] == []


class TestOverHttp:
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def tasks(cls, kit: Kit) -> list[str]:
        """Twelve tasks of two types: every third is failed, every fourth is tagged."""
        tasks = some_tasks(12)
        for n, task in enumerate(tasks):
            tasks[n] = replace(
                task,
                status=TaskStatus.FAILED if n % 3 == 0 else TaskStatus.QUEUED,
                tags=("red", "é") if n % 4 == 0 else (),
                type="demo.fail" if n % 2 else "demo.sleep",
            )
        store(kit, "bob", some_tasks(3))
        return store(kit, "default", tasks)

    @staticmethod
    def get(http: Http, **query: Any) -> dict[str, Any]:
        answer = http.get(f"/tasks?{urlencode(query)}" if query else "/tasks")
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json_body
        return body

    def test_the_callers_tasks_are_listed_newest_first(self, http: Http, tasks: list[str]) -> None:
        body = self.get(http)
        assert [task["id"] for task in body["tasks"]] == tasks
        assert body["next_cursor"] is None

    def test_an_item_has_no_payload_result_or_attempts(self, http: Http) -> None:
        item = self.get(http, limit=1)["tasks"][0]
        whole = http.get(f"/tasks/{item['id']}").json_body
        assert whole.keys() - item.keys() == {"payload", "result", "attempts"}
        assert {name: whole[name] for name in item} == item

    @pytest.mark.parametrize("limit", [5, 12, 100])
    def test_cursors_lead_through_all_pages(self, http: Http, tasks: list[str], limit: int) -> None:
        listed: list[str] = []
        query: dict[str, Any] = {"limit": limit}
        while True:
            body = self.get(http, **query)
            listed += [task["id"] for task in body["tasks"]]
            if body["next_cursor"] is None:
                break
            query["cursor"] = body["next_cursor"]
        assert listed == tasks

    @pytest.mark.parametrize(
        ("filters", "numbers"),
        [
            ({"status": "failed"}, {0, 3, 6, 9}),
            ({"status": "expired"}, set()),
            ({"type": "demo.fail"}, {1, 3, 5, 7, 9, 11}),
            ({"tag": "red"}, {0, 4, 8}),
            ({"tag": "é"}, {0, 4, 8}),
            ({"tag": "re"}, set()),
            ({"status": "failed", "type": "demo.fail"}, {3, 9}),
            ({"status": "failed", "type": "demo.sleep", "tag": "red"}, {0}),
        ],
    )
    @pytest.mark.parametrize("limit", [4, 25])
    def test_a_task_must_match_all_filters(
        self, http: Http, tasks: list[str], filters: dict[str, str], numbers: set[int], limit: int
    ) -> None:
        oldest_first = tasks[::-1]
        listed: list[str] = []
        query: dict[str, Any] = {**filters, "limit": limit}
        while True:
            body = self.get(http, **query)
            listed += [task["id"] for task in body["tasks"]]
            if body["next_cursor"] is None:
                break
            query["cursor"] = body["next_cursor"]
        assert listed == [oldest_first[n] for n in sorted(numbers, reverse=True)]

    def test_a_cursor_is_valid_for_its_filters_only(self, http: Http) -> None:
        cursor = self.get(http, status="failed", limit=1)["next_cursor"]
        assert http.get(f"/tasks?status=failed&limit=9&cursor={cursor}").status_code == 200
        for other in ("", "status=queued", "status=failed&type=demo.fail", "tag=red"):
            answer = http.get(f"/tasks?{other}&cursor={cursor}")
            assert (answer.status_code, answer.json_body["code"]) == (400, "bad_cursor")
