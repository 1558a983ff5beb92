"""Records docs/images/terminal.svg and terminal.txt on a running local stage (`make up`).

.venv/bin/python -m tools.record_session
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
COLUMNS = 110
SESSION = (
    "tasks run demo.sleep seconds=3 steps=6 --wait",
    'tasks run demo.fail message="disk full" --max-attempts 1 --wait; echo "exit code $?"',
    "tasks run demo.sleep seconds=1 --delay 5m",
    "tasks explain $(tasks ls -s scheduled -n 1 --json | jq -r '.[0].id')",
    "tasks dead-letters ls",
    "tasks dead-letters retry --type demo.fail --yes",
    "tasks ls -n 4",
    "tasks run demo.sleep seconds=soon",
)
#: The frame of the progress bar that the picture shows besides the end.
MOMENT = re.compile(r"running.*step [345] of 6")
THEME = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
    [
        (110, 118, 129),
        (255, 161, 152),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (255, 255, 255),
    ],
)


def run(command: str) -> bytes:
    """Run a command. Returns all bytes that it sends to its terminal."""
    screen, terminal = pty.openpty()
    environ = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=ROOT, env=environ, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    sent = bytearray()
    with suppress(OSError):
        while chunk := os.read(screen, 65_536):
            sent += chunk
    os.close(screen)
    process.wait()
    return bytes(sent)


def shown(sent: bytes) -> list[str]:
    """The lines that stay on the screen, after one frame of the progress bar."""
    lines, frames, row = [""], [], 0
    for piece in re.split(r"(\r\n|\n|\r|\x1b\[2K|\x1b\[\d*A|\x1b\[\?25[lh])", sent.decode()):
        if piece in ("\r\n", "\n"):
            row += 1
            if row == len(lines):
                lines.append("")
        elif piece == "\x1b[2K":
            frames += [lines[row]]
            lines[row] = ""
        elif re.fullmatch(r"\x1b\[\d*A", piece):
            row -= 1
        elif piece and piece != "\r" and not piece.startswith("\x1b[?25"):
            lines[row] += piece
    moment = [frame for frame in frames if MOMENT.search(re.sub(r"\x1b\[[\d;]*m", "", frame))]
    return [*moment[:1], *lines]


def main() -> None:
    """Run the session, print it, write it."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for command in SESSION:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        lines = shown(run(command))
        while lines and not lines[-1]:
            lines.pop()
        for line in lines:
            console.print(Text.from_ansi(line), soft_wrap=True)
        console.print()
    text = console.export_text(clear=False)
    (IMAGES / "terminal.txt").write_text(
        "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n"
    )
    svg = console.export_svg(title="tasks", theme=THEME)
    # Use the reader's own monospaced font instead of one from another server.
    (IMAGES / "terminal.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
