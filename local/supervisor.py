"""The whole service on this machine, from its start to Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from chalicelib.settings import LOCAL_STAGE, Settings, SettingsError
from infra.errors import AppImportError, DeploymentError
from local import LocalStageError
from local.deployer import Deployer, load_deployer
from local.display import Terminal
from local.emulator import Emulator
from local.log_follower import LogFollower
from local.log_stream import LOG_GROUPS, LogStream
from local.single_instance import only_one
from local.smoke_test import run_probe
from local.sources import SourceWatcher
from local.stage import Endpoints, LocalStage

ROOT: Final = Path(__file__).parents[1]
HOME: Final = ROOT / ".local"
ENDPOINTS: Final = HOME / "endpoints.json"
LOOK_SECONDS: Final = 0.3
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """The exit code: 0 after Ctrl-C, 1 after anything that made going on impossible."""
    terminal = Terminal(Console(highlight=False))
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        port = _port(os.environ)
        with only_one(HOME):
            _run(port, terminal)
    except LocalStageError as error:
        terminal.problem("The local stage cannot run", str(error))
    except DeploymentError as error:
        terminal.problem("The app cannot be deployed", str(error))
    except (BotoCoreError, ClientError) as error:
        terminal.problem("The embedded AWS refused", f"{error}\n\nIts log is {HOME / 'ministack.log'}")
    except KeyboardInterrupt:
        return 0
    return 1


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("PORT") or "4566"
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise LocalStageError(f"PORT={text}: a number from 1024 to 65535 is needed.")
    return int(text)


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Settings in our own environment: their values, even empty ones, replace the local stage's.

    Raises: LocalStageError, naming the one that cannot be used.
    """
    given = {name: environ[name] for name in sorted(Settings.variables()) if name in environ}
    try:
        Settings.from_env({**given, "STAGE": LOCAL_STAGE})
    except SettingsError as error:
        raise LocalStageError(str(error)) from None
    return given


def _run(port: int, terminal: Terminal) -> None:
    emulator = Emulator(port, HOME, persist=True)
    deployer = Deployer(
        source=ROOT,
        endpoint=emulator.endpoint,
        home=HOME,
        records=ROOT / ".chalice" / "deployed",
        environment=_settings(os.environ),
    )
    stage = LocalStage(emulator, deployer)
    is_ready = False
    try:
        with SourceWatcher(ROOT) as watcher:  # from before the first deployment, so that no save is missed
            _start(emulator, stage, terminal)
            is_ready = True
            _follow(emulator, stage, watcher, terminal)
    finally:
        _stop(emulator, stage if is_ready else None, terminal)


def _start(emulator: Emulator, stage: LocalStage, terminal: Terminal) -> None:
    started = time.monotonic()
    ENDPOINTS.unlink(missing_ok=True)  # of a run that was killed
    terminal.step("Starting the embedded AWS ...")
    load_deployer()  # beside the server, it is needed when that answers
    emulator.start()
    terminal.step("Creating tables and queues, deploying the app ...")
    endpoints = stage.bring_up()
    terminal.step("Sending a first task through ...")
    probe_seconds = _probe(emulator, endpoints, terminal)
    endpoints.write(ENDPOINTS)
    if emulator.has_past:
        stage.sweep()
    terminal.ready(endpoints, time.monotonic() - started, probe_seconds)


def _probe(emulator: Emulator, endpoints: Endpoints, terminal: Terminal) -> float:
    """How long a task takes once every function is warm. What they logged is shown if it fails."""
    logs = LogStream(emulator.client("logs"), LOG_GROUPS)
    try:
        run_probe(endpoints)
        return run_probe(endpoints)
    except LocalStageError:
        for line in logs.read_new():
            terminal.log(line)
        raise


def _follow(emulator: Emulator, stage: LocalStage, watcher: SourceWatcher, terminal: Terminal) -> None:
    """Show what the functions log and deploy what is saved, until a signal or the server's end."""
    logs = LogFollower(emulator, terminal)
    while True:
        if saved := watcher.wait(LOOK_SECONDS):
            _redeploy(saved, stage, terminal)
        logs.show_new()
        emulator.check()


def _redeploy(saved: set[Path], stage: LocalStage, terminal: Terminal) -> None:
    started = time.monotonic()
    try:
        stage.deploy()
    except AppImportError as error:
        terminal.problem("Not deployed: the code before this one stays live", str(error))
    except DeploymentError as error:
        terminal.problem("The deployment failed", str(error))
    else:
        terminal.redeployed(saved, time.monotonic() - started)


def _stop(emulator: Emulator, stage: LocalStage | None, terminal: Terminal) -> None:
    """Stop the emulator; the stream is drained first if the `stage` on it was ready."""
    for number in STOP_SIGNALS:
        signal.signal(
            number, signal.SIG_IGN
        )  # stopping takes a second or two; impatience must not cost the state
    terminal.step("\nStopping ...")
    ENDPOINTS.unlink(missing_ok=True)
    try:
        if stage and emulator.is_running:
            stage.drain_stream()
    finally:
        emulator.stop()
