"""The store's arithmetic of legs against exact fractions, and against the rating function's."""

from fractions import Fraction
from math import ceil, floor

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis as SyncRedis

from ocs.abmf.library import FOLDER
from ocs.model import Leg, Price, Rounding, RoundingMode, UnitKind
from ocs.rating.price import affordable, cost

SCRIPT = (
    (FOLDER / "lib" / "money.lua").read_text()
    + """
local charge = {mode = ARGV[1], quantum = tonumber(ARGV[2]), denominator = tonumber(ARGV[3]), legs = {}}
for i = 7, #ARGV, 5 do
  charge.legs[#charge.legs + 1] = {start = tonumber(ARGV[i]), stop = tonumber(ARGV[i + 1]),
    step = tonumber(ARGV[i + 2]), price = tonumber(ARGV[i + 3]), entry = tonumber(ARGV[i + 4])}
end
local used, wanted, money = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
return {rounded(charge, used), rounded(charge, used + wanted), affordable(charge, used, wanted, money)}
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
        legs.append(Leg(start, end, step, min(price, 2**33), draw(st.sampled_from([0, 250_000]))))
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
            total += leg.entry_micros + Fraction(steps * leg.price, price.denominator)
    quanta = total / price.rounding.quantum
    whole = (
        ceil(quanta) if price.rounding.mode is RoundingMode.UP else floor(quanta + Fraction(1, 2))
    )
    return whole * price.rounding.quantum


@given(
    price=prices(),
    used=st.integers(0, 10_000),
    wanted=st.integers(1, 10_000_000),
    money=st.one_of(st.integers(0, 10**7), st.integers(0, 9 * 10**15)),
)
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_lua_equals_fractions(
    store_url: str, price: Price, used: int, wanted: int, money: int
) -> None:
    """Exact costs, rounded once; the largest quantity that can be paid, and not one more."""
    rounding = price.rounding
    values: list[str | int] = [rounding.mode.value, rounding.quantum, price.denominator]
    values += [used, wanted, money]
    for leg in price.legs:
        values += [leg.start, leg.end, leg.step, leg.price, leg.entry_micros]
    with SyncRedis.from_url(store_url) as client:
        before, after, quantity = client.eval(SCRIPT, 0, *values)
    assert before == by_fractions(price, used) == cost(price, used)
    assert after == by_fractions(price, used + wanted)
    assert quantity == affordable(price, money, wanted, used)
    if quantity:
        assert by_fractions(price, used + quantity) <= money
    if quantity < wanted and used + quantity < price.legs[-1].end and money >= rounding.quantum:
        assert by_fractions(price, used + quantity + 1) > money
