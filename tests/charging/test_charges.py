"""The charges that the services of a request become."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from ocs.charging import periods
from ocs.charging.charges import Terms
from ocs.charging.context import new_context
from ocs.charging.grants import sized
from ocs.charging.periods import Circumstances
from ocs.charging.policy import ServicePolicy
from ocs.charging.services import is_wished
from ocs.charging.terms import Octets, direction, terms_of
from ocs.diameter.credit_control import MSCC, USU, Money, Units
from ocs.model import (
    Charge,
    Draw,
    Leg,
    Price,
    Refusal,
    Rounding,
    Source,
    UnitKind,
    UtcMillis,
    Way,
)
from ocs.rating.offer import Offer
from ocs.rating.price import MAX_UNITS
from tests.charging.worked import (
    ANY,
    DATA,
    MIB,
    NONE,
    SMS,
    SUBSCRIBER,
    VOICE,
    catalogue,
    catalogues,
    data,
    messages,
    mscc,
    octets,
    seconds,
    sms,
    voice,
)

INITIAL, UPDATE, TERMINATION = 1, 2, 3
MIDNIGHT = UtcMillis(1_790_881_200_000)
HOUR = 3_600_000


# --- the plain case -----------------------------------------------------------------------------------

AMOUNTS = st.none() | st.integers(0, 2 * MIB)
GROUPS = st.builds(Units, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)


@given(
    st.none() | GROUPS,
    st.lists(st.builds(USU, GROUPS, st.none(), st.sampled_from([None, 0, 1])), max_size=2),
    st.none() | st.integers(0, 2**40),
    st.integers(-60_000, 5 * HOUR),
    st.sampled_from([INITIAL, UPDATE, TERMINATION]),
    st.booleans(),
)
def test_fewer_steps_come_to_the_same_terms(
    rsu: Units | None, usu: list[USU], wish: int | None, passed: int, kind: int, is_denied: bool
) -> None:
    """One period with one offer: what the short way says is what the long way would say."""
    asked = MSCC(10, (), rsu, tuple(usu))
    context = new_context(data(INITIAL, 0), DATA, SUBSCRIBER, catalogue(), MIDNIGHT)
    at = UtcMillis(MIDNIGHT + passed)
    around = Circumstances(kind, context, SUBSCRIBER, catalogues(), is_denied, at)
    octets = Octets(asked, DATA, around, None)
    assert octets.is_plain
    assert octets.plain(wish) == octets.by_period(wish)


# --- what the client has rated ------------------------------------------------------------------------


def tenge(amount: int) -> Units:
    """CC-Money."""
    return Units(money=Money(amount, 0, 398))


def wish_of(asked: MSCC, policy: ServicePolicy, kind: int) -> int | None:
    """What a service should have: what its client names, or the default."""
    size, _ = sized(asked, policy, None, MIDNIGHT)
    return size if is_wished(asked, kind) else None


def client_rated(asked: MSCC, *, is_denied: bool = False) -> Charge:
    """Its charge."""
    context = new_context(data(INITIAL, 0), DATA, SUBSCRIBER, catalogue(), MIDNIGHT)
    around = Circumstances(UPDATE, context, SUBSCRIBER, catalogues(), is_denied, MIDNIGHT)
    (made,) = terms_of(asked, DATA, around, None, wish_of(asked, DATA, UPDATE)).charges
    return made


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (mscc(10, None, tenge(3)), (None, 3_000_000)),
        (mscc(10, tenge(2), tenge(3)), (2_000_000, 3_000_000)),
        (mscc(10, tenge(2), ANY), (2_000_000, 2_000_000)),  # the server's choice: as much again
        (mscc(10, tenge(2)), (2_000_000, None)),
        (mscc(10, None, tenge(0)), (None, None)),
    ],
)
def test_money_costs_what_it_says(asked: MSCC, expected: tuple[int | None, int | None]) -> None:
    """A micro is a unit that costs one; nothing is rounded."""
    made = client_rated(asked)
    assert (made.key, made.unit) == ("10$", UnitKind.MONEY)
    assert (made.used, made.requested) == expected
    assert (made.rounding.quantum, made.denominator) == (1, 1)
    (way,) = made.ways
    assert (way.legs[0].step, way.legs[0].price, way.sources) == (1, 1, ("main",))


def test_barred_money() -> None:
    """A wish is denied, a report is not."""
    assert client_rated(mscc(1, None, tenge(1)), is_denied=True).refusal is Refusal.DENIED
    assert client_rated(mscc(1, tenge(1)), is_denied=True).refusal is Refusal.NONE


# --- directions and periods ---------------------------------------------------------------------------


def terms(
    asked: MSCC,
    at: int,
    *,
    started: int = MIDNIGHT - HOUR,
    since: int | None = None,
    policy: ServicePolicy = DATA,
    kind: int = UPDATE,
    tariff: str = "changing",
) -> Terms:
    """One service of a session, at a moment."""
    first = {"data": data, "voice": voice, "sms": sms}[policy.name](INITIAL, 0)
    who = replace(SUBSCRIBER, tariff=tariff)
    context = new_context(first, policy, who, catalogue(), UtcMillis(started))
    around = Circumstances(kind, context, who, catalogues(), False, UtcMillis(at))
    answered = None if since is None else UtcMillis(since)
    return terms_of(asked, policy, around, answered, wish_of(asked, policy, kind))


def charges(
    asked: MSCC,
    at: int,
    *,
    started: int = MIDNIGHT - HOUR,
    since: int | None = None,
    policy: ServicePolicy = DATA,
    kind: int = UPDATE,
    tariff: str = "changing",
) -> tuple[Charge, ...]:
    """Its charges."""
    return terms(
        asked, at, started=started, since=since, policy=policy, kind=kind, tariff=tariff
    ).charges


def shape(made: tuple[Charge, ...]) -> list[tuple[str, int | None, int | None]]:
    """Key, report and wish of each."""
    return [(each.key, each.used, each.requested) for each in made]


AFTER = "10~1790881200"
SPLITTING = replace(DATA, tells_tariff_change=True)


@pytest.mark.parametrize(
    ("minutes", "asked", "expected"),
    [
        # Far from the change there is one charge, before it without a name.
        (-61, mscc(10, octets(5), octets(MIB)), [("10", 5, MIB)]),
        (121, mscc(10, octets(5), octets(MIB)), [(AFTER, 5, MIB)]),
        # Around it both, so that what is held on the other side is given back.
        (-30, mscc(10, octets(5), octets(MIB)), [("10", 5, MIB), (AFTER, None, None)]),
        (30, mscc(10, octets(5), octets(MIB)), [("10", None, None), (AFTER, 5, MIB)]),
        (-30, mscc(10, octets(5)), [("10", 5, None), (AFTER, None, None)]),
        # The dearer side has the quota.
        (
            -30,
            mscc(11, octets(5), octets(MIB)),
            [("11", 5, None), ("11~1790881200", None, MIB)],
        ),
        (
            30,
            mscc(11, octets(5 * MIB), octets(MIB)),
            [("11", 5 * MIB, None), ("11~1790881200", 0, MIB)],
        ),
    ],
)
def test_periods_of_a_service(
    minutes: int, asked: MSCC, expected: list[tuple[str, int | None, int | None]]
) -> None:
    """Where usage lies and quota is held around a change, seen by a worker that knows no earlier answer."""
    at = MIDNIGHT + minutes * 60_000
    made = charges(asked, at, started=MIDNIGHT - 3 * HOUR, policy=SPLITTING)
    assert shape(made) == expected


def test_worker_that_answered_since_the_change() -> None:
    """The report lies after it, though the session began before."""
    made = charges(mscc(11, octets(5), ANY), MIDNIGHT + 2000_000, since=MIDNIGHT + 1000_000)
    assert shape(made) == [("11~1790881200", 5, 100 * MIB)]


def test_first_request_beside_a_change() -> None:
    """Nothing is held yet on either side: one charge."""
    at = MIDNIGHT - 60_000
    made = charges(mscc(10, None, ANY), at, started=at, kind=INITIAL, policy=SPLITTING)
    assert shape(made) == [("10", None, 100 * MIB)]


def test_price_that_ended_without_another() -> None:
    """Usage before is priced, the wish is refused for want of a price."""
    marked = MSCC(12, (), ANY, (USU(octets(5), None, 0),))
    made = charges(marked, MIDNIGHT + 60_000)
    assert shape(made) == [("12", 5, None), ("12~1790881200", 0, 100 * MIB)]
    assert [each.refusal for each in made] == [Refusal.NONE, Refusal.RATING_FAILED]


@pytest.mark.parametrize(("after", "used"), [(30, 60), (90, 60), (0, 60), (30, 0)])
def test_clock_divides_time(after: int, used: int) -> None:
    """One charge whose ways say when they serve: 12.00 a minute before midnight, 6.00 from then on."""
    (made,) = charges(
        mscc(None, seconds(used), ANY, 1), MIDNIGHT + after * 1000, policy=VOICE, kind=UPDATE
    )
    assert (made.key, made.used, made.requested, made.used_at) == ("-/1", used, 60, 0)
    prices = [each.legs[0].price // made.denominator for each in made.ways]
    assert prices == [200_000, 100_000]
    assert made.ways[0].ends == made.ways[1].begins == MIDNIGHT
    assert made.unit is UnitKind.SECONDS


def test_time_has_windows_as_far_as_a_grant_reaches() -> None:
    """An hour of talk may be granted, so a price that begins within the hour is there."""
    for before, count in ((HOUR, 2), (HOUR + 61_000, 1)):
        early = MIDNIGHT - before
        (made,) = charges(mscc(None, None, ANY, 1), early, started=early, policy=VOICE)
        assert len(made.ways) == count


def test_time_without_a_price_any_more() -> None:
    """What was used while there was one is charged; nothing serves afterwards."""
    asked = mscc(None, seconds(40), ANY, 1)
    (made,) = charges(asked, MIDNIGHT + 10_000, policy=VOICE, tariff="ending")
    assert [each.ends for each in made.ways] == [MIDNIGHT]
    assert (made.used, made.requested) == (40, 60)


def test_messages_are_paid_as_when_they_were_sent() -> None:
    """Whatever changes before the report: the first request's moment says how."""
    started = MIDNIGHT - HOUR
    (made,) = charges(
        mscc(None, messages(1)),
        MIDNIGHT + HOUR,
        started=started,
        policy=SMS,
        kind=TERMINATION,
        tariff="worked",
    )
    assert (made.used, made.requested, made.used_at) == (1, None, started)


def test_clients_mark_after_by_a_clock_that_is_ahead() -> None:
    """Usage after the change is priced so, though it is not midnight here yet."""
    ahead = MSCC(10, (), ANY, (USU(octets(5), None, 0), USU(octets(7), None, 1)))
    made = charges(ahead, MIDNIGHT - 1000, policy=SPLITTING)
    assert shape(made) == [("10", 5, 100 * MIB), (AFTER, 7, None)]


# --- a bucket that ends -------------------------------------------------------------------------------

SPANS = (
    Way("b.7.volume.0", (Leg(0, MAX_UNITS, 1, 0),), (), (Draw("7.volume", 1, 1),)),
    Way("p.0.0", (Leg(0, MAX_UNITS, 1, 3),)),
)
MONEY = Source("main")


def with_bucket(monkeypatch: pytest.MonkeyPatch, ends: int, priced_over: int = 2) -> None:
    """One price, and before it a bucket until a moment; afterwards over another denominator."""
    price = Price(UnitKind.OCTETS, Rounding(), 2, SPANS[1].legs, "data", limit=9, least=7, most=8)

    def offers(*_: object, at: UtcMillis, **__: object) -> tuple[Offer, ...]:
        if at < ends:
            both = (Source("7.volume"), MONEY)
            return (Offer(price, 2, SPANS, both, "v|data|0/1", UtcMillis(ends)),)
        return (Offer(price, priced_over, SPANS[1:], (MONEY,), "v|data|0/1"),)

    monkeypatch.setattr(periods, "offers", offers)


@pytest.mark.parametrize(
    ("seconds_left", "validity"), [(3601, 3600), (3600, 3600), (1800, 1800), (0.5, 1)]
)
def test_grant_is_valid_until_the_bucket_ends(
    monkeypatch: pytest.MonkeyPatch, seconds_left: float, validity: int
) -> None:
    """So that what was drawn is reported then; the price has not changed, the event goes on."""
    with_bucket(monkeypatch, MIDNIGHT)
    made = terms(mscc(10, octets(5), ANY), MIDNIGHT - round(seconds_left * 1000))
    (charge,) = made.charges
    assert (charge.key, charge.ways, charge.used_at) == ("10", SPANS, 0)
    assert (made.validity_seconds, made.tariff_time_change) == (validity, None)
    assert {each.name for each in made.sources} == {"7.volume", "main"}
    assert (charge.limit, charge.least, charge.most, charge.note) == (9, 7, 8, "v|data|0/1")


def test_report_just_after_the_bucket_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was used was used before; what is granted is paid as it is now: each way in its time."""
    with_bucket(monkeypatch, MIDNIGHT, priced_over=4)
    made = terms(mscc(10, octets(5), ANY), MIDNIGHT + 60_000)
    (charge,) = made.charges
    assert (charge.key, charge.used, charge.used_at) == ("10", 5, MIDNIGHT - 1)
    windows = [(each.name, each.begins, each.ends) for each in charge.ways]
    assert windows == [
        ("b.7.volume.0", 0, MIDNIGHT),
        ("p.0.0", 0, MIDNIGHT),
        ("p.0.0", MIDNIGHT, 0),
    ]
    # 3 over 2 is 6 over 4; what was over 4 stays.
    assert [each.legs[0].price for each in charge.ways] == [0, 6, 3]
    assert charge.denominator == 4
    assert {each.name for each in made.sources} == {"7.volume", "main"}


@pytest.mark.parametrize(
    ("used", "after", "since"),
    [
        (None, 60_000, None),
        (octets(5), 60_001, None),
        (octets(5), HOUR, -1000),
        (octets(5), 60_000, 0),
    ],
)
def test_request_after_the_bucket_ended(
    monkeypatch: pytest.MonkeyPatch, used: Units | None, after: int, since: int | None
) -> None:
    """Without a report, or long after, or once answered since: paid as it is now."""
    with_bucket(monkeypatch, MIDNIGHT)
    known = None if since is None else MIDNIGHT + since
    made = terms(mscc(10, used, ANY), MIDNIGHT + after, since=known)
    (charge,) = made.charges
    assert (charge.ways, charge.used_at) == (SPANS[1:], 0)
    assert made.validity_seconds == 3600


def test_usage_before_a_change_of_price_is_paid_as_it_was_then() -> None:
    """The last moment of the period says which buckets there were."""
    made = charges(mscc(10, octets(5), ANY), MIDNIGHT + 30_000)
    assert [(each.key, each.used, each.used_at) for each in made] == [
        ("10", 5, MIDNIGHT - 1),
        (AFTER, 0, 0),
    ]


def test_reports_around_a_change_are_not_measured_against_a_grant() -> None:
    """The grant may be the other charge's; alone, a charge says that it counts octets."""
    two = charges(mscc(10, octets(5), ANY), MIDNIGHT + 60_000)
    assert [each.unit for each in two] == [UnitKind.EVENTS, UnitKind.EVENTS]
    (one,) = charges(mscc(10, octets(5), ANY), MIDNIGHT + 5 * HOUR)
    assert one.unit is UnitKind.OCTETS


@pytest.mark.parametrize(
    ("units", "inward", "outward"),
    [
        (Units(input_octets=3, output_octets=4), 3, 4),
        (Units(total_octets=7, input_octets=3, output_octets=4), 3, 4),
        (Units(total_octets=9, input_octets=3, output_octets=4), 3, 6),
        (octets(9), 0, 9),
        (Units(total_octets=9, input_octets=3), 3, 6),
        (Units(total_octets=1, input_octets=3), 3, 0),
        (Units(), 0, 0),
    ],
)
def test_direction(units: Units, inward: int, outward: int) -> None:
    """Each direction has its own; what is not told apart goes to the cheaper, here the outward one."""
    assert direction(units, "input", takes_rest=False) == inward
    assert direction(units, "output", takes_rest=True) == outward


@pytest.mark.parametrize(
    ("rsu", "expected"),
    [
        (ANY, [("40<", None, 50 * MIB), ("40>", None, 50 * MIB)]),
        (octets(20 * MIB), [("40<", None, 10 * MIB), ("40>", None, 10 * MIB)]),
        (
            Units(input_octets=MIB, output_octets=2 * MIB),
            [("40<", None, MIB), ("40>", None, 2 * MIB)],
        ),
        (NONE, [("40<", None, None), ("40>", None, None)]),
    ],
)
def test_wish_for_directions(
    rsu: Units | None, expected: list[tuple[str, int | None, int | None]]
) -> None:
    """Each its own amount, or half of the whole."""
    assert shape(charges(mscc(40, None, rsu), MIDNIGHT, tariff="worked")) == expected


# --- nothing is lost ----------------------------------------------------------------------------------

MINUTES = st.integers(-170, 170)
MARKS = st.sampled_from([None, 0, 1, 2])


@given(
    st.lists(st.tuples(MARKS, st.integers(0, 2**40)), min_size=1, max_size=4),
    MINUTES,
    st.none() | MINUTES,
    st.sampled_from([10, 11, 12, 13, 40, 99]),
    st.booleans(),
)
def test_every_octet_is_in_one_charge(
    reports: list[tuple[int | None, int]],
    minutes: int,
    since: int | None,
    group: int,
    is_splitting: bool,
) -> None:
    """Whatever the marks, the moment and the worker's memory: the charges' sum is what was reported."""
    asked = MSCC(group, (), ANY, tuple(USU(octets(amount), None, mark) for mark, amount in reports))
    made = charges(
        asked,
        MIDNIGHT + minutes * 60_000,
        started=MIDNIGHT - 3 * HOUR,
        since=None if since is None else MIDNIGHT + since * 60_000,
        policy=SPLITTING if is_splitting else DATA,
        tariff="worked" if group == 40 else "changing",
    )
    assert sum(each.used or 0 for each in made) == sum(amount for _, amount in reports)
    assert len({each.key for each in made}) == len(made)
    wishes = [each for each in made if each.requested is not None]
    assert len(wishes) == (2 if group == 40 else 1)


@given(st.integers(0, 10**6), MINUTES, st.none() | MINUTES)
def test_every_second_is_in_one_charge(used: int, minutes: int, since: int | None) -> None:
    """The clock divides, it takes nothing away."""
    (made,) = charges(
        mscc(None, seconds(used), NONE, 1),
        MIDNIGHT + minutes * 60_000,
        started=MIDNIGHT - 3 * HOUR,
        since=None if since is None else MIDNIGHT + since * 60_000,
        policy=VOICE,
    )
    assert made.used == used


@given(st.none() | st.integers(0, 2**40), st.none() | st.integers(0, 2**40), st.integers(0, 2**40))
def test_every_octet_has_a_direction(inward: int | None, outward: int | None, more: int) -> None:
    """What no direction names is of one of them; a total that is too small takes nothing away."""
    total = (inward or 0) + (outward or 0) + more
    units = Units(total_octets=total, input_octets=inward, output_octets=outward)
    for cheaper in (True, False):
        both = direction(units, "input", cheaper) + direction(units, "output", not cheaper)
        assert both == total
