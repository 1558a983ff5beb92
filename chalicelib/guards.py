"""Who may call and watch, and how much."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.resources import Resources

if TYPE_CHECKING:
    from chalicelib.box_office import BoxOffice
    from chalicelib.services.limits import Limits
    from chalicelib.tokens import Tokens


class Guards(Resources):
    """What stands between a caller and the use cases."""

    @cached_property
    def tokens(self) -> Tokens | None:
        """Who may call; None on a stage where everybody may."""
        if self.settings.auth == "off":
            return None
        from chalicelib.tokens import Tokens

        return Tokens.of(self.settings, shared_keys=lambda: self.parameters.token_keys, clock=self.clock)

    @cached_property
    def box_office(self) -> BoxOffice:
        from chalicelib.box_office import BoxOffice

        return BoxOffice(self.parameters, self.clock)

    @cached_property
    def limits(self) -> Limits:
        from chalicelib.services.limits import Limits, Quota

        quota = Quota(
            posts_per_second=self.settings.posts_per_second,
            post_burst=self.settings.post_burst,
            open_tasks=self.settings.open_tasks,
            connections=self.settings.connections,
        )
        return Limits(self._limit_table, quota, self.clock)
