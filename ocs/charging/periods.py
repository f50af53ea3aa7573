"""When what is offered for a service changes: the periods of its price that octets may touch.

Every request of a session walks them from its start, so that they have the same names in each. A period
is a time in which the price stays; what else pays (a bucket begins or ends) may change within one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from ocs.charging import quota
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import MSCC
from ocs.model import NEVER, Price, SessionContext, Subscriber, UtcMillis, invariant
from ocs.rating.offer import Offer
from ocs.rating.price import cost
from ocs.rating.versions import Catalogues
from ocs.rating.ways import offers

TOTAL, INPUT, OUTPUT = "total", "input", "output"  # Price.counts
PERIOD = "~"  # before the second in which a period began, behind a service's key

Find = Callable[[UtcMillis], tuple[Offer, ...]]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the charges of a request depend on besides the request."""

    request_type: int
    context: SessionContext
    subscriber: Subscriber
    catalogues: Catalogues
    is_denied: bool
    at: UtcMillis  # rating time


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which everything that is offered stays."""

    begins: UtcMillis
    ends: UtcMillis | None
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which the prices of a service stay. The one a session began in has no name."""

    name: str
    begins: UtcMillis
    ends: UtcMillis | None
    here: Stretch  # of its stretches the one at the moment of the request, or the nearest to it
    before: Stretch | None = None  # the one before that, of the same period

    def cost(self, units: int) -> int:
        """What so many units of each kind cost in money, to compare."""
        return sum(cost(each.price, units) for each in self.here.offers)


def offered(
    mscc: MSCC,
    policy: ServicePolicy,
    around: Circumstances,
    at: UtcMillis,
    first: UtcMillis | None = None,
    last: UtcMillis | None = None,
) -> tuple[Offer, ...]:
    """How a service is paid in the unit it is counted in: one offer, or one for each direction."""
    found = offers(
        around.catalogues,
        around.subscriber,
        around.context,
        mscc.rating_group,
        mscc.service_identifiers,
        at=at,
        first=at if first is None else first,
        last=at if last is None else last,
    )
    is_half = len(found) == 1 and found[0].price.counts != TOTAL
    if is_half or any(each.price.unit is not policy.unit for each in found):
        return ()
    return found


def time_range(
    policy: ServicePolicy, started: UtcMillis, at: UtcMillis
) -> tuple[UtcMillis, UtcMillis]:
    """Between which moments usage may lie and quota be held: nobody comes later than supervision
    allows, nor keeps quota for longer than it is valid."""
    longest = quota.supervision_seconds([policy.grant_maximum], policy) * 1000
    ahead = quota.validity(policy.validity_seconds, policy.grant_maximum, policy.unit) * 1000
    return UtcMillis(max(started, at - longest)), UtcMillis(at + ahead)


def periods_of(
    mscc: MSCC,
    policy: ServicePolicy,
    around: Circumstances,
    since: UtcMillis | None,
) -> tuple[list[Period], int]:
    """The periods in which usage may lie or quota be held, and which of them is now; the service was
    answered last at `since`, where that is known."""
    find: Find = partial(offered, mscc, policy, around)
    started = around.context.started
    at = max(around.at, started)
    earliest, last = time_range(policy, started, at)
    first = max(min(since or started, at), earliest)
    found = [
        each
        for each in _periods(_stretches(find, started, last), at)
        if each.ends is None or each.ends > first
    ]
    now = max(i for i, each in enumerate(found) if i == 0 or each.begins <= at)
    if not found[now].here.offers:
        # Where there is no price, nothing tells when there will be one.
        found[now] = replace(found[now], here=replace(found[now].here, offers=find(at)))
    return found, now


def _stretches(find: Find, started: UtcMillis, last: UtcMillis) -> Iterator[Stretch]:
    """Every stretch from a session's start to `last`; an ordinary session has one."""
    begins, found = started, find(started)
    ends = _change(found)
    if ends is not None and ends <= last:
        found = _lasting(found)
    while ends is not None and ends <= last:
        following = find(ends)
        lasting = _lasting(following)
        if lasting != found:
            yield Stretch(begins, ends, found)
            begins, found = ends, lasting
        # Else something might have changed then, and has not.
        ends = _change(following, ends)
    yield Stretch(begins, ends, found)


def _change(found: tuple[Offer, ...], after: UtcMillis = NEVER) -> UtcMillis | None:
    """The first moment from which something else may be offered."""
    ends = min((each.until for each in found if each.until is not None), default=None)
    invariant(ends is None or ends > after, "an offer lasts for some time")
    return ends


def _lasting(found: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """The offers, whatever time they are for: so they can be compared."""
    return tuple(replace(each, until=None) for each in found)


def _periods(stretches: Iterator[Stretch], at: UtcMillis) -> Iterator[Period]:
    """Stretches of one price together: every request of a session gives them the same names."""
    period: Period | None = None
    for each in stretches:
        if period is not None and _prices(period.here) == _prices(each):
            is_here = each.begins <= at
            here, before = (each, period.here) if is_here else (period.here, period.before)
            period = replace(period, ends=each.ends, here=here, before=before)
            continue
        if period is not None:
            yield period
        name = "" if period is None else f"{PERIOD}{each.begins // 1000}"
        period = Period(name, each.begins, each.ends, each)
    if period is not None:
        yield period


def _prices(stretch: Stretch) -> list[Price]:
    return [each.price for each in stretch.offers]
