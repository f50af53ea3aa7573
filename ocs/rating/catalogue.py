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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

from ocs.model import Price, RatingAttributes
from ocs.rating.numbers import SHORT_NUMBER_DIGITS, Numbering
from ocs.rating.read import PriceReader, Problem, is_table
from ocs.rating.tariff import Tariff

CURRENCIES = {
    "KZT": (398, 2), "USD": (840, 2), "EUR": (978, 2), "RUB": (643, 2), "GBP": (826, 2),
    "UZS": (860, 2), "KGS": (417, 2), "CNY": (156, 2), "TRY": (949, 2), "JPY": (392, 0),
    "KWD": (414, 3),
}  # fmt: skip


GENERAL, DESTINATIONS = "catalogue.toml", "destinations.csv"
HEADER = ["prefix", "class", "name"]
GENERAL_KEYS = ("currency", "numbering", "short_numbers")
NUMBERING_KEYS = ("country", "trunk", "national_digits", "international")
#: Longer than any short number, and E.164 has 15 digits with the country code.
NATIONAL_DIGITS = range(SHORT_NUMBER_DIGITS + 1, 15)
NO_SHORT_NUMBERS: Mapping[str, str] = MappingProxyType({})


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


def find_price(
    catalogue: Catalogue,
    tariff_id: str,
    attributes: RatingAttributes,
    *,
    fee_is_paid: bool,
    rating_group: int | None,
) -> Price | None:
    """The first price of the tariff whose conditions hold, or None."""
    tariff = catalogue.tariffs.get(tariff_id)
    if tariff is None:
        return None
    destination = catalogue.destinations.find(attributes.called)
    for rule in tariff.rules:
        if rule.matches(attributes, destination, fee_is_paid, rating_group):
            return rule.price
    return None


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
    tariffs: dict[str, Tariff] = {}
    names = [name for name in files if name not in (GENERAL, DESTINATIONS)]
    for name in names:
        given = _toml(files, name, problems)
        if given is None:
            continue
        tariff = PriceReader(name, currency.decimals, classes, problems).tariff(given)
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
    return Catalogue(version, currency, numbering, destinations, tariffs)


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
