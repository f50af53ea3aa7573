"""Workloads: TOML files that say who asks for what, and what it costs by the operator's own price list.

Prices stand in the workload, not in the catalogue it is measured with: the audit computes with them what
must have been taken, by other arithmetic than the server's. Percentages of services are of what is
started (sessions and events), so a session of ten requests weighs ten times in the requests.

Exceptions:
    BadWorkload   which file, which key, and what is allowed
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocs.amounts import parse_amount
from ocs.model import MICROS

FOLDER = Path(__file__).parent / "workloads"
KINDS = ("data", "voice", "sms")
#: More than the numbers of the generator's range, and more than a machine of this kind populates.
SUBSCRIBERS_MAX = 10_000_000
SESSIONS_MAX = 1_000_000
MSCC_MAX = 20
#: A report and a price stay far below 2^53.
UNITS_MAX = 2**40


class BadWorkload(Exception):
    """A sentence with the key and what is allowed."""


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of session or event. `updates` 0: a session stays open to the end of the run."""

    kind: str
    percent: float
    updates: int = 0
    #: Percent of its sessions with one, two, ... services (MSCC) in each request.
    mscc: tuple[float, ...] = (100,)
    #: Units of one report, from and to; a message has none.
    used: tuple[int, int] = (0, 0)
    #: `price` micros for `per` units, begun `step`s, rounded half up to `quantum` micros per session.
    price: int = 0
    per: int = 1
    step: int = 1
    quantum: int = 10_000
    #: MCC-MNC of the visited network; "": at home.
    network: str = ""

    def cost(self, units: int) -> int:
        """Micros for so many units of one session and rating group."""
        stepped = -(-units // self.step) * self.step
        return (2 * stepped * self.price + self.per * self.quantum) // (
            2 * self.per * self.quantum
        ) * self.quantum  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workload:
    """Who asks for what."""

    name: str
    subscribers: int
    #: Open at a time; also what can be without an answer at a time.
    sessions: int
    services: tuple[Service, ...]
    tariff: str
    balance: int  # micros
    zipf: float = 0.0  # exponent of how often a subscriber is served, by rank; 0: all alike
    nearly_empty_percent: float = 0.0
    nearly_empty_balance: int = 0  # micros
    repeats_percent: float = 0.0

    def opening(self, person: int) -> int:
        """The micros that a subscriber starts with: the nearly empty ones are spread over the ranks."""
        share = self.nearly_empty_percent
        is_nearly_empty = int((person + 1) * share / 100) > int(person * share / 100)
        return self.nearly_empty_balance if is_nearly_empty else self.balance


def names() -> list[str]:
    """The workloads that come with the server."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_workload(name_or_path: str | Path) -> Workload:
    """A packaged workload by its name, or one of a file."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_path}.toml"
        if str(name_or_path) not in names():
            known = ", ".join(names())
            raise BadWorkload(
                f"there is no workload {str(name_or_path)!r}: {known}, or a .toml file"
            )
    try:
        values = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise BadWorkload(f"{path.name} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadWorkload(f"{path.name} is no TOML: {error}") from None
    return _Reader(path.name).workload(path.stem, values)


# --- reading --------------------------------------------------------------------------------------


class _Reader:
    """Checks each key; the sentences name the file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def workload(self, name: str, values: dict[str, Any]) -> Workload:
        given = values.pop("services", None)
        if not isinstance(given, list) or not given or not all(isinstance(x, dict) for x in given):
            raise self._bad("services", "at least one [[services]]")
        services = tuple(self._service(f"services.{i}", each) for i, each in enumerate(given))
        if abs(sum(each.percent for each in services) - 100) > 1e-9:
            raise self._bad("services.percent", "100 in all")
        take = self._taker("", values)
        made = Workload(
            name=name,
            subscribers=take("subscribers", _whole(1, SUBSCRIBERS_MAX), None),
            sessions=take("sessions", _whole(1, SESSIONS_MAX), None),
            services=services,
            tariff=take("tariff", _text, None),
            balance=take("balance", _money, None),
            zipf=take("zipf", _number(0, 5), 0.0),
            nearly_empty_percent=take("nearly_empty_percent", _number(0, 100), 0.0),
            nearly_empty_balance=take("nearly_empty_balance", _money, 0),
            repeats_percent=take("repeats_percent", _number(0, 100), 0.0),
        )
        self._rest("", values)
        return made

    def _service(self, where: str, values: dict[str, Any]) -> Service:
        take = self._taker(f"{where}.", values)
        kind = take("kind", _one_of(KINDS), None)
        is_event = kind == "sms"
        made = Service(
            kind=kind,
            percent=take("percent", _number(0, 100), None),
            updates=0 if is_event else take("updates", _whole(0, 10_000), None),
            mscc=take("mscc", _shares, (100,)) if kind == "data" else (100,),
            used=(1, 1) if is_event else take("used", _range, None),
            price=take("price", _money, None),
            per=take("per", _whole(1, UNITS_MAX), None),
            step=take("step", _whole(1, UNITS_MAX), 1),
            quantum=take("quantum", _money, 10_000),
            network=take("network", _plmn, "") if kind == "data" else "",
        )
        self._rest(f"{where}.", values)
        return made

    def _taker(self, where: str, values: dict[str, Any]) -> Callable[[str, "Check", Any], Any]:
        def take(key: str, check: Check, default: Any) -> Any:
            if key not in values:
                if default is None:
                    raise self._bad(where + key, "a value; there is no default")
                return default
            found, expected = check(values.pop(key))
            if expected:
                raise self._bad(where + key, expected)
            return found

        return take

    def _rest(self, where: str, values: Mapping[str, Any]) -> None:
        for key in values:
            raise self._bad(where + key, "no such key")

    def _bad(self, key: str, expected: str) -> BadWorkload:
        return BadWorkload(f"{self._file}: {key}: {expected}")


#: What a value is read as, and what was expected where it is not that.
Check = Callable[[Any], tuple[Any, str]]


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> tuple[Any, str]:
        is_fit = type(value) is int and low <= value <= high
        return value, "" if is_fit else f"a whole number from {low} to {high}"

    return check


def _number(low: float, high: float) -> Check:
    def check(value: Any) -> tuple[Any, str]:
        is_fit = type(value) in (int, float) and low <= value <= high
        return value, "" if is_fit else f"a number from {low} to {high}"

    return check


def _one_of(words: tuple[str, ...]) -> Check:
    return lambda value: (value, "" if value in words else f"one of {', '.join(words)}")


def _text(value: Any) -> tuple[Any, str]:
    return value, "" if isinstance(value, str) and value else "a text"


def _plmn(value: Any) -> tuple[Any, str]:
    is_fit = isinstance(value, str) and value.isdecimal() and len(value) in (5, 6)
    return value, "" if is_fit else 'the digits of MCC and MNC: "25001"'


def _money(value: Any) -> tuple[Any, str]:
    expected = 'an amount that is not negative, in quotes: "12.50"'
    if not isinstance(value, str):
        return 0, expected
    try:
        micros = parse_amount(value, 6)
    except ValueError:
        return 0, expected
    return micros, "" if 0 <= micros <= 9_000_000_000 * MICROS else expected


def _range(value: Any) -> tuple[Any, str]:
    is_fit = isinstance(value, list) and len(value) == 2 and all(type(x) is int for x in value)
    if not is_fit or not 0 <= value[0] <= value[1] <= UNITS_MAX:
        return (), "two whole numbers, from and to: [1000, 50000]"
    return tuple(value), ""


def _shares(value: Any) -> tuple[Any, str]:
    is_fit = isinstance(value, list) and 0 < len(value) <= MSCC_MAX
    if not is_fit or not all(type(x) in (int, float) and x >= 0 for x in value):
        return (), f"a list of 1 to {MSCC_MAX} percentages"
    return tuple(value), "" if abs(sum(value) - 100) < 1e-9 else "percentages that are 100 in all"
