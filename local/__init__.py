"""Runs the whole service on one machine: the same app, deployed to an embedded AWS (MiniStack)."""


class LocalStageError(Exception):
    """The local stage cannot start or continue; the message gives the reason and the remedy."""
