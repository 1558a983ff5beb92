"""Stands for `pydantic.plugin._loader`: this service has no plugins for pydantic.

With the first model of a process pydantic looks for them in the metadata of every installed package. To
import what reads metadata, and to read it, is a fifteenth of a cold start of the functions that validate.
The setting PYDANTIC_DISABLE_PLUGINS spares only the reading. Whoever wants a plugin takes the line out of
`chalicelib/__init__.py`.
"""

from __future__ import annotations


def get_plugins() -> tuple[()]:
    """None."""
    return ()
