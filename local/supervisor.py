"""Runs the whole service on this machine from its start to Ctrl-C."""

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
from local.display import Display
from local.emulator import Emulator
from local.log_follower import LogFollower
from local.log_stream import LOG_GROUPS, LogStream
from local.single_instance import single_instance
from local.smoke_test import run_smoke_test
from local.sources import SourceWatcher
from local.stage import Endpoints, LocalStage

ROOT: Final = Path(__file__).parents[1]
HOME: Final = ROOT / ".local"
ENDPOINTS: Final = HOME / "endpoints.json"
POLL_SECONDS: Final = 0.3
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the service; return the exit code: 0 after Ctrl-C, 1 after an error."""
    display = Display(Console(highlight=False))
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        port = _port(os.environ)
        with single_instance(HOME):
            _run(port, display)
    except LocalStageError as error:
        display.problem("The local stage cannot run", str(error))
    except DeploymentError as error:
        display.problem("The app cannot be deployed", str(error))
    except (BotoCoreError, ClientError) as error:
        display.problem("The embedded AWS refused", f"{error}\n\nIts log is {HOME / 'ministack.log'}")
    except KeyboardInterrupt:
        return 0
    return 1


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("PORT") or "4566"
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise LocalStageError(f"PORT={text} is not a number from 1024 to 65535.")
    return int(text)


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings in this process's environment. They replace the local stage's, even empty ones.

    Raises: LocalStageError, naming the invalid one.
    """
    settings = {name: environ[name] for name in sorted(Settings.variables()) if name in environ}
    try:
        Settings.from_env({**settings, "STAGE": LOCAL_STAGE})
    except SettingsError as error:
        raise LocalStageError(str(error)) from None
    return settings


def _run(port: int, display: Display) -> None:
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
        # The watcher starts before the first deployment, so that it misses no saved file.
        with SourceWatcher(ROOT) as watcher:
            _start(emulator, stage, display)
            is_ready = True
            _follow(emulator, stage, watcher, display)
    finally:
        _stop(emulator, stage if is_ready else None, display)


def _start(emulator: Emulator, stage: LocalStage, display: Display) -> None:
    started = time.monotonic()
    ENDPOINTS.unlink(missing_ok=True)  # a killed run left it
    display.step("Starting the embedded AWS ...")
    load_deployer()  # it loads while the server starts
    emulator.start()
    display.step("Creating tables and queues, deploying the app ...")
    endpoints = stage.bring_up()
    display.step("Running a first task ...")
    task_seconds = _smoke_test(emulator, endpoints, display)
    endpoints.write(ENDPOINTS)
    if emulator.has_saved_state:
        stage.sweep()
    display.ready(endpoints, time.monotonic() - started, task_seconds)


def _smoke_test(emulator: Emulator, endpoints: Endpoints, display: Display) -> float:
    """Return the seconds that a task takes when every function is warm. Print the logs if it fails."""
    logs = LogStream(emulator.client("logs"), LOG_GROUPS)
    try:
        run_smoke_test(endpoints)
        return run_smoke_test(endpoints)
    except LocalStageError:
        for line in logs.read_new():
            display.log(line)
        raise


def _follow(emulator: Emulator, stage: LocalStage, watcher: SourceWatcher, display: Display) -> None:
    """Print the functions' logs and deploy saved files, until a signal or the end of the server."""
    logs = LogFollower(emulator, display)
    while True:
        if saved := watcher.wait(POLL_SECONDS):
            _redeploy(saved, stage, display)
        logs.show_new()
        emulator.check()


def _redeploy(saved: set[Path], stage: LocalStage, display: Display) -> None:
    started = time.monotonic()
    try:
        stage.deploy()
    except AppImportError as error:
        display.problem("Not deployed: the previous code stays live", str(error))
    except DeploymentError as error:
        display.problem("The deployment failed", str(error))
    else:
        display.redeployed(saved, time.monotonic() - started)


def _stop(emulator: Emulator, stage: LocalStage | None, display: Display) -> None:
    """Stop the emulator. If its `stage` was ready, drain the stream first."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would lose the state that is being saved
    display.step("\nStopping ...")
    ENDPOINTS.unlink(missing_ok=True)
    try:
        if stage and emulator.is_running:
            stage.drain_stream()
    finally:
        emulator.stop()
