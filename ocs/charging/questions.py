"""Price enquiry and balance check: what a debit would cost and whether it is covered; nothing moves.

The lines of the event are laid over the balances as they are, one after the other, as a debit would.
"""

from ocs.books import Balance
from ocs.charging.charges import charge_of
from ocs.charging.event import ENOUGH_CREDIT, NO_CREDIT, Line, failed_avp
from ocs.charging.money import cost_information
from ocs.charging.policy import ServicePolicy
from ocs.charging.result import MESSAGES, refuse
from ocs.diameter.credit_control import CCA, CCR
from ocs.diameter.framing import ResultCode
from ocs.model import AMOUNT_LIMIT, MAIN_MONEY, Source, UnitKind, UtcMillis
from ocs.rating.catalogue import Currency
from ocs.rating.lay import Laid, Laying, lay
from ocs.rating.offer import Offer


def price_enquiry(
    ccr: CCR,
    found: list[Line],
    policy: ServicePolicy,
    currency: Currency,
    balance: Balance,
    at: UtcMillis,
) -> CCA:
    """Cost-Information, whatever money the account holds (RFC 8506, 6.1); units of it are counted in."""
    if any(each.offer is None for each in found):
        return _unrated(ccr, found, policy)
    total = 0
    free: dict[str, int] = {}
    for each in found:
        if each.offer is not None:
            money = {name for way in each.offer.ways for name in way.sources}
            for name, amount in free_of(balance, each.offer.sources).items():
                free.setdefault(name, AMOUNT_LIMIT if name in money else amount)
            total += _laid(each, each.offer, free, at, None).state.booked
    return CCA(ResultCode.SUCCESS, cost=cost_information(total, currency))


def check_balance(
    ccr: CCR, found: list[Line], policy: ServicePolicy, balance: Balance, at: UtcMillis
) -> CCA:
    """Whether a debit of this would be covered; nothing is reserved (RFC 8506, 6.2)."""
    if any(each.offer is None for each in found):
        return _unrated(ccr, found, policy)
    answered, main = ENOUGH_CREDIT, balance.available
    free: dict[str, int] = {}
    for each in found:
        if each.offer is not None:
            free = free_of(balance, each.offer.sources) | free
            laying = _laid(each, each.offer, free, at, main)
            main -= laying.taken.get(MAIN_MONEY, 0)
            answered = NO_CREDIT if laying.rest else answered
    return CCA(ResultCode.SUCCESS, check_balance_result=answered)


def counts_units(found: list[Line]) -> bool:
    """Whether what an event costs depends on more than its price: on buckets and counters."""
    return any(way.draws for each in found if each.offer is not None for way in each.offer.ways)


def free_of(balance: Balance, sources: tuple[Source, ...]) -> dict[str, int]:
    """What may be taken from each balance."""
    found: dict[str, int] = {}
    for each in sources:
        name, _, period = each.name.partition("@")
        held = balance.others.get(name)
        amount = 0
        if each.name == MAIN_MONEY:
            amount = balance.available
        elif held is not None and held.period == period:
            amount = held.free
        found[each.name] = amount - each.floor
    return found


def _laid(
    line: Line, offer: Offer, free: dict[str, int], at: UtcMillis, main: int | None
) -> Laying:
    """A line as a debit would lay it; what it takes is no longer free. `main` is own money."""
    # All units of an event have one moment, seconds too, and no later grant could serve a way apart.
    charge = charge_of(line.key, offer, None, line.units, unit=UnitKind.EVENTS)
    found = lay(charge, Laid(), line.units, free, at=at, is_grant=True, main=main, goes_apart=True)
    for name, amount in found.taken.items():
        free[name] -= amount
    return found


def _unrated(ccr: CCR, found: list[Line], policy: ServicePolicy) -> CCA:
    failed = [each.key for each in found if each.offer is None]
    named = failed_avp(ccr, failed, policy)
    return refuse(ResultCode.RATING_FAILED, MESSAGES[ResultCode.RATING_FAILED], named)
