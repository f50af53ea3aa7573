"""A price as ways: the chain of its tiers, each with a name of its own, built once for each price.

The name of a way carries a mark of all that its cost depends on. So a price that stays the same in the
next version of the catalogue goes on where it was, and one that changed begins anew: what was used at
the old price is never counted at the new one.
"""

from dataclasses import dataclass, replace
from zlib import crc32

from ocs.model import Leg, Price, Way

#: Prices whose ways are kept; beyond it they are built anew. One takes about a kilobyte.
KEPT = 50_000


@dataclass(frozen=True, slots=True)
class PriceWay:
    """A tier of a price: its way, and what its legs are counted in. Draws name counters as written."""

    way: Way
    denominator: int


_built: dict[tuple[str, int], tuple[Price, tuple[PriceWay, ...]]] = {}


def ways_of(product: str, price: Price) -> tuple[PriceWay, ...]:
    """The ways of a price and of its next tiers, paid by the account's own money."""
    # Prices live as long as their catalogue: the place in memory is a key while the price is kept here.
    key = (product, id(price))
    found = _built.get(key)
    if found is not None:
        return found[1]
    tiers = []
    tier: Price | None = price
    while tier is not None:
        tiers.append(_way_of(product, tier))
        tier = tier.then
    if len(_built) >= KEPT:
        _built.clear()
    built = tuple(tiers)
    _built[key] = price, built
    return built


def _way_of(product: str, price: Price) -> PriceWay:
    legs = tuple((leg.start, leg.end, leg.step, leg.price, leg.entry) for leg in price.legs)
    draws = tuple((draw.source, draw.step, draw.amount, draw.entry) for draw in price.draws)
    content = (legs, price.denominator, draws, price.needs, price.floor)
    mark = crc32(repr(content).encode())
    way = Way(
        f"p.{product}.{mark:08x}",
        price.legs,
        draws=price.draws,
        needs=price.needs,
        floor=price.floor,
    )
    return PriceWay(way, price.denominator)


def scaled(way: Way, factor: int) -> Way:
    """The way with legs counted in a denominator so many times as large."""
    if factor == 1:
        return way
    legs = tuple(
        Leg(leg.start, leg.end, leg.step, leg.price * factor, leg.entry * factor)
        for leg in way.legs
    )
    return replace(way, legs=legs)
