"""The least parts of the catalogue's files: amounts, quantities, percentages, and what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeGuard

from ocs.model import MICROS, UnitKind
from ocs.rating.price import MAX_UNITS

UNITS = {
    UnitKind.SECONDS: {"s": 1, "min": 60, "h": 3600},
    UnitKind.OCTETS: {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3},
    UnitKind.EVENTS: {"event": 1, "message": 1},
}
#: Digits before the decimal point. The store doubles a cost when it rounds, and stays exact so.
AMOUNT_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Problem:
    """One error: where, and what was expected."""

    file: str
    key: str
    expected: str


def is_table(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a TOML value is a table."""
    return isinstance(value, dict)


def micros(given: object) -> int | None:
    """Micros of a decimal string, at most six decimals, not negative; None where it is none."""
    text = given if isinstance(given, str) else ""
    whole, point, fraction = text.partition(".")
    digits = whole + fraction
    if (
        not (digits.isascii() and digits.isdigit())
        or not 1 <= len(whole) <= AMOUNT_DIGITS
        or not bool(point) <= len(fraction) <= 6
    ):
        return None
    return int(whole) * MICROS + int(fraction.ljust(6, "0"))


def units(given: object, unit: UnitKind) -> int | None:
    """Units of a text like "1 min"; None where it is none."""
    text = given if isinstance(given, str) else ""
    number, _, name = text.partition(" ")
    factor = UNITS[unit].get(name, 0)
    # Digits are counted before they are read: a text of thousands of them is no number.
    is_number = number.isascii() and number.isdigit() and len(number) <= len(str(MAX_UNITS))
    if not is_number or not 0 < int(number) * factor <= MAX_UNITS:
        return None
    return int(number) * factor


def percent(given: object) -> Fraction | None:
    """A share of a text like "12 %" or "7.5 %"; None where it is none."""
    text = given if isinstance(given, str) else ""
    found = micros(text.removesuffix("%").rstrip()) if text.endswith("%") else None
    return None if found is None else Fraction(found, 100 * MICROS)
