"""The store's arithmetic of legs against exact fractions."""

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

from hypothesis import HealthCheck, given, settings, strategies as st
from redis import Redis as SyncRedis

from ocs.abmf.library import FOLDER
from ocs.model import AMOUNT_LIMIT, Leg, Price, Rounding, RoundingMode, UnitKind

SCRIPT = (
    (FOLDER / "lib" / "money.lua").read_text()
    + """
local charge = {mode = ARGV[1], quantum = tonumber(ARGV[2]), denominator = tonumber(ARGV[3]),
  least = tonumber(ARGV[5]), most = tonumber(ARGV[6])}
local legs = {}
for i = 7, #ARGV, 5 do
  legs[#legs + 1] = {start = tonumber(ARGV[i]), stop = tonumber(ARGV[i + 1]),
    step = tonumber(ARGV[i + 2]), price = tonumber(ARGV[i + 3]), entry = tonumber(ARGV[i + 4])}
end
return {rounded(charge, cost(legs, charge.denominator, tonumber(ARGV[4])))}
"""
)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """Prices as the catalogue lets them through: price * denominator stays below 2^53."""
    denominator = draw(st.sampled_from([1, 2, 3, 60, 1024, 16384, 2**20]))
    legs, start = [], 0
    for _ in range(draw(st.integers(1, 3))):
        step = draw(st.sampled_from([1, 6, 60, 1024]))
        end = start + step * draw(st.integers(1, 100_000))
        price = draw(
            st.one_of(st.just(0), st.integers(0, 10**6), st.integers(0, 2**53 // denominator - 1))
        )
        legs.append(
            Leg(start, end, step, min(price, 2**33), draw(st.sampled_from([0, 250_000, 250_001])))
        )
        start = end
    quantum = draw(st.sampled_from([1, 2, 3, 10_000, 1_000_000]))
    mode = draw(st.sampled_from(RoundingMode))
    return Price(UnitKind.SECONDS, Rounding(mode, quantum), denominator, tuple(legs), "")


def by_fractions(price: Price, units: int) -> int:
    """The rounded cost, the plain way."""
    total = Fraction(0)
    for leg in price.legs:
        stop = units if leg is price.legs[-1] else min(units, leg.end)
        if stop > leg.start:
            steps = ceil(Fraction(stop - leg.start, leg.step))
            total += Fraction(leg.entry + steps * leg.price, price.denominator)
    quanta = total / price.rounding.quantum
    whole = (
        ceil(quanta) if price.rounding.mode is RoundingMode.UP else floor(quanta + Fraction(1, 2))
    )
    money = whole * price.rounding.quantum
    if total > 0:
        money = max(money, price.least)
    return min(money, price.most) if price.most else money


@given(
    price=prices(),
    units=st.one_of(st.integers(0, 10_000), st.integers(0, 10_000_000)),
    least=st.sampled_from([0, 0, 1, 40_000]),
    most=st.sampled_from([0, 0, 45_000, 10**9]),
)
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_lua_equals_fractions(
    store_url: str, price: Price, units: int, least: int, most: int
) -> None:
    """Exact costs, rounded once, within what an event costs at the least and at the most."""
    price = replace(price, least=least, most=most)
    rounding = price.rounding
    values: list[str | int] = [rounding.mode.value, rounding.quantum, price.denominator]
    values += [units, least, most]
    for leg in price.legs:
        values += [leg.start, leg.end, leg.step, leg.price, leg.entry]
    with SyncRedis.from_url(store_url) as client:
        (found,) = client.eval(SCRIPT, 0, *values)
    expected = by_fractions(price, units)
    if expected < AMOUNT_LIMIT:
        assert found == expected
    else:
        assert found >= AMOUNT_LIMIT  # no longer exact, and more than any account holds
