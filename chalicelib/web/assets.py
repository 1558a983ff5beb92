"""The files of the pages. Their names contain a hash of the content, so browsers may cache them forever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

from chalicelib.web.bundle import bundle

HERE = Path(__file__).parent
_JAVASCRIPT = "text/javascript; charset=utf-8"
#: The packages that the scripts import. A package comes after those it imports.
_PACKAGES = {"preact": "preact.mjs", "preact/hooks": "hooks.mjs", "htm": "htm.mjs"}
#: The entry modules of the pages' scripts.
_ENTRIES = ("dashboard", "reference")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """A file as browsers receive it."""

    name: str  #: contains a hash of the content
    media_type: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """All files and pages for browsers."""

    assets: Mapping[str, Asset]  #: by name
    pages: Mapping[str, str]  #: HTML by page name, `dashboard` or `reference`


@cache
def site() -> Site:
    """The site, built from the files once in a process. Building it takes about 10 ms."""
    packages: dict[str, Asset] = {}
    for name, file in _PACKAGES.items():
        packages[name] = _asset(Path(file).stem, "js", _JAVASCRIPT, _vendored(file, packages))
    style = _asset("style", "css", "text/css; charset=utf-8", _read("style.css"))
    icon = _asset("icon", "svg", "image/svg+xml", _read("icon.svg"))
    addresses = {name: f"./{asset.name}" for name, asset in packages.items()}
    scripts = {
        entry: _asset(entry, "js", _JAVASCRIPT, bundle(f"{entry}.js", _module, addresses))
        for entry in _ENTRIES
    }
    preloads = "\n".join(
        f'<link rel="modulepreload" href="assets/{asset.name}">' for asset in packages.values()
    )
    pages = {
        entry: Template(_read(f"{entry}.html")).substitute(
            style=f"assets/{style.name}",
            icon=f"assets/{icon.name}",
            script=f"assets/{script.name}",
            preloads=preloads,
        )
        for entry, script in scripts.items()
    }
    assets = [*packages.values(), style, icon, *scripts.values()]
    return Site(assets={asset.name: asset for asset in assets}, pages=pages)


def digest(text: str) -> str:
    """A short hash of `text`: the start of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _asset(stem: str, suffix: str, media_type: str, text: str) -> Asset:
    return Asset(name=f"{stem}.{digest(text)}.{suffix}", media_type=media_type, text=text)


def _vendored(file: str, packages: Mapping[str, Asset]) -> str:
    """A package whose imports name the public files of other packages."""
    text = (HERE / "vendor" / file).read_text()
    for name, asset in packages.items():
        text = text.replace(f'from"{name}"', f'from"./{asset.name}"')
    return text.partition("//# sourceMappingURL=")[0]


def _module(name: str) -> str:
    return (HERE / "scripts" / name).read_text()


def _read(name: str) -> str:
    return (HERE / "pages" / name).read_text()
