"""Amounts as people write them, exactly: "30", "-12.50" <-> integer micros. No floats, no rounding."""

import re

from ocs.model import AMOUNT_LIMIT, MICROS, Micros

_AMOUNT = re.compile(r"(-?)(\d{1,13})(?:\.(\d{1,6}))?", re.ASCII)


def parse_amount(text: str, decimals: int = 2) -> Micros:
    """Micros of a decimal amount in the main unit; ValueError with a sentence when it is none.

    More digits than the currency has (`decimals`) are refused, not rounded.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an amount like 30 or 12.50")
    sign, whole, fraction = match.groups(default="")
    if len(fraction.rstrip("0")) > decimals:
        raise ValueError(f"{text!r} is finer than the currency's smallest coin")
    micros = int(whole) * MICROS + int(fraction.ljust(6, "0"))
    if micros > AMOUNT_LIMIT:
        raise ValueError(f"{text!r} is more than an account can hold")
    return Micros(-micros if sign else micros)


def format_amount(micros: int, decimals: int = 2) -> str:
    """The amount with the currency's decimals; more of them only where the rest is not zero."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    whole, rest = divmod(micros, MICROS)
    fraction = f"{rest:06d}"
    kept = fraction[:decimals] + fraction[decimals:].rstrip("0")
    return f"{sign}{whole}.{kept}" if kept else f"{sign}{whole}"
