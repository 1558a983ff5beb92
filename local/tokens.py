"""Creates tokens for the local stage, signed with its own key.

make -s token                                    # all scopes, as the owner "default"
make -s token SCOPE=tasks:read OWNER=alice       # alone on its line, for $(...)
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from chalicelib.domain.caller import OWNER_LIMIT_CHARACTERS, Scope, is_owner
from infra import APP_NAME, LOCAL_STAGE, Clients, emulator_environment

LIFETIME: Final = timedelta(hours=12)
OWNER: Final = "default"
ENDPOINTS: Final = Path(__file__).parents[1] / ".local" / "endpoints.json"


def mint_token(key: str, owner: str, scopes: Iterable[str], now: datetime, **claims: Any) -> str:
    """Return a token of `owner` with `scopes` and additional `claims`, valid for LIFETIME."""
    payload = {
        "sub": owner,
        "scope": " ".join(scopes),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        **claims,
    }
    return jwt.encode(payload, key, algorithm="HS256")


def stage_token(clients: Clients, owner: str, scopes: Iterable[str]) -> str:
    """Return a token that the running local stage accepts."""
    name = f"/{APP_NAME}/{LOCAL_STAGE}/token-keys"
    keys: str = clients("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return mint_token(keys.partition(",")[0], owner, scopes, datetime.now(UTC))


def main(endpoints: Path = ENDPOINTS) -> int:
    """Print a token for OWNER with SCOPE (names with spaces or commas); return 2 for bad input."""
    owner = os.environ.get("OWNER") or OWNER
    scopes = (os.environ.get("SCOPE") or " ".join(Scope)).replace(",", " ").split()
    known_scopes = [scope.value for scope in Scope]
    if not is_owner(owner):
        print(f"OWNER={owner}: 1 to {OWNER_LIMIT_CHARACTERS} characters without '#'.", file=sys.stderr)
        return 2
    if unknown := [scope for scope in scopes if scope not in known_scopes]:
        print(f"SCOPE={unknown[0]}: known are {', '.join(known_scopes)}.", file=sys.stderr)
        return 2
    try:
        endpoint = json.loads(endpoints.read_text())["aws_endpoint"]
        os.environ.update(emulator_environment(endpoint))
        print(stage_token(get_session().create_client, owner, scopes))
    except (OSError, BotoCoreError, ClientError):
        print("The local stage is not running: start it with `make up`.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
