"""Where the service is, and who we are: from arguments, the environment, or a `make up` near by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from task_service_client.errors import NotConfigured

#: What a running local stage writes, below the checkout.
ENDPOINTS: Final = Path(".local") / "endpoints.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """How to reach the service."""

    url: str
    token: str | None = field(default=None, repr=False)


def find(url: str | None, token: str | None, environ: Mapping[str, str], directory: Path) -> Configuration:
    """The given `url` and `token`, else TASKS_URL and TASKS_TOKEN, else those of a local stage that runs in
    `directory` or a directory above it. A local stage's token goes to that stage alone.

    Raises: NotConfigured.
    """
    url = url or environ.get("TASKS_URL") or None
    token = token or environ.get("TASKS_TOKEN") or None
    if url is None:
        local = _local_stage(directory)
        if local is None:
            raise NotConfigured(
                "No service is known: set TASKS_URL and TASKS_TOKEN, or run `make up` in this checkout."
            )
        url, token = local.url, token or local.token
    if not url.startswith(("http://", "https://")):
        raise NotConfigured(f"{url!r} is no address of a service: it begins with https:// or http://.")
    return Configuration(url=url.rstrip("/"), token=token)


def _local_stage(directory: Path) -> Configuration | None:
    for place in (directory, *directory.parents):
        file = place / ENDPOINTS
        try:
            plain = json.loads(file.read_text())
            return Configuration(url=plain["http"], token=plain.get("token"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotConfigured(f"{file} cannot be read: {error}") from error
    return None
