"""The Task Processing Service: the code of the Lambda functions in `app.py`."""

from __future__ import annotations

from chalicelib.cold_start import disable_pydantic_plugins

disable_pydantic_plugins()
