"""Versions of the catalogue: which serves when, and how they are exchanged."""

from dataclasses import replace

import pytest

from ocs.model import RatingAttributes, UtcMillis
from ocs.rating.calendars import local_time
from ocs.rating.catalogue import Catalogue, find_prices
from ocs.rating.tariff import Occasion
from ocs.rating.versions import Catalogues
from tests.rating.offering import catalogue

PLAIN = catalogue()


def version(name: str, starts: int) -> Catalogue:
    """A version by another name and beginning."""
    return replace(PLAIN, version=name, starts=UtcMillis(starts))


def test_there_is_always_one() -> None:
    """No version at all is a mistake of whoever asks for it."""
    with pytest.raises(ValueError, match="zip"):
        Catalogues([])


def test_each_serves_from_its_beginning_to_that_of_the_next() -> None:
    """In whatever order they are given; before the first begins, that one serves."""
    catalogues = Catalogues([version("c", 300), version("a", 100), version("b", 200)])
    moments = (0, 99, 100, 199, 200, 299, 300, 10**12)
    assert "".join(catalogues.at(UtcMillis(each)).version for each in moments) == "aaaabbcc"
    assert [each.ends for each in catalogues.versions] == [200, 300, None]
    assert catalogues.latest.version == "c"


def test_of_two_with_one_beginning_the_later_in_order_counts() -> None:
    """As whoever loads a corrected version expects."""
    catalogues = Catalogues([version("a", 100), version("b", 200), version("c", 200)])
    assert [each.version for each in catalogues.versions] == ["a", "c"]
    assert [each.ends for each in catalogues.versions] == [200, None]


def test_a_version_in_use_goes_on_when_others_come() -> None:
    """Whoever holds one keeps it as it was; whoever asks anew gets the new ones."""
    catalogues = Catalogues([version("a", 100)])
    held = catalogues.at(UtcMillis(500))
    catalogues.swap([version("a", 100), version("b", 200)])
    assert (held.version, held.ends) == ("a", None)
    assert catalogues.at(UtcMillis(500)).version == "b"
    assert catalogues.at(UtcMillis(150)).ends == 200


def test_a_price_holds_until_the_next_version_begins() -> None:
    """Nothing else says so: the version's end is the price's."""
    catalogues = Catalogues([version("a", 100), version("b", 5000)])

    def until(at: int) -> int | None:
        moment = UtcMillis(at)
        local = local_time(moment, "UTC")
        served = catalogues.at(moment)
        occasion = Occasion(
            RatingAttributes("voice"), "", "home", "", False, None, frozenset(), moment, local, "thu"
        )  # fmt: skip
        prices, ends = find_prices(served, served.tariffs["base"].rules, occasion)
        assert len(prices) == 1
        return ends

    assert (until(1000), until(5000)) == (5000, None)
