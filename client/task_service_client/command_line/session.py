"""What every command needs: the client, and where to print."""

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

#: Where nobody looks, nothing is cut off.
_PIPE_WIDTH: Final = 1_000


class Session:
    """One run of `tasks`: answers go to standard output, everything else to standard error."""

    def __init__(self, make_client: Callable[..., Client]) -> None:
        self._make_client = make_client
        self._options: Mapping[str, Any] = {}
        self.out = _console(stderr=False)
        self.err = _console(stderr=True)

    def configure(self, **options: Any) -> None:
        """Say how to reach the service, before it is asked for anything."""
        self._options = options

    @cached_property
    def client(self) -> Client:
        """The client. Raises: NotConfigured."""
        return self._make_client(**self._options)

    def close(self) -> None:
        """End the client, if there is one."""
        if "client" in vars(self):
            self.client.close()

    @property
    def interactive(self) -> bool:
        """Can somebody be asked?"""
        return sys.stdin.isatty() and self.err.is_terminal

    def show(self, renderable: RenderableType) -> None:
        """Print an answer for people."""
        if self.out.is_terminal:
            self.out.print(renderable, highlight=False)
            return
        with self.out.capture() as captured:
            self.out.print(renderable, highlight=False)
        lines = (line.rstrip() for line in captured.get().splitlines())
        self.out.file.write("\n".join(lines) + "\n")
        self.out.file.flush()

    def show_json(self, value: Any) -> None:
        """Print an answer for programs, or a JSON value for people."""
        if self.out.is_terminal:
            self.out.print_json(json.dumps(value), ensure_ascii=False)
        else:
            self.out.file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def show_line(self, value: Any) -> None:
        """Print JSON on one line, at once: others read along."""
        self.out.file.write(json.dumps(value, ensure_ascii=False) + "\n")
        self.out.file.flush()

    def say(self, sentence: str, style: str = "dim") -> None:
        """Tell something that is no answer."""
        self.err.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)

    def complain(self, error: TaskServiceError | str) -> None:
        """Say in one line what went wrong, and one more for each wrong field."""
        detail = error.detail if isinstance(error, Refused) else str(error)
        self.say(f"tasks: {detail}", style="red")
        for field in error.errors if isinstance(error, Refused) else ():
            self.say(f"  {field.pointer}: {field.message}", style="red")

    @contextmanager
    def going_on(self, command: str) -> Iterator[None]:
        """Say, when Ctrl-C ends the wait, that only the wait is over, and how to look again."""
        try:
            yield
        except KeyboardInterrupt:
            self.say(f"It goes on without you: {command}")
            raise

    def agree(self, question: str, *, yes: bool) -> None:
        """Return when somebody, or `--yes`, says yes. Raises: Abort, TyperException."""
        if yes:
            return
        if not self.interactive:
            raise typer.BadParameter("nobody is here to be asked: say --yes.")
        typer.confirm(question, abort=True, err=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_PIPE_WIDTH)


def jsons(values: Sequence[Any]) -> list[Any]:
    """The JSON that values came from."""
    return [value.json for value in values]
