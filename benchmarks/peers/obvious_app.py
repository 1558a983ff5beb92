"""The simplest app for the same POST: it stores and sends a task with boto3's resources and pydantic."""

import os
import uuid
from typing import Any

import boto3
from chalice.app import Chalice, Response
from pydantic import BaseModel

app = Chalice(app_name="obvious")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
queue = boto3.resource("sqs").get_queue_by_name(QueueName=os.environ["QUEUE"])


class Task(BaseModel):
    """The body of a POST."""

    type: str
    payload: dict[str, Any]


@app.route("/tasks", methods=["POST"])
def create_task() -> Response:
    """Store a task and send its message."""
    assert app.current_request is not None
    task = Task.model_validate(app.current_request.json_body)
    task_id = str(uuid.uuid4())
    table.put_item(Item={"pk": f"task#{task_id}", "sk": task_id, "status": "queued", **task.model_dump()})
    queue.send_message(MessageBody=task_id)
    return Response({"id": task_id}, status_code=201)
