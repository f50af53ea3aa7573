"""What people and sweepers read: entries by their links, open and due sessions, damaged rows."""

import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.ledger import LedgerUnavailable
from ocs.abmf.library import Library
from ocs.abmf.records import Records, as_row, read_entry
from ocs.abmf.redis_ledger import RedisLedger
from ocs.model import Subscriber
from ocs.store.connect import connect
from tests.support.plans import call, plan, subscriber, topup


@pytest.fixture
async def payer(redis: Redis) -> Subscriber:
    """A subscriber with 30.00 and one open call."""
    library = Library.from_package()
    await library.load(redis)
    ledger = RedisLedger(redis, library)
    stored = await ledger.put(subscriber())
    assert stored is not None
    await ledger.post(replace(topup(stored, 30_000_000), actor="desk"))
    await ledger.charge(plan(stored, "I", 0, call(None, 60)))
    return stored


async def test_a_store_that_is_away_is_said_as_such() -> None:
    """The sweeper waits and tries again."""
    client = connect("unix:///nowhere/s", 1.0)
    for read in (Records(client, 256).due, Records(client, 256).overdue):
        with pytest.raises(LedgerUnavailable):
            await read(10)
    await client.aclose()


async def test_no_session_of_that_name(redis: Redis, payer: Subscriber) -> None:
    """Neither one that never was, nor one that ended."""
    records = Records(redis, 256)
    assert await records.session(b"other") is None
    library = Library.from_package()
    await RedisLedger(redis, library).charge(plan(payer, "T", 1, call(1, None)))
    assert await records.session(b"client;1") is None
    assert await records.open_sessions() == []
    assert await records.sessions_of(payer) == []


async def test_an_open_session_is_found_every_way(redis: Redis, payer: Subscriber) -> None:
    """By its name, by its account, among all; not among the due before its deadline."""
    records = Records(redis, 256)
    session = await records.session(b"client;1")
    assert session is not None
    assert (session.origin_host, session.owner, session.service) == (
        "client.example",
        "w0",
        "voice",
    )
    assert session.reserved == 11_000_000
    assert session.deadline - session.started == 1_200_000
    assert await records.open_sessions() == [session] == await records.sessions_of(payer)
    assert await records.due(10) == []
    await redis.zadd(keys.due(payer.partition), {b"client;1": 1})
    assert await records.due(10) == [session]


async def test_the_overdue_by_the_clock_of_the_store(redis: Redis, payer: Subscriber) -> None:
    """None before its moment, none that has ended, of each partition the longest overdue, and never more
    than asked for."""
    records, ledger = Records(redis, 256), RedisLedger(redis, Library.from_package())
    for name in (b"a", b"b", b"c"):
        made = plan(payer, "I", 0, call(None, 30), session=name, whole=False)
        await ledger.charge(made)
    seconds, _ = await redis.time()
    index = keys.overdue(payer.partition)
    await redis.zadd(index, {b"a": (seconds + 60) * 1000, b"ended": 1})
    assert await records.overdue(10) == []
    await redis.zadd(index, {b"b": (seconds - 60) * 1000, b"c": (seconds - 61) * 1000})
    await redis.zrem(index, b"ended")
    assert [each.session_id for each in await records.overdue(10)] == [b"c", b"b"]
    assert [each.session_id for each in await records.overdue(1)] == [b"c"]


async def test_entries_come_newest_first_by_their_links(redis: Redis, payer: Subscriber) -> None:
    """As many as asked for; a chain whose older part was moved away ends there."""
    records = Records(redis, 256)
    entries = await records.entries(payer.account_id, payer.partition, 10)
    assert [(each.sequence, each.kind, each.actor) for each in entries] == [
        (2, "charge", "client.example"),
        (1, "topup", "desk"),
    ]
    assert [each.after.available for each in entries] == [19_000_000, 30_000_000]
    assert len(await records.entries(payer.account_id, payer.partition, 1)) == 1
    await redis.xdel(keys.ledger(payer.partition), entries[1].entry_id)
    assert len(await records.entries(payer.account_id, payer.partition, 10)) == 1


def test_an_entry_with_foreign_text_is_still_read() -> None:
    """Actor and reason may hold any octets that a peer or a person sent."""
    entry = read_entry(b"1700000000000-3", as_row({b"actor": b"\xff{}", b"after": b"9 2 9 0 0 4"}))
    assert (entry.actor, entry.sequence, entry.at) == ("\\xff{}", 4, 1_700_000_000_000)


async def open_session(redis: Redis, payer: Subscriber, name: str, host: str, state: int) -> None:
    """A session of this client, opened under this Origin-State-Id."""
    ledger = RedisLedger(redis, Library.from_package())
    made = plan(payer, "I", 0, call(None, 0), session=name.encode(), actor=host, state_id=state)
    await ledger.charge(replace(made, is_refused_whole=False))


async def of_host(redis: Redis, host: str, below: int) -> list[bytes]:
    """The names that the walk finds."""
    found = []
    async for batch in Records(redis, 256).sessions_of_host(host, below):
        assert batch
        found += [each.session_id for each in batch]
    return sorted(found)


async def test_the_sessions_a_restart_ended(redis: Redis, payer: Subscriber) -> None:
    """Those of that client that were opened before: not its newer ones, not those that name no state,
    not another client's."""
    states = {"old": ("A.example", 5), "older": ("a.example", 4), "new": ("a.example", 6)}
    for name, (host, state) in states.items():
        await open_session(redis, payer, name, host, state)
    await open_session(redis, payer, "silent", "a.example", 0)
    await open_session(redis, payer, "other", "b.example", 5)
    await open_session(redis, payer, "over", "a.example", 5)
    ledger = RedisLedger(redis, Library.from_package())
    await ledger.charge(
        plan(payer, "T", 1, call(0, None), session=b"over", actor="a.example", state_id=5)
    )
    assert await of_host(redis, "a.EXAMPLE", 6) == [b"old", b"older"]
    assert await of_host(redis, "a.example", 4) == []
    assert await of_host(redis, "nobody.example", 9) == []


async def test_many_sessions_come_in_batches_while_they_end(
    redis: Redis, payer: Subscriber
) -> None:
    """Whoever closes what it is given meets each of 1,200 sessions; none is left."""
    ledger, sizes = RedisLedger(redis, Library.from_package()), []
    opened = (
        plan(payer, "I", 0, session=b"s%d" % number, actor="a.example", state_id=1)
        for number in range(1200)
    )
    await asyncio.gather(*map(ledger.charge, opened))
    async for batch in Records(redis, 256).sessions_of_host("a.example", 2):
        sizes.append(len(batch))
        await asyncio.gather(*(ledger.expire(each, "restart") for each in batch))
    assert max(sizes) < 1200
    assert sum(sizes) >= 1200
    assert await of_host(redis, "a.example", 2) == []


async def test_an_update_leaves_the_state_of_the_first_request(
    redis: Redis, payer: Subscriber
) -> None:
    """A session is judged by the Origin-State-Id it was opened under."""
    await open_session(redis, payer, "s", "a.example", 5)
    ledger = RedisLedger(redis, Library.from_package())
    made = plan(payer, "U", 1, call(0, None), session=b"s", actor="a.example", state_id=9)
    await ledger.charge(made)
    assert await of_host(redis, "a.example", 6) == [b"s"]
