"""Money on the wire: Value-Digits and Exponent to micros and back (RFC 8506, 8.8 and 8.22)."""

from ocs.charging.policy import ServicePolicy
from ocs.charging.result import refuse
from ocs.diameter.avp import u32
from ocs.diameter.credit_control import CCA, CCR, Money
from ocs.diameter.framing import ResultCode
from ocs.model import MICROS, ChargeOutcome
from ocs.rating.catalogue import Currency

CURRENCY_CODE = 425
#: Low-Balance-Indication (TS 32.299, 7.2.102).
NOT_LOW, LOW = 0, 1


def micros_of(money: Money) -> int:
    """The amount in micros, what is finer rounded half up; digits and exponent are bounded by now."""
    power = money.exponent + 6
    scale: int = 10 ** abs(power)
    if power >= 0:
        return money.digits * scale
    return (2 * money.digits + scale) // (2 * scale)


def refused_money(ccr: CCR, currency: Currency) -> CCA | None:
    """5004 for CC-Money in another currency than the accounts'."""
    wishes, reports = [ccr.command_rsu], list(ccr.command_usu)
    for each in ccr.mscc:
        wishes.append(each.rsu)
        reports += each.usu
    for units in [*wishes, *[each.units for each in reports]]:
        money = None if units is None else units.money
        if money is not None and money.currency not in (None, currency.code):
            named = u32(CURRENCY_CODE, money.currency or 0)
            reason = f"accounts are kept in {currency.name}"
            return refuse(ResultCode.INVALID_AVP_VALUE, reason, named)
    return None


def as_money(micros: int, currency: Currency) -> Money:
    """CC-Money of an exact amount: with the currency's decimals, with six where they do not do."""
    unit = MICROS // 10**currency.decimals
    if micros % unit:
        return Money(micros, -6, currency.code)
    return Money(micros // unit, -currency.decimals, currency.code)


def cost_information(micros: int, currency: Currency) -> tuple[int, int, int]:
    """Digits, exponent and currency of an amount to show, rounded half up to the smallest coin."""
    unit = MICROS // 10**currency.decimals
    return (2 * micros + unit) // (2 * unit), -currency.decimals, currency.code


def tell_balance(
    cca: CCA, outcome: ChargeOutcome, policy: ServicePolicy, currency: Currency
) -> None:
    """What the account had left after this request, where it is configured; a repeat says the same."""
    if policy.low_balance_micros is not None:
        cca.low_balance = LOW if outcome.available < policy.low_balance_micros else NOT_LOW
    if policy.tells_balance:
        cca.remaining_balance = cost_information(outcome.available, currency)
