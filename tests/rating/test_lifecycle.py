"""What each state allows, and what a debt closes."""

import pytest

from ocs.model import (
    NEVER,
    AccountId,
    Partition,
    RatingAttributes,
    Subscriber,
    SubscriberState,
)
from ocs.rating.lifecycle import ALLOWED, allows

OUTGOING, INCOMING = RatingAttributes("voice"), RatingAttributes("voice", is_originating=False)


def subscriber(state: SubscriberState, *marks: str) -> Subscriber:
    """Somebody in this state."""
    given = tuple((mark, NEVER) for mark in marks)
    return Subscriber(AccountId("1"), Partition(0), 1, "base", state, (), marks=given)


@pytest.mark.parametrize(
    ("state", "outgoing", "incoming"),
    [
        ("preactive", True, True),
        ("active", True, True),
        ("suspended", False, True),
        ("barred", False, True),
        ("halted", False, False),
        ("one_way", False, True),
        ("terminated", False, False),
    ],
)
def test_a_state_says_which_directions_are_open(state: str, outgoing: bool, incoming: bool) -> None:
    """Calls, messages and data that go out; calls and messages that come in."""
    who = subscriber(SubscriberState(state))
    assert (allows(who, OUTGOING), allows(who, INCOMING)) == (outgoing, incoming)


def test_every_state_has_its_line() -> None:
    """A new state without one would be an error in the middle of a call."""
    assert ALLOWED.keys() == set(SubscriberState)


def test_a_debt_closes_what_goes_out_and_nothing_that_comes_in() -> None:
    """Another mark closes nothing."""
    owing, other = (subscriber(SubscriberState.ACTIVE, each) for each in ("debt", "recharged"))
    assert not allows(owing, OUTGOING) and allows(owing, INCOMING)
    assert allows(other, OUTGOING)
