"""The routes of the web pages, which need no token and are not in the OpenAPI document."""

from __future__ import annotations

PAGE_ROUTES = frozenset({"/", "/docs", "/assets/{name}", "/config"})
