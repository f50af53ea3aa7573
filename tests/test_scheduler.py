"""The scheduler on a real ledger: what is due is done, once, over restarts and beside another worker."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.ledger import LedgerUnavailable
from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import Subscribers
from ocs.books import Act, Movement, OpenSession, Posting, PostStatus
from ocs.model import (
    Identity,
    IdentityKind,
    Partition,
    Product,
    ProductState,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.catalogue import load
from ocs.rating.product import Advance, BucketRule, Every, Fee, ProductRule, Span
from ocs.rating.versions import Catalogues
from ocs.scheduler import TICK_SECONDS, Scheduler
from tests.account.book import at, tenge

PARTITIONS = 4
RULES = {
    "base": ProductRule(
        "base",
        "Base",
        "tariff",
        fee=Fee(tenge("40"), Every(Span.DAY), restarts=False),
        buckets=(BucketRule("minutes", "seconds", 600, ()),),
    ),
    "extra": ProductRule(
        "extra",
        "Extra",
        "advance",
        advance=Advance(tenge("250"), tenge("25"), Every(Span.DAYS, 1), tenge("100")),
    ),
    "credit": ProductRule("credit", "Credit", "tariff"),
}
CATALOGUE = replace(
    load(Path(__file__).parents[1] / "config" / "catalogue"), products=RULES, zone="Asia/Almaty"
)


class Counts:
    """The metrics, as numbers."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def agenda_step(self, status: str) -> None:
        """One more."""
        self.steps.append(status)


class Town:
    """A store, a clock, and schedulers that share nothing else."""

    def __init__(self, redis: Redis, library: Library) -> None:
        self.redis = redis
        self.library = library
        self.now = at("2019-03-04 12:00")
        self.counts = Counts()
        self.told: list[OpenSession] = []
        self.ledger = RedisLedger(redis, library)
        self.subscribers = Subscribers(redis, self.ledger, PARTITIONS)

    async def tell(self, sessions: Sequence[OpenSession]) -> None:
        """Who waits for money."""
        self.told.extend(sessions)

    def scheduler(self) -> Scheduler:
        """One of another process."""
        ledger = RedisLedger(self.redis, self.library)
        return Scheduler(
            ledger,
            Subscribers(self.redis, ledger, PARTITIONS),
            Catalogues((CATALOGUE,)),
            map(Partition, range(PARTITIONS)),
            lambda: self.now,
            self.counts,
            self.tell,
        )

    async def settle_in(self, number: str, main: str) -> Subscriber:
        """A subscriber whose tariff's first fee is paid."""
        identity = Identity(IdentityKind.E164, number)
        made = await self.subscribers.create((identity,), "base", SubscriberState.ACTIVE)
        due = at("2019-03-05 00:00")
        product = Product(1, "base", ProductState.ACTIVE, self.now, due, self.now)
        stored = await self.ledger.put(replace(made, products=(product,), next_product=2))
        assert stored is not None
        posting = Posting(
            made.account_id, made.partition, "start", "topup",
            (Movement(Act.CREDIT, amount=tenge(main)),), "test", "start",
        )  # fmt: skip
        assert (await self.ledger.post(posting)).status is PostStatus.POSTED
        return stored

    async def main(self, who: Subscriber) -> int:
        """What the account has."""
        found = await self.ledger.balance(who.account_id, who.partition)
        assert found is not None
        return found.available


@pytest.fixture
async def town(redis: Redis) -> Town:
    """An empty store."""
    library = Library.from_package()
    await library.load(redis)
    return Town(redis, library)


async def test_nothing_is_done_before_its_moment(town: Town) -> None:
    """One millisecond before midnight nobody is touched."""
    who = await town.settle_in("77010000001", "100")
    town.now = UtcMillis(at("2019-03-05 00:00") - 1)
    assert await town.scheduler().tick() == 0
    assert await town.main(who) == tenge("100")


async def test_a_fee_is_taken_at_its_moment_and_not_again(town: Town) -> None:
    """With its entry, its notice, its bucket; the next tick, and the next process, find nothing."""
    who = await town.settle_in("77010000001", "100")
    town.now = at("2019-03-05 00:00")
    assert await town.scheduler().tick() == 1
    assert await town.scheduler().tick() == 0
    assert await town.main(who) == tenge("60")
    entry = (await Records(town.redis, PARTITIONS).entries(who.account_id, who.partition, 1))[0]
    assert (entry.kind, entry.actor, entry.spent) == ("fee", "scheduler", tenge("40"))
    balance = await town.ledger.balance(who.account_id, who.partition)
    assert balance is not None and balance.others["1.minutes"].amount == 600
    assert await town.redis.xlen(keys.outbox(who.partition)) == 1
    assert town.counts.steps == ["posted"]


async def test_it_catches_up_after_days_without_a_scheduler(town: Town) -> None:
    """Three midnights have passed: three fees, in order, by whoever starts first."""
    who = await town.settle_in("77010000001", "200")
    town.now = at("2019-03-07 15:00")
    assert await town.scheduler().tick() == 3
    assert await town.main(who) == tenge("80")
    assert await town.scheduler().tick() == 0


async def test_two_workers_at_once_post_once(town: Town) -> None:
    """Ten subscribers, four workers at the same moment: ten fees."""
    everybody = [await town.settle_in(f"7701000000{n}", "100") for n in range(10)]
    town.now = at("2019-03-05 00:00")
    await asyncio.gather(*(town.scheduler().tick() for _ in range(4)))
    assert [await town.main(each) for each in everybody] == [tenge("60")] * 10
    assert town.counts.steps.count("posted") == 10


async def test_a_fee_that_is_not_covered_leaves_the_product_unpaid(town: Town) -> None:
    """Nothing is taken, and the subscriber that is stored says so."""
    who = await town.settle_in("77010000001", "39.99")
    town.now = at("2019-03-05 00:00")
    await town.scheduler().tick()
    assert await town.main(who) == tenge("39.99")
    stored = await town.subscribers.refresh(who)
    assert stored.products[0].state is ProductState.UNPAID and stored.due > town.now


async def test_a_clock_that_goes_back_takes_nothing(town: Town) -> None:
    """What was done stays done."""
    who = await town.settle_in("77010000001", "100")
    town.now = at("2019-03-05 00:00")
    await town.scheduler().tick()
    town.now = at("2019-03-04 23:00")
    assert await town.scheduler().tick() == 0
    town.now = at("2019-03-05 00:00")
    assert await town.scheduler().tick() == 0
    assert await town.main(who) == tenge("60")


async def test_one_who_cannot_be_served_does_not_keep_the_others(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store does not answer for one of two: the other is served, the first stays on the agenda."""
    first, second = [await town.settle_in(f"7701000000{n}", "100") for n in range(2)]
    town.now = at("2019-03-05 00:00")
    post = RedisLedger.post

    async def failing(self: RedisLedger, posting: Posting) -> object:
        if posting.account_id == first.account_id:
            raise LedgerUnavailable("away")
        return await post(self, posting)

    with monkeypatch.context() as patch:
        patch.setattr(RedisLedger, "post", failing)
        assert await town.scheduler().tick() == 1
    assert (await town.main(first), await town.main(second)) == (tenge("100"), tenge("60"))
    assert await town.scheduler().tick() == 1
    assert await town.main(first) == tenge("60")


async def test_an_advance_is_taken_back_by_the_ledger(town: Town) -> None:
    """225.00 were lent and 100.00 are there: they are taken, 150.00 of 250.00 stay owed."""
    who = await town.settle_in("77010000001", "100")
    ends = at("2019-03-05 00:00")
    lent = Product(1, "extra", ProductState.ACTIVE, town.now, ends, town.now)
    stored = await town.ledger.put(replace(who, products=(lent,)))
    assert stored is not None
    owed = Movement(Act.DEBIT, "owed.advance", tenge("250"), tenge("250"))
    posting = Posting(who.account_id, who.partition, "lent", "advance", (owed,), "test", "lent")
    assert (await town.ledger.post(posting)).status is PostStatus.POSTED
    town.now = ends
    assert await town.scheduler().tick() == 1
    balance = await town.ledger.balance(who.account_id, who.partition)
    assert balance is not None and balance.available == 0
    assert balance.others["owed.advance"].amount == -tenge("150")
    assert (await town.subscribers.refresh(who)).products == ()


async def test_a_month_on_credit_is_billed_by_the_ledger(town: Town) -> None:
    """980.00 were used in March: on 1 April they are March's bill, and the limit is whole."""
    who = await town.settle_in("77010000001", "20")
    first = at("2019-04-01 00:00")
    product = Product(1, "credit", ProductState.ACTIVE, town.now, first, town.now)
    limit = tenge("1000")
    changed = replace(who, tariff="credit", products=(product,), credit_limit=limit)
    assert await town.ledger.put(changed) is not None
    used = Movement(Act.DEBIT, amount=limit, limit=limit)
    posting = Posting(who.account_id, who.partition, "use", "adjustment", (used,), "test", "use")
    assert (await town.ledger.post(posting)).status is PostStatus.POSTED
    assert await town.main(who) == -tenge("980")
    town.now = first
    assert await town.scheduler().tick() == 1
    balance = await town.ledger.balance(who.account_id, who.partition)
    assert balance is not None and balance.available == 0
    assert balance.others["bill"].amount == -tenge("980")
    assert (await town.subscribers.refresh(who)).due == at("2019-05-01 00:00")


async def test_the_first_use_activates_once(town: Town) -> None:
    """Calls that come together: the tariff begins once, its fee waits for the first money."""
    identity = Identity(IdentityKind.E164, "77010000009")
    made = await town.subscribers.create((identity,), "base", SubscriberState.PREACTIVE)
    await asyncio.gather(*(town.scheduler().activate(made) for _ in range(4)))
    stored = await town.subscribers.refresh(made)
    assert stored.state is SubscriberState.ACTIVE and stored.version == made.version + 1
    assert [each.product for each in stored.products] == ["base"]
    assert await town.scheduler().activate(stored) == stored


async def test_those_who_cannot_be_served_are_read_past(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names on the agenda that lead to nobody stand before everybody else's: with batches of one, the next
    round reads one more."""
    monkeypatch.setattr("ocs.scheduler.BATCH", 1)
    who = await town.settle_in("77010000001", "100")
    await town.redis.zadd(keys.agenda(who.partition), {"nobody": 1})
    town.now = at("2019-03-05 00:00")
    scheduler = town.scheduler()
    assert await scheduler.tick() == 0
    assert await scheduler.tick() == 1
    assert await town.main(who) == tenge("60")


async def test_it_runs_until_it_is_cancelled_and_outlives_a_store_that_is_away(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed round is followed by another."""
    scheduler = town.scheduler()
    rounds: list[int] = []
    third = asyncio.Event()

    async def tick() -> int:
        rounds.append(1)
        if len(rounds) == 1:
            raise LedgerUnavailable("away")
        if len(rounds) == 3:
            third.set()
        return 0

    slept: list[float] = []
    sleep = asyncio.sleep

    async def short(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(scheduler, "tick", tick)
    monkeypatch.setattr("ocs.scheduler.asyncio.sleep", short)
    running = asyncio.create_task(scheduler.run())
    await asyncio.wait_for(third.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert slept[:2] == [TICK_SECONDS] * 2
