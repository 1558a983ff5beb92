"""schemathesis reads the OpenAPI document of the deployed service and tries to prove it wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from chalicelib.http.openapi.operations import OPERATIONS
from tests.e2e.conftest import Service

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)


def test_the_service_is_what_its_document_says(service: Service, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [f"{service.endpoints.http}/openapi.json", "--url", service.endpoints.http]
    command += ["--header", f"Authorization: Bearer {service.endpoints.token}"]
    command += ["--checks", ",".join(CHECKS), "--mode", "all", "--seed", "1", "--no-color"]
    # A few seconds' worth: tests/e2e/fuzz.py has more patience.
    command += ["--phases", "examples,fuzzing", "--max-examples", "4", "--generation-database", "none"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    others = len(OPERATIONS) - 1  # all but the one that it got the document from
    assert f"Tested: {others}" in run.stdout
