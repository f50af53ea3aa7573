"""The least parts of files: digits, counts, moments; amounts and quantities stand with prices."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from ocs.rating.read_value import count, is_digits, moment

WITHOUT_ZONE = datetime(2016, 7, 1, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize("value", ["", "+7", "7 ", "٧", "²", 7, None])
def test_no_digits(value: object) -> None:
    """Signs, blanks, digits of other scripts, other types."""
    assert not is_digits(value)


def test_digits() -> None:
    """ASCII digits, and at least one."""
    assert is_digits("007")


@pytest.mark.parametrize("text", ["", "0", "101", "0100 ", "0099", "-1", "1.0", "²", "9" * 5000])
def test_no_count(text: str) -> None:
    """Nothing, too much, more digits than the most has, another writing of a number."""
    assert count(text, 100) == 0


def test_count() -> None:
    """From 1 to the most."""
    assert [count(text, 100) for text in ("1", "099", "100")] == [1, 99, 100]


@pytest.mark.parametrize(
    "value", [None, "2016-07-01T00:00:00+06:00", date(2016, 7, 1), WITHOUT_ZONE, 0]
)
def test_no_moment(value: object) -> None:
    """Left out, a text, a day, a time without a zone, a number."""
    assert moment(value) is None


def test_moment() -> None:
    """Milliseconds of UTC, whatever the zone."""
    almaty = timezone(timedelta(hours=6))
    assert moment(datetime(1970, 1, 1, 6, 0, 1, 7_000, tzinfo=almaty)) == 1007
    assert moment(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400_000
