"""`python -m infra deploy --stage dev`: the whole service onto AWS, each part after those it needs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from botocore.session import Session

from infra import LOCAL_STAGE
from infra.deployment import deploy_app
from infra.errors import DeploymentError
from infra.parameters import put_signing_keys, put_websocket_endpoint
from infra.stack import put_stack

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("deploy", help="create or update everything of a stage")
    command.add_argument("--stage", required=True, help="dev or prod, as in .chalice/config.json")
    stage = str(parser.parse_args().stage)
    if stage == LOCAL_STAGE:
        parser.error("the local stage is deployed by `make up`")
    try:
        _deploy(stage)
    except DeploymentError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _deploy(stage: str) -> None:
    session = Session()
    put_stack(session.create_client, stage)
    put_signing_keys(session.create_client, stage)
    apis = deploy_app(ROOT, stage, environment={})
    websocket = _execute_api(session, apis.websocket_api_id, stage)
    put_websocket_endpoint(session.create_client, stage, f"https://{websocket}")
    print(f"HTTP       https://{_execute_api(session, apis.rest_api_id, stage)}")
    print(f"WebSocket  wss://{websocket}")


def _execute_api(session: Session, api_id: str, stage: str) -> str:
    return f"{api_id}.execute-api.{session.get_config_variable('region')}.amazonaws.com/{stage}"


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
