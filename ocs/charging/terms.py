"""What one service asks of the ledger: by its unit, and octets by the period and direction of their use.

Octets do not tell by themselves when they were used: where their price changes, each period is a charge
of its own, and reports are told apart by what the client says, else by when it was answered last.
"""

from dataclasses import replace
from math import lcm

from ocs.charging import quota
from ocs.charging.charges import (
    SUFFIXES,
    Terms,
    all_sources,
    charge_of,
    client_rated,
    refusal_of,
    single,
)
from ocs.charging.periods import INPUT, TOTAL, Circumstances, Period, periods_of
from ocs.charging.policy import ServicePolicy
from ocs.charging.services import key_of
from ocs.diameter.credit_control import INITIAL_REQUEST, MSCC, USU, Units
from ocs.model import NEVER, Charge, UnitKind, UtcMillis, Way
from ocs.rating.offer import Offer
from ocs.rating.price import cost

BEFORE, AFTER = 0, 1  # Tariff-Change-Usage (RFC 8506, 8.27)
#: A report so soon after a change was made because of it, and tells what was used before.
CHANGE_GRACE_MILLIS = 60_000


def terms_of(
    mscc: MSCC,
    policy: ServicePolicy,
    around: Circumstances,
    since: UtcMillis | None,
    wish: int | None,
) -> Terms:
    """What one service asks of the ledger; it was answered last at `since`, where that is known. `wish` is
    the quota that it should have, None: none; of money the client says how much."""
    if quota.is_money(mscc):
        return client_rated(mscc, policy, around, wish is not None)
    if policy.unit is not UnitKind.OCTETS:
        return single(mscc, policy, around, wish)
    octets = Octets(mscc, policy, around, since)
    return octets.plain(wish) if octets.is_plain else octets.by_period(wish)


# --- octets: from periods to charges ---------------------------------------------------------------


class Octets:
    """Builds the charges of one service over its periods."""

    def __init__(
        self,
        mscc: MSCC,
        policy: ServicePolicy,
        around: Circumstances,
        since: UtcMillis | None,
    ) -> None:
        self._mscc = mscc
        self._policy = policy
        self._around = around
        self._since = since
        self._periods, self._now = periods_of(mscc, policy, around, since)
        self._at = max(around.at, around.context.started)
        offers = self._periods[0].here.offers
        #: Whether one price is for all that may be reported or granted, as for nearly all services.
        self.is_plain = len(self._periods) == len(offers) == 1 and offers[0].price.counts == TOTAL

    def by_period(self, wish: int | None) -> Terms:
        """The charges in the order of time, so that an earlier report is paid first."""
        is_wanted, wanted = wish is not None, wish or 0
        asked, validity, change = self._grant(wanted)
        reports = self._reports()
        charges: list[Charge] = []
        paid: list[Offer] = []
        for index, period in enumerate(self._periods):
            is_here = index == (asked if is_wanted else self._now)
            is_idle = not reports[index] and not is_here
            offers = period.here.offers
            if is_idle and (self._around.request_type == INITIAL_REQUEST or not offers):
                continue  # nothing is held there yet
            for offer in self._paying(index) or (None,):
                part = self._wish(offer, wanted) if is_wanted and index == asked else None
                used = self._used(reports[index], offer, period)
                charges.append(self._charge(index, offer, used, part, is_here))
                paid += [] if offer is None else [offer]
        filter_id = next((each.filter_id for each in paid if each.filter_id), "")
        change = change if is_wanted else None
        return Terms(tuple(charges), validity, change, all_sources(paid), filter_id)

    def plain(self, wish: int | None) -> Terms:
        """What `by_period` says of one period with one offer, in fewer steps; a test holds both to it."""
        mscc, policy = self._mscc, self._policy
        refusal = refusal_of(mscc, policy, self._around, wish, is_priced=True)
        used = quota.used(mscc.usu, policy)
        (offer,) = self._paying(0)
        used_at = NEVER if used is None else self._used_at(0)
        key = key_of(mscc) + self._periods[0].name
        charge = charge_of(key, offer, used, wish, refusal=refusal, used_at=used_at)
        _, validity, _ = self._grant(wish or 0)
        return Terms((charge,), validity, None, offer.sources, offer.filter_id)

    def _charge(
        self, index: int, offer: Offer | None, used: int | None, wish: int | None, is_here: bool
    ) -> Charge:
        refusal = refusal_of(
            self._mscc,
            self._policy,
            self._around,
            wish,
            is_priced=offer is not None,
            is_here=is_here,
        )
        base, name = key_of(self._mscc), self._periods[index].name
        if offer is None:
            return Charge(base + name, used, wish, refusal=refusal)
        # Where a report may be of another charge's grant, its size against that grant says nothing.
        is_alone = len(self._periods) == 1
        unit = UnitKind.OCTETS if is_alone else UnitKind.EVENTS
        key = base + SUFFIXES[offer.price.counts] + name
        used_at = NEVER if used is None else self._used_at(index)
        return charge_of(key, offer, used, wish, refusal=refusal, unit=unit, used_at=used_at)

    def _paying(self, index: int) -> tuple[Offer, ...]:
        """How a period is paid. Where a bucket has just begun or ended, what was used before it is paid
        as it was then, and what is granted as it is now."""
        period = self._periods[index]
        here, before = period.here, period.before
        if before is None or index != self._now or not self._is_due(here.begins):
            return here.offers
        return tuple(
            joined(one, other, here.begins)
            for one, other in zip(before.offers, here.offers, strict=True)
        )

    def _used_at(self, index: int) -> UtcMillis:
        """When the reports of a period were used; NEVER: now."""
        period = self._periods[index]
        if index < self._now and period.ends is not None:
            return UtcMillis(period.ends - 1)
        if index == self._now and period.before is not None and self._is_due(period.here.begins):
            return UtcMillis(period.here.begins - 1)
        return NEVER

    def _is_due(self, change: UtcMillis) -> bool:
        """Whether a report was made because of a change, and not answered since."""
        is_first = self._since is None or self._since < change
        is_soon = 0 <= self._at - change <= CHANGE_GRACE_MILLIS
        return bool(self._mscc.usu) and is_first and is_soon

    def _grant(self, wanted: int) -> tuple[int, int, int | None]:
        """Where quota is reserved, how long it is valid, and Tariff-Time-Change.

        Quota that may be used on both sides of a change of price is reserved at the dearer one
        (RFC 8506, 5.1.1); otherwise it is valid until the change.
        """
        now, validity = self._now, self._policy.validity_seconds
        periods = self._periods
        here = periods[now].here
        change = None
        if now + 1 < len(periods) and here.offers:
            following = periods[now + 1]
            if self._policy.tells_tariff_change and following.here.offers:
                change = following.begins // 1000
                now = now + 1 if following.cost(wanted) > periods[now].cost(wanted) else now
        if here.ends is not None and (change is None or here.ends // 1000 != change):
            left_millis = here.ends - self._at
            validity = min(validity, max(-(-left_millis // 1000), 1))
        return now, validity, change

    def _wish(self, offer: Offer | None, wanted: int) -> int:
        """The quota of a charge; directions that the client does not tell apart share its wish."""
        if offer is None or offer.price.counts == TOTAL:
            return wanted
        rsu = self._mscc.rsu or Units()
        named = rsu.input_octets if offer.price.counts == INPUT else rsu.output_octets
        if not named:
            return max(wanted // 2, 1)
        return min(quota.bounded(named, self._policy), wanted)

    def _reports(self) -> list[list[Units]]:
        """The reports, each where it was used; what now is has all of them where nothing tells."""
        found: list[list[Units]] = [[] for _ in self._periods]
        for each in self._mscc.usu:
            found[self._period_of(each)].append(each.units)
        if self._mscc.usu and not found[self._now]:
            found[self._now].append(Units(total_octets=0))
        return found

    def _period_of(self, usu: USU) -> int:
        """The period of one report, by its Tariff-Change-Usage."""
        now, mark = self._now, usu.tariff_change_usage
        if mark == AFTER and now == 0:
            return min(1, len(self._periods) - 1)  # the client's clock is ahead of ours
        if mark == AFTER or now == 0:
            return now
        if mark == BEFORE:
            return now - 1
        before, after = self._periods[now - 1], self._periods[now]
        since_change = self._at - after.begins
        is_due = not self._policy.tells_tariff_change and since_change <= CHANGE_GRACE_MILLIS
        if mark is None and is_due:
            return now - 1
        # Nobody knows on which side it was used: the cheaper one.
        amount = usu.units.octets or 0
        if not before.here.offers:
            return now
        if after.here.offers and after.cost(amount) <= before.cost(amount):
            return now
        return now - 1

    def _used(self, reports: list[Units], offer: Offer | None, period: Period) -> int | None:
        if not reports:
            return None
        if offer is None or offer.price.counts == TOTAL:
            return quota.total(reports, self._policy.unit)
        counts = offer.price.counts
        amount = sum(each.octets or 0 for each in reports)
        # The first of the cheapest takes what is not told apart.
        cheapest = min(period.here.offers, key=lambda each: cost(each.price, amount))
        is_cheapest = cheapest.price.counts == counts
        shares = sum(direction(each, counts, is_cheapest) for each in reports)
        return min(shares, quota.REPORT_LIMIT)


def joined(before: Offer, after: Offer, change: UtcMillis) -> Offer:
    """Two offers of one price as one, each in its time."""
    denominator = lcm(before.denominator, after.denominator)
    earlier = [replace(each, ends=change) for each in scaled(before, denominator)]
    later = [replace(each, begins=change) for each in scaled(after, denominator)]
    return replace(
        after,
        denominator=denominator,
        ways=(*earlier, *later),
        sources=all_sources((before, after)),
    )


def scaled(offer: Offer, denominator: int) -> tuple[Way, ...]:
    """The ways of an offer over a multiple of its denominator."""
    factor = denominator // offer.denominator
    if factor == 1:
        return offer.ways
    return tuple(
        replace(
            way,
            legs=tuple(
                replace(leg, price=leg.price * factor, entry=leg.entry * factor) for leg in way.legs
            ),
        )
        for way in offer.ways
    )


def direction(units: Units, counts: str, takes_rest: bool) -> int:
    """The octets of one direction; what a client does not tell apart is of the cheaper one."""
    named = units.input_octets if counts == INPUT else units.output_octets
    both = (units.input_octets or 0) + (units.output_octets or 0)
    rest = max((units.total_octets or 0) - both, 0)
    return (named or 0) + (rest if takes_rest else 0)
