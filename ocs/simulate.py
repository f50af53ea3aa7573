"""The same usage under two catalogues: what each subscriber would pay, and what that changes.

Usage is CSV with a header, one event a line:

    subscriber,time,service,units                        these four must be there
    called,calling,direction,network,apn,rating_group,tariff      these may; empty is as absent

`time` is when it began, with its zone (2019-03-04T12:00:00+06:00), `units` whole seconds, octets or
messages. `tariff` prices by that tariff whoever the subscriber is.

Pure: who prices a line is passed in.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ocs.model import UtcMillis
from ocs.rating.price import MAX_UNITS

NEEDED = ("subscriber", "time", "service", "units")
OPTIONAL = ("called", "calling", "direction", "network", "apn", "rating_group", "tariff")
DIRECTIONS = ("", "originating", "terminating")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Errors that are reported of one file.
ERRORS_MAX = 100


@dataclass(frozen=True, slots=True)
class Usage:
    """One event."""

    line: int
    subscriber: str
    at: UtcMillis
    service: str
    units: int
    called: str = ""
    calling: str = ""
    is_originating: bool = True
    network: str = ""
    apn: str = ""
    rating_group: int | None = None
    tariff: str = ""


class UsageErrors(Exception):
    """Every error of one file, as sentences with their lines."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


#: What an event costs in micros; None where there is no price for it.
Pricer = Callable[[Usage], int | None]


@dataclass(slots=True)
class Sum:
    """What one subscriber, or all, would pay. Events that one side has no price for are counted apart."""

    events: int = 0
    old: int = 0
    new: int = 0
    unpriced_old: int = 0
    unpriced_new: int = 0
    changed: int = 0  # events that cost something else, or that only one side has a price for

    @property
    def difference(self) -> int:
        """Above 0 where the new catalogue is dearer."""
        return self.new - self.old

    def add(self, old: int | None, new: int | None) -> None:
        """One more event."""
        self.events += 1
        self.old += old or 0
        self.new += new or 0
        self.unpriced_old += old is None
        self.unpriced_new += new is None
        self.changed += old != new


@dataclass(slots=True)
class Result:
    """The sums by subscriber, in the order of their first event, and of all."""

    by_subscriber: dict[str, Sum] = field(default_factory=dict)
    total: Sum = field(default_factory=Sum)


def simulate(usage: Iterable[Usage], old: Pricer, new: Pricer) -> Result:
    """Price each event on both sides."""
    result = Result()
    for each in usage:
        before, after = old(each), new(each)
        result.by_subscriber.setdefault(each.subscriber, Sum()).add(before, after)
        result.total.add(before, after)
    return result


def read_usage(lines: Iterable[str]) -> list[Usage]:
    """The events of a file; UsageErrors with all that is wrong in it."""
    errors: list[str] = []
    found: list[Usage] = []
    reader = csv.reader(lines, strict=True)
    try:
        header = [cell.strip().removeprefix("\ufeff") for cell in next(reader, [])]
        errors.extend(_header(header))
        if errors:
            raise UsageErrors(errors)
        for row in reader:
            if not row:
                continue
            where = f"line {reader.line_num}"
            if len(row) != len(header):
                errors.append(f"{where}: {len(row)} fields, the header has {len(header)}")
            else:
                cells = dict(zip(header, map(str.strip, row), strict=True))
                problems = [*_problems(cells)]
                errors.extend(f"{where}: {each}" for each in problems)
                if not problems:
                    found.append(_usage(reader.line_num, cells))
            if len(errors) >= ERRORS_MAX:
                errors.append("and perhaps more")
                break
    except csv.Error as error:
        errors.append(f"line {reader.line_num}: CSV: {error}")
    if errors:
        raise UsageErrors(errors)
    return found


def _header(header: list[str]) -> Iterator[str]:
    for name in NEEDED:
        if name not in header:
            yield f"line 1: a column {name}"
    for name in sorted({*header} - {*NEEDED, *OPTIONAL}):
        yield f"line 1: no such column {name!r}; known are {', '.join((*NEEDED, *OPTIONAL))}"
    if len({*header}) != len(header):
        yield "line 1: each column once"


def _problems(cells: dict[str, str]) -> Iterator[str]:
    for name in ("subscriber", "service"):
        if not cells[name]:
            yield f"{name}: a name"
    if read_moment(cells["time"]) is None:
        yield "time: a moment with its zone: 2019-03-04T12:00:00+06:00"
    if not _is_count(cells["units"], MAX_UNITS):
        yield "units: a whole number, not negative"
    if cells.get("direction", "") not in DIRECTIONS:
        yield "direction: originating or terminating"
    group = cells.get("rating_group", "")
    if group and not _is_count(group, 2**32 - 1):
        yield "rating_group: a whole number"


def _is_count(text: str, most: int) -> bool:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    return is_number and int(text) <= most


def read_moment(text: str) -> UtcMillis | None:
    """A moment with its zone, as people write it; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or moment < EPOCH:
        return None
    return UtcMillis((moment - EPOCH) // timedelta(milliseconds=1))


def _usage(line: int, cells: dict[str, str]) -> Usage:
    at, group = read_moment(cells["time"]), cells.get("rating_group", "")
    return Usage(
        line,
        cells["subscriber"],
        UtcMillis(0) if at is None else at,
        cells["service"],
        int(cells["units"]),
        called=cells.get("called", ""),
        calling=cells.get("calling", ""),
        is_originating=cells.get("direction", "") != "terminating",
        network=cells.get("network", ""),
        apn=cells.get("apn", ""),
        rating_group=int(group) if group else None,
        tariff=cells.get("tariff", ""),
    )
