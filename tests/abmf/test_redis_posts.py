"""Postings on a real store: each act, each refusal, the subscriber and the notices stored with them."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.encoding import raw
from ocs.abmf.ledger import LedgerUnavailable
from ocs.abmf.records import Records, as_row
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import Act, Held, Move, Movement, Notice, Posting, PostStatus
from ocs.model import (
    AMOUNT_LIMIT,
    AccountId,
    Partition,
    Product,
    ProductState,
    Subscriber,
    UtcMillis,
)
from tests.abmf.conftest import Clock
from tests.support.plans import call, plan, subscriber, topup

MINUTES = "7.minutes"


def posting(each: Subscriber, *acts: Movement, key: str = "k", purse: int = 0) -> Posting:
    """These acts."""
    return Posting(each.account_id, each.partition, key, "test", acts, "desk", "x", purse)


def act(kind: Act, balance: str = "main", amount: int = 0, limit: int = 0) -> Movement:
    """One act."""
    return Movement(kind, balance, amount, limit)


async def main_and(ledger: RedisLedger, each: Subscriber) -> tuple[int, dict[str, int]]:
    """Main money and the other amounts; and the invariant."""
    found = await ledger.balance(each.account_id, each.partition)
    assert found is not None
    assert found.credited == found.available + found.reserved + found.spent + found.written_off
    return found.main, {name: held.amount for name, held in found.others.items()}


async def told(redis: Redis, each: Subscriber) -> list[dict[bytes, bytes]]:
    """The outbox, oldest first."""
    return [as_row(row) for _, row in await redis.xrange(keys.outbox(each.partition)) or []]


def with_product(each: Subscriber, due: int) -> Subscriber:
    """A subscriber for whom something is due then."""
    product = Product(1, "p", ProductState.ACTIVE, UtcMillis(5), UtcMillis(due))
    return replace(each, products=(product,), next_product=2)


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        (act(Act.DEBIT, amount=30_000_001), PostStatus.INSUFFICIENT),
        (act(Act.DEBIT, amount=30_000_011, limit=10), PostStatus.INSUFFICIENT),
        (act(Act.DEBIT, MINUTES, 61), PostStatus.INSUFFICIENT),
        (act(Act.CREDIT, amount=AMOUNT_LIMIT), PostStatus.LIMIT),
        (act(Act.CREDIT, MINUTES, AMOUNT_LIMIT), PostStatus.LIMIT),
    ],
)
async def test_one_act_that_is_refused_refuses_all(
    ledger: RedisLedger, payer: Subscriber, redis: Redis, refused: Movement, status: PostStatus
) -> None:
    """Nothing moves, nobody is told, no subscriber is stored, and the key may be used again."""
    first = act(Act.CREDIT, MINUTES, 60)
    made = replace(
        posting(payer, first, refused),
        notices=(Notice("fee"),),
        subscriber=with_product(payer, 9),
    )
    assert (await ledger.post(made)).status is status
    assert await main_and(ledger, payer) == (30_000_000, {})
    assert await told(redis, payer) == []
    assert await ledger.due(payer.partition, 100, 10) == []
    assert (await ledger.post(replace(made, movements=(first,)))).status is PostStatus.POSTED


async def test_a_key_is_known_once_its_posting_was_applied(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Not after a refusal, not for another account, and not before."""
    where = payer.account_id, payer.partition
    assert not await ledger.posted(*where, "k")
    await ledger.post(posting(payer, act(Act.DEBIT, MINUTES, 1)))
    assert not await ledger.posted(*where, "k")
    await ledger.post(posting(payer, act(Act.CREDIT, MINUTES, 1)))
    assert await ledger.posted(*where, "k")
    assert not await ledger.posted(*where, "k-2")
    assert not await ledger.posted(AccountId("another"), payer.partition, "k")


async def test_a_purse_must_be_spent(ledger: RedisLedger, payer: Subscriber) -> None:
    """Money that goes nowhere is our mistake, found before anything moved."""
    with pytest.raises(LedgerUnavailable, match="PURSE"):
        await ledger.post(posting(payer, act(Act.REPAY, "debt"), purse=5))
    assert await main_and(ledger, payer) == (30_000_000, {})


async def test_what_is_held_cannot_be_taken(ledger: RedisLedger, payer: Subscriber) -> None:
    """Of 30.00 a call holds 11.00: 19.00 can be taken, debited or lapse."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    refused = await ledger.post(posting(payer, act(Act.DEBIT, amount=19_000_001)))
    assert refused.status is PostStatus.INSUFFICIENT
    taken = posting(payer, act(Act.TAKE, amount=30_000_000), act(Act.POUR, "7.kzt"), key="t")
    outcome = await ledger.post(taken)
    assert (outcome.balance.available, outcome.balance.reserved) == (0, 11_000_000)
    assert outcome.balance.others == {"7.kzt": Held(19_000_000)}


async def test_a_subscriber_that_has_changed(ledger: RedisLedger, payer: Subscriber) -> None:
    """Nothing moves; the stored one comes along, to decide again. So it does where none is stored."""
    fresh = await ledger.put(replace(payer, tariff="other"))
    made = replace(posting(payer, act(Act.CREDIT, amount=1)), subscriber=payer)
    outcome = await ledger.post(made)
    assert (outcome.status, outcome.subscriber) == (PostStatus.STALE, fresh)
    ghost = replace(made, subscriber=replace(payer, member="9"))
    outcome = await ledger.post(ghost)
    assert (outcome.status, outcome.subscriber) == (PostStatus.STALE, None)
    assert await main_and(ledger, payer) == (30_000_000, {})


async def test_a_key_used_with_other_content(ledger: RedisLedger, payer: Subscriber) -> None:
    """Each part of what moves counts."""
    made = posting(payer, act(Act.CREDIT, amount=1))
    assert (await ledger.post(made)).status is PostStatus.POSTED
    others = [
        posting(payer, act(Act.CREDIT, amount=2)),
        posting(payer, act(Act.CREDIT, MINUTES, 1)),
        posting(payer, act(Act.CREDIT, amount=1), act(Act.DROP, MINUTES)),
        replace(made, reason="y"),
        replace(made, kind="other"),
        posting(payer, act(Act.POUR), purse=1),
    ]
    for each in others:
        assert (await ledger.post(each)).status is PostStatus.MISMATCH
    assert await main_and(ledger, payer) == (30_000_001, {})


async def test_a_repeat_is_told_by_what_was_asked(ledger: RedisLedger, payer: Subscriber) -> None:
    """What moves may follow from the moment: then the question decides, and not the movements."""
    made = replace(posting(payer, act(Act.CREDIT, amount=1)), asked="1")
    assert (await ledger.post(made)).status is PostStatus.POSTED
    another = replace(made, asked="2")
    assert (await ledger.post(another)).status is PostStatus.MISMATCH
    later = replace(made, movements=(act(Act.CREDIT, amount=2),))
    assert (await ledger.post(later)).status is PostStatus.REPLAYED
    assert await main_and(ledger, payer) == (30_000_001, {})


# --- acts ------------------------------------------------------------------------------------------


async def test_a_purchase(ledger: RedisLedger, payer: Subscriber, redis: Redis) -> None:
    """Ten for a bucket of 60: one entry says both."""
    made = posting(payer, act(Act.DEBIT, amount=10), act(Act.CREDIT, MINUTES, 60))
    await ledger.post(made)
    assert await main_and(ledger, payer) == (29_999_990, {MINUTES: 60})
    (entry, _) = await Records(redis, 256).entries(payer.account_id, payer.partition, 2)
    assert (entry.kind, entry.spent, entry.credited) == ("test", 10, 0)
    assert entry.moves == (Move(MINUTES, 60, 0, 60, 0),)


async def test_a_debit_below_zero(ledger: RedisLedger, payer: Subscriber) -> None:
    """As far as the movement says, and no micro more."""
    made = posting(payer, act(Act.DEBIT, amount=30_000_010, limit=10))
    assert (await ledger.post(made)).status is PostStatus.POSTED
    assert await main_and(ledger, payer) == (-10, {})


async def test_a_topup_repays_first(ledger: RedisLedger, payer: Subscriber) -> None:
    """Of 100, 30 go to a debt and 50 to an advance, 20 to the balance; then only the balance is left."""
    owed = [act(Act.DEBIT, "debt", 30, 30), act(Act.DEBIT, "owed", 50, 50)]
    await ledger.post(posting(payer, *owed, key="owed"))
    acts = [act(Act.REPAY, "debt"), act(Act.REPAY, "owed"), act(Act.POUR)]
    await ledger.post(posting(payer, *acts, key="1", purse=60))
    assert await main_and(ledger, payer) == (30_000_000, {"debt": 0, "owed": -20})
    await ledger.post(posting(payer, *acts, key="2", purse=100))
    assert await main_and(ledger, payer) == (30_000_080, {"debt": 0, "owed": 0})


async def test_taking_up_to_what_is_there(ledger: RedisLedger, payer: Subscriber) -> None:
    """Of a bonus of 5, 8 are asked for: 5 come, and pay what is owed."""
    await ledger.post(
        posting(payer, act(Act.CREDIT, "7.kzt", 5), act(Act.DEBIT, "owed", 3, 3), key="before")
    )
    acts = [act(Act.TAKE, "7.kzt", 8), act(Act.REPAY, "owed"), act(Act.POUR)]
    await ledger.post(posting(payer, *acts))
    assert await main_and(ledger, payer) == (30_000_002, {"7.kzt": 0, "owed": 0})


async def test_what_lapses(ledger: RedisLedger, payer: Subscriber) -> None:
    """At the end of a period 10 of 60 are kept; of less than that, all."""
    await ledger.post(posting(payer, act(Act.CREDIT, MINUTES, 60), key="before"))
    await ledger.post(posting(payer, act(Act.KEEP, MINUTES, 10), key="1"))
    assert (await main_and(ledger, payer))[1] == {MINUTES: 10}
    await ledger.post(posting(payer, act(Act.KEEP, MINUTES, 11), act(Act.KEEP), key="2"))
    assert await main_and(ledger, payer) == (0, {MINUTES: 10})


async def test_credit_used_becomes_a_debt(ledger: RedisLedger, payer: Subscriber) -> None:
    """Main money is 0 again; who used none owes nothing."""
    await ledger.post(posting(payer, act(Act.BILL, "debt"), key="1"))
    assert await main_and(ledger, payer) == (30_000_000, {})
    await ledger.post(posting(payer, act(Act.DEBIT, amount=30_000_010, limit=10), key="2"))
    await ledger.post(posting(payer, act(Act.BILL, "debt"), key="3"))
    assert await main_and(ledger, payer) == (0, {"debt": -10})


async def test_a_balance_is_dropped_only_when_it_is_empty(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """One with something in it stays."""
    await ledger.post(posting(payer, act(Act.CREDIT, MINUTES, 60), key="before"))
    await ledger.post(posting(payer, act(Act.DROP, MINUTES), key="1"))
    assert (await main_and(ledger, payer))[1] == {MINUTES: 60}
    await ledger.post(posting(payer, act(Act.KEEP, MINUTES), act(Act.DROP, MINUTES), key="2"))
    assert (await main_and(ledger, payer))[1] == {}


# --- the subscriber, the agenda, the outbox --------------------------------------------------------


async def test_a_subscriber_is_stored_with_its_posting(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Under the next version, which a repeat tells as well, as it is stored by then."""
    made = posting(payer, act(Act.DEBIT, amount=5))
    made = replace(made, subscriber=with_product(payer, 70))
    outcome = await ledger.post(made)
    assert outcome.subscriber == replace(with_product(payer, 70), version=2)
    later = await ledger.put(replace(outcome.subscriber, tariff="later"))
    again = await ledger.post(made)
    assert (again.status, again.subscriber) == (PostStatus.REPLAYED, later)
    assert await main_and(ledger, payer) == (29_999_995, {})


async def test_the_agenda(ledger: RedisLedger, payer: Subscriber) -> None:
    """Who has something due stands on it, the earliest first; who has nothing any more does not."""
    other = await ledger.put(with_product(replace(subscriber(2), partition=payer.partition), 50))
    assert other is not None
    await ledger.post(replace(posting(payer), subscriber=with_product(payer, 70)))
    assert await ledger.due(payer.partition, 49, 10) == []
    assert await ledger.due(payer.partition, 50, 10) == ["2"]
    assert await ledger.due(payer.partition, 70, 10) == ["2", "1"]
    assert await ledger.due(payer.partition, 70, 1) == ["2"]
    assert await ledger.due(Partition(99), 70, 1) == []
    await ledger.put(replace(other, products=()))
    assert await ledger.due(payer.partition, 70, 10) == ["1"]


async def test_a_member_has_a_record_of_its_own(ledger: RedisLedger, payer: Subscriber) -> None:
    """It shares the account, which stays as it is."""
    member = await ledger.put(with_product(replace(subscriber(), member="2"), 9))
    assert member is not None and member.version == 1
    assert await main_and(ledger, payer) == (30_000_000, {})
    assert await ledger.due(payer.partition, 9, 10) == ["1.2"]


async def test_notices_are_told_once(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """With the values of the posting; not again for a repeat."""
    notice = Notice("topup", (("amount", "5"), ("channel", "kiosk")))
    made = replace(topup(payer, 5, "k"), notices=(notice, Notice("unpaid")))
    for _ in range(2):
        await timed.post(made)
    common = {b"account": b"1", b"subscriber": b"1", b"time": b"%d" % clock.now}
    assert await told(redis, payer) == [
        {b"kind": b"topup", b"amount": b"5", b"channel": b"kiosk", **common},
        {b"kind": b"unpaid", **common},
    ]


async def test_a_posting_leaves_no_key_without_an_end(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Its record goes after 31 days."""
    name = keys.posting(payer.partition, f"{payer.account_id}|first")
    assert raw(await redis.get(name))
    assert 31 * 86_400 - 60 < await redis.ttl(name) <= 31 * 86_400
