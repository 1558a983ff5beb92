"""Bundles JavaScript modules into one script, so that a page needs about five requests instead of thirty.

Each module becomes a function, so that its names stay private. A module comes after those it imports. The
bundler understands these statements and refuses other imports and exports:

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
_UNSUPPORTED = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class BundleError(ValueError):
    """A module cannot be bundled. The message names the module and the reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Module:
    imports: tuple[str, ...]  #: the imported names, as written
    body: str  #: the module as a function


def bundle(entry: str, read: Callable[[str], str], packages: Mapping[str, str]) -> str:
    """The script that runs the module `entry`.

    `read` returns the text of a module by name. `packages` has the URL of each package by name.
    Raises: BundleError.
    """
    ordered: dict[str, _Module] = {}
    _collect(entry, read, ordered, ())
    used = {name for module in ordered.values() for name in module.imports if not name.startswith("./")}
    if unknown := used - packages.keys():
        raise BundleError(f"{sorted(unknown)[0]}: no such package")
    imports = [f'import * as {_variable(name)} from "{packages[name]}";' for name in packages if name in used]
    return "\n".join([*imports, *(module.body for module in ordered.values()), ""])


def _collect(
    name: str, read: Callable[[str], str], ordered: dict[str, _Module], path: tuple[str, ...]
) -> None:
    """Add a module to `ordered`, after the modules that it imports."""
    if name in path:
        raise BundleError(f"{' imports '.join([*path, name])}: an import cycle")
    if name in ordered:
        return
    module = _translated(name, read(name))
    for imported in module.imports:
        if imported.startswith("./"):
            _collect(imported[2:], read, ordered, (*path, name))
    ordered[name] = module


def _translated(name: str, text: str) -> _Module:
    imports = list(_IMPORT.finditer(text))
    body = _DECLARATION.sub("", _LIST.sub("", _IMPORT.sub("", text)))
    if unsupported := _UNSUPPORTED.search(body):
        raise BundleError(f"{name}: {unsupported.group()!r} is not supported")
    header = "".join(f"{_declaration(each)}\n" for each in imports)
    returned = f"return {{ {', '.join(_exported(text))} }};"
    function = f"const {_variable(name)} = (() => {{\n{header}{body}{returned}\n}})();"
    return _Module(imports=tuple(each.group(3) for each in imports), body=function)


def _exported(text: str) -> list[str]:
    listed = [each.strip() for names in _LIST.findall(text) for each in names.split(",")]
    return [*_DECLARATION.findall(text), *filter(None, listed)]


def _declaration(statement: re.Match[str]) -> str:
    """An import as a declaration that reads the names from the module's object."""
    names, default, source = statement.groups()
    variable = _variable(source.removeprefix("./"))
    if default is not None:
        return f"const {default} = {variable}.default;"
    return f"const {{ {', '.join(_renamed(names))} }} = {variable};"


def _renamed(names: str) -> Iterator[str]:
    for each in filter(None, map(str.strip, names.split(","))):
        yield each.replace(" as ", ": ")


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name)
