"""Dead letters, and retrying or canceling many tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict
from urllib.parse import quote

from task_service_client.calling import Calling
from task_service_client.effects import Sleep, Steps, Stream, consume
from task_service_client.models import DeadLetter, DeadLetterGroup, Preview, Redrive

Action = Literal["retry", "cancel"]
_LOOK_SECONDS = 0.5


class Filter(TypedDict, total=False):
    """Which tasks a redrive handles: those that fit everything that is named."""

    status: str
    type: str
    tag: str
    error_kind: str
    group: str  #: of dead letters
    created_before: datetime
    created_after: datetime
    all: bool  #: True: really all of them


class RedriveOperations(Calling):
    """Calls for those who look after the service."""

    def dead_letter_groups(
        self,
        *,
        type: str | None = None,
        kind: str | None = None,
    ) -> Steps[tuple[DeadLetterGroup, ...]]:
        """The deaths of tasks that nobody has retried or deleted since, by cause, the biggest group first.

        For administrators.
        """
        groups: dict[str, Mapping[str, Any]] = {}

        def add(plain: Mapping[str, Any]) -> bool:
            groups[plain["id"]] = _merged(groups.get(plain["id"]), plain)
            return False

        query = {"type": type, "kind": kind}
        yield from consume(self._pages("/dead-letters", query, "groups", None, dict), add)
        biggest_first = sorted(groups.values(), key=lambda plain: -plain["count"])
        return tuple(map(DeadLetterGroup.from_json, biggest_first))

    def dead_letters(self, group: str, *, limit: int | None = None) -> Stream[DeadLetter]:
        """The deaths of one group, at most `limit`. For administrators."""
        return self._pages("/dead-letters", {"group": group}, "dead_letters", limit, DeadLetter.from_json)

    def preview_redrive(self, filter: Filter, *, action: Action = "retry") -> Steps[Preview]:
        """What a redrive with this filter would handle. Changes nothing."""
        body = {"action": action, "filter": _plain(filter), "dry_run": True}
        return Preview.from_json((yield from self._call("POST", "/redrives", body=body, repeatable=True)))

    def redrive(
        self,
        filter: Filter,
        *,
        action: Action = "retry",
        rate: int = 10,
    ) -> Steps[Redrive]:
        """A redrive that has begun: it retries or cancels what fits the filter, `rate` tasks a second.

        It handles tasks that are there when it begins, each at most once.
        Raises: Invalid for a filter that names nothing; Conflict when one with the same filter is running.
        """
        body = {"action": action, "filter": _plain(filter), "rate": rate}
        return Redrive.from_json((yield from self._call("POST", "/redrives", body=body)))

    def get_redrive(self, redrive_id: str) -> Steps[Redrive]:
        """The redrive as it is now. Raises: NotFound."""
        return Redrive.from_json((yield from self._call("GET", _path(redrive_id), repeatable=True)))

    def redrives(self, *, limit: int | None = None) -> Stream[Redrive]:
        """All redrives, newest first; at most `limit`."""
        return self._pages("/redrives", {}, "redrives", limit, Redrive.from_json)

    def abort_redrive(self, redrive_id: str) -> Steps[Redrive]:
        """The redrive, stopped; what it has done stays done. Raises: NotFound, Conflict."""
        return Redrive.from_json((yield from self._call("POST", f"{_path(redrive_id)}/abort")))

    def wait_for_redrive(
        self, redrive_id: str, *, on_update: Callable[[Redrive], object] | None = None
    ) -> Steps[Redrive]:
        """The redrive, once it is done, aborted or failed. `on_update` is called with each look at it."""
        while True:
            redrive = yield from self.get_redrive(redrive_id)
            if on_update is not None:
                on_update(redrive)
            if redrive.finished:
                return redrive
            yield Sleep(_LOOK_SECONDS)


def _merged(known: Mapping[str, Any] | None, more: Mapping[str, Any]) -> Mapping[str, Any]:
    """One group out of what two pages told of it."""
    if known is None:
        return more
    newest = max(known, more, key=lambda each: str(each["last_failed_at"]))
    return {
        **newest,
        "count": known["count"] + more["count"],
        "first_failed_at": min(known["first_failed_at"], more["first_failed_at"]),
        "task_ids": [*newest["task_ids"], *(known if newest is more else more)["task_ids"]][:5],
    }


def _plain(filter: Filter) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in filter.items()
        if value is not None
    }


def _path(redrive_id: str) -> str:
    return f"/redrives/{quote(redrive_id, safe='')}"
