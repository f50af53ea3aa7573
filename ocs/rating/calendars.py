"""Local time: hours and days that prices ask for, public holidays, daylight saving.

A day that is a public holiday is "holiday" and not its weekday. Hours run from the one moment up to
the other, over midnight where the end is the earlier one. What the local clock shows counts: an hour
that is skipped is in none of them, one that comes twice counts both times.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ocs.model import UtcMillis

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
#: Words for days, and which they are.
DAYS = {
    **{each: (each,) for each in WEEKDAYS},
    "workday": WEEKDAYS[:5],
    "weekend": WEEKDAYS[5:],
    HOLIDAY: (HOLIDAY,),
}
MINUTES = 24 * 60


def local_time(at: UtcMillis, zone: str) -> datetime:
    """A moment on the clock of a time zone."""
    return (EPOCH + at * MILLISECOND).astimezone(ZoneInfo(zone))


def millis_of(moment: datetime) -> UtcMillis:
    """A moment that has its zone, the other way round."""
    return UtcMillis((moment - EPOCH) // MILLISECOND)


def midnight(day: date, zone: ZoneInfo) -> UtcMillis:
    """When a local day begins; where the clock is put forward at midnight, the moment it is."""
    return millis_of(datetime.combine(day, time(), tzinfo=zone))


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes of the local day: from `begins` up to `ends`, over midnight where that is not later."""

    begins: int
    ends: int

    def hold(self, minute: int) -> bool:
        """Whether a minute of the day is inside."""
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


def read_hours(text: object) -> Hours | None:
    """The hours of a text like "20:00-23:00", or None."""
    if not isinstance(text, str):
        return None
    found = [_minute(each.strip()) for each in text.split("-")]
    if len(found) != 2 or None in found or found[0] == found[1] or found[0] == MINUTES:
        return None
    return Hours(found[0] or 0, found[1] or MINUTES)


def _minute(text: str) -> int | None:
    hours, colon, minutes = text.partition(":")
    digits = hours + minutes
    is_clock = colon and len(hours) == len(minutes) == 2 and digits.isascii() and digits.isdigit()
    if not is_clock:
        return None
    found = int(hours) * 60 + int(minutes)
    return found if int(minutes) < 60 and found <= MINUTES else None


@dataclass(frozen=True, slots=True)
class Holidays:
    """Public holidays: single dates, and days of each year."""

    dates: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()  # month, day

    def kind(self, day: date) -> str:
        """What a day counts as: its weekday, or "holiday"."""
        if day in self.dates or (day.month, day.day) in self.yearly:
            return HOLIDAY
        return WEEKDAYS[day.weekday()]


def next_moment(at: UtcMillis, local: datetime, minutes: Iterable[int]) -> UtcMillis:
    """The first moment after `at` at which the local clock shows one of the minutes of the day, or at
    which it is changed: then it may pass over some of them, or come back before them."""
    today = local.date()
    zone = str(local.tzinfo)
    found: int = min(
        moment
        for day in (today, today + timedelta(days=1), today + timedelta(days=2))
        for minute in minutes
        for moment in _moments(day, minute % MINUTES, zone)
        if moment > at
    )
    before = local.utcoffset()
    if local_time(UtcMillis(found), zone).utcoffset() == before:
        return UtcMillis(found)
    early = int(at)
    while found - early > 1:
        middle = (early + found) // 2
        if local_time(UtcMillis(middle), zone).utcoffset() == before:
            early = middle
        else:
            found = middle
    return UtcMillis(found)


# Whoever asks within a day asks for the same few moments.
@lru_cache(maxsize=4096)
def _moments(day: date, minute: int, zone: str) -> tuple[UtcMillis, ...]:
    """When the clock shows a minute of a day: twice where it was put back in between, or never."""
    there = ZoneInfo(zone)
    local = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=there)
    both = {local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
    shown = (each for each in both if each.astimezone(there).replace(fold=0) == local)
    return tuple(map(millis_of, shown))
