"""Who is compared: each is started afresh for a measurement, and only one of them runs at a time.

Another server takes part by its address and a profile: a TOML file that says to which realm requests go
and what the server does without. Nothing is demanded of it but answers; the table says the rest. It must
admit the generator's identities (load-0.load.example to load-3.load.example) and know the numbers that
it asks for (from 999000000000 on, as many as the workload has subscribers).

Exceptions:
    BadContender   a sentence for whoever named another server
"""

import shutil
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.servers import start
from ocs.load.place import Place
from ocs.load.target import Target
from ocs.store.embedded import EmbeddedStore

REALM = "ocs.example"
PROFILES = Path(__file__).parent / "profiles"
#: Without a profile all that can be said of a server is that it answers.
UNKNOWN = PROFILES / "unknown.toml"


class BadContender(Exception):
    """What is wrong with `--server` or its profile."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to measure."""

    name: str
    lacks: tuple[str, ...]
    start: Callable[[], AbstractAsyncContextManager[Target]]
    is_ours: bool = False
    #: Whether it is also measured with one request at a time.
    is_alone_too: bool = False


def contenders(identities: Sequence[str]) -> list[Contender]:
    """Those that can be started here; `identities` are the generator's, which a peer list must name."""
    charging = ("charging",)
    found = [
        Contender("this server, everything on", (), whole_server, is_ours=True, is_alone_too=True),
        Contender("our floor + one trivial FCALL", charging, floor_with_call, is_alone_too=True),
        Contender(
            "our floor, no store",
            charging,
            partial(process, start.floor(None)),
            is_alone_too=True,
        ),
    ]
    dictionary = ("rating", "reservations", "records", "repeats", "persistence")
    for kind in ("threading", "plain"):
        command = start.library(kind, identities)
        found.append(Contender(f"python-diameter, {kind}", dictionary, partial(process, command)))
    version = start.erlang_version()
    if version is not None:
        found.append(Contender(f"Erlang/OTP {version}", charging, partial(process, start.erlang())))
    return found


@asynccontextmanager
async def whole_server() -> AsyncIterator[Target]:
    """`ocs serve` with one worker and the embedded store."""
    async with Place.start(workers=1) as place:
        yield place.target


@asynccontextmanager
async def process(
    command: Sequence[str], store_pids: tuple[int, ...] = ()
) -> AsyncIterator[Target]:
    """One of the servers of this folder."""
    with start.started(command) as server:
        yield Target(
            "127.0.0.1", server.port, REALM, server_pids=(server.pid,), store_pids=store_pids
        )


@asynccontextmanager
async def floor_with_call() -> AsyncIterator[Target]:
    """The floor, with a store like the whole server's."""
    folder = Path(tempfile.mkdtemp(prefix="ocs-"))
    store = EmbeddedStore(folder)
    try:
        await store.start()
        pids = (int(store.pid_file.read_text()),)
        async with process(start.floor(store.live_url()), pids) as target:
            yield target
    finally:
        await store.stop()
        shutil.rmtree(folder, ignore_errors=True)


# --- another server, by its address ---------------------------------------------------------------


def other_server(given: str) -> Contender:
    """`name=host:port`, or `name=host:port,profile=FILE`."""
    address, _, profile = given.partition(",profile=")
    name, _, place = address.partition("=")
    host, _, port = place.rpartition(":")
    if not name or not host or not port.isdecimal():
        raise BadContender(f"{given}: expected name=host:port or name=host:port,profile=FILE")
    realm, lacks = read_profile(Path(profile) if profile else UNKNOWN)
    target = Target(host, int(port), realm, name=name)
    return Contender(name, lacks, partial(running, target))


@asynccontextmanager
async def running(target: Target) -> AsyncIterator[Target]:
    """A server that others start and stop."""
    yield target


def read_profile(path: Path) -> tuple[str, tuple[str, ...]]:
    """The realm to ask, and what the server does without."""
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadContender(f"{path}: {error}") from None
    realm, lacks = values.pop("realm", None), values.pop("lacks", None)
    if not isinstance(realm, str) or not realm:
        raise BadContender(f"{path}: realm: expected the realm that requests go to")
    if not isinstance(lacks, list) or not all(isinstance(each, str) and each for each in lacks):
        raise BadContender(f"{path}: lacks: expected a list of texts, such as {LACKS}")
    for key in values:
        raise BadContender(f"{path}: {key}: no such key; there are realm and lacks")
    return realm, tuple(lacks)


LACKS = '["records", "repeats"]'
