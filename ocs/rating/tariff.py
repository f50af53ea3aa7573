"""A tariff: prices with their conditions, the first that matches applies.

Values built once when the catalogue is loaded; choosing one is a walk over a short tuple.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ocs.model import Price, RatingAttributes, UtcMillis

HOME, VISITED, ANY = "home", "visited", "any"


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a price is asked for: all that a condition may look at."""

    attributes: RatingAttributes
    destination: str  # class of the called number, "" where it has none
    is_home: bool
    fee_is_paid: bool
    rating_group: int | None
    service_identifiers: frozenset[int]
    at: UtcMillis


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A price and when it applies; an empty condition asks nothing."""

    service: str
    price: Price
    destinations: frozenset[str] = frozenset()
    rating_groups: frozenset[int] = frozenset()
    fee: bool | None = None  # True: only while the fee is paid; False: only while it is not
    direction: str = ""  # "originating", "terminating"
    service_identifiers: frozenset[int] = frozenset()
    message_classes: frozenset[int] = frozenset()
    networks: str = ANY
    begins: UtcMillis | None = None
    ends: UtcMillis | None = None  # from this moment on it does not apply

    def matches(self, occasion: Occasion) -> bool:
        """Whether every condition holds."""
        attributes = occasion.attributes
        if self.service != attributes.service:
            return False
        if self.destinations and occasion.destination not in self.destinations:
            return False
        if self.rating_groups and occasion.rating_group not in self.rating_groups:
            return False
        if self.fee is not None and self.fee != occasion.fee_is_paid:
            return False
        if self.direction and (self.direction == "originating") != attributes.is_originating:
            return False
        if self.networks != ANY and (self.networks == HOME) != occasion.is_home:
            return False
        if self.message_classes and attributes.message_class not in self.message_classes:
            return False
        if self.begins is not None and occasion.at < self.begins:
            return False
        if self.ends is not None and occasion.at >= self.ends:
            return False
        # Several services that share one quota: the price of one is not the price of the others.
        named = occasion.service_identifiers
        return not self.service_identifiers or (bool(named) and named <= self.service_identifiers)


@dataclass(frozen=True, slots=True)
class Tariff:
    """A named list of price rules, in order.

    `changes` are the moments at which a price of a service begins or ends, in order; a service
    without such moments is not in it.
    """

    id: str
    name: str
    rules: tuple[PriceRule, ...]
    changes: Mapping[str, tuple[UtcMillis, ...]] = field(default_factory=dict)


def changes_of(rules: Iterable[PriceRule]) -> dict[str, tuple[UtcMillis, ...]]:
    """The moments at which a price begins or ends, by service."""
    found: dict[str, set[UtcMillis]] = {}
    for rule in rules:
        for moment in (rule.begins, rule.ends):
            if moment is not None:
                found.setdefault(rule.service, set()).add(moment)
    return {service: tuple(sorted(moments)) for service, moments in found.items()}
