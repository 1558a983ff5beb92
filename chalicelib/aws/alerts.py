"""Alerts to people, by SNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

#: SNS refuses longer subjects.
_SUBJECT_LIMIT = 100


class Alerts:
    """The stage's alert topic."""

    def __init__(self, client: SNSClient, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._arn: str | None = None

    def publish(self, subject: str, message: str) -> None:
        """Send one alert to whoever subscribed."""
        if self._arn is None:
            # Creating a topic that exists answers its ARN; a plain look-up by name does not exist in SNS.
            self._arn = self._client.create_topic(Name=self._topic)["TopicArn"]
        self._client.publish(TopicArn=self._arn, Subject=subject[:_SUBJECT_LIMIT], Message=message)
