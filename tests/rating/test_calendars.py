"""Local hours, days and holidays, through changes of the clock."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from ocs.model import UtcMillis
from ocs.rating.calendars import (
    Holidays,
    Hours,
    local_time,
    midnight,
    millis_of,
    next_moment,
    read_hours,
)

BERLIN, ALMATY = "Europe/Berlin", "Asia/Almaty"
HOUR = 3_600_000


def utc(text: str) -> UtcMillis:
    """A moment of UTC."""
    return UtcMillis(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000))


def after(at: UtcMillis, zone: str, *minutes: int) -> UtcMillis:
    """The next moment of one of these minutes of the day."""
    return next_moment(at, local_time(at, zone), minutes)


@pytest.mark.parametrize(
    "text",
    [
        None, 20, [], "", "20:00", "20:00-", "-", "20-23", "8:00-9:00", "20:00-20:00", "00:60-01:00",
        "24:00-06:00", "00:00-24:01", "25:00-26:00", "20:00-21:00-22:00", "-1:00-02:00", "2a:00-23:00",
        "²0:00-23:00", "٢٠:00-23:00", "00:00-00:00", "20:00–23:00",
    ],
)  # fmt: skip
def test_no_hours(text: object) -> None:
    """Other types, one end only, moments that no clock shows, digits of other scripts."""
    assert read_hours(text) is None


@pytest.mark.parametrize(
    ("text", "expected", "inside", "outside"),
    [
        ("20:00-23:00", Hours(1200, 1380), (1200, 1379), (1199, 1380, 0)),
        (" 20:00 - 23:00 ", Hours(1200, 1380), (1200,), (1380,)),
        ("22:00-08:00", Hours(1320, 480), (1320, 1439, 0, 479), (1319, 480)),
        ("18:00-24:00", Hours(1080, 1440), (1080, 1439), (0, 1079)),
        ("18:00-00:00", Hours(1080, 1440), (1080, 1439), (0, 1079)),
        ("00:00-24:00", Hours(0, 1440), (0, 720, 1439), ()),
    ],
)
def test_hours(
    text: str, expected: Hours, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    """From the first minute up to the last, which is not inside; over midnight where it is earlier."""
    hours = read_hours(text)
    assert hours == expected
    assert all(map(expected.hold, inside))
    assert not any(map(expected.hold, outside))


def test_a_holiday_is_not_its_weekday() -> None:
    """8 March 2019 is a Friday, and a holiday of each year; 7 May 2019 was one only then."""
    holidays = Holidays(frozenset({date(2019, 5, 7)}), frozenset({(3, 8)}))
    days = [
        date(2019, 3, 8),
        date(2020, 3, 8),
        date(2019, 5, 7),
        date(2020, 5, 7),
        date(2019, 3, 7),
    ]
    assert [holidays.kind(each) for each in days] == ["holiday"] * 3 + ["thu", "thu"]
    assert Holidays().kind(date(2019, 3, 8)) == "fri"


def test_local_time() -> None:
    """1 July 2016, 00:00 in Almaty (UTC+6 then) is 30 June, 18:00 UTC."""
    local = local_time(utc("2016-06-30 18:00"), ALMATY)
    assert (local.date(), local.hour, local.minute) == (date(2016, 7, 1), 0, 0)


@pytest.mark.parametrize(
    ("at", "zone", "minutes", "expected"),
    [
        # Almaty is UTC+6 in 2019.
        ("2019-03-04 06:00", ALMATY, (1200, 1380), "2019-03-04 14:00"),
        ("2019-03-04 14:00", ALMATY, (1200, 1380), "2019-03-04 17:00"),
        ("2019-03-04 17:00", ALMATY, (1200, 1380), "2019-03-05 14:00"),
        ("2019-03-04 06:00", ALMATY, (0,), "2019-03-04 18:00"),
        ("2019-03-04 06:00", ALMATY, (1440,), "2019-03-04 18:00"),
        # 31 March 2019, 01:00 UTC: the clock goes from 02:00 to 03:00. 02:30 is never shown.
        ("2019-03-31 00:00", BERLIN, (150,), "2019-03-31 01:00"),
        ("2019-03-30 20:00", BERLIN, (360,), "2019-03-31 01:00"),
        ("2019-03-31 01:00", BERLIN, (360,), "2019-03-31 04:00"),
        # 27 October 2019, 01:00 UTC: from 03:00 back to 02:00. 02:30 comes twice.
        ("2019-10-27 00:00", BERLIN, (150,), "2019-10-27 00:30"),
        ("2019-10-27 00:30", BERLIN, (150,), "2019-10-27 01:00"),
        ("2019-10-27 01:00", BERLIN, (150,), "2019-10-27 01:30"),
        # 1 March 2024: Almaty went from UTC+6 to UTC+5 at midnight, back to 29 February, 23:00.
        ("2024-02-29 12:00", ALMATY, (0,), "2024-02-29 18:00"),
        ("2024-02-29 18:00", ALMATY, (0,), "2024-02-29 19:00"),
    ],
)  # fmt: skip
def test_the_next_moment(at: str, zone: str, minutes: tuple[int, ...], expected: str) -> None:
    """The moment itself is past; a change of the clock is a moment as well."""
    assert after(utc(at), zone, *minutes) == utc(expected)


@settings(max_examples=40)
@given(
    start=st.sampled_from(["2019-03-30 20:00", "2019-10-26 20:00", "2019-06-01 00:00"]),
    offset=st.integers(0, 8 * 60),
    begins=st.integers(0, 1439),
    length=st.integers(1, 1439),
)
def test_nothing_changes_before_the_next_moment(
    start: str, offset: int, begins: int, length: int
) -> None:
    """Minute by minute: whether hours hold stays as it is until the moment that was told."""
    hours = Hours(begins, (begins + length) % 1440 or 1440)
    at = UtcMillis(utc(start) + offset * 60_000)
    until = after(at, BERLIN, hours.begins, hours.ends)

    def hold(moment: int) -> bool:
        local = local_time(UtcMillis(moment), BERLIN)
        return hours.hold(local.hour * 60 + local.minute)

    assert {hold(moment) for moment in range(at, until, 60_000)} == {hold(at)}


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        (date(2019, 3, 4), ALMATY, "2019-03-03 18:00"),
        (date(2019, 3, 31), BERLIN, "2019-03-30 23:00"),
        (date(2019, 4, 1), BERLIN, "2019-03-31 22:00"),
        # The clock goes from 00:00 to 01:00: the day begins at that moment.
        (date(2019, 3, 31), "Asia/Beirut", "2019-03-30 22:00"),
    ],
)
def test_midnight(day: date, zone: str, begins: str) -> None:
    """A local day begins at its midnight, or at its first moment where there is none."""
    assert midnight(day, ZoneInfo(zone)) == utc(begins)


def test_millis() -> None:
    """Since 1970 in UTC, of whatever zone; what is finer is cut off."""
    local = datetime(1970, 1, 1, 1, 0, 0, 7_999, tzinfo=ZoneInfo(BERLIN))
    assert millis_of(local) == 7
    assert local_time(UtcMillis(7), BERLIN) == local.replace(microsecond=7_000)
