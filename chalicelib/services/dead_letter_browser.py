"""Lists recorded dead letters: groups by cause, and the dead letters of one group."""

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
class DeadLetterPage:
    """A page of views under their JSON `name`, and the key where the next page starts (None: no more)."""

    name: str
    views: list[dict[str, Any]]
    position: str | None


class DeadLetterBrowser:
    """Reads recorded dead letters, without those whose task was retried or deleted since."""

    def __init__(self, *, records: DeadLetterList, tasks: TaskTable) -> None:
        self._records = records
        self._tasks = tasks

    def page(
        self, owner: str, group: str | None, *, before: str | None, limit: int, filters: Mapping[str, str]
    ) -> DeadLetterPage:
        """At most `limit` groups, or dead letters of one `group`, of the next page of records.

        A group may continue on the following page.
        """
        records, position = self._read(owner, before, filters)
        if group is not None:
            members = [record for record in records if group_id_of_record(record) == group]
            position = members[limit - 1].key if len(members) > limit else position
            return DeadLetterPage(
                "dead_letters", [dead_letter_view(each) for each in members[:limit]], position
            )
        groups, next_record = grouped(records, limit)
        position = position if next_record is None else records[records.index(next_record) - 1].key
        return DeadLetterPage("groups", [each.view() for each in groups], position)

    def _read(
        self, owner: str, before: str | None, filters: Mapping[str, str]
    ) -> tuple[list[DeadLetterRecord], str | None]:
        page = self._records.newest(owner, before=before, filters=filters)
        names = [(record.owner, record.task_id) for record in page.records if record.task_id is not None]
        failed = self._tasks.dead_letter_keys(names)
        current = [record for record in page.records if record.task_id is None or record.key in failed]
        return current, page.position
