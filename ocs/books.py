"""What the books hold and what became of them: balances, movements, entries, open sessions, refunds.

Rules of this file: as in ocs.model, of which it is the part that no price and no plan needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ocs.model import MAIN_MONEY, AccountId, Partition, Subscriber, UtcMillis


@dataclass(frozen=True, slots=True)
class Held:
    """A balance besides main money: units, micros, or a debt (negative). `reserved` is part of `amount`."""

    amount: int = 0
    reserved: int = 0
    period: str = ""  # of a counter

    @property
    def free(self) -> int:
        """What nobody holds of it."""
        return self.amount - self.reserved


@dataclass(frozen=True, slots=True)
class Balance:
    """One account: main money in micros; credited = available + reserved + spent + written_off.

    `available` is negative where credit was used. `others` are its other balances, by name.
    """

    credited: int = 0
    available: int = 0
    reserved: int = 0
    spent: int = 0
    written_off: int = 0
    sequence: int = 0  # number of its newest ledger entry
    others: Mapping[str, Held] = field(default_factory=dict)

    @property
    def main(self) -> int:
        """The account's own money: what may be spent plus what is held."""
        return self.available + self.reserved


class Act(StrEnum):
    """What a posting does to a balance. Acts are applied in order, all or none."""

    CREDIT = "credit"  # add the amount
    DEBIT = "debit"  # take it; refused where less is available (above -limit)
    REPAY = "repay"  # from the purse: as much as the balance is below zero
    TAKE = "take"  # take what is available, up to the amount; the purse gets it
    POUR = "pour"  # the rest of the purse goes to the balance
    KEEP = "keep"  # what is available above the amount lapses
    BILL = "bill"  # what main money is below zero becomes a debt of this balance, main is 0 again
    DROP = "drop"  # forget a balance that is 0 and of which nothing is reserved


@dataclass(frozen=True, slots=True)
class Movement:
    """One act on one balance. `limit` is how far a DEBIT may go below zero."""

    act: Act
    balance: str = MAIN_MONEY
    amount: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a subscriber is to be told: its kind, and the values its text names."""

    kind: str  # "topup", "fee", "unpaid", "expires", "threshold", "cut", "auto_topup", ...
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Posting:
    """Movements that no CCR asked for, under one key: a top-up, a fee, a purchase, an adjustment.

    `purse` is money that comes from outside; REPAY and POUR spend it, what is left of it is refused.
    With `subscriber`, its snapshot is stored as well, if the stored one still has its version.
    """

    account_id: AccountId
    partition: Partition
    key: str  # idempotency key: the payer's transaction id
    kind: str  # "topup", "adjustment", "fee", "purchase", "voucher", ...
    movements: tuple[Movement, ...]
    actor: str
    reason: str
    purse: int = 0  # micros
    subscriber: Subscriber | None = None
    notices: tuple[Notice, ...] = ()
    #: What was asked for, where the movements follow from the moment: a repeat must share it, with kind,
    #: purse and reason. "": it must share the movements.
    asked: str = ""


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


class PostStatus(StrEnum):
    POSTED = "posted"
    REPLAYED = "replayed"  # the same key and content before: nothing moved again
    MISMATCH = "mismatch"  # the same key with other content: refused
    INSUFFICIENT = "insufficient"  # would take more than is available: refused
    UNKNOWN_ACCOUNT = "unknown_account"
    LIMIT = "limit"  # would pass AMOUNT_LIMIT: refused
    STALE = "stale"  # the subscriber has changed meanwhile: nothing moved; `subscriber` is the stored one


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """`waiting` lists the open sessions that a credit must re-authorise (RFC 8506, 5.5)."""

    status: PostStatus
    balance: Balance = field(default_factory=Balance)
    waiting: tuple[OpenSession, ...] = ()
    subscriber: Subscriber | None = None  # as stored by this posting, or with STALE


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
class Move:
    """What one entry changed of a balance besides main money, and what it was afterwards."""

    balance: str
    amount: int  # change
    reserved: int  # change
    after: int
    after_reserved: int


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
    moves: tuple[Move, ...] = ()  # of other balances
    laid: tuple[tuple[str, int], ...] = ()  # units by the way that paid for them
    note: str = ""  # catalogue version, price, tax
