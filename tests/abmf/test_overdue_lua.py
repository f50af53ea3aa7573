"""Final units on a real store: by when a client must ask again, and what becomes of one that does not."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.ledger import ExpireOutcome
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import OpenSession
from ocs.model import Charge, ChargePlan, ChargeStatus, Leg, OutcomeStatus, Subscriber, UnitKind
from tests.abmf.conftest import Clock
from tests.support.plans import amounts, call, plan, topup, watched

SECONDS, OCTETS = UnitKind.SECONDS, UnitKind.OCTETS
#: 1.00 for 1,000 octets, and octets that cost nothing.
DATA = (Leg(0, 2**40, 1, 3000),)
FREE = (Leg(0, 2**40, 1, 0),)
MARKED, LEFT = ExpireOutcome(False, is_marked=True), ExpireOutcome(False)


async def last_units(ledger: RedisLedger, payer: Subscriber, grace: int = 30) -> ChargePlan:
    """A call whose 30.00 are given out: 163 s at 11.00 a minute, a second more would make 30.07."""
    made = plan(payer, "I", 0, call(None, 300, unit=SECONDS), final=(grace,))
    (result,) = (await ledger.charge(made)).results
    assert (result.granted, result.is_final) == (163, True)
    return made


async def session(redis: Redis) -> OpenSession:
    """The open session."""
    found = await Records(redis, 256).session(b"client;1")
    assert found is not None
    return found


# --- who is not watched ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charges", "final"),
    [
        pytest.param((call(None, 60, unit=SECONDS),), (30,), id="money is left"),
        pytest.param((call(None, 300, unit=SECONDS),), (0,), id="final, never watched"),
        pytest.param((call(None, 300, unit=SECONDS),), (), id="final, nothing said of it"),
        pytest.param((call(200, 60, unit=OCTETS),), (30,), id="no units at all"),
        pytest.param((call(10, None),), (30,), id="nothing asked for"),
        pytest.param((), (), id="no services"),
        pytest.param(
            (call(None, 30_000, "1", DATA, OCTETS), call(None, 9, "10", DATA, OCTETS)),
            (0, 30),
            id="one service ends, another gets nothing",
        ),
    ],
)
async def test_nobody_need_ask_again(
    timed: RedisLedger,
    payer: Subscriber,
    redis: Redis,
    charges: tuple[Charge, ...],
    final: tuple[int, ...],
) -> None:
    """Only a service that is given its last units, and told to end, is watched. A refusal of another
    service, whose name begins alike, is no such end."""
    await timed.charge(plan(payer, "I", 0, *charges, final=final, whole=False))
    assert await watched(redis, payer) == {}


# --- by when ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charges", "final", "seconds"),
    [
        pytest.param((call(None, 300, unit=SECONDS),), (30,), 163 + 30, id="time is over by itself"),
        pytest.param((call(None, 300),), (630,), 630, id="events are not"),
        pytest.param((call(None, 40_000, "10", DATA, OCTETS),), (3630,), 3630, id="nor octets"),
        # 60 s for 11.00 and 103 s for 18.88; of the 0.12 that is left neither can pay a second.
        pytest.param(
            (call(None, 60, "1", unit=SECONDS), call(None, 300, "2", unit=SECONDS)),
            (30, 30), 60 + 30, id="the first service that ends",
        ),
        pytest.param(
            (call(None, 60, "1", unit=SECONDS), call(None, 300, "2", unit=SECONDS)),
            (60, 10), 103 + 10, id="whichever stands first",
        ),
        pytest.param(
            (call(None, 60, "1", unit=SECONDS), call(None, 300, "1~1790881200", unit=SECONDS)),
            (30, 30), 60 + 103 + 30, id="two periods follow each other",
        ),
        # 30.004 is rounded to 30.00: not one octet more can be paid outwards, inwards all are free.
        pytest.param(
            (call(30_004, 500, "10>", DATA, OCTETS), call(0, 500, "10<", FREE, OCTETS)),
            (630, 630), 630, id="one direction stops the other",
        ),
    ],
)  # fmt: skip
async def test_by_when_a_client_must_ask_again(
    timed: RedisLedger,
    payer: Subscriber,
    redis: Redis,
    clock: Clock,
    *,
    charges: tuple[Charge, ...],
    final: tuple[int, ...],
    seconds: int,
) -> None:
    """Seconds and their grace, or what the plan says of other units."""
    await timed.charge(plan(payer, "I", 0, *charges, final=final))
    assert await watched(redis, payer) == {b"client;1": clock.now + seconds * 1000}


async def test_later_final_units_count_anew(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """A client that asked in time is given the rest, and has until the end of that."""
    await last_units(timed, payer)
    clock.pass_seconds(160)
    again = plan(payer, "U", 1, call(160, 60, unit=SECONDS), final=(30,))
    (result,) = (await timed.charge(again)).results
    assert (result.granted, result.is_final) == (3, True)
    assert await watched(redis, payer) == {b"client;1": clock.now + 33_000}


# --- until when ------------------------------------------------------------------------------------


async def test_what_is_no_next_request(timed: RedisLedger, payer: Subscriber, redis: Redis) -> None:
    """A repeat, another client's request, a number used twice, a plan that is stale."""
    first = await last_units(timed, payer)
    before = await watched(redis, payer)
    assert len(before) == 1
    report = plan(payer, "U", 1, call(163, None))
    for made, status in (
        (first, OutcomeStatus.CHARGED),
        (replace(first, content="other"), OutcomeStatus.MISMATCH),
        (replace(report, actor="other.example"), OutcomeStatus.FOREIGN),
        (replace(report, version=9), OutcomeStatus.STALE),
        (replace(first, number="1"), OutcomeStatus.EXISTS),
    ):
        assert (await timed.charge(made)).status is status
        assert await watched(redis, payer) == before


@pytest.mark.parametrize(
    ("kind", "charge", "status"),
    [
        ("U", call(10, None), OutcomeStatus.CHARGED),
        ("U", call(None, None, "other"), OutcomeStatus.CHARGED),
        ("U", call(163, 60), OutcomeStatus.REFUSED),
        ("T", call(163, None), OutcomeStatus.CLOSED),
    ],
)
async def test_the_next_request(
    timed: RedisLedger,
    payer: Subscriber,
    redis: Redis,
    *,
    kind: str,
    charge: Charge,
    status: OutcomeStatus,
) -> None:
    """Whatever it says, the client is heard of: neither index nor session knows of it any longer."""
    await last_units(timed, payer)
    assert (await timed.charge(plan(payer, kind, 1, charge))).status is status
    assert await watched(redis, payer) == {}
    name = keys.session(payer.partition, keys.digest(b"client;1"))
    assert not await redis.hexists(name, "overdue")


@pytest.mark.parametrize("reason", ["supervision", "gone"])
async def test_an_end_from_our_side(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock, reason: str
) -> None:
    """Who is closed need not ask again, and late usage does not begin anew."""
    await last_units(timed, payer)
    clock.pass_seconds(1200)
    assert (await timed.expire(await session(redis), reason)).closed
    assert await watched(redis, payer) == {}
    late = plan(payer, "U", 1, call(1, 300, unit=SECONDS), final=(30,))
    assert (await timed.charge(late)).status is OutcomeStatus.LATE
    assert await watched(redis, payer) == {}


# --- who did not ask -------------------------------------------------------------------------------


async def test_before_the_moment(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """Nothing happens up to the last millisecond; nor to a session that is not watched."""
    await last_units(timed, payer)
    overdue = await session(redis)
    clock.now += 193_000 - 1
    assert await timed.expire(overdue, "overdue") == LEFT
    assert len(await watched(redis, payer)) == 1
    await timed.charge(plan(payer, "U", 1, call(100, None)))
    clock.pass_seconds(100)
    assert await timed.expire(overdue, "overdue") == LEFT
    assert not (await session(redis)).is_cut


async def test_a_session_that_is_gone(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """It is not marked, and a name left behind goes out of the index."""
    await last_units(timed, payer)
    overdue = await session(redis)
    await timed.charge(plan(payer, "T", 1, call(1, None)))
    await redis.zadd(keys.overdue(payer.partition), {b"client;1": 1})
    assert await timed.expire(overdue, "overdue") == LEFT
    assert await watched(redis, payer) == {}


async def test_it_is_marked_once(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """It keeps its reservation and its name until its client says what it used; money that comes in
    between does not change that its next request is refused."""
    await last_units(timed, payer)
    clock.pass_seconds(193)
    overdue = await session(redis)
    assert await timed.expire(overdue, "overdue") == MARKED
    assert await timed.expire(overdue, "overdue") == LEFT
    assert await watched(redis, payer) == {}
    assert (await session(redis)).is_cut
    route = keys.route(keys.digest(b"client;1"), 256)
    assert await redis.ttl(route) == -1
    assert (await amounts(timed, payer))[:3] == (120_000, 29_880_000, 0)
    await timed.post(topup(payer, 50_000_000, "more"))
    refused = await timed.charge(plan(payer, "U", 1, call(163, 60, unit=SECONDS), final=(30,)))
    assert refused.status is OutcomeStatus.REFUSED
    assert [each.status for each in refused.results] == [ChargeStatus.DENIED]
    assert (await amounts(timed, payer))[:3] == (50_120_000, 0, 29_880_000)
    assert await watched(redis, payer) == {}


async def test_its_end_is_settled(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """The client obeys: its CCR-T is as any other."""
    await last_units(timed, payer)
    clock.pass_seconds(193)
    assert await timed.expire(await session(redis), "overdue") == MARKED
    outcome = await timed.charge(plan(payer, "T", 1, call(163, None)))
    assert (outcome.status, outcome.total_cost) == (OutcomeStatus.CLOSED, 29_880_000)


# --- what it costs ---------------------------------------------------------------------------------


async def test_a_plain_update_pays_nothing_for_it(
    timed: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Counted by hand: read are session, answer, version and account; written, each once, are the entry,
    the account, the session and the answer. Mark and deadline stand as they are in their indexes."""
    await timed.charge(plan(payer, "I", 0, call(None, 60, unit=SECONDS), final=(30,)))
    before = await redis.info("commandstats")
    await timed.charge(plan(payer, "U", 1, call(60, 60, unit=SECONDS), final=(30,)))
    after = await redis.info("commandstats")
    calls = {
        name.removeprefix("cmdstat_"): each["calls"] - before.get(name, {"calls": 0})["calls"]
        for name, each in after.items()
    }
    assert {name: count for name, count in calls.items() if count and name != "info"} == {
        "fcall": 1, "hmget": 2, "hget": 2, "xadd": 1, "hset": 3,
    }  # fmt: skip
