"""The client and the output of one command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

import typer
from rich.console import Console, RenderableType

from task_service_client._client import Client
from task_service_client.errors import Refused, TaskServiceError

#: Without a terminal, no line is cut off.
_PIPE_WIDTH: Final = 1_000


class Session:
    """One run of `tasks`. Results go to standard output, all other text to standard error."""

    def __init__(self, make_client: Callable[..., Client]) -> None:
        self._make_client = make_client
        self._options: Mapping[str, Any] = {}
        self.out = _console(stderr=False)
        self.err = _console(stderr=True)

    def configure(self, **options: Any) -> None:
        """Set the options of the client."""
        self._options = options

    @cached_property
    def client(self) -> Client:
        """The client. Raises: NotConfigured."""
        return self._make_client(**self._options)

    def close(self) -> None:
        """Close the client, if it was used."""
        if "client" in vars(self):
            self.client.close()

    @property
    def interactive(self) -> bool:
        """Can a person answer a question?"""
        return sys.stdin.isatty() and self.err.is_terminal

    def show(self, renderable: RenderableType) -> None:
        """Print a result for people."""
        if self.out.is_terminal:
            self.out.print(renderable, highlight=False)
            return
        with self.out.capture() as captured:
            self.out.print(renderable, highlight=False)
        lines = (line.rstrip() for line in captured.get().splitlines())
        self.out.file.write("\n".join(lines) + "\n")
        self.out.file.flush()

    def show_json(self, value: Any) -> None:
        """Print a result as JSON."""
        if self.out.is_terminal:
            self.out.print_json(json.dumps(value), ensure_ascii=False)
        else:
            self.out.file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def show_line(self, value: Any) -> None:
        """Print JSON on one line and flush it, for a program that reads the output as it is written."""
        self.out.file.write(json.dumps(value, ensure_ascii=False) + "\n")
        self.out.file.flush()

    def print_note(self, sentence: str, style: str = "dim") -> None:
        """Print a sentence to standard error."""
        self.err.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)

    def print_error(self, error: TaskServiceError | str) -> None:
        """Print an error in one line, and one more line for each wrong field."""
        detail = error.detail if isinstance(error, Refused) else str(error)
        self.print_note(f"tasks: {detail}", style="red")
        for field in error.errors if isinstance(error, Refused) else ():
            self.print_note(f"  {field.pointer}: {field.message}", style="red")

    @contextmanager
    def resumable(self, command: str) -> Iterator[None]:
        """On Ctrl-C, print that the work continues, and the command that follows it."""
        try:
            yield
        except KeyboardInterrupt:
            self.print_note(f"It continues in the service. To follow it: {command}")
            raise

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask a person, unless `yes`. Raises: Abort if the answer is no; BadParameter without a terminal."""
        if yes:
            return
        if not self.interactive:
            raise typer.BadParameter("a confirmation needs a terminal: use --yes.")
        typer.confirm(question, abort=True, err=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_PIPE_WIDTH)


def jsons(values: Sequence[Any]) -> list[Any]:
    """The JSON of values."""
    return [value.json for value in values]
