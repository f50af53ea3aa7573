"""Events on a real store: paid whole or not at all, and given back once."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.encoding import raw, refund_token
from ocs.abmf.records import Records, as_row, read_entry
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import LedgerEntry, Refund, RefundOutcome, RefundStatus
from ocs.model import (
    AMOUNT_LIMIT,
    AccountId,
    Charge,
    ChargeOutcome,
    ChargeStatus,
    Leg,
    OutcomeStatus,
    Refusal,
    Rounding,
    Subscriber,
    UnitKind,
    Way,
)
from tests.support.plans import amounts, call, plan, subscriber, topup

FREE = Way("p.free.1", (Leg(0, 10, 1, 0),))
#: 5.00 each, and 1.00 for beginning.
SMS = (Leg(0, 1000, 1, 5_000_000, entry=1_000_000),)
DAY = 86_400


def sms(quantity: int | None, key: str = "-", refusal: Refusal = Refusal.NONE) -> Charge:
    """So many short messages."""
    ways = () if refusal is Refusal.RATING_FAILED else (Way("p.sms.1", SMS),)
    return Charge(key, None, quantity, Rounding(), 1, ways, refusal, UnitKind.EVENTS)


def refund(
    each: Subscriber,
    *,
    of: bytes = b"client;1",
    own: bytes = b"client;back",
    number: int = 0,
    content: str = "back",
    actor: str = "smsc.example",
    event: str = "0",
) -> Refund:
    """A refund of that event; of a session as a whole where it names no event."""
    token = refund_token(each.partition, each.account_id, of, event)
    return Refund(token, str(number), content, own, actor)


def statuses(outcome: ChargeOutcome) -> list[ChargeStatus]:
    """Of each service."""
    return [each.status for each in outcome.results]


async def entries(redis: Redis, each: Subscriber, kind: str) -> list[LedgerEntry]:
    """The account's entries of a kind, oldest first."""
    rows = await redis.xrange(keys.ledger(each.partition)) or []
    found = [read_entry(raw(name), as_row(row)) for name, row in rows]
    return [one for one in found if one.kind == kind]


# --- an event that is not paid ---------------------------------------------------------------------


async def test_an_event_that_cannot_be_paid_moves_nothing(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """30.00 do not pay six messages (31.00); the answer is kept, also over a top-up."""
    made = plan(payer, "E", 0, sms(6))
    for repeat in (False, True):
        outcome = await ledger.charge(made)
        assert (outcome.status, outcome.is_replayed) == (OutcomeStatus.REFUSED, repeat)
        assert statuses(outcome) == [ChargeStatus.NO_CREDIT]
        assert outcome.results[0].granted == 0
        await ledger.post(topup(payer, 5_000_000, "more"))
    assert await amounts(ledger, payer) == (35_000_000, 0, 0, 0)


async def test_all_services_of_an_event_or_none(ledger: RedisLedger, payer: Subscriber) -> None:
    """16.00 and 16.00 are more than 30.00: the first is not paid either."""
    outcome = await ledger.charge(plan(payer, "E", 0, sms(3, "1"), sms(3, "2")))
    assert outcome.status is OutcomeStatus.REFUSED
    assert statuses(outcome) == [ChargeStatus.NO_CREDIT] * 2
    assert await amounts(ledger, payer) == (30_000_000, 0, 0, 0)


@pytest.mark.parametrize("refusal", [Refusal.DENIED, Refusal.RATING_FAILED])
async def test_a_service_that_is_refused_refuses_the_event(
    ledger: RedisLedger, payer: Subscriber, refusal: Refusal
) -> None:
    """Each refusal is named as it is; what could have been paid is not."""
    outcome = await ledger.charge(plan(payer, "E", 0, sms(1, "1"), sms(1, "2", refusal)))
    assert outcome.status is OutcomeStatus.REFUSED
    assert statuses(outcome) == [ChargeStatus.NO_CREDIT, ChargeStatus(refusal.value)]
    assert await amounts(ledger, payer) == (30_000_000, 0, 0, 0)


async def test_an_event_without_any_price_is_not_kept(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """A repeat after a mended catalogue may succeed."""
    before = await redis.dbsize()
    outcome = await ledger.charge(plan(payer, "E", 0, sms(1, refusal=Refusal.RATING_FAILED)))
    assert outcome.status is OutcomeStatus.UNRATED
    assert await redis.dbsize() == before


async def test_an_event_planned_on_an_old_snapshot(ledger: RedisLedger, payer: Subscriber) -> None:
    """It is planned again, from the fresh one."""
    fresh = await ledger.put(replace(payer, tariff="other"))
    outcome = await ledger.charge(plan(payer, "E", 0, sms(1)))
    assert (outcome.status, outcome.subscriber) == (OutcomeStatus.STALE, fresh)
    assert await amounts(ledger, payer) == (30_000_000, 0, 0, 0)


async def test_past_the_last_leg_nothing_can_be_paid(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Free messages, but ten at most."""
    free = replace(sms(11), ways=(FREE,))
    refused = await ledger.charge(plan(payer, "E", 0, free))
    assert statuses(refused) == [ChargeStatus.NO_CREDIT]
    paid = await ledger.charge(plan(payer, "E", 1, replace(free, requested=10)))
    assert (paid.status, paid.spent) == (OutcomeStatus.DEBITED, 0)


async def test_an_event_under_the_name_of_a_session(ledger: RedisLedger, payer: Subscriber) -> None:
    """Neither while it is open nor when it has ended; nor a session under the name of an event."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    outcome = await ledger.charge(plan(payer, "E", 1, sms(1)))
    assert outcome.status is OutcomeStatus.EXISTS
    await ledger.charge(plan(payer, "T", 2, call(0, None)))
    outcome = await ledger.charge(plan(payer, "E", 3, sms(1)))
    assert outcome.status is OutcomeStatus.EXISTS
    await ledger.charge(plan(payer, "E", 0, sms(1), session=b"event"))
    outcome = await ledger.charge(plan(payer, "I", 1, call(None, 60), session=b"event"))
    assert outcome.status is OutcomeStatus.EXISTS
    assert await amounts(ledger, payer) == (24_000_000, 0, 6_000_000, 0)


async def test_an_event_is_no_session_for_an_update(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Its usage is kept as an orphan record, and the event can still be given back."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    outcome = await ledger.charge(plan(payer, "U", 1, call(7, 60)))
    assert outcome.status is OutcomeStatus.UNKNOWN
    assert [each.units for each in await entries(redis, payer, "orphan")] == [7]
    back = await ledger.refund(refund(payer, actor="client.example"))
    assert back == RefundOutcome(RefundStatus.REFUNDED, 1, 6_000_000)


async def test_the_number_of_an_event_with_other_content(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Refused, nothing moves."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    outcome = await ledger.charge(plan(payer, "E", 0, sms(2)))
    assert outcome.status is OutcomeStatus.MISMATCH
    assert await amounts(ledger, payer) == (24_000_000, 0, 6_000_000, 0)


# --- an event that is paid -------------------------------------------------------------------------


async def test_an_event_is_debited_once(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Two messages and one of another kind: 11.00 and 6.00, however often it is sent."""
    made = plan(payer, "E", 0, sms(2, "1"), sms(1, "2"), sms(None, "3"))
    first = await ledger.charge(made)
    assert (first.status, first.spent, first.total_cost) == (
        OutcomeStatus.DEBITED,
        17_000_000,
        17_000_000,
    )
    assert [each.granted for each in first.results] == [2, 1, 0]
    assert (first.available, first.was_open) == (13_000_000, False)
    again = await ledger.charge(made)
    assert (again.status, again.results, again.reply) == (first.status, first.results, first.reply)
    assert (again.is_replayed, again.spent) == (True, 0)
    assert await amounts(ledger, payer) == (13_000_000, 0, 17_000_000, 0)
    written = await entries(redis, payer, "event")
    assert [(one.key, one.units, one.spent, one.request) for one in written] == [
        ("1", 2, 11_000_000, "E0"),
        ("2", 1, 6_000_000, "E0"),
    ]
    assert all(one.actor == "client.example" and one.reason for one in written)


async def test_what_an_event_does_not_ask_for(ledger: RedisLedger, payer: Subscriber) -> None:
    """A service without a price and without a wish refuses nothing; a wish for none is granted."""
    unpriced = sms(None, "1", Refusal.RATING_FAILED)
    outcome = await ledger.charge(plan(payer, "E", 0, unpriced, replace(sms(0, "2"), ways=(FREE,))))
    assert outcome.status is OutcomeStatus.DEBITED
    assert statuses(outcome) == [ChargeStatus.RATING_FAILED, ChargeStatus.GRANTED]
    assert outcome.spent == 0


async def test_an_event_beside_a_call(ledger: RedisLedger, payer: Subscriber) -> None:
    """What the call holds is not there for the event: 13.00 of 30.00 stay available."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60), session=b"call"))
    outcome = await ledger.charge(plan(payer, "E", 0, sms(1)))
    assert (outcome.available, outcome.reserved) == (13_000_000, 0)


async def test_an_event_leaves_nothing_open(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """No reservation, no deadline; what is kept for repeats and refunds goes after a day."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    assert await Records(redis, 256).open_sessions() == []
    assert await redis.exists(keys.due(1), keys.open_sessions(1, "1")) == 0
    name = keys.digest(b"client;1")
    for key in (keys.session(1, name), keys.answers(1, name)):
        assert 0 < await redis.ttl(key) <= DAY


async def test_two_events_of_one_name_add_up(ledger: RedisLedger, payer: Subscriber) -> None:
    """Each begins anew, fee included, and says its own cost; each is given back by itself alone."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    second = await ledger.charge(plan(payer, "E", 1, sms(2)))
    assert (second.spent, second.total_cost) == (11_000_000, 11_000_000)
    back = await ledger.refund(refund(payer))
    assert (back.units, back.amount) == (1, 6_000_000)
    back = await ledger.refund(refund(payer, own=b"client;other", event="1"))
    assert (back.units, back.amount) == (2, 11_000_000)
    again = await ledger.refund(refund(payer, own=b"client;again", event="1"))
    assert again == RefundOutcome(RefundStatus.REPEATED, 2, 0)
    for event in ("", "2"):
        none = await ledger.refund(refund(payer, own=b"client;none", event=event))
        assert none == RefundOutcome(RefundStatus.UNKNOWN)
    assert await amounts(ledger, payer) == (30_000_000, 0, 17_000_000, 0)


async def test_an_event_that_comes_after_stray_usage(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """A name that only an orphan record used is free."""
    await ledger.charge(plan(payer, "U", 4, call(7, None)))
    outcome = await ledger.charge(plan(payer, "E", 0, sms(1)))
    assert outcome.status is OutcomeStatus.DEBITED


async def test_a_refused_event_asks_the_holders(ledger: RedisLedger, payer: Subscriber) -> None:
    """Money that is reserved elsewhere may come back: that session is named. A paid event names nobody."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60), session=b"call"))
    paid = await ledger.charge(plan(payer, "E", 0, sms(1)))
    assert (paid.status, paid.waiting) == (OutcomeStatus.DEBITED, ())
    refused = await ledger.charge(plan(payer, "E", 1, sms(3)))
    assert (refused.status, refused.waiting) == (OutcomeStatus.REFUSED, (b"call",))
    denied = await ledger.charge(plan(payer, "E", 2, sms(1, refusal=Refusal.DENIED)))
    assert (denied.status, denied.waiting) == (OutcomeStatus.REFUSED, ())


# --- refunds that are refused ----------------------------------------------------------------------

HASH = "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "tx-7001",
        f"1.1.{HASH[:-1]}",
        f"1.1.{HASH}0",
        f"1.1.{HASH.upper()}",
        f"1.x.{HASH}",
        f"01.1.{HASH}",
        f"1.01.{HASH}",
        f"-1.1.{HASH}",
        f"1.1.{HASH}\n",
        f"256.1.{HASH}",
        f"٣.1.{HASH}",
        f"1.1.{HASH}",
    ],
)
async def test_a_token_that_names_nothing(
    ledger: RedisLedger, payer: Subscriber, redis: Redis, token: str
) -> None:
    """Not ours, damaged, or of nothing that is known: nothing moves and nothing is kept."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    before = await redis.dbsize()
    outcome = await ledger.refund(replace(refund(payer), token=token))
    assert outcome == RefundOutcome(RefundStatus.UNKNOWN)
    assert await redis.dbsize() == before
    assert await amounts(ledger, payer) == (24_000_000, 0, 6_000_000, 0)


async def test_a_token_with_another_account(ledger: RedisLedger, payer: Subscriber) -> None:
    """The money of an event goes to whom it was taken from, and to nobody else."""
    other = await ledger.put(replace(subscriber(2), partition=payer.partition))
    assert other is not None
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    assert await ledger.refund(refund(other)) == RefundOutcome(RefundStatus.UNKNOWN)
    ghost = replace(payer, account_id=AccountId("77"))
    assert await ledger.refund(refund(ghost)) == RefundOutcome(RefundStatus.UNKNOWN)
    assert await amounts(ledger, other) == (0, 0, 0, 0)


@pytest.mark.parametrize("actor", ["smsc.elsewhere", "example", "x-example", "client.example.evil"])
async def test_a_refund_by_a_stranger(ledger: RedisLedger, payer: Subscriber, actor: str) -> None:
    """Also one that knows the token; and it is not told an answer that was given to another."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    assert await ledger.refund(refund(payer, actor=actor)) == RefundOutcome(RefundStatus.UNKNOWN)
    await ledger.refund(refund(payer))
    assert await ledger.refund(refund(payer, actor=actor)) == RefundOutcome(RefundStatus.UNKNOWN)


async def test_nothing_was_paid(ledger: RedisLedger, payer: Subscriber) -> None:
    """An open session, a refused event, a session that used nothing, stray usage."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60), session=b"open"))
    await ledger.charge(plan(payer, "U", 1, call(10, 60), session=b"open"))
    await ledger.charge(plan(payer, "E", 0, sms(6), session=b"refused"))
    await ledger.charge(plan(payer, "I", 0, call(None, 1), session=b"unused"))
    await ledger.charge(plan(payer, "T", 1, call(0, None), session=b"unused"))
    await ledger.charge(plan(payer, "U", 1, call(5, None), session=b"stray"))
    before = await amounts(ledger, payer)
    for name in (b"open", b"refused", b"unused", b"stray", b"never"):
        outcome = await ledger.refund(refund(payer, of=name))
        assert outcome == RefundOutcome(RefundStatus.UNKNOWN), name
    assert await amounts(ledger, payer) == before


async def test_a_refund_with_a_number_that_was_used(ledger: RedisLedger, payer: Subscriber) -> None:
    """By another refund, or by the debit itself where the client keeps the Session-Id."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    same = await ledger.refund(refund(payer, own=b"client;1", number=0))
    assert same == RefundOutcome(RefundStatus.MISMATCH)
    await ledger.refund(refund(payer, own=b"client;1", number=1))
    other = await ledger.refund(refund(payer, own=b"client;1", number=1, content="other"))
    assert other == RefundOutcome(RefundStatus.MISMATCH)
    assert await amounts(ledger, payer) == (30_000_000, 0, 6_000_000, 0)


# --- refunds ---------------------------------------------------------------------------------------


async def test_a_refund_once(ledger: RedisLedger, payer: Subscriber, redis: Redis) -> None:
    """Two messages for 11.00 come back; its repeat says the same, another request moves nothing."""
    await ledger.charge(plan(payer, "E", 0, sms(2)))
    made = refund(payer)
    assert await ledger.refund(made) == RefundOutcome(RefundStatus.REFUNDED, 2, 11_000_000)
    again = await ledger.refund(made)
    assert again == RefundOutcome(RefundStatus.REFUNDED, 2, 0, is_replayed=True)
    other = refund(payer, own=b"client;again")
    assert await ledger.refund(other) == RefundOutcome(RefundStatus.REPEATED, 2, 0)
    repeated = RefundOutcome(RefundStatus.REPEATED, 2, 0, is_replayed=True)
    assert await ledger.refund(other) == repeated
    # What was spent stays spent: the refund is a credit (credited 30.00 + 11.00).
    assert await amounts(ledger, payer) == (30_000_000, 0, 11_000_000, 0)
    (entry,) = await entries(redis, payer, "refund")
    assert (entry.credited, entry.units, entry.key) == (11_000_000, 2, "-")
    assert (entry.session_id, entry.request, entry.actor) == (b"client;back", "E0", "smsc.example")
    assert entry.reason == "refund of client;1"
    assert entry.sequence == 3


async def test_a_refund_of_a_session_gives_back_what_was_paid(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """A call of 600 s cost 110.00, of which 80.00 were written off: 30.00 come back, not more."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    await ledger.charge(plan(payer, "T", 1, call(600, None)))
    assert await amounts(ledger, payer) == (0, 0, 30_000_000, 80_000_000)
    back = await ledger.refund(refund(payer, actor="CLIENT.Example", event=""))
    assert back == RefundOutcome(RefundStatus.REFUNDED, 600, 30_000_000)
    assert await amounts(ledger, payer) == (30_000_000, 0, 30_000_000, 80_000_000)


async def test_a_write_off_in_parts_is_not_given_back(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Two reports without cover add up."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60), whole=False))
    await ledger.charge(plan(payer, "U", 1, call(200, None), whole=False))
    await ledger.charge(plan(payer, "U", 2, call(100, None), whole=False))
    await ledger.charge(plan(payer, "T", 3, call(0, None)))
    assert await amounts(ledger, payer) == (0, 0, 30_000_000, 25_000_000)
    back = await ledger.refund(refund(payer, event=""))
    assert (back.units, back.amount) == (300, 30_000_000)


async def test_a_free_event_is_given_back_as_well(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Its units are; there is no money."""
    await ledger.charge(plan(payer, "E", 0, replace(sms(3), ways=(FREE,))))
    assert [(each.units, each.spent) for each in await entries(redis, payer, "event")] == [(3, 0)]
    back = await ledger.refund(refund(payer))
    assert back == RefundOutcome(RefundStatus.REFUNDED, 3, 0)
    assert [each.units for each in await entries(redis, payer, "refund")] == [3]


@pytest.mark.parametrize("end", ["refused", "expired"])
async def test_a_refund_of_a_session_that_we_ended(
    ledger: RedisLedger, payer: Subscriber, redis: Redis, end: str
) -> None:
    """Whatever ended it: its service that was used is given back, the other has no entry."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60), call(None, 1, "200")))
    await ledger.charge(plan(payer, "U", 1, call(60, 1)))
    (found,) = await Records(redis, 256).open_sessions()
    await ledger.expire(found, "cut" if end == "refused" else "gone")
    if end == "refused":
        refused = await ledger.charge(plan(payer, "U", 2, call(0, 60)))
        assert refused.status is OutcomeStatus.REFUSED
    assert await ledger.refund(refund(payer, event="")) == RefundOutcome(
        RefundStatus.REFUNDED, 60, 11_000_000
    )
    assert [each.key for each in await entries(redis, payer, "refund")] == ["100"]


async def test_a_second_refund_is_bound_to_its_content_too(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Also where it moved nothing."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    await ledger.refund(refund(payer))
    await ledger.refund(refund(payer, own=b"again"))
    other = await ledger.refund(refund(payer, own=b"again", content="other"))
    assert other == RefundOutcome(RefundStatus.MISMATCH)


async def test_a_refund_counts_no_further_than_an_account_can(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Two services of 6.00; only 7.00 more can be credited."""
    await ledger.charge(plan(payer, "E", 0, sms(1, "1"), sms(1, "2")))
    await ledger.post(topup(payer, AMOUNT_LIMIT - 30_000_000 - 7_000_000, "much"))
    back = await ledger.refund(refund(payer))
    assert back == RefundOutcome(RefundStatus.REFUNDED, 2, 7_000_000)
    assert (await amounts(ledger, payer))[0] == AMOUNT_LIMIT - 12_000_000


async def test_what_is_kept_for_a_refunds_repeat_stays_a_day(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Counted from the refund, not from the event."""
    await ledger.charge(plan(payer, "E", 0, sms(1)))
    name = keys.session(1, keys.digest(b"client;1"))
    await redis.expire(name, 100)
    await ledger.refund(refund(payer))
    assert DAY - 60 < await redis.ttl(name) <= DAY


async def test_a_refund_under_an_open_session_leaves_its_answers(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Whichever comes first: the answers of an open session have no end, others have."""
    await ledger.charge(plan(payer, "E", 0, sms(1), session=b"paid"))
    open_answers = keys.answers(1, keys.digest(b"client;1"))
    await ledger.charge(plan(payer, "I", 0, call(None, 1)))
    await ledger.refund(refund(payer, of=b"paid", own=b"client;1"))
    assert await redis.ttl(open_answers) == -1
    later = keys.answers(1, keys.digest(b"later"))
    await ledger.refund(refund(payer, of=b"paid", own=b"later"))
    assert 0 < await redis.ttl(later) <= DAY
    await ledger.charge(plan(payer, "I", 0, call(None, 1), session=b"later"))
    assert await redis.ttl(later) == -1
