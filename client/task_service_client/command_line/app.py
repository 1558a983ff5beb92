"""The commands, and the message and exit code of each error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.main import get_command

from task_service_client._client import Client
from task_service_client.command_line import exit_codes, group_commands, task_commands
from task_service_client.command_line.session import Session
from task_service_client.errors import TaskServiceError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Create, watch, cancel and retry tasks of the Task Processing Service. The service is given by --url"
    " and --token, by TASKS_URL and TASKS_TOKEN, or by the local stage that runs in this directory. Exit"
    " codes: 0 succeeded, 1 failed, 2 wrong usage, 3 canceled or expired, 4 timed out.",
)


@app.callback()
def configure(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option(envvar="TASKS_URL", help="The address of the service.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="TASKS_TOKEN", show_envvar=True, help="A JSON Web Token.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(envvar="TASKS_OWNER", help="The owner to act for (administrators).")
    ] = None,
) -> None:
    """Configure the client."""
    ctx.obj.configure(url=url, token=token, owner=owner)


task_commands.register(app)
group_commands.register(app)


def run(arguments: Sequence[str], make_client: Callable[..., Client]) -> int:
    """Run one command and return its exit code."""
    session = Session(make_client)
    try:
        code = get_command(app)(args=[*arguments], prog_name="tasks", standalone_mode=False, obj=session)
        return code or exit_codes.SUCCEEDED
    except typer.TyperException as error:
        if message := error.format_message().removeprefix("Invalid value: "):  # it is empty after a help page
            session.print_error(f"{message}{_hint(error)}")
        return error.exit_code
    except TaskServiceError as error:
        session.print_error(error)
        return exit_codes.of_error(error)
    except typer.Abort:
        session.print_error("Canceled; nothing was changed.")
        return exit_codes.USAGE
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    finally:
        session.close()


def _hint(error: typer.TyperException) -> str:
    """A reference to the help page of the command."""
    context = getattr(error, "ctx", None)
    return "" if context is None else f" See `{context.command_path} --help`."
