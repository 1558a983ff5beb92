"""Commands for the service on AWS, one stage at a time. Each command shows its plan and asks for approval.

python -m infra up --stage dev              # tables, queues, alarms
python -m infra deploy --stage dev          # the app
python -m infra doctor --stage dev          # check the deployed stage
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from infra.errors import DeploymentError
from infra.target import Target, resolve_target
from infra.terminal import Terminal

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None, project: Path = ROOT) -> int:
    """Return the exit code: 0 done, 1 failed midway or unhealthy (doctor), 2 could not begin."""
    options = _parser().parse_args(arguments)
    terminal = Terminal(Console(), yes=options.yes)
    errors = Terminal(Console(stderr=True), yes=True)
    try:
        if options.command == "doctor" and options.template:
            return _check_template(options, terminal, project)
        target = resolve_target(project, options.stage)
        return _run(options, target, terminal)
    except DeploymentError as error:
        errors.error(error.message)
        return error.exit_code
    except (BotoCoreError, ClientError) as error:
        errors.error(f"AWS refused: {error}")
        return 1
    except KeyboardInterrupt:
        errors.error("Stopped. The next run continues from here.")
        return 1


def _run(options: argparse.Namespace, target: Target, terminal: Terminal) -> int:
    from infra.commands import Commands  # noqa: PLC0415 - Chalice imports slowly; bad input is reported first

    commands = Commands(target=target, terminal=terminal)
    if options.command == "up":
        commands.up(options.email)
    elif options.command == "deploy":
        commands.deploy(options.function)
    elif options.command == "rollback":
        commands.rollback()
    elif options.command == "down":
        commands.down()
    else:
        return 0 if commands.doctor(as_json=options.json) else 1
    return 0


def _check_template(options: argparse.Namespace, terminal: Terminal, project: Path) -> int:
    from infra.commands import check_template  # noqa: PLC0415 - see above

    healthy = check_template(project, options.stage, options.template, terminal, as_json=options.json)
    return 0 if healthy else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    up = commands.add_parser("up", help="create or update tables, queues, topic, logs, alarms and dashboard")
    up.add_argument(
        "--email", metavar="ADDRESS", help="recipient of alerts; '' for none; unchanged when left out"
    )
    deploy = commands.add_parser("deploy", help="deploy this checkout's app")
    deploy.add_argument("--function", metavar="NAME", help="deploy the code of this function only")
    rollback = commands.add_parser("rollback", help="return to the code before the last deployment")
    down = commands.add_parser("down", help="remove the app and its alarms; data and logs stay")
    doctor = commands.add_parser("doctor", help="check the deployed stage; changes nothing")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help="check this template instead, without AWS: infra/stacks/data.yaml",
    )
    for command in (up, deploy, rollback, down, doctor):
        command.add_argument("--stage", required=True, help="dev or prod, as in .chalice/config.json")
        command.add_argument("--yes", action="store_true", help="do not ask")
    return parser


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
