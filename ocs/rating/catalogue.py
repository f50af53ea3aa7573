"""The catalogue: what things cost, read from a folder of TOML and CSV files and never changed after.

Its version is the hash of the files, so that a record can name what it was priced by. Loading reports
every error of a run. A price is reduced to integers here, and refused where the store's arithmetic
(doubles) could not keep it exact.

Exceptions:
    CatalogueErrors   all that is wrong, each with file, key and what was expected
"""

import csv
import hashlib
import io
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

from ocs.model import Price, RatingAttributes, UtcMillis
from ocs.rating.numbers import SHORT_NUMBER_DIGITS, Numbering
from ocs.rating.read import COUNTS, TOTAL, PriceReader, Problem, is_table
from ocs.rating.tariff import Occasion, Tariff

CURRENCIES = {
    "KZT": (398, 2), "USD": (840, 2), "EUR": (978, 2), "RUB": (643, 2), "GBP": (826, 2),
    "UZS": (860, 2), "KGS": (417, 2), "CNY": (156, 2), "TRY": (949, 2), "JPY": (392, 0),
    "KWD": (414, 3),
}  # fmt: skip


GENERAL, DESTINATIONS = "catalogue.toml", "destinations.csv"
HEADER = ["prefix", "class", "name"]
GENERAL_KEYS = ("currency", "home_networks", "free", "numbering", "short_numbers")
NUMBERING_KEYS = ("country", "trunk", "national_digits", "international")
#: Longer than any short number, and E.164 has 15 digits with the country code.
NATIONAL_DIGITS = range(SHORT_NUMBER_DIGITS + 1, 15)
NO_SHORT_NUMBERS: Mapping[str, str] = MappingProxyType({})
#: What `free` is where the file does not say.
ALWAYS_FREE = frozenset({"emergency"})
NETWORK_DIGITS = (5, 6)  # MCC-MNC (TS 29.061, 16.4.7)


@dataclass(frozen=True, slots=True)
class Currency:
    """ISO 4217."""

    name: str
    code: int
    decimals: int


class CatalogueErrors(Exception):
    """Every error of one load."""

    def __init__(self, errors: list[Problem]) -> None:
        super().__init__("; ".join(f"{each.file}: {each.key}: {each.expected}" for each in errors))
        self.errors = errors


class Prefixes:
    """Longest-prefix match from digits to a destination class; short numbers are looked up whole."""

    def __init__(
        self, rows: Mapping[str, str], short_numbers: Mapping[str, str] = NO_SHORT_NUMBERS
    ) -> None:
        self._rows = rows
        self._short_numbers = short_numbers
        self._longest = max(map(len, rows), default=0)

    def find(self, number: str) -> str:
        """The class of a number, "" when no prefix fits."""
        if len(number) <= SHORT_NUMBER_DIGITS:
            # 112 is not a number of country code 1: prefixes are for E.164 numbers only.
            return self._short_numbers.get(number, "")
        for length in range(min(len(number), self._longest), 0, -1):
            found = self._rows.get(number[:length])
            if found is not None:
                return found
        return ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that rating reads."""

    version: str
    currency: Currency
    numbering: Numbering
    destinations: Prefixes
    tariffs: dict[str, Tariff]
    home_networks: frozenset[str] = frozenset()  # MCC-MNC; empty: networks are not told apart
    free: frozenset[str] = ALWAYS_FREE

    def is_free(self, number: str) -> bool:
        """Whether calls to this number are free of control: answered whatever the account holds."""
        return self.destinations.find(number) in self.free

    def is_home(self, network: str) -> bool:
        """Whether prices at home hold in this network; one that is not known is home."""
        return not network or not self.home_networks or network in self.home_networks


def find_prices(
    catalogue: Catalogue,
    tariff_id: str,
    attributes: RatingAttributes,
    *,
    fee_is_paid: bool,
    rating_group: int | None,
    service_identifiers: tuple[int, ...] = (),
    at: UtcMillis,
) -> tuple[Price, ...]:
    """The first price of the tariff whose conditions hold at a moment; () where there is none.

    Where it counts one direction of data, it and the first that counts the other: input, output.
    """
    tariff = catalogue.tariffs.get(tariff_id)
    if tariff is None:
        return ()
    occasion = Occasion(
        attributes,
        catalogue.destinations.find(attributes.called),
        catalogue.is_home(attributes.visited_network),
        fee_is_paid,
        rating_group,
        frozenset(service_identifiers),
        at,
    )
    matching = (rule.price for rule in tariff.rules if rule.matches(occasion))
    first = next(matching, None)
    if first is None:
        return ()
    found: tuple[Price, ...] = (first,)
    if first.counts != TOTAL:
        other = (each for each in matching if each.counts not in (TOTAL, first.counts))
        both = [first, *islice(other, 1)]
        found = tuple(sorted(both, key=lambda price: COUNTS.index(price.counts)))
    changes = tariff.changes.get(attributes.service)
    if changes is None or at >= changes[-1]:
        return found
    until = changes[bisect_right(changes, at)]
    return tuple(replace(each, until=until) for each in found)


def load(folder: Path) -> Catalogue:
    """The catalogue in `folder`: catalogue.toml, destinations.csv, and a TOML file for each tariff."""
    problems: list[Problem] = []
    files, version = _read(folder, problems)
    given = _toml(files, GENERAL, problems)
    general = given or {}
    for key in sorted(general.keys() - set(GENERAL_KEYS)):
        problems.append(Problem(GENERAL, key, f"no such key; known are {', '.join(GENERAL_KEYS)}"))
    currency = _currency(general, problems)
    numbering = _numbering(general, problems)
    before = len(problems)
    short_numbers = _short_numbers(general, problems)
    rows = _destinations(files, problems)
    # Where the classes themselves are not known, nothing can be said about their use.
    is_known = len(problems) == before and None not in (given, files.get(DESTINATIONS))
    classes = frozenset(rows.values()) | frozenset(short_numbers.values()) if is_known else None
    free = _free(general, classes, problems)
    before = len(problems)
    home_networks = _home_networks(general, problems)
    networks = None if given is None or len(problems) > before else home_networks
    tariffs: dict[str, Tariff] = {}
    names = [name for name in files if name not in (GENERAL, DESTINATIONS)]
    for name in names:
        given = _toml(files, name, problems)
        if given is None:
            continue
        tariff = PriceReader(name, currency.decimals, classes, problems, networks).tariff(given)
        if tariff is not None and tariff.id in tariffs:
            problems.append(
                Problem(name, "id", f"an id no other tariff has; {tariff.id!r} is used")
            )
        elif tariff is not None:
            tariffs[tariff.id] = tariff
    if not names:
        problems.append(Problem(str(folder), "*.toml", "at least one tariff"))
    if problems:
        raise CatalogueErrors(problems)
    destinations = Prefixes(rows, short_numbers)
    return Catalogue(version, currency, numbering, destinations, tariffs, home_networks, free)


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
        if path.name.startswith(".") or not (path.suffix == ".toml" or path.name == DESTINATIONS):
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


def _currency(general: Mapping[str, object], problems: list[Problem]) -> Currency:
    name = str(general.get("currency", "KZT"))
    if name not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        problems.append(Problem(GENERAL, "currency", f"a currency known here: {known}"))
        name = "KZT"
    return Currency(name, *CURRENCIES[name])


def _is_digits(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isascii() and value.isdigit()


def _numbering(general: Mapping[str, object], problems: list[Problem]) -> Numbering:
    given = general.get("numbering", {})
    if not is_table(given):
        problems.append(Problem(GENERAL, "numbering", "a table: [numbering]"))
        return Numbering()
    before = len(problems)
    home = Numbering()
    country, trunk = given.get("country", home.country), given.get("trunk", home.trunk)
    digits = given.get("national_digits", home.national_digits)
    abroad = given.get("international", list(home.international))

    def expect(is_right: bool, key: str, expected: str) -> None:
        if not is_right:
            problems.append(Problem(GENERAL, f"numbering.{key}", expected))

    for key in sorted(given.keys() - set(NUMBERING_KEYS)):
        expect(False, key, f"no such key; known are {', '.join(NUMBERING_KEYS)}")
    expect(_is_digits(country), "country", 'digits in quotes: "7"')
    expect(
        trunk == "" or _is_digits(trunk), "trunk", 'digits in quotes: "8"; "" where none is dialled'
    )
    least, most = NATIONAL_DIGITS[0], NATIONAL_DIGITS[-1]
    expect(
        type(digits) is int and digits in NATIONAL_DIGITS,
        "national_digits",
        f"a whole number from {least} to {most}",
    )
    abroad = abroad if isinstance(abroad, list) else [None]
    expect(all(map(_is_digits, abroad)), "international", 'a list of digits in quotes: ["00"]')
    if len(problems) > before or type(digits) is not int:
        return home
    return Numbering(str(country), str(trunk), digits, tuple(map(str, abroad)))


def _home_networks(general: Mapping[str, object], problems: list[Problem]) -> frozenset[str]:
    given = general.get("home_networks", [])
    listed = given if isinstance(given, list) else [None]
    networks = [each for each in listed if _is_digits(each) and len(each) in NETWORK_DIGITS]
    if networks != listed:
        expected = 'a list of MCC-MNC, five or six digits in quotes: ["40102"]'
        problems.append(Problem(GENERAL, "home_networks", expected))
    return frozenset(networks)


def _free(
    general: Mapping[str, object], classes: frozenset[str] | None, problems: list[Problem]
) -> frozenset[str]:
    """Classes of numbers that are free of control; those given must be classes, where any are known."""
    if "free" not in general:
        return ALWAYS_FREE
    given = general["free"]
    if not isinstance(given, list) or not all(isinstance(each, str) and each for each in given):
        problems.append(Problem(GENERAL, "free", 'a list of names in quotes: ["emergency"]'))
        return ALWAYS_FREE
    for unknown in sorted(set(given) - classes) if classes is not None else ():
        known = ", ".join(sorted(classes or ()))
        problems.append(Problem(GENERAL, "free", f"a class of numbers ({known}), not {unknown!r}"))
    return frozenset(given)


def _short_numbers(general: Mapping[str, object], problems: list[Problem]) -> dict[str, str]:
    """Destination class by short number; the file lists the numbers of each class."""
    given = general.get("short_numbers", {})
    if not is_table(given):
        problems.append(Problem(GENERAL, "short_numbers", "a table: [short_numbers]"))
        return {}
    found: dict[str, str] = {}
    for kind, numbers in given.items():
        key = f"short_numbers.{kind}"
        listed = numbers if isinstance(numbers, list) else [None]
        short = [each for each in listed if _is_digits(each) and len(each) <= SHORT_NUMBER_DIGITS]
        if short != listed:
            expected = (
                f'a list of numbers of up to {SHORT_NUMBER_DIGITS} digits, in quotes: ["112"]'
            )
            problems.append(Problem(GENERAL, key, expected))
            continue
        for each in short:
            if each in found:
                problems.append(Problem(GENERAL, key, f"number {each} once"))
            found[each] = kind
    return found


def _destinations(files: dict[str, str | None], problems: list[Problem]) -> dict[str, str]:
    """Destination class by prefix."""
    text = files.get(DESTINATIONS)
    if text is None:
        if DESTINATIONS not in files:
            problems.append(Problem(DESTINATIONS, "-", "the file to be there"))
        return {}
    rows: dict[str, str] = {}
    before = len(problems)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if [cell.strip() for cell in next(reader, [])] != HEADER:
            problems.append(Problem(DESTINATIONS, "line 1", "the header prefix,class,name"))
            return {}
        for row in reader:
            if not row:
                continue
            where = f"line {reader.line_num}"
            prefix, kind = [*(cell.strip() for cell in row), "", ""][:2]
            if len(row) != len(HEADER) or not _is_digits(prefix) or not kind:
                problems.append(Problem(DESTINATIONS, where, "prefix (digits),class,name"))
            elif prefix in rows:
                problems.append(Problem(DESTINATIONS, where, f"prefix {prefix} once"))
            else:
                rows[prefix] = kind
    except csv.Error as error:
        problems.append(Problem(DESTINATIONS, f"line {reader.line_num}", f"CSV: {error}"))
    if not rows and len(problems) == before:
        problems.append(Problem(DESTINATIONS, "-", "at least one row below the header"))
    return rows
