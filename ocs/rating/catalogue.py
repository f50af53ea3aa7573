"""The catalogue: what things cost, read from a folder of TOML and CSV files and never changed after.

Its version is the hash of the files, so that a record can name what it was priced by. Loading reports
every error of a run. A price is reduced to integers here, and refused where the store's arithmetic
(doubles) could not keep it exact.

Exceptions:
    CatalogueErrors   all that is wrong, each with file, key and what was expected
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import lcm
from pathlib import Path
from types import MappingProxyType

from ocs.model import NEVER, Price, SessionContext, Subscriber, UnitKind, UtcMillis
from ocs.rating.calendars import Holidays, local_time
from ocs.rating.numbers import SHORT_NUMBER_DIGITS, Numbering
from ocs.rating.product import TARIFF, CounterRule, ProductRule
from ocs.rating.read import COUNTS, TOTAL, PriceReader
from ocs.rating.read_csv import (
    DESTINATIONS,
    TABLES,
    read_destinations,
    read_networks,
    read_ported,
)
from ocs.rating.read_general import (
    ALWAYS_FREE,
    GENERAL,
    ZONE,
    Currency as Currency,
    read_free,
    read_general,
)
from ocs.rating.read_price import EXACT_BELOW, Tax, read_tax
from ocs.rating.read_product import PERCENT_USED, percents, read_counter, read_product
from ocs.rating.read_value import Problem, is_table, micros
from ocs.rating.tariff import HOME, INTERNATIONAL, NATIONAL, Occasion, PriceRule

NOTHING: Mapping[str, str] = MappingProxyType({})
#: What all prices of one unit are counted in must stay below: several may pay for one event.
DENOMINATOR_LIMIT = 2**26
MCC_DIGITS = 3


class CatalogueErrors(Exception):
    """Every error of one load."""

    def __init__(self, errors: list[Problem]) -> None:
        super().__init__("; ".join(f"{each.file}: {each.key}: {each.expected}" for each in errors))
        self.errors = errors


class Prefixes:
    """Longest-prefix match from digits to a destination class. Short numbers and ported ones are looked
    up whole: a ported number is in its new network, whatever its prefix says."""

    def __init__(
        self,
        rows: Mapping[str, str],
        short_numbers: Mapping[str, str] = NOTHING,
        ported: Mapping[str, str] = NOTHING,
    ) -> None:
        self._rows = rows
        self._short_numbers = short_numbers
        self._ported = ported
        self._longest = max(map(len, rows), default=0)

    def find(self, number: str) -> str:
        """The class of a number, "" when no prefix fits."""
        if len(number) <= SHORT_NUMBER_DIGITS:
            # 112 is not a number of country code 1: prefixes are for E.164 numbers only.
            return self._short_numbers.get(number, "")
        found = self._ported.get(number) if self._ported else None
        if found is not None:
            return found
        for length in range(min(len(number), self._longest), 0, -1):
            found = self._rows.get(number[:length])
            if found is not None:
                return found
        return ""

    @property
    def classes(self) -> frozenset[str]:
        """Every class that a number may be of."""
        tables = (self._rows, self._short_numbers, self._ported)
        return frozenset(each for table in tables for each in table.values())


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that rating reads. It serves from `starts` up to `ends` (None: without end)."""

    version: str
    currency: Currency
    numbering: Numbering
    destinations: Prefixes
    products: Mapping[str, ProductRule]
    tariffs: Mapping[str, ProductRule]  # those of products that are tariffs
    home_networks: frozenset[str] = frozenset()  # MCC-MNC; empty: networks are not told apart
    free: frozenset[str] = ALWAYS_FREE
    zones: Mapping[str, str] = field(default_factory=dict)  # of visited networks, by MCC-MNC or MCC
    counters: Mapping[str, CounterRule] = field(default_factory=dict)
    zone: str = ZONE  # of time
    holidays: Holidays = field(default_factory=Holidays)
    notices: tuple[int, ...] = ()  # micros of own money left
    starts: UtcMillis = NEVER
    ends: UtcMillis | None = None

    @property
    def classes(self) -> frozenset[str]:
        """Every destination class."""
        return self.destinations.classes

    def is_free(self, number: str) -> bool:
        """Whether calls to this number are free of control: answered whatever the account holds."""
        return self.destinations.find(number) in self.free

    def network(self, visited: str) -> str:
        """HOME, NATIONAL or INTERNATIONAL; a network that is not known is home."""
        home = self.home_networks
        if not visited or not home or visited in home:
            return HOME
        countries = {each[:MCC_DIGITS] for each in home}
        return NATIONAL if visited[:MCC_DIGITS] in countries else INTERNATIONAL

    def zone_of(self, visited: str) -> str:
        """The zone of a visited network, "" where it has none."""
        zones = self.zones
        return zones.get(visited) or zones.get(visited[:MCC_DIGITS], "")

    def occasion(
        self,
        subscriber: Subscriber,
        context: SessionContext,
        rating_group: int | None,
        service_identifiers: tuple[int, ...],
        at: UtcMillis,
    ) -> Occasion:
        """What a price is asked for. The operator's time zone counts where the subscriber has none."""
        attributes = context.attributes
        local = local_time(at, subscriber.zone or self.zone)
        visited = attributes.visited_network
        return Occasion(
            attributes,
            self.destinations.find(attributes.called),
            self.network(visited),
            self.zone_of(visited) if visited else "",
            context.fee_is_paid,
            rating_group,
            frozenset(service_identifiers),
            at,
            local,
            self.holidays.kind(local.date()),
            subscriber.roams,
            subscriber.attributes,
        )


def find_prices(
    catalogue: Catalogue, rules: tuple[PriceRule, ...], occasion: Occasion
) -> tuple[tuple[Price, ...], UtcMillis | None]:
    """The first price whose conditions hold at the moment, () where there is none; and the next moment
    at which another may apply, None where none is known.

    Where it counts one direction of data, it and the first that counts the other: input, output. Abroad
    nothing has a price for whoever may not roam.
    """
    if occasion.network != HOME and not occasion.roams:
        return (), catalogue.ends
    service = occasion.attributes.service
    found: list[Price] = []
    until = catalogue.ends
    for rule in rules:
        if rule.service != service or not rule.conditions.holds_there(occasion):
            continue
        change = rule.conditions.next_change(occasion.at, occasion.local)
        if change is not None and (until is None or change < until):
            until = change
        if not rule.conditions.holds_then(occasion):
            continue
        if not found or (len(found) == 1 and _completes(rule.price, found[0])):
            found.append(rule.price)
        if change is None and (found[0].counts == TOTAL or len(found) > 1):
            break  # whatever comes behind a price without an end is never reached
    found.sort(key=lambda price: COUNTS.index(price.counts))
    return tuple(found), until


def _completes(price: Price, first: Price) -> bool:
    """Whether a price counts the other direction of data."""
    return first.counts != TOTAL and price.counts not in (TOTAL, first.counts)


def load(folder: Path) -> Catalogue:
    """The catalogue in `folder`: catalogue.toml, CSV tables, and a TOML file for each product."""
    problems: list[Problem] = []
    files, version = _read(folder, problems)
    found = _Loader(files, problems).catalogue(folder, version)
    if problems or found is None:
        raise CatalogueErrors(problems)
    return found


class _Loader:
    """Reads the texts of the files; the reading of one goes on where another is wrong."""

    def __init__(self, files: dict[str, str | None], problems: list[Problem]) -> None:
        self._files = files
        self._problems = problems

    def catalogue(self, folder: Path, version: str) -> Catalogue | None:
        """The catalogue; None, with problems, where something is wrong."""
        problems, files = self._problems, self._files
        given = _toml(files, GENERAL, problems)
        table = given or {}
        general = read_general(table, problems)
        before = len(problems)
        rows = read_destinations(files, problems)
        ported, zones = read_ported(files, problems), read_networks(files, problems)
        destinations = Prefixes(rows, general.short_numbers, ported)
        # Where the classes themselves are not known, nothing can be said about their use.
        is_right = not any(each.key.startswith("short_numbers") for each in problems)
        is_read = len(problems) == before and None not in (given, files.get(DESTINATIONS))
        classes = destinations.classes if is_right and is_read else None
        free = read_free(table, classes, problems)
        decimals = general.currency.decimals
        reader = PriceReader(GENERAL, decimals, classes, problems, None)
        tax = read_tax(reader, "tax", table["tax"]) if "tax" in table else None
        percentages, amounts = self._notices(table, reader)
        counters = self._counters(table, reader, percentages)
        names = [name for name in files if name not in (GENERAL, *TABLES)]
        networks = None if given is None else general.home_networks
        units = {name: each.unit for name, each in counters.items()}

        def reader_of(name: str) -> PriceReader:
            return PriceReader(
                name, decimals, classes, problems, networks,
                zones=frozenset(zones.values()), counters=units, tax=tax or Tax(),
            )  # fmt: skip

        products: dict[str, ProductRule] = {}
        by_file: dict[str, ProductRule] = {}
        for name in names:
            of_file = _toml(files, name, problems)
            if of_file is None:
                continue
            product = read_product(name, of_file, reader_of(name), percentages)
            if product is not None and product.id in products:
                expected = f"an id no other tariff has; {product.id!r} is used"
                problems.append(Problem(name, "id", expected))
            elif product is not None:
                products[product.id] = by_file[name] = product
        if not names:
            problems.append(Problem(str(folder), "*.toml", "at least one tariff"))
        if not problems:
            problems.extend(_unknown(by_file))
            problems.extend(_inexact(by_file))
        if problems:
            return None
        tariffs = {name: each for name, each in products.items() if each.kind == TARIFF}
        return Catalogue(
            version, general.currency, general.numbering, destinations, products, tariffs,
            general.home_networks or frozenset(), free, zones, counters, general.zone,
            general.holidays, amounts, general.starts,
        )  # fmt: skip

    def _counters(
        self, table: Mapping[str, object], reader: PriceReader, notices: tuple[int, ...]
    ) -> dict[str, CounterRule]:
        given = table.get("counters", {})
        if not is_table(given):
            reader.problem("counters", "a table: [counters.<name>]")
            return {}
        found = {name: read_counter(name, each, reader, notices) for name, each in given.items()}
        return {name: each for name, each in found.items() if each is not None}

    def _notices(
        self, table: Mapping[str, object], reader: PriceReader
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """When people are told: percentages of what is used of a bucket, amounts of own money left."""
        given = table.get("notices", [f"{each} %" for each in PERCENT_USED])
        listed = given if isinstance(given, list) else [None]
        shares = [each for each in listed if isinstance(each, str) and each.endswith("%")]
        percentages = percents(shares)
        amounts = [micros(each) for each in listed if each not in shares]
        if percentages is None or None in amounts:
            expected = 'a list of amounts used or left: ["80 %", "100 %", "100.00"]'
            reader.problem("notices", expected)
        return percentages or (), tuple(each for each in amounts if each is not None)


def _prices(product: ProductRule) -> Iterator[Price]:
    """Every price of a product, with the next tiers, and those of its buckets."""
    paid = (payment.price for bucket in product.buckets for payment in bucket.payments)
    for first in (*(rule.price for rule in product.rules), *paid):
        price = first
        while price is not None:
            yield price
            price = price.then


def _unknown(by_file: Mapping[str, ProductRule]) -> Iterator[Problem]:
    """Names of products that no file has: a fallback misspelt would serve nobody, and say nothing."""
    known = {product.id for product in by_file.values()}
    for file, product in by_file.items():
        named = {
            "requires": product.requires,
            "excludes": product.excludes,
            "forfeits": product.forfeits,
            "fallback": {product.fallback} - {""},
        }
        for key, names in named.items():
            for unknown in sorted(names - known):
                yield Problem(file, key, f"the id of a product, not {unknown!r}")


def _inexact(by_file: Mapping[str, ProductRule]) -> Iterator[Problem]:
    """Prices that would not stay exact beside the others of their unit: they are counted together."""
    common: dict[UnitKind, int] = {}
    for file, product in by_file.items():
        for price in _prices(product):
            together = lcm(common.get(price.unit, 1), price.denominator)
            if together > DENOMINATOR_LIMIT:
                expected = "a price that can be counted together with the others of its unit"
                yield Problem(file, price.name, expected)
                return
            common[price.unit] = together
    for file, product in by_file.items():
        for price in _prices(product):
            factor = common[price.unit] // price.denominator
            most = max(max(leg.price, leg.entry) for leg in price.legs)
            if most * factor * common[price.unit] >= EXACT_BELOW:
                yield Problem(file, price.name, "a price that stays exact beside the others")


def _read(folder: Path, problems: list[Problem]) -> tuple[dict[str, str | None], str]:
    """The text of each file of the catalogue, None where it cannot be read, and the hash of all."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        expected = f"a folder that can be read ({error.strerror})"
        raise CatalogueErrors([Problem(str(folder), "-", expected)]) from error
    files: dict[str, str | None] = {}
    mark = hashlib.sha256()
    for path in paths:
        # Editors and copying tools keep files of their own beside ours, behind a dot.
        if path.name.startswith(".") or not (path.suffix == ".toml" or path.name in TABLES):
            continue
        files[path.name] = None
        try:
            data = path.read_bytes()
            files[path.name] = data.decode("utf-8-sig")  # spreadsheets write the mark
        except OSError as error:
            problems.append(Problem(path.name, "-", f"a file that can be read ({error.strerror})"))
            continue
        except UnicodeDecodeError as error:
            problems.append(Problem(path.name, "-", f"text in UTF-8; byte {error.start} is not"))
        mark.update(path.name.encode() + b"\0" + data + b"\0")
    return files, mark.hexdigest()[:12]


def _toml(
    files: dict[str, str | None], name: str, problems: list[Problem]
) -> dict[str, object] | None:
    """The tables of a file, or None where there are none to read."""
    text = files.get(name)
    if text is None:
        if name not in files:
            problems.append(Problem(name, "-", "the file to be there"))
        return None
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a number of thousands of digits
        problems.append(Problem(name, "-", f"TOML: {error}"))
    except RecursionError:
        problems.append(Problem(name, "-", "TOML: tables and lists nested less deeply"))
    return None
