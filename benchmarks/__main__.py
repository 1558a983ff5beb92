"""All measurements, or the named ones, as one table: `python -m benchmarks [counts] [cold] …`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks import cold, counts, cpu, fan_out, growth, memory
from benchmarks.peers import race
from benchmarks.rows import Row, table, write

MEASUREMENTS: Final[dict[str, Callable[[], list[Row]]]] = {
    "counts": counts.rows,
    "cpu": cpu.rows,
    "peers": race.rows,
    "fan_out": fan_out.rows,
    "cold": cold.rows,
    "memory": memory.rows,
    "growth": growth.rows,
}


def main(*names: str) -> int:
    """Print the table. A run of all measurements is stored in results.json. Returns 2 for an unknown name."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"{unknown[0]} is not measured; known are {', '.join(MEASUREMENTS)}.", file=sys.stderr)
        return 2
    rows: list[Row] = []
    try:
        for name in names or MEASUREMENTS:
            print(f"Measuring {name} ...", file=sys.stderr)
            started = time.monotonic()
            rows += MEASUREMENTS[name]()
            print(f"  took {time.monotonic() - started:.0f} s", file=sys.stderr)
    finally:
        print(table(rows))  # also after a failure: the rows measured before it
    if not names:
        write(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
