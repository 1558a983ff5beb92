"""CPU of warm handlers, in multiples of one `put_item` by boto3's client: `python -m benchmarks.cpu`.

Only this process's CPU counts: the emulated AWS runs in another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from benchmarks.container import Container, silent
from benchmarks.hooks import environment
from benchmarks.rows import Row, table
from benchmarks.sink import sink
from benchmarks.stage import TASKS, bench_stage
from chalicelib.aws.sdk.boto3_clients import Boto3Clients

RUNS: Final = 60
_SETTINGS: Final = {"posts_per_second": 10_000, "post_burst": 100_000}
_POST: Final = {"type": "bench.noop", "payload": {}}


def cpu_seconds(act: Callable[[], Any], runs: int = RUNS) -> float:
    """The median CPU time of `act` in all threads of this process, after some warm-up runs."""
    seconds = []
    for _ in range(runs + runs // 5):
        started = time.process_time()
        act()
        seconds.append(time.process_time() - started)
    return median(seconds[runs // 5 :])


def measure() -> dict[str, float]:
    """CPU seconds of each handler, and of `put`."""
    with sink() as sockets, bench_stage() as stage, silent():
        stage.serve_sockets_at(sockets)
        own = stage.services(settings=_SETTINGS)
        boto3 = stage.services(Boto3Clients(environment(stage.endpoint)), settings=_SETTINGS)
        container = Container(stage, own)
        client: Any = stage.emulator.client("dynamodb")
        item = {"pk": {"S": "put"}, "sk": {"S": "put"}, "text": {"S": "x" * 300}}
        task_id = container.call("POST", "/tasks", _POST)["id"]
        seconds = {
            "put": cpu_seconds(lambda: client.put_item(TableName=TASKS, Item=item)),
            "POST /tasks": cpu_seconds(lambda: container.call("POST", "/tasks", _POST)),
            "GET /tasks/{id}": cpu_seconds(
                lambda: container.call("GET", "/tasks/{task_id}", task_id=task_id)
            ),
            "GET /tasks": cpu_seconds(lambda: container.call("GET", "/tasks")),
            "run_tasks, ten tasks": _batch(container),
        }
        records = container.stream_records()[:100]
        for watchers in (0, 1, 100):
            for number in range(watchers):
                container.connect(f"watcher-{number}")
            seconds[f"push_updates, 100 changes, {watchers} watchers"] = cpu_seconds(
                lambda: container.push_records(records), runs=3 if watchers == 100 else 15
            )
        with_boto3 = Container(stage, boto3)
        seconds["POST /tasks, with boto3"] = cpu_seconds(lambda: with_boto3.call("POST", "/tasks", _POST))
        seconds["run_tasks, ten tasks, with boto3"] = _batch(with_boto3)
    return seconds


def _batch(container: Container, runs: int = 10) -> float:
    container.drain()
    seconds = []
    for _ in range(runs):
        container.call("POST", "/tasks/batch", {"tasks": [_POST] * 10})
        messages = container.receive()
        started = time.process_time()
        container.settle(messages)
        seconds.append((time.process_time() - started) * 10 / len(messages))
    return median(seconds)


def rows() -> list[Row]:
    """Each handler in units of a put."""
    measured = measure()
    put = measured.pop("put")
    return [
        Row(
            what=f"CPU of {name}, x boto3 put",
            ours=seconds / put,
            target=2.0 if name == "POST /tasks" else None,
            reason="two SDK calls are 2; the rest is JSON, the token and the task itself",
        )
        for name, seconds in measured.items()
    ]


def main() -> None:
    """Print the rows."""
    print(table(rows()))


if __name__ == "__main__":
    main()
