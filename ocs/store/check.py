"""Whether a store may hold money: its version, its memory policy, and that it is ours.

An empty store must not look like one in which every subscriber is unknown, so a store without the epoch
key is refused unless it is to be taken into use.

Exceptions:
    StoreRefused   a sentence that says what to do
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

EPOCH = "ocs:epoch"
SCHEMA = 1
#: Function libraries came with 7.0.
VERSION_MIN = 7


class StoreRefused(Exception):
    """This store must not be used as it is."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was fixed when the store was taken into use. `origin_state_id` is announced to peers: it
    must not rise when a worker restarts, or they drop their sessions (RFC 6733, 8.16)."""

    partitions: int
    origin_state_id: int
    created_seconds: int


async def verify(client: Redis, partitions: int, initialise: bool) -> Epoch:
    """The epoch of a store that is fit; StoreRefused otherwise."""
    refuse_unfit(await client.info("server"), await client.info("memory"))
    if not await client.exists(EPOCH):
        await _take_into_use(client, partitions, initialise)
    values = await client.hgetall(EPOCH)
    epoch = Epoch(*(int(values[name]) for name in (b"partitions", b"origin_state_id", b"created")))
    if int(values[b"schema"]) != SCHEMA:
        raise StoreRefused(
            f"the store has schema {int(values[b'schema'])}, this release needs {SCHEMA}: "
            "run the release that wrote it, or migrate"
        )
    if epoch.partitions != partitions:
        raise StoreRefused(
            f"the store was taken into use with {epoch.partitions} partitions: set store.partitions "
            f"to {epoch.partitions}, it cannot change afterwards"
        )
    return epoch


async def _take_into_use(client: Redis, partitions: int, initialise: bool) -> None:
    if await client.dbsize():
        raise StoreRefused(
            "the store holds keys and lacks ours (ocs:epoch): it belongs to somebody else, or lost "
            "its data; give this server a store, or a database number, of its own"
        )
    if not initialise:
        raise StoreRefused(
            "the store is empty: if that is meant, take it into use once with "
            "`ocs serve --initialise`; if it held money, restore it first"
        )
    seconds, _ = await client.time()
    # One field decides who was first, when two servers start at once.
    if await client.hsetnx(EPOCH, "created", str(seconds)):
        await client.hset(
            EPOCH,
            mapping={"partitions": partitions, "origin_state_id": seconds, "schema": SCHEMA},
        )


def refuse_unfit(server: Mapping[str, object], memory: Mapping[str, object]) -> None:
    """Refuse by what INFO says."""
    version = str(server.get("valkey_version") or server.get("redis_version") or "?")
    major = re.match(r"\d+", version)
    if major is None or int(major[0]) < VERSION_MIN:
        raise StoreRefused(
            f"the store is version {version}: Redis or Valkey {VERSION_MIN} or later is needed"
        )
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        raise StoreRefused(
            f"the store may evict keys (maxmemory-policy {policy}), which would be money: "
            "set maxmemory-policy to noeviction"
        )
