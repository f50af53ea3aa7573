"""A tariff: prices with their conditions, the first that matches applies.

Values built once when the catalogue is loaded; choosing one is a walk over a short tuple.
"""

from dataclasses import dataclass

from ocs.model import Price, RatingAttributes

ANY = "any"


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A price and when it applies; an empty condition asks nothing."""

    service: str
    price: Price
    destinations: frozenset[str] = frozenset()
    rating_groups: frozenset[int] = frozenset()
    fee: bool | None = None  # True: only while the fee is paid; False: only while it is not
    direction: str = ""  # "originating", "terminating"

    def matches(
        self,
        attributes: RatingAttributes,
        destination: str,
        fee_is_paid: bool,
        rating_group: int | None,
    ) -> bool:
        """Whether every condition holds."""
        if self.service != attributes.service:
            return False
        if self.destinations and destination not in self.destinations:
            return False
        if self.rating_groups and rating_group not in self.rating_groups:
            return False
        if self.fee is not None and self.fee != fee_is_paid:
            return False
        is_originating = self.direction == "originating"
        return not self.direction or is_originating == attributes.is_originating


@dataclass(frozen=True, slots=True)
class Tariff:
    """A named list of price rules, in order."""

    id: str
    name: str
    rules: tuple[PriceRule, ...]
