"""Why a command ends early, in words for the person who gave it."""

from click import ClickException


class DeploymentError(ClickException):
    """Something was not deployed; the message says why. What was done stays, and the next run goes on.

    Chalice's own commands show it as one line, too.
    """

    exit_code = 1


class AppImportError(DeploymentError):
    """app.py, or something it imports, cannot be imported; the message is what Python says about it."""


class Declined(DeploymentError):
    """The person said no to the plan. Nothing was changed."""


class BadInput(DeploymentError):
    """The command cannot begin: nothing was changed, and the message says what to change first."""

    exit_code = 2
