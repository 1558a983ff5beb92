"""Looks a deployed stage over, for what causes outages in systems of queues and streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from infra.doctor.deployed_stage import NotThere, Patient


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that must be so. `look` yields a sentence for each way in which it is not."""

    title: str
    advice: str
    look: Callable[[Patient], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found."""

    check: Check
    problems: Sequence[str]

    @property
    def is_healthy(self) -> bool:
        return not self.problems


def check(title: str, advice: str) -> Callable[[Callable[[Patient], Iterator[str]]], Check]:
    """Make a check of a function; `advice` says what to do when it is red. `{stage}` is filled in."""

    def of(look: Callable[[Patient], Iterator[str]]) -> Check:
        return Check(title=title, advice=advice, look=look)

    return of


def examine(patient: Patient, checks: Sequence[Check]) -> Iterator[Finding]:
    """Carry out each check, in their order."""
    for each in checks:
        try:
            problems = list(each.look(patient))
        except NotThere as error:
            problems = [str(error)]
        except ClientError as error:
            problems = [f"This could not be looked at: {error.response['Error'].get('Message', error)}"]
        except (BotoCoreError, OSError) as error:
            problems = [f"This could not be looked at: {error}"]
        yield Finding(check=each, problems=problems)
