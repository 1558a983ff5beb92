"""AWS Signature Version 4, which authenticates a request and protects it from changes.

The algorithm is in "Create a signed AWS API request" of the IAM user guide. A test compares signatures with
botocore's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from chalicelib.aws.sdk.credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to one service in one region."""

    service: str
    region: str

    def signed(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        credentials: Credentials,
        now: datetime,
    ) -> dict[str, str]:
        """`headers` together with those that sign the request.

        `headers` include `host`; their names are in lower case. `path` is percent-encoded. `now` is in UTC;
        AWS refuses a time that is five minutes off.
        """
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        signed = {**headers, "x-amz-date": moment}
        if credentials.session_token is not None:
            signed["x-amz-security-token"] = credentials.session_token
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
        canonical = f"{method}\n{quote(path, safe='/~')}\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(credentials.secret_key, moment[:8], self.region, self.service)
        signature = digest(key, to_sign.encode(), "sha256").hex()
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope},"
            f" SignedHeaders={names}, Signature={signature}"
        )
        return signed


@lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key that signs the requests of one day to one service in one region."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = digest(key, part.encode(), "sha256")
    return key
