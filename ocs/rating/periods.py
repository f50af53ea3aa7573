"""The local day, week or month that a counter is in: its label and its end."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ocs.model import UtcMillis
from ocs.rating.product import Span

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def period(span: Span, at: UtcMillis, zone: str) -> tuple[str, UtcMillis]:
    """The date on which the period of a moment began, and when the period ends."""
    day = (EPOCH + at * MILLISECOND).astimezone(ZoneInfo(zone)).date()
    return _period(span, day, zone)


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
    midnight = datetime.combine(after, time(), tzinfo=ZoneInfo(zone))
    return begins.isoformat(), UtcMillis((midnight - EPOCH) // MILLISECOND)
