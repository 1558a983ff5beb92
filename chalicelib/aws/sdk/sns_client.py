"""The two operations of SNS in use. SNS takes forms and returns XML without attributes."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import unescape

from chalicelib.aws.sdk.client import Endpoint

_VERSION = "2010-03-31"
_HEADERS = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
_FIELD = re.compile(rb"<(TopicArn|MessageId|Code|Message)>([^<]*)</")


class SNSClient:
    """SNS, called like botocore's client."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def create_topic(self, **parameters: Any) -> Any:
        """CreateTopic, with `Name`. Returns the `TopicArn`. Raises: ServiceError, Outage."""
        return self._call("CreateTopic", parameters)

    def publish(self, **parameters: Any) -> Any:
        """Publish, with `TopicArn`, `Subject` and `Message`. Raises: ServiceError, Outage."""
        return self._call("Publish", parameters)

    def _call(self, operation: str, parameters: dict[str, Any]) -> Any:
        form = urlencode({"Action": operation, "Version": _VERSION, **parameters})
        return self._endpoint.call(operation, _HEADERS, form.encode(), _parse_xml)


def _parse_xml(body: bytes) -> dict[str, str]:
    return {name.decode(): unescape(text.decode()) for name, text in _FIELD.findall(body)}
