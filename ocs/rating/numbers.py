"""Telephone numbers as networks write them, made comparable (E.164 digits).

`tel:` and `sip:` URIs, a leading +, the international 00, the national trunk digit and visual separators
are taken off; short numbers stay as dialled. No prices, no subscribers.
"""

from dataclasses import dataclass

_SEPARATORS = str.maketrans("", "", "-.() ")
#: Shorter than any subscriber number, longer than any service code.
SHORT_NUMBER_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Numbering:
    """How numbers are dialled at home: `trunk` stands for `country` in national form."""

    country: str = "7"
    trunk: str = "8"
    national_digits: int = 10


def bare(text: str) -> str:
    """A number or URI without scheme, host, parameters and separators."""
    text = text.strip()
    lowered = text.lower()
    for scheme in ("tel:", "sip:", "sips:"):
        if lowered.startswith(scheme):
            text = text[len(scheme) :]
            break
    text = text.partition(";")[0].partition("@")[0]
    return text.translate(_SEPARATORS)


def normalise(text: str, numbering: Numbering) -> str:
    """E.164 digits, a short number as dialled, or "" where it is no number."""
    number = bare(text)
    is_international = number.startswith("+")
    number = number.removeprefix("+")
    if not (number.isascii() and number.isdigit()):
        return ""
    if is_international or len(number) <= SHORT_NUMBER_DIGITS:
        return number
    if number.startswith("00"):
        return number[2:]
    if number.startswith(numbering.trunk) and len(number) == numbering.national_digits + 1:
        return numbering.country + number[1:]
    if len(number) == numbering.national_digits:
        return numbering.country + number
    return number
