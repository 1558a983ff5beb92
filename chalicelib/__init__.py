"""The Task Processing Service: everything that the Lambda functions of `app.py` run."""

from __future__ import annotations

from chalicelib.cold_start import disable_pydantic_plugins

disable_pydantic_plugins()
