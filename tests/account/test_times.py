"""Spans of local time: where each ends, over the ends of months and changes of the clock."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from ocs.account.times import days_after, days_left, end_of, months_after
from ocs.model import NEVER
from ocs.rating.calendars import midnight
from ocs.rating.product import Every, Span
from tests.account.book import ZONE, at, day_of

HOUR = 3_600_000
BERLIN = ZoneInfo("Europe/Berlin")
BEIRUT = ZoneInfo("Asia/Beirut")


@pytest.mark.parametrize(
    ("span", "begins", "ends"),
    [
        (Every(Span.HOURS, 168), "2019-03-04 10:15", "2019-03-11 10:15"),
        (Every(Span.DAYS, 30), "2019-03-04 10:15", "2019-04-03 00:00"),
        (Every(Span.DAYS, 7), "2013-10-01 22:00", "2013-10-08 00:00"),
        (Every(Span.DAY), "2019-03-04 10:15", "2019-03-05 00:00"),
        (Every(Span.DAY), "2019-03-04 00:00", "2019-03-05 00:00"),
        (Every(Span.WEEK), "2019-03-04 00:00", "2019-03-11 00:00"),
        (Every(Span.WEEK), "2019-03-10 23:59", "2019-03-11 00:00"),
        (Every(Span.MONTH), "2019-02-28 23:59", "2019-03-01 00:00"),
        (Every(Span.MONTH), "2019-12-01 00:00", "2020-01-01 00:00"),
        (Every(Span.MONTH, 3), "2019-01-01 12:00", "2019-04-01 00:00"),
        (Every(Span.MONTH, 3), "2018-11-30 12:00", "2019-02-28 00:00"),
    ],
)
def test_a_span_ends_where_the_next_begins(span: Every, begins: str, ends: str) -> None:
    """Counted days include the first one and end with the last; hours are counted exactly."""
    assert day_of(end_of(span, at(begins), ZONE)) == ends


def test_once_has_no_end() -> None:
    """Nor has the period of a product without one."""
    assert end_of(Every(Span.ONCE), at("2019-03-04 10:15"), ZONE) == NEVER
    assert end_of(Every(Span.PERIOD), at("2019-03-04 10:15"), ZONE) == NEVER


def test_a_day_with_a_change_of_the_clock_is_shorter_or_longer() -> None:
    """31 March 2019 has 23 hours in Berlin, 27 October 25."""
    spring, autumn = midnight(date(2019, 3, 31), BERLIN), midnight(date(2019, 10, 27), BERLIN)
    assert end_of(Every(Span.DAY), spring, BERLIN) - spring == 23 * HOUR
    assert end_of(Every(Span.DAY), autumn, BERLIN) - autumn == 25 * HOUR


def test_a_day_that_has_no_midnight_is_no_other_day() -> None:
    """In Beirut the clock goes from 00:00 to 01:00 on 31 March 2019: its first moment is of that day."""
    begins = midnight(date(2019, 3, 31), BEIRUT)
    assert days_after(begins, 0, BEIRUT) == begins


@pytest.mark.parametrize(
    ("day", "left"),
    [
        ("2019-06-11 09:00", (20, 30)),
        ("2019-07-10 12:00", (22, 31)),
        ("2019-02-28 23:59", (1, 28)),
        ("2020-02-01 00:00", (29, 29)),
    ],
)
def test_days_left_count_the_day_itself(day: str, left: tuple[int, int]) -> None:
    """From the day on to the end of the month."""
    assert days_left(at(day), ZONE) == left


def test_a_month_without_such_a_day_ends_sooner() -> None:
    """The 31st of January and a month is the last of February."""
    assert months_after(date(2019, 1, 31), 1) == date(2019, 2, 28)
    assert months_after(date(2019, 1, 31), 13) == date(2020, 2, 29)
