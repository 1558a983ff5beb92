"""`python -m task_service_client` is `tasks`."""

import sys

from task_service_client.command_line import main

sys.exit(main())
