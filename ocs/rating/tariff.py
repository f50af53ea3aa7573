"""Prices with their conditions: the first whose conditions hold applies.

Values built once when the catalogue is loaded; choosing one is a walk over a short tuple.
"""

from dataclasses import dataclass
from datetime import datetime

from ocs.model import Price, RatingAttributes, UtcMillis
from ocs.rating.calendars import Hours, next_moment

HOME, VISITED, NATIONAL, INTERNATIONAL, ANY = NETWORKS = (
    "home", "visited", "national", "international", "any"
)  # fmt: skip
ORIGINATING, TERMINATING = DIRECTIONS = ("originating", "terminating")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a price is asked for: all that a condition may look at."""

    attributes: RatingAttributes
    destination: str  # class of the called number, "" where it has none
    network: str  # where the subscriber is: HOME, NATIONAL (another of this country), INTERNATIONAL
    zone: str  # of the visited network, "" where it has none
    fee_is_paid: bool
    rating_group: int | None
    service_identifiers: frozenset[int]
    at: UtcMillis
    local: datetime  # `at` on the subscriber's clock
    day: str  # "mon" to "sun", or "holiday"
    roams: bool = True  # may use other networks
    traits: tuple[tuple[str, str], ...] = ()  # attributes of the subscriber

    @property
    def is_home(self) -> bool:
        """Whether the subscriber is in the operator's own network."""
        return self.network == HOME


@dataclass(frozen=True, slots=True)
class Conditions:
    """When something applies; an empty condition asks nothing."""

    destinations: frozenset[str] = frozenset()
    rating_groups: frozenset[int] = frozenset()
    fee: bool | None = None  # True: only while the fee is paid; False: only while it is not
    direction: str = ""
    service_identifiers: frozenset[int] = frozenset()
    message_classes: frozenset[int] = frozenset()
    networks: str = ANY
    zones: frozenset[str] = frozenset()
    apns: frozenset[str] = frozenset()
    rat_types: frozenset[int] = frozenset()
    when: frozenset[str] = frozenset()  # facts, one of which must hold
    unless: frozenset[str] = frozenset()  # facts, none of which may hold
    traits: tuple[tuple[str, frozenset[str]], ...] = ()  # of the subscriber: name, values
    hours: tuple[Hours, ...] = ()
    days: frozenset[str] = frozenset()
    begins: UtcMillis | None = None
    ends: UtcMillis | None = None  # from this moment on it does not apply

    def holds(self, occasion: Occasion) -> bool:
        """Whether every condition holds."""
        return self.holds_there(occasion) and self.holds_then(occasion)

    def holds_there(self, occasion: Occasion) -> bool:
        """Whether the conditions hold that do not change while an event lasts."""
        attributes = occasion.attributes
        if self.destinations and occasion.destination not in self.destinations:
            return False
        if self.rating_groups and occasion.rating_group not in self.rating_groups:
            return False
        if self.fee is not None and self.fee != occasion.fee_is_paid:
            return False
        if self.direction and (self.direction == ORIGINATING) != attributes.is_originating:
            return False
        if self.networks != ANY and not self._holds_in(occasion.network):
            return False
        if self.message_classes and attributes.message_class not in self.message_classes:
            return False
        if self.zones and occasion.zone not in self.zones:
            return False
        if self.apns and attributes.apn not in self.apns:
            return False
        if self.rat_types and attributes.rat_type not in self.rat_types:
            return False
        if self.when and not self.when & attributes.facts:
            return False
        if self.unless and self.unless & attributes.facts:
            return False
        if self.traits and not self._holds_for(occasion.traits):
            return False
        # Several services that share one quota: the price of one is not the price of the others.
        named = occasion.service_identifiers
        return not self.service_identifiers or (bool(named) and named <= self.service_identifiers)

    def holds_then(self, occasion: Occasion) -> bool:
        """Whether the moment is right."""
        if self.begins is not None and occasion.at < self.begins:
            return False
        if self.ends is not None and occasion.at >= self.ends:
            return False
        if self.days and occasion.day not in self.days:
            return False
        if self.hours:
            minute = occasion.local.hour * 60 + occasion.local.minute
            return any(each.hold(minute) for each in self.hours)
        return True

    def _holds_in(self, network: str) -> bool:
        return network != HOME if self.networks == VISITED else network == self.networks

    def _holds_for(self, traits: tuple[tuple[str, str], ...]) -> bool:
        has = dict(traits)
        return all(has.get(name) in values for name, values in self.traits)

    def next_change(self, at: UtcMillis, local: datetime) -> UtcMillis | None:
        """The next moment at which this may hold, or no longer; None where time says nothing."""
        found = [each for each in (self.begins, self.ends) if each is not None and each > at]
        if self.hours or self.days:
            minutes = {each.begins for each in self.hours} | {each.ends for each in self.hours}
            found.append(next_moment(at, local, minutes | ({0} if self.days else set())))
        return min(found, default=None)


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A price of a service, and when it applies."""

    service: str
    price: Price
    conditions: Conditions = Conditions()
