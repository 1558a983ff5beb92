"""The routes of the pages for people, and of what only these need; the rest of the routes is in app.py."""

from __future__ import annotations

from chalice.app import Blueprint, Request, Response

from chalicelib.bootstrap import services
from chalicelib.http.problems import view
from chalicelib.web import page_responses as answers

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
    """The reference of the API."""
    return _page("reference")


@pages.route("/assets/{name}", methods=["GET"], content_types=ANY)
@view
def get_asset(name: str) -> Response:
    """A script, a style or a drawing of the pages."""
    return answers.asset(_request(), name)


@pages.route("/config", methods=["GET"], content_types=ANY)
@view
def get_config() -> Response:
    """What the dashboard needs to know before anybody has signed in."""
    return answers.config(services().settings, services().ticket_issuer.websocket_url)


def _page(name: str) -> Response:
    return answers.page(_request(), name, services().settings, services().ticket_issuer.websocket_url)


def _request() -> Request:
    assert pages.current_request is not None
    return pages.current_request
