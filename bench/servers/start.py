"""Starting the servers of the comparison, each as a process of its own.

Rules: a server is ready when it says so; it ends with its standard input, so that none outlives whoever
started it; only loopback, only ports that the kernel gave.
"""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
STOP_SECONDS = 10.0
#: Erlang/OTP's diameter application, of the Debian package of that name.
ASK_ERLANG = """
case code:lib_dir(diameter) of
    {error, _} -> halt(1);
    Folder -> io:format("~s ~s", [erlang:system_info(otp_release), filename:basename(Folder)]), halt(0)
end."""
ERLANG_NEEDS = "needs escript and the diameter application (Debian: erlang-base, erlang-diameter)"


class NotStarted(Exception):
    """A server that ended before it was ready, with its last words."""


@dataclass(frozen=True, slots=True)
class Started:
    """A server that listens."""

    port: int
    pid: int


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def floor(store: str | None) -> list[str]:
    """Our node and codec, with or without a call to a store."""
    command = [sys.executable, str(FOLDER / "floor.py"), "{port}"]
    return command if store is None else [*command, "--store", store]


def library(kind: str, peers: Sequence[str]) -> list[str]:
    """python-diameter's node with its `threading` or `plain` application."""
    return [sys.executable, str(FOLDER / "python_diameter_node.py"), "{port}", kind, *peers]


def erlang() -> list[str]:
    """Erlang/OTP's diameter application."""
    return ["escript", str(FOLDER / "erlang_diameter.escript"), "{port}"]


def erlang_version() -> str | None:
    """What is installed of Erlang and its diameter application; None where one of them is missing."""
    if shutil.which("escript") is None:
        return None
    told = subprocess.run(  # noqa: S603  # a fixed command
        ["erl", "-noshell", "-eval", ASK_ERLANG],  # noqa: S607
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return told.stdout.strip() or None


@contextmanager
def started(command: Sequence[str]) -> Iterator[Started]:
    """The server, from when it is ready until the end of the block; NotStarted with its last words."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603  # commands of this module
        [each.replace("{port}", str(port)) for each in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_ready(process)
        yield Started(port, process.pid)
    finally:
        end(process)


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    """Read what it says until it says `ready`."""
    said: list[str] = []
    for line in process.stdout or ():
        if line.strip() == "ready":
            return
        said.append(line.strip())
    raise NotStarted(" | ".join(said[-3:]) or "it ended without a word")


def end(process: subprocess.Popen[str]) -> None:
    """Close its standard input and wait; kill what does not go."""
    try:
        process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
