"""The address and the token of the service: from arguments, the environment, or a local stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from task_service_client._errors import NotConfigured

#: A running local stage writes this file in its checkout.
ENDPOINTS: Final = Path(".local") / "endpoints.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """The address and the token of a service."""

    url: str
    token: str | None = field(default=None, repr=False)


def find_configuration(
    url: str | None, token: str | None, environ: Mapping[str, str], directory: Path
) -> Configuration:
    """The given `url` and `token`, else TASKS_URL and TASKS_TOKEN, else those of a local stage.

    The local stage is the one that runs in `directory` or in a directory above it. Its token is used for that
    stage only.

    Raises: NotConfigured.
    """
    url = url or environ.get("TASKS_URL") or None
    token = token or environ.get("TASKS_TOKEN") or None
    if url is None:
        local = _local_stage(directory)
        if local is None:
            raise NotConfigured(
                "No service is configured: set TASKS_URL and TASKS_TOKEN, or run `make up` in this checkout."
            )
        url, token = local.url, token or local.token
    if not url.startswith(("http://", "https://")):
        raise NotConfigured(
            f"{url!r} is not an address of a service: it must begin with https:// or http://."
        )
    return Configuration(url=url.rstrip("/"), token=token)


def _local_stage(directory: Path) -> Configuration | None:
    for parent in (directory, *directory.parents):
        file = parent / ENDPOINTS
        try:
            endpoints = json.loads(file.read_text())
            return Configuration(url=endpoints["http"], token=endpoints.get("token"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotConfigured(f"{file} cannot be read: {error}") from error
    return None
