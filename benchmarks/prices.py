"""List prices of us-east-1 in US dollars, without free tiers and discounts: check them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WRITE_UNIT: Final = 0.625e-6
READ_UNIT: Final = 0.125e-6
SQS_REQUEST: Final = 0.40e-6
LAMBDA_REQUEST: Final = 0.20e-6
LAMBDA_GB_SECOND: Final = 13.3334e-6  #: arm64
REST_REQUEST: Final = 3.50e-6
SOCKET_MESSAGE: Final = 1.00e-6  #: 32 KB each
SOCKET_MINUTE: Final = 0.25e-6
LOG_GB: Final = 0.50
ALERT: Final = 0.50e-6  #: an SNS publish


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """Billed units."""

    rest_requests: float = 0
    lambda_requests: float = 0
    gb_seconds: float = 0
    sqs_requests: float = 0
    write_units: float = 0
    read_units: float = 0
    socket_messages: float = 0
    log_bytes: float = 0

    def price(self) -> dict[str, float]:
        """US dollars by service."""
        return {
            "API Gateway": self.rest_requests * REST_REQUEST + self.socket_messages * SOCKET_MESSAGE,
            "Lambda": self.lambda_requests * LAMBDA_REQUEST + self.gb_seconds * LAMBDA_GB_SECOND,
            "SQS": self.sqs_requests * SQS_REQUEST,
            "DynamoDB": self.write_units * WRITE_UNIT + self.read_units * READ_UNIT,
            "CloudWatch Logs": self.log_bytes / 1e9 * LOG_GB,
        }
