"""Makes one script of the dashboard's modules, so that a visit costs a handful of requests and not thirty.

Each module becomes a function of its own, so that names stay private, in the order in which they need each
other. That takes little of JavaScript's grammar, and what is beyond it is refused:

    import { name, other as alias } from "./module.js";
    import { name } from "package";        import name from "package";
    export function …    export async function …    export class …    export const …    export { name };
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_IMPORT = re.compile(r'^import (?:\{([^}]*)\}|(\w+)) from "([^"]+)";\n', re.MULTILINE)
_DECLARATION = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_LIST = re.compile(r"^export \{([^}]*)\};\n", re.MULTILINE)
_LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class BundleError(ValueError):
    """A module cannot be bundled; the message says which, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Module:
    needs: tuple[str, ...]  #: what it imports, as written
    body: str  #: the function that it becomes


def bundle(entry: str, read: Callable[[str], str], packages: Mapping[str, str]) -> str:
    """The script that runs the module `entry`.

    `read` gives the text of a module by its name, `packages` the address of a package by its name.
    Raises: BundleError.
    """
    ordered: dict[str, _Module] = {}
    _collect(entry, read, ordered, ())
    used = {need for module in ordered.values() for need in module.needs if not need.startswith("./")}
    if unknown := used - packages.keys():
        raise BundleError(f"{sorted(unknown)[0]}: no such package")
    imports = [f'import * as {_variable(name)} from "{packages[name]}";' for name in packages if name in used]
    return "\n".join([*imports, *(module.body for module in ordered.values()), ""])


def _collect(
    name: str, read: Callable[[str], str], ordered: dict[str, _Module], path: tuple[str, ...]
) -> None:
    """Add a module to `ordered`, behind all that it needs."""
    if name in path:
        raise BundleError(f"{' needs '.join([*path, name])}: a circle")
    if name in ordered:
        return
    module = _translated(name, read(name))
    for need in module.needs:
        if need.startswith("./"):
            _collect(need[2:], read, ordered, (*path, name))
    ordered[name] = module


def _translated(name: str, text: str) -> _Module:
    imports = list(_IMPORT.finditer(text))
    body = _DECLARATION.sub("", _LIST.sub("", _IMPORT.sub("", text)))
    if strange := _LEFT_OVER.search(body):
        raise BundleError(f"{name}: {strange.group()!r} is not understood")
    header = "".join(f"{_bound(found)}\n" for found in imports)
    returned = f"return {{ {', '.join(_exported(text))} }};"
    function = f"const {_variable(name)} = (() => {{\n{header}{body}{returned}\n}})();"
    return _Module(needs=tuple(found.group(3) for found in imports), body=function)


def _exported(text: str) -> list[str]:
    listed = [each.strip() for names in _LIST.findall(text) for each in names.split(",")]
    return [*_DECLARATION.findall(text), *filter(None, listed)]


def _bound(found: re.Match[str]) -> str:
    """An import as a declaration that takes names from what another module returned."""
    names, default, source = found.groups()
    variable = _variable(source.removeprefix("./"))
    if default is not None:
        return f"const {default} = {variable}.default;"
    return f"const {{ {', '.join(_renamed(names))} }} = {variable};"


def _renamed(names: str) -> Iterator[str]:
    for each in filter(None, map(str.strip, names.split(","))):
        yield each.replace(" as ", ": ")


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name)
