"""Jobs side by side, told as they end."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from chalicelib.services.threads import Job, Threads

PATIENCE_SECONDS = 20.0


def job(work: Callable[[], object], remaining: Callable[[], float] = lambda: PATIENCE_SECONDS) -> Job:
    return Job(lambda: work() and None, "a job", remaining)


def test_no_jobs_are_done_at_once() -> None:
    assert list(Threads().beside([])) == []


def test_jobs_that_end_together_are_told_together() -> None:
    jobs = [job(lambda: None) for _ in range(10)]
    assert list(Threads(gather_seconds=PATIENCE_SECONDS).beside(jobs)) == [list(range(10))]


def test_a_quick_job_is_told_while_a_slow_one_goes_on() -> None:
    told = Event()
    jobs = [job(lambda: told.wait(PATIENCE_SECONDS)), job(lambda: None)]
    groups = Threads().beside(jobs)
    assert next(groups) == [1]
    told.set()
    assert list(groups) == [[0]]


def test_a_job_whose_time_is_over_is_told_once_and_runs_on() -> None:
    let_go, ended = Event(), Event()

    def work() -> None:
        let_go.wait(PATIENCE_SECONDS)
        ended.set()

    left = [1.0]
    groups = Threads().beside([job(work, lambda: left[0]), job(lambda: None)])
    assert next(groups) == [1]
    left[0] = 0
    assert next(groups) == [0]
    let_go.set()
    assert ended.wait(PATIENCE_SECONDS)
    assert list(groups) == []
