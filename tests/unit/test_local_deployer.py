"""An app that cannot be imported is not deployed, and Python's error is reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.errors import AppImportError, DeploymentError
from local.deployer import Deployer

ROOT = Path(__file__).parents[2]
NO_SERVER = "http://127.0.0.1:1"  # reserved, and nothing listens there


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source" / ".chalice").mkdir(parents=True)
    (tmp_path / "source" / "chalicelib").mkdir()
    for name in ("__init__.py", "task_types.py"):
        (tmp_path / "source" / "chalicelib" / name).touch()
    config = {"version": "2.0", "app_name": "tiny", "stages": {"local": {}}}
    (tmp_path / "source" / ".chalice" / "config.json").write_text(json.dumps(config))
    return tmp_path / "source"


def deploy(source: Path) -> None:
    home = source.parent / "home"
    home.mkdir()
    Deployer(source=source, endpoint=NO_SERVER, home=home, records=home / "deployed", environment={}).deploy()


def test_a_syntax_error_is_shown_with_its_line(source: Path) -> None:
    (source / "app.py").write_text("import chalicelib.broken\n")
    (source / "chalicelib" / "broken.py").write_text("def broken(:\n")
    with pytest.raises(AppImportError) as caught:
        deploy(source)
    assert 'File "chalicelib/broken.py", line 1\n    def broken(:' in str(caught.value)
    assert str(caught.value).endswith("SyntaxError: invalid syntax")


def test_an_error_on_import_is_shown_with_the_apps_own_frames_only(source: Path) -> None:
    (source / "app.py").write_text("import json\n\njson.loads('{')\n")
    with pytest.raises(AppImportError) as caught:
        deploy(source)
    first, *_, last = str(caught.value).splitlines()
    assert first == '  File "app.py", line 3, in <module>'
    assert last.startswith("json.decoder.JSONDecodeError: ")
    assert "chalice/cli" not in str(caught.value)
    assert "json/decoder.py" not in str(caught.value)


def test_a_module_that_only_some_function_imports_must_be_importable_too(source: Path) -> None:
    (source / "app.py").write_text("from chalice import Chalice\n\napp = Chalice(app_name='tiny')\n")
    (source / "chalicelib" / "rooms").mkdir()
    (source / "chalicelib" / "rooms" / "__init__.py").touch()
    (source / "chalicelib" / "rooms" / "far.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(AppImportError, match="ModuleNotFoundError: No module named 'nothing_of_this_name'"):
        deploy(source)


def test_a_broken_task_type_is_named_with_its_error_and_the_remedy(source: Path) -> None:
    (source / "app.py").write_text("from chalice import Chalice\n\napp = Chalice(app_name='tiny')\n")
    (source / "chalicelib" / "task_types.py").unlink()
    (source / "chalicelib" / "task_types").mkdir()
    discovery = ROOT / "chalicelib" / "task_types" / "__init__.py"
    (source / "chalicelib" / "task_types" / "__init__.py").write_text(discovery.read_text())
    (source / "chalicelib" / "task_types" / "greet.py").write_text("def greet(:\n")
    with pytest.raises(AppImportError) as caught:
        deploy(source)
    *_, file, code, _caret, error, remedy = str(caught.value).splitlines()
    assert file == '  File "chalicelib/task_types/greet.py", line 1'
    assert (code, error) == ("    def greet(:", "SyntaxError: invalid syntax")
    assert remedy == (
        "The task type in chalicelib/task_types/greet.py cannot be imported: correct the file, or remove it."
    )


def test_an_app_that_exits_on_import_does_not_end_this_process(source: Path) -> None:
    (source / "app.py").write_text("import sys\n\nsys.exit('no')\n")
    with pytest.raises(AppImportError, match="SystemExit: no"):
        deploy(source)


def test_a_missing_server_is_reported_in_one_sentence(source: Path) -> None:
    (source / "app.py").write_text(
        "from chalice import Chalice\n\n"
        "app = Chalice(app_name='tiny')\n\n"
        "@app.lambda_function()\ndef f(event, context): ...\n"
    )
    with pytest.raises(DeploymentError, match="Could not connect to the endpoint"):
        deploy(source)


def test_what_the_app_does_on_import_stays_out_of_this_process(source: Path) -> None:
    (source / "app.py").write_text(
        "import sys\n\nsys.modules['left_behind'] = sys\nraise ValueError('enough')\n"
    )
    with pytest.raises(AppImportError, match="ValueError: enough"):
        deploy(source)
    assert "left_behind" not in sys.modules


def test_deploying_processes_are_forked_from_one_that_has_not_imported_the_app() -> None:
    """Otherwise a deployment would upload new files but import the old modules."""
    code = (
        "import sys, infra.deployer.deployment; print([m for m in sys.modules if m.startswith('chalicelib')])"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"
