"""The local day, week and month of a counter."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ocs.model import UtcMillis
from ocs.rating.calendars import millis_of
from ocs.rating.periods import period
from ocs.rating.product import Span


def moment(text: str, zone: str) -> UtcMillis:
    """A local moment."""
    return millis_of(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


@pytest.mark.parametrize(
    ("span", "zone", "at", "label", "ends"),
    [
        # The first and the last moment of a day.
        (Span.DAY, "Asia/Almaty", "2019-03-04 00:00", "2019-03-04", "2019-03-05"),
        (Span.DAY, "Asia/Almaty", "2019-03-04 23:59:59.999", "2019-03-04", "2019-03-05"),
        # Monday to Sunday, across the end of a year.
        (Span.WEEK, "Asia/Almaty", "2018-12-31 00:00", "2018-12-31", "2019-01-07"),
        (Span.WEEK, "Asia/Almaty", "2019-01-06 23:59", "2018-12-31", "2019-01-07"),
        (Span.MONTH, "Asia/Almaty", "2020-02-29 12:00", "2020-02-01", "2020-03-01"),
        (Span.MONTH, "Asia/Almaty", "2019-12-31 23:59", "2019-12-01", "2020-01-01"),
        # A day of 23 and one of 25 hours.
        (Span.DAY, "Europe/Berlin", "2019-03-31 12:00", "2019-03-31", "2019-04-01"),
        (Span.DAY, "Europe/Berlin", "2019-10-27 00:30", "2019-10-27", "2019-10-28"),
        # A day that begins at one o'clock: midnight is left out in spring.
        (Span.DAY, "Asia/Beirut", "2019-03-30 23:59", "2019-03-30", "2019-03-31 01:00"),
    ],
)
def test_period(span: Span, zone: str, at: str, label: str, ends: str) -> None:
    """A period is named by the local date it began on, and ends with the local day."""
    assert period(span, moment(at, zone), zone) == (label, moment(ends, zone))


def test_one_moment_two_days() -> None:
    """The same moment is in different days of different zones."""
    at = moment("2019-03-04 22:00", "UTC")
    assert period(Span.DAY, at, "UTC")[0] == "2019-03-04"
    assert period(Span.DAY, at, "Asia/Almaty")[0] == "2019-03-05"


def test_periods_meet() -> None:
    """Where one day ends the next begins, over a change of clocks too."""
    zone, at = "Europe/Berlin", moment("2019-03-29 12:00", "Europe/Berlin")
    labels = []
    for _ in range(4):
        label, at = period(Span.DAY, at, zone)
        labels.append(label)
    assert labels == ["2019-03-29", "2019-03-30", "2019-03-31", "2019-04-01"]
