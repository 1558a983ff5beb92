"""The routes of the web pages and of their assets and configuration. app.py has all other routes."""

from __future__ import annotations

from chalice.app import Blueprint, Request, Response

from chalicelib.bootstrap import services
from chalicelib.http.problems import view
from chalicelib.web import page_responses

pages = Blueprint(__name__)
ANY = ["*/*"]


@pages.route("/", methods=["GET"], content_types=ANY)
@view
def get_dashboard() -> Response:
    """The dashboard."""
    return _page("dashboard")


@pages.route("/docs", methods=["GET"], content_types=ANY)
@view
def get_reference() -> Response:
    """The API reference."""
    return _page("reference")


@pages.route("/assets/{name}", methods=["GET"], content_types=ANY)
@view
def get_asset(name: str) -> Response:
    """A script, a style sheet or an icon of the pages."""
    return page_responses.asset(_request(), name)


@pages.route("/config", methods=["GET"], content_types=ANY)
@view
def get_config() -> Response:
    """The configuration that the dashboard reads before sign-in."""
    return page_responses.config(services().settings, services().ticket_issuer.websocket_url)


def _page(name: str) -> Response:
    return page_responses.page(_request(), name, services().settings, services().ticket_issuer.websocket_url)


def _request() -> Request:
    assert pages.current_request is not None
    return pages.current_request
