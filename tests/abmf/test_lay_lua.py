"""The store's laying of units on ways: cases by hand, and against the rating function's own."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from redis import Redis as SyncRedis

from ocs.abmf.calls import plan_arguments
from ocs.abmf.library import FOLDER
from ocs.model import (
    Charge,
    Draw,
    Leg,
    Rounding,
    RoundingMode,
    Source,
    UnitKind,
    UtcMillis,
    Way,
)
from ocs.rating.lay import Laid, lay
from tests.support.plans import plan, subscriber

LIBRARIES = ("common", "balances", "money", "state", "view", "reach", "take", "lay", "parse")
SCRIPT = (
    "\n".join((FOLDER / "lib" / f"{name}.lua").read_text() for name in LIBRARIES)
    + """
local charges, sources = parse_charges(ARGV, 1)
local charge, price = charges[1], charges[1].price
local state = state_of(price, KEYS[1], tonumber(KEYS[2]), tonumber(KEYS[3]))
local free, units, at = read_amounts(KEYS[4]), tonumber(KEYS[5]), tonumber(KEYS[6])
local is_grant = KEYS[7] == '1'
free.main = free.main or 0
if not is_grant then at = (charge.used_at > 0 and charge.used_at or at) - units * price.tick end
local laid = lay(price, state, free, units, at, is_grant and 'grant' or 'used', sources.floor)
return {laid, text(state.booked), packed_amounts(state.taken), packed_parts(price, state)}
"""
)
MINUTE = 60_000


@dataclass(frozen=True)
class Found:
    """What the store's function says."""

    laid: int
    booked: int
    taken: dict[str, int]
    parts: tuple[tuple[str, int], ...]


def amounts_of(packed: bytes) -> dict[str, int]:
    """`name amount;...` as a dictionary; a number alone is main money."""
    if packed.isdigit():
        return {"main": int(packed)} if int(packed) else {}
    pairs = [each.split(" ") for each in packed.decode().split(";") if " " in each]
    return {name: int(amount) for name, amount, *_ in pairs}


def in_the_store(
    url: str,
    charge: Charge,
    units: int,
    free: Mapping[str, int],
    *,
    at: int = 100 * MINUTE,
    is_grant: bool = False,
    state: Laid | None = None,
) -> Found:
    """Lay units by the Lua libraries alone."""
    names = dict.fromkeys([one for way in charge.ways for one in way.sources])
    names.update(dict.fromkeys(draw.source for way in charge.ways for draw in way.draws))
    made = plan(subscriber(), "U", 1, charge, sources=tuple(map(Source, names)))
    state = state or Laid()
    parts = ";".join(f"{name} {used} 0 0 1" for name, used in state.parts)
    kept = ";".join(f"{name} {amount}" for name, amount in free.items())
    keys = [parts, sum(n for _, n in state.parts), state.booked, kept, units, at, int(is_grant)]
    with SyncRedis.from_url(url) as client:
        found = client.eval(SCRIPT, len(keys), *keys, *plan_arguments(made, 0)[15:])
    laid, booked, taken, after = found
    return Found(laid, int(booked), amounts_of(taken), tuple(amounts_of(after).items()))


def event(*ways: Way, unit: UnitKind = UnitKind.SECONDS, **more: object) -> Charge:
    """A charge of whole micros, without rounding."""
    made: dict[str, object] = {"rounding": Rounding(quantum=1), "unit": unit, **more}
    return Charge("1", None, None, ways=ways, **made)  # type: ignore[arg-type]  # of all sorts


def priced(
    name: str = "p.t.1", price: int = 1, step: int = 1, end: int = 2**40, **more: object
) -> Way:
    """A way that costs so much a step."""
    return Way(name, (Leg(0, end, step, price),), **more)  # type: ignore[arg-type]  # of all sorts


def bucket(name: str = "b.7", source: str = "7.min", step: int = 1, **more: object) -> Way:
    """A way that costs a unit of a bucket for each begun step."""
    made: dict[str, object] = {"draws": (Draw(source, step, 1),), **more}
    return Way(name, (Leg(0, 2**40, 1, 0),), **made)  # type: ignore[arg-type]  # of all sorts


# --- ways that are not taken -----------------------------------------------------------------------


def test_without_a_way_nothing_is_laid(store_url: str) -> None:
    """There is no price."""
    assert in_the_store(store_url, event(), 5, {"main": 9}) == Found(0, 0, {}, ())


def test_a_way_that_stops_is_not_passed_over(store_url: str) -> None:
    """3 units for 3; the way behind it is not looked at. With stops off it takes the other two."""
    owed = priced("o.1", 1, sources=("owed",))
    for stops, laid, taken in ((True, 3, {"main": 3}), (False, 5, {"main": 3, "owed": 2})):
        charge = event(priced(stops=stops), owed)
        found = in_the_store(store_url, charge, 5, {"main": 3, "owed": 100})
        assert (found.laid, found.taken) == (laid, taken)


def test_a_way_that_needs_money_to_be_entered(store_url: str) -> None:
    """Below it is passed over; once entered, also by a grant of which nothing was used, it serves."""
    charge = event(bucket(needs=10), priced())
    free = {"main": 9, "7.min": 5}
    assert in_the_store(store_url, charge, 2, free).taken == {"main": 2}
    assert in_the_store(store_url, charge, 2, {**free, "main": 10}).taken == {"7.min": 2}
    entered = Laid((("b.7", 0),), 0)
    assert in_the_store(store_url, charge, 2, free, state=entered).taken == {"7.min": 2}


def test_a_floor_of_free_units(store_url: str) -> None:
    """The first 5 are free, but who cannot pay the sixth is granted none; what was used is used."""
    charge = event(Way("p.1", (Leg(0, 5, 1, 0), Leg(5, 100, 1, 7)), floor=6))
    assert in_the_store(store_url, charge, 4, {"main": 6}, is_grant=True).laid == 0
    assert in_the_store(store_url, charge, 4, {"main": 7}, is_grant=True).laid == 4
    assert in_the_store(store_url, charge, 4, {"main": 0}).laid == 4


def test_a_grant_does_not_go_on_into_a_way_that_is_apart(store_url: str) -> None:
    """It ends where the bucket does; the next one is all on the other way."""
    charge = event(bucket(), Way("slow.1", (Leg(0, 2**40, 1, 0),), is_apart=True))
    found = in_the_store(store_url, charge, 9, {"7.min": 4}, is_grant=True)
    assert found.parts == (("b.7", 4),)
    after = Laid((("b.7", 4),), 0)
    found = in_the_store(store_url, charge, 9, {"7.min": 0}, is_grant=True, state=after)
    assert found.parts == (("b.7", 4), ("slow.1", 9))
    used = in_the_store(store_url, charge, 9, {"7.min": 4})
    assert used.parts == (("b.7", 4), ("slow.1", 5))


def test_the_limit_of_an_event_holds_for_grants(store_url: str) -> None:
    """10 units whoever pays them; 4 are used, so that 6 are left. What was used counts all the same."""
    charge = event(bucket(), priced(), limit=10)
    state, free = Laid((("b.7", 4),), 0), {"7.min": 2, "main": 100}
    found = in_the_store(store_url, charge, 50, free, is_grant=True, state=state)
    assert found.parts == (("b.7", 6), ("p.t.1", 4))
    assert in_the_store(store_url, charge, 50, free, state=state).laid == 50


def test_nothing_goes_below_a_debt(store_url: str) -> None:
    """A balance that is below its floor already gives nothing, and takes nothing from the others."""
    charge = event(priced(sources=("7.kzt", "main")))
    assert in_the_store(store_url, charge, 9, {"7.kzt": -5, "main": 3}).taken == {"main": 3}


# --- ways that are taken ---------------------------------------------------------------------------


def test_a_bucket_then_money(store_url: str) -> None:
    """3 minutes of a bucket by the minute: the fourth is begun with money, at 20 a minute."""
    charge = event(bucket(step=60), priced(price=20, step=60))
    found = in_the_store(store_url, charge, 181, {"7.min": 3, "main": 100})
    assert found == Found(181, 20, {"7.min": 3, "main": 20}, (("b.7", 180), ("p.t.1", 1)))


def test_two_balances_of_money_and_one_rounding(store_url: str) -> None:
    """7 units at 1/3 are 2.33, rounded up to 3 once: 2 from the bonus, 1 from main."""
    way = priced(sources=("7.kzt", "main"))
    rounding = Rounding(RoundingMode.UP, 1)
    charge = event(way, denominator=3, rounding=rounding)
    found = in_the_store(store_url, charge, 7, {"7.kzt": 2, "main": 9})
    assert (found.booked, found.taken) == (3, {"7.kzt": 2, "main": 1})


def test_two_ways_are_rounded_together(store_url: str) -> None:
    """4 at 1/3 and 4 at 1/3 are 8/3: 3, and not 1.33 + 1.33 = 1 + 1."""
    charge = event(priced(end=4), priced("p.t.2"), denominator=3)
    assert in_the_store(store_url, charge, 8, {"main": 9}).booked == 3


def test_a_way_that_the_plan_no_longer_has_keeps_its_cost(store_url: str) -> None:
    """Its 2 1/3 and 2/3 of the present way are 3; over another denominator only whole micros count."""
    # 7/3 + 2/3 = 3, and a third more is rounded to 3; 2 + 7/5 = 3.4, and not 3.73.
    for denominator, units, expected in ((3, 2, 3), (3, 3, 3), (5, 7, 3)):
        made = plan(subscriber(), "U", 1, event(priced(), denominator=denominator))
        keys = ["p.old 7 2 1 3", 7, 2, "main 9", units, 100 * MINUTE, 0]
        with SyncRedis.from_url(store_url) as client:
            found = client.eval(SCRIPT, len(keys), *keys, *plan_arguments(made, 0)[15:])
        assert (found[0], int(found[1])) == (units, expected)


def test_a_begun_step_is_used_up_whatever_the_time(store_url: str) -> None:
    """60/60 from 20:00 on at 10, before at 1: the minute that began at 19:59:40 ends at 20:00:40."""
    eight = 1000 * MINUTE
    day = priced("p.1", 1, 60, ends=UtcMillis(eight))
    night = priced("p.2", 10, 60, begins=UtcMillis(eight))
    end = eight + 41_000
    found = in_the_store(store_url, event(day, night), 61, {"main": 100}, at=end)
    assert found == Found(61, 11, {"main": 11}, (("p.1", 60), ("p.2", 1)))
    found = in_the_store(store_url, event(day, night), 60, {"main": 100}, at=end - 1000)
    assert found.parts == (("p.1", 60),)


def test_an_earlier_way_takes_over_when_its_time_comes(store_url: str) -> None:
    """Seconds of a grant: 30 by the bucket's money until its night begins, the rest by night."""
    night = bucket(begins=UtcMillis(90_000))
    charge = event(night, priced())
    found = in_the_store(
        store_url, charge, 100, {"7.min": 99, "main": 99}, at=60_000, is_grant=True
    )
    assert found.parts == (("p.t.1", 30), ("b.7", 70))


def test_octets_have_one_moment(store_url: str) -> None:
    """All of a report is used when it is told, or when the charge says."""
    night = bucket(begins=UtcMillis(90_000))
    free = {"7.min": 99, "main": 99}
    charge = event(night, priced(), unit=UnitKind.OCTETS)
    assert in_the_store(store_url, charge, 50, free, at=60_000).taken == {"main": 50}
    later = event(night, priced(), unit=UnitKind.OCTETS, used_at=UtcMillis(90_000))
    assert in_the_store(store_url, later, 50, free, at=60_000).taken == {"7.min": 50}


def test_a_cap_in_money_by_a_draw_of_step_0(store_url: str) -> None:
    """A month's allowance of 25 on the account; what is more is paid by the member's own money."""
    first = priced(price=10, draws=(Draw("allowance@2019-03", 0),), stops=False)
    charge = event(first, priced("p.t.2", 10, sources=("2:money",)))
    free = {"main": 100, "allowance@2019-03": 25, "2:money": 15}
    found = in_the_store(store_url, charge, 9, free)
    assert found.taken == {"main": 20, "allowance@2019-03": 20, "2:money": 10}
    assert found.laid == 3


def test_a_draw_of_a_setup(store_url: str) -> None:
    """2 for beginning and 1 for each ten: of 4, twenty units."""
    way = Way("b.7", (Leg(0, 2**40, 1, 0),), draws=(Draw("7.x", 10, 1, 2),))
    found = in_the_store(store_url, event(way), 50, {"7.x": 4})
    assert (found.laid, found.taken) == (20, {"7.x": 4})
    assert in_the_store(store_url, event(way), 50, {"7.x": 2}).laid == 0


@pytest.mark.parametrize(("units", "cost"), [(1, 20), (2, 20), (3, 21), (7, 49), (8, 50), (99, 50)])
def test_least_and_most(store_url: str, units: int, cost: int) -> None:
    """7 a unit, but 20 at the least and 50 at the most."""
    charge = event(priced(price=7), least=20, most=50)
    assert in_the_store(store_url, charge, units, {"main": 99}).booked == cost


def test_least_is_for_what_costs_anything(store_url: str) -> None:
    """A free event stays free; one that cannot pay the least does not begin."""
    charge = event(priced(price=0), least=20)
    assert in_the_store(store_url, charge, 5, {"main": 99}).booked == 0
    assert in_the_store(store_url, event(priced(), least=20), 5, {"main": 19}).laid == 0


def test_a_paid_stretch_needs_a_quantum(store_url: str) -> None:
    """4 units at 1 round to nothing of 10; with 9 on the balance they are not begun."""
    charge = event(priced(), rounding=Rounding(quantum=10))
    assert in_the_store(store_url, charge, 4, {"main": 9}).laid == 0
    assert in_the_store(store_url, charge, 4, {"main": 10}) == Found(4, 0, {}, (("p.t.1", 4),))


# --- against the other implementation --------------------------------------------------------------

NAMES = ("main", "7.kzt", "7.min", "c.day@2019-03-04", "c.day@2019-03-05")
windows = st.sampled_from([(0, 0), (0, 0), (0, 60_000), (60_000, 0), (30_000, 90_000), (90_000, 0)])


@st.composite
def ways(draw: st.DrawFn, number: int) -> Way:
    """A way with a name of its own."""
    legs, start = [], 0
    for _ in range(draw(st.integers(1, 3))):
        step = draw(st.sampled_from([1, 1, 7, 60]))
        end = start + step * draw(st.integers(1, 40))
        price = draw(st.sampled_from([0, 0, 1, 5, 100]))
        legs.append(Leg(start, end, step, price, draw(st.sampled_from([0, 0, 0, 9]))))
        start = end
    sources = draw(st.sampled_from([("main",), ("7.kzt", "main"), ("7.kzt",)]))
    drawn = st.builds(
        Draw,
        st.sampled_from(NAMES[2:]),
        st.sampled_from([0, 1, 7, 60]),
        st.integers(0, 3),
        st.sampled_from([0, 0, 2]),
    )
    begins, ends = draw(windows)
    return Way(
        f"w{number}",
        tuple(legs),
        sources,
        tuple(draw(st.lists(drawn, max_size=2))),
        UtcMillis(begins),
        UtcMillis(ends),
        needs=draw(st.sampled_from([0, 0, 0, 30])),
        floor=draw(st.sampled_from([0, 0, 0, 5])),
        stops=draw(st.booleans()),
        is_apart=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def charges(draw: st.DrawFn) -> Charge:
    """One to four ways."""
    count = draw(st.integers(1, 4))
    return Charge(
        "1",
        None,
        None,
        Rounding(draw(st.sampled_from(RoundingMode)), draw(st.sampled_from([1, 5, 10]))),
        draw(st.sampled_from([1, 3])),
        tuple(draw(ways(number)) for number in range(count)),
        unit=draw(st.sampled_from([UnitKind.SECONDS, UnitKind.OCTETS])),
        limit=draw(st.sampled_from([0, 0, 50])),
        least=draw(st.sampled_from([0, 0, 20])),
        most=draw(st.sampled_from([0, 0, 60])),
    )


@given(
    charge=charges(),
    free=st.fixed_dictionaries({name: st.integers(-3, 200) for name in NAMES}),
    splits=st.lists(st.integers(1, 120), min_size=1, max_size=3),
    is_grant=st.booleans(),
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_as_the_rating_function_lays(
    store_url: str, charge: Charge, free: dict[str, int], splits: list[int], *, is_grant: bool
) -> None:
    """The same units by the same ways, the same amounts from the same balances, report after report."""
    state, at = Laid(), 60_000
    for units in splits:
        ours = lay(charge, state, units, free, at=UtcMillis(at), is_grant=is_grant)
        found = in_the_store(store_url, charge, units, free, at=at, is_grant=is_grant, state=state)
        assert found.parts == tuple(ours.state.parts)
        assert (found.laid, found.booked) == (units - ours.rest, ours.state.booked)
        assert found.taken == {name: amount for name, amount in ours.taken.items() if amount}
        state = ours.state
        free = {name: amount - ours.taken.get(name, 0) for name, amount in free.items()}
        at += 25_000
