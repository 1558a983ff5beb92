"""The services of this container, built from its settings on first use."""

from __future__ import annotations

from chalicelib.bootstrap.services import Services
from chalicelib.settings import Settings

__all__ = ["Services", "install", "services"]

_installed: list[Services] = []


def services() -> Services:
    """This container's services."""
    if not _installed:
        install(Services(Settings.current()))
    return _installed[0]


def install(new_services: Services) -> None:
    """Make the handlers use `new_services`. Tests install services with a clock of their own."""
    _installed[:] = [new_services]
