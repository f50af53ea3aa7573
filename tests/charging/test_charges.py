"""The services of a request, and the charges that they become."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocs.charging.charges import (
    Circumstances,
    base_of,
    client_rated,
    direction,
    key_of,
    services,
    terms_of,
)
from ocs.charging.context import new_context
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import CCR, MSCC, USU, Money, Units
from ocs.model import Charge, Refusal, UnitKind, UtcMillis
from tests.charging.worked import (
    ANY,
    DATA,
    MIB,
    NONE,
    ON_NET,
    SMS,
    SUBSCRIBER,
    VOICE,
    catalogue,
    data,
    event,
    messages,
    mscc,
    octets,
    seconds,
    sms,
    voice,
)

INITIAL, UPDATE, TERMINATION = 1, 2, 3


# --- which services a request names ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        (mscc(None), "-"),
        (mscc(0), "0"),
        (mscc(10), "10"),
        (mscc(10, None, NONE, 5), "10/5"),
        (mscc(10, None, NONE, 5, 6), "10/5/6"),
        (mscc(None, None, NONE, 1000), "-/1000"),
    ],
)
def test_key(asked: MSCC, key: str) -> None:
    """Rating group and service identifiers; without both the quota is for the whole session."""
    assert key_of(asked) == key


def test_no_services() -> None:
    """A request may name none."""
    assert services(data(TERMINATION, 3), DATA) == ()


def test_services_at_command_level() -> None:
    """Units beside no MSCC are one service of the whole session."""
    ccr = replace(
        data(UPDATE, 1),
        command_rsu=ANY,
        command_usu=(USU(octets(5)), USU(octets(6))),
        command_service_identifier=4,
    )
    assert services(ccr, DATA) == (MSCC(None, (4,), ANY, (USU(octets(5)), USU(octets(6)))),)
    assert services(replace(data(INITIAL, 0), command_rsu=ANY), DATA) == (MSCC(None, (), ANY, ()),)
    assert services(replace(data(TERMINATION, 2), command_usu=(USU(octets(5)),)), DATA) == (
        MSCC(None, (), NONE, (USU(octets(5)),)),
    )


def test_a_service_named_twice_is_one() -> None:
    """Its usage is added up and its wish kept, wherever it stood; another order of others stays."""
    ccr = data(UPDATE, 1, mscc(10, octets(5), ANY), mscc(20, octets(1)), mscc(10, octets(6)))
    first, second = services(ccr, DATA)
    assert (first.rating_group, second.rating_group) == (10, 20)
    assert [each.units.octets for each in first.usu] == [5, 6]
    assert first.rsu == ANY and second.rsu is None


@pytest.mark.parametrize("suffix", ["", "<", ">", "$", "@2", "~1790881200", "<~1790881200"])
def test_base(suffix: str) -> None:
    """The service of a charge, whatever tells its charges apart."""
    for key in ("-", "10", "10/5/6", "-/1000"):
        assert base_of(key + suffix) == key


@pytest.mark.parametrize(
    ("indicator", "policy", "is_asked"),
    [
        (1, VOICE, False),
        (1, DATA, False),
        (None, DATA, False),  # a gateway opens its session before there is traffic
        (0, DATA, True),
        (None, VOICE, True),
        (0, VOICE, True),
    ],
)
def test_first_request_without_any_service(
    indicator: int | None, policy: ServicePolicy, is_asked: bool
) -> None:
    """The server's choice for the whole session, unless services are announced to follow."""
    ccr = replace(voice(INITIAL, 0), multiple_services=indicator)
    assert services(ccr, policy) == ((MSCC(),) if is_asked else ())
    for kind in (UPDATE, TERMINATION):
        assert services(replace(ccr, request_type=kind), policy) == ()


@pytest.mark.parametrize(
    ("ccr", "count"),
    [
        (event(0), 1),
        (event(0, mscc(None, None, ANY)), 1),
        (event(0, mscc(None, None, messages(0))), 1),
        (replace(event(0), messages=3), 3),
        (replace(event(0), recipients=(ON_NET,) * 4), 4),
        (replace(event(0), recipients=(ON_NET,) * 4, messages=3), 12),
        (replace(event(0), command_rsu=messages(5), messages=3), 5),
        (sms(INITIAL, 0, mscc(None)), 1),
        (replace(sms(INITIAL, 0), messages=2), 2),
    ],
)
def test_messages(ccr: CCR, count: int) -> None:
    """Every message to every recipient, unless the client says how many; else one."""
    (only,) = services(ccr, SMS)
    assert only.rsu == messages(count)


def test_report_of_messages_is_left_alone() -> None:
    """What was sent is what the report says."""
    (only,) = services(sms(TERMINATION, 1, mscc(None, messages(0))), SMS)
    assert (only.usu, only.rsu) == ((USU(messages(0)),), None)
    (only,) = services(sms(INITIAL, 0, mscc(None, messages(2))), SMS)
    assert only.rsu is None


# --- what the client has rated ------------------------------------------------------------------------


def tenge(amount: int) -> Units:
    """CC-Money."""
    return Units(money=Money(amount, 0, 398))


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
    made = client_rated(asked, asked.rsu is not None, is_denied=False)
    assert (made.key, made.unit) == ("10$", UnitKind.MONEY)
    assert (made.used, made.requested) == expected
    assert (made.rounding.quantum, made.denominator) == (1, 1)
    assert (made.legs[0].step, made.legs[0].price) == (1, 1)


def test_barred_money() -> None:
    """A wish is denied, a report is not."""
    assert client_rated(mscc(1, None, tenge(1)), True, is_denied=True).refusal is Refusal.DENIED
    assert client_rated(mscc(1, tenge(1)), False, is_denied=True).refusal is Refusal.NONE


# --- directions and periods ---------------------------------------------------------------------------

MIDNIGHT = UtcMillis(1_790_881_200_000)
HOUR = 3_600_000


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
    """The charges of one service of a session, at a moment."""
    first = voice(INITIAL, 0) if policy.unit is UnitKind.SECONDS else data(INITIAL, 0)
    who = replace(SUBSCRIBER, tariff=tariff)
    context = new_context(first, policy, who, catalogue(), UtcMillis(started))
    around = Circumstances(kind, context, catalogue(), False, UtcMillis(at))
    return terms_of(asked, policy, around, None if since is None else UtcMillis(since)).charges


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


@pytest.mark.parametrize(
    ("after", "used", "expected"),
    [
        (30, 60, [("-/1", 30, None), ("-/1~1790881200", 30, 60)]),
        (90, 60, [("-/1", None, None), ("-/1~1790881200", 60, 60)]),
        (0, 60, [("-/1", 60, None), ("-/1~1790881200", 0, 60)]),
        (30, 0, [("-/1", None, None), ("-/1~1790881200", 0, 60)]),
    ],
)
def test_clock_divides_time(
    after: int, used: int, expected: list[tuple[str, int | None, int | None]]
) -> None:
    """Seconds after the change: what passed since, of what is reported."""
    asked = mscc(None, seconds(used), ANY, 1)
    made = charges(asked, MIDNIGHT + after * 1000, policy=VOICE)
    assert shape(made) == expected


def test_time_that_may_go_over_the_change() -> None:
    """Reserved at the dearer price, which here is the one before: 12.00 a minute."""
    made = charges(mscc(None, None, ANY, 1), MIDNIGHT - 30_000, policy=VOICE)
    assert shape(made) == [("-/1", None, 60), ("-/1~1790881200", None, None)]
    assert made[0].legs[0].price == 200_000 * made[0].denominator


@pytest.mark.parametrize(("left", "wanted"), [(90_000, 60), (60_000, 60), (30_999, 30), (500, 1)])
def test_time_is_granted_up_to_where_its_price_ends(left: int, wanted: int) -> None:
    """Beyond it nobody knows what a second costs."""
    made = charges(mscc(None, None, ANY, 1), MIDNIGHT - left, policy=VOICE, tariff="ending")
    assert [each.requested for each in made if each.legs] == [wanted]


def test_clients_mark_after_by_a_clock_that_is_ahead() -> None:
    """Usage after the change is priced so, though it is not midnight here yet."""
    ahead = MSCC(10, (), ANY, (USU(octets(5), None, 0), USU(octets(7), None, 1)))
    made = charges(ahead, MIDNIGHT - 1000, policy=SPLITTING)
    assert shape(made) == [("10", 5, 100 * MIB), (AFTER, 7, None)]


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
    made = charges(
        mscc(None, seconds(used), NONE, 1),
        MIDNIGHT + minutes * 60_000,
        started=MIDNIGHT - 3 * HOUR,
        since=None if since is None else MIDNIGHT + since * 60_000,
        policy=VOICE,
    )
    assert sum(each.used or 0 for each in made) == used


@given(st.none() | st.integers(0, 2**40), st.none() | st.integers(0, 2**40), st.integers(0, 2**40))
def test_every_octet_has_a_direction(inward: int | None, outward: int | None, more: int) -> None:
    """What no direction names is of one of them; a total that is too small takes nothing away."""
    total = (inward or 0) + (outward or 0) + more
    units = Units(total_octets=total, input_octets=inward, output_octets=outward)
    for cheaper in (True, False):
        both = direction(units, "input", cheaper) + direction(units, "output", not cheaper)
        assert both == total
