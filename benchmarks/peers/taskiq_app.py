"""taskiq on SQS by taskiq-aio-sqs, which stores nothing of a task. Runs in an environment of its own.

A task is done when its function has returned.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from taskiq import TaskiqMiddleware
from taskiq_aio_sqs import SQSBroker

from benchmarks.peers.journal import record
from benchmarks.peers.submitting import serve


class _Recording(TaskiqMiddleware):  # type: ignore[misc]
    def post_execute(self, message: Any, _result: Any) -> None:
        record("done", message.task_id)


broker = SQSBroker(
    os.environ["BENCH_QUEUE"],
    endpoint_url=f"http://{os.environ['BENCH_ADDRESS']}",
    region_name=os.environ["AWS_DEFAULT_REGION"],
    aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
    aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    max_number_of_messages=10,  # of 1
).with_middlewares(_Recording())


@broker.task(task_name="noop")  # type: ignore[untyped-decorator]
async def noop() -> None:
    """Succeed at once."""


def main() -> None:
    """Submit tasks as standard input requests them."""
    with asyncio.Runner() as loop:
        loop.run(broker.startup())
        serve(lambda count: [loop.run(noop.kiq()).task_id for _ in range(count)])
        loop.run(broker.shutdown())


if __name__ == "__main__":
    main()
