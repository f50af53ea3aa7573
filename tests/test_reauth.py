"""Sessions named by somebody's request: each owner is told once, in the background, whatever happens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.encoding import raw
from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import Act, Movement, Posting
from ocs.reauth import NAMES_AT_MOST, Reauthoriser
from ocs.store.connect import connect
from tests.support.plans import call, plan, subscriber


@pytest.fixture
async def opened(redis: Redis) -> list[bytes]:
    """Two open sessions of one account."""
    library = Library.from_package()
    await library.load(redis)
    ledger = RedisLedger(redis, library)
    payer = await ledger.put(subscriber())
    assert payer is not None
    await ledger.post(
        Posting(
            payer.account_id,
            payer.partition,
            "1",
            "topup",
            (Movement(Act.CREDIT, amount=30_000_000),),
            "t",
            "t",
        )
    )
    names = [b"one", b"two\x00{}"]
    for each in names:
        await ledger.charge(plan(payer, "I", 0, call(None, 60), session=each))
    return names


@asynccontextmanager
async def running(reauthorise: Reauthoriser) -> AsyncIterator[None]:
    """It runs for as long as this."""
    task = asyncio.create_task(reauthorise.run())
    try:
        yield
    finally:
        assert not task.done(), "it ends by cancellation alone"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def message(redis: Redis) -> dict[str, str]:
    """The next message in the inbox of the sessions' owner."""
    found = await redis.blpop([keys.inbox("w0")], timeout=5)
    assert found is not None
    read: dict[str, str] = json.loads(raw(found[1]))
    return read


async def test_a_session_that_is_gone_is_passed_over(redis: Redis, opened: list[bytes]) -> None:
    """Whoever ended meanwhile needs nothing; those behind it are told."""
    reauthorise = Reauthoriser(redis, Records(redis, 256))
    reauthorise([b"gone", opened[0]])
    async with running(reauthorise):
        assert (await message(redis))["kind"] == "rar"
    assert await redis.llen(keys.inbox("w0")) == 0


async def test_each_name_is_told_once(redis: Redis, opened: list[bytes]) -> None:
    """Named thrice before anybody came to it, a session is asked once; later names are told, too."""
    reauthorise = Reauthoriser(redis, Records(redis, 256))
    for _ in range(3):
        reauthorise([opened[0]])
    async with running(reauthorise):
        await message(redis)
        reauthorise([])
        reauthorise([opened[1]])
        await message(redis)
    assert await redis.llen(keys.inbox("w0")) == 0


async def test_a_store_that_is_away_ends_nothing(redis: Redis, opened: list[bytes]) -> None:
    """The names of that moment are lost, which costs time; the next ones are tried again."""
    client = connect("unix:///nowhere/s", 1.0)
    reauthorise = Reauthoriser(client, Records(client, 256))
    async with running(reauthorise):
        reauthorise(opened)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert reauthorise.pending == 0
        reauthorise(opened)
        assert reauthorise.pending == 2
    await client.aclose()


async def test_names_are_bounded(redis: Redis) -> None:
    """A storm keeps the newest."""
    reauthorise = Reauthoriser(redis, Records(redis, 256))
    reauthorise([b"%d" % number for number in range(NAMES_AT_MOST + 5)])
    assert reauthorise.pending == NAMES_AT_MOST
