"""The least parts of the catalogue's files: amounts, quantities, moments, and what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import TypeGuard

from ocs.model import MICROS, UnitKind, UtcMillis
from ocs.rating.calendars import millis_of
from ocs.rating.price import MAX_UNITS

UNITS = {
    UnitKind.SECONDS: {"s": 1, "min": 60, "h": 3600},
    UnitKind.OCTETS: {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3},
    UnitKind.EVENTS: {"event": 1, "message": 1},
}
#: Digits before the decimal point. The store doubles a cost when it rounds, and stays exact so.
AMOUNT_DIGITS = 9
#: What is expected where `moment` finds none.
MOMENT = "a moment with its zone, not in quotes: 2016-07-01T00:00:00+06:00"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error: where, and what was expected."""

    file: str
    key: str
    expected: str


def is_table(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a TOML value is a table."""
    return isinstance(value, dict)


def is_digits(value: object) -> TypeGuard[str]:
    """Whether a value is ASCII digits, at least one, and nothing else."""
    return isinstance(value, str) and value.isascii() and value.isdigit()


def count(text: str, most: int) -> int:
    """A number from 1 to `most` in digits; 0 where it is none."""
    # Digits are counted before they are read: a text of thousands of them is no number.
    found = int(text) if is_digits(text) and len(text) <= len(str(most)) else 0
    return found if found <= most else 0


def moment(given: object) -> UtcMillis | None:
    """A date and time of TOML with its zone; None where it is none."""
    if isinstance(given, datetime) and given.tzinfo is not None:
        return millis_of(given)
    return None


def micros(given: object) -> int | None:
    """Micros of a decimal string, at most six decimals, not negative; None where it is none."""
    text = given if isinstance(given, str) else ""
    whole, point, fraction = text.partition(".")
    digits = whole + fraction
    if (
        not is_digits(digits)
        or not 1 <= len(whole) <= AMOUNT_DIGITS
        or not bool(point) <= len(fraction) <= 6
    ):
        return None
    return int(whole) * MICROS + int(fraction.ljust(6, "0"))


def units(given: object, unit: UnitKind) -> int | None:
    """Units of a text like "1 min"; None where it is none."""
    text = given if isinstance(given, str) else ""
    number, _, name = text.partition(" ")
    found = count(number, MAX_UNITS) * UNITS[unit].get(name, 0)
    return found if 0 < found <= MAX_UNITS else None


def percent(given: object) -> Fraction | None:
    """A share of a text like "12 %" or "7.5 %"; None where it is none."""
    text = given if isinstance(given, str) else ""
    found = micros(text.removesuffix("%").rstrip()) if text.endswith("%") else None
    return None if found is None else Fraction(found, 100 * MICROS)
