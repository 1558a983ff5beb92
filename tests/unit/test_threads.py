"""Jobs side by side, told as they end."""

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


def test_no_jobs_are_done_at_once() -> None:
    assert list(run([])) == []


def test_jobs_that_end_together_are_told_together() -> None:
    jobs = [job(lambda: None) for _ in range(10)]
    assert list(run(jobs, gather_seconds=PATIENCE_SECONDS)) == [list(range(10))]


def test_a_quick_job_is_told_while_a_slow_one_goes_on() -> None:
    told = Event()
    jobs = [job(lambda: told.wait(PATIENCE_SECONDS)), job(lambda: None)]
    groups = run(jobs)
    assert next(groups) == [1]
    told.set()
    assert list(groups) == [[0]]


def test_a_job_whose_time_is_over_is_told_once_and_runs_on() -> None:
    let_go, ended = Event(), Event()

    def work() -> None:
        let_go.wait(PATIENCE_SECONDS)
        ended.set()

    left = [1.0]
    groups = run([job(work, lambda: left[0]), job(lambda: None)])
    assert next(groups) == [1]
    left[0] = 0
    assert next(groups) == [0]
    let_go.set()
    assert ended.wait(PATIENCE_SECONDS)
    assert list(groups) == []


def test_a_job_far_past_its_time_is_the_end_while_somebody_deals_with_another() -> None:
    """Nobody looks at the time of jobs meanwhile, but for this."""
    let_go, ended = Event(), Event()
    left = [PATIENCE_SECONDS]
    slow = job(lambda: let_go.wait(PATIENCE_SECONDS), lambda: left[0])
    groups = run([slow, job(lambda: None)], ended.set)
    assert next(groups) == [1]
    left[0] = -5
    assert ended.wait(PATIENCE_SECONDS)
    let_go.set()
    assert list(groups) == [[0]]
