"""Units <-> money, exactly: the arithmetic of legs (the ledger's function does the same in the store).

Everything is an integer; the one rounding is a named rule on the running total of one event.
"""

from ocs.model import Micros, Price, RoundingMode

#: No event is longer; the end of a leg that has none.
MAX_UNITS = 2**50


def exact_cost(price: Price, units: int) -> tuple[int, int]:
    """The cost of the first `units` of an event as whole micros and a rest over the denominator."""
    whole, rest = 0, 0
    last = price.legs[-1]
    for leg in price.legs:
        stop = units if leg is last else min(units, leg.end)
        if stop > leg.start:
            steps = -((leg.start - stop) // leg.step)
            whole += leg.entry_micros
            rest += steps * leg.price
    return whole + rest // price.denominator, rest % price.denominator


def cost(price: Price, units: int) -> Micros:
    """The cost of the first `units` of an event, rounded once."""
    whole, rest = exact_cost(price, units)
    return Micros(rounded(price, whole, rest))


def rounded(price: Price, whole: int, rest: int) -> int:
    """`whole + rest/denominator` micros by the price's rounding mode and quantum."""
    quantum = price.rounding.quantum
    if price.rounding.mode is RoundingMode.UP:
        return -(-(whole + (rest > 0)) // quantum) * quantum
    half = 2 * rest >= price.denominator
    return (2 * whole + half + quantum) // (2 * quantum) * quantum


def can_pay(price: Price, used: int, stop: int, money: int) -> bool:
    """Whether an event that has used `used` can go on to `stop` with `money` for all of it.

    A paid stretch needs one quantum even where its first steps round to nothing.
    """
    if stop > price.legs[-1].end or cost(price, stop) > money:
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
