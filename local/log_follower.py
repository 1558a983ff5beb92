"""Prints the functions' logs, and tolerates a server that is too busy to return them."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from local.display import Display
from local.emulator import Emulator
from local.log_stream import LOG_GROUPS, LogStream

#: A server that needs longer is busy; the deployment of saved files must not wait for it.
READ_TIMEOUT_SECONDS: Final = 5.0


class LogFollower:
    """Prints each line that the functions log from now on."""

    def __init__(
        self, emulator: Emulator, display: Display, read_timeout_seconds: float = READ_TIMEOUT_SECONDS
    ) -> None:
        logs = emulator.client("logs", read_timeout_seconds=read_timeout_seconds)
        self._lines = LogStream(logs, LOG_GROUPS)
        self._emulator = emulator
        self._display = display
        self._is_late = False

    def show_new(self) -> None:
        """Print new lines. A later call prints the lines that a busy server did not return.

        Raises: LocalStageError when the server has ended.
        """
        try:
            for line in self._lines.read_new():
                self._display.log(line)
        except BotoCoreError as error:
            self._emulator.check(timeout_seconds=0.3)
            self._note_late(error)
        except ClientError as error:  # the server read logs that were changing; the next call prints them
            if error.response["Error"]["Code"] != "InternalError":
                raise
        else:
            self._is_late = False

    def _note_late(self, error: BotoCoreError) -> None:
        if not self._is_late:
            self._display.step(f"The embedded AWS does not respond; its logs will appear later ({error})")
        self._is_late = True
