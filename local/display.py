"""What `make up` says to the person at the terminal."""

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


class Terminal:
    """Every line that is shown. Long ones are not broken, so that they can be copied whole."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, sentence: str) -> None:
        self._console.print(Text(sentence, style="dim"))

    def ready(self, endpoints: Endpoints, seconds: float, probe_seconds: float) -> None:
        """Where the service is and what to try first."""
        lines = {
            "Dashboard": endpoints.dashboard,
            "HTTP": endpoints.http,
            "WebSocket": endpoints.websocket,
            "Token": f"export TOKEN={endpoints.token}",
            "Watch": f'npx wscat -H "Authorization: Bearer $TOKEN" -c {endpoints.websocket}',
            "Try": f'curl {endpoints.http}/tasks -H "Authorization: Bearer $TOKEN"'
            f" -H 'Content-Type: application/json' -d '{_EXAMPLE}'",
        }
        self._say(
            f"\nReady after {seconds:.1f} s. A task took {probe_seconds * 1000:.0f} ms.\n", "bold green"
        )
        for name, value in lines.items():
            self._console.print(Text.assemble((f"  {name:<11}", "bold"), value), soft_wrap=True)
        self._say(
            "\nA saved file in chalicelib/ or app.py is live a second later. Ctrl-C stops everything.\n",
            "dim",
        )

    def redeployed(self, files: Iterable[Path], seconds: float) -> None:
        names = ", ".join(sorted(map(str, files)))
        self._say(f"Redeployed in {seconds:.1f} s: {names}", "bold green")

    def log(self, line: LogLine) -> None:
        text = render(line.function, line.text, line.written_at)
        if text is not None:
            self._console.print(text, soft_wrap=True)

    def problem(self, title: str, message: str) -> None:
        """A box that cannot be overlooked among the log lines."""
        self._console.print(Panel(Text(message), title=title, title_align="left", border_style="bold red"))

    def _say(self, sentence: str, style: str) -> None:
        self._console.print(Text(sentence, style=style), soft_wrap=True)
