"""Every guard of the service's promises, and how to take it away."""

from __future__ import annotations

from tests.mutants.of_bulk import OF_BULK
from tests.mutants.of_lives import OF_LIVES
from tests.mutants.of_runs import OF_RUNS

MUTANTS = (*OF_RUNS, *OF_LIVES, *OF_BULK)
