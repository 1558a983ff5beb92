"""The service without one guard, and the edits that remove guards.

A comment `# guard: claim.waiting` marks the line on which a guard stands; on a line of its own it marks the
next line. One comment may name several guards, and one guard may have several lines, all in one file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MARKER = re.compile(r"^(?P<code>.*?)\s*# guard: (?P<guards>[a-z., -]+)$")
_STRING = re.compile(r'f?"[^"]*"')

#: Makes one line into others.
Edit = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Place:
    """A marked line."""

    file: str  #: below ROOT
    line: int  #: from 0


@dataclass(frozen=True, slots=True)
class Mutant:
    """The service without one guard."""

    guard: str
    edits: tuple[Edit, ...]  #: one for each marked line, or one for all of them

    def applied(self, lines: list[str], places: list[Place]) -> list[str]:
        """The file's lines without the guard. Raises: LookupError if an edit changes nothing."""
        code = [_code(lines[place.line]) for place in places]
        if self.edits == (swapped,):
            edited = _in_other_order(*code)
        else:
            edits = self.edits * len(code) if len(self.edits) == 1 else self.edits
            edited = [edit(line) for edit, line in zip(edits, code, strict=True)]
        without = list(lines)
        for place, old, new in zip(places, code, edited, strict=True):
            if new == old:
                raise LookupError(f"{self.guard}: {place.file}:{place.line + 1} lacks what the edit removes")
            without[place.line] = new
        return without


def find_markers(root: Path = ROOT) -> Mapping[str, list[Place]]:
    """The marked lines of each guard, in order."""
    found: defaultdict[str, list[Place]] = defaultdict(list)
    for path in sorted((root / "chalicelib").rglob("*.py")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if marker := _MARKER.match(line):
                place = Place(str(path.relative_to(root)), number if marker["code"] else number + 1)
                for guard in marker["guards"].split(", "):
                    found[guard].append(place)
    return found


# --- Edits ------------------------------------------------------------------------------------------


def replaced(old: str, new: str) -> Edit:
    """A part of the line becomes another."""
    return lambda line: line.replace(old, new)


def always_true(line: str) -> str:
    """The clause in the line's longest string holds for every row that exists.

    Its names and values stay in use: DynamoDB refuses those that no expression uses.
    """
    text = max(_STRING.findall(line), key=len)
    opening, clause = re.fullmatch(r'(f?"(?: AND )?)(.*)"', text).groups()  # type: ignore[union-attr]
    return line.replace(text, f'{opening}({clause} OR attribute_exists(pk))"')


def dropped(line: str) -> str:
    """The line is gone: an argument without a trace, a statement leaves `pass`."""
    return "" if line.endswith(",") else f"{_indent(line)}pass"


def swapped(line: str) -> str:
    """The two marked lines change places."""
    raise NotImplementedError("it takes two lines")


def condition(value: bool) -> Edit:
    """The condition of the line's `if` has this value."""
    return lambda line: re.sub(r"\b((?:el)?if) .*?:(?=\s|$)", rf"\1 {value}:", line)


def returns(value: str) -> Edit:
    """The line returns something else."""
    return lambda line: f"{_indent(line)}return {value}"


def assigns(value: str) -> Edit:
    """The line assigns something else."""
    return lambda line: f"{line.partition(' = ')[0]} = {value}"


def preceded(statement: str) -> Edit:
    """Another statement comes before the line."""
    return lambda line: f"{_indent(line)}{statement}\n{line}"


def followed(statement: str) -> Edit:
    """Another statement comes after the line."""
    return lambda line: f"{line}\n{_indent(line)}{statement}"


def _in_other_order(first: str, second: str) -> list[str]:
    value = second.strip().removeprefix("return ")
    if value == second.strip():
        return [second, first]
    indent = _indent(first)
    return [f"{indent}returned = {value}", f"{first}\n{indent}return returned"]


def _code(line: str) -> str:
    """The line without its marker."""
    marker = _MARKER.match(line)
    return marker["code"] if marker else line


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
