"""What the books hold and what became of them: balances, movements, entries, open sessions, refunds.

Rules of this file: as in ocs.model, of which it is the part that no price and no plan needs.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from ocs.model import AccountId, Micros, Partition, UtcMillis


@dataclass(frozen=True, slots=True)
class Balance:
    """One account in micros; credited = available + reserved + spent + written_off."""

    credited: int = 0
    available: int = 0
    reserved: int = 0
    spent: int = 0
    written_off: int = 0
    sequence: int = 0  # number of its newest ledger entry

    @property
    def main(self) -> int:
        """The account's own money: what may be spent plus what is held."""
        return self.available + self.reserved


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement that no CCR asked for: a top-up, an adjustment, a fee."""

    account_id: AccountId
    partition: Partition
    key: str  # idempotency key: the payer's transaction id
    kind: str  # "topup", "adjustment", "fee"
    amount: Micros  # signed; a negative one needs that much available
    actor: str
    reason: str


class PostStatus(StrEnum):
    POSTED = "posted"
    REPLAYED = "replayed"  # the same key and content before: nothing moved again
    MISMATCH = "mismatch"  # the same key with other content: refused
    INSUFFICIENT = "insufficient"  # would take more than is available: refused
    UNKNOWN_ACCOUNT = "unknown_account"
    LIMIT = "limit"  # would pass AMOUNT_LIMIT: refused


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as commands and re-authorisation see it."""

    session_id: bytes
    account_id: AccountId
    partition: Partition
    origin_host: str
    origin_realm: str
    peer: str
    owner: str
    is_waiting: bool  # a final unit or a refusal is outstanding: a top-up re-authorises it
    is_cut: bool
    reserved: int
    started: UtcMillis
    deadline: UtcMillis
    service: str = ""
    correlation: str = ""
    waiting_group: int | None = None  # the one rating group of several that waits


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """`waiting` lists the open sessions that a credit must re-authorise (RFC 8506, 5.5)."""

    status: PostStatus
    balance: Balance = field(default_factory=Balance)
    waiting: tuple[OpenSession, ...] = ()


@dataclass(frozen=True, slots=True)
class Refund:
    """A client gives an event back (RFC 8506, 6.4): once for its token, once for its own request.

    `token` is the Refund-Information we sent: "<partition>.<account>.<digest of the Session-Id>.<number>".
    """

    token: str
    number: str  # as in ChargePlan
    content: str
    session_id: bytes  # of the refund's own request
    actor: str


class RefundStatus(StrEnum):
    """What became of a refund."""

    REFUNDED = "refunded"
    REPEATED = "repeated"  # given back before: success, nothing moved
    MISMATCH = "mismatch"  # this request's number was used with other content
    UNKNOWN = "unknown"  # the token names nothing that was paid


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """The ledger's word on a refund."""

    status: RefundStatus
    units: int = 0
    amount: int = 0  # micros given back by this call
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement as a statement shows it, newest first through `previous`."""

    entry_id: str
    sequence: int
    previous: str
    account_id: AccountId
    kind: str
    at: UtcMillis
    actor: str
    reason: str
    session_id: bytes
    request: str  # type and number: "U3"
    key: str
    units: int
    granted: int
    credited: int  # changes made by this entry, in micros
    spent: int
    reserved: int
    written_off: int
    after: Balance
