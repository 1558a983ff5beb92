"""The bundler writes modules as one script, in the order of their imports."""

from __future__ import annotations

import pytest

from chalicelib.web.bundle import BundleError, bundle

PACKAGES = {"preact": "./preact.1.js", "htm": "./htm.2.js"}


def bundled(**modules: str) -> str:
    """The script of the module `main`."""
    return bundle("main.js", {f"{name}.js": text for name, text in modules.items()}.__getitem__, PACKAGES)


def test_an_imported_module_comes_first_and_once() -> None:
    script = bundled(
        main='import { a } from "./a.js";\nimport { b } from "./b.js";\na(b);\n',
        a='import { b } from "./b.js";\nexport function a() {}\n',
        b="export const b = 1;\n",
    )
    order = [line for line in script.splitlines() if line.startswith("const $")]
    assert [line.split()[1] for line in order] == ["$b_js", "$a_js", "$main_js"]


def test_names_stay_private_and_exports_are_public() -> None:
    script = bundled(
        main='import { one, two as three } from "./a.js";\none(three);\n',
        a="const hidden = 1;\nexport function one() {}\nexport async function four() {}\n"
        "export class Five {}\nexport const two = hidden;\n",
    )
    assert "const { one, two: three } = $a_js;" in script
    assert "return { one, four, Five, two };" in script
    assert "export" not in script


def test_a_list_of_exports_may_take_several_lines() -> None:
    script = bundled(
        main='import {\n  one,\n  two,\n} from "./a.js";\n',
        a="const one = 1, two = 2;\nexport { one, two };\n",
    )
    assert "const { one, two } = $a_js;" in script
    assert "return { one, two };" in script


def test_packages_are_imported_once_from_their_urls() -> None:
    script = bundled(
        main='import { h } from "preact";\nimport htm from "htm";\nimport { a } from "./a.js";\n',
        a='import { render as draw } from "preact";\nexport const a = draw;\n',
    )
    assert script.startswith(
        'import * as $preact from "./preact.1.js";\nimport * as $htm from "./htm.2.js";\n'
    )
    assert script.count("import ") == 2
    assert "const htm = $htm.default;" in script
    assert "const { render: draw } = $preact;" in script


def test_the_word_import_in_a_text_is_left_alone() -> None:
    assert 'say("import this");' in bundled(main='  say("import this");\n')


@pytest.mark.parametrize(
    "text",
    [
        'import * as a from "./a.js";\n',
        'import "./a.js";\n',
        "import { a } from './a.js';\n",
        "export default 1;\n",
        "export let a = 1;\n",
        'export { a } from "./a.js";\n',
        'export * from "./a.js";\n',
    ],
)
def test_unsupported_statements_are_refused(text: str) -> None:
    with pytest.raises(BundleError, match=r"main\.js"):
        bundled(main=text, a="export const a = 1;\n")


def test_an_import_cycle_is_refused() -> None:
    with pytest.raises(BundleError, match=r"a\.js imports b\.js imports a\.js"):
        bundled(
            main='import { a } from "./a.js";\n',
            a='import { b } from "./b.js";\nexport const a = 1;\n',
            b='import { a } from "./a.js";\nexport const b = 1;\n',
        )


def test_an_unknown_package_is_refused() -> None:
    with pytest.raises(BundleError, match="react: no such package"):
        bundled(main='import { h } from "react";\n')
