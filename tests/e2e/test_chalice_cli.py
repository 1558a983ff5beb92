"""Chalice's own commands work on the local stage beside the running service, without any option of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from infra.stacks.stack import put_stack
from local.emulator import HOST, Emulator
from tests.e2e.conftest import ROOT, Service, await_value
from tests.support.emulators import free_port

CHALICE = Path(sys.executable).with_name("chalice")


@pytest.fixture
def chalice_local(service: Service, tmp_path: Path) -> Iterator[int]:
    """The port of `chalice local --stage local`."""
    port = free_port()
    with (tmp_path / "chalice.log").open("wb") as log:
        process = subprocess.Popen(
            [CHALICE, "local", "--stage", "local", "--host", HOST, "--port", str(port), "--no-autoreload"],
            cwd=ROOT,
            env={**os.environ, "AWS_ENDPOINT_URL": service.endpoints.aws_endpoint},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def call(port: int, token: str, method: str, path: str, body: Any = None) -> Any:
    server = HTTPConnection(HOST, port, timeout=10)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        server.request(method, path, json.dumps(body), headers)
        return json.loads(server.getresponse().read())
    except ConnectionError:
        return None
    finally:
        server.close()


def test_chalice_local_serves_the_same_tasks(service: Service, chalice_local: int) -> None:
    token = service.endpoints.token
    health = await_value(lambda: call(chalice_local, token, "GET", "/health"))
    assert health["status"] == "ok"
    task = call(chalice_local, token, "POST", "/tasks", {"type": "demo.sleep", "payload": {"seconds": 0}})
    assert service.wait_for(task["id"], "succeeded")["id"] == task["id"]
    assert call(chalice_local, token, "GET", f"/tasks/{task['id']}")["status"] == "succeeded"


def test_chalice_deploy_without_the_running_service_names_the_remedy(checkout: Path) -> None:
    """It must never reach the AWS account whose credentials happen to be at hand."""
    without = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    deployed = subprocess.run(
        [CHALICE, "deploy", "--stage", "local"],
        cwd=checkout,
        env=without,
        capture_output=True,
        text=True,
        check=False,
    )
    assert deployed.returncode != 0
    assert "start it with `make up`" in deployed.stdout + deployed.stderr


def test_chalice_deploy_makes_safe_mappings_from_its_first_run(checkout: Path, tmp_path: Path) -> None:
    """The stock command, whose client exists before app.py can teach it anything."""
    emulator = Emulator(free_port(), tmp_path, persist=False)
    try:
        emulator.start()
        put_stack(emulator.client, "local")
        subprocess.run(
            [CHALICE, "deploy", "--stage", "local"],
            cwd=checkout,
            env={**os.environ, "AWS_ENDPOINT_URL": emulator.endpoint},
            capture_output=True,
            check=True,
        )
        mappings = emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    finally:
        emulator.stop()
    assert len(mappings) == 3
    assert {tuple(mapping["FunctionResponseTypes"]) for mapping in mappings} == {("ReportBatchItemFailures",)}
