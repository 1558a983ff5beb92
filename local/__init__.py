"""The whole service on one machine: the app that goes to AWS, deployed to an embedded AWS (MiniStack)."""


class LocalStageError(Exception):
    """The local stage cannot run, or cannot go on; the message says why and what to do, for a person."""
