"""Errors that end a command early. Each message is written for the person who ran the command."""

from click import ClickException


class DeploymentError(ClickException):
    """A deployment failed; the message gives the reason. Finished steps stay, and the next run continues.

    Chalice's own commands show the message as one line, too.
    """

    exit_code = 1


class AppImportError(DeploymentError):
    """app.py, or a module it imports, cannot be imported; the message is Python's own."""


class Declined(DeploymentError):
    """The user declined the plan. Nothing was changed."""


class BadInput(DeploymentError):
    """The command cannot begin. Nothing was changed, and the message names what to correct."""

    exit_code = 2
