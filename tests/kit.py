"""The kit moved to `testing.kit`; this name works for one more release."""

import warnings

from testing.kit import Kit

__all__ = ["Kit"]

warnings.warn("tests.kit moved: use `from testing.kit import Kit`", DeprecationWarning, stacklevel=2)
