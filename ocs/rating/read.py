"""Reading one tariff file: prices as people write them become legs of integers.

Every error is collected with its key; a tariff with errors is not built.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from typing import TypeGuard

from ocs.model import MICROS, Leg, Price, Rounding, RoundingMode, UnitKind
from ocs.rating.price import MAX_UNITS
from ocs.rating.tariff import PriceRule, Tariff

UNITS = {
    UnitKind.SECONDS: {"s": 1, "min": 60, "h": 3600},
    UnitKind.OCTETS: {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3},
    UnitKind.EVENTS: {"event": 1, "message": 1},
}
SERVICE_UNITS = {
    "voice": UnitKind.SECONDS,
    "data": UnitKind.OCTETS,
    "sms": UnitKind.EVENTS,
    "mms": UnitKind.EVENTS,
}
PRICE_KEYS = frozenset(
    ("service", "price", "per", "step", "maximum", "setup", "stretches", "destinations",
     "rating_groups", "fee", "direction", "rounding", "quantum")
)  # fmt: skip
STRETCH_KEYS = frozenset(("until", "price"))
#: Doubles are exact below this; the store multiplies a remainder below the denominator by the price.
EXACT_BELOW = 2**53


@dataclass(frozen=True, slots=True)
class Problem:
    """One error: where, and what was expected."""

    file: str
    key: str
    expected: str


def is_table(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a TOML value is a table."""
    return isinstance(value, dict)


class PriceReader:
    """Reads one file; problems go to the list it was given."""

    def __init__(
        self, file: str, decimals: int, classes: frozenset[str], problems: list[Problem]
    ) -> None:
        self._file = file
        self._minor_unit = MICROS // 10**decimals
        self._classes = classes
        self._problems = problems

    def _problem(self, key: str, expected: str) -> None:
        self._problems.append(Problem(self._file, key, expected))

    def tariff(self, given: Mapping[str, object]) -> Tariff | None:
        """The tariff of the file, or None when something is wrong with it."""
        before = len(self._problems)
        for key in given.keys() - {"id", "name", "prices"}:
            self._problem(key, "no such key; known are id, name, prices")
        identifier, name = given.get("id"), given.get("name")
        if not isinstance(identifier, str) or not identifier:
            self._problem("id", "a name without spaces")
        prices = given.get("prices")
        rules: list[PriceRule] = []
        if not isinstance(prices, list) or not prices:
            self._problem("prices", "at least one [[prices]]")
        else:
            for number, each in enumerate(prices, 1):
                rule = self._rule(f"prices[{number}]", each, str(identifier))
                if rule is not None:
                    rules.append(rule)
        if len(self._problems) > before:
            return None
        return Tariff(str(identifier), str(name or identifier), tuple(rules))

    def _rule(self, key: str, given: object, tariff: str) -> PriceRule | None:
        if not is_table(given):
            self._problem(key, "a table")
            return None
        for unknown in sorted(given.keys() - PRICE_KEYS):
            self._problem(
                f"{key}.{unknown}", f"no such key; known are {', '.join(sorted(PRICE_KEYS))}"
            )
        service = given.get("service")
        unit = SERVICE_UNITS.get(str(service))
        if unit is None:
            self._problem(f"{key}.service", f"one of {', '.join(SERVICE_UNITS)}")
            return None
        destinations = self._strings(f"{key}.destinations", given.get("destinations", []))
        for unknown in sorted(destinations - self._classes):
            self._problem(
                f"{key}.destinations",
                f"a class of destinations.csv ({', '.join(sorted(self._classes))}), not {unknown!r}",
            )
        groups = given.get("rating_groups", [])
        if not isinstance(groups, list) or not all(type(each) is int for each in groups):
            self._problem(f"{key}.rating_groups", "a list of numbers")
            groups = []
        fee = {None: None, "paid": True, "unpaid": False}.get(given.get("fee"), "?")  # type: ignore[call-overload]  # any TOML value may stand here
        if fee == "?":
            self._problem(f"{key}.fee", '"paid" or "unpaid"')
        direction = given.get("direction", "")
        if direction not in ("", "originating", "terminating"):
            self._problem(f"{key}.direction", '"originating" or "terminating"')
        price = self._price(
            key, given, unit, f"{tariff} {service} {', '.join(sorted(destinations))}"
        )
        if price is None or fee == "?":
            return None
        return PriceRule(str(service), price, destinations, frozenset(groups), fee, str(direction))

    def _strings(self, key: str, given: object) -> frozenset[str]:
        if isinstance(given, list) and all(isinstance(each, str) for each in given):
            return frozenset(given)
        self._problem(key, "a list of names")
        return frozenset()

    def _price(
        self, key: str, given: Mapping[str, object], unit: UnitKind, name: str
    ) -> Price | None:
        per = self._quantity(f"{key}.per", given.get("per"), unit)
        step = self._quantity(f"{key}.step", given.get("step", given.get("per")), unit)
        maximum = MAX_UNITS
        if "maximum" in given:
            maximum = self._quantity(f"{key}.maximum", given["maximum"], unit) or 0
        setup = self._amount(f"{key}.setup", given.get("setup", "0"))
        rounding = self._rounding(key, given)
        stretches = self._stretches(key, given, unit, maximum)
        if per is None or step is None or setup is None or rounding is None or not stretches:
            return None
        # Cost of a step = amount * step / per; one denominator for all stretches.
        divisor = per
        for amount, _, _ in stretches:
            divisor = gcd(divisor, amount * step)
        denominator = per // divisor if divisor else 1
        legs = []
        for number, (amount, start, end) in enumerate(stretches):
            if (end - start) % step and end != maximum:
                self._problem(f"{key}.stretches", "ends on whole steps")
                return None
            numerator = amount * step // divisor if divisor else 0
            if numerator * denominator >= EXACT_BELOW:
                self._problem(f"{key}.price", "a price that stays exact: a smaller price or step")
                return None
            legs.append(Leg(start, end, step, numerator, setup if number == 0 else 0))
        return Price(unit, rounding, denominator, tuple(legs), name)

    def _stretches(
        self, key: str, given: Mapping[str, object], unit: UnitKind, maximum: int
    ) -> list[tuple[int, int, int]]:
        """(amount, start, end) of each stretch of the event."""
        if "stretches" not in given:
            amount = self._amount(f"{key}.price", given.get("price"))
            return [] if amount is None else [(amount, 0, maximum)]
        found: list[tuple[int, int, int]] = []
        start = 0
        listed = given["stretches"]
        for number, each in enumerate(listed if isinstance(listed, list) else [], 1):
            where = f"{key}.stretches[{number}]"
            if not is_table(each) or each.keys() - STRETCH_KEYS:
                self._problem(where, "price, and until in all but the last")
                return []
            amount = self._amount(f"{where}.price", each.get("price"))
            end: int | None = maximum
            if "until" in each:
                end = self._quantity(f"{where}.until", each["until"], unit)
            if amount is None or end is None or end <= start:
                self._problem(where, "a price, and an end behind its start")
                return []
            found.append((amount, start, end))
            start = end
        if not found or found[-1][2] != maximum:
            self._problem(f"{key}.stretches", "a last stretch without until")
            return []
        return found

    def _rounding(self, key: str, given: Mapping[str, object]) -> Rounding | None:
        mode = given.get("rounding", "half_up")
        if mode not in ("half_up", "up"):
            self._problem(f"{key}.rounding", '"half_up" or "up"')
            return None
        quantum: int | None = self._minor_unit
        if "quantum" in given:
            quantum = self._amount(f"{key}.quantum", given["quantum"])
        if not quantum:
            self._problem(f"{key}.quantum", "an amount above 0")
            return None
        return Rounding(RoundingMode(str(mode)), quantum)

    def _amount(self, key: str, given: object) -> int | None:
        """Micros of a decimal string, at most six decimals, not negative."""
        text = given if isinstance(given, str) else ""
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if not (whole and digits.isascii() and digits.isdigit() and len(fraction) <= 6):
            self._problem(key, 'an amount in quotes: "11.00"')
            return None
        return int(whole) * MICROS + int(fraction.ljust(6, "0"))

    def _quantity(self, key: str, given: object, unit: UnitKind) -> int | None:
        """Units of a text like "1 min"."""
        text = given if isinstance(given, str) else ""
        number, _, name = text.partition(" ")
        factor = UNITS[unit].get(name)
        if factor is None or not (number.isascii() and number.isdigit()) or int(number) == 0:
            self._problem(
                key, f'a quantity like "1 {next(iter(UNITS[unit]))}" ({", ".join(UNITS[unit])})'
            )
            return None
        return int(number) * factor
