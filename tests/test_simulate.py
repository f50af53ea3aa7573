"""Usage records: what is no record is refused with its line; the sums are those of hand arithmetic."""

import pytest

from ocs.model import UtcMillis
from ocs.simulate import (
    ERRORS_MAX,
    NEEDED,
    OPTIONAL,
    Result,
    Sum,
    Usage,
    UsageErrors,
    read_usage,
    simulate,
)

HEADER = "subscriber,time,service,units"
AT = "2019-03-04T12:00:00+06:00"  # 06:00 UTC
MILLIS = UtcMillis(1_551_679_200_000)
GOOD = f"7701,{AT},voice,60"


def refused(*lines: str) -> list[str]:
    """What is said of a file."""
    with pytest.raises(UsageErrors) as found:
        read_usage(lines)
    return found.value.errors


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "line 1: a column subscriber"),
        (("time,service,units", ""), "line 1: a column subscriber"),
        ((f"{HEADER},colour",), "line 1: no such column 'colour'; known are subscriber, time"),
        ((f"{HEADER},time",), "line 1: each column once"),
        ((HEADER, "7701,x"), "line 2: 2 fields, the header has 4"),
        ((HEADER, GOOD, f",{AT},voice,60"), "line 3: subscriber: a name"),
        ((HEADER, f"7701,{AT},,60"), "line 2: service: a name"),
        ((HEADER, "7701,2019-03-04T12:00:00,voice,60"), "line 2: time: a moment with its zone"),
        ((HEADER, "7701,1969-12-31T00:00:00Z,voice,60"), "line 2: time: a moment with its zone"),
        ((HEADER, "7701,noon,voice,60"), "line 2: time: a moment with its zone"),
        ((HEADER, f"7701,{AT},voice,-1"), "line 2: units: a whole number"),
        ((HEADER, f"7701,{AT},voice,1.5"), "line 2: units: a whole number"),
        ((HEADER, f"7701,{AT},voice,{'9' * 5000}"), "line 2: units: a whole number"),
        ((f"{HEADER},direction", f"{GOOD},up"), "line 2: direction: originating or terminating"),
        ((f"{HEADER},rating_group", f"{GOOD},4294967296"), "line 2: rating_group: a whole"),
        ((HEADER, '7701,"x'), "line 2: CSV: "),
    ],
)
def test_a_file_that_is_no_usage_is_refused(lines: tuple[str, ...], said: str) -> None:
    """The line and what was expected there."""
    assert refused(*lines)[0].startswith(said)


def test_all_errors_of_a_file_are_reported_but_no_endless_list() -> None:
    """Several of one line, and the last sentence says that it was cut."""
    assert len(refused(HEADER, ",x,,-1")) == 4
    many = refused(HEADER, *["7701,x,voice,1"] * 1000)
    assert len(many) == ERRORS_MAX + 1
    assert many[-1] == "and perhaps more"


def test_the_columns_that_must_be_there() -> None:
    """The others have their defaults; an empty line is none, a byte order mark is not a name."""
    assert read_usage(["\ufeff" + HEADER, "", GOOD]) == [Usage(3, "7701", MILLIS, "voice", 60)]


def test_every_column() -> None:
    """In any order, with spaces around."""
    line = {
        "subscriber": "7701", "time": "2019-03-04T06:00:00Z", "service": "data", "units": "0",
        "called": "7705", "calling": "7702", "direction": "terminating", "network": "40102",
        "apn": "internet", "rating_group": "10", "tariff": "base",
    }  # fmt: skip
    assert set(line) == {*NEEDED, *OPTIONAL}
    names = sorted(line)
    (found,) = read_usage([", ".join(names), ", ".join(line[each] for each in names)])
    assert found == Usage(
        2, "7701", MILLIS, "data", 0, "7705", "7702", False, "40102", "internet", 10, "base"
    )


def test_sums_per_subscriber_and_in_all() -> None:
    """A: 60 + 30 at 1 and at 2 each; B has no price in the old one, then neither."""

    def old(each: Usage) -> int | None:
        return each.units if each.subscriber == "A" else None

    def new(each: Usage) -> int | None:
        return None if each.service == "sms" else 2 * each.units

    usage = [
        Usage(2, "A", MILLIS, "voice", 60),
        Usage(3, "B", MILLIS, "voice", 5),
        Usage(4, "A", MILLIS, "voice", 30),
        Usage(5, "B", MILLIS, "sms", 1),
        Usage(6, "A", MILLIS, "voice", 0),
    ]
    result = simulate(usage, old, new)
    assert [*result.by_subscriber] == ["A", "B"]
    assert result.by_subscriber["A"] == Sum(3, 90, 180, 0, 0, 2)
    assert result.by_subscriber["B"] == Sum(2, 0, 10, 2, 1, 1)
    assert result.total == Sum(5, 90, 190, 2, 1, 3)
    assert result.total.difference == 100
    assert simulate([], old, new) == Result()
