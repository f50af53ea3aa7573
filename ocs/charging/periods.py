"""The periods of a tariff that a request may touch: when the prices of a service change.

Every request of a session walks them from its start, so that they have the same names in each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from ocs.charging import quota
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import MSCC
from ocs.model import Price, SessionContext, UnitKind, UtcMillis
from ocs.rating.catalogue import Catalogue, find_prices
from ocs.rating.price import cost

TOTAL, INPUT, OUTPUT = "total", "input", "output"  # Price.counts
PERIOD = "~"  # before the second in which a period began, behind a service's key

Find = Callable[[UtcMillis], tuple[Price, ...]]


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which the prices of a service stay. The one a session began in has no name."""

    name: str
    begins: UtcMillis
    ends: UtcMillis | None
    prices: tuple[Price, ...]

    def cost(self, units: int) -> int:
        """What so many units of each kind cost, to compare."""
        return sum(cost(price, units) for price in self.prices)


def prices_at(
    mscc: MSCC, policy: ServicePolicy, context: SessionContext, catalogue: Catalogue, at: UtcMillis
) -> tuple[Price, ...]:
    """The prices of a service in the unit it is counted in: one, or one for each direction."""
    found = find_prices(
        catalogue,
        context.tariff,
        context.attributes,
        fee_is_paid=context.fee_is_paid,
        rating_group=mscc.rating_group,
        service_identifiers=mscc.service_identifiers,
        at=at,
    )
    is_half = len(found) == 1 and found[0].counts != TOTAL
    if is_half or any(each.unit is not policy.unit for each in found):
        return ()
    return found


def periods_of(
    mscc: MSCC,
    policy: ServicePolicy,
    context: SessionContext,
    catalogue: Catalogue,
    at: UtcMillis,
    since: UtcMillis | None,
) -> tuple[list[Period], int]:
    """The periods in which usage may lie or quota be held, and which of them is now."""
    find = partial(prices_at, mscc, policy, context, catalogue)
    started, at = context.started, max(at, context.started)
    if policy.unit is UnitKind.EVENTS:
        # A message costs what it did when it was sent.
        return [Period("", started, None, find(started))], 0
    # Nobody comes later than supervision allows, nor keeps quota for longer than it is valid.
    longest = quota.supervision_seconds([policy.grant_maximum], policy) * 1000
    first = max(min(since or started, at), at - longest)
    ahead = quota.validity(policy.validity_seconds, policy.grant_maximum, policy.unit) * 1000
    found = [
        each
        for each in _walk(find, started, UtcMillis(at + ahead))
        if each.ends is None or each.ends > first
    ]
    now = max(i for i, each in enumerate(found) if i == 0 or each.begins <= at)
    if not found[now].prices:
        # Where there is no price, nothing tells when there will be one.
        found[now] = replace(found[now], prices=find(at))
    return found, now


def _walk(find: Find, started: UtcMillis, last: UtcMillis) -> Iterator[Period]:
    """The periods from a session's start to `last`: every request gives them the same names."""
    name, begins, prices = "", started, find(started)
    while True:
        ends, following = _change(prices), prices
        while ends is not None and ends <= last:
            following = find(ends)
            if _lasting(following) != _lasting(prices):
                break
            ends = _change(following)
        yield Period(name, begins, ends, prices)
        if ends is None or ends > last:
            return
        name, begins, prices = f"{PERIOD}{ends // 1000}", ends, following


def _change(prices: tuple[Price, ...]) -> UtcMillis | None:
    return min((each.until for each in prices if each.until is not None), default=None)


def _lasting(prices: tuple[Price, ...]) -> list[Price]:
    return [replace(each, until=None) for each in prices]
