"""Names and phrases that left the repository do not come back: one term stands for one thing.

docs/glossary.md has the terms to use instead.
"""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).relative_to(ROOT).as_posix()

#: Names for code, and the names to use instead.
NAMES = {
    "BoxOffice": "TicketIssuer",
    "box_office": "ticket_issuer",
    "Obituary": "DeadLetterPublisher",
    "obituary": "dead_letter_publisher",
    "DeathGroup": "DeadLetterGroup",
    "DeathGroups": "DeadLetterGroups",
    "die_unheard": "fail_before_dead_letter",
    "condemn": "fail_as_poison",
    "WakeUp": "TaskMessage",
    "NotOurs": "UnrecognizedMessage",
    "lots_of": "due_bucket_of",
    "home_of": "due_bucket_of",
    "at_home": "unparked",
    "hang_up": "close_connection",
    "RunNotes": "RunTelemetry",
    "last_word": "with_latest_progress",
    "_Enough": "_Stop",
    "give_way": "back_off",
    "no_plugins": "disable_pydantic_plugins",
    "KeptConnections": "PooledTransport",
    "Patient": "DeployedStage",
    "Blueprint": "TemplateStage",
    "Standing": "Diff",
    "Rehearsal": "DryRun",
    "way_back": "plan_rollback",
    "chalice_extension": "chalice_patches",
    "only_one": "single_instance",
    "who": "the name of the thing, such as caller",
    "wanted": "the name of the thing, such as new_task",
    "asked": "the name of the thing, such as request",
    "told": "the name of the thing, such as rows",
}
#: Names for the service alone: the client has an error with this name.
SERVICE_NAMES = {"Refused": "Conflict"}
#: Phrases for any text, and what to write instead.
PHRASES = {"Buy a ticket": "Create a ticket", r"\bsells\b": "issues"}
#: Chalice's own class has one of the names.
EXEMPT = {("chalicelib/web/routes.py", "Blueprint")}


@cache
def tracked() -> tuple[str, ...]:
    """The tracked Python, JavaScript and Markdown files, as paths below the root."""
    listing = subprocess.run(
        ["git", "ls-files", "*.py", "*.js", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = listing.stdout.splitlines()
    return tuple(path for path in paths if "/vendor/" not in path and (ROOT / path).exists())


def names(path: str, text: str) -> Iterator[tuple[int, str]]:
    """The line and text of each name in a file, without strings and comments where that is known."""
    if path.endswith(".py"):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string
        return
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, word) for word in re.findall(r"\w+", line) if not word.isalpha() or _mixed(word))


def _mixed(word: str) -> bool:
    """Is it a name of two words, which no prose has?"""
    return bool(re.search("[a-z][A-Z]", word))


def offences(path: str, text: str) -> Iterator[str]:
    """Each forbidden name or phrase of a file, with its line and what to write instead."""
    forbidden = {**NAMES, **SERVICE_NAMES} if path.startswith("chalicelib/") else NAMES
    for number, name in names(path, text):
        if name in forbidden and (path, name) not in EXEMPT:
            yield f"{path}:{number}: {name} -> {forbidden[name]}"
    for number, line in enumerate(text.splitlines(), 1):
        for phrase, instead in PHRASES.items():
            if re.search(phrase, line):
                yield f"{path}:{number}: {phrase} -> {instead}"


def test_forbidden_names_and_phrases_are_not_used() -> None:
    found = [
        offence
        for path in tracked()
        if path not in (HERE, "CHANGELOG.md")  # they name what was renamed
        for offence in offences(path, (ROOT / path).read_text())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "def refuse(who: str) -> None: ...\n"),
        ("a.py", "call(wanted=1)\n"),
        ("a.py", "plan.asked\n"),
        ("a.py", "from b import BoxOffice as Office\n"),
        ("a.py", '"""It sells tickets."""\n'),
        ("a.md", "`BoxOffice` has the tickets.\n"),
        ("a.js", "const box_office = 1;\n"),
        ("a.md", "Buy a ticket.\n"),
    ],
)
def test_a_forbidden_name_or_phrase_is_found(path: str, text: str) -> None:
    assert len(list(offences(path, text))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", '"""The subject who was asked."""  # who wanted it\n'),
        ("a.md", "The subject who was asked. Refused requests are logged.\n"),
        ("a.js", "// who wanted it\n"),
        ("chalicelib/web/routes.py", "pages = Blueprint(__name__)\n"),
    ],
)
def test_prose_and_exemptions_are_allowed(path: str, text: str) -> None:
    assert not list(offences(path, text))
