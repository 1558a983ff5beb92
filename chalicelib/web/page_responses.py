"""What browsers get: pages with a strict policy, assets to keep for good, and where to sign in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from chalice.app import Request, Response

from chalicelib.domain.errors import NotFound
from chalicelib.http.etags import content_tag, matches
from chalicelib.settings import VERSION, Settings
from chalicelib.web.assets import site

_FOR_GOOD = "public, max-age=31536000, immutable"
#: Before each use, a browser asks whether its copy is still the page.
_ASK_AGAIN = "no-cache"


def page(request: Request, name: str, settings: Settings, websocket_url: str) -> Response:
    """200 with a page, 304 when the browser has it, 308 to where its relative addresses hold."""
    path = str(request.context.get("path") or "/")
    if name == "dashboard" and not path.endswith("/"):
        return Response("", {"Location": f"./{path.rpartition('/')[2]}/"}, 308)
    html = site().pages[name]
    headers: dict[str, str | list[str]] = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_security_policy(settings, websocket_url),
        "Cache-Control": _ASK_AGAIN,
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    # The policy is part of what is cached.
    tag = content_tag(html + str(headers["Content-Security-Policy"]))
    headers["ETag"] = tag
    if matches(request, tag):
        return Response("", headers, 304)
    return Response(html, headers, 200)


def asset(request: Request, name: str) -> Response:
    """200 with a file that never changes, or 304. Raises: NotFound."""
    found = site().assets.get(name)
    if found is None:
        raise NotFound(f"There is no asset {name[:100]!r}.")
    tag = content_tag(found.text)
    headers: dict[str, str | list[str]] = {
        "Content-Type": found.media_type,
        "Cache-Control": _FOR_GOOD,
        "ETag": tag,
    }
    return Response("", headers, 304) if matches(request, tag) else Response(found.text, headers, 200)


def config(settings: Settings, websocket_url: str) -> Response:
    """200 with what a page needs to know before anybody has signed in. It holds no secrets."""
    body = {
        "stage": settings.stage,
        "version": VERSION,
        "auth": _auth(settings),
        "websocket_url": websocket_url,
    }
    return Response(body, {"Cache-Control": _ASK_AGAIN}, 200)


def _auth(settings: Settings) -> dict[str, Any]:
    if settings.auth == "off":
        return {"mode": "off"}
    claims = {"scope_claim": settings.scope_claim, "scope_prefix": settings.scope_prefix}
    if not settings.oidc_client_id:
        return {"mode": "token", **claims}
    return {
        "mode": "oidc",
        "issuer": settings.token_issuer,
        "client_id": settings.oidc_client_id,
        "scope": settings.sign_in_scope,
        "audience": settings.token_audience,
        "authorization_endpoint": settings.oidc_authorization_endpoint,
        "token_endpoint": settings.oidc_token_endpoint,
        **claims,
    }


def content_security_policy(settings: Settings, websocket_url: str) -> str:
    """Own scripts and styles, nothing inline; calls to the service, its WebSocket and the token endpoint."""
    callable_origins = ["'self'", _origin(websocket_url)]
    if settings.oidc_token_endpoint:
        callable_origins.append(_origin(settings.oidc_token_endpoint))
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": " ".join(callable_origins),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _origin(url: str) -> str:
    place = urlsplit(url)
    return f"{place.scheme}://{place.netloc}"
