"""The page of scopes, from the operations of the HTTP API."""

from __future__ import annotations

from chalicelib import settings
from chalicelib.domain import caller
from chalicelib.http.openapi.document import document
from tools.reference.comments import comments
from tools.reference.http_api import scope_of
from tools.reference.markdown import NOTICE, table


def scopes() -> str:
    """Each scope and the operations that it allows."""
    api = document(settings.VERSION)
    routes: dict[str, list[str]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            routes.setdefault(scope_of(operation), []).append(f"`{method.upper()} {path}`")
    meanings = comments(caller.Scope)
    rows = [
        (f"`{scope.value}`", meanings[scope.name], ", ".join(routes[f"`{scope.value}`"]))
        for scope in caller.Scope
    ]
    return "\n".join(
        [
            "# Scopes\n",
            NOTICE,
            "A token's scopes decide which operations it allows. The claim that `SCOPE_CLAIM` names holds",
            "them, separated by spaces ([settings](settings.md)). A WebSocket connection needs",
            "`tasks:read`. `tasks:admin` includes the other scopes.\n",
            table(("scope", "allows", "operations"), rows),
            f"Without a token: {', '.join(routes['none'])}, and the dashboard's pages.\n",
        ]
    )
