"""What a new container does, from its first import to its last answer. Runs alone, outside the project.

    python cold_start.py FUNCTION EVENTS.json [--report]

With --report it tells the modules that were imported, the files that were opened, and the most memory it had.
"""

import json
import sys


class Context:
    """What a handler asks of Lambda's context."""

    function_name = "cold"
    aws_request_id = "cold"

    def get_remaining_time_in_millis(self) -> int:
        """The time that the invocation has left."""
        return 120_000


def main(function: str, events: str, *options: str) -> None:
    """Import the app, and call one of its functions with one event after the other."""
    opened: list[object] = []
    if "--report" in options:
        sys.addaudithook(lambda name, args: opened.append(args[0]) if name == "open" else None)
    with open(events) as file:
        what_happened = json.load(file)
    import app  # noqa: PLC0415 - this is what is measured

    for event in what_happened:
        answer = getattr(app, function)(event, Context())
        if isinstance(answer, dict):
            failed = answer.get("batchItemFailures") or answer.get("statusCode", 200) >= 300
            assert not failed, answer
    if "--report" in options:
        told = {"modules": len(sys.modules), "opened": len(opened), "kilobytes": _most_kilobytes()}
        print(json.dumps(told), file=sys.stderr)


def _most_kilobytes() -> int:
    """The most memory that this process had. Not getrusage, which counts what its parent had, too."""
    with open("/proc/self/status") as lines:
        told = dict(line.split(":", 1) for line in lines)
    return int(told["VmHWM"].split()[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
