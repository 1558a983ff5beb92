"""MiniStack as a child process: started in a clean environment, and stopped with all its own processes."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from botocore.config import Config
from botocore.session import Session

from local import LocalStageError
from local.process_group import stop_group

ROOT: Final = Path(__file__).parents[1]
HOST: Final = "127.0.0.1"
START_SECONDS: Final = 30.0


class Emulator:
    """One MiniStack on one port with its files in `home`. With `persist`, a clean stop saves its state."""

    def __init__(self, port: int, home: Path, *, persist: bool) -> None:
        self.endpoint = f"http://{HOST}:{port}"
        self._port = port
        self._home = home
        self._persist = persist
        # The state contains the URLs of queues, so it is valid for the port it was created on only.
        self._state = home / "state" / str(port)
        self.has_saved_state = persist and self._state.exists()  #: an earlier run stopped cleanly
        self._process: subprocess.Popen[bytes] | None = None
        self._session = Session()
        self._session.set_config_variable("region", "us-east-1")
        self._session.set_credentials("test", "test")

    @property
    def log_file(self) -> Path:
        return self._home / "ministack.log"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it responds. Raises: LocalStageError."""
        with socket.socket() as client:
            if client.connect_ex((HOST, self._port)) == 0:
                raise LocalStageError(
                    f"Port {self._port} is in use by another program.\n"
                    f"Stop it, or choose another port: PORT={self._port + 1} make up"
                )
        self._scratch.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.ministack_patched"],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must not reach the server: this process stops it last
            )
        self._wait_until_healthy()

    def stop(self) -> None:
        """Stop the server, which saves its state, and every function that it runs. Can be called twice."""
        if self._process is None:
            return
        stop_group(self._process.pid, has_ended=lambda: not self.is_running)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None
        shutil.rmtree(self._scratch, ignore_errors=True)

    def check(self, timeout_seconds: float = 0) -> None:
        """Raises: LocalStageError with the end of the server's log when it has ended, or ends meanwhile."""
        if self._process is None:
            return
        try:
            code = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return
        ending = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        last_lines = "\n".join(self.log_file.read_text(errors="replace").splitlines()[-5:])
        raise LocalStageError(
            f"MiniStack, the embedded AWS, {ending}. The end of its log ({self.log_file}):\n\n{last_lines}"
        )

    def client(self, service: str, *, read_timeout_seconds: float = 60.0) -> Any:
        """Return a client of an AWS service that calls this server only."""
        return self._session.create_client(
            service,
            endpoint_url=self.endpoint,
            config=Config(read_timeout=read_timeout_seconds, retries={"total_max_attempts": 1}, proxies={}),
        )

    @property
    def _scratch(self) -> Path:
        return self._home / "tmp"

    def _environment(self) -> dict[str, str]:
        """Return a minimal environment, because the functions inherit it from the server."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._scratch),
            "TMPDIR": str(self._scratch),
            "GATEWAY_PORT": str(self._port),
            "BIND_HOST": HOST,
            "AWS_DEFAULT_REGION": "us-east-1",
            # Enforces the functions' policies, as on AWS. The service has a setting of the same name, and the
            # functions inherit this one: config.json sets it for every stage.
            "AUTH": "true",
            "PERSIST_STATE": "1" if self._persist else "0",
            "STATE_DIR": str(self._state),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PYTHONUNBUFFERED": "1",
        }

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check()
            connection = http.client.HTTPConnection(HOST, self._port, timeout=1)
            with contextlib.suppress(OSError), contextlib.closing(connection):
                connection.request("GET", "/_ministack/health")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            time.sleep(0.05)
        raise LocalStageError(f"MiniStack did not respond within {START_SECONDS:.0f} s. See {self.log_file}")
