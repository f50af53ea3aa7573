"""Laying units on ways: worked by hand, and against a model that goes unit by unit.

What is the matter of the standard here: an event is charged for what it used, however its reports cut it
(RFC 8506, 5.2), and never more is granted than the balances hold (RFC 8506, 5.3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, strategies as st

from ocs.model import (
    MAIN_MONEY,
    NEVER,
    Charge,
    Draw,
    Leg,
    Rounding,
    RoundingMode,
    UnitKind,
    UtcMillis,
    Way,
)
from ocs.rating.lay import Laid, Laying, Short, lay
from ocs.rating.price import MAX_UNITS

NOON = UtcMillis(1_700_000_000_000)
FREE = (Leg(0, MAX_UNITS, 1, 0),)
#: An event that has used nothing.
START = Laid()


def charged(*ways: Way, unit: UnitKind = UnitKind.EVENTS, quantum: int = 1) -> Charge:
    """A charge of these ways, in whole micros."""
    return Charge("1", None, None, Rounding(quantum=quantum), 1, ways, unit=unit)


def flat(name: str, price: int, *sources: str, end: int = MAX_UNITS, step: int = 1) -> Way:
    """A way at one price."""
    return Way(name, (Leg(0, end, step, price),), sources or (MAIN_MONEY,))


def bundle(name: str, source: str, step: int = 1, amount: int = 1) -> Way:
    """A way that units pay for."""
    return Way(name, FREE, (), (Draw(source, step, amount),))


def granted(charge: Charge, units: int, free: Mapping[str, int], state: Laid = START) -> Laying:
    """A grant at noon."""
    return lay(charge, state, units, free, at=NOON, is_grant=True)


def used(charge: Charge, units: int, free: Mapping[str, int], state: Laid = START) -> Laying:
    """A report at noon."""
    return lay(charge, state, units, free, at=NOON, is_grant=False)


def told(found: Laying) -> list[tuple[str, int]]:
    """Ways and units, adjacent stretches of one way together."""
    joined: list[tuple[str, int]] = []
    for each in found.stretches:
        if joined and joined[-1][0] == each.way:
            joined[-1] = (each.way, joined[-1][1] + each.units)
        else:
            joined.append((each.way, each.units))
    return joined


# --- refusals: what is not laid, and why ------------------------------------------------------------


def test_no_way_takes_nothing() -> None:
    """Without a way all is left, and nothing is taken."""
    found = granted(charged(), 5, {MAIN_MONEY: 100})
    assert (found.rest, found.taken, found.reason) == (5, {}, Short.WAYS)


def test_short_money_ends_the_event_where_the_way_stops() -> None:
    """9 micros pay four units of 2; the way behind is not looked at."""
    charge = charged(flat("own", 2), flat("owed", 2, "owed"))
    found = granted(charge, 10, {MAIN_MONEY: 9, "owed": 100})
    assert (found.rest, found.reason, told(found)) == (6, Short.MONEY, [("own", 4)])
    assert found.passed == (("own", Short.MONEY),)


def test_short_money_goes_on_where_the_way_does_not_stop() -> None:
    """Calls on credit: what own money does not pay is owed."""
    charge = charged(replace(flat("own", 2), stops=False), flat("owed", 2, "owed"))
    found = granted(charge, 10, {MAIN_MONEY: 9, "owed": 8})
    assert told(found) == [("own", 4), ("owed", 4)]
    assert (found.taken, found.rest) == ({MAIN_MONEY: 8, "owed": 8}, 2)


def test_a_short_draw_passes_on() -> None:
    """The bundle pays as far as it reaches; then money does."""
    charge = charged(bundle("bundle", "minutes"), flat("own", 2))
    found = granted(charge, 10, {"minutes": 3, MAIN_MONEY: 100})
    assert told(found) == [("bundle", 3), ("own", 7)]
    assert found.taken == {"minutes": 3, MAIN_MONEY: 14}
    assert found.stretches[1].passed == (("bundle", Short.DRAW),)


def test_the_end_of_a_way_passes_on_but_a_grant_ends_with_the_last() -> None:
    """Four on the first, three on the last, which has no more: the rest is not granted."""
    charge = charged(flat("first", 1, end=4), flat("last", 1, end=3))
    found = granted(charge, 10, {MAIN_MONEY: 100})
    assert (told(found), found.rest, found.reason) == (
        [("first", 4), ("last", 3)],
        3,
        Short.WAYS,
    )


def test_use_past_the_end_is_laid_on_the_last_way() -> None:
    """What was used without a grant is priced by the last way's last leg."""
    charge = charged(flat("first", 1, end=4), flat("last", 2, end=3))
    found = used(charge, 10, {MAIN_MONEY: 100})
    assert (told(found), found.rest, found.taken) == (
        [("first", 4), ("last", 6)],
        0,
        {MAIN_MONEY: 16},
    )


def test_needs_is_asked_once_when_a_way_is_entered() -> None:
    """Below 50 the way is passed over; who entered it while 50 were there stays on it with less."""
    charge = charged(replace(flat("cheap", 1), needs=50), flat("dear", 2))
    assert told(granted(charge, 5, {MAIN_MONEY: 49})) == [("dear", 5)]
    assert told(granted(charge, 60, {MAIN_MONEY: 50})) == [("cheap", 50)]
    entered = Laid((("cheap", 0),))
    assert told(granted(charge, 5, {MAIN_MONEY: 49}, entered)) == [("cheap", 5)]


def test_needs_looks_at_the_money_that_others_do_not_hold() -> None:
    """Money that may be had on credit does not count: `main` is told apart from what is free."""
    charge = charged(replace(flat("cheap", 1), needs=50), flat("dear", 2))
    found = lay(charge, START, 5, {MAIN_MONEY: 1000}, at=NOON, is_grant=True, main=49)
    assert told(found) == [("dear", 5)]


def test_a_floor_must_be_payable_before_anything_is_granted() -> None:
    """Three free units and then 2 each: with a floor of 5 a grant needs 4 micros, a report does not."""
    way = Way("own", (Leg(0, 3, 1, 0), Leg(3, 100, 1, 2)), floor=5)
    found = granted(charged(way), 3, {MAIN_MONEY: 3})
    assert (found.rest, found.reason) == (3, Short.MONEY)
    assert granted(charged(way), 3, {MAIN_MONEY: 4}).rest == 0
    assert used(charged(way), 3, {MAIN_MONEY: 0}).rest == 0


def test_a_way_apart_begins_with_a_grant_of_its_own() -> None:
    """A grant ends before the slowed way; the next one is on it alone; the last look may go into it."""
    charge = charged(bundle("fast", "volume"), replace(flat("slow", 0), is_apart=True))
    found = granted(charge, 10, {"volume": 4})
    assert (told(found), found.rest, found.reason) == ([("fast", 4)], 6, Short.APART)
    assert told(granted(charge, 6, {"volume": 0}, found.state)) == [("slow", 6)]
    both = lay(charge, START, 10, {"volume": 4}, at=NOON, is_grant=True, goes_apart=True)
    assert told(both) == [("fast", 4), ("slow", 6)]
    assert told(used(charge, 10, {"volume": 4})) == [("fast", 4), ("slow", 6)]


def test_a_grant_that_began_apart_goes_on_there() -> None:
    """Where the window of an earlier way begins that can take nothing, the slowed way serves on."""
    fast = replace(bundle("fast", "volume"), begins=UtcMillis(NOON + 3000))
    charge = charged(fast, replace(flat("slow", 0), is_apart=True), unit=UnitKind.SECONDS)
    assert told(granted(charge, 10, {"volume": 0})) == [("slow", 10)]


def test_the_limit_of_an_event_counts_all_ways() -> None:
    """Of 10 units 7 were used: three more are granted. A report is not cut."""
    charge = replace(charged(bundle("b", "units"), flat("own", 1)), limit=10)
    state, free = Laid((("b", 4), ("own", 3)), 3), {"units": 1, MAIN_MONEY: 50}
    found = granted(charge, 9, free, state)
    assert (told(found), found.reason) == ([("b", 1), ("own", 2)], Short.LIMIT)
    assert used(charge, 9, free, state).rest == 0


def test_a_priced_unit_needs_one_quantum() -> None:
    """A first unit that rounds to nothing is not free; with the quantum booked the rounding carries on."""
    charge = charged(flat("own", 1), quantum=10)
    assert granted(charge, 5, {MAIN_MONEY: 9}).rest == 5
    found = granted(charge, 30, {MAIN_MONEY: 10})
    assert (found.rest, found.taken) == (16, {MAIN_MONEY: 10})  # 14 round to 10, 15 to 20
    assert granted(charge, 30, {MAIN_MONEY: 0}, Laid((("own", 6),), 10)).rest == 22


# --- which way -------------------------------------------------------------------------------------


def test_money_comes_from_the_sources_in_their_order() -> None:
    """The bonus first, then own money."""
    found = granted(charged(flat("own", 3, "bonus", MAIN_MONEY)), 4, {"bonus": 5, MAIN_MONEY: 7})
    assert (found.rest, found.taken) == (0, {"bonus": 5, MAIN_MONEY: 7})


def test_a_begun_step_is_used_up_before_an_earlier_way_is_looked_at() -> None:
    """Two of a paid step of six are used; new bundle units wait for its end."""
    charge = charged(bundle("bundle", "units"), flat("own", 6, step=6))
    found = used(charge, 7, {"units": 100, MAIN_MONEY: 0}, Laid((("own", 2),), 6))
    assert (told(found), found.taken) == ([("own", 4), ("bundle", 3)], {"units": 3})


def test_a_begun_step_of_a_bundle_is_used_up_as_well() -> None:
    """A minute of the old bundle is begun; the new one, which is looked at first, waits for its end."""
    charge = charged(bundle("new", "new"), bundle("old", "old", step=60))
    found = used(charge, 50, {"new": 99, "old": 0}, Laid((("old", 20),)))
    assert (told(found), found.taken) == ([("old", 40), ("new", 10)], {"new": 10})


def test_a_begun_step_of_a_bundle_does_not_pay_the_entry_of_the_next_stretch() -> None:
    """The minute goes on, but its tenth second costs 5 more, which are not there."""
    way = Way("own", (Leg(0, 10, 1, 0), Leg(10, 99, 1, 0, 5)), draws=(Draw("minutes", 60, 1),))
    charge = charged(way, bundle("other", "units"))
    state, free = Laid((("own", 8),)), {"minutes": 0, "units": 9, MAIN_MONEY: 4}
    found = used(charge, 5, free, state)
    assert (found.rest, found.reason, found.taken) == (3, Short.MONEY, {})
    assert used(charge, 5, {**free, MAIN_MONEY: 5}, state).taken == {MAIN_MONEY: 5}


def test_a_way_without_price_has_no_begun_step() -> None:
    """The slowed way gives way to volume that was bought meanwhile."""
    charge = charged(bundle("fast", "volume"), flat("slow", 0, step=1000))
    assert told(used(charge, 3, {"volume": 5}, Laid((("slow", 1),)))) == [("fast", 3)]


def test_a_draw_rounds_up_to_its_steps_and_takes_its_entry_once() -> None:
    """Two minutes begun of a bundle by the minute, and one for the connection: 1 + 2."""
    way = Way("b", FREE, (), (Draw("minutes", 60, 1, 1),))
    found = used(charged(way), 61, {"minutes": 9})
    assert found.taken == {"minutes": 3}
    more = used(charged(way), 59, {"minutes": 6}, found.state)
    assert (more.taken, more.rest) == ({}, 0)
    assert used(charged(way), 61, {"minutes": 2}).rest == 1  # the second minute is not there


def test_a_draw_of_money_counts_what_the_way_costs() -> None:
    """An allowance of 10 micros within own money: five units of 2."""
    way = Way("shared", (Leg(0, MAX_UNITS, 1, 2),), draws=(Draw("allowance", 0),), stops=False)
    found = granted(
        charged(way, flat("own", 2, "mine")), 8, {"allowance": 11, MAIN_MONEY: 99, "mine": 4}
    )
    assert told(found) == [("shared", 5), ("own", 2)]
    assert (found.taken, found.rest) == ({"allowance": 10, MAIN_MONEY: 10, "mine": 4}, 1)


def test_the_cost_of_a_way_that_is_gone_stays() -> None:
    """23 micros of a way that the plan no longer has are booked as 20; 2 more make 25, rounded to 30."""
    charge = charged(flat("own", 2), quantum=10)
    found = used(charge, 1, {MAIN_MONEY: 99}, Laid((("old", 7),), 20, gone=23))
    assert found.taken == {MAIN_MONEY: 10}
    assert found.state == Laid((("old", 7), ("own", 1)), 30, gone=23)


def test_what_is_booked_above_the_cost_is_not_given_back() -> None:
    """Where the cost is below what is booked, more is due only when it is reached."""
    found = used(charged(flat("own", 2)), 6, {MAIN_MONEY: 99}, Laid((("own", 1),), 10))
    assert (found.taken, found.state.booked) == ({MAIN_MONEY: 4}, 14)
    few = used(charged(flat("own", 2)), 2, {MAIN_MONEY: 99}, Laid((("own", 1),), 10))
    assert (few.taken, few.state.booked) == ({}, 10)


def test_least_and_most_hold_for_all_ways_together() -> None:
    """5 at the least with the first paid unit, 12 at the most, whichever way goes on."""
    charge = replace(charged(flat("a", 2, end=4), flat("b", 3)), least=5, most=12)
    assert used(charge, 1, {MAIN_MONEY: 99}).taken == {MAIN_MONEY: 5}
    assert used(charge, 4, {MAIN_MONEY: 99}).taken == {MAIN_MONEY: 8}
    assert used(charge, 40, {MAIN_MONEY: 12}).taken == {MAIN_MONEY: 12}


# --- windows -----------------------------------------------------------------------------------------


def windows(*, at: int) -> tuple[Way, Way]:
    """Day and night of one price list; the night begins at this moment."""
    day, night = flat("day", 3), flat("night", 1)
    return replace(day, ends=UtcMillis(at)), replace(night, begins=UtcMillis(at))


def test_seconds_to_be_granted_begin_now() -> None:
    """Ten seconds until the night: ten of the day, the rest of the night."""
    charge = charged(*windows(at=NOON + 10_000), unit=UnitKind.SECONDS)
    assert told(granted(charge, 25, {MAIN_MONEY: 999})) == [("day", 10), ("night", 15)]


def test_seconds_that_were_used_end_now() -> None:
    """The night began ten seconds ago: of 25 the last ten are the night's."""
    charge = charged(*windows(at=NOON - 10_000), unit=UnitKind.SECONDS)
    assert told(used(charge, 25, {MAIN_MONEY: 999})) == [("day", 15), ("night", 10)]
    early = replace(charge, used_at=UtcMillis(NOON - 5_000))
    assert told(used(early, 25, {MAIN_MONEY: 999})) == [("day", 20), ("night", 5)]


def test_other_units_have_one_moment() -> None:
    """Octets are all of the moment of their report."""
    charge = charged(*windows(at=NOON), unit=UnitKind.OCTETS)
    assert told(used(charge, 5000, {MAIN_MONEY: 99_999})) == [("night", 5000)]
    before = replace(charge, used_at=UtcMillis(NOON - 1))
    assert told(used(before, 5000, {MAIN_MONEY: 99_999})) == [("day", 5000)]


def test_an_earlier_way_is_taken_from_where_its_window_begins() -> None:
    """Happy hour begins in 4 seconds; it stands before the base price."""
    happy = replace(flat("happy", 0), begins=UtcMillis(NOON + 4000), ends=UtcMillis(NOON + 7000))
    charge = charged(happy, flat("base", 2), unit=UnitKind.SECONDS)
    found = granted(charge, 10, {MAIN_MONEY: 99})
    assert told(found) == [("base", 4), ("happy", 3), ("base", 3)]
    assert found.taken == {MAIN_MONEY: 14}


def test_a_begun_minute_is_used_up_past_the_end_of_its_window() -> None:
    """The day ends after 10 seconds; its minute is paid and serves to its end."""
    day, night = windows(at=NOON + 10_000)
    day = replace(day, legs=(Leg(0, 6000, 60, 3),))
    found = granted(charged(day, night, unit=UnitKind.SECONDS), 70, {MAIN_MONEY: 99})
    assert told(found) == [("day", 60), ("night", 10)]


def test_past_its_end_the_last_way_serves_until_a_later_one_begins() -> None:
    """Both ends are passed: before the night the day is the last way, then the night is."""
    day, night = windows(at=NOON - 3000)
    ways = (replace(day, ends=NEVER, legs=(Leg(0, 2, 1, 3),)), night)
    found = used(charged(*ways, unit=UnitKind.SECONDS), 8, {MAIN_MONEY: 99})
    assert told(found) == [("day", 5), ("night", 3)]


def test_what_is_left_of_a_quantum_belongs_to_the_way_that_paid_it() -> None:
    """The bonus is empty; 18 by own money are 20. Reported one by one they are the same: rounding the
    first to 10 pays nothing for the bonus' way."""
    ways = (replace(flat("bonus", 4), sources=("bonus",), stops=False), flat("own", 6))
    charge = charged(*ways, quantum=10)
    free = {"bonus": 0, MAIN_MONEY: 100}
    assert used(charge, 3, free).taken == {MAIN_MONEY: 20}
    state, spent = Laid(), 0
    for _ in range(3):
        found = lay(charge, state, 1, free, at=NOON, is_grant=False)
        state, spent = found.state, spent + found.taken.get(MAIN_MONEY, 0)
    assert spent == 20
    assert dict(state.parts) == {"own": 3}


# --- against a model that goes unit by unit ---------------------------------------------------------


@dataclass
class Naive:
    """An event laid unit by unit, the plain way: the rules one after the other."""

    charge: Charge
    free: dict[str, int]
    parts: dict[str, int] = field(default_factory=dict)
    booked: int = 0
    last: str = ""  # the way that cost money last

    def cost(self, parts: Mapping[str, int]) -> tuple[Fraction, int]:
        """Exact and rounded cost of the whole event."""
        total = Fraction(0)
        for way in self.charge.ways:
            for leg in way.legs:
                stop = parts.get(way.name, 0)
                if leg is not way.legs[-1]:
                    stop = min(stop, leg.end)
                if stop > leg.start:
                    steps = ceil(Fraction(stop - leg.start, leg.step))
                    total += Fraction(leg.entry + steps * leg.price, self.charge.denominator)
        quantum = self.charge.rounding.quantum
        quanta = total / quantum
        is_up = self.charge.rounding.mode is RoundingMode.UP
        money = (ceil(quanta) if is_up else floor(quanta + Fraction(1, 2))) * quantum
        money = max(money, self.charge.least) if total else money
        return total, min(money, self.charge.most) if self.charge.most else money

    def draws(self, way: Way, before: int) -> dict[str, int]:
        """What the unit behind `before` draws."""
        found: dict[str, int] = {}
        for each in way.draws:
            more = each.amount * (-(-(before + 1) // each.step) - -(-before // each.step))
            found[each.source] = found.get(each.source, 0) + more + (0 if before else each.entry)
        return found

    def is_begun(self, way: Way) -> bool:
        """Whether a paid step goes on with the next unit: of the leg, and of each draw."""
        at = self.parts.get(way.name, 0)
        leg = next((each for each in way.legs if at < each.end), way.legs[-1])
        if not at or (not leg.price and not any(each.amount for each in way.draws)):
            return False
        after = {**self.parts, way.name: at + 1}
        is_inside = not leg.price or (at - leg.start) % leg.step != 0
        is_same = self.cost(after)[0] == self.cost(self.parts)[0]
        return is_inside and is_same and not any(self.draws(way, at).values())

    def try_on(self, way: Way, moment: int, is_last: bool) -> str:
        """Why the way does not take the next unit, or nothing: then it has."""
        at = self.parts.get(way.name, 0)
        if moment < way.begins or (way.ends and moment >= way.ends):
            return "time"
        if at >= way.legs[-1].end and not is_last:
            return "end"
        needed = self.draws(way, at)
        if any(amount > self.free[name] for name, amount in needed.items() if amount):
            return "draw"
        if way.name not in self.parts and way.needs > self.free[MAIN_MONEY] and way.needs:
            return "needs"
        after = {**self.parts, way.name: at + 1}
        exact, money = self.cost(after)
        more, left = max(money - self.booked, 0), sum(self.free[name] for name in way.sources)
        before = self.cost(self.parts)[0]
        quantum = self.charge.rounding.quantum
        if more > left or (exact > before and left + self.booked < quantum):
            return "money"
        if exact > before > 0 and way.name != self.last:
            # Another way cost money last: what is left of its quantum is not this one's.
            names = [each.name for each in self.charge.ways]
            is_before = self.last in names and names.index(way.name) < names.index(self.last)
            least = self.charge.least if is_before else 0
            if left < max(ceil((exact - before) / quantum) * quantum, least):
                return "money"
        self.put(way, needed, more)
        return ""

    def put(self, way: Way, needed: Mapping[str, int], more: int) -> None:
        """One unit more."""
        for name, amount in needed.items():
            self.free[name] -= amount
        after = {**self.parts, way.name: self.parts.get(way.name, 0) + 1}
        if self.cost(after)[0] != self.cost(self.parts)[0]:
            self.last = way.name
        self.parts[way.name] = self.parts.get(way.name, 0) + 1
        self.booked += more
        for name in way.sources:
            part = min(more, self.free[name])
            self.free[name] -= part
            more -= part

    def lay(self, units: int, moment: int, tick: int, *, is_grant: bool) -> int:
        """How many of the units are laid."""
        for number in range(units):
            now = moment + number * tick
            if is_grant and 0 < self.charge.limit <= sum(self.parts.values()):
                return number
            begun = next((each for each in self.charge.ways if self.is_begun(each)), None)
            if begun is not None:
                self.put(begun, {}, 0)
                continue
            serving = [
                w for w in self.charge.ways if w.begins <= now and (not w.ends or now < w.ends)
            ]
            for way in self.charge.ways:
                why = self.try_on(
                    way, now, not is_grant and way is serving[-1] if serving else False
                )
                if not why:
                    break
                if why == "money" and way.stops:
                    return number
            else:
                return number
        return units


BALANCES = (MAIN_MONEY, "bonus", "minutes", "counter")


@st.composite
def legs_of(draw: st.DrawFn, unit: int) -> tuple[Leg, ...]:
    """One or two stretches of whole steps, whose costs are multiples of `unit`."""
    legs, start = [], 0
    for _ in range(draw(st.integers(1, 2))):
        step = draw(st.sampled_from([1, 1, 3, 10]))
        end = start + step * draw(st.integers(1, 12))
        price, entry = draw(st.integers(0, 6)), draw(st.sampled_from([0, 0, 0, 4]))
        legs.append(Leg(start, end, step, price * unit, entry * unit))
        start = end
    return tuple(legs)


@st.composite
def charges(draw: st.DrawFn) -> Charge:
    """Up to four ways: bundles, counters, windows, other money, in any order, rounded in any manner."""
    is_alone, unit = draw(st.booleans()), 1
    ways = []
    for number in range(draw(st.integers(0, 3))):
        draws = tuple(
            Draw(
                source,
                draw(st.sampled_from([1, 3, 10])),
                draw(st.integers(0, 3)),
                draw(st.sampled_from([0, 0, 2])),
            )
            for source in draw(
                st.lists(st.sampled_from(["minutes", "counter"]), min_size=1, max_size=2)
            )
        )
        begins = draw(st.sampled_from([NEVER, NEVER, NOON - 9000, NOON + 9000]))
        ends = draw(st.sampled_from([NEVER, NEVER, NOON - 4000, NOON + 14_000]))
        legs = (Leg(0, 2**40, 1, 0),) if is_alone else draw(legs_of(unit))
        if draw(st.booleans()) and legs[-1].end < 2**40:
            draws = ()
        sources = draw(st.sampled_from([(MAIN_MONEY,), ("bonus", MAIN_MONEY), ("bonus",)]))
        stops, needs = draw(st.booleans()), draw(st.sampled_from([0, 0, 30]))
        ways.append(
            Way(
                f"w{number}",
                legs,
                sources,
                draws,
                UtcMillis(begins),
                UtcMillis(ends),
                needs,
                0,
                stops,
            )
        )
    ways.insert(
        draw(st.integers(0, len(ways))), Way("own", draw(legs_of(unit)), ("bonus", MAIN_MONEY))
    )
    return Charge(
        "1",
        None,
        None,
        Rounding(
            draw(st.sampled_from(RoundingMode)),
            draw(st.sampled_from([1, 2, 10])),
        ),
        draw(st.sampled_from([1, 3, 7])),
        tuple(ways),
        unit=draw(st.sampled_from([UnitKind.SECONDS, UnitKind.EVENTS])),
        limit=draw(st.sampled_from([0, 0, 25])),
        least=draw(st.sampled_from([0, 0, 7])),
        most=draw(st.sampled_from([0, 0, 60])),
    )


frees = st.fixed_dictionaries({name: st.integers(0, 120) for name in BALANCES})


def tick_of(charge: Charge) -> int:
    """Milliseconds from one unit to the next."""
    return 1000 if charge.unit is UnitKind.SECONDS else 0


def left_of(free: Mapping[str, int], *layings: Laying) -> dict[str, int]:
    """What is left of each balance."""
    return {
        name: amount - sum(each.taken.get(name, 0) for each in layings)
        for name, amount in free.items()
    }


@given(charge=charges(), free=frees, units=st.integers(0, 60), is_grant=st.booleans())
def test_stretches_are_what_single_units_would_be(
    charge: Charge, free: dict[str, int], units: int, is_grant: bool
) -> None:
    """The same parts, money and balances as the model that goes unit by unit."""
    tick = tick_of(charge)
    naive = Naive(charge, dict(free))
    count = naive.lay(units, NOON - (0 if is_grant else units * tick), tick, is_grant=is_grant)
    found = lay(charge, START, units, free, at=NOON, is_grant=is_grant)
    assert units - found.rest == count
    assert dict(found.state.parts) == naive.parts
    assert (found.state.booked, left_of(free, found)) == (naive.booked, naive.free)


@given(charge=charges(), free=frees, first=st.integers(0, 30), second=st.integers(0, 30))
def test_no_matter_how_usage_is_split(
    charge: Charge, free: dict[str, int], first: int, second: int
) -> None:
    """Two reports leave the balances as one of both does; of seconds each has its own moment."""
    whole = used(charge, first + second, free)
    earlier = replace(charge, used_at=UtcMillis(NOON - second * tick_of(charge)))
    one = used(earlier, first, free)
    two = used(charge, second, left_of(free, one), one.state)
    if one.rest:
        assert whole.rest >= one.rest
        return
    assert (two.state, two.rest) == (whole.state, whole.rest)
    assert left_of(free, one, two) == left_of(free, whole)


@given(charge=charges(), free=frees, units=st.integers(0, 60), is_grant=st.booleans())
def test_nothing_goes_below_its_floor(
    charge: Charge, free: dict[str, int], units: int, is_grant: bool
) -> None:
    """No balance gives more than is free of it; money that is booked was taken, to the micro."""
    found = lay(charge, START, units, free, at=NOON, is_grant=is_grant)
    assert min(left_of(free, found).values()) >= 0
    money = sum(each.money for each in found.stretches)
    assert money == found.state.booked
    assert sum(found.taken.get(name, 0) for name in (MAIN_MONEY, "bonus")) == money
    assert sum(each.units for each in found.stretches) + found.rest == units


@given(charge=charges(), free=frees, units=st.integers(1, 60))
def test_what_is_not_granted_could_not_be(charge: Charge, free: dict[str, int], units: int) -> None:
    """Behind a grant that was cut short, one more unit cannot be laid from what is left."""
    found = granted(charge, units, free)
    if found.rest:
        at = UtcMillis(NOON + (units - found.rest) * tick_of(charge))
        left = left_of(free, found)
        assert lay(charge, found.state, 1, left, at=at, is_grant=True).rest == 1


@given(charge=charges(), free=frees, units=st.integers(0, 60), more=st.integers(0, 20))
def test_more_usage_never_costs_less(
    charge: Charge, free: dict[str, int], units: int, more: int
) -> None:
    """Of one moment, more units take no less from any balance."""
    one = replace(charge, unit=UnitKind.EVENTS)
    few, many = used(one, units, free), used(one, units + more, free)
    assert many.state.booked >= few.state.booked
    assert all(many.taken.get(name, 0) >= amount for name, amount in few.taken.items())


@pytest.mark.parametrize("money", [10**15, 10**15 + 1])
def test_large_numbers_are_exact(money: int) -> None:
    """2^50 octets at 921.6 micros a KiB: no float on the way, no walk over units."""
    charge = replace(charged(Way("own", (Leg(0, MAX_UNITS, 1024, 9216),))), denominator=10)
    found = granted(charge, MAX_UNITS, {MAIN_MONEY: money})
    # Half up: the most KiB whose tenths of micros, and five, stay below one micro more than there is.
    steps = (10 * money + 4) // 9216
    assert MAX_UNITS - found.rest == 1024 * steps
    assert found.taken[MAIN_MONEY] == (9216 * steps + 5) // 10
