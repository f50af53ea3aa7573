"""A whole server as a process: `ocs serve` on free ports with a store of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Server:
    """`ocs serve`; its output is read to learn what happened, so nothing has to sleep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.ops_port = free_ports(2)
        self.environ = {
            **os.environ,
            "OCS_DIAMETER__PORT": str(self.port),
            "OCS_OPS__PORT": str(self.ops_port),
            "OCS_STORE__DATA": str(folder / "store"),
            "PYTHONUNBUFFERED": "1",
        }
        self.process: subprocess.Popen[str] | None = None
        self.worker_pid = 0
        self.lines: list[str] = []

    def start(self) -> None:
        """Start, and return when the panel says that it is ready."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ocs.cli", "serve", "--examples"],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.read_until("worker ready")
        self.read_until("Ctrl-C drains")

    def read_until(self, mark: str) -> str:
        """The next line of output with `mark` in it."""
        assert self.process is not None and self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if '"worker ready"' in line:
                self.worker_pid = int(json.loads(line)["pid"])
            if mark in line:
                return line
        self.process.communicate()
        self.process = None
        raise AssertionError("the server ended:\n" + "".join(self.lines))

    def kill_worker(self) -> None:
        """kill -9, and wait for the next one."""
        os.kill(self.worker_pid, signal.SIGKILL)
        self.read_until("worker ready")

    def kill_store(self) -> None:
        """kill -9, and wait until it was started again."""
        os.kill(self.store_pid, signal.SIGKILL)
        self.read_until("store started again")

    def kill_all(self, *, with_store: bool = False) -> None:
        """kill -9 of supervisor and worker; the store lives on unless it dies, too."""
        assert self.process is not None and self.process.stdout is not None
        os.kill(self.process.pid, signal.SIGKILL)
        os.kill(self.worker_pid, signal.SIGKILL)
        if with_store:
            os.kill(self.store_pid, signal.SIGKILL)
        with self.process.stdout as output:
            output.read()  # the worker holds the pipe's other end until it is gone
        self.process.wait()
        self.process = None

    @property
    def store_pid(self) -> int:
        """Process id of the embedded store."""
        return int((self.folder / "store" / "store.pid").read_text())

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        self.lines += self.process.communicate()[0].splitlines()
        code = self.process.returncode
        self.process = None
        return code

    def ocs(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command against this server."""
        return subprocess.run(
            [sys.executable, "-m", "ocs.cli", *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
