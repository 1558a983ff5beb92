"""The alerts that the stage published."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final

from local.stage import PREFIX
from tests.chaos.stage import Stage

_QUEUE: Final = "chaos-alerts"


class Alerts:
    """A queue subscribed to the alert topic. It survives restarts of the emulator."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        sqs, sns = stage.client("sqs"), stage.client("sns")
        url = sqs.create_queue(QueueName=_QUEUE)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name=f"{PREFIX}-alerts")["TopicArn"]
        let_topic_send = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [let_topic_send]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def keys(self) -> Counter[str]:
        """The keys in all alerts, with counts. Call it once: it empties the queue."""
        sqs = self._stage.client("sqs")
        url = sqs.get_queue_url(QueueName=_QUEUE)["QueueUrl"]
        keys: Counter[str] = Counter()
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                text = json.loads(message["Body"])["Message"]
                keys.update(line.split()[1] for line in text.splitlines() if line.startswith("- "))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return keys
