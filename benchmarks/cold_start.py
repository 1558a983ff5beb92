"""A new container, from its first import to its last response. Runs alone, outside the project.

    python cold_start.py FUNCTION EVENTS.json [--report]

With --report it prints the number of imported modules and opened files, and the peak of its memory.
"""

import json
import sys


class Context:
    """The part of Lambda's context that the handlers use."""

    function_name = "cold"
    aws_request_id = "cold"

    def get_remaining_time_in_millis(self) -> int:
        """The time that the invocation has left."""
        return 120_000


def main(function: str, events: str, *options: str) -> None:
    """Import the app, and call one of its functions with each event in turn."""
    opened: list[object] = []
    if "--report" in options:
        sys.addaudithook(lambda name, args: opened.append(args[0]) if name == "open" else None)
    with open(events) as file:
        served = json.load(file)
    import app  # noqa: PLC0415 - its import is measured

    for event in served:
        response = getattr(app, function)(event, Context())
        if isinstance(response, dict):
            failed = response.get("batchItemFailures") or response.get("statusCode", 200) >= 300
            assert not failed, response
    if "--report" in options:
        report = {"modules": len(sys.modules), "opened": len(opened), "kilobytes": _peak_kilobytes()}
        print(json.dumps(report), file=sys.stderr)


def _peak_kilobytes() -> int:
    """The peak of this process's resident memory. getrusage would include its parent's."""
    with open("/proc/self/status") as lines:
        status = dict(line.split(":", 1) for line in lines)
    return int(status["VmHWM"].split()[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
