"""The ledger on a real store: each way to refuse, then the money."""

import asyncio
from dataclasses import replace

from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.encoding import raw
from ocs.abmf.ledger import ExpireOutcome
from ocs.abmf.library import Library
from ocs.abmf.records import Records, as_row, read_entry
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import LedgerEntry, PostStatus
from ocs.model import AMOUNT_LIMIT, AccountId, ChargeStatus, Leg, OutcomeStatus, Refusal, Subscriber
from tests.abmf.conftest import payout
from tests.support.plans import amounts, call, plan, subscriber, topup

PARTITIONS = 256


async def test_posting_refusals(ledger: RedisLedger, payer: Subscriber) -> None:
    """A movement is refused by name, and nothing moves."""
    before = await amounts(ledger, payer)
    ghost = replace(topup(payer, 1), account_id=AccountId("99"))
    assert (await ledger.post(ghost)).status is PostStatus.UNKNOWN_ACCOUNT
    refused = await ledger.post(payout(payer, 30_000_001, "k"))
    assert refused.status is PostStatus.INSUFFICIENT
    assert (await ledger.post(topup(payer, 9 * 10**15, "k"))).status is PostStatus.LIMIT
    assert (await ledger.post(topup(payer, 5))).status is PostStatus.MISMATCH
    assert (await ledger.post(topup(payer, 30_000_000))).status is PostStatus.REPLAYED
    assert await amounts(ledger, payer) == before


async def test_unknown_session(ledger: RedisLedger, payer: Subscriber, redis: Redis) -> None:
    """A U of a session never seen moves nothing and keeps the usage as an orphan record, once."""
    stray = plan(payer, "U", 1, call(7, 60), call(0, 60, "200"), call(None, 60, "300"))
    stray = replace(stray, account_id=AccountId(""), version=0)
    for _ in range(2):
        assert (await ledger.charge(stray)).status is OutcomeStatus.UNKNOWN
    assert [(each.units, each.key) for each in await orphans(redis, payer)] == [(7, "100")]
    assert await amounts(ledger, payer) == (30_000_000, 0, 0, 0)


async def test_stale_plan(ledger: RedisLedger, payer: Subscriber) -> None:
    """A plan from an old snapshot changes nothing and brings the fresh one."""
    changed = await ledger.put(replace(payer, tariff="other"))
    assert changed is not None and changed.version == 2
    outcome = await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    assert outcome.status is OutcomeStatus.STALE
    assert outcome.subscriber == changed
    assert await amounts(ledger, payer) == (30_000_000, 0, 0, 0)


async def test_put_conflict(ledger: RedisLedger, payer: Subscriber) -> None:
    """Data written from an old version is refused."""
    assert await ledger.put(payer) is not None
    assert await ledger.put(payer) is None


async def test_second_initial(ledger: RedisLedger, payer: Subscriber) -> None:
    """An open session is not opened again, and an ended one not revived."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    again = plan(payer, "I", 5, call(None, 60))
    assert (await ledger.charge(again)).status is OutcomeStatus.EXISTS
    await ledger.charge(plan(payer, "T", 1, call(0, None)))
    assert (await ledger.charge(again)).status is OutcomeStatus.EXISTS
    assert await amounts(ledger, payer) == (30_000_000, 0, 0, 0)


async def orphans(redis: Redis, each: Subscriber) -> list[LedgerEntry]:
    """The records of usage that nobody was charged for."""
    rows = await redis.xrange(keys.ledger(each.partition)) or []
    entries = [read_entry(raw(name), as_row(row)) for name, row in rows]
    return [entry for entry in entries if entry.kind == "orphan"]


async def test_same_number_other_content(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """The key of a request is bound to its content; usage told that way is kept for the books, once."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    await ledger.charge(plan(payer, "U", 1, call(10, 60)))
    before = await amounts(ledger, payer)
    for _ in range(2):
        outcome = await ledger.charge(plan(payer, "U", 1, call(50, 60), call(0, 60, "200")))
        assert outcome.status is OutcomeStatus.MISMATCH
        assert await amounts(ledger, payer) == before
    (record,) = await orphans(redis, payer)
    assert (record.units, record.key, record.account_id) == (50, "100", payer.account_id)
    assert (record.reason, record.request) == ("same number, other content", "U1")


async def test_refusal_is_sticky(ledger: RedisLedger, payer: Subscriber) -> None:
    """A refused CCR stays refused when it is repeated after a top-up."""
    await ledger.post(payout(payer, 30_000_000, "out"))
    first = plan(payer, "I", 0, call(None, 60))
    refused = await ledger.charge(first)
    assert refused.status is OutcomeStatus.REFUSED
    assert refused.results[0].status is ChargeStatus.NO_CREDIT
    await ledger.post(topup(payer, 30_000_000, "back"))
    repeated = await ledger.charge(first)
    assert (repeated.status, repeated.results) == (refused.status, refused.results)
    assert repeated.available == refused.available == 0
    assert repeated.is_replayed


async def test_unrated_initial(ledger: RedisLedger, payer: Subscriber, redis: Redis) -> None:
    """Without any price nothing is stored, so that a repeat after a mended catalogue may succeed."""
    charge = replace(call(None, 60, legs=()), refusal=Refusal.RATING_FAILED)
    before = await redis.dbsize()
    assert (await ledger.charge(plan(payer, "I", 0, charge))).status is OutcomeStatus.UNRATED
    assert await redis.dbsize() <= before + 1  # the route key, which holds no money


async def test_call_is_cut_at_163_seconds(ledger: RedisLedger, payer: Subscriber) -> None:
    """30.00 at 11.00 a minute: 60 + 60 + 43 s, the last one final; 0.12 stays."""
    first = await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    assert (first.results[0].granted, first.results[0].is_final) == (60, False)
    await ledger.charge(plan(payer, "U", 1, call(60, 60)))
    last = await ledger.charge(plan(payer, "U", 2, call(60, 60)))
    assert (last.results[0].granted, last.results[0].is_final) == (43, True)
    end = await ledger.charge(plan(payer, "T", 3, call(43, None)))
    assert (end.status, end.total_cost) == (OutcomeStatus.CLOSED, 29_880_000)
    assert await amounts(ledger, payer) == (120_000, 0, 29_880_000, 0)


async def test_overuse_is_written_off(ledger: RedisLedger, payer: Subscriber) -> None:
    """Usage above the balance is debited down to zero, the rest is a visible write-off."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    await ledger.charge(plan(payer, "T", 1, call(600, None)))
    assert await amounts(ledger, payer) == (0, 0, 30_000_000, 80_000_000)


async def test_supervision(ledger: RedisLedger, payer: Subscriber, redis: Redis) -> None:
    """Not before its deadline; then all is released, and late usage is debited once, as late."""
    clock = [1_000_000]
    timed = RedisLedger(redis, Library.from_package(), PARTITIONS, clock=lambda: clock[0])
    await timed.charge(plan(payer, "I", 0, call(None, 60)))
    session = (await Records(redis, PARTITIONS).open_sessions())[0]
    clock[0] += 1_200_000 - 1
    assert await timed.expire(session, "supervision") == ExpireOutcome(False)
    clock[0] += 1
    assert await timed.expire(session, "supervision") == ExpireOutcome(True, (), 11_000_000)
    assert await timed.expire(session, "supervision") == ExpireOutcome(False)
    assert await amounts(ledger, payer) == (30_000_000, 0, 0, 0)
    for _ in range(2):
        late = await timed.charge(plan(payer, "T", 1, call(60, None)))
        assert late.status is OutcomeStatus.LATE
    assert await amounts(ledger, payer) == (19_000_000, 0, 11_000_000, 0)


async def test_refused_session_answers_its_termination(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """A session that we ended takes one T with success, and what it reports."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    await ledger.post(payout(payer, 19_000_000, "out"))
    refused = await ledger.charge(plan(payer, "U", 1, call(60, 60)))
    assert refused.status is OutcomeStatus.REFUSED
    assert (await ledger.charge(plan(payer, "T", 2, call(1, None)))).status is OutcomeStatus.CLOSED
    assert (await ledger.charge(plan(payer, "T", 3, call(1, None)))).status is OutcomeStatus.LATE
    # 19.00 were paid out, 11.00 spent; two seconds that nobody could pay are written off.
    assert await amounts(ledger, payer) == (0, 0, 30_000_000, 370_000)


async def test_cut_session_is_refused(ledger: RedisLedger, payer: Subscriber, redis: Redis) -> None:
    """A session marked by the operator gets nothing at its next request and is closed."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    session = (await Records(redis, PARTITIONS).open_sessions())[0]
    assert await ledger.expire(session, "cut") == ExpireOutcome(False, is_marked=True)
    outcome = await ledger.charge(plan(payer, "U", 1, call(30, 60)))
    assert outcome.status is OutcomeStatus.REFUSED
    assert outcome.results[0].status is ChargeStatus.DENIED
    assert await amounts(ledger, payer) == (24_500_000, 0, 5_500_000, 0)


async def test_parallel_sessions_never_overspend(ledger: RedisLedger, payer: Subscriber) -> None:
    """Fifty calls at once on one account: what is reserved in sum is covered."""
    plans = [
        plan(payer, "I", 0, call(None, 60), session=b"client;%d" % number) for number in range(50)
    ]
    outcomes = await asyncio.gather(*(ledger.charge(each) for each in plans))
    granted = [each.results[0].granted for each in outcomes]
    assert sorted(granted, reverse=True)[:3] == [60, 60, 43]
    assert sum(granted) == 163
    assert await amounts(ledger, payer) == (120_000, 29_880_000, 0, 0)


async def test_topup_names_waiting_sessions(ledger: RedisLedger, payer: Subscriber) -> None:
    """Only sessions on a final unit or refused are to be re-authorised."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60), session=b"calm"))
    await ledger.charge(plan(payer, "I", 0, call(None, 1800), session=b"final"))
    outcome = await ledger.post(topup(payer, 1_000_000, "more"))
    assert [each.session_id for each in outcome.waiting] == [b"final"]
    assert outcome.waiting[0].owner == "w0"


async def test_entries_replay_to_the_balance(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Numbers without gaps, linked; adding up the changes gives the totals of each entry."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60), call(None, 60, "200")))
    await ledger.charge(plan(payer, "U", 1, call(61, 60)))
    await ledger.charge(plan(payer, "T", 2, call(5, None)))
    entries = await Records(redis, PARTITIONS).entries(payer.account_id, payer.partition, 100)
    entries.reverse()
    assert [each.sequence for each in entries] == list(range(1, len(entries) + 1))
    credited = spent = reserved = 0
    for each in entries:
        credited, spent = credited + each.credited, spent + each.spent
        reserved += each.reserved
        assert (each.after.credited, each.after.spent) == (credited, spent)
        assert each.after.reserved == reserved >= 0
        assert each.actor and each.reason
    charged = [(each.key, each.units, each.granted) for each in entries if each.kind == "charge"]
    assert charged == [("100", 0, 60), ("200", 0, 60), ("100", 61, 42), ("100", 5, 0)]
    assert entries[-1].after == await ledger.balance(payer.account_id, payer.partition)


async def test_setup_fee_and_free_stretch(ledger: RedisLedger, payer: Subscriber) -> None:
    """An entry fee is due once; a stretch without price goes on at balance 0."""
    legs = (Leg(0, 60, 1, 550_000, entry=3 * 19_000_000), Leg(60, 600, 1, 0))
    first = await ledger.charge(plan(payer, "I", 0, call(None, 60, legs=legs)))
    assert (first.results[0].granted, first.results[0].is_final) == (60, False)
    then = await ledger.charge(plan(payer, "U", 1, call(60, 600, legs=legs)))
    assert (then.results[0].granted, then.results[0].is_final) == (540, True)
    assert await amounts(ledger, payer) == (0, 0, 30_000_000, 0)


async def test_function_library_is_loaded_again(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """A store that lost its functions gets them back, and the call goes on."""
    await redis.function_flush()
    outcome = await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    assert outcome.status is OutcomeStatus.CHARGED


async def test_an_absurd_report_does_not_fill_an_account(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Usage worth more than a double can hold: at most a million is written off, the excess is told
    apart, all sums stay exact, and the account can still be topped up."""
    dear = (Leg(0, 2**50, 1, 2**33),)
    await ledger.charge(plan(payer, "I", 0, call(None, 1, legs=dear), whole=False))
    for number in (1, 2):
        outcome = await ledger.charge(plan(payer, "U", number, call(2**53 - 1, None, legs=dear)))
        assert outcome.status is OutcomeStatus.CHARGED
        assert outcome.clamped > 2**53 - 1_000_000
    available, reserved, spent, written_off = await amounts(ledger, payer)
    assert (available, reserved, spent) == (0, 0, 30_000_000)
    assert 10**12 < written_off <= 2 * 10**12
    assert (await ledger.post(topup(payer, 5, "more"))).status is PostStatus.POSTED
    assert (await ledger.charge(plan(payer, "T", 3, call(5, None)))).status is OutcomeStatus.CLOSED


async def test_the_latest_validity_of_a_session_counts(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """A request with a short supervision time does not take back a long one given before."""
    clock = [1_000_000]
    timed = RedisLedger(redis, Library.from_package(), PARTITIONS, clock=lambda: clock[0])
    await timed.charge(plan(payer, "I", 0, call(None, 60), supervision=7200))
    await timed.charge(plan(payer, "U", 1, call(1, 60, "200"), supervision=60))
    session = (await Records(redis, PARTITIONS).open_sessions())[0]
    assert session.deadline == 1_000_000 + 7_200_000
    clock[0] += 7_199_000
    await timed.charge(plan(payer, "U", 2, call(1, 60), supervision=60))
    session = (await Records(redis, PARTITIONS).open_sessions())[0]
    assert session.deadline == clock[0] + 60_000


async def test_a_session_id_of_another_account_opens_nothing(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Its route leads to the account it was opened for: a second one is refused and holds no money."""
    other = await ledger.put(subscriber(2))
    assert other is not None
    await ledger.post(topup(other, 30_000_000))
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    for number in (0, 3):
        outcome = await ledger.charge(plan(other, "I", number, call(None, 60)))
        assert outcome.status is OutcomeStatus.EXISTS
    assert await amounts(ledger, other) == (30_000_000, 0, 0, 0)
    assert await amounts(ledger, payer) == (19_000_000, 11_000_000, 0, 0)
    assert len(await Records(redis, PARTITIONS).open_sessions()) == 1


async def test_a_stale_plan_leaves_no_route(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """The fresh plan may belong to another account: it must be found by its session."""
    stale = await ledger.charge(plan(payer, "I", 0, call(None, 60), version=7))
    assert stale.status is OutcomeStatus.STALE
    assert await redis.keys("*:route:*") == []
    other = await ledger.put(subscriber(2))
    assert other is not None
    await ledger.post(topup(other, 30_000_000))
    outcome = await ledger.charge(plan(other, "I", 0, call(None, 60)))
    assert (outcome.status, outcome.was_open) == (OutcomeStatus.CHARGED, True)
    found = await Records(redis, PARTITIONS).session(b"client;1")
    assert found is not None and found.account_id == other.account_id


async def test_only_an_open_session_ends(ledger: RedisLedger, payer: Subscriber) -> None:
    """The T after a refusal settles, and is no second end."""
    await ledger.post(payout(payer, 30_000_000, "out"))
    refused = await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    assert (refused.status, refused.was_open) == (OutcomeStatus.REFUSED, True)
    after = await ledger.charge(plan(payer, "T", 1, call(0, None)))
    assert (after.status, after.was_open) == (OutcomeStatus.CLOSED, False)


async def test_an_outcome_tells_what_this_call_moved(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Not what the account holds: changes of each amount, call by call."""
    outcomes = [
        await ledger.charge(plan(payer, kind, number, call(used, wanted), whole=False))
        for number, (kind, used, wanted) in enumerate(
            [("I", None, 60), ("U", 60, 30), ("U", 200, None), ("T", 60, None)]
        )
    ]
    moved = [(each.spent, each.reserved, each.written_off, each.available) for each in outcomes]
    assert moved == [
        (0, 11_000_000, 0, 19_000_000),
        (11_000_000, -5_500_000, 0, 13_500_000),
        # 260 s cost 47.67: of the 36.67 owed now, 19.00 are there.
        (19_000_000, -5_500_000, 17_670_000, 0),
        (0, 0, 11_000_000, 0),
    ]


async def test_who_has_ended_is_granted_nothing(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Neither by a T that asks for more, nor by a late request."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    end = await ledger.charge(plan(payer, "T", 1, call(60, 60)))
    late = await ledger.charge(plan(payer, "U", 2, call(1, 60)))
    for outcome in (end, late):
        assert (outcome.results[0].status, outcome.results[0].granted) == (ChargeStatus.SETTLED, 0)
    assert (await amounts(ledger, payer))[1] == 0


async def test_what_an_ended_session_left_in_an_index_is_cleared(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """The sweeper must not meet it again."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    (session,) = await Records(redis, PARTITIONS).open_sessions()
    await ledger.charge(plan(payer, "T", 1, call(60, None)))
    due, held = keys.due(payer.partition), keys.open_sessions(payer.partition, payer.account_id)
    await redis.zadd(due, {session.session_id: 1})
    await redis.hset(held, session.session_id.decode(), "h")
    assert await ledger.expire(session, "supervision") == ExpireOutcome(False)
    assert await redis.exists(due, held) == 0


async def test_postings_up_to_the_limits(ledger: RedisLedger, payer: Subscriber) -> None:
    """What is reserved cannot be paid out; all that is available can; an account can be filled up."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    refused = await ledger.post(payout(payer, 19_000_001, "a"))
    assert refused.status is PostStatus.INSUFFICIENT
    assert (await ledger.post(payout(payer, 19_000_000, "b"))).status is PostStatus.POSTED
    full = AMOUNT_LIMIT - 30_000_000
    assert (await ledger.post(topup(payer, full + 1, "c"))).status is PostStatus.LIMIT
    assert (await ledger.post(topup(payer, full, "d"))).status is PostStatus.POSTED


async def test_a_first_request_that_opened_nothing_leaves_no_route(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """A route has no end while its session is open: one without a session would stay for ever."""
    await ledger.charge(plan(payer, "E", 0, call(None, 1), session=b"event"))
    ended = plan(payer, "I", 0, call(None, 60), session=b"ended")
    await ledger.charge(ended)
    await ledger.charge(plan(payer, "T", 1, call(0, None), session=b"ended"))
    await redis.delete(keys.route(keys.digest(b"ended"), PARTITIONS))  # its time has come
    tries = [
        (plan(payer, "I", 1, call(None, 1), session=b"event"), OutcomeStatus.EXISTS),
        (plan(payer, "I", 0, call(None, 9), session=b"ended"), OutcomeStatus.MISMATCH),
        (plan(payer, "I", 5, call(None, 1), session=b"ended"), OutcomeStatus.EXISTS),
        (replace(ended, actor="other.example"), OutcomeStatus.FOREIGN),
        (ended, OutcomeStatus.CHARGED),
    ]
    for made, status in tries:
        assert (await ledger.charge(made)).status is status
        assert await redis.keys("*:route:*") == []


async def test_a_session_may_begin_without_services(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """It asks for quota when traffic comes (RFC 8506, 5.1.1)."""
    outcome = await ledger.charge(plan(payer, "I", 0))
    assert (outcome.status, outcome.results) == (OutcomeStatus.CHARGED, ())
    (session,) = await Records(redis, PARTITIONS).open_sessions()
    assert (session.reserved, session.is_waiting) == (0, False)
