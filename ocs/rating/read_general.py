"""Reading catalogue.toml: what holds for all products. Currency, networks, numbers, days, counters.

Every error is collected with its key; where a value is wrong the usual one stands in, so that the rest
can be read and reported as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ocs.model import NEVER, UtcMillis
from ocs.rating.calendars import Holidays
from ocs.rating.numbers import SHORT_NUMBER_DIGITS, Numbering
from ocs.rating.read_value import MOMENT, Problem, is_digits, is_table, moment

CURRENCIES = {
    "KZT": (398, 2), "USD": (840, 2), "EUR": (978, 2), "RUB": (643, 2), "GBP": (826, 2),
    "UZS": (860, 2), "KGS": (417, 2), "CNY": (156, 2), "TRY": (949, 2), "JPY": (392, 0),
    "KWD": (414, 3), "KES": (404, 2), "INR": (356, 2), "UAH": (980, 2), "ZAR": (710, 2),
    "AED": (784, 2), "BDT": (50, 2), "CUP": (192, 2),
}  # fmt: skip
GENERAL = "catalogue.toml"
GENERAL_KEYS = (
    "currency", "home_networks", "free", "numbering", "short_numbers", "zone", "starts", "holidays",
    "notices", "counters", "tax",
)  # fmt: skip
NUMBERING_KEYS = ("country", "trunk", "national_digits", "international")
#: Longer than any short number, and E.164 has 15 digits with the country code.
NATIONAL_DIGITS = range(SHORT_NUMBER_DIGITS + 1, 15)
#: What `free` is where the file does not say.
ALWAYS_FREE = frozenset({"emergency"})
NETWORK_DIGITS = (5, 6)  # MCC-MNC (TS 29.061, 16.4.7)
#: Where days begin, if the file does not say.
ZONE = "Asia/Almaty"


@dataclass(frozen=True, slots=True)
class Currency:
    """ISO 4217."""

    name: str
    code: int
    decimals: int


@dataclass(frozen=True, slots=True)
class General:
    """What catalogue.toml says, but for counters and taxes."""

    currency: Currency
    numbering: Numbering
    short_numbers: Mapping[str, str]
    home_networks: frozenset[str] | None  # None: what was written is wrong
    zone: str = ZONE
    starts: UtcMillis = NEVER
    holidays: Holidays = field(default_factory=Holidays)


def read_general(given: Mapping[str, object], problems: list[Problem]) -> General:
    """The general part; what is wrong goes to `problems`."""
    for key in sorted(given.keys() - set(GENERAL_KEYS)):
        problems.append(Problem(GENERAL, key, f"no such key; known are {', '.join(GENERAL_KEYS)}"))
    currency = _currency(given, problems)
    numbering = _numbering(given, problems)
    short_numbers = _short_numbers(given, problems)
    before = len(problems)
    home = _home_networks(given, problems)
    return General(
        currency,
        numbering,
        short_numbers,
        home if len(problems) == before else None,
        _zone(given, problems),
        _starts(given, problems),
        _holidays(given, problems),
    )


def _zone(general: Mapping[str, object], problems: list[Problem]) -> str:
    zone = general.get("zone", ZONE)
    try:
        ZoneInfo(zone if isinstance(zone, str) else "")
    except (ValueError, OSError, KeyError):  # not found is a KeyError
        problems.append(Problem(GENERAL, "zone", 'a time zone by its IANA name: "Asia/Almaty"'))
        return ZONE
    return str(zone)


def _starts(general: Mapping[str, object], problems: list[Problem]) -> UtcMillis:
    found = moment(general.get("starts"))
    if found is None and "starts" in general:
        problems.append(Problem(GENERAL, "starts", MOMENT))
    return found or NEVER


def _holidays(general: Mapping[str, object], problems: list[Problem]) -> Holidays:
    given = general.get("holidays", [])
    dates: set[date] = set()
    yearly: set[tuple[int, int]] = set()
    for each in given if isinstance(given, list) else [None]:
        if isinstance(each, date) and not isinstance(each, datetime):
            dates.add(each)
            continue
        is_day = isinstance(each, str) and len(each) == len("03-08") and each[2] == "-"
        try:
            # A leap year: 29 February is a day.
            day = date.fromisoformat(f"2000-{each}" if is_day else "")
        except ValueError:
            expected = 'a list of dates, or of days of each year: [2026-05-07, "03-08"]'
            problems.append(Problem(GENERAL, "holidays", expected))
            return Holidays()
        yearly.add((day.month, day.day))
    return Holidays(frozenset(dates), frozenset(yearly))


def _currency(general: Mapping[str, object], problems: list[Problem]) -> Currency:
    name = str(general.get("currency", "KZT"))
    if name not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        problems.append(Problem(GENERAL, "currency", f"a currency known here: {known}"))
        name = "KZT"
    return Currency(name, *CURRENCIES[name])


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
    expect(is_digits(country), "country", 'digits in quotes: "7"')
    expect(
        trunk == "" or is_digits(trunk), "trunk", 'digits in quotes: "8"; "" where none is dialled'
    )
    least, most = NATIONAL_DIGITS[0], NATIONAL_DIGITS[-1]
    expect(
        type(digits) is int and digits in NATIONAL_DIGITS,
        "national_digits",
        f"a whole number from {least} to {most}",
    )
    abroad = abroad if isinstance(abroad, list) else [None]
    expect(all(map(is_digits, abroad)), "international", 'a list of digits in quotes: ["00"]')
    if len(problems) > before or type(digits) is not int:
        return home
    return Numbering(str(country), str(trunk), digits, tuple(map(str, abroad)))


def _home_networks(general: Mapping[str, object], problems: list[Problem]) -> frozenset[str]:
    given = general.get("home_networks", [])
    listed = given if isinstance(given, list) else [None]
    networks = [each for each in listed if is_digits(each) and len(each) in NETWORK_DIGITS]
    if networks != listed:
        expected = 'a list of MCC-MNC, five or six digits in quotes: ["40102"]'
        problems.append(Problem(GENERAL, "home_networks", expected))
    return frozenset(networks)


def read_free(
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
        short = [each for each in listed if is_digits(each) and len(each) <= SHORT_NUMBER_DIGITS]
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
