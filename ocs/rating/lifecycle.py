"""What each state of a subscriber allows. Emergency calls and free numbers do not ask."""

from dataclasses import dataclass

from ocs.model import RatingAttributes, Subscriber, SubscriberState

#: The mark of who owes for late usage: only incoming services, until a top-up has paid it.
DEBT_MARK = "debt"


@dataclass(frozen=True, slots=True)
class Allowed:
    """The directions that are open. Data and messages sent are outgoing."""

    outgoing: bool
    incoming: bool


ALLOWED = {
    SubscriberState.PREACTIVE: Allowed(outgoing=True, incoming=True),
    SubscriberState.ACTIVE: Allowed(outgoing=True, incoming=True),
    SubscriberState.SUSPENDED: Allowed(outgoing=False, incoming=True),
    SubscriberState.BARRED: Allowed(outgoing=False, incoming=True),
    SubscriberState.HALTED: Allowed(outgoing=False, incoming=False),
    SubscriberState.ONE_WAY: Allowed(outgoing=False, incoming=True),
    SubscriberState.TERMINATED: Allowed(outgoing=False, incoming=False),
}


def allows(subscriber: Subscriber, attributes: RatingAttributes) -> bool:
    """Whether the subscriber's state, and a debt, leave this service open."""
    allowed = ALLOWED[subscriber.state]
    if not attributes.is_originating:
        return allowed.incoming
    return allowed.outgoing and not any(mark == DEBT_MARK for mark, _ in subscriber.marks)
