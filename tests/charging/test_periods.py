"""When the prices of a service change, as a session sees it."""

from dataclasses import replace

import pytest

from ocs.charging.charges import single
from ocs.charging.context import new_context
from ocs.charging.periods import (
    Circumstances,
    Period,
    Stretch,
    offered,
    periods_of,
)
from ocs.charging.policy import ServicePolicy
from ocs.model import UnitKind, UtcMillis
from ocs.rating.offer import Offer
from ocs.rating.versions import Catalogues
from tests.charging.worked import (
    DATA,
    SUBSCRIBER,
    VOICE,
    catalogue,
    catalogues,
    data,
    mscc,
    seconds,
    voice,
)

MIDNIGHT = UtcMillis(1_790_881_200_000)
HOUR = 3_600_000


def around(
    started: int, at: int, tariff: str = "changing", policy: ServicePolicy = DATA
) -> Circumstances:
    """A request of a session."""
    who = replace(SUBSCRIBER, tariff=tariff)
    context = new_context(data(1, 0), policy, who, catalogue(), UtcMillis(started))
    return Circumstances(2, context, who, catalogues(), False, UtcMillis(at))


def periods(
    group: int | None, started: int, at: int, since: int | None = None
) -> tuple[list[Period], int]:
    """The periods of a service of a session."""
    known = None if since is None else UtcMillis(since)
    return periods_of(mscc(group), DATA, around(started, at), known)


def names(found: list[Period]) -> list[str]:
    """What is behind the key of each."""
    return [each.name for each in found]


def micros(offers: tuple[Offer, ...]) -> list[int]:
    """The first leg of each, the price of a MiB."""
    return [each.ways[0].legs[0].price * 2**20 // each.denominator for each in offers]


def test_no_price() -> None:
    """One period without a price, and another where the service is priced later: what now holds."""
    found, now = periods(99, MIDNIGHT, MIDNIGHT)
    assert (names(found), now, found[0].here.offers) == ([""], 0, ())
    # Rating group 12 ends at midnight.
    found, now = periods(12, MIDNIGHT + HOUR, MIDNIGHT + HOUR)
    assert (names(found), found[now].here.offers) == ([""], ())


def test_other_unit() -> None:
    """A price in another unit than the service counts is none."""
    here = around(MIDNIGHT, MIDNIGHT)
    assert offered(mscc(10), DATA, here, MIDNIGHT)
    counted = replace(DATA, unit=UnitKind.SECONDS)
    assert offered(mscc(10), counted, here, MIDNIGHT) == ()


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
    assert micros(found[index].here.offers) == [250_000 if after else 1_000_000]


def test_change_that_changes_nothing() -> None:
    """A moment at which other services get another price does not divide this one."""
    found, now = periods(13, MIDNIGHT - HOUR, MIDNIGHT + HOUR)
    assert (names(found), now) == ([""], 0)


def test_names_are_those_of_every_request() -> None:
    """Whenever it is asked, a period has one name: its running total is found again."""
    for minutes in range(-170, 170, 7):
        at = MIDNIGHT + minutes * 60_000
        found, now = periods(10, MIDNIGHT - 3 * HOUR, at)
        assert found[now].name == ("" if minutes < 0 else "~1790881200")
        assert found[now].begins <= at and (found[now].ends or at + 1) > at


def test_how_far_a_request_reaches() -> None:
    """Back to where supervision began, and as far ahead as a grant is valid: an hour of talk for 3660 s,
    supervised twice as long."""
    here = around(MIDNIGHT, MIDNIGHT)
    of_calls, of_data = here.course(mscc(10), VOICE), here.course(mscc(20), DATA)
    assert (of_calls.behind, of_calls.ahead) == (7_320_000, 3_660_000)
    assert (of_data.behind, of_data.ahead) == (7_200_000, 3_600_000)


def test_call_over_a_change_of_nothing() -> None:
    """A call that has passed a moment at which nothing changed for it still meets the next change: what was
    found over the first one is not kept beyond it."""
    here = catalogue()
    dearer = {**here.products, "worked": here.products["dearer"]}
    versions = Catalogues(
        (
            here,
            replace(here, starts=MIDNIGHT),
            replace(here, starts=UtcMillis(MIDNIGHT + 3 * HOUR), products=dearer),
        )
    )
    started = UtcMillis(MIDNIGHT - 600_000)
    context = new_context(voice(1, 0), VOICE, SUBSCRIBER, here, started)
    first = Circumstances(2, context, SUBSCRIBER, versions, False, started)
    found = single(mscc(None, None, seconds(60)), VOICE, first, 60).charges[0].ways
    assert [(way.begins, way.ends) for way in found] == [(0, 0)]
    later = replace(first, at=UtcMillis(MIDNIGHT + 4 * HOUR))
    assert later.courses is first.courses
    found = single(mscc(None, seconds(60), seconds(60)), VOICE, later, 60).charges[0].ways
    assert [(way.legs[0].price, way.begins) for way in found][-1] == (
        2 * found[0].legs[0].price,
        MIDNIGHT + 3 * HOUR,
    )


def test_cost_of_a_period() -> None:
    """Both directions together; nothing where there is no price."""
    both = offered(mscc(40), DATA, around(MIDNIGHT, MIDNIGHT, "worked"), MIDNIGHT)

    def priced(offers: tuple[Offer, ...]) -> Period:
        return Period("", MIDNIGHT, None, Stretch(MIDNIGHT, None, offers))

    assert priced(both).cost(2**20) == 1_500_000
    assert priced(()).cost(2**20) == 0
