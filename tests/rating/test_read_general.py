"""What catalogue.toml says of time: zone, beginning, holidays. The rest: tests/rating/test_catalogue.py."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest

from ocs.rating.read_general import General, read_free, read_general
from ocs.rating.read_value import Problem


def read(given: dict[str, object]) -> tuple[General, list[Problem]]:
    """The general part, and what is wrong with it."""
    problems: list[Problem] = []
    return read_general(given, problems), problems


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        ({"zone": "Nowhere/Here"}, "zone", "a time zone by its IANA name"),
        ({"zone": ""}, "zone", "a time zone by its IANA name"),
        ({"zone": 6}, "zone", "a time zone by its IANA name"),
        ({"zone": "../etc"}, "zone", "a time zone by its IANA name"),
        ({"zone": "Asia"}, "zone", "a time zone by its IANA name"),
        ({"starts": "2016-07-01"}, "starts", "a moment with its zone"),
        ({"starts": date(2016, 7, 1)}, "starts", "a moment with its zone"),
        ({"starts": datetime(2016, 7, 1)}, "starts", "a moment with its zone"),  # noqa: DTZ001  the zone is missing on purpose
        ({"holidays": "03-08"}, "holidays", "a list of dates, or of days of each year"),
        ({"holidays": ["3-8"]}, "holidays", "days of each year"),
        ({"holidays": ["02-30"]}, "holidays", "days of each year"),
        ({"holidays": ["W01-1"]}, "holidays", "days of each year"),
        ({"holidays": [308]}, "holidays", "days of each year"),
        ({"holidays": [["03-08"]]}, "holidays", "days of each year"),
        ({"holidays": [time(3, 8)]}, "holidays", "days of each year"),
        ({"holidays": [datetime(2026, 5, 7, tzinfo=UTC)]}, "holidays", "days of each year"),
    ],
)
def test_one_mistake_is_one_error(given: dict[str, object], key: str, expected: str) -> None:
    """Each is reported with its key; the usual value stands in."""
    general, problems = read(given)
    assert [(each.file, each.key) for each in problems] == [("catalogue.toml", key)]
    assert expected in problems[0].expected
    assert general == read({})[0]


def test_time() -> None:
    """1 July 2016, 00:00 in Astana (UTC+6 then) is 1,467,309,600 s of the epoch."""
    starts = datetime(2016, 7, 1, tzinfo=timezone(timedelta(hours=6)))
    holidays = [date(2026, 5, 7), "03-08", "02-29"]
    general, problems = read({"zone": "Europe/Kyiv", "starts": starts, "holidays": holidays})
    assert problems == []
    assert (general.zone, general.starts) == ("Europe/Kyiv", 1_467_309_600_000)
    assert general.holidays.dates == {date(2026, 5, 7)}
    assert general.holidays.yearly == {(3, 8), (2, 29)}


def test_what_is_usual() -> None:
    """Days begin at home, the version has always served, and no day is a holiday."""
    general, problems = read({})
    assert problems == []
    assert (general.zone, general.starts, general.currency.name) == ("Asia/Almaty", 0, "KZT")
    assert general.holidays.kind(date(2026, 1, 1)) == "thu"


def test_home_networks_that_are_wrong_are_not_known() -> None:
    """Nobody else is blamed for them then."""
    assert read({"home_networks": ["4010"]})[0].home_networks is None
    assert read({"home_networks": ["40101", "310410"]})[0].home_networks == frozenset(
        {"40101", "310410"}
    )


def test_classes_free_of_control() -> None:
    """Emergency unless the file says otherwise; classes that are not known are not judged."""
    problems: list[Problem] = []
    assert read_free({}, frozenset(), problems) == {"emergency"}
    assert read_free({"free": ["helpline"]}, None, problems) == {"helpline"}
    assert problems == []
    read_free({"free": ["helpline"]}, frozenset({"emergency"}), problems)
    assert [each.key for each in problems] == ["free"]
