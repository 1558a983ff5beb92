"""The zip that a deploy makes, unpacked as Lambda unpacks it, with or without what makes it start faster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from time import mktime
from typing import Any, Final

from botocore.loaders import Loader
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

ROOT: Final = Path(__file__).parents[1]
#: Wheels are downloaded once for the same requirements and code.
HOME: Final = ROOT / ".tools" / "bench"
PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
#: What AWS's runtime brings, with its bytecode.
_RUNTIME: Final = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
#: The services that the functions use, with the operations.
OPERATIONS: Final[Mapping[str, Sequence[str]]] = {
    "apigatewaymanagementapi": ("DeleteConnection", "PostToConnection"),
    "dynamodb": (
        "BatchGetItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    ),
    "sns": ("CreateTopic", "Publish"),
    "sqs": (
        "ChangeMessageVisibility",
        "DeleteMessageBatch",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
    ),
    "ssm": ("GetParameter",),
}


def build() -> Path:
    """The zip, made by Chalice's own packager."""
    project = HOME / "project"
    shutil.rmtree(project / "chalicelib", ignore_errors=True)
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy2(ROOT / name, project / name)
    tools = OSUtils()
    packager = LambdaDeploymentPackager(tools, DependencyBuilder(tools), UI(StringIO(), StringIO()))
    return Path(packager.create_deployment_package(str(project), PYTHON))


def unpack(package: Path, target: Path) -> Path:
    """Unpack a zip with its timestamps: Python compares them with those in its bytecode."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(target)
        for entry in archive.infolist():
            stamp = mktime((*entry.date_time, 0, 0, -1))
            os.utime(target / entry.filename, (stamp, stamp))
    return target


def add_bytecode(task: Path) -> None:
    """Bytecode that is good whatever the timestamps of its sources."""
    mode = ("--invalidation-mode", "unchecked-hash")
    subprocess.run([sys.executable, "-m", "compileall", "-q", *mode, str(task)], check=True)


def link_runtime(target: Path) -> Path:
    """The packages of AWS's runtime, as they are installed here."""
    target.mkdir()
    for name in _RUNTIME:
        spec = find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        origin = Path(spec.origin)
        place = origin.parent if spec.submodule_search_locations else origin
        (target / place.name).symlink_to(place)
    return target


# --- What botocore reads --------------------------------------------------------------------------------


def trimmed_data(target: Path) -> Path:
    """botocore's data for our services and operations alone, uncompressed."""
    loader = Loader()
    for name in ("partitions", "sdk-default-configuration", "_retry"):
        _write(target / f"{name}.json", loader.load_data(name))
    endpoints = loader.load_data("endpoints")
    _write(target / "endpoints.json", {**endpoints, "partitions": endpoints["partitions"][:1]})
    for service, operations in OPERATIONS.items():
        version = loader.determine_latest_version(service, "service-2")
        home = target / service / version
        model = loader.load_service_model(service, "service-2")
        _write(home / "service-2.json", _trimmed(model, operations))
        rules = loader.load_service_model(service, "endpoint-rule-set-1")
        _write(home / "endpoint-rule-set-1.json", rules)
        pages = loader.load_service_model(service, "paginators-1")["pagination"]
        kept = {name: pages[name] for name in operations if name in pages}
        _write(home / "paginators-1.json", {"pagination": kept})
    return target


def _trimmed(model: Mapping[str, Any], operations: Sequence[str]) -> dict[str, Any]:
    """The model with these operations and the shapes that they reach, without documentation."""
    kept = {name: model["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    wanted = list(_shapes_in(list(kept.values())))
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            wanted += _shapes_in(shapes[name])
    trimmed: dict[str, Any] = _undocumented({**model, "operations": kept, "shapes": shapes})
    return trimmed


def _shapes_in(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for each in node for name in _shapes_in(each)]
    if isinstance(node, dict):
        here = [node["shape"]] if isinstance(node.get("shape"), str) else []
        return here + [name for each in node.values() for name in _shapes_in(each)]
    return []


def _undocumented(node: Any) -> Any:
    if isinstance(node, list):
        return [_undocumented(each) for each in node]
    if isinstance(node, dict):
        return {name: _undocumented(each) for name, each in node.items() if name != "documentation"}
    return node


def _write(file: Path, document: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, separators=(",", ":")))
