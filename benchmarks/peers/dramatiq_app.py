"""Dramatiq on SQS, which stores nothing of a task. Runs in an environment of its own.

A task is done when its function has returned.
"""

from __future__ import annotations

import os
from typing import Any

import dramatiq
from dramatiq_sqs import SQSBroker

from benchmarks.peers.journal import record
from benchmarks.peers.submitting import serve


class _Recording(dramatiq.Middleware):  # type: ignore[misc]
    def after_process_message(self, _broker: Any, message: Any, **_: Any) -> None:
        record("done", message.message_id)


broker = SQSBroker(endpoint_url=f"http://{os.environ['BENCH_ADDRESS']}")
broker.add_middleware(_Recording())
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name="noop", queue_name=os.environ["BENCH_QUEUE"])  # type: ignore[untyped-decorator]
def noop() -> None:
    """Succeed at once."""


if __name__ == "__main__":
    serve(lambda count: [noop.send().message_id for _ in range(count)])
