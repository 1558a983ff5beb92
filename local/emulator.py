"""MiniStack as a child process: started clean, watched, and stopped with everything it started itself."""

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


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


class Emulator:
    """One MiniStack on one port, its files in `home`. With `persist`, its state outlives a clean stop."""

    def __init__(self, port: int, home: Path, *, persist: bool) -> None:
        self.endpoint = f"http://{HOST}:{port}"
        self._port = port
        self._home = home
        self._persist = persist
        # The server knows its queues by URL, so a state is of use on the port it was made on only.
        self._state = home / "state" / str(port)
        self.has_past = persist and self._state.exists()  #: it goes on from where a clean stop left it
        self._process: subprocess.Popen[bytes] | None = None
        self._session = Session()
        self._session.set_config_variable("region", "us-east-1")
        self._session.set_credentials("test", "test")

    @property
    def log_file(self) -> Path:
        return self._home / "ministack.log"

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Return when the server answers. Raises: LocalStageError when it cannot, or the port is taken."""
        with socket.socket() as probe:
            if probe.connect_ex((HOST, self._port)) == 0:
                raise LocalStageError(
                    f"Port {self._port} is taken by another program.\n"
                    f"Stop that one, or choose another port: PORT={self._port + 1} make up"
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
                start_new_session=True,  # Ctrl-C is for us: we stop the server when all else has stopped
            )
        self._wait_until_healthy()

    def stop(self) -> None:
        """End the server, its state saved, and every function it runs. Nothing happens when none runs."""
        if self._process is None:
            return
        stop_group(self._process.pid, has_ended=lambda: not self.is_running)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None
        shutil.rmtree(self._scratch, ignore_errors=True)

    def check(self, patience_seconds: float = 0) -> None:
        """Raises: LocalStageError with the server's last words when it has ended, or ends while we wait."""
        if self._process is None:
            return
        try:
            code = self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            return
        ending = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        words = "\n".join(self.log_file.read_text(errors="replace").splitlines()[-5:])
        raise LocalStageError(
            f"MiniStack, the embedded AWS, {ending}. Its last words ({self.log_file}):\n\n{words}"
        )

    def client(self, service: str, *, read_timeout_seconds: float = 60.0) -> Any:
        """A client of one AWS service that talks to this server and to nothing else."""
        return self._session.create_client(
            service,
            endpoint_url=self.endpoint,
            config=Config(read_timeout=read_timeout_seconds, retries={"total_max_attempts": 1}, proxies={}),
        )

    @property
    def _scratch(self) -> Path:
        return self._home / "tmp"

    def _environment(self) -> dict[str, str]:
        """Nothing of ours: the server hands its environment on to the functions."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._scratch),
            "TMPDIR": str(self._scratch),
            "GATEWAY_PORT": str(self._port),
            "BIND_HOST": HOST,
            "AWS_DEFAULT_REGION": "us-east-1",
            # Each function may do what its policy allows, as on AWS. The functions inherit the name, which
            # is that of a setting of ours: config.json gives it a value for every stage.
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
            server = http.client.HTTPConnection(HOST, self._port, timeout=1)
            with contextlib.suppress(OSError), contextlib.closing(server):
                server.request("GET", "/_ministack/health")
                if server.getresponse().status == http.HTTPStatus.OK:
                    return
            time.sleep(0.05)
        raise LocalStageError(f"MiniStack did not answer within {START_SECONDS:.0f} s. See {self.log_file}")
