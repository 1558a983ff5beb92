"""Watches the source files, and reports saved ones."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Self

from watchfiles import Change, DefaultFilter, watch

DEBOUNCE_MS: Final = 100


class SourceWatcher:
    """Watches the files of the deployment package: app.py and everything in chalicelib/."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._saved: queue.SimpleQueue[set[Path]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        # Watch directories: many editors replace a file to save it, which ends a watch on the file.
        self._threads = [
            self._start(root, recursive=False, watch_filter=_AppFile()),
            self._start(root / "chalicelib", recursive=True, watch_filter=DefaultFilter()),
        ]

    def wait(self, seconds: float) -> set[Path]:
        """Return saved files, relative to the root, as soon as there are any; none after the timeout."""
        try:
            saved = self._saved.get(timeout=seconds)
        except queue.Empty:
            return set()
        while not self._saved.empty():
            saved |= self._saved.get()
        return saved

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _start(
        self, path: Path, *, recursive: bool, watch_filter: Callable[[Change, str], bool]
    ) -> threading.Thread:
        def forward() -> None:
            changes = watch(
                path,
                watch_filter=watch_filter,
                debounce=DEBOUNCE_MS,
                step=DEBOUNCE_MS // 2,
                stop_event=self._stopping,
                rust_timeout=500,
                recursive=recursive,
                raise_interrupt=False,
            )
            for files in changes:
                if saved := _existing(files):
                    self._saved.put({file.relative_to(self._root) for file in saved})

        thread = threading.Thread(target=forward, daemon=True)
        thread.start()
        return thread


def _existing(changes: Iterable[tuple[Change, str]]) -> set[Path]:
    """Return the changed files without temporary ones, which some editors create and delete to save."""
    changes = list(changes)
    added = {file for change, file in changes if change is Change.added}
    return {Path(file) for _, file in changes if file not in added or Path(file).exists()}


class _AppFile(DefaultFilter):
    def __call__(self, change: Change, path: str) -> bool:
        return Path(path).name == "app.py" and super().__call__(change, path)
