"""Responses for browsers: pages with a strict policy, cacheable assets, and the dashboard's configuration."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from chalice.app import Request, Response

from chalicelib.domain.errors import NotFound
from chalicelib.http.etags import content_tag, matches
from chalicelib.settings import VERSION, Settings
from chalicelib.web.assets import site

_IMMUTABLE = "public, max-age=31536000, immutable"
#: A browser revalidates its copy before each use.
_REVALIDATE = "no-cache"


def page(request: Request, name: str, settings: Settings, websocket_url: str) -> Response:
    """200 with a page, 304 if the browser has it, 308 to the path with a slash, which relative URLs need."""
    path = str(request.context.get("path") or "/")
    if name == "dashboard" and not path.endswith("/"):
        return Response("", {"Location": f"./{path.rpartition('/')[2]}/"}, 308)
    html = site().pages[name]
    headers: dict[str, str | list[str]] = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_security_policy(settings, websocket_url),
        "Cache-Control": _REVALIDATE,
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    # A browser caches the policy together with the page.
    tag = content_tag(html + str(headers["Content-Security-Policy"]))
    headers["ETag"] = tag
    if matches(request, tag):
        return Response("", headers, 304)
    return Response(html, headers, 200)


def asset(request: Request, name: str) -> Response:
    """200 with a file that never changes, or 304 if the browser has it. Raises: NotFound."""
    file = site().assets.get(name)
    if file is None:
        raise NotFound(f"There is no asset {name[:100]!r}.")
    tag = content_tag(file.text)
    headers: dict[str, str | list[str]] = {
        "Content-Type": file.media_type,
        "Cache-Control": _IMMUTABLE,
        "ETag": tag,
    }
    return Response("", headers, 304) if matches(request, tag) else Response(file.text, headers, 200)


def config(settings: Settings, websocket_url: str) -> Response:
    """200 with the configuration that the dashboard reads before sign-in. It contains no secrets."""
    body = {
        "stage": settings.stage,
        "version": VERSION,
        "auth": _auth(settings),
        "websocket_url": websocket_url,
    }
    return Response(body, {"Cache-Control": _REVALIDATE}, 200)


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
    """A policy: own scripts and styles, nothing inline, calls to the service and the token endpoint only."""
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
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
