"""The tables of docs/explanation/performance.md, from the last results of `make bench`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.rows import RESULTS
from tools.reference.markdown import table

PERFORMANCE: Final = Path(__file__).parents[2] / "docs" / "explanation" / "performance.md"


def performance() -> str:
    """The page with its tables renewed; the other text is kept."""
    rows = {row["what"]: row for row in json.loads(RESULTS.read_text())["rows"]}
    text = PERFORMANCE.read_text()
    for name, content in (("results", _results(rows)), ("race", _race(rows)), ("cold", _cold_starts(rows))):
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{content}\n{end}{rest.partition(end)[2]}"
    return text


def _results(rows: Mapping[str, Any]) -> str:
    shown = [
        row
        for what, row in rows.items()
        if (row["target"] or what in _ALSO_SHOWN) and not what.startswith(("growth", "cold", "MB"))
    ]
    growth = max(row["ours"] for what, row in rows.items() if what.startswith("growth"))
    memory = max(row["ours"] for what, row in rows.items() if what.startswith("MB"))
    return table(
        ("measurement", "result", "target"),
        [
            *((row["what"], _result(row), row["target"] or "") for row in shown),
            ("growth, largest slope", f"{growth:g}", "0"),
            ("MB of any function under load, largest", f"{memory:.0f}", "the function's memory"),
        ],
    )


#: Measurements without a target that the page shows.
_ALSO_SHOWN = (
    "CPU of run_tasks, ten tasks, x boto3 put",
    "requests a task: single, 200 B",
    "requests a task: bulk of 100, 200 B",
    "write units a task: bulk of 100, 200 B",
)


def _result(row: Mapping[str, Any]) -> str:
    if row["ratio"] is None:
        return f"{row['ours']:,g}"
    return f"{row['ratio']:.2g} x ({row['ours']:,.0f} / {row['peer']:,.0f})"


def _race(rows: Mapping[str, Any]) -> str:
    peers = ("Celery, tuned, tracked", "Celery, tuned", "Celery, defaults", "dramatiq-sqs", "taskiq-aio-sqs")
    ours = [(f"this service, {name}", f"tasks/s, {row} / {peers[0]}", "ours") for name, row in _OURS]
    others = [(name, f"tasks/s, ours / {name}", "peer") for name in peers]
    return table(
        ("contender", "tasks/s", "ms from submit to done, p50", "requests a task"),
        (
            (
                name,
                f"{rows[row][side]:,.0f}",
                f"{rows[f'{row}: ms from submit to done, p50'][side]:,.0f}",
                f"{rows[f'{row}: requests a task'][side]:.2f}",
            )
            for name, row, side in ours + others
        ),
    )


_OURS = (("one by one", "ours"), ("bulk of 100", "ours, in bulk"))


def _cold_starts(rows: Mapping[str, Any]) -> str:
    suffix = ", x python -c pass"
    starts = [what for what in rows if what.startswith("cold start of") and what.endswith(suffix)]
    return table(
        ("first event", "as deployed", "without bytecode", "with botocore's roots", "target"),
        (
            (
                what.removeprefix("cold start of ").removesuffix(suffix),
                f"{rows[what]['ours']:.1f}",
                f"{rows[f'{what}: without bytecode']['ours']:.1f}",
                f"{rows[f'{what}: with all of botocore{chr(39)}s roots']['ours']:.1f}",
                rows[what]["target"],
            )
            for what in starts
        ),
    )
