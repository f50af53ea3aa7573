"""Whether a store may hold money: each reason against it is a sentence that says what to do."""

import asyncio

import pytest
import structlog
from redis.asyncio import Redis

from ocs.store.check import EPOCH, StoreRefused, refuse_unfit, verify

PARTITIONS = 256


@pytest.mark.parametrize(
    "server",
    [
        {"redis_version": "6.2.14"},
        {"redis_version": "6.9.9", "valkey_version": "6.0.0"},
        {"redis_version": "unstable"},
        {},
    ],
)
def test_too_old(server: dict[str, object]) -> None:
    """Before 7 there are no function libraries; a version that is not told is not trusted."""
    with pytest.raises(StoreRefused, match="Redis or Valkey 7 or later"):
        refuse_unfit(server, {})


@pytest.mark.parametrize(
    "server",
    [
        {"redis_version": "7.0.15"},
        {"redis_version": "10.0.0"},
        {"redis_version": "7.2.4", "valkey_version": "9.1.2"},
    ],
)
def test_new_enough(server: dict[str, object]) -> None:
    """7 and everything after it, of both kinds; Valkey's own version counts, not the one it mimics."""
    refuse_unfit(server, {"maxmemory_policy": "noeviction"})
    with pytest.raises(StoreRefused, match="may evict keys"):  # the version is not what is refused
        refuse_unfit(server, {"maxmemory_policy": "allkeys-lru"})


async def test_evicting(redis: Redis) -> None:
    """A store that may drop keys under pressure would drop money."""
    await verify(redis, PARTITIONS, initialise=True)
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(StoreRefused, match=r"allkeys-lru.*set maxmemory-policy to noeviction"):
            await verify(redis, PARTITIONS, initialise=True)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")


async def test_empty(redis: Redis) -> None:
    """An empty store must not look as if nobody were a subscriber: it is taken into use on request."""
    with pytest.raises(StoreRefused, match=r"`ocs serve --initialise`.*restore it first"):
        await verify(redis, PARTITIONS, initialise=False)
    assert await redis.dbsize() == 0


@pytest.mark.parametrize("initialise", [False, True])
async def test_foreign(redis: Redis, initialise: bool) -> None:
    """Somebody else's keys, or ours without the epoch: not even on request."""
    await redis.set("theirs", "1")
    with pytest.raises(StoreRefused, match="belongs to somebody else, or lost"):
        await verify(redis, PARTITIONS, initialise)
    assert await redis.keys() == [b"theirs"]


async def test_other_partitions(redis: Redis) -> None:
    """The number of partitions is fixed: another one would not find the accounts."""
    await verify(redis, PARTITIONS, initialise=True)
    with pytest.raises(StoreRefused, match=r"set store\.partitions to 256"):
        await verify(redis, 16, initialise=True)


async def test_other_schema(redis: Redis) -> None:
    """Data of another release is left alone."""
    await verify(redis, PARTITIONS, initialise=True)
    await redis.hset(EPOCH, "schema", "2")
    with pytest.raises(StoreRefused, match=r"schema 2, this release needs 1.*migrate"):
        await verify(redis, PARTITIONS, initialise=True)


@pytest.mark.parametrize("field", ["partitions", "origin_state_id", "created", "schema"])
@pytest.mark.parametrize("value", [None, "many"])
async def test_damaged_epoch(redis: Redis, field: str, value: str | None) -> None:
    """An epoch that is not whole is refused, not repaired by guessing."""
    await verify(redis, PARTITIONS, initialise=True)
    if value is None:
        await redis.hdel(EPOCH, field)
    else:
        await redis.hset(EPOCH, field, value)
    with pytest.raises(StoreRefused, match="ocs:epoch is not what was written"):
        await verify(redis, PARTITIONS, initialise=True)


async def test_epoch_of_another_type(redis: Redis) -> None:
    """A key of this name that is no hash is refused."""
    await redis.set(EPOCH, "1")
    with pytest.raises(StoreRefused, match="ocs:epoch is not what was written"):
        await verify(redis, PARTITIONS, initialise=True)


async def test_taken_into_use_once(redis: Redis) -> None:
    """What was fixed then stays: Origin-State-Id must not rise with a restart (RFC 6733, 8.16)."""
    before, _ = await redis.time()
    first = await verify(redis, PARTITIONS, initialise=True)
    assert before <= first.created_seconds == first.origin_state_id < 2**32
    assert first.partitions == PARTITIONS
    for initialise in (False, True):
        assert await verify(redis, PARTITIONS, initialise) == first


async def test_two_servers_at_once(redis: Redis) -> None:
    """Two that start together on an empty store agree on one epoch, or on who was too late."""
    found = await asyncio.gather(
        *(verify(redis, PARTITIONS, initialise=True) for _ in range(8)), return_exceptions=True
    )
    epochs = {each for each in found if not isinstance(each, BaseException)}
    assert epochs == {await verify(redis, PARTITIONS, initialise=False)}
    assert all(isinstance(each, StoreRefused) for each in found if each not in epochs)


async def test_without_append_only_file(redis: Redis) -> None:
    """A store that keeps nothing on disk is used, with a warning; one that does, without."""
    with structlog.testing.capture_logs() as logged:
        await verify(redis, PARTITIONS, initialise=True)
    assert [(each["log_level"], "append-only" in each["event"]) for each in logged] == [
        ("warning", True)
    ]
    await redis.config_set("appendonly", "yes")
    try:
        with structlog.testing.capture_logs() as logged:
            await verify(redis, PARTITIONS, initialise=True)
    finally:
        await redis.config_set("appendonly", "no")
    assert logged == []
