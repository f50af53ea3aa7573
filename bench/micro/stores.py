"""Stores to measure: of each kind that is here, as the server would start it, in a folder of its own."""

import asyncio
import contextlib
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bench.micro.scene import PARTITIONS
from ocs.abmf.library import Library
from ocs.abmf.redis_ledger import RedisLedger
from ocs.load.place import PlaceFailed, StoreKind, binary_of
from ocs.store.connect import connect
from ocs.store.embedded import OPTIONS

KINDS: tuple[StoreKind, ...] = ("redis", "valkey")
POLL_SECONDS = 0.02


def binaries() -> dict[StoreKind, str]:
    """Each kind of server that is here, by name."""
    found: dict[StoreKind, str] = {}
    for kind in KINDS:
        with contextlib.suppress(PlaceFailed):
            found[kind] = binary_of(kind)
    return found


@dataclass(frozen=True, slots=True)
class Store:
    """A running store and our link to it."""

    client: Redis
    ledger: RedisLedger
    url: str
    version: str
    pid: int


@asynccontextmanager
async def running(binary: str, *prefix: str) -> AsyncIterator[Store]:
    """A store with our functions, empty; `prefix` are words before its command (a tool that counts)."""
    with tempfile.TemporaryDirectory() as name:
        socket = f"{name}/s"
        process = subprocess.Popen(  # noqa: ASYNC220, S603  # a server found by its name
            [*prefix, binary, "--port", "0", *OPTIONS, "--unixsocket", socket, "--dir", name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = connect(f"unix://{socket}", 60.0)
        try:
            await until_up(client, process)
            library = Library.from_package()
            await library.load(client)
            about = await client.info("server")
            version = about.get("valkey_version") or about["redis_version"]
            ledger = RedisLedger(client, library, PARTITIONS, deadline_seconds=60.0)
            yield Store(client, ledger, f"unix://{socket}", version, int(about["process_id"]))
        finally:
            await client.aclose()
            process.terminate()
            await asyncio.to_thread(process.wait)


async def until_up(client: Redis, process: "subprocess.Popen[bytes]") -> None:
    """Return when the server answers; RuntimeError when it ended instead."""
    while process.poll() is None:
        try:
            await client.ping()
        except (RedisError, OSError):
            await asyncio.sleep(POLL_SECONDS)
        else:
            return
    raise RuntimeError("the store did not start")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a store has counted so far."""

    function_calls: int
    function_usec: int
    octets_in: int
    octets_out: int
    cpu_seconds: float

    def since(self, before: "Counts") -> "Counts":
        """What was counted after that."""
        return Counts(
            self.function_calls - before.function_calls,
            self.function_usec - before.function_usec,
            self.octets_in - before.octets_in,
            self.octets_out - before.octets_out,
            self.cpu_seconds - before.cpu_seconds,
        )


async def counts(client: Redis) -> Counts:
    """The counters of now."""
    about = await client.info("everything")
    functions = about.get("cmdstat_fcall", {"calls": 0, "usec": 0})
    return Counts(
        functions["calls"],
        functions["usec"],
        about["total_net_input_bytes"],
        about["total_net_output_bytes"],
        about["used_cpu_user"] + about["used_cpu_sys"],
    )
