"""Who is served: identities, state, products, what the account may do. Part of the vocabulary of ocs.model.

Rules of this file: as in ocs.model, which passes everything here on; it imports nothing of this project.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

Micros = NewType("Micros", int)
UtcMillis = NewType("UtcMillis", int)
AccountId = NewType("AccountId", str)
SubscriberId = NewType("SubscriberId", str)  # "<account>" or "<account>.<member>"
Partition = NewType("Partition", int)

#: Lua numbers are doubles: an amount at or above 2^53 would lose its last digit.
AMOUNT_LIMIT = 9_000_000_000_000_000
MICROS = 1_000_000
#: The balance of an account that is its own money.
MAIN_MONEY = "main"
#: A moment that is none.
NEVER = UtcMillis(0)


def id_of(account_id: AccountId, member: str) -> SubscriberId:
    """The name that a member of an account, or its only subscriber, is stored under."""
    return SubscriberId(f"{account_id}.{member}" if member else account_id)


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
    """What a subscriber may use; the table of it is rating.lifecycle.ALLOWED."""

    PREACTIVE = "preactive"  # not used yet: the first use activates
    ACTIVE = "active"
    SUSPENDED = "suspended"  # by the subscriber's own wish, or a lost SIM: incoming stays
    BARRED = "barred"  # by the operator: unpaid, fraud
    HALTED = "halted"  # by the regulator: nothing but emergency
    ONE_WAY = "one_way"  # validity is over: incoming only
    TERMINATED = "terminated"


class ProductState(StrEnum):
    """Whether a product serves at its own prices."""

    ACTIVE = "active"
    UNPAID = "unpaid"  # its fee was tried and not covered: the fallback serves, buckets stay


@dataclass(frozen=True, slots=True)
class Bucket:
    """One balance of units or money that a product gave: which, and when it may be drawn on.

    `balance` names it in the account ("7.minutes", "7.volume.3"), `name` within its product.
    The amount is the ledger's. `ends` 0: it does not expire.
    """

    balance: str
    name: str
    begins: UtcMillis = NEVER
    ends: UtcMillis = NEVER


@dataclass(frozen=True, slots=True)
class Product:
    """A product that a subscriber has. `number` is unique within the account and never used again.

    `due` is when its fee (or end, where it has none) is looked at next; 0: never.
    """

    number: int
    product: str  # id in the catalogue
    state: ProductState
    since: UtcMillis
    due: UtcMillis = NEVER
    period: UtcMillis = NEVER  # when the present period began
    buckets: tuple[Bucket, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What rating must know of who is served: a snapshot with the version it was read at.

    `version` counts tariff, products, buckets, state, identities and validity; never amounts.
    `paid_until` is the moment up to which the tariff's fee is paid (0: it is not). Several subscribers
    may share an account (a family, a company): `member` tells them apart, "" is the only or first one.
    """

    account_id: AccountId
    partition: Partition
    version: int
    tariff: str
    state: SubscriberState
    identities: tuple[Identity, ...]
    paid_until: UtcMillis = NEVER
    member: str = ""
    products: tuple[Product, ...] = ()
    #: Own money: a balance of the account. "" where the account pays all, within `allowance`.
    money: str = MAIN_MONEY
    #: Micros a month that the account's main money pays for this member, before its own; None: no rule.
    allowance: int | None = None
    credit_limit: int = 0  # micros that main money may go below zero
    valid_until: UtcMillis = NEVER  # of the number; 0: without end
    zone: str = ""  # of the IANA time zones; "": the operator's
    language: str = ""  # "kk", "ru", "en"; "": the operator's
    roams: bool = True  # has roaming switched on
    groups: tuple[str, ...] = ()  # closed user groups
    favourites: tuple[str, ...] = ()  # E.164 digits
    attributes: tuple[tuple[str, str], ...] = ()  # segment, home zone: what conditions may ask for
    #: Facts with an end that conditions may ask for: ("recharged", until).
    marks: tuple[tuple[str, UtcMillis], ...] = ()
    next_product: int = 1

    @property
    def subscriber_id(self) -> SubscriberId:
        """The name it is stored under."""
        return id_of(self.account_id, self.member)

    @property
    def due(self) -> UtcMillis:
        """When something is to be done for it without being asked; 0: never."""
        moments = [each.due for each in self.products if each.due]
        return min([*moments, *([self.valid_until] if self.valid_until else [])], default=NEVER)

    def identity(self, kind: IdentityKind) -> str | None:
        """The subscriber's first identity of this kind, or None."""
        return next((each.value for each in self.identities if each.kind is kind), None)
