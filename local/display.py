"""The terminal output of `make up`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from local.log_lines import render
from local.log_stream import LogLine
from local.stage import Endpoints

_EXAMPLE = '{"type": "demo.sleep", "payload": {"seconds": 2}}'


class Display:
    """Prints to the terminal. Long lines are not wrapped, so that a user can copy them whole."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, text: str) -> None:
        """Print a step of the start or the stop."""
        self._console.print(Text(text, style="dim"))

    def ready(self, endpoints: Endpoints, seconds: float, task_seconds: float) -> None:
        """Print the service's addresses and a first request."""
        lines = {
            "Dashboard": endpoints.dashboard,
            "HTTP": endpoints.http,
            "WebSocket": endpoints.websocket,
            "Token": f"export TOKEN={endpoints.token}",
            "Watch": f'npx wscat -H "Authorization: Bearer $TOKEN" -c {endpoints.websocket}',
            "Try": f'curl {endpoints.http}/tasks -H "Authorization: Bearer $TOKEN"'
            f" -H 'Content-Type: application/json' -d '{_EXAMPLE}'",
        }
        self._line(
            f"\nReady after {seconds:.1f} s. A task took {task_seconds * 1000:.0f} ms.\n", "bold green"
        )
        for name, value in lines.items():
            self._console.print(Text.assemble((f"  {name:<11}", "bold"), value), soft_wrap=True)
        self._line(
            "\nA saved file in chalicelib/ or app.py is live a second later. Ctrl-C stops everything.\n",
            "dim",
        )

    def redeployed(self, files: Iterable[Path], seconds: float) -> None:
        """Print the files whose new code is live."""
        names = ", ".join(sorted(map(str, files)))
        self._line(f"Redeployed in {seconds:.1f} s: {names}", "bold green")

    def log(self, line: LogLine) -> None:
        """Print a line that a function logged."""
        text = render(line.function, line.text, line.written_at)
        if text is not None:
            self._console.print(text, soft_wrap=True)

    def problem(self, title: str, message: str) -> None:
        """Print a box that stands out among the log lines."""
        self._console.print(Panel(Text(message), title=title, title_align="left", border_style="bold red"))

    def _line(self, text: str, style: str) -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)
