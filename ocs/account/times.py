"""Local days, weeks and months as moments of UTC. A span ends where the next one begins."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ocs.model import NEVER, UtcMillis
from ocs.rating.calendars import midnight
from ocs.rating.product import Every, Span

HOUR = 3_600_000
MONTHS = 12


def local_date(at: UtcMillis, zone: ZoneInfo) -> date:
    """The local day that a moment falls into."""
    return datetime.fromtimestamp(at // 1000, zone).date()


def days_after(at: UtcMillis, days: int, zone: ZoneInfo) -> UtcMillis:
    """The beginning of the local day so many days after a moment's own."""
    return midnight(local_date(at, zone) + timedelta(days=days), zone)


def first_of_next_month(at: UtcMillis, zone: ZoneInfo) -> UtcMillis:
    """The beginning of the next 1st."""
    return midnight(months_after(local_date(at, zone).replace(day=1), 1), zone)


def months_after(day: date, count: int) -> date:
    """The same day so many months later, or the last one of a month that has no such day."""
    years, month = divmod(day.month - 1 + count, MONTHS)
    first = date(day.year + years, month + 1, 1)
    return first + timedelta(days=min(day.day, days_of(first)) - 1)


def days_of(day: date) -> int:
    """How many days the month has."""
    first = day.replace(day=1)
    return ((first + timedelta(days=31)).replace(day=1) - first).days


def days_left(at: UtcMillis, zone: ZoneInfo) -> tuple[int, int]:
    """The days left of the month, the day itself included, and the days it has."""
    day = local_date(at, zone)
    return days_of(day) - day.day + 1, days_of(day)


def end_of(every: Every, begins: UtcMillis, zone: ZoneInfo) -> UtcMillis:
    """When a span that began at a moment is over; 0 where it has no end of its own."""
    day = local_date(begins, zone)
    match every.span:
        case Span.HOURS:
            return UtcMillis(begins + every.count * HOUR)
        case Span.DAYS:
            return days_after(begins, every.count, zone)
        case Span.DAY:
            return days_after(begins, 1, zone)
        case Span.WEEK:
            return days_after(begins, 7 - day.weekday(), zone)
        case Span.MONTH if every.count == 1:
            return first_of_next_month(begins, zone)
        case Span.MONTH:
            return midnight(months_after(day, every.count), zone)
    return NEVER
