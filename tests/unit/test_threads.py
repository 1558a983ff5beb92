"""Concurrent jobs, returned as they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

from chalicelib.services.threads import Job, Threads

PATIENCE_SECONDS = 20.0


def job(work: Callable[[], object], remaining: Callable[[], float] = lambda: PATIENCE_SECONDS) -> Job:
    def act() -> None:
        work()

    return Job(act, "a job", remaining)


def run(jobs: Sequence[Job], end: Callable[[], None] = lambda: None, **options: Any) -> Iterator[list[int]]:
    return Threads(**options).run(jobs, grace_seconds=5, end=end)


def test_without_jobs_nothing_is_returned() -> None:
    assert list(run([])) == []


def test_jobs_that_end_together_are_returned_together() -> None:
    jobs = [job(lambda: None) for _ in range(10)]
    assert list(run(jobs, gather_seconds=PATIENCE_SECONDS)) == [list(range(10))]


def test_a_fast_job_is_returned_while_a_slow_one_runs() -> None:
    release = Event()
    jobs = [job(lambda: release.wait(PATIENCE_SECONDS)), job(lambda: None)]
    groups = run(jobs)
    assert next(groups) == [1]
    release.set()
    assert list(groups) == [[0]]


def test_a_job_past_its_deadline_is_returned_once_and_continues() -> None:
    let_go, release = Event(), Event()

    def work() -> None:
        let_go.wait(PATIENCE_SECONDS)
        release.set()

    left = [1.0]
    groups = run([job(work, lambda: left[0]), job(lambda: None)])
    assert next(groups) == [1]
    left[0] = 0
    assert next(groups) == [0]
    let_go.set()
    assert release.wait(PATIENCE_SECONDS)
    assert list(groups) == []


def test_a_job_far_past_its_deadline_ends_the_process_during_other_work() -> None:
    """Only this check sees the time of jobs during other work."""
    let_go, release = Event(), Event()
    left = [PATIENCE_SECONDS]
    slow = job(lambda: let_go.wait(PATIENCE_SECONDS), lambda: left[0])
    groups = run([slow, job(lambda: None)], release.set)
    assert next(groups) == [1]
    left[0] = -5
    assert release.wait(PATIENCE_SECONDS)
    let_go.set()
    assert list(groups) == [[0]]
