"""Rollback: each deployment publishes a version of every function whose code it changed.

Lambda stores the code of each version, so a rollback needs no bucket, no build and no old sources.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from infra.deployer.diff import code_hash
from infra.errors import BadInput, DeploymentError
from infra.plan import Change

KEPT_VERSIONS: Final = 5  #: of each function; all code counts towards the account's 75 GB


@dataclass(frozen=True, kw_only=True)
class Version:
    """Code that a deployment made live."""

    number: int
    code: str  #: Lambda's CodeSha256
    deployment: str  #: the time of the deployment, the same for all its functions


@dataclass(frozen=True, kw_only=True)
class History:
    """A function's versions, oldest first, and its live code."""

    function: str
    live: str
    versions: Sequence[Version]

    @property
    def is_published(self) -> bool:
        return bool(self.versions) and self.versions[-1].code == self.live

    @property
    def previous(self) -> Version | None:
        """The newest version whose code differs from the live code."""
        return next((each for each in reversed(self.versions) if each.code != self.live), None)


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """The return of one function to an earlier version. The `discarded` versions are deleted."""

    function: str
    to: Version
    discarded: Sequence[Version]

    @property
    def change(self) -> Change:
        details = (f"code of {self.to.deployment} (version {self.to.number})",)
        return Change(verb="update", kind="function", name=self.function, details=details)


def read_history(lambda_client: Any, function: str) -> History:
    """Return the versions of a function and the hash of its live code."""
    pages = lambda_client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    live = lambda_client.get_function_configuration(FunctionName=function)["CodeSha256"]
    versions = [
        Version(number=int(each["Version"]), code=each["CodeSha256"], deployment=each.get("Description", ""))
        for page in pages
        for each in page["Versions"]
        if each["Version"] != "$LATEST"
    ]
    return History(function=function, live=live, versions=sorted(versions, key=lambda each: each.number))


def publish(lambda_client: Any, functions: Iterable[str]) -> None:
    """Publish the live code of these functions as versions of one deployment. Delete the oldest versions."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    for function in functions:
        history = read_history(lambda_client, function)
        if history.is_published:
            continue
        lambda_client.publish_version(FunctionName=function, Description=now)
        for old in history.versions[: -(KEPT_VERSIONS - 1)]:
            _delete_version(lambda_client, function, old)


def plan_rollback(histories: Sequence[History]) -> list[Rollback]:
    """Plan the return to the code before the last deployment, for the functions that it changed.

    After an unfinished deployment, the functions that it changed return to their published code.
    Raises: BadInput when there is no earlier code.
    """
    unfinished = [each for each in histories if each.versions and not each.is_published]
    if unfinished:
        return [Rollback(function=each.function, to=each.versions[-1], discarded=()) for each in unfinished]
    last = max((each.versions[-1].deployment for each in histories if each.versions), default=None)
    affected = [each for each in histories if each.versions and each.versions[-1].deployment == last]
    rollbacks = [
        Rollback(
            function=each.function,
            to=previous,
            discarded=[newer for newer in each.versions if newer.number > previous.number],
        )
        for each in affected
        if (previous := each.previous) is not None
    ]
    if not rollbacks:
        raise BadInput("There is no earlier code to return to: this is the first deployment.")
    return rollbacks


def roll_back(lambda_client: Any, rollbacks: Sequence[Rollback], packages: Path) -> None:
    """Make the code of these versions live, and delete the discarded ones: the next rollback goes further.

    `packages` holds the packages that this machine deployed; others are downloaded from Lambda.
    Raises: DeploymentError, before any change, when code cannot be obtained.
    """
    code: dict[str, bytes] = {}  # mostly one entry: functions deployed together share their package
    for each in rollbacks:
        if each.to.code not in code:
            code[each.to.code] = _local_package(packages, each.to.code) or _downloaded(lambda_client, each)
    for each in rollbacks:
        for version in each.discarded:
            _delete_version(lambda_client, each.function, version)
    for each in rollbacks:
        lambda_client.update_function_code(FunctionName=each.function, ZipFile=code[each.to.code])
    for each in rollbacks:
        lambda_client.get_waiter("function_updated_v2").wait(
            FunctionName=each.function, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )


def _local_package(packages: Path, code: str) -> bytes | None:
    contents = (file.read_bytes() for file in packages.glob("*.zip"))
    return next((content for content in contents if code_hash(content) == code), None)


def _downloaded(lambda_client: Any, rollback: Rollback) -> bytes:
    version = lambda_client.get_function(FunctionName=rollback.function, Qualifier=str(rollback.to.number))
    with urllib.request.urlopen(version["Code"]["Location"], timeout=60) as response:  # noqa: S310 - Lambda's own
        content: bytes = response.read()
    if code_hash(content) != rollback.to.code:
        raise DeploymentError(
            f"The code that Lambda returned is not that of {rollback.function}, "
            f"version {rollback.to.number}. Nothing was changed: check out that code and deploy it."
        )
    return content


def _delete_version(lambda_client: Any, function: str, version: Version) -> None:
    lambda_client.delete_function(FunctionName=function, Qualifier=str(version.number))
