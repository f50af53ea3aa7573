"""Causes of a closing: a peer's words never become a label."""

import pytest

from ocs.diameter.peer import EXPIRED
from ocs.node.contract import CAUSES, cause_of


@pytest.mark.parametrize(
    "reason",
    ["message length 7 cannot be", "", "AVP 264 is missing", "evil: disconnected", "DISCONNECTED"],
)
def test_what_a_peer_may_have_said_is_a_protocol_error(reason: str) -> None:
    """Metrics do not grow with what peers send."""
    assert cause_of(reason) == "protocol error"


@pytest.mark.parametrize("reason", [*EXPIRED.values(), "slow reader", "disconnected", "no place"])
def test_our_own_reasons_are_causes(reason: str) -> None:
    """Each is told apart."""
    assert cause_of(reason) == reason


def test_what_follows_a_colon_is_for_people() -> None:
    """The cause is one, whatever the handshake failed of."""
    assert cause_of("TLS handshake failed: certificate has expired") == "TLS handshake failed"
    assert not [each for each in CAUSES if ":" in each]
