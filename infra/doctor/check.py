"""A check of the doctor, its finding, and the function that runs checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from infra.doctor.deployed_stage import DeployedStage, ResourceMissing


@dataclass(frozen=True, kw_only=True)
class Check:
    """One condition of a healthy stage. `find_problems` yields a sentence for each violation."""

    title: str
    advice: str
    find_problems: Callable[[DeployedStage], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of a check."""

    check: Check
    problems: Sequence[str]

    @property
    def is_healthy(self) -> bool:
        return not self.problems

    def advice(self, stage: str) -> str:
        """Return what to do when the check is red."""
        return self.check.advice.format(stage=stage)


def check(title: str, advice: str) -> Callable[[Callable[[DeployedStage], Iterator[str]]], Check]:
    """Make a check of a function. `advice` may contain `{stage}`."""

    def to_check(find_problems: Callable[[DeployedStage], Iterator[str]]) -> Check:
        return Check(title=title, advice=advice, find_problems=find_problems)

    return to_check


def run_checks(stage: DeployedStage, checks: Sequence[Check]) -> Iterator[Finding]:
    """Run the checks in their order. A check that cannot read its resource is red."""
    for each in checks:
        try:
            problems = list(each.find_problems(stage))
        except ResourceMissing as error:
            problems = [str(error)]
        except ClientError as error:
            problems = [f"The check failed: {error.response['Error'].get('Message', error)}"]
        except (BotoCoreError, OSError) as error:
            problems = [f"The check failed: {error}"]
        yield Finding(check=each, problems=problems)
