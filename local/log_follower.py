"""The functions' logs on the terminal, also while the server that keeps them has no time for us."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from local.display import Terminal
from local.emulator import Emulator
from local.log_stream import LOG_GROUPS, LogStream

#: A server that is this late with its logs is busy; saved files must not wait for it any longer.
READ_TIMEOUT_SECONDS: Final = 5.0


class LogFollower:
    """Shows each line that the functions log from now on."""

    def __init__(
        self, emulator: Emulator, terminal: Terminal, read_timeout_seconds: float = READ_TIMEOUT_SECONDS
    ) -> None:
        logs = emulator.client("logs", read_timeout_seconds=read_timeout_seconds)
        self._lines = LogStream(logs, LOG_GROUPS)
        self._emulator = emulator
        self._terminal = terminal
        self._is_late = False

    def show_new(self) -> None:
        """Show what is new. What cannot be read now is shown by a later call, as long as the server runs.

        Raises: LocalStageError when the server has ended.
        """
        try:
            for line in self._lines.read_new():
                self._terminal.log(line)
        except BotoCoreError as error:
            self._emulator.check(patience_seconds=0.3)
            self._note_late(error)
        except ClientError as error:  # its logs change while it reads them; the next look shows these lines
            if error.response["Error"]["Code"] != "InternalError":
                raise
        else:
            self._is_late = False

    def _note_late(self, error: BotoCoreError) -> None:
        if not self._is_late:
            self._terminal.step(f"The embedded AWS does not answer; its logs will come later ({error})")
        self._is_late = True
