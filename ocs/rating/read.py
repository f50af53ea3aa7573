"""Reading prices and their conditions: as people write them they become legs of integers.

Every error is collected with its key; a price with errors is not built.
"""

from collections.abc import Mapping
from dataclasses import replace

from ocs.model import MICROS, Price, UnitKind, UtcMillis
from ocs.rating.calendars import DAYS, Hours, read_hours
from ocs.rating.read_price import (
    CounterUnits,
    PriceBuilder,
    Tax,
)
from ocs.rating.read_value import (
    MOMENT,
    UNITS,
    Problem,
    is_table,
    micros,
    moment,
    units,
)
from ocs.rating.tariff import ANY, DIRECTIONS, HOME, NETWORKS, Conditions, PriceRule

SERVICE_UNITS = {
    "voice": UnitKind.SECONDS,
    "video": UnitKind.SECONDS,
    "data": UnitKind.OCTETS,
    "sms": UnitKind.EVENTS,
    "mms": UnitKind.EVENTS,
    "vas": UnitKind.EVENTS,
}
CONDITION_KEYS = (
    "destinations", "rating_groups", "service_identifiers", "message_classes", "fee", "direction",
    "networks", "zones", "apns", "rat_types", "when", "unless", "attributes", "hours", "days",
    "from", "to",
)  # fmt: skip
PRICE_KEYS = (
    "service", "price", "per", "step", "maximum", "setup", "stretches", "minimum", "free", "least",
    "at_most", "min_balance", "counter", "then", "tax", "counts", "rounding", "quantum",
    *CONDITION_KEYS,
)  # fmt: skip
FEES = {"paid": True, "unpaid": False}
TOTAL = "total"
COUNTS = (TOTAL, "input", "output")
#: Class-Identifier (TS 32.299, AVP 1214), each at its value.
MESSAGE_CLASSES = ("personal", "advertisement", "informational", "auto")
#: Unsigned32: Rating-Group and Service-Identifier (RFC 8506, 8.29 and 8.28).
IDENTIFIERS = range(2**32)


def _listed(numbers: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


class PriceReader:
    """Reads one file; problems go to the list it was given.

    `classes` of numbers, `home_networks`, `zones` of visited networks and the units of `counters` are
    None where they could not be read themselves. `tax` is what prices say that say nothing of it.
    """

    def __init__(
        self,
        file: str,
        decimals: int,
        classes: frozenset[str] | None,
        problems: list[Problem],
        home_networks: frozenset[str] | None = frozenset(),
        *,
        zones: frozenset[str] | None = None,
        counters: CounterUnits | None = None,
        tax: Tax | None = None,
    ) -> None:
        self._file = file
        self.minor_unit = MICROS // 10**decimals
        self.problems = problems
        self.counters = counters
        self.tax = tax or Tax()
        self._classes = classes
        self._home_networks = home_networks
        self._zones = zones

    def problem(self, key: str, expected: str) -> None:
        """Report what is wrong."""
        self.problems.append(Problem(self._file, key, expected))

    def known(self, where: str, given: Mapping[str, object], keys: tuple[str, ...]) -> None:
        """Report every key that is none of these."""
        for unknown in sorted(given.keys() - set(keys)):
            self.problem(f"{where}{unknown}", f"no such key; known are {', '.join(keys)}")

    # --- prices with conditions --------------------------------------------------------------

    def rules(self, key: str, given: object, product: str) -> list[PriceRule]:
        """The prices of a product, in order."""
        before = len(self.problems)
        listed = given if isinstance(given, list) else []
        found = [self._rule(f"{key}[{n}]", each, product) for n, each in enumerate(listed, 1)]
        rules = [each for each in found if each is not None]
        if len(self.problems) == before:
            self._directions_of_data(key, rules)
        return rules

    def _directions_of_data(self, key: str, rules: list[PriceRule]) -> None:
        """Whoever prices one direction prices the other too, or its octets would be lost."""
        for number, rule in enumerate(rules, 1):
            counts = rule.price.counts
            if counts != TOTAL and not any(
                each.price.counts not in (TOTAL, counts) and replace(each, price=rule.price) == rule
                for each in rules
            ):
                other = COUNTS[3 - COUNTS.index(counts)]
                self.problem(
                    f"{key}[{number}].counts",
                    f'a price with the same conditions that counts "{other}", be it "0"',
                )

    def _rule(self, key: str, given: object, product: str) -> PriceRule | None:
        if not is_table(given):
            self.problem(key, "a table: [[prices]]")
            return None
        self.known(f"{key}.", given, PRICE_KEYS)
        service = str(given.get("service"))
        unit = SERVICE_UNITS.get(service)
        if unit is None:
            self.problem(f"{key}.service", f"one of {', '.join(SERVICE_UNITS)}")
            return None
        conditions = self.conditions(key, given, service)
        counts = self.word(key, given, "counts", COUNTS) or TOTAL
        if "counts" in given and service != "data":
            self.problem(f"{key}.counts", 'only with service = "data"')
        name = " ".join(filter(None, [product, service, *self._named(conditions, counts)]))
        price = self.price(key, given, unit, name)
        if price is None:
            return None
        return PriceRule(service, replace(price, counts=counts), conditions)

    def _named(self, conditions: Conditions, counts: str) -> list[str]:
        """What tells a price from the others of its service, for people."""
        fee = "" if conditions.fee is None else "fee " + ("paid" if conditions.fee else "unpaid")
        groups, identifiers = conditions.rating_groups, conditions.service_identifiers
        return [
            conditions.direction,
            ", ".join(sorted(conditions.destinations)),
            fee,
            f"group {_listed(groups)}" if groups else "",
            f"service {_listed(identifiers)}" if identifiers else "",
            ", ".join(MESSAGE_CLASSES[each] for each in sorted(conditions.message_classes)),
            ", ".join(sorted(conditions.when)),
            f"zone {', '.join(sorted(conditions.zones))}" if conditions.zones else "",
            conditions.networks if conditions.networks not in (HOME, ANY) else "",
            counts if counts != TOTAL else "",
        ]

    def conditions(self, key: str, given: Mapping[str, object], service: str) -> Conditions:
        """When a price or a payment applies; other keys of the table are somebody else's."""
        key = key.rstrip(".")
        begins, ends = self._moment(key, given, "from"), self._moment(key, given, "to")
        if begins is not None and ends is not None and ends <= begins:
            self.problem(f"{key}.to", "a moment behind from")
        zones = self._names(key, given, "zones")
        for unknown in sorted(zones - self._zones) if self._zones is not None else ():
            self.problem(f"{key}.zones", f"a zone of networks.csv, not {unknown!r}")
        return Conditions(
            destinations=self._destinations(f"{key}.destinations", given.get("destinations", [])),
            rating_groups=self._identifiers(key, given, "rating_groups"),
            fee=FEES.get(self.word(key, given, "fee", tuple(FEES))),
            direction=self.word(key, given, "direction", DIRECTIONS),
            service_identifiers=self._identifiers(key, given, "service_identifiers"),
            message_classes=self._message_classes(key, given, service),
            networks=self._networks(key, given),
            zones=zones,
            apns=self._names(key, given, "apns"),
            rat_types=self._identifiers(key, given, "rat_types"),
            when=self._names(key, given, "when"),
            unless=self._names(key, given, "unless"),
            traits=self._traits(key, given),
            hours=tuple(self._hours(key, given)),
            days=self._days(key, given),
            begins=begins,
            ends=ends,
        )

    def word(self, key: str, given: Mapping[str, object], name: str, words: tuple[str, ...]) -> str:
        """One of the words, "" where it is left out or wrong."""
        word = given.get(name)
        if name in given and word not in words:
            *quoted, last = (f'"{each}"' for each in words)
            self.problem(f"{key}.{name}", f"{', '.join(quoted)} or {last}")
            return ""
        return str(word or "")

    def _identifiers(self, key: str, given: Mapping[str, object], name: str) -> frozenset[int]:
        listed = given.get(name, [])
        if not isinstance(listed, list) or not all(
            type(each) is int and each in IDENTIFIERS for each in listed
        ):
            self.problem(f"{key}.{name}", "a list of whole numbers from 0 to 4294967295")
            return frozenset()
        return frozenset(listed)

    def _names(self, key: str, given: Mapping[str, object], name: str) -> frozenset[str]:
        listed = given.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(e, str) and e for e in listed):
            self.problem(f"{key}.{name}", "a list of names in quotes")
            return frozenset()
        return frozenset(listed)

    def _traits(
        self, key: str, given: Mapping[str, object]
    ) -> tuple[tuple[str, frozenset[str]], ...]:
        table = given.get("attributes", {})
        if not is_table(table):
            self.problem(f"{key}.attributes", 'a table: { segment = ["staff"] }')
            return ()
        found = ((name, self._names(f"{key}.attributes", table, name)) for name in sorted(table))
        return tuple(each for each in found if each[1])

    def _hours(self, key: str, given: Mapping[str, object]) -> list[Hours]:
        listed = given.get("hours", [])
        found = [read_hours(each) for each in listed] if isinstance(listed, list) else [None]
        if None in found:
            self.problem(f"{key}.hours", 'a list of hours in quotes: ["20:00-23:00"]')
        return [each for each in found if each is not None]

    def _days(self, key: str, given: Mapping[str, object]) -> frozenset[str]:
        listed = given.get("days", [])
        if not isinstance(listed, list) or not all(
            isinstance(each, str) and each in DAYS for each in listed
        ):
            self.problem(f"{key}.days", f"a list of days in quotes ({', '.join(DAYS)})")
            return frozenset()
        return frozenset(day for each in listed for day in DAYS[each])

    def _message_classes(
        self, key: str, given: Mapping[str, object], service: str
    ) -> frozenset[int]:
        listed = given.get("message_classes", [])
        if not isinstance(listed, list) or not all(each in MESSAGE_CLASSES for each in listed):
            known = ", ".join(MESSAGE_CLASSES)
            self.problem(f"{key}.message_classes", f"a list of names in quotes ({known})")
            return frozenset()
        if "message_classes" in given and service != "mms":
            self.problem(f"{key}.message_classes", 'only with service = "mms"')
        return frozenset(map(MESSAGE_CLASSES.index, listed))

    def _networks(self, key: str, given: Mapping[str, object]) -> str:
        """Home prices are not valid abroad unless they say so, or where."""
        networks = self.word(key, given, "networks", NETWORKS)
        if networks not in ("", ANY) and self._home_networks == frozenset():
            self.problem(f"{key}.networks", "home_networks in catalogue.toml, to tell them apart")
        is_anywhere = not self._home_networks or "zones" in given
        return networks or (ANY if is_anywhere else HOME)

    def _moment(self, key: str, given: Mapping[str, object], name: str) -> UtcMillis | None:
        found = moment(given.get(name))
        if found is None and name in given:
            self.problem(f"{key}.{name}", MOMENT)
        return found

    def _destinations(self, key: str, given: object) -> frozenset[str]:
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            self.problem(key, "a list of names in quotes")
            return frozenset()
        if self._classes is not None:
            known = ", ".join(sorted(self._classes))
            for unknown in sorted(set(given) - self._classes):
                self.problem(key, f"a class of numbers ({known}), not {unknown!r}")
        return frozenset(given)

    # --- amounts -----------------------------------------------------------------------------

    def price(
        self, key: str, given: Mapping[str, object], unit: UnitKind, name: str
    ) -> Price | None:
        """The price of a table; other keys of it are somebody else's."""
        return PriceBuilder(self, key.rstrip("."), given, unit, name).build()

    def amount(self, key: str, given: object) -> int | None:
        """Micros of a decimal string, at most six decimals, not negative."""
        found = micros(given)
        if found is None:
            self.problem(
                key, 'an amount in quotes, below 10^9 and with at most 6 decimals: "11.00"'
            )
        return found

    def quantity(self, key: str, given: object, unit: UnitKind) -> int | None:
        """Units of a text like "1 min"."""
        found = units(given, unit)
        if found is None:
            named = UNITS[unit]
            example = next(iter(named))
            self.problem(key, f'a quantity like "1 {example}" ({", ".join(named)})')
        return found
