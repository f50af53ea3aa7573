"""A price as ways: names that tell prices apart, tiers, and another denominator."""

from dataclasses import replace
from zlib import crc32

import pytest

from ocs.model import Draw, Leg, Price, Rounding, UnitKind
from ocs.rating import price_ways
from ocs.rating.price_ways import scaled, ways_of

PRICE = Price(UnitKind.SECONDS, Rounding(), 3, (Leg(0, 1000, 1, 550_000, 30),), "p")


@pytest.mark.parametrize(
    "other",
    [
        replace(PRICE, legs=(Leg(0, 1000, 1, 550_001, 30),)),
        replace(PRICE, legs=(Leg(0, 1000, 1, 550_000, 31),)),
        replace(PRICE, legs=(Leg(0, 1001, 1, 550_000, 30),)),
        replace(PRICE, legs=(Leg(0, 1000, 10, 550_000, 30),)),
        replace(PRICE, denominator=6),
        replace(PRICE, draws=(Draw("c", 1, 1),)),
        replace(PRICE, needs=1),
        replace(PRICE, floor=4),
    ],
)
def test_another_price_another_name(other: Price) -> None:
    """Whatever changes what usage costs, or when it may begin, is another axis of units."""
    assert ways_of("t", other)[0].way.name != ways_of("t", PRICE)[0].way.name


@pytest.mark.parametrize(
    "other",
    [
        replace(PRICE, name="q"),
        replace(PRICE, legs=(Leg(0, 1000, 1, 550_000, 30),)),
    ],
)
def test_the_same_price_the_same_name(other: Price) -> None:
    """A name is a matter of what usage costs, in each worker and version alike."""
    assert ways_of("t", other) == ways_of("t", PRICE)
    # The mark is part of what is stored with sessions: it may not change between releases.
    mark = f"{crc32(b'(((0, 1000, 1, 550000, 30),), 3, (), 0, 0)'):08x}"
    assert ways_of("t", PRICE)[0].way.name == f"p.t.{mark}"
    assert ways_of("u", PRICE)[0].way.name == f"p.u.{mark}"


def test_fields() -> None:
    """A way has of its price what concerns it."""
    price = replace(PRICE, needs=7, floor=4, draws=(Draw("c", 1, 2, 3),))
    (built,) = ways_of("t", price)
    assert built.denominator == 3
    way = built.way
    assert (way.legs, way.needs, way.floor, way.draws) == (price.legs, 7, 4, price.draws)
    assert (way.sources, way.stops, way.is_apart) == (("main",), True, False)


def test_tiers() -> None:
    """The tiers of a price are ways in order, each with its own denominator."""
    last = replace(PRICE, denominator=1, legs=(Leg(0, 1000, 1, 5),))
    tiers = ways_of("t", replace(PRICE, draws=(Draw("c", 1, 1),), then=last))
    assert [each.denominator for each in tiers] == [3, 1]
    assert [len(each.way.draws) for each in tiers] == [1, 0]
    assert tiers[0].way.name != tiers[1].way.name


def test_built_once() -> None:
    """The ways of a price that stands in the catalogue are built once."""
    assert ways_of("t", PRICE) is ways_of("t", PRICE)


def test_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept has an end, and building anew gives the same."""
    monkeypatch.setattr(price_ways, "KEPT", 2)
    monkeypatch.setattr(price_ways, "_built", {})
    for number in range(5):
        price = replace(PRICE, legs=(Leg(0, 1000, 1, number),))
        assert ways_of("t", price)[0].way.legs[0].price == number
        assert len(price_ways._built) <= 2


def test_scaled() -> None:
    """Over twice the denominator every numerator is twice as large; units stay."""
    (built,) = ways_of("t", PRICE)
    assert scaled(built.way, 1) is built.way  # the usual case costs nothing
    assert scaled(built.way, 2).legs == (Leg(0, 1000, 1, 1_100_000, 60),)
