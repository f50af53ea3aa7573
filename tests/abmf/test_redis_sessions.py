"""Sessions on a real store: whose they are, what is believed of them, who waits for money, restarts."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.encoding import raw
from ocs.abmf.ledger import ExpireOutcome
from ocs.abmf.records import Records, as_row, read_entry
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import Act, LedgerEntry, Movement, OpenSession
from ocs.model import (
    MAIN_MONEY,
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeStatus,
    Draw,
    Leg,
    OutcomeStatus,
    Refusal,
    Source,
    Subscriber,
    UnitKind,
    Way,
)
from tests.abmf.conftest import Clock, payout
from tests.support.plans import amounts, call, plan, topup

DAY = 86_400
SECONDS, OCTETS = UnitKind.SECONDS, UnitKind.OCTETS
#: 1.00 for 1,000 octets.
DATA = (Leg(0, 2**40, 1, 3000),)


async def dump(redis: Redis) -> dict[bytes, object]:
    """Everything the store holds, times to live apart. A hash has no order of its own."""
    found: dict[bytes, object] = {}
    for name in map(raw, await redis.keys("*")):
        is_hash = raw(await redis.type(name)) == b"hash"
        found[name] = await redis.hgetall(name) if is_hash else await redis.dump(name)
    return found


async def entries(redis: Redis, each: Subscriber, kind: str) -> list[LedgerEntry]:
    """The account's entries of a kind, oldest first."""
    rows = await redis.xrange(keys.ledger(each.partition)) or []
    found = [read_entry(raw(name), as_row(row)) for name, row in rows]
    return [one for one in found if one.kind == kind]


async def session(redis: Redis, name: bytes) -> OpenSession:
    """The open session of this name."""
    found = await Records(redis, 256).session(name)
    assert found is not None
    return found


# --- ownership -------------------------------------------------------------------------------------

STRANGERS = [
    ("host", "other.example", "example"),
    ("host", "client.example.evil", "example"),
    ("realm", "client.example", "elsewhere"),
    ("realm", "client.example", "example.evil"),
    ("no such scope", "other.example", "example"),
]


@pytest.mark.parametrize("kind", ["I", "U", "T", "E"])
@pytest.mark.parametrize(("scope", "actor", "realm"), STRANGERS)
@pytest.mark.parametrize("number", [1, 9])
async def test_another_clients_session(
    ledger: RedisLedger,
    payer: Subscriber,
    redis: Redis,
    *,
    kind: str,
    scope: str,
    actor: str,
    realm: str,
    number: int,
) -> None:
    """Open or ended: nothing is told, not even what was answered before, and nothing is written."""
    mine = [plan(payer, "I", 0, call(None, 60)), plan(payer, "U", 1, call(1, 60))]
    for made in [*mine, plan(payer, "T", 2, call(1, None))]:
        await ledger.charge(made)
        theirs = plan(payer, kind, number, call(1, 60), actor=actor, realm=realm, scope=scope)
        before = await dump(redis)
        outcome = await ledger.charge(theirs)
        assert outcome == ChargeOutcome(OutcomeStatus.FOREIGN)
        assert await dump(redis) == before


async def test_an_event_of_another_client(ledger: RedisLedger, payer: Subscriber) -> None:
    """Its answer is not told either, whether it was paid or not."""
    for name, quantity in ((b"paid", 1), (b"refused", 1000)):
        made = plan(payer, "E", 0, call(None, quantity), session=name)
        await ledger.charge(made)
        theirs = replace(made, actor="other.example")
        assert await ledger.charge(theirs) == ChargeOutcome(OutcomeStatus.FOREIGN)


async def test_the_case_of_a_name_says_nothing(ledger: RedisLedger, payer: Subscriber) -> None:
    """Diameter identities are domain names."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    upper = plan(payer, "U", 1, call(1, 60), actor="CLIENT.Example")
    assert (await ledger.charge(upper)).status is OutcomeStatus.CHARGED
    relayed = plan(payer, "U", 2, call(1, 60), actor="o.example", realm="EXAMPLE", scope="realm")
    assert (await ledger.charge(relayed)).status is OutcomeStatus.CHARGED


async def test_a_session_moves_within_its_realm(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Behind a relay a client's neighbour may go on: its messages go there, by the latest way."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    made = plan(payer, "U", 1, call(1, 60), actor="b.example", scope="realm")
    await ledger.charge(replace(made, peer="relay.example", owner="w7"))
    found = await session(redis, b"client;1")
    assert (found.origin_host, found.origin_realm) == ("b.example", "example")
    assert (found.peer, found.owner) == ("relay.example", "w7")
    direct = plan(payer, "U", 2, call(1, 60))
    assert (await ledger.charge(direct)).status is OutcomeStatus.FOREIGN


async def test_stray_usage_belongs_to_nobody(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Who sends it first does not own the name; a session opened later is kept with its answers."""
    await ledger.charge(plan(payer, "U", 5, call(1, None), actor="other.example"))
    opened = await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    assert opened.status is OutcomeStatus.CHARGED
    name = keys.digest(b"client;1")
    assert await redis.ttl(keys.session(1, name)) == -1
    assert await redis.ttl(keys.answers(1, name)) == -1


# --- absurd reports --------------------------------------------------------------------------------


async def test_more_seconds_than_passed(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """71,582,788 s of a call of 40 s: 100 s are believed, for 18.33; the rest is a record."""
    await timed.charge(plan(payer, "I", 0, call(None, 60, unit=SECONDS)))
    clock.pass_seconds(40)
    made = plan(payer, "T", 1, call(71_582_788, None, unit=SECONDS))
    outcome = await timed.charge(made)
    assert (outcome.status, outcome.clamped) == (OutcomeStatus.CLOSED, 71_582_688)
    assert await amounts(timed, payer) == (11_670_000, 0, 18_330_000, 0)
    (record,) = await entries(redis, payer, "usage_clamped")
    assert (record.units, record.key, record.request) == (71_582_688, "100", "T1")
    assert (record.session_id, record.account_id) == (b"client;1", "1")
    assert (record.actor, record.reason) == ("client.example", "absurd report")
    assert (record.spent, record.written_off, record.credited) == (0, 0, 0)
    again = await timed.charge(made)
    assert (again.is_replayed, again.clamped) == (True, 0)
    assert len(await entries(redis, payer, "usage_clamped")) == 1


async def test_seconds_are_clamped_in_sum(
    timed: RedisLedger, payer: Subscriber, clock: Clock
) -> None:
    """The minute for clocks is given once, not with each report; each service has its own sum."""
    await timed.charge(plan(payer, "I", 0, call(None, 10, unit=SECONDS), whole=False))
    clock.pass_seconds(20)
    first = await timed.charge(plan(payer, "U", 1, call(80, 10, unit=SECONDS), whole=False))
    assert first.clamped == 0
    second = await timed.charge(plan(payer, "U", 2, call(1, 10, unit=SECONDS), whole=False))
    assert second.clamped == 1
    clock.now += 1_999  # one whole second
    third = await timed.charge(
        plan(payer, "U", 3, call(5, 10, unit=SECONDS), call(81, 10, "200", unit=SECONDS))
    )
    assert third.clamped == 4
    # 81 s of each service, at 11.00 a minute.
    assert third.total_cost == 2 * 14_850_000


async def test_a_clock_that_went_back(timed: RedisLedger, payer: Subscriber, clock: Clock) -> None:
    """No time passed: a minute is believed, and nothing becomes negative."""
    await timed.charge(plan(payer, "I", 0, call(None, 60, unit=SECONDS)))
    clock.pass_seconds(-500)
    outcome = await timed.charge(plan(payer, "U", 1, call(70, 1, unit=SECONDS)))
    assert (outcome.clamped, outcome.spent) == (10, 11_000_000)
    outcome = await timed.charge(plan(payer, "U", 2, call(3, 1, unit=SECONDS)))
    assert (outcome.clamped, outcome.spent) == (3, 0)


async def test_more_octets_than_four_grants(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """4,000 octets of one report are believed after a grant of 1,000; each report is judged alone."""

    def data(used: int | None, requested: int | None, key: str = "10") -> Charge:
        return call(used, requested, key, DATA, OCTETS)

    await ledger.charge(plan(payer, "I", 0, data(None, 1000), whole=False))
    exact = await ledger.charge(plan(payer, "U", 1, data(4000, 2000), whole=False))
    assert (exact.clamped, exact.spent) == (0, 4_000_000)
    over = await ledger.charge(plan(payer, "U", 2, data(8001, None), whole=False))
    assert (over.clamped, over.spent) == (1, 8_000_000)
    # Nothing was granted since: the last grant still counts. A service without one is believed.
    both = plan(payer, "U", 3, data(9000, None), data(9000, None, "20"), whole=False)
    outcome = await ledger.charge(both)
    assert (outcome.clamped, outcome.spent) == (1000, 17_000_000)
    records = await entries(redis, payer, "usage_clamped")
    assert [(each.key, each.units) for each in records] == [("10", 1), ("10", 1000)]


@pytest.mark.parametrize("unit", [UnitKind.EVENTS, UnitKind.MONEY])
async def test_events_and_money_are_believed(
    ledger: RedisLedger, payer: Subscriber, unit: UnitKind
) -> None:
    """There is no measure of them but the client's."""
    await ledger.charge(plan(payer, "I", 0, call(None, 1, unit=unit)))
    outcome = await ledger.charge(plan(payer, "T", 1, call(1000, None, unit=unit)))
    assert (outcome.clamped, outcome.written_off) == (0, 153_330_000)


async def test_without_a_grant_nothing_is_absurd(ledger: RedisLedger, payer: Subscriber) -> None:
    """A client that served on without quota is believed: there is nothing to measure it by."""
    denied = replace(call(None, 60, unit=SECONDS), refusal=Refusal.DENIED)
    await ledger.charge(plan(payer, "I", 0, denied, whole=False))
    outcome = await ledger.charge(plan(payer, "T", 1, call(100, None, unit=SECONDS)))
    assert (outcome.clamped, outcome.spent) == (0, 18_330_000)


async def test_units_of_an_event_can_be_counted(ledger: RedisLedger, payer: Subscriber) -> None:
    """What costs nothing and was not granted is believed up to a number that one more can be added to: a
    bucket is drawn on in steps, which above it would come to no end."""
    ways = (Way("b", (Leg(0, 2**50, 1024, 0),), (), (Draw("1.b", 1024, 1024),)),)
    sources = (Source(MAIN_MONEY), Source("1.b"))

    def data(number: int, used: int, requested: int | None = None) -> ChargePlan:
        charge = replace(call(used, requested, "30", unit=OCTETS), ways=ways)
        return plan(payer, "U", number, charge, whole=False, sources=sources)

    await ledger.charge(plan(payer, "I", 0, call(None, 1)))
    most = 2**53 - 1
    assert (await ledger.charge(data(1, most))).clamped == most - 2**52
    assert (await ledger.charge(data(2, most))).clamped == most
    moved = (Movement(Act.CREDIT, "1.b", 10**9),)
    await ledger.post(replace(topup(payer, 0, "bucket"), movements=moved))
    last = await ledger.charge(data(3, 10**9, 10**9))
    assert (last.clamped, last.results[0].status) == (10**9, ChargeStatus.NO_CREDIT)


async def test_late_usage_is_clamped_too(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """The closed session remembers when it was first granted."""
    await timed.charge(plan(payer, "I", 0, call(None, 60, unit=SECONDS)))
    await timed.expire(await session(redis, b"client;1"), "gone")
    clock.pass_seconds(30)
    outcome = await timed.charge(plan(payer, "T", 1, call(100, None, unit=SECONDS)))
    assert (outcome.status, outcome.clamped) == (OutcomeStatus.LATE, 10)
    assert outcome.spent == 16_500_000


# --- who waits for money ---------------------------------------------------------------------------


async def test_who_asks_for_nothing_waits_on(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """After a redirection the service stands without quota: a top-up still names its session."""
    await ledger.charge(plan(payer, "I", 0, call(None, 1800), call(None, 1, "200"), whole=False))
    await ledger.charge(plan(payer, "U", 1, call(163, None), whole=False))
    assert (await session(redis, b"client;1")).is_waiting
    outcome = await ledger.post(topup(payer, 20_000_000, "more"))
    assert [each.session_id for each in outcome.waiting] == [b"client;1"]
    await ledger.charge(plan(payer, "U", 2, call(0, 1), call(0, 1, "200"), whole=False))
    assert not (await session(redis, b"client;1")).is_waiting
    await ledger.charge(plan(payer, "U", 3, call(0, None), whole=False))
    assert not (await session(redis, b"client;1")).is_waiting


async def test_shared_money(ledger: RedisLedger, payer: Subscriber) -> None:
    """75 s of money, grants of 30 s. A has used 30 and holds 30; B gets 15, its last, and A is asked to
    give back what it does not use. A ends early: B is asked, and gets the rest."""
    await ledger.post(payout(payer, 16_250_000, "out"))  # 13.75 stay: 75 s at 11.00 a minute
    a, b = b"a", b"b"
    first = await ledger.charge(plan(payer, "I", 0, call(None, 30), session=a))
    assert (first.results[0].granted, first.waiting) == (30, ())
    second = await ledger.charge(plan(payer, "U", 1, call(30, 30), session=a))
    assert (second.results[0].granted, second.results[0].is_final) == (30, False)
    third = await ledger.charge(plan(payer, "I", 0, call(None, 30), session=b))
    assert (third.results[0].granted, third.results[0].is_final) == (15, True)
    assert third.waiting == (a,)
    end = await ledger.charge(plan(payer, "T", 2, call(10, None), session=a))
    assert end.waiting == (b,)
    again = await ledger.charge(plan(payer, "U", 1, call(5, 30), session=b))
    # 75 - 40 - 5 = 30 s are left, the last ones.
    assert (again.results[0].granted, again.results[0].is_final) == (30, True)
    assert again.waiting == ()
    done = await ledger.charge(plan(payer, "T", 2, call(30, None), session=b))
    assert done.waiting == ()
    assert await amounts(ledger, payer) == (0, 0, 30_000_000, 0)


async def test_two_that_wait_do_not_ask_each_other_for_ever(
    ledger: RedisLedger, payer: Subscriber
) -> None:
    """Each names the other once, when its own money ends; what it is told then brings no new round."""
    a, b = b"a", b"b"
    await ledger.charge(plan(payer, "I", 0, call(None, 100), session=a))
    ended = await ledger.charge(plan(payer, "I", 0, call(None, 100), session=b))
    assert (ended.results[0].granted, ended.waiting) == (63, (a,))
    # A follows the RAR: it used 1 s, holds 99 s of the 162 s left, and is not at its end.
    asked = await ledger.charge(plan(payer, "U", 1, call(1, 200), session=a))
    assert (asked.results[0].granted, asked.results[0].is_final) == (99, True)
    assert asked.waiting == (b,)
    for number in (1, 2, 3):
        for name in (b, a):
            outcome = await ledger.charge(plan(payer, "U", number + 1, call(0, 200), session=name))
            assert (outcome.results[0].is_final, outcome.waiting) == (True, ())


async def test_a_refused_session_asks_the_holders(ledger: RedisLedger, payer: Subscriber) -> None:
    """Nothing is left for the second: the first may give back. The third holds nothing."""
    await ledger.charge(plan(payer, "I", 0, call(None, 163), session=b"a"))
    await ledger.charge(plan(payer, "I", 0, call(None, None), session=b"c"))
    refused = await ledger.charge(plan(payer, "I", 0, call(None, 60), session=b"b"))
    assert (refused.status, refused.waiting) == (OutcomeStatus.REFUSED, (b"a",))


async def test_money_that_comes_back_is_offered(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """By a smaller reservation, an end, or a close from our side; only to who waits; none, no names."""
    names = [b"a", b"b", b"c"]
    for name in names:
        await ledger.charge(plan(payer, "I", 0, call(None, 50), session=name))
    last = await ledger.charge(plan(payer, "I", 0, call(None, 50), session=b"z"))
    assert (last.results[0].granted, set(last.waiting)) == (13, set(names))
    smaller = await ledger.charge(plan(payer, "U", 1, call(1, 40), session=b"a"))
    assert smaller.waiting == (b"z",)
    same = await ledger.charge(plan(payer, "U", 2, call(1, 41), session=b"a"))
    assert same.waiting == ()
    outcome = await ledger.expire(await session(redis, b"b"), "gone")
    # 50 s at 11.00 a minute: 9.1666, in whole cents.
    assert outcome == ExpireOutcome(True, (b"z",), 9_170_000)
    ended = await ledger.charge(plan(payer, "T", 1, call(50, None), session=b"c"))
    assert ended.waiting == ()
    own = await ledger.charge(plan(payer, "T", 1, call(0, None), session=b"z"))
    assert own.waiting == ()


async def test_a_close_that_releases_nothing_names_nobody(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """No money came back; nor is anybody named when a session is only marked."""
    await ledger.charge(plan(payer, "I", 0, call(None, None), session=b"idle"))
    await ledger.charge(plan(payer, "I", 0, call(None, 1800), session=b"final"))
    idle = await session(redis, b"idle")
    assert await ledger.expire(idle, "cut") == ExpireOutcome(False, is_marked=True)
    assert await ledger.expire(idle, "gone") == ExpireOutcome(True)


async def test_no_more_than_twenty_are_named(ledger: RedisLedger, payer: Subscriber) -> None:
    """One call must not set off a storm."""
    for number in range(25):
        await ledger.charge(plan(payer, "I", 0, call(None, 1), session=b"s%d" % number))
    last = await ledger.charge(plan(payer, "I", 0, call(None, 1800), session=b"last"))
    assert len(last.waiting) == len(set(last.waiting)) == 20
    assert b"last" not in last.waiting


# --- a client that restarted -----------------------------------------------------------------------


async def test_a_restart_is_told_once(ledger: RedisLedger) -> None:
    """Not at first sight, not for the same, a lower one or none; once for each rise."""
    told = [
        (0, False), (7, False), (7, False), (0, False), (-1, False), (6, False), (7, False),
        (9, True), (9, False), (8, False), (2**32 - 1, True), (2**32 - 1, False),
    ]  # fmt: skip
    for state_id, is_restart in told:
        assert await ledger.restarted("Client.example", state_id) is is_restart, state_id
    assert await ledger.restarted("CLIENT.EXAMPLE", 2**32 - 1) is False
    assert await ledger.restarted("other.example", 5) is False


async def test_what_is_known_of_a_client_does_not_stay_for_ever(
    ledger: RedisLedger, redis: Redis
) -> None:
    """Nor does it go while the client is there."""
    name = keys.origin("client.example")
    month = 31 * DAY
    await ledger.restarted("client.example", 7)
    await redis.expire(name, 100)
    await ledger.restarted("client.example", 7)
    assert month - 60 < await redis.ttl(name) <= month
    await redis.expire(name, 100)
    await ledger.restarted("client.example", 8)
    assert month - 60 < await redis.ttl(name) <= month


async def test_an_update_costs_the_store_one_call(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """One function call, and no look at the account's other sessions where there is none to tell."""
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    before = await commands(redis)
    await ledger.charge(plan(payer, "U", 1, call(60, 60)))
    after = await commands(redis)
    assert after["fcall"] - before["fcall"] == 1
    assert after.get("hlen", 0) == before.get("hlen", 0)
    # No hash is read as a whole.
    assert after.get("hgetall", 0) == before.get("hgetall", 0)
    # Its money ends: the others are counted, and there is none to be read. It comes back: nobody waits.
    await ledger.charge(plan(payer, "U", 2, call(0, 1800)))
    await ledger.charge(plan(payer, "T", 3, call(0, None)))
    end = await commands(redis)
    assert end["hlen"] - after.get("hlen", 0) == 1
    assert end["hgetall"] - after.get("hgetall", 0) == 1  # of the session, at its end


async def test_where_nobody_waits_no_session_is_looked_at(
    ledger: RedisLedger, payer: Subscriber, redis: Redis
) -> None:
    """Whatever money comes back: an account may have any number of sessions. Once one waits, it is told."""
    for name in (b"a", b"b", b"c"):
        await ledger.charge(plan(payer, "I", 0, call(None, 10), session=name))
    before = await commands(redis)
    outcome = await ledger.charge(plan(payer, "U", 1, call(1, 1), session=b"a"))
    assert outcome.waiting == ()
    after = await commands(redis)
    assert (after.get("hlen"), after.get("hgetall")) == (before.get("hlen"), before.get("hgetall"))
    await ledger.charge(plan(payer, "I", 0, call(None, 1800), session=b"poor"))
    outcome = await ledger.charge(plan(payer, "T", 2, call(0, None), session=b"a"))
    assert outcome.waiting == (b"poor",)


async def test_the_index_of_deadlines_follows_late(
    timed: RedisLedger, payer: Subscriber, redis: Redis, clock: Clock
) -> None:
    """A deadline that moved by less than half of its time is not written there; who comes by the index
    finds the session early, and the index put right; at its deadline it is closed."""
    index = keys.due(payer.partition)
    await timed.charge(plan(payer, "I", 0, call(None, 60), supervision=1000))
    first = await redis.zscore(index, b"client;1") or 0
    clock.pass_seconds(400)
    await timed.charge(plan(payer, "U", 1, call(1, 60), supervision=1000))
    assert await redis.zscore(index, b"client;1") == first
    clock.pass_seconds(200)
    await timed.charge(plan(payer, "U", 2, call(1, 60), supervision=1000))
    assert await redis.zscore(index, b"client;1") == first + 600_000
    clock.pass_seconds(300)
    await timed.charge(plan(payer, "U", 3, call(1, 60), supervision=1000))
    clock.pass_seconds(701)
    here = await session(redis, b"client;1")
    assert not (await timed.expire(here, "supervision")).closed
    assert await redis.zscore(index, b"client;1") == here.deadline
    clock.pass_seconds(299)
    assert (await timed.expire(here, "supervision")).closed


@pytest.mark.parametrize("end", ["terminated", "refused", "expired"])
async def test_an_ended_session_stands_in_no_index(
    ledger: RedisLedger, payer: Subscriber, redis: Redis, end: str
) -> None:
    """Neither among the due nor among the account's open ones."""
    await ledger.charge(plan(payer, "I", 0, call(None, 163)))
    indexes = keys.due(payer.partition), keys.open_sessions(payer.partition, payer.account_id)
    assert await redis.exists(*indexes) == 2
    if end == "terminated":
        await ledger.charge(plan(payer, "T", 1, call(1, None)))
    elif end == "refused":
        await ledger.charge(plan(payer, "U", 1, call(163, 60)))
    else:
        await ledger.expire(await session(redis, b"client;1"), "gone")
    assert await redis.exists(*indexes) == 0


async def commands(redis: Redis) -> dict[str, int]:
    """How often each command was carried out."""
    found = await redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in found.items()}
