"""Buckets, counters and several purses on a real store: held, settled, given back, told of."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.encoding import refund_token
from ocs.abmf.records import Records, as_row
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import Act, Held, Move, Movement, Posting, PostStatus, Refund, RefundStatus
from ocs.model import (
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeStatus,
    Draw,
    Leg,
    OutcomeStatus,
    Refusal,
    Rounding,
    Source,
    Subscriber,
    UnitKind,
    UtcMillis,
    Way,
)
from tests.abmf.conftest import Clock
from tests.support.plans import plan

#: 20.00 a begun minute from main money.
BASE = Way("p.t.1", (Leg(0, 2**40, 60, 20_000_000),))
#: A minute of the bucket for each begun minute.
BUCKET = Way("b.7", (Leg(0, 2**40, 1, 0),), draws=(Draw("7.min", 60, 1),))
MAIN, MINUTES = Source("main"), Source("7.min")
DAY_4, DAY_5 = "c.day@2019-03-04", "c.day@2019-03-05"


def charge(
    used: int | None, wanted: int | None, *ways: Way, key: str = "1", **more: object
) -> Charge:
    """Events, so that any number of them may be reported."""
    found = Charge(key, used, wanted, Rounding(), 1, ways or (BUCKET, BASE), unit=UnitKind.EVENTS)
    return replace(found, **more)  # type: ignore[arg-type]  # fields of a charge


def planned(
    each: Subscriber,
    kind: str,
    number: int,
    *charges: Charge,
    session: bytes = b"client;1",
    sources: tuple[Source, ...] = (MAIN, MINUTES),
    at: int = 0,
) -> ChargePlan:
    """A plan whose services stand each for itself."""
    made = plan(each, kind, number, *charges, session=session, whole=False, sources=sources)
    return replace(made, at=UtcMillis(at))


async def give(ledger: RedisLedger, each: Subscriber, balance: str, amount: int) -> None:
    """Credit a balance."""
    acts = (Movement(Act.CREDIT, balance, amount),)
    made = Posting(each.account_id, each.partition, f"give {balance}", "t", acts, "t", "t")
    assert (await ledger.post(made)).status is PostStatus.POSTED


async def held(ledger: RedisLedger, each: Subscriber) -> dict[str, Held]:
    """All balances, main money among them; and the invariant."""
    found = await ledger.balance(each.account_id, each.partition)
    assert found is not None
    assert found.credited == found.available + found.reserved + found.spent + found.written_off
    return {"main": Held(found.main, found.reserved), **found.others}


async def told(redis: Redis, each: Subscriber) -> list[dict[bytes, bytes]]:
    """The outbox, oldest first."""
    return [as_row(row) for _, row in await redis.xrange(keys.outbox(each.partition)) or []]


def granted(outcome: ChargeOutcome) -> list[tuple[int, bool, str]]:
    """Of each service: how much, whether it is the last, on which way."""
    return [(each.granted, each.is_final, each.way) for each in outcome.results]


# --- refusals --------------------------------------------------------------------------------------


async def test_an_event_that_one_balance_does_not_cover(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Of two services the first would take the bucket's two, the second has no money: nothing moves."""
    await give(ledger, payer, "7.min", 2)
    made = planned(payer, "E", 0, charge(None, 120, BUCKET), charge(None, 61, BASE, key="2"))
    outcome = await ledger.charge(replace(made, sources=(MAIN, MINUTES)))
    assert outcome.status is OutcomeStatus.REFUSED
    assert {each.status for each in outcome.results} == {ChargeStatus.NO_CREDIT}
    assert await held(ledger, payer) == {"main": Held(30_000_000), "7.min": Held(2)}


async def test_nothing_is_left_for_a_second_session(ledger: RedisLedger, payer: Subscriber) -> None:
    """What one holds of a bucket, another cannot draw on; the holder is named."""
    await give(ledger, payer, "7.min", 2)
    only = charge(None, 120, BUCKET)
    first = await ledger.charge(planned(payer, "I", 0, only))
    assert granted(first) == [(120, True, "b.7")]
    second = await ledger.charge(planned(payer, "I", 0, only, session=b"b"))
    assert second.results[0].status is ChargeStatus.NO_CREDIT
    assert second.waiting == (b"client;1",)
    assert (await held(ledger, payer))["7.min"] == Held(2, 2)


# --- grants and reports ----------------------------------------------------------------------------


async def test_a_bucket_then_money(ledger: RedisLedger, payer: Subscriber, redis: Redis) -> None:
    """2 minutes, then 20.00 a minute: 150 s hold 2 and 20.00; 130 s used take them; 10 s more are
    paid already, and the rest of 30.00 pays no minute."""
    await give(ledger, payer, "7.min", 2)
    opened = await ledger.charge(planned(payer, "I", 0, charge(None, 150)))
    assert granted(opened) == [(150, False, "p.t.1")]
    assert await held(ledger, payer) == {
        "main": Held(30_000_000, 20_000_000),
        "7.min": Held(2, 2),
    }
    then = await ledger.charge(planned(payer, "U", 1, charge(130, 100)))
    assert granted(then) == [(50, True, "p.t.1")]
    assert (then.spent, then.reserved, then.total_cost) == (20_000_000, -20_000_000, 20_000_000)
    assert await held(ledger, payer) == {"main": Held(10_000_000), "7.min": Held(0)}
    (entry, *_) = await Records(redis, 256).entries(payer.account_id, payer.partition, 1)
    assert entry.moves == (Move("7.min", -2, -2, 0, 0),)
    assert entry.laid == (("b.7", 120), ("p.t.1", 10))
    closed = await ledger.charge(planned(payer, "T", 2, charge(50, None)))
    assert (closed.status, closed.spent, closed.written_off) == (OutcomeStatus.CLOSED, 0, 0)


async def test_an_overtaken_update_without_a_price(ledger: RedisLedger, payer: Subscriber) -> None:
    """Service 1 was granted 130 s by update 2: two minutes of the bucket and 20.00. Update 1 comes late,
    when it has no price: that quota stands, and service 2 gets none of it but the 10.00 beside."""
    await give(ledger, payer, "7.min", 2)
    await ledger.charge(planned(payer, "I", 0, charge(None, 60)))
    await ledger.charge(planned(payer, "U", 2, charge(None, 130)))
    before = {"main": Held(30_000_000, 20_000_000), "7.min": Held(2, 2)}
    assert await held(ledger, payer) == before
    unpriced = replace(charge(50, 60), ways=(), refusal=Refusal.RATING_FAILED)
    outcome = await ledger.charge(planned(payer, "U", 1, unpriced, charge(None, 60, BASE, key="2")))
    assert [each.status for each in outcome.results] == [
        ChargeStatus.RATING_FAILED,
        ChargeStatus.NO_CREDIT,
    ]
    assert (outcome.spent, outcome.reserved) == (0, 0)
    assert await held(ledger, payer) == before
    await ledger.charge(planned(payer, "T", 3, charge(130, None)))
    assert await held(ledger, payer) == {"main": Held(10_000_000), "7.min": Held(0)}


@pytest.mark.parametrize("reports", [(200,), (1, 199), (60, 60, 60, 20), (119, 2, 79)])
async def test_a_split_report_takes_the_same(
    ledger: RedisLedger, payer: Subscriber, reports: tuple[int, ...]
) -> None:
    """200 s: 2 minutes of the bucket, 20.00 of 30.00, and 20.00 for the fourth minute, of which 10.00 are
    there."""
    await give(ledger, payer, "7.min", 2)
    await ledger.charge(planned(payer, "I", 0, charge(None, None)))
    for number, used in enumerate(reports, 1):
        outcome = await ledger.charge(planned(payer, "U", number, charge(used, None)))
    assert outcome.total_cost == 40_000_000
    found = await ledger.balance(payer.account_id, payer.partition)
    assert found is not None
    assert (found.available, found.spent, found.written_off) == (0, 30_000_000, 10_000_000)
    assert found.others == {"7.min": Held(0)}


async def test_what_a_service_gave_back_pays_for_another(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """The first used two minutes more than it held, the second none of what it held: no write-off."""
    await give(ledger, payer, "7.min", 4)
    only = (BUCKET,)
    await ledger.charge(
        planned(payer, "I", 0, charge(None, 120, *only), charge(None, 120, *only, key="2"))
    )
    outcome = await ledger.charge(
        planned(payer, "U", 1, charge(240, None, *only), charge(0, None, *only, key="2"))
    )
    assert outcome.written_off == 0
    assert (await held(ledger, payer))["7.min"] == Held(0)


async def test_overuse_of_one_does_not_take_what_another_holds(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Of another session, too: of four minutes the first may take the two it holds."""
    await give(ledger, payer, "7.min", 4)
    for name in (b"a", b"b"):
        await ledger.charge(planned(payer, "I", 0, charge(None, 120, BUCKET), session=name))
    await ledger.charge(planned(payer, "T", 1, charge(240, None, BUCKET), session=b"a"))
    assert (await held(ledger, payer))["7.min"] == Held(2, 2)


async def test_an_end_gives_back_what_it_does_not_name(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Of every balance, and what it reports may be paid from it."""
    await give(ledger, payer, "7.min", 2)
    await ledger.charge(
        planned(payer, "I", 0, charge(None, 120, BUCKET), charge(None, 60, BASE, key="2"))
    )
    end = await ledger.charge(planned(payer, "T", 1, charge(120, None, BUCKET, key="3")))
    assert (end.status, end.reserved) == (OutcomeStatus.CLOSED, -20_000_000)
    assert await held(ledger, payer) == {"main": Held(30_000_000), "7.min": Held(0)}


async def test_a_close_from_our_side_gives_back_all(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """The released money is told, of units the entry tells."""
    await give(ledger, payer, "7.min", 2)
    await ledger.charge(planned(payer, "I", 0, charge(None, 150)))
    (session,) = await Records(redis, 256).open_sessions()
    assert session.reserved == 20_000_000
    outcome = await ledger.expire(session, "gone")
    assert (outcome.closed, outcome.released) == (True, 20_000_000)
    assert await held(ledger, payer) == {"main": Held(30_000_000), "7.min": Held(2)}
    (entry,) = await Records(redis, 256).entries(payer.account_id, payer.partition, 1)
    assert (entry.kind, entry.moves) == ("release", (Move("7.min", 0, -2, 2, 0),))


async def test_units_that_come_back_are_offered(ledger: RedisLedger, payer: Subscriber) -> None:
    """Who waits for a bucket is named when its holder ends."""
    await give(ledger, payer, "7.min", 2)
    await ledger.charge(planned(payer, "I", 0, charge(None, 120, BUCKET)))
    await ledger.charge(planned(payer, "I", 0, charge(None, 60, BUCKET), session=b"b"))
    end = await ledger.charge(planned(payer, "T", 1, charge(0, None, BUCKET)))
    assert end.waiting == (b"b",)


async def test_usage_on_credit(ledger: RedisLedger, payer: Subscriber) -> None:
    """Main does not stop: the fourth minute and the fifth are owed, the sixth would be too much."""
    first = replace(BASE, stops=False)
    owed = Way("o.1", BASE.legs, ("owed",))
    sources = (MAIN, Source("owed", -40_000_000))
    opened = await ledger.charge(
        planned(payer, "I", 0, charge(None, 600, first, owed), sources=sources)
    )
    assert granted(opened) == [(180, True, "o.1")]
    end = planned(payer, "T", 1, charge(240, None, first, owed), sources=sources)
    outcome = await ledger.charge(end)
    assert (outcome.spent, outcome.written_off) == (20_000_000, 20_000_000)
    assert await held(ledger, payer) == {"main": Held(10_000_000), "owed": Held(-40_000_000)}


async def test_main_money_below_zero(ledger: RedisLedger, payer: Subscriber) -> None:
    """A floor of -10.00: 30.00 pay two minutes, and what may still be spent is told with it."""
    sources = (Source("main", -10_000_000),)
    opened = await ledger.charge(planned(payer, "I", 0, charge(None, 600, BASE), sources=sources))
    assert granted(opened) == [(120, True, "p.t.1")]
    used = await ledger.charge(planned(payer, "U", 1, charge(61, None, BASE), sources=sources))
    assert (used.spent, used.available) == (40_000_000, 0)
    assert await held(ledger, payer) == {"main": Held(-10_000_000)}


# --- counters --------------------------------------------------------------------------------------


def counted(label: str) -> Way:
    """A free way that a counter of 100 bounds."""
    return Way("p.free.1", (Leg(0, 2**40, 1, 0),), draws=(Draw(label, 1, 1),))


async def test_a_counter_begins_anew(ledger: RedisLedger, payer: Subscriber) -> None:
    """100 a day: 90 of the 4th are held and 70 used; the 5th has all, and the hold of the 4th is gone."""
    before, after = (MAIN, Source(DAY_4, -100)), (MAIN, Source(DAY_5, -100))
    await ledger.charge(planned(payer, "I", 0, charge(None, 90, counted(DAY_4)), sources=before))
    await ledger.charge(planned(payer, "U", 1, charge(70, 20, counted(DAY_4)), sources=before))
    assert (await held(ledger, payer))["c.day"] == Held(-70, 20, "2019-03-04")
    other = planned(payer, "I", 0, charge(None, 500, counted(DAY_5)), session=b"b", sources=after)
    assert granted(await ledger.charge(other)) == [(100, True, "p.free.1")]
    assert (await held(ledger, payer))["c.day"] == Held(0, 100, "2019-03-05")
    # A late report of the day before counts nowhere, and takes nothing of what is held.
    late = planned(payer, "T", 2, charge(20, None, counted(DAY_4)), sources=before)
    assert (await ledger.charge(late)).status is OutcomeStatus.CLOSED
    assert (await held(ledger, payer))["c.day"] == Held(0, 100, "2019-03-05")


async def test_a_period_that_is_over_reads_0(ledger: RedisLedger, payer: Subscriber) -> None:
    """It has its whole capacity, once more than it holds already."""
    after = (MAIN, Source(DAY_5, -100))
    await ledger.charge(planned(payer, "E", 0, charge(None, 30, counted(DAY_5)), sources=after))
    before = (MAIN, Source(DAY_4, -100))
    event = planned(payer, "E", 1, charge(None, 100, counted(DAY_4)), session=b"b", sources=before)
    assert (await ledger.charge(event)).status is OutcomeStatus.DEBITED
    assert (await held(ledger, payer))["c.day"] == Held(-30, 0, "2019-03-05")


async def test_a_call_over_midnight(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """Free seconds, 40 a day, by one way in two days: 30 s before and 30 s after midnight are each counted
    on their own day. Nothing ends at midnight: the second day has 10 s left, and no more."""
    midnight = UtcMillis(1_551_720_000_000)
    first = replace(counted(DAY_4), ends=midnight)
    second = replace(counted(DAY_5), begins=midnight)
    sources = (MAIN, Source(DAY_4, -40), Source(DAY_5, -40))

    def call(used: int | None, wanted: int | None) -> Charge:
        return charge(used, wanted, first, second, unit=UnitKind.SECONDS)

    clock.now = midnight - 30_000
    opened = await timed.charge(planned(payer, "I", 0, call(None, 60), sources=sources))
    assert granted(opened) == [(60, False, "p.free.1")]
    clock.now = midnight + 30_000
    then = await timed.charge(planned(payer, "U", 1, call(60, 60), sources=sources))
    assert granted(then) == [(10, True, "p.free.1")]
    (entry, *_) = await Records(redis, 256).entries(payer.account_id, payer.partition, 1)
    assert entry.laid == (("p.free.1", 60),)
    # The day that began is the one that is stored; it held 30, and now holds 10.
    assert entry.moves == (Move(DAY_5, -30, -20, -30, 10),)
    assert (await held(timed, payer))["c.day"] == Held(-30, 10, "2019-03-05")


OLD, NEW = replace(counted(DAY_4), name="p.old.1"), replace(counted(DAY_5), name="p.new.1")
BOTH_DAYS = (Source(DAY_4, -40), Source(DAY_5, -40))


@pytest.mark.parametrize("is_newer_first", [False, True])
async def test_both_periods_of_a_counter_in_one_event(
    ledger: RedisLedger, payer: Subscriber, is_newer_first: bool
) -> None:
    """40 a day, 10 of the older counted before: 71 are refused and move nothing, 70 are debited. The newer
    day is the one that is stored, in whichever order the plan names the two."""
    step = -1 if is_newer_first else 1
    ways, sources = (OLD, NEW)[::step], (MAIN, *BOTH_DAYS[::step])
    first = charge(None, 10, OLD)
    await ledger.charge(planned(payer, "E", 0, first, session=b"before", sources=sources))
    for units, status, left in (
        (71, OutcomeStatus.REFUSED, Held(-10, 0, "2019-03-04")),
        (70, OutcomeStatus.DEBITED, Held(-40, 0, "2019-03-05")),
    ):
        made = planned(payer, "E", units, charge(None, units, *ways), sources=sources)
        assert (await ledger.charge(made)).status is status
        assert (await held(ledger, payer))["c.day"] == left


@pytest.mark.parametrize(
    ("is_newer_first", "opened", "then", "left"),
    [
        # What the day that is over counted is not kept beside the newer one: the end finds it whole.
        (False, (0, 30), (-10, 20), (-10, 0)),
        # Of the newer day all 40 are used; the rest is on the day that is over.
        (True, (0, 40), (-40, 0), (-40, 0)),
    ],
)
async def test_both_periods_of_a_counter_in_one_session(
    ledger: RedisLedger,
    payer: Subscriber,
    is_newer_first: bool,
    opened: tuple[int, int],
    then: tuple[int, int],
    left: tuple[int, int],
) -> None:
    """70 held, 50 of them used and 20 more held, these used: in one request each day has its own 40."""
    step = -1 if is_newer_first else 1
    ways, sources = (OLD, NEW)[::step], (MAIN, *BOTH_DAYS[::step])
    for number, kind, used, wanted, expected in (
        (0, "I", None, 70, opened),
        (1, "U", 50, 20, then),
        (2, "T", 20, None, left),
    ):
        made = planned(payer, kind, number, charge(used, wanted, *ways), sources=sources)
        outcome = await ledger.charge(made)
        assert outcome.results[0].granted == (wanted or 0)
        assert (await held(ledger, payer))["c.day"] == Held(*expected, "2019-03-05")
        assert outcome.spent == outcome.written_off == 0


# --- refunds ---------------------------------------------------------------------------------------


def refund(each: Subscriber, event: str = "", content: str = "back") -> Refund:
    """Of the session or event named client;1."""
    token = refund_token(each.partition, each.account_id, b"client;1", event)
    return Refund(token, "0", content, b"client;back", "client.example")


async def test_a_session_is_given_back_to_where_it_came_from(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Money and units, each once."""
    await give(ledger, payer, "7.min", 2)
    await ledger.charge(planned(payer, "I", 0, charge(None, 150)))
    await ledger.charge(planned(payer, "U", 1, charge(60, 60)))
    await ledger.charge(planned(payer, "T", 2, charge(90, None)))
    assert await held(ledger, payer) == {"main": Held(10_000_000), "7.min": Held(0)}
    expected = ((RefundStatus.REFUNDED, 20_000_000), (RefundStatus.REPEATED, 0))
    for number, (status, amount) in enumerate(expected):
        outcome = await ledger.refund(replace(refund(payer), number=str(number)))
        assert (outcome.status, outcome.units, outcome.amount) == (status, 150, amount)
        assert await held(ledger, payer) == {"main": Held(30_000_000), "7.min": Held(2)}
    (entry,) = await Records(redis, 256).entries(payer.account_id, payer.partition, 1)
    assert (entry.credited, entry.moves) == (20_000_000, (Move("7.min", 2, 0, 2, 0),))


async def test_an_event_is_given_back_to_two_purses(ledger: RedisLedger, payer: Subscriber) -> None:
    """20.00, of which a bonus paid 5.00; the amount is what both gave."""
    await give(ledger, payer, "7.kzt", 5_000_000)
    way = replace(BASE, sources=("7.kzt", "main"))
    sources = (MAIN, Source("7.kzt"))
    paid = await ledger.charge(planned(payer, "E", 0, charge(None, 1, way), sources=sources))
    assert (paid.spent, paid.total_cost) == (15_000_000, 20_000_000)
    outcome = await ledger.refund(refund(payer, "0"))
    assert (outcome.status, outcome.amount) == (RefundStatus.REFUNDED, 20_000_000)
    assert await held(ledger, payer) == {"main": Held(30_000_000), "7.kzt": Held(5_000_000)}


async def test_a_period_that_is_over_gets_nothing_back(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """The counter of the next day is not made larger by what the day before counted."""
    sources = (MAIN, Source(DAY_4, -100))
    await ledger.charge(planned(payer, "E", 0, charge(None, 30, counted(DAY_4)), sources=sources))
    later = (MAIN, Source(DAY_5, -100))
    await ledger.charge(
        planned(payer, "E", 0, charge(None, 7, counted(DAY_5)), session=b"b", sources=later)
    )
    assert (await ledger.refund(refund(payer, "0"))).status is RefundStatus.REFUNDED
    assert (await held(ledger, payer))["c.day"] == Held(-7, 0, "2019-03-05")


# --- what subscribers are told ---------------------------------------------------------------------


async def test_a_notice_comes_once_for_each_crossing(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """Of 10 minutes at 5 and 2 left: not for what is held, not again below, again after it was filled."""
    await give(timed, payer, "7.min", 10)
    sources = (MAIN, Source("7.min", 0, (5, 2)))

    async def use(number: int, minutes: int) -> list[tuple[bytes, bytes]]:
        before = len(await told(redis, payer))
        used = charge(60 * minutes, 60, BUCKET)
        await timed.charge(planned(payer, "U", number, used, sources=sources))
        found = (await told(redis, payer))[before:]
        return [(one[b"at"], one[b"left"]) for one in found if one[b"kind"] == b"threshold"]

    await timed.charge(planned(payer, "I", 0, charge(None, 480, BUCKET), sources=sources))
    assert await told(redis, payer) == []
    assert await use(1, 4) == []
    assert await use(2, 1) == [(b"5", b"5")]
    assert await use(3, 1) == []
    assert await use(4, 2) == [(b"2", b"2")]
    acts = (Movement(Act.CREDIT, "7.min", 8),)
    await timed.post(Posting(payer.account_id, payer.partition, "more", "t", acts, "t", "t"))
    assert await use(5, 9) == [(b"5", b"1"), (b"2", b"1")]
    assert (await told(redis, payer))[0] == {
        b"kind": b"threshold", b"account": b"1", b"subscriber": b"1", b"balance": b"7.min",
        b"at": b"5", b"left": b"5", b"time": b"%d" % clock.now,
    }  # fmt: skip


async def test_notices_of_main_money_and_of_counters(
    timed: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """By the amount that is left of money; of a counter under its own name."""
    sources = (Source("main", 0, (10_000_000,)), Source(DAY_4, -100, (-50,)))
    made = planned(
        payer, "E", 0, charge(None, 1, BASE), charge(None, 50, counted(DAY_4), key="2"),
        sources=sources,
    )  # fmt: skip
    await timed.charge(made)
    found = [(each[b"balance"], each[b"at"], each[b"left"]) for each in await told(redis, payer)]
    assert found == [(b"main", b"10000000", b"10000000"), (b"c.day", b"-50", b"-50")]


async def test_the_end_of_credit_is_told_once(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """When a service comes to its last units; not while it stands there."""
    await timed.charge(planned(payer, "I", 0, charge(None, 60, BASE)))
    await timed.charge(planned(payer, "U", 1, charge(60, 60, BASE)))
    await timed.charge(planned(payer, "U", 2, charge(0, 60, BASE)))
    assert await told(redis, payer) == [
        {
            b"kind": b"cut", b"account": b"1", b"subscriber": b"1", b"key": b"1",
            b"time": b"%d" % clock.now,
        }
    ]  # fmt: skip


async def test_the_record_says_how_it_was_rated(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """The note of a charge, and the subscriber's way, with its entry."""
    made = charge(None, 1, BASE, note="v7|day|3/28")
    await ledger.charge(planned(payer, "E", 0, made))
    (entry,) = await Records(redis, 256).entries(payer.account_id, payer.partition, 1)
    assert (entry.note, entry.laid) == ("v7|day|3/28", (("p.t.1", 1),))
