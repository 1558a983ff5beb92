"""Frames a second of push_updates, against boto3's client one at a time: `python -m benchmarks.fan_out`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

from benchmarks.container import Container, silent
from benchmarks.hooks import new_session
from benchmarks.rows import Row, table
from benchmarks.sink import frames_taken, sink
from benchmarks.stage import OWNER, bench_stage
from chalicelib.aws.dynamodb.connection_table import ConnectionTable
from chalicelib.domain.connection import Connection, Watch

#: Few changes to many watchers, or many changes to few.
FRAMES: Final = 10_000
_ONE_BY_ONE: Final = 500
CONNECTIONS: Final = (1, 100, 2_000)


def rows() -> list[Row]:
    """Frames a second of push_updates, in multiples of one at a time."""
    with sink() as sockets, bench_stage() as stage, silent():
        stage.serve_sockets_at(sockets)
        services = stage.services()
        container = Container(stage, services)
        # $connect would count the owner's connections each time.
        store = ConnectionTable(services.adapters.clients.dynamodb, services.settings.resource("connections"))
        tasks = [{"type": "bench.noop", "payload": {}}] * 100
        container.call("POST", "/tasks/batch", {"tasks": tasks})
        records = container.stream_records()
        peer = _one_by_one(sockets)
        table_rows, connected = [], 0
        for connections in CONNECTIONS:
            for number in range(connected, connections):
                watcher = Connection(id=f"connection-{number}", owner=OWNER, watch=Watch.parse("all"))
                store.add(watcher, datetime.now(UTC))
            connected = connections
            batch = records[: max(1, FRAMES // connections)][:100]
            before, started = frames_taken(sockets), time.perf_counter()
            container.push_records(batch)
            seconds = time.perf_counter() - started
            sent = frames_taken(sockets) - before
            assert sent == len(batch) * connections, f"{sent} frames arrived"
            table_rows.append(_row(connections, sent / seconds, peer))
    return table_rows


def _one_by_one(sockets: str) -> float:
    client: Any = new_session().create_client("apigatewaymanagementapi", endpoint_url=sockets)
    started = time.perf_counter()
    for _ in range(_ONE_BY_ONE):
        client.post_to_connection(ConnectionId="peer", Data=b"x" * 700)
    return _ONE_BY_ONE / (time.perf_counter() - started)


def _row(connections: int, ours: float, peer: float) -> Row:
    return Row(
        what=f"frames a second to {connections:,} connections",
        ours=ours,
        peer=peer,
        than="times",
        target=8 if connections == CONNECTIONS[-1] else None,
        at_least=True,
        reason="the emulator takes half of the time to find the watchers",
    )


def main() -> None:
    """Print the rows."""
    print(table(rows()))


if __name__ == "__main__":
    main()
