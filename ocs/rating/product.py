"""What the catalogue says of products: fees, buckets, when they may be had, what serves after them.

Values only, read once when the catalogue is loaded. What a subscriber has of them is in its snapshot
(ocs.model.Product); what is left is the ledger's. The rules that act on them are ocs.account.
"""

from dataclasses import dataclass
from enum import StrEnum

from ocs.model import Price
from ocs.rating.tariff import Conditions, PriceRule


class Span(StrEnum):
    """How long something lasts, or how often it comes. HOURS and DAYS count; others are the calendar's."""

    ONCE = "once"  # a fee that comes once; a bucket that does not expire
    HOURS = "hours"  # exactly so many
    DAYS = "days"  # so many local days, the first one included, to its end
    DAY = "day"  # to the end of the local day; each local day
    WEEK = "week"  # Monday to Sunday
    MONTH = "month"  # the calendar's, or from the anchor day to the same day of the next month
    PERIOD = "period"  # as long as the product's own period


#: Those that end where the local calendar says.
CALENDAR = frozenset({Span.DAY, Span.WEEK, Span.MONTH})
TARIFF, ADDON, PROMOTION, ADVANCE = KINDS = ("tariff", "addon", "promotion", "advance")
#: Events that give a product without its being asked for.
ACTIVATION, *_ = OCCASIONS = ("activation",)
#: The balance that calls on credit are owed on; what is owed is collected whole.
CALLS_OWED = "owed"


@dataclass(frozen=True, slots=True)
class Every:
    """A span and, of HOURS and DAYS (and of several MONTHs), how many."""

    span: Span
    count: int = 1


class Late(StrEnum):
    """When a fee that was not covered is tried again."""

    TOPUP = "topup"  # with the next top-up that suffices
    NEXT = "next"  # when the next one is due


@dataclass(frozen=True, slots=True)
class Fee:
    """What a product costs, and when. It is taken whole or not at all."""

    amount: int  # micros
    every: Every
    is_prorated: bool = False  # by the days left of the month, the day itself included
    window_seconds: int = 0  # from local midnight on, within which it is taken
    late: Late = Late.TOPUP
    restarts: bool = True  # a late payment begins a new period (not with a calendar's)


@dataclass(frozen=True, slots=True)
class Payment:
    """What a bucket may pay for: a condition, its step, and what one step takes from the bucket.

    Of a bucket of money, `price` is what usage costs in it; None: the tariff's own price.
    """

    conditions: Conditions
    step: int  # units of the service; 0 of money without a price of its own
    amount: int  # units of the bucket
    price: Price | None = None
    services: frozenset[str] = frozenset()  # empty: all
    needs: int = 0  # micros of main money that must be there when usage from it begins


@dataclass(frozen=True, slots=True)
class BucketRule:
    """One bucket of a product.

    With `daily` it is a counter: so much each local day, nothing is kept. Renewed with the fee: what is
    left lapses but for `keeps` (rollover), or, with `adds`, each period's is a batch with its own end.
    """

    name: str
    unit: str  # "seconds", "octets", "events", "money", or a unit of the operator's own
    amount: int
    payments: tuple[Payment, ...]
    lasts: Every = Every(Span.PERIOD)
    priority: int = 0  # lower is drawn first
    is_daily: bool = False
    adds: bool = False
    keeps: int = 0
    is_prorated: bool = False  # with the fee; rounded down to whole `grain`
    grain: int = 1
    extends: bool = False  # what is there already gets the end of what is added
    is_shared: bool = False  # by all members of the account, else its owner's
    notices: tuple[int, ...] = ()  # amounts left


@dataclass(frozen=True, slots=True)
class CounterRule:
    """A limit that begins anew with each local day, week or month: what prices count their use on.

    `capacity` is in units of `unit` ("money": micros). Its balance is "<name>@<local date it began>",
    with the member before it where each has an own one.
    """

    name: str
    unit: str
    capacity: int
    span: Span = Span.DAY
    is_shared: bool = False
    notices: tuple[int, ...] = ()  # amounts left


class After(StrEnum):
    """What serves once the buckets of a product are empty."""

    PAY = "pay"  # the prices of the tariff
    STOP = "stop"  # nothing: usage that its buckets would pay for is refused
    SLOW = "slow"  # goes on without charge, restricted by the product's filter


@dataclass(frozen=True, slots=True)
class Bonus:
    """Given with a top-up from `least` to `most` micros: every bucket of the product (a promotion)."""

    least: int
    most: int
    channels: frozenset[str] = frozenset()  # of payment; empty: any
    #: A mark that such a top-up leaves on the subscriber, and for how many days.
    mark: str = ""
    mark_days: int = 0


@dataclass(frozen=True, slots=True)
class Advance:
    """Money lent: emergency credit. What is owed is `amount`, what is given is less by `fee`."""

    amount: int
    fee: int
    lasts: Every
    below: int  # only while main money is below this
    age_days: int = 0  # the number must be so old
    mark: str = ""  # the subscriber must carry this mark (a top-up in the last 30 days)


@dataclass(frozen=True, slots=True)
class ProductRule:
    """A product of the catalogue. A tariff is the product whose prices serve where no other does."""

    id: str
    name: str
    kind: str  # one of KINDS
    rules: tuple[PriceRule, ...] = ()  # its own prices; of an add-on, looked at before the tariff's
    is_cheapest: bool = False  # of an add-on: its price serves only where it is the lower one
    fee: Fee | None = None
    buckets: tuple[BucketRule, ...] = ()
    after: After = After.PAY
    filter_id: str = ""  # of SLOW
    requires: frozenset[str] = frozenset()  # products or tariffs the subscriber must have
    excludes: frozenset[str] = frozenset()
    at_most: int = 1  # how many of it at a time; 0: any number
    needs_paid: bool = False  # may be had only while the tariff's fee is paid
    lasts: Every = Every(Span.ONCE)  # a product without a periodic fee ends after this
    ends_with_tariff: bool = False  # a change of tariff takes it away
    forfeits: frozenset[str] = frozenset()  # products that end when this one begins
    bonus: Bonus | None = None
    advance: Advance | None = None
    given_on: str = ""  # ACTIVATION: comes with the first use of a number
    #: The price list that serves while its fee is not paid; "": its own, where conditions tell.
    fallback: str = ""
    #: Micros up to which its own prices may be owed where money is short (calls on credit); 0: not at all.
    credit: int = 0
