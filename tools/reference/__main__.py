"""Writes the generated pages: `python -m tools.reference`."""

from __future__ import annotations

from tools.reference import PAGES

for path, page in PAGES.items():
    path.write_text(page())
