"""Run the command line: `python -m task_service_client` is the same as `tasks`."""

import sys

from task_service_client.command_line import main

sys.exit(main())
