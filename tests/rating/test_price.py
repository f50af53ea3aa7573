"""Units and money, exactly: against fractions, and against a search that tries every quantity.

The store's twin of this arithmetic is compared with it in tests/abmf/test_money_lua.py.
"""

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, strategies as st

from ocs.model import Draw, Leg, Price, Rounding, RoundingMode, UnitKind
from ocs.rating.price import (
    MAX_UNITS,
    affordable,
    can_pay,
    compared_cost,
    cost,
    exact_cost,
    is_free,
    is_limited,
    rounded,
)

HALF_UP, UP = RoundingMode.HALF_UP, RoundingMode.UP


def priced(
    *legs: Leg,
    denominator: int = 1,
    mode: RoundingMode = HALF_UP,
    quantum: int = 1,
    least: int = 0,
    most: int = 0,
    limit: int = 0,
) -> Price:
    """A price of these legs."""
    rounding = Rounding(mode, quantum)
    return Price(
        UnitKind.SECONDS, rounding, denominator, legs, "", least=least, most=most, limit=limit
    )


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """One to four stretches of whole steps, free ones and entry fees among them."""
    legs, start = [], 0
    for _ in range(draw(st.integers(1, 4))):
        step = draw(st.sampled_from([1, 2, 7, 60]))
        end = start + step * draw(st.integers(1, 40))
        price = draw(st.one_of(st.just(0), st.integers(0, 50), st.integers(0, 10**9)))
        legs.append(Leg(start, end, step, price, draw(st.sampled_from([0, 0, 1, 30]))))
        start = end
    quantum = draw(st.sampled_from([1, 2, 5, 10_000]))
    denominator = draw(st.sampled_from([1, 2, 3, 60, 1024]))
    mode = draw(st.sampled_from(RoundingMode))
    return priced(*legs, denominator=denominator, mode=mode, quantum=quantum)


def by_fractions(price: Price, units: int) -> Fraction:
    """The exact cost, step by step, the plain way."""
    total = Fraction(0)
    for number, leg in enumerate(price.legs):
        is_last = number == len(price.legs) - 1
        inside = (units if is_last else min(units, leg.end)) - leg.start
        if inside > 0:
            steps = ceil(Fraction(inside, leg.step))
            total += Fraction(leg.entry + steps * leg.price, price.denominator)
    return total


def in_quanta(price: Price, exact: Fraction) -> int:
    """A cost rounded as the price says."""
    quanta = exact / price.rounding.quantum
    whole = ceil(quanta) if price.rounding.mode is UP else floor(quanta + Fraction(1, 2))
    return whole * price.rounding.quantum


# --- refusals: what cannot be paid ----------------------------------------------------------------


def test_nothing_past_the_last_leg_is_granted() -> None:
    """However much money there is, an event ends where its legs end."""
    price = priced(Leg(0, 60, 1, 1))
    assert not can_pay(price, 0, 61, 10**15)
    assert affordable(price, 10**15, 100) == 60
    assert affordable(price, 10**15, 100, used=60) == 0
    assert affordable(price, 10**15, 100, used=75) == 0


def test_nothing_past_the_limit_of_the_event_is_granted() -> None:
    """A price may end an event before its legs end."""
    price = priced(Leg(0, 60, 1, 1), limit=40)
    assert not can_pay(price, 0, 41, 10**15)
    assert affordable(price, 10**15, 100) == 40


def test_the_least_cost_is_needed_for_the_first_unit() -> None:
    """An event that costs anything costs 50: with 49 nothing is granted, with 50 as much as 50 pays."""
    price = priced(Leg(0, 1000, 1, 2), least=50)
    assert affordable(price, 49, 1000) == 0
    assert affordable(price, 50, 1000) == 25


def test_a_paid_stretch_needs_one_quantum() -> None:
    """Steps that round to nothing are not free: at balance 0 a priced service does not start."""
    price = priced(Leg(0, MAX_UNITS, 1, 1), denominator=100, quantum=10)
    assert cost(price, 499) == 0
    assert affordable(price, 0, 100) == 0
    assert affordable(price, 9, 100) == 0
    assert affordable(price, 10, 2000) == 1499  # 14.99 is nearer to 10, 15.00 goes up to 20


def test_a_free_stretch_needs_nothing_and_ends_where_it_is_paid_again() -> None:
    """The first ten are free; the eleventh begins a step that cannot be paid."""
    price = priced(Leg(0, 10, 1, 0), Leg(10, 100, 10, 7))
    assert affordable(price, 0, 100) == 10
    assert affordable(price, 6, 100) == 10
    assert affordable(price, 7, 100) == 20


def test_an_entry_fee_is_due_with_the_first_unit() -> None:
    """No unit without the whole entry fee; with it the free stretch behind it."""
    price = priced(Leg(0, 100, 1, 0, entry=30))
    assert cost(price, 0) == 0
    assert affordable(price, 29, 100) == 0
    assert affordable(price, 30, 100) == 100


# --- costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "quantum", "whole", "rest", "expected"),
    [
        # rest is over a denominator of 4
        (HALF_UP, 1, 7, 0, 7),
        (HALF_UP, 1, 7, 1, 7),
        (HALF_UP, 1, 7, 2, 8),
        (HALF_UP, 1, 7, 3, 8),
        (HALF_UP, 10, 4, 3, 0),
        (HALF_UP, 10, 5, 0, 10),
        (HALF_UP, 10, 14, 3, 10),
        (HALF_UP, 10, 15, 0, 20),
        (HALF_UP, 5, 2, 1, 0),
        (HALF_UP, 5, 2, 2, 5),  # the half of an odd quantum is 2.5
        (HALF_UP, 5, 7, 1, 5),
        (HALF_UP, 5, 7, 2, 10),
        (UP, 1, 7, 0, 7),
        (UP, 1, 7, 1, 8),
        (UP, 10, 0, 0, 0),
        (UP, 10, 0, 1, 10),
        (UP, 10, 10, 0, 10),
        (UP, 10, 10, 1, 20),
    ],
)
def test_rounding(mode: RoundingMode, quantum: int, whole: int, rest: int, expected: int) -> None:
    """Half up and up, to a quantum; the rest below one micro counts."""
    price = priced(Leg(0, 1, 1, 0), denominator=4, mode=mode, quantum=quantum)
    assert rounded(price, whole, rest) == expected


@pytest.mark.parametrize(
    ("units", "expected"),
    [(0, 0), (1, 105), (10, 105), (11, 110), (20, 110), (21, 113), (25, 125), (26, 128), (40, 170)],
)
def test_legs_by_hand(units: int, expected: int) -> None:
    """100 on entry and 5 a begun ten up to 20, then 3 each; use past the end is priced by the last leg."""
    price = priced(Leg(0, 20, 10, 5, entry=100), Leg(20, 30, 1, 3))
    assert cost(price, units) == expected


@pytest.mark.parametrize(
    ("units", "expected"),
    [(0, 0), (3, 0), (4, 50), (25, 50), (26, 52), (40, 80), (41, 80), (9000, 80)],
)
def test_least_and_most(units: int, expected: int) -> None:
    """Three free units cost nothing; then 2 each, 50 at the least once anything is due, 80 at the most."""
    price = priced(Leg(0, 3, 1, 0), Leg(3, MAX_UNITS, 1, 2, entry=6), least=50, most=80)
    assert cost(price, units) == expected


def test_the_least_is_due_where_the_cost_itself_rounds_to_nothing() -> None:
    """A fifth of a micro rounds to 0, but it is a cost: the least is due."""
    price = priced(Leg(0, 60, 1, 1), denominator=5, least=7)
    assert (cost(price, 0), cost(price, 1)) == (0, 7)


@given(price=prices(), units=st.integers(0, 20_000))
def test_cost_is_exact(price: Price, units: int) -> None:
    """Whole and rest together are the fraction, and are rounded once."""
    exact = by_fractions(price, units)
    whole, rest = exact_cost(price, units)
    assert whole + Fraction(rest, price.denominator) == exact
    assert 0 <= rest < price.denominator
    assert cost(price, units) == in_quanta(price, exact)


@given(price=prices(), units=st.integers(0, 20_000), more=st.integers(0, 500))
def test_more_never_costs_less(price: Price, units: int, more: int) -> None:
    """Within one price the cost only grows, exactly and rounded."""
    assert by_fractions(price, units + more) >= by_fractions(price, units)
    assert cost(price, units + more) >= cost(price, units)


def test_no_float_on_the_way() -> None:
    """Amounts far beyond the precision of a float stay exact: 2^50 octets at 20.16 a megabyte."""
    price = priced(Leg(0, MAX_UNITS, 1024, 39_375), denominator=2)
    assert cost(price, MAX_UNITS) == 2**30 * 20_160_000
    assert cost(price, MAX_UNITS - 1024) == 2**30 * 20_160_000 - 19_687  # less 19687.5, half up


# --- the largest quantity ---------------------------------------------------------------------------


@given(
    price=prices(),
    used=st.integers(0, 120),
    wanted=st.integers(1, 200),
    money=st.one_of(st.integers(0, 2000), st.integers(0, 10**11)),
)
def test_affordable_is_the_largest(price: Price, used: int, wanted: int, money: int) -> None:
    """What is granted is paid for, and one unit more could not be: every quantity is tried."""

    def is_payable(units: int) -> bool:
        before, after = by_fractions(price, used), by_fractions(price, used + units)
        is_inside = used + units <= price.legs[-1].end and in_quanta(price, after) <= money
        return is_inside and (money >= price.rounding.quantum or after == before)

    got = affordable(price, money, wanted, used)
    assert got == max((units for units in range(1, wanted + 1) if is_payable(units)), default=0)
    if got:
        assert cost(price, used + got) <= money


@given(
    price=prices(), wanted=st.integers(1, 300), money=st.integers(0, 5000), more=st.integers(0, 99)
)
def test_more_money_never_buys_less(price: Price, wanted: int, money: int, more: int) -> None:
    """The grant grows with the money."""
    assert affordable(price, money + more, wanted) >= affordable(price, money, wanted)


# --- what prices are told apart by ----------------------------------------------------------------


def test_free() -> None:
    """No step and no entry costs anything, and nothing is counted on the way."""
    free = priced(Leg(0, MAX_UNITS, 60, 0))
    assert is_free(free)
    assert not is_free(priced(Leg(0, MAX_UNITS, 60, 1)))
    assert not is_free(priced(Leg(0, MAX_UNITS, 60, 0, 30)))
    assert not is_free(replace(free, draws=(Draw("day", 60, 60),)))
    assert not is_free(replace(free, then=free))


def test_limited() -> None:
    """The last tier decides: where it is counted too, nothing serves behind it."""
    endless = priced(Leg(0, MAX_UNITS, 60, 1))
    counted = replace(endless, draws=(Draw("day", 60, 60),))
    assert not is_limited(endless)
    assert is_limited(counted)
    assert not is_limited(replace(counted, then=endless))
    assert is_limited(replace(counted, then=counted))


def test_compared() -> None:
    """By an hour, exactly; two directions of data together, a megabyte of each."""
    assert compared_cost(()) == 0
    assert compared_cost((priced(Leg(0, MAX_UNITS, 60, 1), denominator=7),)) == Fraction(60, 7)
    data = replace(priced(Leg(0, MAX_UNITS, 1024, 2, 1), denominator=3), unit=UnitKind.OCTETS)
    assert compared_cost((data, data)) == 2 * Fraction(2049, 3)
