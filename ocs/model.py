"""The vocabulary shared by every part: identities, prices as legs, plans, outcomes.

Rules of this file: values only, no behaviour beyond trivial properties; money is an integer count
of micros (10^-6 of the currency's main unit), units are integers (seconds, octets, events), times
are UTC milliseconds. It imports nothing of this project and knows neither Diameter nor Redis.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

Micros = NewType("Micros", int)
UtcMillis = NewType("UtcMillis", int)
AccountId = NewType("AccountId", str)
Partition = NewType("Partition", int)

#: Lua numbers are doubles: an amount at or above 2^53 would lose its last digit.
AMOUNT_LIMIT = 9_000_000_000_000_000
MICROS = 1_000_000


class UnitKind(StrEnum):
    """What is counted: one kind for each service (TS 32.299, unit AVPs of RSU, GSU and USU)."""

    SECONDS = "seconds"
    OCTETS = "octets"
    EVENTS = "events"
    MONEY = "money"  # the client has rated: CC-Money, in micros


class IdentityKind(StrEnum):
    """Subscription-Id-Type (RFC 8506, 8.47)."""

    E164 = "e164"
    IMSI = "imsi"
    SIP_URI = "sip"
    NAI = "nai"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Identity:
    """One name of a subscriber, normalised (E164 without '+', SIP URI without parameters)."""

    kind: IdentityKind
    value: str


class SubscriberState(StrEnum):
    """Only ACTIVE is served; what each other state still allows comes with the lifecycle."""

    ACTIVE = "active"
    BARRED = "barred"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What rating must know of who is served: a snapshot with the version it was read at.

    `version` counts tariff, state, identities and validity; never amounts.
    `paid_until` is the moment up to which the tariff's fee is paid (0: it is not).
    """

    account_id: AccountId
    partition: Partition
    version: int
    tariff: str
    state: SubscriberState
    identities: tuple[Identity, ...]
    paid_until: UtcMillis = UtcMillis(0)

    def identity(self, kind: IdentityKind) -> str | None:
        """The subscriber's first identity of this kind, or None."""
        return next((each.value for each in self.identities if each.kind is kind), None)


# --- what a request is about -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RatingAttributes:
    """The conditions a price may depend on, read once from the first request of a session."""

    service: str  # the configured service: "data", "voice"
    calling: str = ""  # E.164 digits
    called: str = ""  # E.164 digits, or as dialled where it is a short number
    is_originating: bool = True
    apn: str = ""
    visited_network: str = ""  # MCC-MNC digits
    rat_type: int | None = None
    message_class: int | None = None


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What a session remembers of its CCR-I: kept beside it, opaque to the store, never changed."""

    account_id: AccountId
    partition: Partition
    service: str
    tariff: str
    started: UtcMillis
    fee_is_paid: bool  # conditions frozen at the start
    attributes: RatingAttributes
    catalogue_version: str
    correlation: str = (
        ""  # what ties the legs of a conference, the bearers of a connection together
    )


# --- how a stretch of usage is paid ------------------------------------------------------------


class RoundingMode(StrEnum):
    HALF_UP = "half_up"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Rounding:
    """How the exact running total of one event becomes money: once, never per report."""

    mode: RoundingMode = RoundingMode.HALF_UP
    quantum: int = 10_000  # micros; the currency's minor unit


#: What a leg pays from. Buckets are named here when products bring them.
MAIN_MONEY = "main"


@dataclass(frozen=True, slots=True)
class Leg:
    """One way to pay for the stretch [start, end) of an event's own cumulative axis of units.

    A step that was begun is paid whole. The cost in micros of n steps is `price * n / denominator`
    (the denominator is the charge's), plus `entry_micros` once when the stretch is entered.
    `end - start` is a multiple of `step` unless it is cut by the event's end.
    Legs of a charge are in order, do not overlap and leave no gap; past the last leg nothing can be
    granted, and what is used there all the same is priced by the last leg.
    """

    start: int
    end: int
    step: int
    price: int  # numerator per step
    entry_micros: int = 0
    source: str = MAIN_MONEY


@dataclass(frozen=True, slots=True)
class Price:
    """The answer of rating for one service of one event: rounding, denominator, legs."""

    unit: UnitKind
    rounding: Rounding
    denominator: int
    legs: tuple[Leg, ...]
    name: str  # which price of which tariff matched, for records and people
    until: UtcMillis | None = None  # from then on another price may apply; None: none is known
    counts: str = "total"  # of octets: "total", "input" or "output"


# --- the plan, and what became of it -----------------------------------------------------------


class RequestType(StrEnum):
    """CC-Request-Type (RFC 8506, 8.3)."""

    INITIAL = "I"
    UPDATE = "U"
    TERMINATION = "T"
    EVENT = "E"


class Refusal(StrEnum):
    """Why a plan asks for no grant although the client did."""

    NONE = ""
    DENIED = "denied"  # the subscriber may not use the service: 4010
    RATING_FAILED = "rating_failed"  # there is no price: 5031


@dataclass(frozen=True, slots=True)
class Charge:
    """One MSCC of a plan: what it reports, what it wants, how it is paid.

    `key` names the service within the session ("10", "10/5", "-": rating group/service identifier).
    `used` is None when nothing was reported, `requested` None when no quota is wanted.
    `legs` is empty only where there is no price: then nothing is debited and nothing granted.
    """

    key: str
    used: int | None
    requested: int | None
    rounding: Rounding = Rounding()
    denominator: int = 1
    legs: tuple[Leg, ...] = ()
    refusal: Refusal = Refusal.NONE
    unit: UnitKind = UnitKind.EVENTS  # says how an absurd report is told


@dataclass(frozen=True, slots=True)
class ChargePlan:
    """One CCR, planned: everything the ledger needs, in one call."""

    type: RequestType
    number: str  # CC-Request-Number, with CC-Sub-Session-Id behind a colon where there is one
    content: str  # digest of the content that a repeat must share (RFC 8506, 5.7)
    session_id: bytes
    partition: Partition
    account_id: AccountId  # "" for a U or T of a session never seen
    version: int  # of the subscriber snapshot it was planned from; 0 where there is none
    context: bytes  # the encoded SessionContext, in an INITIAL only; b"" otherwise
    charges: tuple[Charge, ...]
    reply: str  # what a repeat of the answer must say again: opaque to the ledger
    is_refused_whole: bool  # no grant at all ends the session (voice), instead of standing per MSCC
    supervision_seconds: int  # Tcc
    actor: str  # Origin-Host
    realm: str  # Origin-Realm
    peer: str  # identity of the adjacent peer the request came by
    owner: str  # this worker's inbox
    scope: str = "realm"  # whose sessions the peer may touch: its "host"'s, or of the "realm"
    state_id: int = 0  # Origin-State-Id of the client, 0 where it says none
    #: Rating time, by which an absurd report is told; 0: the store's own.
    at: UtcMillis = UtcMillis(0)
    #: By charge, how long a client may be silent with its last units; 0: it is not watched.
    final_seconds: tuple[int, ...] = ()


class ChargeStatus(StrEnum):
    """What became of one MSCC."""

    GRANTED = "granted"
    SETTLED = "settled"  # nothing was asked for; the report was accepted
    NO_CREDIT = "no_credit"  # 4012
    DENIED = "denied"  # 4010
    RATING_FAILED = "rating_failed"  # 5031


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """Outcome of one MSCC. `is_final`: no leg can pay one more step after this grant."""

    key: str
    status: ChargeStatus
    granted: int = 0
    is_final: bool = False


class OutcomeStatus(StrEnum):
    """What became of a CCR in the ledger."""

    CHARGED = "charged"  # amounts moved as listed; the session is open
    CLOSED = "closed"  # a T was settled, all released
    REFUSED = "refused"  # no grant: the session is closed (U), was never opened (I); E: unpaid
    UNKNOWN = "unknown"  # U or T without a session: 5002; the usage is kept as an orphan record
    LATE = "late"  # U or T after supervision closed the session: debited once, 5002
    MISMATCH = "mismatch"  # same type and number, other content: 5012, nothing moved
    EXISTS = "exists"  # a second INITIAL of an open session: 5012, nothing moved
    DEBITED = "debited"  # an EVENT was paid, whole
    FOREIGN = "foreign"  # the session belongs to another client: 5002, nothing moved
    UNRATED = "unrated"  # an INITIAL or EVENT without a price: 5031, nothing stored
    STALE = "stale"  # planned on an old snapshot; `subscriber` is the fresh one: plan again


@dataclass(frozen=True, slots=True)
class ChargeOutcome:
    """The ledger's word on a plan. Amounts are what this call moved, in micros (0 on a replay)."""

    status: OutcomeStatus
    results: tuple[ChargeResult, ...] = ()
    reply: str = ""
    is_replayed: bool = False
    was_open: bool = False  # the session was open until this call, or was opened by it
    spent: int = 0
    reserved: int = 0  # change of the reserved amount, may be negative
    written_off: int = 0
    total_cost: int = 0  # booked for the whole session so far; of an event, its own cost
    available: int = 0  # of the account afterwards
    subscriber: Subscriber | None = None  # with STALE only
    clamped: int = 0  # units of absurd reports that were not charged
    waiting: tuple[bytes, ...] = ()  # other sessions of the account to be re-authorised


class InvariantBroken(Exception):
    """Our own mistake, found before it could be answered as if it were right."""


def invariant(condition: bool, name: str) -> None:
    """Raise when `condition` is false. Not `assert`, which -O removes."""
    if not condition:
        raise InvariantBroken(name)
