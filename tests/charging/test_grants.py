"""Grants that follow the pace of a session: their sizes, what is learned, and a store between them."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st
from redis.asyncio import Redis

from ocs.charging import grants
from ocs.charging.context import new_context
from ocs.charging.memory import Memory
from ocs.charging.policy import ChargingPolicy, ServicePolicy
from ocs.charging.session import plan
from ocs.diameter.credit_control import CCR, MSCC, Units
from ocs.model import (
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    OutcomeStatus,
    Pace,
    UtcMillis,
    Way,
)
from tests.charging.worked import (
    ANY,
    DATA,
    MIB,
    NONE,
    POLICY,
    SUBSCRIBER,
    VOICE,
    catalogue,
    catalogues,
    data,
    mscc,
    octets,
    seconds,
    voice,
)
from tests.charging.worker import (
    CLOCK,
    INITIAL,
    NOW,
    NUMBER,
    TERMINATION,
    UPDATE,
    Clock,
    Worker,
    granted,
)

KIB = 1 << 10
T = 300
PACED = replace(DATA, grant_default=10 * MIB, grant_seconds=T)
CALLS = replace(VOICE, threshold_percent=20, grant_seconds=60)
FIXED = ChargingPolicy((replace(PACED, grant_seconds=0), *POLICY.services[1:]))
SERVED = ChargingPolicy((PACED, CALLS, *POLICY.services[2:]))
LEAST, MOST = DATA.grant_minimum, DATA.grant_maximum


def at(seconds_later: float) -> UtcMillis:
    """A moment after the last answer."""
    return UtcMillis(NOW + int(seconds_later * 1000))


def size(
    used: Units | None,
    seconds_later: float,
    expected: int,
    left: int | None = None,
    wish: Units | None = ANY,
    policy: ServicePolicy = PACED,
) -> int:
    """What is asked for after this report."""
    pace = Pace(NOW, expected, left)
    return grants.sized(mscc(10, used, wish), policy, pace, at(seconds_later))[0]


# --- sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "fixed", "paced"),
    [
        (NONE, 100 * MIB, 10 * MIB),
        (ANY, 100 * MIB, 10 * MIB),
        (octets(0), 100 * MIB, 10 * MIB),
        (octets(1), LEAST, LEAST),
        (octets(MIB), MIB, MIB),
        (octets(20 * MIB), 20 * MIB, 10 * MIB),
        (octets(2 * MOST), MOST, 10 * MIB),
        (Units(input_octets=MIB, output_octets=MIB), 2 * MIB, 2 * MIB),
    ],
)
def test_first_grant(wish: Units | None, fixed: int, paced: int) -> None:
    """The default. A client's amount within bounds is what it gets, and where T counts at the most."""
    asked = MSCC(10, (), wish)
    assert grants.sized(asked, DATA, None, NOW) == (fixed, 0)
    assert grants.sized(asked, PACED, None, NOW) == (paced, 8 * MIB)


@pytest.mark.parametrize(
    ("used", "seconds_later", "expected", "left", "wish", "asked"),
    [
        # As fast as expected: the same again, so that four fifths of it last for T.
        (octets(8 * MIB), T, 8 * MIB, None, ANY, 10 * MIB),
        # At once: twice as much, whatever the clock says.
        (octets(8 * MIB), 0, 8 * MIB, None, ANY, 20 * MIB),
        (octets(8 * MIB), -5, 8 * MIB, None, ANY, 20 * MIB),
        # Nothing in T: half of it; nothing in 3 T: a quarter.
        (octets(0), T, 8 * MIB, None, ANY, 5 * MIB),
        (octets(0), 3 * T, 8 * MIB, None, ANY, 5 * MIB // 2),
        # No quota was held meanwhile.
        (None, 4 * T, 8 * MIB, None, ANY, 10 * MIB),
        # Bounds.
        (octets(0), T, 8, None, ANY, LEAST),
        (octets(900 * MIB), 10, 8 * MIB, None, ANY, MOST),
        # A wish is not exceeded; one below the least is that.
        (octets(8 * MIB), T, 8 * MIB, None, octets(3 * MIB), 3 * MIB),
        (octets(8 * MIB), T, 8 * MIB, None, octets(30 * MIB), 10 * MIB),
        (octets(8 * MIB), T, 8 * MIB, None, octets(1), LEAST),
        # Both directions count.
        (Units(input_octets=MIB, output_octets=7 * MIB), T, 8 * MIB, None, ANY, 10 * MIB),
        # Money for two grants and more, for less, for a quarter of two, for nothing.
        (octets(8 * MIB), T, 8 * MIB, 28 * MIB, ANY, 10 * MIB),
        (octets(8 * MIB), T, 8 * MIB, 20 * MIB, ANY, 6 * MIB),
        (octets(8 * MIB), T, 8 * MIB, 10 * MIB, ANY, 5 * MIB // 2),
        (octets(8 * MIB), T, 8 * MIB, 0, ANY, 5 * MIB // 2),
        (octets(80 * KIB), T, 80 * KIB, 81 * KIB, ANY, LEAST),
        # A client that waited for money holds none of it.
        (None, 60, 8 * MIB, 8 * MIB, ANY, 4 * MIB),
    ],
)
def test_next_grant(
    used: Units | None,
    seconds_later: float,
    expected: int,
    left: int | None,
    wish: Units,
    asked: int,
) -> None:
    """What is expected in T, a little more for the threshold, and less where money is short."""
    assert size(used, seconds_later, expected, left, wish) == asked


def test_calls() -> None:
    """A second lasts a second: T is the time between two requests from the first update on."""
    first, units = grants.sized(mscc(None, NONE, ANY), CALLS, None, NOW)
    assert (first, units) == (60, 48)
    assert size(seconds(48), 48, units, policy=CALLS) == 66
    assert size(seconds(60), 60, 60, policy=CALLS) == 75


AMOUNT = st.integers(0, 2**33)
SECONDS = st.integers(0, 100_000)
MONEY = st.none() | AMOUNT


@given(AMOUNT, SECONDS, AMOUNT, MONEY, st.none() | AMOUNT)
def test_bounds(used: int, later: int, expected: int, left: int | None, wish: int | None) -> None:
    """Whatever happened before, a grant is within the service's bounds and the client's wish."""
    named = ANY if wish is None else octets(wish)
    found = size(octets(used), later, expected, left, named)
    assert LEAST <= found <= MOST
    assert not wish or found <= max(wish, LEAST)


@given(AMOUNT, AMOUNT, SECONDS, AMOUNT)
def test_more_usage_is_no_smaller_grant(used: int, more: int, later: int, expected: int) -> None:
    """In the same time."""
    assert size(octets(used), later, expected) <= size(octets(used + more), later, expected)


@given(AMOUNT, SECONDS, AMOUNT, AMOUNT, AMOUNT)
def test_less_money_is_no_larger_grant(
    used: int, later: int, expected: int, left: int, more: int
) -> None:
    """And no shortage takes more than three quarters of a grant."""
    short, rich = (size(octets(used), later, expected, each) for each in (left, left + more))
    usual = size(octets(used), later, expected)
    assert max(usual // 4, LEAST) <= short <= rich <= usual


@given(AMOUNT, SECONDS, st.integers(LEAST, MOST))
def test_one_burst_doubles_at_the_most(used: int, later: int, grant: int) -> None:
    """A client uses what it holds at the most; the next grant is at most twice that."""
    expected = grant * 80 // 100
    used = min(used, expected)
    assert size(octets(used), later, expected) <= 2 * grant


@given(st.integers(1000, 2 << 20), st.integers(0, 90), st.integers(60, 900))
def test_steady_user(speed: int, threshold: int, seconds_wanted: int) -> None:
    """Whoever uses as much in every second comes back every T seconds, as far as the bounds let him."""
    policy = replace(PACED, threshold_percent=threshold, grant_seconds=seconds_wanted)
    grant, expected = grants.sized(mscc(10, NONE, ANY), policy, None, NOW)
    now, since, passed = NOW, NOW, 0
    for _ in range(40):
        used = max(grant - grant * threshold // 100, 1)
        passed = used * 1000 // speed
        now = UtcMillis(now + passed)
        report = mscc(10, octets(used), ANY)
        grant, expected = grants.sized(report, policy, Pace(since, expected), now)
        since = now
    wanted = seconds_wanted * 1000
    if grant == MOST:
        assert passed <= wanted
    elif grant == LEAST:
        assert passed >= wanted - 1000
    else:
        assert abs(passed - wanted) <= wanted // 50


# --- what is learned ----------------------------------------------------------------------------------


def planned(
    ccr: CCR, policy: ServicePolicy = PACED, paces: dict[str, Pace] | None = None
) -> ChargePlan:
    """The plan of a request of a known session, T after the last answer."""
    first = voice(INITIAL, 0) if policy.name == "voice" else data(INITIAL, 0)
    context = new_context(first, policy, SUBSCRIBER, catalogue(), NOW)
    return plan(
        ccr,
        memory=Memory(context, paces=paces or {}),
        subscriber=SUBSCRIBER,
        partition=SUBSCRIBER.partition,
        catalogues=catalogues(),
        policy=policy,
        at=at(T),
        owner="w0",
        peer="dra.example.net",
        context_bytes=b"context" if ccr.request_type == INITIAL else b"",
    )


def answered(made: ChargePlan, available: int, *amounts: int) -> ChargeOutcome:
    """An outcome with these grants, each on the last way of its charge."""
    results = tuple(
        ChargeResult(
            each.key,
            ChargeStatus.GRANTED if amount else ChargeStatus.SETTLED,
            amount,
            way=each.ways[-1].name if amount and each.ways else "",
        )
        for each, amount in zip(made.charges, amounts, strict=True)
    )
    return ChargeOutcome(OutcomeStatus.CHARGED, results, available=available)


def test_learned() -> None:
    """By service: when, what is expected, and what can still be paid; nothing of fixed grants."""
    services = (
        mscc(10, octets(8 * MIB), ANY),
        mscc(20, octets(0), ANY),
        mscc(30, octets(5 * MIB), ANY),
        mscc(40, octets(0), ANY),
        mscc(99, NONE, ANY),
    )
    fixed = replace(PACED, grant_seconds=0)
    policy = replace(PACED, groups=((frozenset({20}), fixed),))
    known = {"10": Pace(NOW, 8 * MIB), "30": Pace(NOW, 0), "40": Pace(NOW, 8 * MIB)}
    made = planned(data(UPDATE, 1, *services), policy, known)
    assert [each.key for each in made.charges] == ["10", "20", "30", "40<", "40>", "99"]
    outcome = answered(made, 3_000_000, 10 * MIB, 10 * MIB, MIB, MIB, 2 * MIB, 0)
    assert grants.learned(made, outcome) == {
        "10": Pace(at(T), 8 * MIB, 13 * MIB),  # 1.00 a megabyte
        "30": Pace(at(T), 5 * MIB // 2, None),  # free
        "40": Pace(at(T), 4 * MIB, 6 * MIB),  # the dearer direction says what can be paid
        "99": Pace(at(T), 8 * MIB, None),  # without a price
    }
    overdrawn = replace(outcome, available=-1)
    assert grants.learned(made, overdrawn)["10"].left == 10 * MIB


def test_report_without_a_wish() -> None:
    """It is learned from as well; how much could be paid is not known without a grant."""
    made = planned(data(UPDATE, 1, mscc(10, octets(0))), paces={"10": Pace(NOW, 8 * MIB, 9)})
    outcome = answered(made, 3_000_000, 0)
    assert grants.learned(made, outcome) == {"10": Pace(at(T), 4 * MIB, None)}


@pytest.mark.parametrize(
    "changes",
    [
        {"is_replayed": True},
        {"status": OutcomeStatus.MISMATCH},
        {"status": OutcomeStatus.CLOSED},
        {"status": OutcomeStatus.REFUSED},
    ],
)
def test_nothing_is_learned(changes: dict[str, object]) -> None:
    """From a repeat, from what moved nothing, from the end."""
    made = planned(data(UPDATE, 1, mscc(10, octets(MIB), ANY)))
    outcome = answered(made, 3_000_000, MIB)
    assert grants.learned(made, outcome)
    assert grants.learned(made, replace(outcome, **changes)) == {}  # type: ignore[arg-type]  # names and values of the table


@pytest.mark.parametrize(
    ("sources", "is_last", "units"),
    [
        (("main",), True, 3 * MIB),
        (("bonus", "main"), True, None),
        (("bonus",), True, None),
        (("main",), False, None),
    ],
)
def test_bought(sources: tuple[str, ...], is_last: bool, units: int | None) -> None:
    """Known is what own money alone pays for, where the grant ended there."""
    made = planned(data(UPDATE, 1, mscc(10, octets(MIB), ANY)))
    (charge,) = made.charges
    way = replace(charge.ways[0], sources=sources)
    free = Way("bucket", way.legs)
    (result,) = answered(made, 0, MIB).results
    charge = replace(charge, ways=(free, way))
    result = replace(result, way=way.name if is_last else "gone")
    assert grants.bought(charge, result, 3_000_000) == units


@pytest.mark.parametrize(
    ("wish", "asked"),
    [
        (ANY, [5 * MIB, 5 * MIB]),
        (octets(4 * MIB), [2 * MIB, 2 * MIB]),
        (Units(input_octets=MIB, output_octets=2 * MIB), [MIB, 2 * MIB]),
        (Units(input_octets=MIB, output_octets=50 * MIB), [MIB, 10 * MIB]),
    ],
)
def test_directions(wish: Units, asked: list[int]) -> None:
    """Where they are rated apart they share the size; one that is named is that, within the size."""
    report = Units(input_octets=MIB, output_octets=7 * MIB)
    made = planned(data(UPDATE, 1, mscc(40, report, wish)), paces={"40": Pace(NOW, 8 * MIB)})
    assert [each.requested for each in made.charges] == asked
    assert made.paces == (("40", 8 * MIB, 0, 2),)


# --- on a store ---------------------------------------------------------------------------------------


@pytest.fixture
async def paced(worker: Worker, redis: Redis) -> Worker:
    """A worker whose grants of data and calls follow their pace."""
    return Worker(redis, policy=SERVED)


async def test_updates_come_every_t_seconds(paced: Worker, clock: Clock) -> None:
    """A steady user of 1 MiB a second: the default lasts for 8 s, then T; another RG has its own pace."""
    each = await paced.subscriber(100_000)
    answer = await paced.ask(data(INITIAL, 0, mscc(10, NONE, ANY), mscc(20, NONE, ANY)))
    sizes = granted(answer)
    assert sizes == [10 * MIB, 10 * MIB]
    reports = []
    for number in range(1, 12):
        grant = sizes[0] or 0
        used = grant - grant * 20 // 100
        reports.append(used)
        clock.goes_on(used // MIB)
        sizes = granted(await paced.ask(data(UPDATE, number, mscc(10, octets(used), ANY))))
    assert reports == sorted(reports)
    assert reports[0] == 8 * MIB and (T - 15) * MIB < reports[-1] < (T + 2) * MIB
    slow = granted(await paced.ask(data(UPDATE, 12, mscc(20, octets(MIB), ANY))))
    assert slow[0] is not None and MIB < slow[0] < 4 * MIB
    await paced.ask(data(TERMINATION, 13, mscc(10, octets(0)), mscc(20, octets(0))))
    spent = -(-sum(reports) * 100 // MIB) + 50
    assert await paced.money(each) == (10_000_000 - spent, 0)


@pytest.mark.parametrize(("policy", "others"), [(SERVED, 6 * MIB), (FIXED, 2 * MIB)])
async def test_two_sessions_share_the_end(
    worker: Worker, redis: Redis, clock: Clock, policy: ChargingPolicy, others: int
) -> None:
    """Near the end a session holds half of what is left, where a fixed size leaves the other little."""
    here = Worker(redis, policy=policy)
    each = await here.subscriber(60, NUMBER)
    await here.ask(data(INITIAL, 0, mscc(10, NONE, ANY), session=b"a;1"))
    for number in range(1, 7):
        clock.goes_on(T)
        report = mscc(10, octets(8 * MIB), ANY)
        last = await here.ask(data(UPDATE, number, report, session=b"a;1"))
    assert granted(last) == [12 * MIB - others] and last.mscc[0].final_unit is None
    answer = await here.ask(data(INITIAL, 0, mscc(10, NONE, ANY), session=b"b;1"))
    assert granted(answer) == [others] and answer.mscc[0].final_unit is not None
    assert await here.money(each) == (1200, 1200)
    for session in (b"a;1", b"b;1"):
        await here.ask(data(TERMINATION, 7, mscc(10, octets(0)), session=session))
    assert await here.money(each) == (1200, 0)


async def test_a_repeat_teaches_nothing(paced: Worker, clock: Clock) -> None:
    """It is answered as before, and the next grant is as if it had not come."""
    await paced.subscriber(100_000)
    sizes = []
    for session, repeats in ((b"a;1", 0), (b"b;1", 3)):
        clock.now = NOW
        await paced.ask(data(INITIAL, 0, mscc(10, NONE, ANY), session=session))
        clock.goes_on(100)
        first = data(UPDATE, 1, mscc(10, octets(8 * MIB), ANY), session=session)
        found = granted(await paced.ask(first))
        for _ in range(repeats):
            clock.goes_on(20)
            assert granted(await paced.ask(first)) == found
        clock.now = UtcMillis(NOW + 300_000)
        then = data(UPDATE, 2, mscc(10, octets(8 * MIB), ANY), session=session)
        sizes.append((found, granted(await paced.ask(then))))
    assert sizes[0] == sizes[1] and sizes[0][0] == [15 * MIB]


async def test_another_worker_begins_again(paced: Worker, redis: Redis, clock: Clock) -> None:
    """The pace is a worker's own memory: the default, and from then on by what it sees."""
    await paced.subscriber(100_000)
    await paced.ask(data(INITIAL, 0, mscc(10, NONE, ANY)))
    clock.goes_on(1)
    answer = await paced.ask(data(UPDATE, 1, mscc(10, octets(8 * MIB), ANY)))
    assert granted(answer) == [16 * MIB * 300 // 301 * 100 // 80]
    other = Worker(redis, policy=SERVED)
    clock.goes_on(1)
    assert granted(await other.ask(data(UPDATE, 2, mscc(10, octets(8 * MIB), ANY)))) == [10 * MIB]
    clock.goes_on(100)
    assert granted(await other.ask(data(UPDATE, 3, mscc(10, octets(8 * MIB), ANY)))) == [15 * MIB]


async def test_a_call(paced: Worker) -> None:
    """Requests every minute, shorter before the end, which is where the money ends."""
    each = await paced.subscriber(60)  # five minutes
    answer = await paced.ask(voice(INITIAL, 0, mscc(None, NONE, ANY)))
    reports, spoken = [], 0
    for number in range(1, 30):
        (grant,) = granted(answer)
        assert grant is not None
        is_last = answer.mscc[0].final_unit is not None
        used = grant if is_last else grant - grant * 20 // 100
        reports.append(used)
        spoken += used
        if is_last:
            break
        answer = await paced.ask(voice(UPDATE, number, mscc(None, seconds(used), ANY)))
    assert reports[0] == 48 and spoken == 300 and max(reports) <= 60
    assert min(reports[-3:]) >= 60 // 8 and len(reports) < 16
    await paced.ask(voice(TERMINATION, 30, mscc(None, seconds(reports[-1]))))
    assert await paced.money(each) == (0, 0)
    assert CLOCK.now == NOW + 300_000
