"""The vocabulary shared by every part: identities, prices as legs, plans, outcomes.

Rules of this file: values only, no behaviour beyond trivial properties; money is an integer count
of micros (10^-6 of the currency's main unit), units are integers (seconds, octets, events), times
are UTC milliseconds. It knows neither Diameter nor Redis.
"""

from dataclasses import dataclass
from enum import StrEnum

from ocs.subscriber import (
    AMOUNT_LIMIT as AMOUNT_LIMIT,
    MAIN_MONEY as MAIN_MONEY,
    MICROS as MICROS,
    NEVER as NEVER,
    AccountId as AccountId,
    Bucket as Bucket,
    Identity as Identity,
    IdentityKind as IdentityKind,
    Micros as Micros,
    Partition as Partition,
    Product as Product,
    ProductState as ProductState,
    Subscriber as Subscriber,
    SubscriberId as SubscriberId,
    SubscriberState as SubscriberState,
    UtcMillis as UtcMillis,
    id_of,
)
from ocs.value import value


class UnitKind(StrEnum):
    """What is counted: one kind for each service (TS 32.299, unit AVPs of RSU, GSU and USU)."""

    SECONDS = "seconds"
    OCTETS = "octets"
    EVENTS = "events"
    MONEY = "money"  # the client has rated: CC-Money, in micros


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
    #: What held at the start of the event besides: "fee", "group:<name>", "favourite", "roaming",
    #: "collect", and marks of the subscriber. Frozen with the rest.
    facts: frozenset[str] = frozenset()


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
    #: What ties the legs of a conference, the bearers of a connection together.
    correlation: str = ""
    member: str = ""

    @property
    def subscriber_id(self) -> SubscriberId:
        """Who is served."""
        return id_of(self.account_id, self.member)


@value
class Pace:
    """What a worker saw of the consumption of one service in one session."""

    at: UtcMillis  # rating time of its last answer
    expected: int  # units of the `grant_seconds` from then on
    left: int | None = None  # units that could be paid then, the grant included; None: not known


# --- how a stretch of usage is paid ------------------------------------------------------------


class RoundingMode(StrEnum):
    HALF_UP = "half_up"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Rounding:
    """How the exact running total of one event becomes money: once, never per report."""

    mode: RoundingMode = RoundingMode.HALF_UP
    quantum: int = 10_000  # micros; the currency's minor unit


@dataclass(frozen=True, slots=True)
class Leg:
    """What the stretch [start, end) of a way's own axis of units costs.

    A step that was begun is paid whole. The cost in micros of n steps is `price * n / denominator`
    (the denominator is the charge's), plus `entry / denominator` once when the stretch is entered.
    `end - start` is a multiple of `step` unless it is cut by the end of all.
    Legs of a way are in order, begin at 0, do not overlap and leave no gap.
    """

    start: int
    end: int
    step: int
    price: int  # numerator per step
    entry: int = 0  # numerator


@dataclass(frozen=True, slots=True)
class Draw:
    """What a way takes from a balance of units: `entry` with its first unit, `amount` for each begun step.

    `step` 0: as many as the micros of money that the way costs, for limits in money.
    """

    source: str
    step: int
    amount: int = 0
    entry: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay for usage: money by legs, units by draws, within a time.

    A way has an axis of its own: its first unit is at 0 wherever in the event it is used. `name` is
    stable within the event, what was used is kept under it; ways of one name share an axis. The way is
    passed over outside [begins, ends), past its last leg, where a draw is short, and where the
    account's own money is below `needs` when it would be entered. Where money is short, `stops` says
    whether the event ends there or the next way is looked at.
    """

    name: str
    legs: tuple[Leg, ...]
    sources: tuple[str, ...] = (MAIN_MONEY,)  # balances of money, in the order they are taken from
    draws: tuple[Draw, ...] = ()
    begins: UtcMillis = NEVER
    ends: UtcMillis = NEVER  # 0: without end
    needs: int = 0  # micros
    floor: int = 0  # units of its axis that must be payable before any are granted (free seconds)
    stops: bool = True
    is_apart: bool = False  # no grant goes on into it: it begins with a grant of its own


@dataclass(frozen=True, slots=True)
class Price:
    """The answer of rating for one service of one event: what it costs in money."""

    unit: UnitKind
    rounding: Rounding
    denominator: int
    legs: tuple[Leg, ...]
    name: str  # which price of which tariff matched, for records and people
    counts: str = "total"  # of octets: "total", "input" or "output"
    least: int = 0  # micros: what an event costs at the least, once it costs anything
    most: int = 0  # micros at the most; 0: no limit
    floor: int = 0  # as in Way
    limit: int = 0  # units of one event, whoever pays them; 0: no limit
    needs: int = 0  # as in Way
    tax: tuple[int, int] = (0, 1)  # the part of the cost that is tax: numerator, denominator
    #: In place of money, or to limit it: counters and allowances of the price itself.
    draws: tuple[Draw, ...] = ()
    #: The price that serves when a draw of this one is exhausted: the next tier.
    then: "Price | None" = None


@dataclass(frozen=True, slots=True)
class Source:
    """A balance that a plan may take from. It may go down to `floor` (0 or negative).

    A name with "@" is a counter: "7.sms@2019-03-04" is the balance "7.sms" in the period behind it,
    which begins at 0 in each period. `notices` are amounts; whoever takes the balance to one of them
    or below, from above it, has the subscriber told.
    """

    name: str
    floor: int = 0
    notices: tuple[int, ...] = ()


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


@value
class Charge:
    """One MSCC of a plan: what it reports, what it wants, how it is paid.

    `key` names the service within the session ("10", "10/5", "-": rating group/service identifier).
    `used` is None when nothing was reported, `requested` None when no quota is wanted.
    `ways` is empty only where there is no price: then nothing is debited and nothing granted.
    """

    key: str
    used: int | None
    requested: int | None
    rounding: Rounding = Rounding()
    denominator: int = 1
    ways: tuple[Way, ...] = ()
    refusal: Refusal = Refusal.NONE
    unit: UnitKind = (
        UnitKind.EVENTS
    )  # says how an absurd report is told, and whether units are time
    limit: int = 0  # units of the whole event; 0: none
    least: int = 0  # as in Price
    most: int = 0
    #: When what is reported was used; 0: the plan's `at`, and of seconds so much before it as they are.
    used_at: UtcMillis = NEVER
    note: str = ""  # for the record: catalogue version, price, tax; opaque to the ledger


@value
class ChargePlan:
    """One CCR, planned: everything the ledger needs, in one call."""

    type: RequestType
    number: str  # CC-Request-Number, with CC-Sub-Session-Id behind a colon where there is one
    content: str  # digest of the content that a repeat must share (RFC 8506, 5.7)
    session_id: bytes
    partition: Partition
    account_id: AccountId  # "" for a U or T of a session never seen
    subscriber_id: SubscriberId
    version: int  # of the subscriber snapshot it was planned from; 0 where there is none
    context: bytes  # the encoded SessionContext, in an INITIAL only; b"" otherwise
    charges: tuple[Charge, ...]
    sources: tuple[Source, ...]  # every balance that a charge names, each once
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
    at: UtcMillis = NEVER
    #: By charge, how long a client may be silent with its last units; 0: it is not watched.
    final_seconds: tuple[int, ...] = ()
    #: Not for the ledger: services whose pace counts, each with the units that are expected of it and where
    #: its charges begin and end.
    paces: tuple[tuple[str, int, int, int], ...] = ()


class ChargeStatus(StrEnum):
    """What became of one MSCC."""

    GRANTED = "granted"
    SETTLED = "settled"  # nothing was asked for; the report was accepted
    NO_CREDIT = "no_credit"  # 4012
    DENIED = "denied"  # 4010
    RATING_FAILED = "rating_failed"  # 5031


@value
class ChargeResult:
    """Outcome of one MSCC. `is_final`: no way can pay one more unit after this grant."""

    key: str
    status: ChargeStatus
    granted: int = 0
    is_final: bool = False
    way: str = ""  # the last one of the grant


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


@value
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
    available: int = 0  # of the account's main money afterwards, what it may go below zero included
    subscriber: Subscriber | None = None  # with STALE only
    clamped: int = 0  # units of absurd reports that were not charged
    waiting: tuple[bytes, ...] = ()  # other sessions of the account to be re-authorised


class InvariantBroken(Exception):
    """Our own mistake, found before it could be answered as if it were right."""


def invariant(condition: bool, name: str) -> None:
    """Raise when `condition` is false. Not `assert`, which -O removes."""
    if not condition:
        raise InvariantBroken(name)
