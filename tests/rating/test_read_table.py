"""One table of a file: flags, counts, names and spans, and what is wrong with them."""

from collections.abc import Mapping

import pytest

from ocs.rating.product import Every, Span
from ocs.rating.read_table import Table, is_name


class Heard:
    """Keeps what it is told is wrong."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def problem(self, key: str, expected: str) -> None:
        """An error."""
        assert expected
        self.wrong.append(key)

    def known(self, where: str, given: Mapping[str, object], keys: tuple[str, ...]) -> None:
        """Keys that are none of these."""
        self.wrong += [where + each for each in given.keys() - set(keys)]

    def amount(self, key: str, given: object) -> int | None:
        """An amount in whole micros."""
        if isinstance(given, str) and given.isdigit():
            return int(given)
        self.wrong.append(key)
        return None


def table(**given: object) -> tuple[Table, list[str]]:
    """A table behind "t.", and what is wrong with it."""
    heard = Heard()
    return Table(heard, "t.", given, ("a",)), heard.wrong


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("night-2", True), ("ночь", True), ("a.b_c", True),
        ("", False), ("a b", False), ("a\tb", False), ("a;b", False), ("a|b", False),
        ("a:b", False), ("a@b", False), (5, False), (None, False),
    ],
)  # fmt: skip
def test_is_name(value: object, expected: bool) -> None:
    """A name may stand in the store's lists: nothing in it ends a field."""
    assert is_name(value) is expected


def test_unknown_key() -> None:
    """A key that is not known is told with its place."""
    assert table(b=1)[1] == ["t.b"]
    assert table(a=1)[1] == []


@pytest.mark.parametrize("given", [0, 1, "true", None])
def test_flag_refused(given: object) -> None:
    """Nothing but true and false; what is wrong reads as the default."""
    read, wrong = table(a=given)
    assert read.flag("a", default=True) is True
    assert wrong == ["t.a"]


def test_flag() -> None:
    """A flag as written, or its default."""
    assert table(a=False)[0].flag("a", default=True) is False
    assert table()[0].flag("a") is False


@pytest.mark.parametrize("given", [-1, 11, True, "5", 5.0, None])
def test_whole_refused(given: object) -> None:
    """A whole number within its bounds."""
    read, wrong = table(a=given)
    assert read.whole("a", 3, 0, 10) == 3
    assert wrong == ["t.a"]


def test_whole() -> None:
    """Both bounds are allowed."""
    assert [table(a=each)[0].whole("a", 3, 0, 10) for each in (0, 10)] == [0, 10]


@pytest.mark.parametrize(
    "given",
    ["", "0 days", "-1 days", "1.5 days", "days", "1  day", "1 year", "100001 hours", 30, "ONCE"],
)
def test_span_refused(given: object) -> None:
    """A span is a word or a number of hours, days or months."""
    read, wrong = table(a=given)
    assert read.span("a", Every(Span.ONCE)) == Every(Span.ONCE)
    assert wrong == ["t.a"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("once", Every(Span.ONCE)),
        ("day", Every(Span.DAY)),
        ("week", Every(Span.WEEK)),
        ("month", Every(Span.MONTH)),
        ("period", Every(Span.PERIOD)),
        ("1 day", Every(Span.DAYS, 1)),
        ("30 days", Every(Span.DAYS, 30)),
        ("1 hour", Every(Span.HOURS, 1)),
        ("168 hours", Every(Span.HOURS, 168)),
        ("3 months", Every(Span.MONTH, 3)),
        ("100000 hours", Every(Span.HOURS, 100_000)),
    ],
)
def test_span(given: str, expected: Every) -> None:
    """ "1 day" counts days from the first one; "day" is the calendar's."""
    read, wrong = table(a=given)
    assert read.span("a", None) == expected
    assert wrong == []


def test_span_not_allowed_here() -> None:
    """A fee does not come each "period"."""
    read, wrong = table(a="period")
    read.span("a", None, frozenset({Span.DAY}))
    assert wrong == ["t.a"]


def test_needed() -> None:
    """What has no default must be there."""
    read, wrong = table()
    assert (read.name("a"), read.amount("a"), read.span("a", None)) == ("", 0, Every(Span.ONCE))
    assert wrong == ["t.a", "t.a", "t.a"]


def test_words_and_texts() -> None:
    """One of the words; a text that is not empty; names in a list."""
    read, wrong = table(a="x")
    assert (read.word("a", ("x", "y"), "y"), read.text("a", ""), read.names("a")) == (
        "x",
        "x",
        frozenset(),
    )
    assert wrong == ["t.a"]
    read, wrong = table(a="")
    assert (read.word("a", ("x", "y"), "y"), read.text("a", "z")) == ("y", "z")
    assert wrong == ["t.a", "t.a"]
    assert table(a=["x", "y"])[0].names("a") == frozenset({"x", "y"})
    assert table()[0].names("a") == frozenset()
