"""Take each guard away in turn, and see who notices: `python -m tests.mutants [--whole] [PATTERN OF GUARDS]`.

Each mutant is a copy of the tree without one guard. On it run those two tests that noticed the last time, one
of the simulation and one of the others. Where neither notices it any more, and for a new mutant, the simulation
and the tests run each until something fails; with --whole they always do. A mutant that nobody notices makes this
end with 1. What was seen is written into the table of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.table import MUTANTS

REPORT = ROOT / "docs" / "reliability.md"
TABLE = re.compile(r"(?<=<!-- mutants -->\n).*(?=<!-- /mutants -->)", re.DOTALL)
SIMULATION = tuple(f"tests/simulation/test_{name}.py" for name in ("random_faults", "crashes", "faults"))
#: The tests that speak about the core, in the order in which they find most.
TESTS = tuple(
    f"tests/{name}.py"
    for name in (
        "unit/test_task",
        "unit/test_transitions",
        "unit/test_new_task",
        "unit/test_dead_letters",
        "unit/test_writes",
        "functional/test_worker",
        "functional/test_worker_outcomes",
        "functional/test_worker_leases",
        "functional/test_worker_progress",
        "functional/test_worker_batches",
        "functional/test_sweeper",
        "functional/test_sweeper_races",
        "functional/test_cancel",
        "functional/test_retry_task",
        "functional/test_dead_letters",
        "functional/test_dead_messages",
        "functional/test_dead_messages_races",
        "functional/test_create_task",
        "functional/test_batch",
        "functional/test_idempotency",
        "functional/test_pause",
        "functional/test_redrives",
        "functional/test_redrive_requests",
        "functional/test_push_updates",
        "functional/test_stats",
        "functional/test_websocket",
    )
)
#: A mutant that neither ends nor fails within this is noticed, too; a busy machine must not look like one.
SECONDS = 3600
_FAILED = re.compile(r"^(?:FAILED|ERROR) \S*?(\w+)\.py(?:::(.+?))?(?: - .*)?$", re.MULTILINE)
#: What the option -k of pytest takes for a part of a test's name.
_PART = re.compile(r"[\w\[\]:+./-]+")
NO = "no"  #: this side does not notice


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who noticed a mutant."""

    mutant: Mutant
    simulation: str  #: the first test that failed, or NO
    tests: str

    @property
    def noticed(self) -> bool:
        """Did anybody?"""
        return (self.simulation, self.tests) != (NO, NO)

    @property
    def row(self) -> str:
        """Its row of the table."""
        cells = (self.mutant.guard, self.mutant.happens, self.simulation, self.tests)
        return "| " + " | ".join(cells) + " |"


def main() -> int:
    """Try the mutants whose guard fits the pattern; 1 when one of them is not noticed."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--whole", action="store_true", help="do not begin with what noticed the last time")
    parser.add_argument("pattern", nargs="?", default="")
    wanted = parser.parse_args()
    began, last = time.monotonic(), {} if wanted.whole else _last()
    chosen = [mutant for mutant in MUTANTS if re.search(wanted.pattern, mutant.guard)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = []
        for verdict in pool.map(lambda mutant: _try(mutant, last.get(mutant.guard)), chosen):
            verdicts.append(verdict)
            _write(verdicts)  # now and then somebody stops this
            print("red  " if verdict.noticed else "GREEN", verdict.row, flush=True)
    green = sum(not verdict.noticed for verdict in verdicts)
    print(f"{len(verdicts)} mutants, {green} not noticed, {time.monotonic() - began:.0f} s")
    return int(green > 0)


def _last() -> dict[str, tuple[str, str]]:
    """Who noticed the last time, of the simulation and of the tests, by guard."""
    rows = [line.strip("| ").split(" | ") for line in TABLE.findall(REPORT.read_text())[0].splitlines()[2:]]
    return {guard: (simulation, tests) for guard, _, simulation, tests in rows}


def _try(mutant: Mutant, last: tuple[str, str] | None) -> Verdict:
    with TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in _files():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
        (tree / mutant.file).write_text(mutant.applied((ROOT / mutant.file).read_text()))
        if last is not None:
            failed = _failures(tree, [name.strip("`") for name in last if name != NO])
            if failed:
                return Verdict(mutant, *(name if name in failed else NO for name in last))
        return Verdict(mutant, _first_failure(tree, SIMULATION), _first_failure(tree, TESTS))


def _files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


def _first_failure(tree: Path, paths: tuple[str, ...]) -> str:
    """The first test that fails in a tree, as the table names it; NO when all pass."""
    return next(iter(_run(tree, ["-x", *paths])), NO)


def _failures(tree: Path, names: list[str]) -> list[str]:
    """Those of some tests that fail in a tree."""
    functions = [name.partition("[")[0] for name in names]
    files = [
        path
        for path in (*SIMULATION, *TESTS)
        if any(f"def {function}(" in (tree / path).read_text() for function in functions)
    ]
    parts = [" and ".join(_PART.findall(name)) for name in names]
    return _run(tree, ["-k", " or ".join(f"({part})" for part in parts), *files]) if files else []


def _run(tree: Path, arguments: list[str]) -> list[str]:
    """Run tests in a tree; those that fail, as the table names them. Raises: RuntimeError."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", *arguments]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ["it does not end"]
    found = _FAILED.findall(done.stdout)
    if done.returncode not in (0, 5) and not found:
        raise RuntimeError(f"{' '.join(command)} in {tree}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [f"`{(test or module).rpartition('::')[2]}`" for module, test in found]


def _write(verdicts: list[Verdict]) -> None:
    """Put the rows of what was tried into the table; the others stay."""
    report = REPORT.read_text()
    old = {row.split(" | ")[0][2:]: row for row in TABLE.findall(report)[0].splitlines()[2:]}
    rows = {**old, **{verdict.mutant.guard: verdict.row for verdict in verdicts}}
    head = "| without | happens | the simulation notices by | the tests notice by |\n|---|---|---|---|\n"
    table = head + "".join(f"{rows[mutant.guard]}\n" for mutant in MUTANTS if mutant.guard in rows)
    REPORT.write_text(TABLE.sub(lambda _: table, report))


if __name__ == "__main__":
    sys.exit(main())
