"""The table of `make bench`: one row for each measurement, stored in benchmarks/results.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

RESULTS: Final = Path(__file__).with_name("results.json")
_PACKAGES: Final = ("boto3", "botocore", "chalice", "ministack", "pydantic")
#: Peers run in environments of their own.
_PINS: Final = sorted((Path(__file__).parent / "peers").glob("*.txt"))
_PEERS: Final = ("celery", "dramatiq-sqs", "taskiq-aio-sqs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measurement. `what` includes the unit; an indented row is part of the row before.

    `reason` explains a missed target and its remedy.
    """

    what: str
    ours: float
    peer: float | None = None  #: the same of the peer
    than: Literal["", "times"] = ""  #: "times": the target is for the ratio to the peer
    target: float | None = None
    at_least: bool = False  #: True when more is better
    reason: str | None = None

    @property
    def is_part(self) -> bool:
        """True for a part of the row before."""
        return self.what.startswith(" ")

    @property
    def ratio(self) -> float | None:
        """Ours in multiples of the peer's; None without a peer."""
        return None if not self.peer else self.ours / self.peer

    @property
    def met(self) -> bool | None:
        """True when the target is met; None without a target."""
        if self.target is None:
            return None
        measured = self.ratio if self.than == "times" else self.ours
        assert measured is not None, f"{self.what}: a ratio needs a peer"
        return measured >= self.target if self.at_least else measured <= self.target

    @property
    def limit(self) -> str:
        """The target as text, such as "≤ 5"."""
        if self.target is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {_number(self.target)}{' x' if self.than == 'times' else ''}"

    def as_json(self, whole: str = "") -> dict[str, Any]:
        """The row as in results.json; a part carries the name of its `whole`."""
        what = f"{whole}: {self.what.strip()}" if self.is_part else self.what
        entry = {"what": what, "ours": _rounded(self.ours), "peer": _rounded(self.peer)}
        entry |= {"ratio": _rounded(self.ratio), "target": self.limit or None, "met": self.met}
        return entry if self.reason is None or self.met is not False else {**entry, "reason": self.reason}


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text, each missed target followed by its reason."""
    head = ("what", "ours", "peer", "ratio", "target", "met")
    cells = [head] + [
        (
            row.what,
            _number(row.ours),
            _number(row.peer),
            _number(row.ratio),
            row.limit,
            {True: "yes", False: "NO", None: ""}[row.met],
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [_line(each, widths) for each in cells]
    for number in range(len(rows), 0, -1):
        row = rows[number - 1]
        if row.met is False:
            lines.insert(number + 1, f"    {row.reason or 'no reason is given'}")
    return "\n".join(lines)


def write(rows: Iterable[Row], file: Path = RESULTS) -> None:
    """Store the rows, with the machine and the versions they were measured on."""
    document = {
        "machine": {
            "cpus": os.cpu_count(),
            "processor": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in _PACKAGES} | _pinned(),
        "rows": list(_as_json(rows)),
    }
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _as_json(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    whole = ""
    for row in rows:
        whole = whole if row.is_part else row.what
        yield row.as_json(whole)


def _pinned() -> dict[str, str]:
    pins = [line.split("==") for file in _PINS for line in file.read_text().splitlines() if "==" in line]
    return {name: pinned for name, pinned in pins if name in _PEERS}


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    columns = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
    return "  ".join([first.ljust(widths[0]), *columns]).rstrip()


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _number(number: float | None) -> str:
    if number is None:
        return ""
    text = (
        f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2f}" if abs(number) < 10 else f"{number:.1f}"
    )
    return text.rstrip("0").rstrip(".") if "." in text else text
