"""`tasks`: the command line of the Task Processing Service.

Exit codes: 0 success; 1 the task failed, or the service refused the request or did not answer; 2 the command
was wrong; 3 the task was canceled or expired; 4 --timeout passed; 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from task_service_client._client import Client


def main(arguments: Sequence[str] | None = None, make_client: Callable[..., Client] = Client) -> int:
    """Run one command and return its exit code. Tests pass their own `make_client`."""
    try:
        from task_service_client.command_line.app import run  # noqa: PLC0415 - optional dependencies
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        message = 'tasks: the command line is not installed: pip install "task-service-client[cli]"\n'
        sys.stderr.write(message)
        return 2
    try:
        return run(sys.argv[1:] if arguments is None else arguments, make_client)
    except BrokenPipeError:
        # The reader closed the pipe, as `head` does. The flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
