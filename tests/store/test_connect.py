"""The client of the store: it sends a command once, waits so long and no longer, and says what happened."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
    RedisError,
    TimeoutError as RedisTimeoutError,
)

from ocs.store.connect import connect
from tests.support.proxy import Proxy, proxied


@pytest.fixture
async def proxy(empty_store: str, tmp_path: Path) -> AsyncIterator[tuple[Proxy, Redis]]:
    """A proxy before the store, and a client that is connected through it."""
    async with proxied(empty_store, tmp_path) as (found, url):
        client = connect(url, 0.1)
        await client.ping()
        yield found, client
        await client.aclose()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/s"])
async def test_nobody_there(url: str) -> None:
    """No store: an error at once, which says that nothing could be sent."""
    client = connect(url, 5.0)
    with pytest.raises(RedisConnectionError, match="connecting"):
        await asyncio.wait_for(client.ping(), 2)
    await client.aclose()


async def test_a_lost_reply_is_not_asked_for_again(
    proxy: tuple[Proxy, Redis], redis: Redis
) -> None:
    """The command was carried out and its reply lost: it is not sent a second time."""
    way, client = proxy
    way.drops = 1
    with pytest.raises(RedisTimeoutError):
        await client.incr("n")
    assert await redis.get("n") == b"1"


async def test_a_pipeline_is_not_sent_again(proxy: tuple[Proxy, Redis], redis: Redis) -> None:
    """The same for many commands in one."""
    way, client = proxy
    way.drops = 1
    pipeline = client.pipeline(transaction=False)
    pipeline.incr("n")
    pipeline.incr("n")
    with pytest.raises(RedisTimeoutError):
        await pipeline.execute()
    assert await redis.get("n") == b"2"


async def test_a_store_that_stands_still(proxy: tuple[Proxy, Redis], redis: Redis) -> None:
    """Its silence ends the call, not the caller's patience; the command went out once."""
    way, client = proxy
    way.is_still = True
    sent = way.requests
    with pytest.raises(RedisTimeoutError):
        await asyncio.wait_for(client.incr("n"), 5)
    assert way.requests == sent + 1
    assert await redis.get("n") is None


async def test_a_cut_connection(proxy: tuple[Proxy, Redis]) -> None:
    """A connection that is cut while a reply is awaited is an error; the next call opens another."""
    way, client = proxy
    way.is_still = True
    waiting = asyncio.ensure_future(client.ping())
    await way.arrived()
    way.cut()
    with pytest.raises(RedisError):
        await waiting
    way.is_still = False
    assert await client.ping()
