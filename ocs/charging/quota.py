"""How much is asked of the ledger, and when a client should come back."""

from collections.abc import Iterable
from dataclasses import replace

from ocs.charging.money import as_money, micros_of
from ocs.charging.policy import TERMINATE, ServicePolicy
from ocs.diameter.credit_control import MSCC, USU, Units
from ocs.model import UnitKind
from ocs.rating.catalogue import Currency

#: Volume-Quota-Threshold and Time-Quota-Threshold are Unsigned32 (TS 32.299, 7.2).
THRESHOLD_LIMIT = 2**32 - 1
#: What the store can count exactly. Each report is below it, their sum need not be.
REPORT_LIMIT = 2**53 - 1
#: Below Tcc of 60 s a client in the middle of its Tx would be taken for dead.
SUPERVISION_SECONDS_MIN = 60


def of_kind(units: Units, kind: UnitKind) -> int | None:
    """The units of the kind that a service counts; others in the same group are informative."""
    if kind is UnitKind.OCTETS:
        return units.octets
    if kind is UnitKind.SECONDS:
        return units.time
    if kind is UnitKind.MONEY:
        return None if units.money is None else micros_of(units.money)
    return units.specific


def names_units(units: Units) -> bool:
    """Whether a group says an amount of anything."""
    return bool(units.time or units.octets or units.specific or units.money)


def is_money(mscc: MSCC) -> bool:
    """Whether the client has rated: CC-Money, and nothing that would have to be rated beside it."""
    is_wish_in_money = mscc.rsu is not None and mscc.rsu.money is not None
    if not is_wish_in_money and all(each.units.money is None for each in mscc.usu):
        return False
    groups = [*(each.units for each in mscc.usu), *([] if mscc.rsu is None else [mscc.rsu])]
    return not any(names_units(replace(each, money=None)) for each in groups)


def is_counted(mscc: MSCC, service: ServicePolicy) -> bool:
    """Whether the service counts in the units that a report and a wish name.

    Only other units (time, where octets are priced) have no price: 5031. Read as nothing, such a
    report would be free. Other units beside the right ones, or all zero, are informative.
    """
    kind, rsu = service.unit, mscc.rsu
    if rsu is not None and of_kind(rsu, kind) is None and names_units(rsu):
        return False
    for each in mscc.usu:
        if of_kind(each.units, kind) is not None:
            return True
    return not any(names_units(each.units) for each in mscc.usu)


def bounded(amount: int | None, service: ServicePolicy) -> int:
    """A client's amount within the bounds; the default where it names none."""
    if not amount:
        return service.grant_default
    return min(max(amount, service.grant_minimum), service.grant_maximum)


def used(reports: tuple[USU, ...], service: ServicePolicy) -> int | None:
    """The sum of the reports in the service's unit; None without a report."""
    if not reports:
        return None
    if len(reports) == 1:
        return min(of_kind(reports[0].units, service.unit) or 0, REPORT_LIMIT)
    return total((each.units for each in reports), service.unit)


def total(groups: Iterable[Units], kind: UnitKind) -> int:
    """The sum of one kind of units."""
    return min(sum(of_kind(each, kind) or 0 for each in groups), REPORT_LIMIT)


def granted(amount: int, kind: UnitKind, currency: Currency) -> Units:
    """A grant in the unit that is counted."""
    if kind is UnitKind.SECONDS:
        return Units(time=amount)
    if kind is UnitKind.MONEY:
        return Units(money=as_money(amount, currency))
    return Units(total_octets=amount) if kind is UnitKind.OCTETS else Units(specific=amount)


def threshold(amount: int, percent: int) -> int | None:
    """Remaining units at which the client asks again: below the grant, None where it makes no sense."""
    value = min(amount * percent // 100, THRESHOLD_LIMIT)
    return value if 0 < value < amount else None


def supervision_seconds(wanted: int, service: ServicePolicy) -> int:
    """Tcc: twice the longest Validity-Time that the answer may hold (RFC 8506, 13).

    `wanted` is the most that is asked of the ledger for one charge; a grant is that much at the most.
    """
    longest = validity(service.validity_seconds, wanted, service.unit)
    if service.final_unit.action != TERMINATE:
        longest = max(longest, service.restricted_validity_seconds)
    return max(2 * longest, SUPERVISION_SECONDS_MIN)


def validity(validity_seconds: int, amount: int, kind: UnitKind) -> int:
    """The Validity-Time beside a grant: for time longer than the grant, or it would cut it short."""
    if kind is UnitKind.SECONDS and validity_seconds <= amount:
        return amount + SUPERVISION_SECONDS_MIN
    return validity_seconds
