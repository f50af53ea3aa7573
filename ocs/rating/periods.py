"""The local day, week or month that a counter is in: its label and its end."""

from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ocs.model import UtcMillis
from ocs.rating.calendars import local_time, midnight
from ocs.rating.product import Span


def period(span: Span, at: UtcMillis, zone: str) -> tuple[str, UtcMillis]:
    """The date on which the period of a moment began, and when the period ends."""
    return _period(span, local_time(at, zone).date(), zone)


# Whoever uses a counter on a day asks for the same few periods.
@lru_cache(maxsize=4096)
def _period(span: Span, day: date, zone: str) -> tuple[str, UtcMillis]:
    if span is Span.MONTH:
        begins = day.replace(day=1)
        after = (begins + timedelta(days=31)).replace(day=1)
    elif span is Span.WEEK:
        begins = day - timedelta(days=day.weekday())
        after = begins + timedelta(days=7)
    else:
        begins = day
        after = day + timedelta(days=1)
    return begins.isoformat(), midnight(after, ZoneInfo(zone))
