"""The code that was live before: each deployment publishes a version of every function whose code it changed.

Lambda keeps a version's code itself, so going back needs no bucket, no build and no checkout of old sources.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from infra.deployer.diff import code_of
from infra.errors import BadInput, DeploymentError
from infra.plan import Change

KEPT: Final = 5  #: versions of a function; each counts towards the account's 75 GB


@dataclass(frozen=True, kw_only=True)
class Version:
    """Code that went live with a deployment."""

    number: int
    code: str  #: Lambda's CodeSha256
    deployment: str  #: when, the same for all functions of one deployment


@dataclass(frozen=True, kw_only=True)
class History:
    """A function's versions, oldest first, and the code that is live."""

    function: str
    live: str
    versions: Sequence[Version]

    @property
    def is_published(self) -> bool:
        return bool(self.versions) and self.versions[-1].code == self.live

    @property
    def previous(self) -> Version | None:
        """The newest code before the live one."""
        return next((each for each in reversed(self.versions) if each.code != self.live), None)


@dataclass(frozen=True, kw_only=True)
class Return:
    """A function's way back to an earlier version; the `left` ones were no good."""

    function: str
    to: Version
    left: Sequence[Version]

    @property
    def change(self) -> Change:
        details = (f"code of {self.to.deployment} (version {self.to.number})",)
        return Change(verb="update", kind="function", name=self.function, details=details)


def history(functions: Any, name: str) -> History:
    """What Lambda knows about a function's code."""
    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    found = [version for page in pages for version in page["Versions"]]
    live = functions.get_function_configuration(FunctionName=name)["CodeSha256"]
    versions = [
        Version(number=int(each["Version"]), code=each["CodeSha256"], deployment=each.get("Description", ""))
        for each in found
        if each["Version"] != "$LATEST"
    ]
    return History(function=name, live=live, versions=sorted(versions, key=lambda each: each.number))


def publish(functions: Any, names: Iterable[str]) -> None:
    """Keep the live code of these functions as that of a deployment made now. Old versions go."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    for name in names:
        known = history(functions, name)
        if known.is_published:
            continue
        functions.publish_version(FunctionName=name, Description=now)
        for old in known.versions[: -(KEPT - 1)]:
            _forget(functions, name, old)


def way_back(histories: Sequence[History]) -> list[Return]:
    """The last good code: what was live before the last deployment, for those functions that it changed.

    When a deployment did not come to its end, the functions that it changed return to what was published.
    Raises: BadInput when there is nothing to return to.
    """
    unfinished = [each for each in histories if each.versions and not each.is_published]
    if unfinished:
        return [Return(function=each.function, to=each.versions[-1], left=()) for each in unfinished]
    last = max((each.versions[-1].deployment for each in histories if each.versions), default=None)
    affected = [each for each in histories if each.versions and each.versions[-1].deployment == last]
    returns = [
        Return(function=each.function, to=to, left=[old for old in each.versions if old.number > to.number])
        for each in affected
        if (to := each.previous) is not None
    ]
    if not returns:
        raise BadInput("There is no earlier code to return to: this is the first deployment.")
    return returns


def go_back(functions: Any, returns: Sequence[Return], packages: Path) -> None:
    """Make the code of these versions live, and forget those that were left: the next way back is further.

    `packages` holds what was deployed from this machine; what is not there is fetched from Lambda.
    Raises: DeploymentError, before anything is changed, when some code cannot be had.
    """
    code: dict[str, bytes] = {}  # mostly one: all functions share their package
    for each in returns:
        if each.to.code not in code:
            code[each.to.code] = _kept(packages, each.to.code) or _fetched(functions, each)
    for each in returns:
        for old in each.left:
            _forget(functions, each.function, old)
    for each in returns:
        functions.update_function_code(FunctionName=each.function, ZipFile=code[each.to.code])
    for each in returns:
        functions.get_waiter("function_updated_v2").wait(
            FunctionName=each.function, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )


def _kept(packages: Path, code: str) -> bytes | None:
    contents = (file.read_bytes() for file in packages.glob("*.zip"))
    return next((content for content in contents if code_of(content) == code), None)


def _fetched(functions: Any, back: Return) -> bytes:
    found = functions.get_function(FunctionName=back.function, Qualifier=str(back.to.number))
    with urllib.request.urlopen(found["Code"]["Location"], timeout=60) as response:  # noqa: S310 - Lambda's own
        content: bytes = response.read()
    if code_of(content) != back.to.code:
        raise DeploymentError(
            f"Lambda hands out other code than that of {back.function}, version {back.to.number}. "
            "Nothing was changed: check out that code and deploy it."
        )
    return content


def _forget(functions: Any, name: str, version: Version) -> None:
    functions.delete_function(FunctionName=name, Qualifier=str(version.number))
