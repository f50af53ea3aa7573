"""The link to the store: one flush a tick, lost replies, a store that stands still, lost functions."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ocs.abmf.encoding import raw
from ocs.abmf.ledger import LedgerUnavailable, OutcomeUnknown
from ocs.abmf.library import Library
from ocs.abmf.records import read_sessions
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import Balance
from ocs.model import ChargeOutcome, OutcomeStatus, Subscriber
from ocs.store.connect import connect
from tests.abmf.conftest import payout
from tests.support.plans import call, plan, subscriber, topup
from tests.support.proxy import Proxy, proxied


class Counted:
    """What the ledger counts, as a list."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.errors: list[tuple[str, str]] = []

    def store_call(self, operation: str, seconds: float) -> None:
        """A call was answered."""
        self.calls.append(operation)

    def store_error(self, operation: str, error: str) -> None:
        """A call failed."""
        self.errors.append((operation, error))


@dataclass
class Link:
    """A ledger that reaches its store through a proxy."""

    proxy: Proxy
    ledger: RedisLedger
    payer: Subscriber
    counted: Counted

    async def charge(self, number: int, used: int | None = None) -> ChargeOutcome:
        """A request of one call, asking for a minute."""
        kind = "U" if number else "I"
        return await self.ledger.charge(plan(self.payer, kind, number, call(used, 60)))

    async def balance(self) -> Balance:
        """The amounts."""
        found = await self.ledger.balance(self.payer.account_id, self.payer.partition)
        assert found is not None
        return found


@pytest.fixture
async def link(redis: Redis, empty_store: str, tmp_path: Path) -> AsyncIterator[Link]:
    """A payer with 30.00 and a deadline of a second."""
    library = Library.from_package()
    await library.load(redis)
    async with proxied(empty_store, tmp_path) as (proxy, url):
        client = connect(url, 5.0)
        counted = Counted()
        ledger = RedisLedger(client, library, deadline_seconds=1.0, metrics=counted)
        stored = await ledger.put(subscriber())
        assert stored is not None
        await ledger.post(topup(stored, 30_000_000))
        yield Link(proxy, ledger, stored, counted)
        await client.aclose()


async def test_a_lost_reply_is_asked_for_again(link: Link) -> None:
    """The call was carried out; its repeat, sent by the ledger itself, tells what became of it."""
    await link.charge(0)
    link.proxy.drops = 1
    outcome = await link.charge(1, 60)
    assert (outcome.status, outcome.is_replayed) == (OutcomeStatus.CHARGED, True)
    assert (await link.balance()).spent == 11_000_000
    assert link.counted.errors == [("charge", "TimeoutError")]


async def test_two_lost_replies_are_unknown_and_a_repeat_settles_it(link: Link) -> None:
    """Nobody says success or failure before the store did; the money moved once."""
    await link.charge(0)
    link.proxy.drops = 2
    with pytest.raises(OutcomeUnknown):
        await link.charge(1, 60)
    link.proxy.drops = 0
    outcome = await link.charge(1, 60)
    assert outcome.is_replayed
    assert outcome.results[0].granted == 60
    assert (await link.balance()).spent == 11_000_000


async def test_a_cut_in_the_middle_is_asked_for_again(link: Link) -> None:
    """A connection that goes while a call is under way: the repeat takes another."""
    await link.charge(0)
    link.proxy.is_still = True
    waiting = asyncio.create_task(link.charge(1, 60))
    await link.proxy.arrived()
    link.proxy.is_still = False
    link.proxy.cut()
    assert (await waiting).status is OutcomeStatus.CHARGED
    assert (await link.balance()).spent == 11_000_000


async def test_a_store_that_is_away_did_nothing(tmp_path: Path) -> None:
    """Without a connection it is certain, and said at once."""
    client = connect(f"unix://{tmp_path}/nobody", 5.0)
    ledger = RedisLedger(client, Library.from_package())
    with pytest.raises(LedgerUnavailable):
        await ledger.charge(plan(subscriber(), "I", 0, call(None, 60)))
    await client.aclose()


async def test_a_store_that_stands_still_costs_few_connections(link: Link) -> None:
    """Callers share one connection, and the one their repeat is sent on; none waits beyond its time."""
    link.proxy.is_still = True
    before = link.proxy.connections

    async def attempt(number: int) -> str:
        session = b"s;%d" % number
        try:
            await link.ledger.charge(plan(link.payer, "I", 0, call(None, 1), session=session))
        except OutcomeUnknown:
            return "unknown"
        return "answered"

    tasks = []
    for number in range(160):
        tasks.append(asyncio.create_task(attempt(number)))
        for _ in range(3):
            await asyncio.sleep(0)
    assert set(await asyncio.gather(*tasks)) == {"unknown"}
    assert link.proxy.connections - before <= 2


async def test_functions_that_were_lost_are_loaded_again(link: Link, redis: Redis) -> None:
    """FUNCTION FLUSH while serving: the next call succeeds."""
    await redis.function_flush()
    assert (await link.charge(0)).status is OutcomeStatus.CHARGED


async def test_the_calls_of_one_tick_travel_together(link: Link) -> None:
    """One write to the store for all of them, and one for a single call."""
    await link.charge(0)
    before = link.proxy.requests
    await link.charge(1, 1)
    assert link.proxy.requests == before + 1
    plans = [plan(link.payer, "I", 0, call(None, 1), session=b"t;%d" % n) for n in range(20)]
    outcomes = await asyncio.gather(*(link.ledger.charge(each) for each in plans))
    assert {each.status for each in outcomes} == {OutcomeStatus.CHARGED}
    assert link.proxy.requests == before + 2


async def test_a_caller_that_goes_away_disturbs_nobody(link: Link) -> None:
    """Cancelled at any moment: the others of its flush get their own replies, the money is whole."""
    plans = [plan(link.payer, "I", 0, call(None, n + 1), session=b"c;%d" % n) for n in range(9)]
    for ticks in range(6):
        tasks = [asyncio.create_task(link.ledger.charge(each)) for each in plans]
        for _ in range(ticks):
            await asyncio.sleep(0)
        tasks[4].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        for number, outcome in enumerate(done):
            if isinstance(outcome, ChargeOutcome):
                assert outcome.results[0].granted == number + 1
            else:
                assert number == 4
    await link.ledger.charge(plans[4])
    assert (await link.balance()).reserved == sum(
        (2 * seconds * 1100 + 60) // 120 * 10_000 for seconds in range(1, 10)
    )


async def session_keys(redis: Redis) -> list[bytes]:
    """The keys of the one session of this test: session, answers, route."""
    found = []
    for kind in (b"sess", b"answers", b"route"):
        found += [raw(each) for each in await redis.keys(b"*:" + kind + b":*")]
    return found


async def lives(redis: Redis) -> list[int]:
    """Their times to live in seconds, -1 for ever."""
    return [await redis.ttl(name) for name in await session_keys(redis)]


@pytest.mark.parametrize("end", ["refused", "terminated", "unknown", "expired"])
async def test_what_ended_does_not_stay_for_ever(link: Link, redis: Redis, end: str) -> None:
    """Session, answers and route of whatever has ended have a time to live; an open one has none."""
    ledger, payer = link.ledger, link.payer
    if end == "refused":
        await ledger.post(payout(payer, 30_000_000, "out"))
    if end != "unknown":
        await link.charge(0)
    if end == "terminated":
        await ledger.charge(plan(payer, "T", 1, call(1, None)))
    if end == "unknown":
        await ledger.charge(plan(payer, "U", 1, call(1, None)))
    if end == "expired":
        assert await lives(redis) == [-1, -1, -1]
        (session,) = await read_sessions(redis, payer.partition, [b"client;1"])
        await ledger.expire(session, "gone")
    await link.balance()  # behind whatever was sent and not waited for
    found = await lives(redis)
    assert len(found) == (2 if end == "unknown" else 3)
    assert all(0 < each <= 86_400 for each in found)
    await ledger.charge(plan(payer, "I", 7, call(None, 60)))
    await link.balance()
    if end != "unknown":
        assert all(0 < each <= 86_400 for each in await lives(redis))
