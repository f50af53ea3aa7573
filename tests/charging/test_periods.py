"""When the prices of a service change, as a session sees it."""

from dataclasses import replace

import pytest

from ocs.charging.context import new_context
from ocs.charging.periods import Period, periods_of, prices_at
from ocs.charging.policy import ServicePolicy
from ocs.model import Price, UnitKind, UtcMillis
from tests.charging.worked import DATA, SMS, SUBSCRIBER, VOICE, catalogue, data, mscc, sms, voice

MIDNIGHT = UtcMillis(1_790_881_200_000)
HOUR = 3_600_000


def periods(
    group: int | None, started: int, at: int, since: int | None = None, policy: ServicePolicy = DATA
) -> tuple[list[Period], int]:
    """The periods of a service of a session."""
    first = {"data": data(1, 0), "voice": voice(1, 0), "sms": sms(1, 0)}[policy.name]
    who = replace(SUBSCRIBER, tariff="changing")
    context = new_context(first, policy, who, catalogue(), UtcMillis(started))
    known = None if since is None else UtcMillis(since)
    return periods_of(mscc(group), policy, context, catalogue(), UtcMillis(at), known)


def names(found: list[Period]) -> list[str]:
    """What is behind the key of each."""
    return [each.name for each in found]


def micros(prices: tuple[Price, ...]) -> list[int]:
    """The first leg of each, a unit's price in 2^20ths."""
    return [each.legs[0].price * 2**20 // each.denominator for each in prices]


def test_no_price() -> None:
    """One period without a price, and another where the service is priced later: what now holds."""
    found, now = periods(99, MIDNIGHT, MIDNIGHT)
    assert (names(found), now, found[0].prices) == ([""], 0, ())
    # Rating group 12 ends at midnight.
    found, now = periods(12, MIDNIGHT + HOUR, MIDNIGHT + HOUR)
    assert (names(found), found[now].prices) == ([""], ())


def test_other_unit() -> None:
    """A price in another unit than the service counts is none."""
    context = new_context(data(1, 0), DATA, SUBSCRIBER, catalogue(), MIDNIGHT)
    assert prices_at(mscc(10), DATA, context, catalogue(), MIDNIGHT)
    counted = replace(DATA, unit=UnitKind.SECONDS)
    assert prices_at(mscc(10), counted, context, catalogue(), MIDNIGHT) == ()


@pytest.mark.parametrize(
    ("started", "at", "since", "expected", "now"),
    [
        (-9, -5, None, [""], 0),  # too early for the change to matter
        (-9, -0.5, None, ["", "~1790881200"], 0),  # quota given now may be used after it
        (-9, 0, None, ["", "~1790881200"], 1),
        (-9, 1, None, ["", "~1790881200"], 1),  # quota given before may be reported now
        (-9, 1, 0.5, ["~1790881200"], 0),  # but this service was answered since
        (-9, 1, -0.5, ["", "~1790881200"], 1),
        (-9, 3, None, ["~1790881200"], 0),  # nobody comes so late: supervision is two hours
        (-9, 3, -8, ["~1790881200"], 0),
        (0.1, 1, None, [""], 0),  # it began after the change
        (2, 1, None, [""], 0),  # a clock that goes back behind the start
    ],
)
def test_around_the_change(
    started: float, at: float, since: float | None, expected: list[str], now: int
) -> None:
    """Hours from midnight; Validity-Time is an hour."""
    hours = [
        None if each is None else MIDNIGHT + round(each * HOUR) for each in (started, at, since)
    ]
    assert hours[0] is not None and hours[1] is not None
    found, index = periods(10, hours[0], hours[1], hours[2])
    assert (names(found), index) == (expected, now)
    after = max(hours[0], hours[1]) >= MIDNIGHT
    assert micros(found[index].prices) == [250_000 if after else 1_000_000]


def test_change_that_changes_nothing() -> None:
    """A moment at which other services get another price does not divide this one."""
    found, now = periods(13, MIDNIGHT - HOUR, MIDNIGHT + HOUR)
    assert (names(found), now) == ([""], 0)


def test_names_are_those_of_every_request() -> None:
    """Whenever it is asked, a period has one name: its running total is found again."""
    for minutes in range(-170, 170, 7):
        at = MIDNIGHT + minutes * 60_000
        found, now = periods(10, MIDNIGHT - 3 * HOUR, at, policy=DATA)
        assert found[now].name == ("" if minutes < 0 else "~1790881200")
        assert found[now].begins <= at and (found[now].ends or at + 1) > at


def test_messages_cost_what_they_did_when_they_were_sent() -> None:
    """One period, whatever changes before the report."""
    found, now = periods(None, MIDNIGHT - HOUR, MIDNIGHT + HOUR, policy=SMS)
    assert (len(found), now, found[0].ends) == (1, 0, None)


def test_time_looks_as_far_as_a_grant_reaches() -> None:
    """An hour of talk may be granted, so a change within the hour matters."""
    assert names(periods(None, MIDNIGHT - HOUR, MIDNIGHT - HOUR, policy=VOICE)[0]) == [
        "",
        "~1790881200",
    ]
    early = MIDNIGHT - HOUR - 61_000
    assert names(periods(None, early, early, policy=VOICE)[0]) == [""]


def test_cost_of_a_period() -> None:
    """Both directions together; nothing where there is no price."""
    context = new_context(data(1, 0), DATA, SUBSCRIBER, catalogue(), MIDNIGHT)
    both = prices_at(mscc(40), DATA, context, catalogue(), MIDNIGHT)
    assert Period("", MIDNIGHT, None, both).cost(2**20) == 1_500_000
    assert Period("", MIDNIGHT, None, ()).cost(2**20) == 0
