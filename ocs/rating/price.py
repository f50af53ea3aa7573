"""Units <-> money, exactly: the arithmetic of legs (the ledger's function does the same in the store).

Everything is an integer; the one rounding is a named rule on the running total of one event.
"""

from collections.abc import Sequence
from fractions import Fraction

from ocs.model import Charge, Leg, Micros, Price, RoundingMode, UnitKind

#: No event is longer; the end of a leg that has none.
MAX_UNITS = 2**50
#: How much usage two prices are compared by: an hour, a megabyte, an event.
COMPARED = {UnitKind.SECONDS: 3600, UnitKind.OCTETS: 1024**2, UnitKind.EVENTS: 1}


def legs_cost(legs: Sequence[Leg], units: int) -> int:
    """What the first `units` of an axis cost, as a numerator over the denominator.

    Units past the last leg are priced by it, so that usage beyond any grant is never free.
    """
    total = 0
    for leg in legs:
        stop = units if leg is legs[-1] else min(units, leg.end)
        if stop > leg.start:
            total += leg.entry + -((leg.start - stop) // leg.step) * leg.price
    return total


def exact_cost(price: Price, units: int) -> tuple[int, int]:
    """The cost of the first `units` of an event as whole micros and a rest over the denominator."""
    return divmod(legs_cost(price.legs, units), price.denominator)


def cost(price: Price, units: int) -> Micros:
    """The cost of the first `units` of an event, rounded once."""
    return Micros(rounded(price, *exact_cost(price, units)))


def rounded(price: Price | Charge, whole: int, rest: int) -> int:
    """`whole + rest/denominator` micros as money: rounded, then kept within `least` and `most`."""
    quantum = price.rounding.quantum
    if price.rounding.mode is RoundingMode.UP:
        money = -(-(whole + (rest > 0)) // quantum) * quantum
    else:
        half = 2 * rest >= price.denominator
        money = (2 * whole + half + quantum) // (2 * quantum) * quantum
    if whole > 0 or rest > 0:
        money = max(money, price.least)
    return min(money, price.most) if price.most else money


def can_pay(price: Price, used: int, stop: int, money: int) -> bool:
    """Whether an event that has used `used` can go on to `stop` with `money` for all of it.

    A paid stretch needs one quantum even where its first steps round to nothing.
    """
    if stop > price.legs[-1].end or 0 < price.limit < stop or cost(price, stop) > money:
        return False
    return money >= price.rounding.quantum or exact_cost(price, stop) == exact_cost(price, used)


def affordable(price: Price, money: int, wanted: int, used: int = 0) -> int:
    """The largest quantity up to `wanted` beyond `used` that `money` can pay, the used included."""
    if can_pay(price, used, used + wanted, money):
        return wanted
    low, high = 0, wanted
    while high - low > 1:
        middle = (low + high) // 2
        if can_pay(price, used, used + middle, money):
            low = middle
        else:
            high = middle
    return low


def is_free(price: Price) -> bool:
    """Whether no usage of a price costs anything."""
    is_counted = price.draws or price.then is not None
    return not is_counted and not any(leg.price or leg.entry for leg in price.legs)


def is_limited(price: Price) -> bool:
    """Whether the last tier of a price comes to an end by itself."""
    while price.then is not None:
        price = price.then
    return bool(price.draws)


def compared_cost(prices: Sequence[Price]) -> Fraction:
    """What prices of one service are compared by."""
    exact = ((exact_cost(price, COMPARED[price.unit]), price) for price in prices)
    return sum((whole + Fraction(rest, of.denominator) for (whole, rest), of in exact), Fraction(0))
