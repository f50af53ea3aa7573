"""Reading one tariff file: prices as people write them become legs of integers.

Every error is collected with its key; a tariff with errors is not built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import TypeGuard

from ocs.model import MICROS, Leg, Price, Rounding, RoundingMode, UnitKind, UtcMillis
from ocs.rating.price import MAX_UNITS
from ocs.rating.tariff import ANY, HOME, VISITED, PriceRule, Tariff, changes_of

UNITS = {
    UnitKind.SECONDS: {"s": 1, "min": 60, "h": 3600},
    UnitKind.OCTETS: {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3},
    UnitKind.EVENTS: {"event": 1, "message": 1},
}
SERVICE_UNITS = {
    "voice": UnitKind.SECONDS,
    "video": UnitKind.SECONDS,
    "data": UnitKind.OCTETS,
    "sms": UnitKind.EVENTS,
    "mms": UnitKind.EVENTS,
    "vas": UnitKind.EVENTS,
}
TARIFF_KEYS = ("id", "name", "prices")
PRICE_KEYS = (
    "service", "price", "per", "step", "maximum", "setup", "stretches", "destinations",
    "rating_groups", "service_identifiers", "message_classes", "fee", "direction", "networks",
    "from", "to", "counts", "rounding", "quantum",
)  # fmt: skip
STRETCH_KEYS = ("until", "price")
FEES = {"paid": True, "unpaid": False}
DIRECTIONS = ("originating", "terminating")
NETWORKS = (HOME, VISITED, ANY)
TOTAL = "total"
COUNTS = (TOTAL, "input", "output")
#: Class-Identifier (TS 32.299, AVP 1214), each at its value.
MESSAGE_CLASSES = ("personal", "advertisement", "informational", "auto")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Digits before the decimal point. The store doubles a cost when it rounds, and stays exact so.
AMOUNT_DIGITS = 9
#: Unsigned32: Rating-Group and Service-Identifier (RFC 8506, 8.29 and 8.28).
IDENTIFIERS = range(2**32)
#: Doubles are exact below this; the store multiplies a remainder below the denominator by the price.
EXACT_BELOW = 2**53


def _listed(numbers: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


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
    """Reads one file; problems go to the list it was given.

    `classes` of numbers and `home_networks` are None where they could not be read themselves.
    """

    def __init__(
        self,
        file: str,
        decimals: int,
        classes: frozenset[str] | None,
        problems: list[Problem],
        home_networks: frozenset[str] | None = frozenset(),
    ) -> None:
        self._file = file
        self._minor_unit = MICROS // 10**decimals
        self._classes = classes
        self._home_networks = home_networks
        self._problems = problems

    def _problem(self, key: str, expected: str) -> None:
        self._problems.append(Problem(self._file, key, expected))

    def tariff(self, given: Mapping[str, object]) -> Tariff | None:
        """The tariff of the file, or None when something is wrong with it."""
        before = len(self._problems)
        self._known("", given, TARIFF_KEYS)
        identifier, name = given.get("id"), given.get("name", given.get("id"))
        if not isinstance(identifier, str) or [identifier] != identifier.split():
            self._problem("id", "a name without spaces, in quotes")
        if "name" in given and not (isinstance(name, str) and name):
            self._problem("name", "a name in quotes")
        prices = given.get("prices")
        rules: list[PriceRule] = []
        if not isinstance(prices, list) or not prices:
            self._problem("prices", "at least one [[prices]]")
        else:
            for number, each in enumerate(prices, 1):
                rule = self._rule(f"prices[{number}]", each, str(identifier))
                if rule is not None:
                    rules.append(rule)
        if len(self._problems) == before:
            self._directions_of_data(rules)
        if len(self._problems) > before:
            return None
        return Tariff(str(identifier), str(name), tuple(rules), changes_of(rules))

    def _directions_of_data(self, rules: list[PriceRule]) -> None:
        """Whoever prices one direction prices the other too, or its octets would be lost."""
        for number, rule in enumerate(rules, 1):
            counts = rule.price.counts
            if counts != TOTAL and not any(
                each.price.counts not in (TOTAL, counts) and replace(each, price=rule.price) == rule
                for each in rules
            ):
                other = COUNTS[3 - COUNTS.index(counts)]
                self._problem(
                    f"prices[{number}].counts",
                    f'a price with the same conditions that counts "{other}", be it "0"',
                )

    def _known(self, where: str, given: Mapping[str, object], keys: tuple[str, ...]) -> None:
        for unknown in sorted(given.keys() - set(keys)):
            self._problem(f"{where}{unknown}", f"no such key; known are {', '.join(keys)}")

    def _rule(self, key: str, given: object, tariff: str) -> PriceRule | None:
        if not is_table(given):
            self._problem(key, "a table: [[prices]]")
            return None
        self._known(f"{key}.", given, PRICE_KEYS)
        service = str(given.get("service"))
        unit = SERVICE_UNITS.get(service)
        if unit is None:
            self._problem(f"{key}.service", f"one of {', '.join(SERVICE_UNITS)}")
            return None
        destinations = self._destinations(f"{key}.destinations", given.get("destinations", []))
        groups = self._identifiers(key, given, "rating_groups")
        identifiers = self._identifiers(key, given, "service_identifiers")
        messages = self._message_classes(key, given, service)
        fee = self._word(key, given, "fee", tuple(FEES))
        direction = self._word(key, given, "direction", DIRECTIONS)
        networks = self._networks(key, given)
        begins, ends = self._moment(key, given, "from"), self._moment(key, given, "to")
        if begins is not None and ends is not None and ends <= begins:
            self._problem(f"{key}.to", "a moment behind from")
        counts = self._word(key, given, "counts", COUNTS) or TOTAL
        if "counts" in given and service != "data":
            self._problem(f"{key}.counts", 'only with service = "data"')
        conditions = [
            direction,
            ", ".join(sorted(destinations)),
            f"fee {fee}" if fee else "",
            f"group {_listed(groups)}" if groups else "",
            f"service {_listed(identifiers)}" if identifiers else "",
            ", ".join(MESSAGE_CLASSES[each] for each in sorted(messages)),
            networks if networks == VISITED else "",
            counts if counts != TOTAL else "",
        ]
        name = " ".join(filter(None, [tariff, service, *conditions]))
        price = self._price(key, given, unit, name)
        if price is None:
            return None
        return PriceRule(
            service, replace(price, counts=counts), destinations, groups, FEES.get(fee), direction,
            identifiers, messages, networks, begins, ends,
        )  # fmt: skip

    def _word(
        self, key: str, given: Mapping[str, object], name: str, words: tuple[str, ...]
    ) -> str:
        """One of the words, "" where it is left out or wrong."""
        word = given.get(name)
        if name in given and word not in words:
            *quoted, last = (f'"{each}"' for each in words)
            self._problem(f"{key}.{name}", f"{', '.join(quoted)} or {last}")
            return ""
        return str(word or "")

    def _identifiers(self, key: str, given: Mapping[str, object], name: str) -> frozenset[int]:
        listed = given.get(name, [])
        if not isinstance(listed, list) or not all(
            type(each) is int and each in IDENTIFIERS for each in listed
        ):
            self._problem(f"{key}.{name}", "a list of whole numbers from 0 to 4294967295")
            return frozenset()
        return frozenset(listed)

    def _message_classes(
        self, key: str, given: Mapping[str, object], service: str
    ) -> frozenset[int]:
        listed = given.get("message_classes", [])
        if not isinstance(listed, list) or not all(each in MESSAGE_CLASSES for each in listed):
            known = ", ".join(MESSAGE_CLASSES)
            self._problem(f"{key}.message_classes", f"a list of names in quotes ({known})")
            return frozenset()
        if "message_classes" in given and service != "mms":
            self._problem(f"{key}.message_classes", 'only with service = "mms"')
        return frozenset(map(MESSAGE_CLASSES.index, listed))

    def _networks(self, key: str, given: Mapping[str, object]) -> str:
        """Home prices are not valid abroad unless they say so."""
        networks = self._word(key, given, "networks", NETWORKS)
        if networks in (HOME, VISITED) and self._home_networks == frozenset():
            self._problem(f"{key}.networks", "home_networks in catalogue.toml, to tell them apart")
        return networks or (HOME if self._home_networks else ANY)

    def _moment(self, key: str, given: Mapping[str, object], name: str) -> UtcMillis | None:
        moment = given.get(name)
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return UtcMillis((moment - EPOCH) // timedelta(milliseconds=1))
        if name in given:
            self._problem(
                f"{key}.{name}", "a moment with its zone, not in quotes: 2016-07-01T00:00:00+06:00"
            )
        return None

    def _destinations(self, key: str, given: object) -> frozenset[str]:
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            self._problem(key, "a list of names in quotes")
            return frozenset()
        if self._classes is not None:
            known = ", ".join(sorted(self._classes))
            for unknown in sorted(set(given) - self._classes):
                self._problem(key, f"a class of numbers ({known}), not {unknown!r}")
        return frozenset(given)

    def _price(
        self, key: str, given: Mapping[str, object], unit: UnitKind, name: str
    ) -> Price | None:
        per = self._quantity(f"{key}.per", given.get("per"), unit)
        step = per
        if "step" in given:
            step = self._quantity(f"{key}.step", given["step"], unit)
        maximum = None
        if "maximum" in given:
            maximum = self._quantity(f"{key}.maximum", given["maximum"], unit)
        setup = self._amount(f"{key}.setup", given.get("setup", "0"))
        rounding = self._rounding(key, given)
        stretches = self._stretches(key, given, unit, maximum or MAX_UNITS)
        if per is None or step is None or setup is None or rounding is None or not stretches:
            return None
        # Cost of a step = amount * step / per; one denominator for all stretches.
        divisor = per
        for amount, _, _ in stretches:
            divisor = gcd(divisor, amount * step)
        denominator = per // divisor
        end_of_all = stretches[-1][2]
        legs = []
        for number, (amount, start, end) in enumerate(stretches):
            if (end - start) % step and end != end_of_all:
                self._problem(f"{key}.stretches", "an until on whole steps in each stretch")
                return None
            numerator = amount * step // divisor
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
        if "price" in given:
            self._problem(f"{key}.price", "either price or stretches, not both")
        found: list[tuple[int, int, int]] = []
        start = 0
        listed = given["stretches"]
        for number, each in enumerate(listed if isinstance(listed, list) else [], 1):
            where = f"{key}.stretches[{number}]"
            if not is_table(each):
                self._problem(where, 'a table: { until = "2 min", price = "1.00" }')
                return []
            self._known(f"{where}.", each, STRETCH_KEYS)
            amount = self._amount(f"{where}.price", each.get("price"))
            end: int | None = maximum
            if "until" in each:
                end = self._quantity(f"{where}.until", each["until"], unit)
            if amount is None or end is None:
                return []
            if end <= start:
                self._problem(where, "an end behind its start, and before the maximum")
                return []
            found.append((amount, start, end))
            start = end
        if not found or found[-1][2] != maximum:
            self._problem(f"{key}.stretches", "a list of stretches, the last without until")
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
        if quantum == 0:
            self._problem(f"{key}.quantum", "an amount above 0")
        if not quantum:
            return None
        return Rounding(RoundingMode(str(mode)), quantum)

    def _amount(self, key: str, given: object) -> int | None:
        """Micros of a decimal string, at most six decimals, not negative."""
        text = given if isinstance(given, str) else ""
        whole, point, fraction = text.partition(".")
        digits = whole + fraction
        if (
            not (digits.isascii() and digits.isdigit())
            or not 1 <= len(whole) <= AMOUNT_DIGITS
            or not bool(point) <= len(fraction) <= 6
        ):
            self._problem(
                key, 'an amount in quotes, below 10^9 and with at most 6 decimals: "11.00"'
            )
            return None
        return int(whole) * MICROS + int(fraction.ljust(6, "0"))

    def _quantity(self, key: str, given: object, unit: UnitKind) -> int | None:
        """Units of a text like "1 min"."""
        text = given if isinstance(given, str) else ""
        number, _, name = text.partition(" ")
        factor = UNITS[unit].get(name, 0)
        # Digits are counted before they are read: a text of thousands of them is no number.
        is_number = number.isascii() and number.isdigit() and len(number) <= len(str(MAX_UNITS))
        if not is_number or not 0 < int(number) * factor <= MAX_UNITS:
            units = ", ".join(UNITS[unit])
            self._problem(key, f'a quantity like "1 {next(iter(UNITS[unit]))}" ({units})')
            return None
        return int(number) * factor
