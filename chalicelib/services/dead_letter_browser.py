"""Dead letters for people: which causes there are, and which deaths each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.domain.dead_letter_groups import dead_letter_view, group_id_of_record, grouped
from chalicelib.domain.dead_letters import DeadLetterRecord

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.dead_letter_list import DeadLetterList
    from chalicelib.aws.dynamodb.task_table import TaskTable


@dataclass(frozen=True, slots=True)
class Found:
    """Views of what was found, and the key where the next page goes on (None: there is nothing more)."""

    name: str
    views: list[dict[str, Any]]
    position: str | None


class DeadLetterBrowser:
    """Reads the records of deaths; a death whose task was retried or deleted since is over."""

    def __init__(self, *, records: DeadLetterList, tasks: TaskTable) -> None:
        self._records = records
        self._tasks = tasks

    def page(
        self, owner: str, group: str | None, *, before: str | None, limit: int, filters: Mapping[str, str]
    ) -> Found:
        """At most `limit` groups, or deaths of one `group`, in the next stretch of records.

        A group may go on in the stretch after that.
        """
        deaths, position = self._stretch(owner, before, filters)
        if group is not None:
            members = [death for death in deaths if group_id_of_record(death) == group]
            position = members[limit - 1].key if len(members) > limit else position
            return Found("dead_letters", [dead_letter_view(death) for death in members[:limit]], position)
        groups, beyond = grouped(deaths, limit)
        position = position if beyond is None else deaths[deaths.index(beyond) - 1].key
        return Found("groups", [each.view() for each in groups], position)

    def _stretch(
        self, owner: str, before: str | None, filters: Mapping[str, str]
    ) -> tuple[list[DeadLetterRecord], str | None]:
        stretch = self._records.newest(owner, before=before, filters=filters)
        names = [(death.owner, death.task_id) for death in stretch.deaths if death.task_id is not None]
        dead = self._tasks.deaths(names)
        found = [death for death in stretch.deaths if death.task_id is None or death.key in dead]
        return found, stretch.position
