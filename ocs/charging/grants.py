"""How large a grant is: fixed, or sized by the session's own pace so that updates come every T seconds.

T is a service's `grant_seconds`; 0 leaves the sizes fixed. The pace is what a worker saw of a service in a
session, nothing of it is stored: another worker begins again with the default.

- The first grant is the default. After each report the next one is what is expected in T, or a little
  more: a client comes back when its threshold is left, and T should have passed by then.
- What is expected is the mean over the time since the last answer and the T before it. So a burst makes
  the next grant twice as large at the most (an interval of nothing divides by no zero), each grant that is
  used up at once doubles the next, and silence is forgotten in T as well as noise.
- A grant is at most half of what the balance can still buy, as the last answer told it: the last grants are
  small, and other sessions of the account find something left. A quarter of the usual size is enough for
  that: smaller ones would mean many more requests, and leave little more (bench/grants.py).
- Within the service's bounds; what a client names is a wish that is not exceeded.

Pure. How much is paid, and whether it can be, is the ledger's: a wrong guess here costs a request more,
or holds money for longer, and never moves the price of anything.
"""

from ocs.charging import quota
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import MSCC
from ocs.model import (
    MAIN_MONEY,
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    OutcomeStatus,
    Pace,
    UtcMillis,
)

#: What stays of the usual size when money is short: one part in so many.
LEAST_PART = 4


def sized(mscc: MSCC, policy: ServicePolicy, pace: Pace | None, at: UtcMillis) -> tuple[int, int]:
    """The quota to ask for at this rating time, and the units that are expected in the next T seconds."""
    named = None if mscc.rsu is None else quota.of_kind(mscc.rsu, policy.unit)
    if not policy.grant_seconds:
        return quota.bounded(named, policy), 0
    if pace is None:
        size = policy.grant_default
        units = size * (100 - policy.threshold_percent) // 100
    else:
        used = quota.used(mscc.usu, policy)
        units = expected(policy, pace, used, at)
        size = enough_for(units, policy)
        if pace.left is not None:
            size = shrunk(size, (pace.left - (used or 0)) // 2, policy)
    return min(size, quota.bounded(named, policy)) if named else size, units


def expected(policy: ServicePolicy, pace: Pace, used: int | None, at: UtcMillis) -> int:
    """The units of the next T seconds, after this report.

    Without a report the client held no quota, and the time that passed says nothing.
    """
    if used is None:
        return pace.expected
    span = policy.grant_seconds * 1000
    passed = at - pace.at
    if passed < 0:  # the client's clock was set back
        passed = 0
    units = (used + pace.expected) * span // (passed + span)
    return units if units < policy.grant_maximum else policy.grant_maximum


def enough_for(units: int, policy: ServicePolicy) -> int:
    """The grant of which so many units are used when its threshold is reached, within the bounds."""
    size = units * 100 // (100 - policy.threshold_percent)
    if size < policy.grant_minimum:
        return policy.grant_minimum
    return size if size < policy.grant_maximum else policy.grant_maximum


def shrunk(size: int, half: int, policy: ServicePolicy) -> int:
    """The grant where half of what can be paid is not more than this."""
    return size if half >= size else max(half, size // LEAST_PART, policy.grant_minimum)


def learned(made: ChargePlan, outcome: ChargeOutcome) -> dict[str, Pace]:
    """What an answer taught of the services whose pace counts; a repeat of one teaches nothing."""
    found: dict[str, Pace] = {}
    if outcome.status is not OutcomeStatus.CHARGED or outcome.is_replayed:
        return found
    for key, units, begin, end in made.paces:
        granted, least = 0, None
        for place in range(begin, end):
            result = outcome.results[place]
            granted += result.granted
            part = bought(made.charges[place], result, outcome.available)
            if part is not None and (least is None or part < least):
                least = part
        found[key] = Pace(made.at, units, None if least is None else granted + least)
    return found


def bought(charge: Charge, result: ChargeResult, available: int) -> int | None:
    """The units that so much money buys on the way on which a grant ended; None where that is not known.

    Known is a way that costs own money and nothing else. Its last price is what a session comes to;
    that its first units may cost otherwise matters little.
    """
    for way in charge.ways:
        if way.name == result.way:
            leg = way.legs[-1]
            if leg.price and way.sources == (MAIN_MONEY,):
                return max(available, 0) * charge.denominator // leg.price * leg.step
    return None
