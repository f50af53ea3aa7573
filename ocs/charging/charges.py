"""The services of a request as charges: what was used, what is wished, and at which price.

A service is one charge, as a rule. Where its tariff changes, each period is an event of its own; where
directions are rated apart, each direction is. What stands behind the service's key tells them apart:
"10", "10<" input, "10>" output, "10~1790881200" from that second on, "10$" what the client has rated,
"10@1" the recipients of another price.
"""

from dataclasses import dataclass, replace

from ocs.charging import quota
from ocs.charging.periods import INPUT, OUTPUT, TOTAL, Period, periods_of
from ocs.charging.policy import TERMINATE, ServicePolicy
from ocs.diameter.credit_control import (
    CCR,
    EVENT_REQUEST,
    INITIAL_REQUEST,
    MSCC,
    TERMINATION_REQUEST,
    UPDATE_REQUEST,
    USU,
    Units,
)
from ocs.model import (
    Charge,
    Leg,
    Price,
    Refusal,
    Rounding,
    SessionContext,
    UnitKind,
    UtcMillis,
)
from ocs.rating.catalogue import Catalogue
from ocs.rating.price import MAX_UNITS, cost

#: The key of units at command level, and of an MSCC without rating group and service identifier.
WHOLE_SESSION = "-"
SUFFIXES = {TOTAL: "", INPUT: "<", OUTPUT: ">"}
CLIENT_RATED = "$"

BEFORE, AFTER = 0, 1  # Tariff-Change-Usage (RFC 8506, 8.27)
#: A report so soon after a change was made because of it, and tells what was used before.
CHANGE_GRACE_MILLIS = 60_000

#: What the client has rated costs what it says.
CLIENT_PRICE = Price(UnitKind.MONEY, Rounding(quantum=1), 1, (Leg(0, MAX_UNITS, 1, 1),), "client")


def key_of(mscc: MSCC) -> str:
    """The name of a service within its session: rating group / service identifiers."""
    group = WHOLE_SESSION if mscc.rating_group is None else str(mscc.rating_group)
    return "/".join([group, *map(str, mscc.service_identifiers)])


def base_of(key: str) -> str:
    """The service that a charge belongs to."""
    end = next((i for i, letter in enumerate(key) if letter in "<>~$@"), len(key))
    return key[:end]


def services(ccr: CCR, policy: ServicePolicy) -> tuple[MSCC, ...]:
    """The services of a request; one that is named twice is reported in sum and answered once.

    Units at command level are one service of the whole session. A first request that names nothing
    wants the server's choice (RFC 8506, 5.2), unless services may follow: a gateway opens its session
    before there is traffic, and Multiple-Services-Indicator 1 announces as much.
    """
    identifier = ccr.command_service_identifier
    identifiers = () if identifier is None else (identifier,)
    whole = MSCC(None, identifiers, ccr.command_rsu, ccr.command_usu)
    found: dict[str, MSCC] = {}
    for each in ccr.mscc:
        key = key_of(each)
        first = found.get(key)
        if first is not None:
            each = replace(each, usu=first.usu + each.usu, rsu=each.rsu or first.rsu)
        found[key] = each
    if not found:
        is_reported = ccr.command_rsu is not None or bool(ccr.command_usu)
        is_single = ccr.multiple_services == 0 or (
            ccr.multiple_services is None and policy.unit is not UnitKind.OCTETS
        )
        opens = ccr.request_type == INITIAL_REQUEST and is_single
        if not (is_reported or opens or ccr.request_type == EVENT_REQUEST):
            return ()
        found[key_of(whole)] = whole
    if policy.unit is UnitKind.EVENTS and ccr.request_type in (INITIAL_REQUEST, EVENT_REQUEST):
        return tuple(_with_messages(ccr, each) for each in found.values())
    return tuple(found.values())


def _with_messages(ccr: CCR, mscc: MSCC) -> MSCC:
    """A wish without an amount is for every message to every recipient (TS 32.274)."""
    if mscc.usu or (mscc.rsu is not None and quota.names_units(mscc.rsu)):
        return mscc
    count = (ccr.messages or 1) * max(len(ccr.recipients), 1)
    return replace(mscc, rsu=replace(mscc.rsu or Units(), specific=count))


@dataclass(frozen=True, slots=True)
class Terms:
    """One service, planned: its charges, and what its answer must say that only now is known."""

    charges: tuple[Charge, ...]
    validity_seconds: int
    tariff_time_change: int | None = None  # UTC seconds


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the charges of a request depend on besides the request."""

    request_type: int
    context: SessionContext
    catalogue: Catalogue
    is_denied: bool
    at: UtcMillis  # rating time


def terms_of(
    mscc: MSCC, policy: ServicePolicy, around: Circumstances, since: UtcMillis | None
) -> Terms:
    """What one service asks of the ledger; it was answered last at `since`, where that is known."""
    is_wanted = is_wished(mscc, around.request_type)
    if quota.is_money(mscc):
        charge = client_rated(mscc, is_wanted, around.is_denied)
        return Terms((charge,), policy.validity_seconds)
    periods, now = periods_of(mscc, policy, around.context, around.catalogue, around.at, since)
    terms = _Builder(mscc, policy, around, periods, now)
    return terms.build(is_wanted)


def is_wished(mscc: MSCC, request_type: int) -> bool:
    """Whether quota is wanted. A first request that neither asks nor reports wants the server's choice
    (centralised unit determination, RFC 8506, 5.2); a last one wants none."""
    if request_type == TERMINATION_REQUEST:
        return False
    return mscc.rsu is not None or (request_type == INITIAL_REQUEST and not mscc.usu)


def client_rated(mscc: MSCC, is_wanted: bool, is_denied: bool) -> Charge:
    """A service in CC-Money: a micro of money is a unit, and costs one."""
    reported = None
    if mscc.usu:
        reported = quota.total((each.units for each in mscc.usu), UnitKind.MONEY)
    wanted = None
    if is_wanted:
        wanted = quota.of_kind(mscc.rsu or Units(), UnitKind.MONEY) or reported or None
    return Charge(
        key_of(mscc) + CLIENT_RATED,
        reported,
        wanted,
        CLIENT_PRICE.rounding,
        CLIENT_PRICE.denominator,
        CLIENT_PRICE.legs,
        Refusal.DENIED if is_denied and wanted is not None else Refusal.NONE,
        UnitKind.MONEY,
    )


# --- from periods to charges -----------------------------------------------------------------------


class _Builder:
    """Builds the charges of one service over its periods."""

    def __init__(
        self,
        mscc: MSCC,
        policy: ServicePolicy,
        around: Circumstances,
        periods: list[Period],
        now: int,
    ) -> None:
        self._mscc = mscc
        self._policy = policy
        self._around = around
        self._periods = periods
        self._now = now
        self._at = max(around.at, around.context.started)

    def build(self, is_wanted: bool) -> Terms:
        """The charges in the order of time, so that an earlier report is paid first."""
        wanted = quota.requested(self._mscc.rsu or Units(), self._policy) or 0
        asked, wanted, validity, change = self._grant(wanted)
        reports = self._reports()
        charges: list[Charge] = []
        for index, period in enumerate(self._periods):
            is_here = index == (asked if is_wanted else self._now)
            is_idle = not reports[index] and not is_here
            if is_idle and (self._around.request_type == INITIAL_REQUEST or not period.prices):
                continue  # nothing is held there yet
            for price in period.prices or (None,):
                wish = self._wish(price, wanted) if is_wanted and index == asked else None
                used = self._used(reports[index], price, period)
                charges.append(self._charge(period, price, used, wish, is_here))
        return Terms(tuple(charges), validity, change if is_wanted else None)

    def _charge(
        self, period: Period, price: Price | None, used: int | None, wish: int | None, is_here: bool
    ) -> Charge:
        refusal = Refusal.NONE
        if self._around.is_denied and wish is not None:
            refusal = Refusal.DENIED
        elif self._is_announcement() and price is None:
            refusal = Refusal.NONE
        elif price is None or (is_here and not quota.is_counted(self._mscc, self._policy)):
            refusal = Refusal.RATING_FAILED
        base = key_of(self._mscc)
        if price is None:
            return Charge(base + period.name, used, wish, refusal=refusal)
        # Where a report may be of another charge's grant, its size against that grant says nothing.
        is_alone = len(self._periods) == 1 or price.unit is not UnitKind.OCTETS
        return Charge(
            base + SUFFIXES[price.counts] + period.name,
            used,
            wish,
            price.rounding,
            price.denominator,
            price.legs,
            refusal,
            price.unit if is_alone else UnitKind.EVENTS,
        )

    def _is_announcement(self) -> bool:
        """Whether a client only says that it has redirected: some name no rating group then, and would
        take a refusal for the end of one."""
        mscc, policy = self._mscc, self._policy
        is_named = mscc.rating_group is not None or bool(mscc.service_identifiers)
        is_update = self._around.request_type == UPDATE_REQUEST
        is_report = is_update and mscc.rsu is None and not is_named
        return is_report and policy.final_unit.action != TERMINATE

    def _grant(self, wanted: int) -> tuple[int, int, int, int | None]:
        """Where quota is reserved, how much of it, how long it is valid, and Tariff-Time-Change.

        Quota that may be used on both sides of a change is reserved at the dearer price
        (RFC 8506, 5.1.1); time needs no Tariff-Time-Change, since the clock divides it.
        """
        now, validity = self._now, self._policy.validity_seconds
        periods = self._periods
        if now + 1 == len(periods) or not periods[now].prices:
            return now, wanted, validity, None
        following = periods[now + 1]
        dearer = now + 1 if following.cost(wanted) > periods[now].cost(wanted) else now
        left_millis = following.begins - self._at
        if self._policy.unit is UnitKind.SECONDS:
            if wanted * 1000 <= left_millis:
                return now, wanted, validity, None
            if following.prices:
                return dearer, wanted, validity, None
            return now, max(left_millis // 1000, 1), validity, None
        if self._policy.tells_tariff_change and following.prices:
            return dearer, wanted, validity, following.begins // 1000
        return now, wanted, min(validity, max(-(-left_millis // 1000), 1)), None

    def _wish(self, price: Price | None, wanted: int) -> int:
        """The quota of a charge; directions that the client does not tell apart share its wish."""
        if price is None or price.counts == TOTAL:
            return wanted
        rsu = self._mscc.rsu or Units()
        named = rsu.input_octets if price.counts == INPUT else rsu.output_octets
        return quota.bounded(named, self._policy) if named else max(wanted // 2, 1)

    def _reports(self) -> list[list[Units]]:
        """The reports, each where it was used; what now is has all of them where nothing tells."""
        found: list[list[Units]] = [[] for _ in self._periods]
        if self._mscc.usu and self._policy.unit is UnitKind.SECONDS:
            rest = quota.used(self._mscc.usu, self._policy) or 0
            for index in range(self._now, -1, -1):
                passed = (self._at - self._periods[index].begins) // 1000
                part = rest if index == 0 else min(rest, passed)
                rest -= part
                if part or index == self._now:
                    found[index].append(Units(time=part))
            return found
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
        if not before.prices or (after.prices and after.cost(amount) <= before.cost(amount)):
            return now
        return now - 1

    def _used(self, reports: list[Units], price: Price | None, period: Period) -> int | None:
        if not reports:
            return None
        if price is None or price.counts == TOTAL:
            return quota.total(reports, self._policy.unit)
        amount = sum(each.octets or 0 for each in reports)
        cheapest = min(period.prices, key=lambda each: cost(each, amount))
        shares = sum(direction(each, price.counts, price is cheapest) for each in reports)
        return min(shares, quota.REPORT_LIMIT)


def direction(units: Units, counts: str, takes_rest: bool) -> int:
    """The octets of one direction; what a client does not tell apart is of the cheaper one."""
    named = units.input_octets if counts == INPUT else units.output_octets
    both = (units.input_octets or 0) + (units.output_octets or 0)
    rest = max((units.total_octets or 0) - both, 0)
    return (named or 0) + (rest if takes_rest else 0)
