"""Memory of each function under load: `python -m benchmarks.memory`.

A new container of each, with the zip of a deployment, serves many events and big ones, over TLS. The figure
is the peak of the process's resident memory, Python's own included.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.cold import Lambda, prepared
from benchmarks.container import Container, messages_event
from benchmarks.rows import Row, table
from chalicelib.settings import APP_NAME, LOCAL_STAGE
from tests.support.lambda_events import schedule_event

_CONFIG: Final = Path(__file__).parents[1] / ".chalice" / "config.json"
_BATCH: Final = 10
_BULK: Final = 100
_WATCHERS: Final = 10
_BIG: Final = 200 * 1024
_SMALL: Final = {"type": "demo.sleep", "payload": {"seconds": 0, "steps": 1}}


def rows() -> list[Row]:
    """Megabytes of each function, against its configured memory."""
    table_rows = []
    with prepared() as place:
        for name, (function, load) in _LOADS.items():
            events = load(place)
            ours = _megabytes(place, function, events)
            peer = _megabytes(place, function, events[:_BATCH], "obvious") if name == "api" else None
            table_rows.append(
                Row(what=f"MB of {name} under load", ours=ours, peer=peer, target=_configured(function))
            )
    return table_rows


def _megabytes(place: Lambda, function: str, events: list[Any], code: str = "deployed") -> float:
    return place.report(function, events, code)["kilobytes"] / 1024


def _configured(function: str) -> int:
    config = json.loads(_CONFIG.read_text())
    own = config["lambda_functions"].get(function, {})
    return int(own.get("lambda_memory_size", config["lambda_memory_size"]))


# --- Loads ----------------------------------------------------------------------------------------------


def _requests(place: Lambda) -> list[Any]:
    """Single posts, posts of a hundred, lists, and bodies of the maximum size."""
    event = place.container.event
    big = {"type": "csv.profile", "payload": {"csv": _csv(_BIG)}}
    return [
        *[event("POST", "/tasks", _SMALL)] * 50,
        *[event("POST", "/tasks/batch", {"tasks": [_SMALL] * _BULK})] * 5,
        *[event("POST", "/tasks", big)] * _BATCH,
        *[event("GET", "/tasks", query={"limit": "100"})] * _BATCH,
    ]


def _short_tasks(place: Lambda) -> list[Any]:
    """Batches of ten tasks."""
    for _ in range(2):
        place.container.call("POST", "/tasks/batch", {"tasks": [_SMALL] * _BULK})
    return [messages_event(place.container.receive()) for _ in range(2 * _BULK // _BATCH)]


def _long_tasks(place: Lambda) -> list[Any]:
    """Big CSVs, one after the other."""
    queue: Any = place.stage.emulator.client("sqs")
    url = queue.get_queue_url(QueueName=f"{APP_NAME}-{LOCAL_STAGE}-long")["QueueUrl"]
    queue.purge_queue(QueueUrl=url)
    events = []
    for _ in range(_BATCH):
        place.container.call("POST", "/tasks", {"type": "csv.profile", "payload": {"csv": _csv(_BIG)}})
        events.append(messages_event(queue.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]))
    return events


def _changes(place: Lambda) -> list[Any]:
    """Full batches of the stream, each change for ten watchers."""
    for number in range(_WATCHERS - 1):  # one is connected already
        place.container.connect(f"memory-{number}")
    place.container.skip_stream()
    for _ in range(2):
        place.container.call("POST", "/tasks/batch", {"tasks": [_SMALL] * _BULK})
    records = place.container.stream_records()
    return [{"Records": records[:_BULK]}, {"Records": records[_BULK:]}]


def _connects(place: Lambda) -> list[Any]:
    return [place.container.websocket_event("CONNECT", f"memory-more-{number}") for number in range(50)]


def _messages(place: Lambda) -> list[Any]:
    """Clients that sync."""
    body = json.dumps({"action": "sync", "tasks": {}, "since": _first_task(place)})
    event = {**place.container.websocket_event("MESSAGE", "watcher"), "body": body}
    return [event] * _BATCH


def _first_task(place: Lambda) -> str:
    return str(place.container.call("POST", "/tasks", _SMALL)["id"])


def _disconnects(place: Lambda) -> list[Any]:
    return [place.container.websocket_event("DISCONNECT", f"memory-more-{number}") for number in range(50)]


def _dead_letters(place: Lambda) -> list[Any]:
    """A hundred dead letters."""
    place.container.drain()
    failing = {"type": "demo.fail", "payload": {"message": "no"}, "max_attempts": 1}
    place.container.call("POST", "/tasks/batch", {"tasks": [failing] * _BULK})
    place.container.run(_BULK)
    return [schedule_event("watch_dead_letters")]


def _due(place: Lambda) -> list[Any]:
    """Two hundred due tasks, as if their messages were lost."""
    early = Container(place.stage, place.stage.services(task_types=None, settings={"grace_seconds": 0.01}))
    for _ in range(2):
        early.call("POST", "/tasks/batch", {"tasks": [_SMALL] * _BULK})
    return [schedule_event("sweep")]


def _csv(size: int) -> str:
    """A CSV of `size` bytes with different values in all cells."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["id", "name", "amount", "when"])
    number = 0
    while text.tell() < size:
        lines.writerow([number, f"name {number}", number * 1.01, f"2026-01-01T00:00:{number % 60:02}Z"])
        number += 1
    return text.getvalue()


_LOADS: Final[dict[str, tuple[str, Callable[[Lambda], list[Any]]]]] = {
    "api": ("app", _requests),
    "run_tasks": ("run_tasks", _short_tasks),
    "run_long_tasks": ("run_long_tasks", _long_tasks),
    "push_updates": ("push_updates", _changes),
    "websocket_connect": ("connect", _connects),
    "websocket_message": ("message", _messages),
    "websocket_disconnect": ("disconnect", _disconnects),
    "watch_dead_letters": ("watch_dead_letters", _dead_letters),
    "sweep": ("sweep", _due),
}


def main() -> None:
    """Print the rows."""
    print(table(rows()))


if __name__ == "__main__":
    main()
