"""Whether a store may hold money: its version, its memory policy, and that it is ours.

An empty store must not look like one in which every subscriber is unknown, so a store without the epoch
key is refused unless it is to be taken into use.

Exceptions:
    StoreRefused   a sentence that says what to do
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

EPOCH = "ocs:epoch"
SCHEMA = 1
#: Function libraries came with 7.0.
VERSION_MIN = 7

log = structlog.get_logger()


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
    if not (await client.info("persistence")).get("aof_enabled"):
        log.warning("the store keeps no append-only file: what it holds may be lost with it")
    if not await client.exists(EPOCH):
        await _take_into_use(client, partitions, initialise)
    try:
        values = await client.hgetall(EPOCH)
        names = (b"partitions", b"origin_state_id", b"created", b"schema")
        *fixed, schema = (int(values[name]) for name in names)
    except (ResponseError, KeyError, ValueError):
        raise StoreRefused(
            f"the store's {EPOCH} is not what was written when it was taken into use: restore it"
        ) from None
    epoch = Epoch(*fixed)
    if schema != SCHEMA:
        raise StoreRefused(
            f"the store has schema {schema}, this release needs {SCHEMA}: "
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
    fields = {
        "partitions": partitions,
        "origin_state_id": seconds,
        "created": seconds,
        "schema": SCHEMA,
    }
    # In one piece, and the first one stays, when two servers start at once or one is killed here.
    async with client.pipeline(transaction=True) as pipeline:
        for name, value in fields.items():
            pipeline.hsetnx(EPOCH, name, str(value))
        await pipeline.execute()


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
