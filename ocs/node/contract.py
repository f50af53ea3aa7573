"""What the node asks of those who use it: somebody who answers, and somebody who counts."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from ocs.diameter.credit_control import CCA, CCR
from ocs.diameter.peer import EXPIRED

#: (request, identity of the adjacent peer) -> answer. The node has made sure that the peer may bring
#: requests of this Origin-Host and Origin-Realm.
Handler = Callable[[CCR, str], Awaitable[CCA]]


class NodeMetrics(Protocol):
    """What the node counts."""

    def message(self, direction: str, command: str, peer: str) -> None: ...
    def decode_error(self, peer: str, reason: str) -> None: ...
    def peer_state(self, peer: str, state: str) -> None: ...
    def disconnect(self, peer: str, cause: str) -> None: ...
    def watchdog_failure(self, peer: str) -> None: ...
    def ccr(
        self, application: str, request_type: str, result_code: int, seconds: float, peer: str
    ) -> None: ...


#: Causes of a closing that metrics tell apart. Other reasons quote what a peer sent, and what a peer
#: sends must not become a label.
CAUSES = frozenset(
    (*EXPIRED.values(), "the watchdog was not answered", "disconnected", "stopped", "unknown peer",
     "our own identity", "no common application", "the first message is no CER", "no place",
     "replaced by a newer connection", "slow reader", "the peer left", "connection lost",
     "TLS handshake failed", "the certificate names another host")
)  # fmt: skip


def cause_of(reason: str) -> str:
    """The cause that a reason belongs to; what follows a colon is for people."""
    cause = reason.partition(":")[0]
    return cause if cause in CAUSES else "protocol error"
