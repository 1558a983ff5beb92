"""Every error that this package raises, as one tree:

TaskServiceError
├── NotConfigured          no valid address of the service is configured
├── Unreachable            the service did not answer, after all tries
├── Refused                the service answered with a problem document
│   ├── BadRequest         400: the service cannot read the request
│   ├── Unauthorized       401: the token is missing or invalid
│   ├── Forbidden          403: the token lacks a scope
│   ├── NotFound           404: the task does not exist, or belongs to another owner
│   ├── Conflict           409: the status of the task does not allow the request
│   ├── TooLarge           413: the request has more than 256 KB
│   ├── Invalid            422: `errors` has one entry for each wrong field
│   ├── TooMany            429: a limit is exceeded, after all tries
│   └── Unavailable        500 and above, after all tries
├── WaitTimeout            the task did not finish in time; `task` is its latest version
└── NotSucceeded           raised by `Task.raise_for_status`; `task` is the task
    ├── TaskFailed
    ├── TaskCanceled
    └── TaskExpired
"""

from task_service_client._errors import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotConfigured,
    NotFound,
    Refused,
    TaskServiceError,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from task_service_client.models import NotSucceeded, TaskCanceled, TaskExpired, TaskFailed, WaitTimeout

__all__ = [
    "BadRequest",
    "Conflict",
    "FieldError",
    "Forbidden",
    "Invalid",
    "NotConfigured",
    "NotFound",
    "NotSucceeded",
    "Refused",
    "TaskCanceled",
    "TaskExpired",
    "TaskFailed",
    "TaskServiceError",
    "TooLarge",
    "TooMany",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "WaitTimeout",
]
