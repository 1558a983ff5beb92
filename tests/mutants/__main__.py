"""Remove each guard in turn, and check that a test fails: `python -m tests.mutants [--whole] [PATTERN]`.

Each mutant is a copy of the tree without one guard. On it run the two tests that noticed it the last
time: one of the simulation, one other. If neither fails, and for a new mutant, the simulation and the
other tests run until one of each fails; with --whole they always do. Returns 1 if no test notices a
mutant. The result is written to docs/reports/mutants.md.
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

from tests.mutants.mutant import ROOT, Mutant, find_markers
from tests.mutants.table import MUTANTS
from tests.support.reports import read_section, write_section

MARKERS = find_markers()
SIMULATION = tuple(f"tests/simulation/test_{name}.py" for name in ("random_faults", "crashes", "faults"))
#: The tests of the core. Those that find most come first.
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
#: A mutant whose tests do not end within this is noticed. A busy machine must not look like one.
SECONDS = 3600
_FAILED = re.compile(r"^(?:FAILED|ERROR) \S*?(\w+)\.py(?:::(.+?))?(?: - .*)?$", re.MULTILINE)
#: The parts of a test's name that pytest's option -k accepts.
_PART = re.compile(r"[\w\[\]:+./-]+")
NO = "no"  #: no test of this side notices


@dataclass(frozen=True, slots=True)
class Verdict:
    """The tests that noticed a mutant."""

    mutant: Mutant
    simulation: str  #: the first test that failed, or NO
    tests: str

    @property
    def noticed(self) -> bool:
        """Did a test fail?"""
        return (self.simulation, self.tests) != (NO, NO)

    @property
    def row(self) -> str:
        """Its row of the report."""
        cells = (f"`{self.mutant.guard}`", self.simulation, self.tests)
        return "| " + " | ".join(cells) + " |"


def main() -> int:
    """Try the mutants whose guard matches the pattern. Returns 1 if one of them is not noticed."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--whole", action="store_true", help="do not start with the tests of the last time")
    parser.add_argument("pattern", nargs="?", default="", help="part of a guard's name")
    options = parser.parse_args()
    began, last = time.monotonic(), {} if options.whole else _last()
    chosen = [mutant for mutant in MUTANTS if re.search(options.pattern, mutant.guard)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = []
        for verdict in pool.map(lambda mutant: _try(mutant, last.get(mutant.guard)), chosen):
            verdicts.append(verdict)
            _write(verdicts)  # each time, in case this is stopped
            print("red  " if verdict.noticed else "GREEN", verdict.row, flush=True)
    green = sum(not verdict.noticed for verdict in verdicts)
    print(f"{len(verdicts)} mutants, {green} not noticed, {time.monotonic() - began:.0f} s")
    return int(green > 0)


def _last() -> dict[str, tuple[str, str]]:
    """The tests that noticed the last time, of the simulation and the others, by guard."""
    rows = [line.strip("| ").split(" | ") for line in read_section("mutants", "mutants").splitlines()[2:]]
    return {guard.strip("`"): (simulation, tests) for guard, simulation, tests in rows}


def _try(mutant: Mutant, last: tuple[str, str] | None) -> Verdict:
    with TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in _files():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
        file = MARKERS[mutant.guard][0].file
        lines = mutant.applied((ROOT / file).read_text().splitlines(), MARKERS[mutant.guard])
        (tree / file).write_text("\n".join(lines) + "\n")
        if last is not None:
            failed = _failures(tree, [name.strip("`") for name in last if name != NO])
            if failed:
                return Verdict(mutant, *(_same_test(name, failed) for name in last))
        return Verdict(mutant, _first_failure(tree, SIMULATION), _first_failure(tree, TESTS))


def _same_test(name: str, failed: list[str]) -> str:
    """The failed test that a report names, perhaps with parameters that it had not then; else NO."""
    return next((each for each in failed if each == name or each.startswith(f"{name[:-1]}[")), NO)


def _files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


def _first_failure(tree: Path, paths: tuple[str, ...]) -> str:
    """The first test that fails in a tree, as the report names it, or NO."""
    return next(iter(_run(tree, ["-x", *paths])), NO)


def _failures(tree: Path, names: list[str]) -> list[str]:
    """Those of the named tests that fail in a tree."""
    functions = [name.partition("[")[0] for name in names]
    files = [
        path
        for path in (*SIMULATION, *TESTS)
        if any(f"def {function}(" in (tree / path).read_text() for function in functions)
    ]
    parts = [" and ".join(_PART.findall(name)) for name in names]
    return _run(tree, ["-k", " or ".join(f"({part})" for part in parts), *files]) if files else []


def _run(tree: Path, arguments: list[str]) -> list[str]:
    """Run tests in a tree. Returns the failed ones, as the report names them. Raises: RuntimeError."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", *arguments]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ["`the tests do not end`"]
    found = _FAILED.findall(done.stdout)
    if done.returncode not in (0, 5) and not found:
        raise RuntimeError(f"{' '.join(command)} in {tree}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [f"`{(test or module).rpartition('::')[2]}`" for module, test in found]


def _write(verdicts: list[Verdict]) -> None:
    """Write the rows of what was tried. The others stay."""
    old = {guard: f"| `{guard}` | {' | '.join(tests)} |" for guard, tests in _last().items()}
    rows = {**old, **{verdict.mutant.guard: verdict.row for verdict in verdicts}}
    head = ["| guard | noticed by the simulation | noticed by another test |", "|---|---|---|"]
    table = [rows[mutant.guard] for mutant in MUTANTS if mutant.guard in rows]
    write_section("mutants", "mutants", head + table)


if __name__ == "__main__":
    sys.exit(main())
