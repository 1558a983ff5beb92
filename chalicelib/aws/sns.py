"""Alerts to people, by SNS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from xml.sax.saxutils import unescape

if TYPE_CHECKING:
    from chalicelib.aws.sdk.client import Endpoint

#: SNS refuses longer subjects.
_SUBJECT_LIMIT = 100
_VERSION = "2010-03-31"
_HEADERS = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
#: What is read of its answers, which are XML without attributes.
_TOLD = re.compile(rb"<(TopicArn|MessageId|Code|Message)>([^<]*)</")


class Alerts:
    """The stage's alert topic. SNS speaks forms and XML, and so little of it that no parser is needed."""

    def __init__(self, endpoint: Endpoint, topic: str) -> None:
        self._endpoint = endpoint
        self._topic = topic
        self._arn: str | None = None

    def publish(self, subject: str, message: str) -> None:
        """Send one alert to whoever subscribed."""
        if self._arn is None:
            # Creating a topic that exists answers its ARN; a plain look-up by name does not exist in SNS.
            self._arn = self._call("CreateTopic", Name=self._topic)["TopicArn"]
        self._call("Publish", TopicArn=self._arn, Subject=subject[:_SUBJECT_LIMIT], Message=message)

    def _call(self, action: str, **parameters: str) -> dict[str, str]:
        form = urlencode({"Action": action, "Version": _VERSION, **parameters})
        return self._endpoint.answer(action, _HEADERS, form.encode(), _read)


def _read(body: bytes) -> dict[str, str]:
    return {name.decode(): unescape(text.decode()) for name, text in _TOLD.findall(body)}
