"""Celery on SQS with results in DynamoDB, in three settings. Runs in an environment of its own.

A task is done when its result is stored.
"""

from __future__ import annotations

import os
from typing import Any, Final

from celery import Celery
from celery.signals import task_postrun

from benchmarks.peers.journal import record
from benchmarks.peers.submitting import serve

_ADDRESS: Final = os.environ["BENCH_ADDRESS"]  # host:port
_ACCOUNT: Final = f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}"
_TUNED: Final = os.environ["BENCH_SETTING"] != "defaults"

# With an account in the backend's address, Celery makes its client before the fork: two processes would share
# one connection.
app = Celery("bench", broker=f"sqs://{_ACCOUNT}@{_ADDRESS}//", backend=f"dynamodb://@{_ADDRESS}/celery")
app.conf.task_default_queue = os.environ["BENCH_QUEUE"]
app.conf.broker_transport_options = {"region": os.environ["AWS_DEFAULT_REGION"]}
if _TUNED:
    app.conf.broker_transport_options["polling_interval"] = 0.02  # of 1
    app.conf.worker_prefetch_multiplier = 16  # of 4: 32 for two processes
#: Celery then stores the start of a task, as ours does.
app.conf.task_track_started = os.environ["BENCH_SETTING"] == "tracked"


@app.task(name="noop")  # type: ignore[untyped-decorator]
def noop() -> None:
    """Succeed at once."""


@task_postrun.connect  # type: ignore[untyped-decorator]
def _record_done(task_id: str, **_: Any) -> None:
    record("done", task_id)


if __name__ == "__main__":
    serve(lambda count: [noop.delay().id for _ in range(count)])
