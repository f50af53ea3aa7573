"""One table of a file of the catalogue: its flags, counts, names and spans, each wrong one reported.

What is wrong reads as its default, so that every error of a file is found in one run.
"""

from collections.abc import Mapping
from typing import Protocol

from ocs.rating.product import Every, Span
from ocs.rating.read_value import count

#: No span, no number of products or days is longer.
MOST_COUNTED = 100_000
COUNTED = {"hour": Span.HOURS, "hours": Span.HOURS, "day": Span.DAYS, "days": Span.DAYS,
           "month": Span.MONTH, "months": Span.MONTH}  # fmt: skip
NAMED = {
    each.value: Every(each) for each in (Span.ONCE, Span.DAY, Span.WEEK, Span.MONTH, Span.PERIOD)
}
SPANS = frozenset(Span)
#: They end the names of balances and the fields of the store's lists.
FORBIDDEN = frozenset(" \t\n;|:@")


class Reports(Protocol):
    """Whoever collects what is wrong."""

    def problem(self, key: str, expected: str) -> None:
        """One error: where, and what was expected."""

    def known(self, where: str, given: Mapping[str, object], keys: tuple[str, ...]) -> None:
        """Report the keys that are none of these."""

    def amount(self, key: str, given: object) -> int | None:
        """Micros of a text, or None and a problem."""


def is_name(value: object) -> bool:
    """Whether a value may name a product, a bucket or a counter."""
    return isinstance(value, str) and bool(value) and not FORBIDDEN.intersection(value)


class Table:
    """A table of which the keys are known; `where` stands before each of them ("" or "fee.")."""

    def __init__(
        self,
        reports: Reports,
        where: str,
        given: Mapping[str, object],
        keys: tuple[str, ...],
    ) -> None:
        self._reports = reports
        self._where = where
        self.given = given
        reports.known(where, given, keys)

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def get(self, name: str) -> object:
        """The value as it is, None where it is left out."""
        return self.given.get(name)

    def key(self, name: str) -> str:
        """Where it stands, for people."""
        return self._where + name

    def wrong(self, name: str, expected: str) -> None:
        """Report a value of this table."""
        self._reports.problem(self.key(name), expected)

    def name(self, name: str, default: str = "") -> str:
        """A name that may be part of other names."""
        given = self.given.get(name, default)
        if (name in self.given or not default) and not is_name(given):
            self.wrong(name, "a name in quotes, without spaces and ; | : @")
            return default
        return str(given)

    def text(self, name: str, default: str) -> str:
        """Words for people, or a name that others gave."""
        given = self.given.get(name, default)
        if not isinstance(given, str) or (name in self.given and not given):
            self.wrong(name, "a text in quotes")
            return default
        return given

    def word(self, name: str, words: tuple[str, ...], default: str) -> str:
        """One of the words."""
        given = self.given.get(name, default)
        if given not in words:
            listed = ", ".join(f'"{each}"' for each in words)
            self.wrong(name, f"one of {listed}")
            return default
        return str(given)

    def flag(self, name: str, default: bool = False) -> bool:
        """true or false."""
        given = self.given.get(name, default)
        if not isinstance(given, bool):
            self.wrong(name, "true or false")
            return default
        return given

    def whole(self, name: str, default: int, least: int = 0, most: int = MOST_COUNTED) -> int:
        """A whole number."""
        given = self.given.get(name, default)
        if type(given) is not int or not least <= given <= most:
            self.wrong(name, f"a whole number from {least} to {most}")
            return default
        return given

    def names(self, name: str) -> frozenset[str]:
        """A list of names."""
        given = self.given.get(name, [])
        if not isinstance(given, list) or not all(map(is_name, given)):
            self.wrong(name, "a list of names in quotes")
            return frozenset()
        return frozenset(given)

    def amount(self, name: str, default: str | None = None) -> int:
        """Micros; needed where there is no default."""
        return self._reports.amount(self.key(name), self.given.get(name, default)) or 0

    def span(self, name: str, default: Every | None, allowed: frozenset[Span] = SPANS) -> Every:
        """How long, or how often: "month", "30 days"."""
        given = self.given.get(name)
        if given is None and default is not None:
            return default
        found = _span(given) if isinstance(given, str) else None
        if found is None or found.span not in allowed:
            named = ", ".join(f'"{each}"' for each in NAMED if Span(each) in allowed)
            counted = ', or a number of them: "30 days", "168 hours"'
            self.wrong(name, f"one of {named}{counted if Span.DAYS in allowed else ''}")
            return default or Every(Span.ONCE)
        return found


def _span(given: str) -> Every | None:
    if given in NAMED:
        return NAMED[given]
    number, _, name = given.partition(" ")
    found = count(number, MOST_COUNTED)
    return Every(COUNTED[name], found) if name in COUNTED and found else None
