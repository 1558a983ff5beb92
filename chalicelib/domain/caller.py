"""Who is calling, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.errors import Forbidden

#: Longer names of owners and subjects are refused.
NAME_LIMIT_CHARACTERS = 128


class Scope(StrEnum):
    """What a token can allow."""

    READ = "tasks:read"  #: read one's own tasks, and watch them
    WRITE = "tasks:write"  #: create, cancel, retry and delete one's own tasks
    ADMIN = "tasks:admin"  #: both for any owner, and audits, statistics and dead letters


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Somebody who proved who they are."""

    subject: str  #: who it is, for audits
    owner: str  #: whose tasks these are
    scopes: frozenset[str]
    expires_at: datetime | None = None  #: when the proof ends; None: never

    def may(self, scope: Scope) -> bool:
        """Is `scope` allowed? An administrator may do everything."""
        return scope.value in self.scopes or Scope.ADMIN.value in self.scopes

    def require(self, scope: Scope) -> None:
        """Raises: Forbidden when `scope` is not allowed."""
        if not self.may(scope):
            raise Forbidden(f"The token lacks the scope {scope.value}.")

    def acting_for(self, owner: str | None) -> Caller:
        """The caller in another owner's place. Raises: Forbidden for all but administrators."""
        if owner is None or owner == self.owner:
            return self
        self.require(Scope.ADMIN)
        return replace(self, owner=owner)


def is_owner(name: str) -> bool:
    """Can `name` be the name of an owner or a subject? It becomes part of keys and of logs."""
    return 0 < len(name) <= NAME_LIMIT_CHARACTERS and name.isprintable() and "#" not in name


#: Everybody, on a stage without tokens.
ANYBODY = Caller(subject="anybody", owner="default", scopes=frozenset(Scope))
