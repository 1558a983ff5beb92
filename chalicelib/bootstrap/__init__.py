"""The services of this container, made from its settings when first used."""

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


def install(made: Services) -> None:
    """Make handlers use `made` from now on. Tests install services with a clock of their own."""
    _installed[:] = [made]
