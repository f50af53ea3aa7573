"""The services of a request as charges: what was used, what is wished, and how it is paid.

A service is one charge, as a rule: time tells by itself when it was used, so that its ways carry the
times of their prices. Where the price of octets changes, each period is an event of its own; where
directions are rated apart, each direction is. What stands behind the service's key tells them apart:
"10", "10<" input, "10>" output, "10~1790881200" from that second on, "10$" what the client has rated.
"""

from collections.abc import Sequence
from functools import partial

from ocs.charging import quota
from ocs.charging.periods import (
    INPUT,
    OUTPUT,
    TOTAL,
    Circumstances,
    offered,
)
from ocs.charging.policy import TERMINATE, ServicePolicy
from ocs.charging.services import key_of
from ocs.diameter.credit_control import MSCC, UPDATE_REQUEST, Units
from ocs.model import (
    MAIN_MONEY,
    NEVER,
    Charge,
    Leg,
    Price,
    Refusal,
    Rounding,
    Source,
    Subscriber,
    UnitKind,
    UtcMillis,
    Way,
)
from ocs.rating.offer import Offer
from ocs.rating.price import MAX_UNITS
from ocs.rating.ways import REMEMBERED_MILLIS
from ocs.value import value

SUFFIXES = {TOTAL: "", INPUT: "<", OUTPUT: ">"}
CLIENT_RATED = "$"

#: What the client has rated costs what it says.
CLIENT_PRICE = Price(UnitKind.MONEY, Rounding(quantum=1), 1, (Leg(0, MAX_UNITS, 1, 1),), "client")


@value
class Terms:
    """One service, planned: its charges, and what its answer must say that only now is known."""

    charges: tuple[Charge, ...]
    validity_seconds: int
    tariff_time_change: int | None = None  # UTC seconds
    sources: tuple[Source, ...] = ()
    filter_id: str = ""  # of grants on a way that goes on without charge, restricted


def charge_of(
    key: str,
    offer: Offer,
    used: int | None,
    wish: int | None,
    *,
    refusal: Refusal = Refusal.NONE,
    unit: UnitKind | None = None,
    used_at: UtcMillis = NEVER,
) -> Charge:
    """A charge that is paid as offered."""
    price = offer.price
    return Charge(
        key,
        used,
        wish,
        price.rounding,
        offer.denominator,
        offer.ways,
        refusal,
        unit or price.unit,
        price.limit,
        price.least,
        price.most,
        used_at,
        offer.note,
    )


def all_sources(found: Sequence[Offer]) -> tuple[Source, ...]:
    """Every balance that offers name, each once."""
    if len(found) == 1:
        return found[0].sources
    return tuple({one.name: one for each in found for one in each.sources}.values())


# --- what the client has rated ---------------------------------------------------------------------


def client_offer(subscriber: Subscriber) -> Offer:
    """A micro of money is a unit, and costs one: paid from own money."""
    money = subscriber.money or MAIN_MONEY
    floor = -subscriber.credit_limit if money == MAIN_MONEY else 0
    way = Way("client", CLIENT_PRICE.legs, (money,))
    return Offer(CLIENT_PRICE, 1, (way,), (Source(money, floor),), "|client|0/1")


def client_rated(
    mscc: MSCC, policy: ServicePolicy, around: Circumstances, is_wanted: bool
) -> Terms:
    """A service in CC-Money."""
    reported = None
    if mscc.usu:
        reported = quota.total((each.units for each in mscc.usu), UnitKind.MONEY)
    wanted = None
    if is_wanted:
        wanted = quota.of_kind(mscc.rsu or Units(), UnitKind.MONEY) or reported or None
    offer = client_offer(around.subscriber)
    is_denied = around.is_denied and wanted is not None
    refusal = Refusal.DENIED if is_denied else Refusal.NONE
    charge = charge_of(key_of(mscc) + CLIENT_RATED, offer, reported, wanted, refusal=refusal)
    return Terms((charge,), policy.validity_seconds, sources=offer.sources)


# --- time and messages -----------------------------------------------------------------------------


def single(mscc: MSCC, policy: ServicePolicy, around: Circumstances, wish: int | None) -> Terms:
    """A service that is one event: time by the clock, messages by what held when they were sent."""
    started = around.context.started
    at = max(around.at, started)
    used_at, course = NEVER, around.course(mscc, policy)
    if policy.unit is UnitKind.SECONDS:
        first, last = max(started, UtcMillis(at - course.behind)), UtcMillis(at + course.ahead)
        since = max(started, UtcMillis(first - REMEMBERED_MILLIS))
    else:
        used_at = first = last = since = at = started
    found = course.timed(partial(offered, mscc, policy, around, at, first, last), since, last)
    used = quota.used(mscc.usu, policy)
    refusal = refusal_of(mscc, policy, around, wish, is_priced=bool(found))
    validity = policy.validity_seconds
    if not found:
        return Terms((Charge(key_of(mscc), used, wish, refusal=refusal),), validity)
    offer = found[0]
    charge = charge_of(key_of(mscc), offer, used, wish, refusal=refusal, used_at=used_at)
    return Terms((charge,), validity, None, offer.sources, offer.filter_id)


def refusal_of(
    mscc: MSCC,
    policy: ServicePolicy,
    around: Circumstances,
    wish: int | None,
    *,
    is_priced: bool,
    is_here: bool = True,
) -> Refusal:
    """Why nothing is granted, whatever the account holds."""
    if around.is_denied and wish is not None:
        return Refusal.DENIED
    if not is_priced and is_announcement(mscc, policy, around.request_type):
        return Refusal.NONE
    if not is_priced or (is_here and not quota.is_counted(mscc, policy)):
        return Refusal.RATING_FAILED
    return Refusal.NONE


def is_announcement(mscc: MSCC, policy: ServicePolicy, request_type: int) -> bool:
    """Whether a client only says that it has redirected: some name no rating group then, and would
    take a refusal for the end of one."""
    is_named = mscc.rating_group is not None or bool(mscc.service_identifiers)
    is_report = request_type == UPDATE_REQUEST and mscc.rsu is None and not is_named
    return is_report and policy.final_unit.action != TERMINATE
