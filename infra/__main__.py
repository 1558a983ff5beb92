"""The service on AWS, one stage at a time. Every command shows what it is about to change, and asks.

python -m infra up --stage dev              # tables, queues, alarms
python -m infra deploy --stage dev          # the app
python -m infra doctor --stage dev          # is all of it as it should be?
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from infra.errors import DeploymentError
from infra.target import Target, aim
from infra.terminal import Terminal

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None, project: Path = ROOT) -> int:
    """The exit code: 0 done, 1 failed on the way or (doctor) something is wrong, 2 could not begin."""
    order = _parser().parse_args(arguments)
    terminal = Terminal(Console(), yes=order.yes)
    complaints = Terminal(Console(stderr=True), yes=True)
    try:
        if order.command == "doctor" and order.template:
            return _look_over(order, terminal, project)
        target = aim(project, order.stage)
        return _carry_out(order, target, terminal)
    except DeploymentError as error:
        complaints.error(error.message)
        return error.exit_code
    except (BotoCoreError, ClientError) as error:
        complaints.error(f"AWS refused: {error}")
        return 1
    except KeyboardInterrupt:
        complaints.error("Stopped. The next run goes on from what is there.")
        return 1


def _carry_out(order: argparse.Namespace, target: Target, terminal: Terminal) -> int:
    from infra.commands import Commands  # noqa: PLC0415 - Chalice takes its time, which bad input need not wait for

    commands = Commands(target=target, terminal=terminal)
    if order.command == "up":
        commands.up(order.email)
    elif order.command == "deploy":
        commands.deploy(order.function)
    elif order.command == "rollback":
        commands.rollback()
    elif order.command == "down":
        commands.down()
    else:
        return 0 if commands.doctor(as_json=order.json) else 1
    return 0


def _look_over(order: argparse.Namespace, terminal: Terminal, project: Path) -> int:
    from infra.commands import look_over  # noqa: PLC0415
    from infra.doctor.template_stage import Blueprint  # noqa: PLC0415 - see above

    blueprint = Blueprint(project, order.stage, order.template)
    return 0 if look_over(blueprint, terminal, as_json=order.json) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    up = commands.add_parser("up", help="create or update tables, queues, topic, logs, alarms and dashboard")
    up.add_argument(
        "--email", metavar="ADDRESS", help="who gets the alerts; '' for nobody; kept when left out"
    )
    deploy = commands.add_parser("deploy", help="make this checkout's app live")
    deploy.add_argument("--function", metavar="NAME", help="the code of this function only")
    rollback = commands.add_parser("rollback", help="return to the code before the last deployment")
    down = commands.add_parser("down", help="remove the app and its alarms; data and logs stay")
    doctor = commands.add_parser("doctor", help="look the deployed stage over; changes nothing")
    doctor.add_argument("--json", action="store_true", help="for machines")
    doctor.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help="look this over instead, without AWS: infra/stacks/data.yaml",
    )
    for command in (up, deploy, rollback, down, doctor):
        command.add_argument("--stage", required=True, help="dev or prod, as in .chalice/config.json")
        command.add_argument("--yes", action="store_true", help="do not ask")
    return parser


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
