"""What rating says of how a service is paid, by whom, at a moment: ways in order, and their balances.

Values only; `ocs.rating.ways` makes them, `ocs.charging` turns them into charges.
"""

from dataclasses import dataclass

from ocs.model import Price, Source, UtcMillis, Way


@dataclass(frozen=True, slots=True)
class Offer:
    """How one service (or one direction of it) is paid.

    `price` is the tariff's own at that moment: its unit, rounding, least, most and limit are the event's.
    `denominator` is common to all ways. What is offered may change at `until`. Of seconds the ways carry
    their times, so that one offer serves for the range it was asked for: `until` may lie in it.
    """

    price: Price
    denominator: int
    ways: tuple[Way, ...]
    sources: tuple[Source, ...]
    note: str  # "<catalogue version>|<price name>|<tax numerator>/<tax denominator>"
    until: UtcMillis | None = None
    #: Filter-Id of grants on a way whose name begins with SLOW.
    filter_id: str = ""


#: How the name of a way begins that goes on without charge, restricted.
SLOW = "slow."
