"""Alerts to people, by SNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import SNS

#: SNS refuses longer subjects.
_SUBJECT_LIMIT = 100


class Alerts:
    """The stage's alert topic."""

    def __init__(self, client: SNS, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._arn: str | None = None

    def publish(self, subject: str, message: str) -> None:
        """Send an alert to all subscribers. Raises: ServiceError, Outage."""
        if self._arn is None:
            # SNS cannot look a topic up by name. CreateTopic returns the ARN of an existing topic.
            self._arn = self._client.create_topic(Name=self._topic)["TopicArn"]
        self._client.publish(TopicArn=self._arn, Subject=subject[:_SUBJECT_LIMIT], Message=message)
