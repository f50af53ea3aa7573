"""One price as people write it becomes legs of integers: exactly, or with a sentence that says why not.

The cost of a step is a fraction of a micro; all fractions of a price get one denominator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Protocol

from ocs.model import Draw, Leg, Price, Rounding, RoundingMode, UnitKind
from ocs.rating.price import MAX_UNITS
from ocs.rating.read_value import is_table, percent

#: Doubles are exact below this; the store multiplies a remainder below the denominator by the price.
EXACT_BELOW = 2**53
STRETCH_KEYS = ("until", "price", "step")
TAX_KEYS = ("rate", "included", "levy")
THEN_KEYS = (
    "price", "per", "step", "maximum", "setup", "stretches", "minimum", "free", "least", "at_most",
    "min_balance", "counter", "then", "tax", "rounding", "quantum",
)  # fmt: skip
#: What a `then` does not take over from the price before it.
OWN = ("counter", "then", "setup", "price", "stretches")
INEXACT = "a price that stays exact: a smaller price or step"

#: The unit of each counter, by its name.
CounterUnits = Mapping[str, str]


class Reports(Protocol):
    """Where values are read and problems go: the reader of the file."""

    minor_unit: int
    counters: CounterUnits | None
    tax: "Tax"

    def problem(self, key: str, expected: str) -> None: ...
    def known(self, where: str, given: Mapping[str, object], keys: tuple[str, ...]) -> None: ...
    def amount(self, key: str, given: object) -> int | None: ...
    def quantity(self, key: str, given: object, unit: UnitKind) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Tax:
    """`factor` makes what is written what is paid; `share` of what is paid is tax and levy."""

    factor: Fraction = Fraction(1)
    share: Fraction = Fraction(0)


def read_tax(reports: Reports, key: str, given: object) -> Tax | None:
    """Taxes on a price: { rate = "12 %" } is part of it unless included = false. A levy comes on the
    price without tax, and is never part of what is written."""
    if not is_table(given):
        reports.problem(key, 'a table: { rate = "12 %" }')
        return None
    reports.known(f"{key}.", given, TAX_KEYS)
    rate, levy = percent(given.get("rate", "0 %")), percent(given.get("levy", "0 %"))
    included = given.get("included", True)
    for name, value in (("rate", rate), ("levy", levy)):
        if value is None:
            reports.problem(f"{key}.{name}", 'a percentage in quotes: "12 %"')
    if not isinstance(included, bool):
        reports.problem(f"{key}.included", "true or false")
        return None
    if rate is None or levy is None:
        return None
    gross = 1 + rate + levy  # of a net price of 1
    written = 1 + rate if included else Fraction(1)
    return Tax(gross * _inverse(written), (rate + levy) * _inverse(gross))


def _inverse(value: Fraction) -> Fraction:
    return Fraction(value.denominator, value.numerator)


class PriceBuilder:
    """Builds the price of one table."""

    def __init__(
        self,
        reports: Reports,
        key: str,
        given: Mapping[str, object],
        unit: UnitKind,
        name: str,
    ) -> None:
        self._reports = reports
        self._key = key
        self._given = given
        self._unit = unit
        self._name = name

    def build(self) -> Price | None:
        """The price, or None when something is wrong with it."""
        per = self._quantity("per")
        step = self._quantity("step") if "step" in self._given else per
        maximum = self._quantity("maximum") if "maximum" in self._given else 0
        amounts = {
            name: self._reports.amount(f"{self._key}.{name}", self._given.get(name, "0"))
            for name in ("setup", "least", "at_most", "min_balance")
        }
        rounding = self._rounding()
        tax = self._tax()
        stretches = self._stretches(step)
        setup, least, most, needs = amounts.values()
        if per is None or step is None or maximum is None or rounding is None or tax is None:
            return None
        if setup is None or least is None or most is None or needs is None or not stretches:
            return None
        if 0 < most < least:
            self._problem("at_most", "an amount that is not below least")
            return None
        costs = [Fraction(amount * each, per) * tax.factor for amount, _, _, each in stretches]
        entry = setup * tax.factor
        denominator = lcm(entry.denominator, *(each.denominator for each in costs))
        legs = tuple(
            Leg(start, end, each, int(cost * denominator))
            for cost, (_, start, end, each) in zip(costs, stretches, strict=True)
        )
        legs, floor = self._shifted(legs)
        first = replace(legs[0], entry=legs[0].entry + int(entry * denominator))
        legs = (first, *legs[1:])
        if any(max(leg.price, leg.entry) * denominator >= EXACT_BELOW for leg in legs):
            self._problem("price", INEXACT)
            return None
        price = Price(
            self._unit, rounding, denominator, legs, self._name, least=least, most=most, floor=floor,
            limit=maximum, needs=needs, tax=tax.share.as_integer_ratio(),
        )  # fmt: skip
        return self._counted(price)

    def _problem(self, name: str, expected: str) -> None:
        self._reports.problem(f"{self._key}.{name}", expected)

    def _quantity(self, name: str) -> int | None:
        return self._reports.quantity(f"{self._key}.{name}", self._given.get(name), self._unit)

    def _tax(self) -> Tax | None:
        if "tax" not in self._given:
            return self._reports.tax
        return read_tax(self._reports, f"{self._key}.tax", self._given["tax"])

    def _stretches(self, step: int | None) -> list[tuple[int, int, int, int]]:
        """(amount, start, end, step) of each stretch of the event."""
        if "stretches" not in self._given:
            amount = self._reports.amount(f"{self._key}.price", self._given.get("price"))
            return [] if amount is None or step is None else [(amount, 0, MAX_UNITS, step)]
        if "price" in self._given:
            self._problem("price", "either price or stretches, not both")
        listed = self._given["stretches"]
        found: list[tuple[int, int, int, int]] = []
        start = 0
        for number, each in enumerate(listed if isinstance(listed, list) else [], 1):
            where = f"{self._key}.stretches[{number}]"
            if not is_table(each):
                self._reports.problem(where, 'a table: { until = "2 min", price = "1.00" }')
                return []
            self._reports.known(f"{where}.", each, STRETCH_KEYS)
            amount = self._reports.amount(f"{where}.price", each.get("price"))
            end, own = self._of_stretch(where, each, "until", MAX_UNITS), step
            if "step" in each:
                own = self._of_stretch(where, each, "step", None)
            if amount is None or end is None or own is None:
                return []
            if end <= start:
                self._reports.problem(where, "an end behind its start")
                return []
            if (end - start) % own and end != MAX_UNITS:
                self._problem("stretches", "an until on whole steps in each stretch")
                return []
            found.append((amount, start, end, own))
            start = end
        if not found or found[-1][2] != MAX_UNITS:
            self._problem("stretches", "a list of stretches, the last without until")
            return []
        return found

    def _of_stretch(
        self, where: str, given: Mapping[str, object], name: str, left_out: int | None
    ) -> int | None:
        if name not in given:
            return left_out
        return self._reports.quantity(f"{where}.{name}", given[name], self._unit)

    def _shifted(self, legs: tuple[Leg, ...]) -> tuple[tuple[Leg, ...], int]:
        """The legs with free units or a minimum at their beginning, and Price.floor."""
        if "free" in self._given and "minimum" in self._given:
            self._problem("free", "either free or minimum, not both")
        if "free" in self._given:
            free = self._quantity("free") or 1
            if free == MAX_UNITS:
                self._problem("free", "less than an event may be long")
                free = 1
            begins, rest = _behind(legs, free + 1)
            # The step that the first unit behind them begins pays for all from the start.
            paid = Leg(free, begins, begins - free, 0, entry=_numerator(legs, begins))
            return (Leg(0, free, free, 0), paid, *rest), free + 1
        if "minimum" in self._given:
            begins, rest = _behind(legs, self._quantity("minimum") or 1)
            return (Leg(0, begins, begins, 0, entry=_numerator(legs, begins)), *rest), 0
        return legs, 0

    def _counted(self, price: Price) -> Price | None:
        """The price with its counter, and the price that serves once the counter is used up."""
        counter = self._given.get("counter")
        if counter is None:
            if "then" in self._given:
                self._problem("then", "a counter, once it is used up this price serves")
                return None
            return price
        counters = self._reports.counters
        if not isinstance(counter, str) or (counters is not None and counter not in counters):
            known = ", ".join(sorted(counters or ())) or "none are there"
            self._problem("counter", f"a counter of catalogue.toml ({known})")
            return None
        of = (counters or {}).get(counter, self._unit.value)
        if of == self._unit.value:
            draw = Draw(counter, price.legs[0].step, price.legs[0].step)
        elif of == UnitKind.MONEY.value:
            draw = Draw(counter, 0)
        else:
            draw = Draw(counter, MAX_UNITS, 0, 1)
        then = self._then(of)
        if "then" in self._given and then is None:
            return None
        return replace(price, draws=(draw,), then=then)

    def _then(self, of: str) -> Price | None:
        given = self._given.get("then")
        base = {name: each for name, each in self._given.items() if name not in OWN}
        if given is None:
            if "setup" not in self._given or of in (self._unit.value, UnitKind.MONEY.value):
                return None
            # An access charge that comes once in a period: without it, the same price goes on.
            given = {
                name: self._given[name] for name in ("price", "stretches") if name in self._given
            }
        if not is_table(given):
            self._problem("then", 'a table: { price = "1.00" }')
            return None
        self._reports.known(f"{self._key}.then.", given, THEN_KEYS)
        return PriceBuilder(
            self._reports, f"{self._key}.then", {**base, **given}, self._unit, self._name
        ).build()

    def _rounding(self) -> Rounding | None:
        mode = self._given.get("rounding", "half_up")
        if mode not in ("half_up", "up"):
            self._problem("rounding", '"half_up" or "up"')
            return None
        quantum: int | None = self._reports.minor_unit
        if "quantum" in self._given:
            quantum = self._reports.amount(f"{self._key}.quantum", self._given["quantum"])
        if quantum == 0:
            self._problem("quantum", "an amount above 0")
        if not quantum:
            return None
        return Rounding(RoundingMode(str(mode)), quantum)


def _numerator(legs: tuple[Leg, ...], units: int) -> int:
    """What the first `units` cost, over the denominator."""
    return sum(
        leg.entry + -(-(min(units, leg.end) - leg.start) // leg.step) * leg.price
        for leg in legs
        if units > leg.start
    )


def _behind(legs: tuple[Leg, ...], unit: int) -> tuple[int, tuple[Leg, ...]]:
    """Where the step ends that the unit (counted from 1) is in, and the legs from there on."""
    number = next(i for i, leg in enumerate(legs) if unit <= leg.end)
    leg = legs[number]
    begins = min(leg.start - (leg.start - unit) // leg.step * leg.step, leg.end)
    rest = legs[number + 1 :]
    return begins, (replace(leg, start=begins, entry=0), *rest) if begins < leg.end else rest
