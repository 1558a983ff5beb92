"""The caller of the API: name, owner and scopes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.errors import Forbidden

#: The longest name of an owner or a subject. A DynamoDB sort key holds at most 1,024 bytes.
OWNER_LIMIT_CHARACTERS = 128


class Scope(StrEnum):
    """The rights that a token can grant."""

    READ = "tasks:read"  #: read and watch the owner's tasks
    WRITE = "tasks:write"  #: create, cancel, retry and delete the owner's tasks
    ADMIN = "tasks:admin"  #: both for every owner, and audits, statistics and dead letters


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """An authenticated caller."""

    subject: str  #: the name in audits
    owner: str  #: the owner of the tasks that the caller reads and writes
    scopes: frozenset[str]
    expires_at: datetime | None = None  #: the token's end; None: it has none

    def may(self, scope: Scope) -> bool:
        """Is `scope` allowed? An administrator has every scope."""
        return scope.value in self.scopes or Scope.ADMIN.value in self.scopes

    def require(self, scope: Scope) -> None:
        """Raises: Forbidden when `scope` is not allowed."""
        if not self.may(scope):
            raise Forbidden(f"The token lacks the scope {scope.value}.")

    def acting_for(self, owner: str | None) -> Caller:
        """The caller with another `owner`; None keeps it. Raises: Forbidden unless an administrator."""
        if owner is None or owner == self.owner:
            return self
        self.require(Scope.ADMIN)
        return replace(self, owner=owner)


def is_owner(name: str) -> bool:
    """Is `name` a valid name of an owner or a subject? `#` separates the parts of a row's key."""
    return 0 < len(name) <= OWNER_LIMIT_CHARACTERS and name.isprintable() and "#" not in name


#: Every caller, on a stage without tokens.
ANYBODY = Caller(subject="anybody", owner="default", scopes=frozenset(Scope))
