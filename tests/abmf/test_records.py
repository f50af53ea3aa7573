"""What people and sweepers read: entries by their links, open and due sessions, damaged rows."""

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.ledger import LedgerUnavailable
from ocs.abmf.library import Library
from ocs.abmf.records import Records, as_row, read_entry
from ocs.abmf.redis_ledger import RedisLedger
from ocs.model import Micros, Posting, Subscriber
from ocs.store.connect import connect
from tests.support.plans import call, plan, subscriber


@pytest.fixture
async def payer(redis: Redis) -> Subscriber:
    """A subscriber with 30.00 and one open call."""
    library = Library.from_package()
    await library.load(redis)
    ledger = RedisLedger(redis, library)
    stored = await ledger.put(subscriber())
    assert stored is not None
    await ledger.post(
        Posting(stored.account_id, stored.partition, "1", "topup", Micros(30_000_000), "desk", "x")
    )
    await ledger.charge(plan(stored, "I", 0, call(None, 60)))
    return stored


async def test_a_store_that_is_away_is_said_as_such() -> None:
    """The sweeper waits and tries again."""
    client = connect("unix:///nowhere/s", 1.0)
    with pytest.raises(LedgerUnavailable):
        await Records(client, 256).due(10)
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
    entry = read_entry(b"1700000000000-3", as_row({b"actor": b"\xff{}", b"seq": b"4"}))
    assert (entry.actor, entry.sequence, entry.at) == ("\\xff{}", 4, 1_700_000_000_000)
