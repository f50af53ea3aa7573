"""The versions of the catalogue in the store: each kept whole under its hash, with when it takes effect.

A load adds the files and one line to the list of loads, both or neither, and nothing is ever taken away.
Of two loads for one moment the later holds. What served before the first load is the base: the files of
the configured folder as they were when the server was started.

Exceptions:
    VersionRefused   a load that would change what was charged before, or a version that is not there
    CatalogueErrors  of ocs.rating.catalogue: files that are no catalogue
"""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from ocs.model import NEVER, UtcMillis
from ocs.rating.catalogue import Catalogue, CatalogueErrors, load
from ocs.rating.versions import Catalogues

#: One hash tag: a load is one transaction, also in a cluster.
LOADS, BASE = b"{catalogue}:loads", b"{catalogue}:base"
SUFFIXES = frozenset({".toml", ".csv"})
#: How long a version that ended is kept at hand, for requests that clients send again late.
KEPT_MILLIS = 7 * 86_400_000
WATCH_SECONDS = 5.0

#: Content by name.
Files = Mapping[str, bytes]

log = structlog.get_logger()


class VersionRefused(Exception):
    """Nothing was stored; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Load:
    """One load: which version, from when on, and by whom it was loaded when."""

    version: str
    starts: UtcMillis
    at: UtcMillis
    actor: str


def files_of(folder: Path) -> Files:
    """The files of a folder that a catalogue may be made of; those behind a dot are an editor's."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file():
            found[path.name] = path.read_bytes()
    return found


def catalogue_of(files: Files) -> Catalogue:
    """The catalogue of stored files."""
    with tempfile.TemporaryDirectory(prefix="ocs-catalogue-") as name:
        for file, data in files.items():
            (Path(name) / Path(file).name).write_bytes(data)
        return load(Path(name))


def timeline(loads: Sequence[Load], base: str = "") -> tuple[tuple[str, UtcMillis], ...]:
    """Which version holds from which moment on, in order; of one moment the last load holds."""
    starts = {NEVER: base} if base else {}
    starts |= {each.starts: each.version for each in loads}
    ordered = [(starts[moment], moment) for moment in sorted(starts)]
    return tuple(
        each
        for number, each in enumerate(ordered)
        if not number or ordered[number - 1][0] != each[0]
    )


class CatalogueStore:
    """What the store holds of catalogues."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def _ask(self, *command: object) -> Any:
        sent = self._client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has none
        return await sent

    async def loads(self) -> tuple[Load, ...]:
        """Every load that there was, oldest first."""
        return tuple(map(_load, await self._ask("LRANGE", LOADS, 0, -1)))

    async def count(self) -> int:
        """How many loads there were."""
        return int(await self._ask("LLEN", LOADS))

    async def base(self) -> str:
        """The version that served before the first load; "" where no server has said."""
        return bytes(await self._ask("GET", BASE) or b"").decode()

    async def files(self, version: str) -> Files:
        """The files of a version, or of the only one whose name begins so."""
        name = await self._named(version)
        found = await self._ask("HGETALL", _files(name))
        return {file.decode(): data for file, data in found.items()}

    async def _named(self, version: str) -> str:
        known = {each.version for each in await self.loads()} | {await self.base()} - {""}
        matching = [each for each in sorted(known) if version and each.startswith(version)]
        if len(matching) != 1:
            many = f"several versions begin with {version!r}" if matching else "there is no version"
            named = "" if matching else f" {version!r}"
            raise VersionRefused(f"{many}{named}; `ocs catalogue list` shows them")
        return matching[0]

    async def load(
        self, files: Files, starts: UtcMillis | None, now: UtcMillis, actor: str
    ) -> Load:
        """Store a version that takes effect at `starts`, which must not be of the past; None: when the
        catalogue itself says so, or at once."""
        catalogue = catalogue_of(files)
        version = catalogue.version
        if starts is None:
            starts = max(catalogue.starts, now)
        if starts < now:
            raise VersionRefused("a version takes effect now or later: what was charged stays")
        made = Load(version, starts, now, actor)
        line = f"{version} {starts} {now} {actor}"
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.execute_command("HSET", _files(version), *chain(*files.items()))
            pipeline.execute_command("RPUSH", LOADS, line)
            await pipeline.execute()
        return made

    async def remember(self, files: Files) -> bool:
        """Keep what serves while nothing was loaded, so that it serves on, and explains, later.

        False when something was loaded: then the folder says nothing any more.
        """
        version = catalogue_of(files).version
        async with self._client.pipeline(transaction=True) as pipeline:
            await pipeline.watch(LOADS)
            if await pipeline.execute_command("LLEN", LOADS):
                return False
            pipeline.multi()  # type: ignore[no-untyped-call]  # redis-py says no type here
            pipeline.execute_command("HSET", _files(version), *chain(*files.items()))
            pipeline.execute_command("SET", BASE, version)
            try:
                await pipeline.execute()
            except WatchError:  # loaded at this very moment
                return False
        return True


def _files(version: str) -> bytes:
    return b"{catalogue}:files:%b" % version.encode()


def _load(line: bytes) -> Load:
    version, starts, at, actor = line.decode().split(" ", 3)
    return Load(version, UtcMillis(int(starts)), UtcMillis(int(at)), actor)


class Versions:
    """The catalogues at hand, each with the time it is for, kept up with the store: `swap` is called with
    all of them on a change.

    While nothing was loaded, the folder's own catalogue serves alone.
    """

    def __init__(
        self,
        store: CatalogueStore,
        folder: Catalogue,
        swap: Callable[[Sequence[Catalogue]], None],
        clock: Callable[[], UtcMillis],
    ) -> None:
        self._store = store
        self._folder = folder
        self._swap = swap
        self._clock = clock
        self._seen = -1
        self._kept: dict[str, Catalogue] = {folder.version: folder}

    async def refresh(self) -> bool:
        """Take over what was loaded since; whether there was something."""
        if await self._store.count() == self._seen:
            return False
        loads = await self._store.loads()
        lines = timeline(loads, await self._store.base()) if loads else ()
        lines = lines or ((self._folder.version, NEVER),)
        if lines[0][1] != NEVER:  # no server ran before the first load
            lines = ((self._folder.version, NEVER), *lines)
        gone = self._clock() - KEPT_MILLIS
        ends = [*(following[1] for _, following in pairwise(lines)), None]
        current = [
            (version, starts, end)
            for (version, starts), end in zip(lines, ends, strict=True)
            if end is None or end > gone
        ]
        for version in {each[0] for each in current} - self._kept.keys():
            files = await self._store.files(version)
            # A large catalogue takes seconds: requests are answered meanwhile.
            self._kept[version] = await asyncio.to_thread(catalogue_of, files)
        self._swap(
            [
                replace(self._kept[version], starts=starts, ends=end)
                for version, starts, end in current
            ]
        )
        wanted = {each[0] for each in current} | {self._folder.version}
        self._kept = {name: each for name, each in self._kept.items() if name in wanted}
        self._seen = len(loads)
        return True

    async def watch(self, seconds: float = WATCH_SECONDS) -> None:
        """Refresh for ever; what serves goes on serving while the store, or a version, fails."""
        while True:
            await asyncio.sleep(seconds)
            try:
                if await self.refresh():
                    log.info("catalogue versions taken over", loads=self._seen)
            except (RedisError, OSError, VersionRefused, CatalogueErrors) as error:
                log.warning("catalogue versions not read", error=str(error))


async def open_catalogues(
    client: Redis, folder: Catalogue, clock: Callable[[], UtcMillis]
) -> tuple[Catalogues, Versions]:
    """The versions that were loaded, or the folder's while there is none; and what keeps them up."""
    catalogues = Catalogues((folder,))
    versions = Versions(CatalogueStore(client), folder, catalogues.swap, clock)
    await versions.refresh()
    return catalogues, versions
