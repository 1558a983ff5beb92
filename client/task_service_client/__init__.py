"""Client of the Task Processing Service: create tasks, wait for them, watch them live.

    from task_service_client import Client

    with Client() as client:
        task = client.run("demo.sleep", {"seconds": 2})
        print(task.status, task.result)

`AsyncClient` has the same methods for asyncio. `errors` shows the tree of exceptions.
"""

from task_service_client._async_client import AsyncClient
from task_service_client._client import Client
from task_service_client._redrive_operations import Filter
from task_service_client._retries import Retries
from task_service_client._version import __version__
from task_service_client.errors import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotConfigured,
    NotFound,
    NotSucceeded,
    Refused,
    TaskCanceled,
    TaskExpired,
    TaskFailed,
    TaskServiceError,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
    Unreachable,
    WaitTimeout,
)
from task_service_client.models import (
    Attempt,
    DeadLetter,
    DeadLetterGroup,
    Explanation,
    Preview,
    Progress,
    Redrive,
    Stats,
    Task,
    TaskError,
    TaskType,
)

__all__ = [
    "AsyncClient",
    "Attempt",
    "BadRequest",
    "Client",
    "Conflict",
    "DeadLetter",
    "DeadLetterGroup",
    "Explanation",
    "FieldError",
    "Filter",
    "Forbidden",
    "Invalid",
    "NotConfigured",
    "NotFound",
    "NotSucceeded",
    "Preview",
    "Progress",
    "Redrive",
    "Refused",
    "Retries",
    "Stats",
    "Task",
    "TaskCanceled",
    "TaskError",
    "TaskExpired",
    "TaskFailed",
    "TaskServiceError",
    "TaskType",
    "TooLarge",
    "TooMany",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "WaitTimeout",
    "__version__",
]
