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
from dataclasses import dataclass
from pathlib import Path

from ocs.model import Price, RatingAttributes
from ocs.rating.numbers import Numbering
from ocs.rating.read import PriceReader, Problem
from ocs.rating.tariff import Tariff

CURRENCIES = {
    "KZT": (398, 2), "USD": (840, 2), "EUR": (978, 2), "RUB": (643, 2), "GBP": (826, 2),
    "UZS": (860, 2), "KGS": (417, 2), "CNY": (156, 2), "TRY": (949, 2), "JPY": (392, 0),
    "KWD": (414, 3),
}  # fmt: skip


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
    """Longest-prefix match from digits to a destination class."""

    def __init__(self, rows: dict[str, str]) -> None:
        self._rows = rows
        self._longest = max(map(len, rows), default=0)

    def find(self, number: str) -> str:
        """The class of a number, "" when no prefix fits."""
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
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.[tc][os][mv]*"))}
    mark = hashlib.sha256()
    for name, data in files.items():
        mark.update(name.encode() + b"\0" + data + b"\0")
    general = _toml(files, "catalogue.toml", problems)
    currency = _currency(general, problems)
    numbering = _numbering(general, problems)
    rows = _destinations(files, problems)
    classes = frozenset(rows.values())
    tariffs: dict[str, Tariff] = {}
    for name in files:
        if not name.endswith(".toml") or name == "catalogue.toml":
            continue
        reader = PriceReader(name, currency.decimals, classes, problems)
        tariff = reader.tariff(_toml(files, name, problems))
        if tariff is not None and tariff.id in tariffs:
            problems.append(
                Problem(name, "id", f"an id no other tariff has; {tariff.id!r} is used")
            )
        elif tariff is not None:
            tariffs[tariff.id] = tariff
    if not tariffs and not problems:
        problems.append(Problem(str(folder), "*.toml", "at least one tariff"))
    if problems:
        raise CatalogueErrors(problems)
    return Catalogue(mark.hexdigest()[:12], currency, numbering, Prefixes(rows), tariffs)


def _toml(files: dict[str, bytes], name: str, problems: list[Problem]) -> dict[str, object]:
    if name not in files:
        problems.append(Problem(name, "-", "the file to be there"))
        return {}
    try:
        return tomllib.loads(files[name].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(Problem(name, "-", f"TOML: {error}"))
        return {}


def _currency(general: dict[str, object], problems: list[Problem]) -> Currency:
    name = general.get("currency", "KZT")
    known = CURRENCIES.get(str(name))
    if known is None:
        problems.append(
            Problem("catalogue.toml", "currency", f"one of {', '.join(sorted(CURRENCIES))}")
        )
        known = (0, 2)
    return Currency(str(name), *known)


def _numbering(general: dict[str, object], problems: list[Problem]) -> Numbering:
    given = general.get("numbering", {})
    expected = {"country": str, "trunk": str, "national_digits": int}
    if not isinstance(given, dict):
        problems.append(Problem("catalogue.toml", "numbering", "a table"))
        return Numbering()
    for key, value in given.items():
        if key not in expected or not isinstance(value, expected[key]):
            problems.append(Problem("catalogue.toml", f"numbering.{key}", f"one of {expected}"))
            return Numbering()
    return Numbering(**given)


def _destinations(files: dict[str, bytes], problems: list[Problem]) -> dict[str, str]:
    name = "destinations.csv"
    rows: dict[str, str] = {}
    text = io.StringIO(files.get(name, b"").decode(errors="replace"))
    for number, row in enumerate(csv.DictReader(text), 2):
        prefix, kind = (row.get("prefix") or "").strip(), (row.get("class") or "").strip()
        if not (prefix.isascii() and prefix.isdigit() and kind):
            problems.append(Problem(name, f"line {number}", "prefix (digits),class,name"))
        elif prefix in rows:
            problems.append(Problem(name, f"line {number}", f"prefix {prefix} once"))
        else:
            rows[prefix] = kind
    if not rows:
        problems.append(Problem(name, "-", "prefix,class,name and at least one row"))
    return rows
