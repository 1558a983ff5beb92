"""The old name of `testing.kit`. The next release removes it."""

import warnings

from testing.kit import Kit

__all__ = ["Kit"]

warnings.warn(
    "tests.kit is now testing.kit: use `from testing.kit import Kit`", DeprecationWarning, stacklevel=2
)
