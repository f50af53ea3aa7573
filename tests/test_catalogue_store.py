"""Versions of the catalogue: stored whole or not at all, never changed, taken over without a restart."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from redis.asyncio import Redis

from ocs.catalogue_store import (
    BASE,
    KEPT_MILLIS,
    LOADS,
    CatalogueStore,
    Load,
    VersionRefused,
    Versions,
    catalogue_of,
    files_of,
    timeline,
)
from ocs.model import UtcMillis
from ocs.rating.catalogue import Catalogue, CatalogueErrors, load

FOLDER = Path(__file__).parents[1] / "config" / "catalogue"
NOW = UtcMillis(1_551_679_200_000)
LATER, LATEST = UtcMillis(NOW + 86_400_000), UtcMillis(NOW + 2 * 86_400_000)


def files(price: str) -> dict[str, bytes]:
    """A small catalogue whose only price is this."""
    tariff = f"""id = "base"
name = "Base"
[[prices]]
service = "sms"
price = "{price}"
per = "1 message"
"""
    return {
        "catalogue.toml": b'currency = "KZT"\n',
        "destinations.csv": b"prefix,class,name\n7701,on-net,Kcell\n",
        "base.toml": tariff.encode(),
    }


ONE, TWO, THREE = files("1.00"), files("2.00"), files("3.00")


def version(of: dict[str, bytes]) -> str:
    """The name of a version."""
    return catalogue_of(of).version


# --- refusals ---------------------------------------------------------------------------------------


async def test_files_that_are_no_catalogue_are_not_stored(redis: Redis) -> None:
    """All errors are reported, and the store is as it was."""
    with pytest.raises(CatalogueErrors):
        await CatalogueStore(redis).load({"catalogue.toml": b"="}, NOW, NOW, "cli")
    assert await redis.keys() == []


async def test_a_version_of_the_past_is_refused(redis: Redis) -> None:
    """A millisecond before now would change what was charged."""
    with pytest.raises(VersionRefused, match="now or later"):
        await CatalogueStore(redis).load(ONE, UtcMillis(NOW - 1), NOW, "cli")
    assert await redis.keys() == []


@pytest.mark.parametrize("name", ["", "zz"])
async def test_an_unknown_version_is_refused(redis: Redis, name: str) -> None:
    """No name is not the name of every version."""
    store = CatalogueStore(redis)
    await store.load(ONE, NOW, NOW, "cli")
    with pytest.raises(VersionRefused, match="there is no version"):
        await store.files(name)


async def test_the_folder_is_not_the_base_once_something_was_loaded(redis: Redis) -> None:
    """What was edited since is no version until it is loaded."""
    store = CatalogueStore(redis)
    await store.load(ONE, NOW, NOW, "cli")
    assert not await store.remember(TWO)
    assert await store.base() == ""


# --- what is stored -----------------------------------------------------------------------------------


async def test_every_load_and_its_files_are_kept(redis: Redis) -> None:
    """Also those that were replaced before they took effect; a name may be shortened."""
    store = CatalogueStore(redis)
    assert await store.remember(THREE)
    await store.load(ONE, NOW, NOW, "cli")
    second = await store.load(TWO, LATER, NOW, "nightly job")
    assert second == Load(version(TWO), LATER, NOW, "nightly job")
    assert await store.loads() == (Load(version(ONE), NOW, NOW, "cli"), second)
    assert await store.count() == 2
    assert await store.files(version(ONE)) == ONE
    assert await store.files(version(TWO)[:6]) == TWO
    assert await store.files(version(THREE)) == THREE


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", NOW),
        ("starts = 2019-03-04T11:59:59+06:00\n", NOW),
        ("starts = 2019-03-05T12:00:00+06:00\n", LATER),
    ],
)
async def test_a_catalogue_may_say_itself_when_it_starts(
    redis: Redis, said: str, expected: int
) -> None:
    """Of a load without a moment, at once where it names none or one that has passed."""
    dated = ONE | {"catalogue.toml": ONE["catalogue.toml"] + said.encode()}
    assert (await CatalogueStore(redis).load(dated, None, NOW, "cli")).starts == expected


async def test_a_server_that_starts_again_says_anew_what_it_serves(redis: Redis) -> None:
    """While nothing was loaded the folder may change between starts."""
    store = CatalogueStore(redis)
    await store.remember(ONE)
    await store.remember(TWO)
    assert await store.base() == version(TWO)


def test_stored_files_give_the_same_version_as_their_folder(tmp_path: Path) -> None:
    """The hash is of the files: where they lie does not matter; what is an editor's is left out."""
    assert catalogue_of(files_of(FOLDER)).version == load(FOLDER).version
    for name, data in ONE.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / ".base.toml.swp").write_bytes(b"x")
    (tmp_path / "notes.txt").write_bytes(b"x")
    (tmp_path / "old.toml").mkdir()
    assert files_of(tmp_path) == ONE


@pytest.mark.parametrize(
    ("starts", "base", "expected"),
    [
        ([], "", []),
        ([], "z", [("z", 0)]),
        ([("a", 5)], "", [("a", 5)]),
        ([("a", 5)], "z", [("z", 0), ("a", 5)]),
        ([("a", 5), ("c", 9), ("b", 7)], "", [("a", 5), ("b", 7), ("c", 9)]),
        ([("a", 5), ("b", 5)], "", [("b", 5)]),
        ([("a", 5), ("a", 7), ("b", 8), ("a", 9)], "", [("a", 5), ("b", 8), ("a", 9)]),
        ([("z", 5)], "z", [("z", 0)]),
    ],
)
def test_the_timeline(
    starts: list[tuple[str, int]], base: str, expected: list[tuple[str, int]]
) -> None:
    """In the order of moments; of one moment the last load; a version may come back."""
    loads = [Load(name, UtcMillis(at), UtcMillis(1), "cli") for name, at in starts]
    assert [*timeline(loads, base)] == expected


# --- without a restart --------------------------------------------------------------------------------


class Swapped:
    """Takes what it is given, and tells that it was."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int, int | None]] = []
        self.event = asyncio.Event()

    def __call__(self, dated: Sequence[Catalogue]) -> None:
        self.found = [(each.version, each.starts, each.ends) for each in dated]
        self.event.set()


def versions(redis: Redis, swapped: Swapped, now: int = NOW) -> Versions:
    """A server whose folder holds ONE."""
    return Versions(CatalogueStore(redis), catalogue_of(ONE), swapped, lambda: UtcMillis(now))


async def test_the_folder_serves_alone_while_nothing_was_loaded(redis: Redis) -> None:
    """It is handed over once, and again only when something changes."""
    swapped = Swapped()
    kept = versions(redis, swapped)
    assert await kept.refresh()
    assert swapped.found == [(version(ONE), 0, None)]
    assert not await kept.refresh()


async def test_loads_are_taken_over_each_in_its_time(redis: Redis) -> None:
    """One ends where the next one starts; the base is what served, not what the folder holds now."""
    store, swapped = CatalogueStore(redis), Swapped()
    await store.remember(THREE)
    await store.load(ONE, NOW, NOW, "cli")
    await store.load(TWO, LATER, NOW, "cli")
    assert await versions(redis, swapped).refresh()
    assert swapped.found == [
        (version(THREE), 0, NOW),
        (version(ONE), NOW, LATER),
        (version(TWO), LATER, None),
    ]


async def test_without_a_base_the_folder_serves_before_the_first_load(redis: Redis) -> None:
    """A version for tomorrow does not serve today."""
    swapped = Swapped()
    await CatalogueStore(redis).load(TWO, LATER, NOW, "cli")
    await versions(redis, swapped).refresh()
    assert swapped.found == [(version(ONE), 0, LATER), (version(TWO), LATER, None)]


async def test_a_version_that_ended_long_ago_is_let_go(redis: Redis) -> None:
    """It stays as long as late requests may come, and in the store for ever."""
    store, swapped = CatalogueStore(redis), Swapped()
    await store.load(TWO, NOW, NOW, "cli")
    await store.load(THREE, LATER, NOW, "cli")
    await versions(redis, swapped, LATER + KEPT_MILLIS).refresh()
    assert swapped.found == [(version(THREE), LATER, None)]
    await versions(redis, swapped, LATER + KEPT_MILLIS - 1).refresh()
    assert swapped.found == [(version(TWO), NOW, LATER), (version(THREE), LATER, None)]


async def test_a_watching_server_takes_over_and_survives_a_broken_version(redis: Redis) -> None:
    """A line that names files which are not there changes nothing; the next good load does."""
    store, swapped = CatalogueStore(redis), Swapped()
    kept = versions(redis, swapped)
    await kept.refresh()
    before = swapped.found
    async with redis.pipeline() as pipeline:
        pipeline.rpush(LOADS, f"ffff {NOW} {NOW} somebody")
        await pipeline.execute()
    with pytest.raises(CatalogueErrors):
        await kept.refresh()
    assert swapped.found == before
    await redis.delete(LOADS, BASE)
    swapped.event.clear()
    with structlog.testing.capture_logs():
        task = asyncio.create_task(kept.watch(0.001))
        await store.load(TWO, LATEST, NOW, "cli")
        await asyncio.wait_for(swapped.event.wait(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert swapped.found == [(version(ONE), 0, LATEST), (version(TWO), LATEST, None)]
