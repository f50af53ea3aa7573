"""Telephone numbers as networks write them, made comparable (E.164 digits).

`tel:` and `sip:` URIs, a leading +, the prefixes that dial abroad, the national trunk prefix and visual
separators are taken off; short numbers stay as dialled. No prices, no subscribers.
"""

from dataclasses import dataclass

_SEPARATORS = str.maketrans("", "", "-.() ")
#: Shorter than any subscriber number, longer than any service code.
SHORT_NUMBER_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Numbering:
    """How numbers are dialled at home: `trunk` stands for `country` in national form.

    `international` are the prefixes that dial abroad; they are looked at before the trunk prefix,
    so that 8 10 abroad and 8 at home do not collide.
    """

    country: str = "7"
    trunk: str = "8"
    national_digits: int = 10
    international: tuple[str, ...] = ("00", "810")


def bare(text: str) -> str:
    """A number or URI without scheme, host, parameters and separators."""
    text = text.strip()
    lowered = text.lower()
    for scheme in ("tel:", "sip:", "sips:"):
        if lowered.startswith(scheme):
            text = text[len(scheme) :]
            break
    user, at, _ = text.partition("@")
    user = user.partition(";")[0]
    if lowered.startswith(("sip:", "sips:")) and not at and "." in user:
        return ""  # a host alone, such as an address in dotted form (RFC 3261, 19.1.1)
    return user.translate(_SEPARATORS)


def normalise(text: str, numbering: Numbering) -> str:
    """E.164 digits, a short number as dialled, or "" where it is no number."""
    number = bare(text)
    is_international = number.startswith("+")
    number = number.removeprefix("+")
    if not (number.isascii() and number.isdigit()):
        return ""
    if not is_international:
        if len(number) <= SHORT_NUMBER_DIGITS:
            return number
        for prefix in numbering.international:
            if number.startswith(prefix):
                number, is_international = number[len(prefix) :], True
                break
    if is_international:
        # What is left must not pass for a short number of the home network.
        return number if len(number) > SHORT_NUMBER_DIGITS else ""
    trunk, digits = numbering.trunk, numbering.national_digits
    if number.startswith(trunk) and len(number) == digits + len(trunk):
        return numbering.country + number[len(trunk) :]
    if len(number) == digits:
        return numbering.country + number
    return number
