"""IEC, the server's side: events that are charged at once, asked about or given back (RFC 8506, 6).

An event is all or nothing, whatever its services and recipients. Pure, as the session's part is; of the
four actions only a debit is a plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ocs.books import Refund, RefundOutcome, RefundStatus
from ocs.charging import quota
from ocs.charging.charges import CLIENT_PRICE, CLIENT_RATED, base_of, key_of, services
from ocs.charging.money import cost_information, tell_balance
from ocs.charging.periods import TOTAL, prices_at
from ocs.charging.policy import ServicePolicy
from ocs.charging.result import COMMAND_CODES, MESSAGES, MSCC_CODES, failed_rating_group, refuse
from ocs.charging.session import content, request_number, scope_of
from ocs.diameter.avp import example, octets
from ocs.diameter.credit_control import CCA, CCR, MSCC, MSCCAnswer, Units
from ocs.diameter.framing import ResultCode
from ocs.model import (
    AMOUNT_LIMIT,
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeStatus,
    OutcomeStatus,
    Price,
    Refusal,
    RequestType,
    SessionContext,
    Subscriber,
    SubscriberState,
    UnitKind,
)
from ocs.rating.catalogue import Catalogue, Currency
from ocs.rating.numbers import normalise
from ocs.rating.price import can_pay, cost

DIRECT_DEBITING, REFUND_ACCOUNT, CHECK_BALANCE, PRICE_ENQUIRY = 0, 1, 2, 3
ENOUGH_CREDIT, NO_CREDIT = 0, 1  # Check-Balance-Result
TGPP, REFUND_INFORMATION = 10415, 2022

#: Why an event was refused, strongest first: what has no price was not refused for lack of money.
REFUSAL_ORDER = (ChargeStatus.DENIED, ChargeStatus.RATING_FAILED, ChargeStatus.NO_CREDIT)


@dataclass(frozen=True, slots=True)
class Line:
    """Units of an event that share a price; None: they have none."""

    key: str
    units: int
    price: Price | None


def lines(
    ccr: CCR, context: SessionContext, catalogue: Catalogue, policy: ServicePolicy
) -> list[Line]:
    """What an event consists of: for each service one line, or one for each price of its recipients."""
    found: list[Line] = []
    for each in services(ccr, policy):
        key = key_of(each)
        groups = [each.rsu] if each.rsu is not None else [one.units for one in each.usu]
        if quota.is_money(each):
            micros = quota.total(groups, UnitKind.MONEY)
            found.append(Line(key + CLIENT_RATED, micros, CLIENT_PRICE))
            continue
        units = quota.total(groups, policy.unit) or policy.of_group(each.rating_group).grant_default
        if not quota.is_counted(each, policy):
            found.append(Line(key, units, None))
            continue
        for number, (price, share) in enumerate(
            _shares(ccr, each, units, context, catalogue, policy)
        ):
            found.append(Line(f"{key}@{number}" if number else key, share, price))
    return found


def _shares(
    ccr: CCR,
    mscc: MSCC,
    units: int,
    context: SessionContext,
    catalogue: Catalogue,
    policy: ServicePolicy,
) -> Iterator[tuple[Price | None, int]]:
    """The prices of a service and how many of its units each is for."""
    called = [context.attributes.called]
    if ccr.called is None and ccr.recipients:
        called = [normalise(each, catalogue.numbering) for each in ccr.recipients]
    counts: dict[Price | None, int] = {}
    for number in called:
        attributes = replace(context.attributes, called=number)
        mine = replace(context, attributes=attributes)
        found = prices_at(mscc, policy, mine, catalogue, context.started)
        price = found[0] if found and found[0].counts == TOTAL else None
        counts[price] = counts.get(price, 0) + 1
    share, rest = divmod(units, len(called))
    if rest:
        # Nobody can tell who receives more: all of it at the dearest price, if each has one.
        yield (
            max(counts, key=lambda each: AMOUNT_LIMIT if each is None else cost(each, units)),
            units,
        )
        return
    for each, count in counts.items():
        yield each, share * count


# --- a debit -----------------------------------------------------------------------------------------


def plan(
    ccr: CCR,
    *,
    context: SessionContext,
    subscriber: Subscriber,
    catalogue: Catalogue,
    policy: ServicePolicy,
    owner: str,
    peer: str,
) -> ChargePlan:
    """What to ask of the ledger: each line whole. It keeps the event for a refund and for repeats."""
    return ChargePlan(
        type=RequestType.EVENT,
        number=request_number(ccr),
        content=content(ccr),
        session_id=ccr.session_id,
        partition=subscriber.partition,
        account_id=subscriber.account_id,
        version=subscriber.version,
        context=b"",
        charges=tuple(
            _charge(each, is_denied(subscriber)) for each in lines(ccr, context, catalogue, policy)
        ),
        reply="",
        is_refused_whole=True,
        supervision_seconds=0,
        actor=ccr.origin_host,
        realm=ccr.origin_realm,
        peer=peer,
        owner=owner,
        scope=scope_of(ccr, peer),
        state_id=ccr.origin_state_id or 0,
    )


def is_denied(subscriber: Subscriber) -> bool:
    """Whether the subscriber may not use services now."""
    return subscriber.state is not SubscriberState.ACTIVE


def _charge(line: Line, is_refused: bool) -> Charge:
    refusal = Refusal.DENIED if is_refused else Refusal.NONE
    price = line.price
    if price is None:
        refusal = refusal or Refusal.RATING_FAILED
        return Charge(line.key, None, line.units, refusal=refusal)
    return Charge(
        line.key,
        None,
        line.units,
        price.rounding,
        price.denominator,
        price.legs,
        refusal,
        price.unit,
    )


def answer(
    ccr: CCR, outcome: ChargeOutcome, policy: ServicePolicy, currency: Currency, token: str
) -> CCA:
    """What became of a debit. `token` is the Refund-Information that gives it back."""
    code = command_code(outcome)
    cca = CCA(code)
    cca.direct_debiting_failure_handling = policy.direct_debiting_failure_handling
    if outcome.status in (OutcomeStatus.DEBITED, OutcomeStatus.REFUSED):
        tell_balance(cca, outcome, policy, currency)
    if outcome.status is not OutcomeStatus.DEBITED:
        cca.error_message = MESSAGES.get(code)
        if code == ResultCode.RATING_FAILED:
            # Nothing of an event without any price was judged by the ledger.
            failed = [
                each.key for each in outcome.results if each.status is ChargeStatus.RATING_FAILED
            ] or [key_of(each) for each in services(ccr, policy)]
            cca.failed_avp = _failed_avp(ccr, failed, policy)
        return cca
    if policy.tells_cost:
        cca.cost = cost_information(outcome.total_cost, currency)
    granted: dict[str, int] = {}
    for each in outcome.results:
        granted[base_of(each.key)] = granted.get(base_of(each.key), 0) + each.granted
    grants = [
        (each, debited_units(each, granted.get(key_of(each), 0), policy, currency))
        for each in services(ccr, policy)
    ]
    return _with_grants(cca, ccr, grants, token.encode())


def command_code(outcome: ChargeOutcome) -> ResultCode:
    """The Result-Code of an event: what refuses a part refuses all."""
    if outcome.status is OutcomeStatus.REFUSED:
        found = {each.status for each in outcome.results}
        return next(MSCC_CODES[each] for each in REFUSAL_ORDER if each in found)
    return COMMAND_CODES[outcome.status]


def debited_units(mscc: MSCC, amount: int, policy: ServicePolicy, currency: Currency) -> Units:
    """Debited or refunded units in the unit that they were asked in."""
    kind = UnitKind.MONEY if quota.is_money(mscc) else policy.unit
    return quota.granted(amount, kind, currency)


def _with_grants(cca: CCA, ccr: CCR, grants: list[tuple[MSCC, Units]], token: bytes = b"") -> CCA:
    """Granted units where the client reads them: in MSCC, or at command level."""
    if ccr.mscc:
        cca.mscc = tuple(
            MSCCAnswer(
                each.rating_group,
                each.service_identifiers,
                ResultCode.SUCCESS,
                units,
                refund_information=token,
            )
            for each, units in grants
        )
    else:
        cca.command_gsu, cca.refund_information = grants[0][1], token
    return cca


def free_answer(ccr: CCR, policy: ServicePolicy, currency: Currency) -> CCA:
    """The answer to an event that is free of control: nobody is asked, and there is nothing to refund."""
    nothing = cost_information(0, currency)
    if ccr.requested_action == PRICE_ENQUIRY:
        return CCA(ResultCode.SUCCESS, cost=nothing)
    if ccr.requested_action == CHECK_BALANCE:
        return CCA(ResultCode.SUCCESS, check_balance_result=ENOUGH_CREDIT)
    cca = CCA(ResultCode.SUCCESS, cost=nothing if policy.tells_cost else None)
    cca.direct_debiting_failure_handling = policy.direct_debiting_failure_handling
    return _with_grants(cca, ccr, [(each, each.rsu or Units()) for each in services(ccr, policy)])


# --- questions: nothing moves -------------------------------------------------------------------------


def price_enquiry(
    ccr: CCR,
    context: SessionContext,
    catalogue: Catalogue,
    policy: ServicePolicy,
) -> CCA:
    """Cost-Information, whatever the account holds (RFC 8506, 6.1)."""
    found = lines(ccr, context, catalogue, policy)
    prices = [(each.price, each.units) for each in found if each.price is not None]
    if len(prices) < len(found):
        return _unrated(ccr, found, policy)
    total = sum(cost(price, units) for price, units in prices)
    return CCA(ResultCode.SUCCESS, cost=cost_information(total, catalogue.currency))


def check_balance(
    ccr: CCR,
    context: SessionContext,
    catalogue: Catalogue,
    policy: ServicePolicy,
    available: int,
) -> CCA:
    """Whether a debit of this would be covered; nothing is reserved (RFC 8506, 6.2)."""
    found = lines(ccr, context, catalogue, policy)
    answered = ENOUGH_CREDIT
    for each in found:
        if each.price is None:
            return _unrated(ccr, found, policy)
        if can_pay(each.price, 0, each.units, available):
            available -= cost(each.price, each.units)
        else:
            answered = NO_CREDIT
    return CCA(ResultCode.SUCCESS, check_balance_result=answered)


def _unrated(ccr: CCR, found: list[Line], policy: ServicePolicy) -> CCA:
    failed = [each.key for each in found if each.price is None]
    named = _failed_avp(ccr, failed, policy)
    return refuse(ResultCode.RATING_FAILED, MESSAGES[ResultCode.RATING_FAILED], named)


def _failed_avp(ccr: CCR, failed: list[str], policy: ServicePolicy) -> bytes:
    """The first service of which a line has no price."""
    bases = set(map(base_of, failed))
    return next(
        failed_rating_group(each.rating_group)
        for each in services(ccr, policy)
        if key_of(each) in bases
    )


# --- a refund -------------------------------------------------------------------------------------------


def refund(ccr: CCR) -> Refund | CCA:
    """What to give back. The client must say which of our debits: a refund of any other amount needs a
    permission that no client has."""
    tokens = refund_information(ccr)
    if not tokens:
        named = example(REFUND_INFORMATION, TGPP)
        return refuse(ResultCode.MISSING_AVP, "a refund says what it gives back", named)
    if len(tokens) > 1:
        named = octets(REFUND_INFORMATION, tokens[1], vendor=TGPP)
        return refuse(ResultCode.AVP_OCCURS_TOO_MANY_TIMES, "one refund for each event", named)
    token = tokens[0].decode("ascii", "replace")
    return Refund(token, request_number(ccr), content(ccr), ccr.session_id, ccr.origin_host)


def refund_information(ccr: CCR) -> list[bytes]:
    """Every different Refund-Information of a request."""
    found = [each.refund_information for each in ccr.mscc] + [ccr.refund_information]
    return list(dict.fromkeys(each for each in found if each))


def refund_answer(
    ccr: CCR, outcome: RefundOutcome, policy: ServicePolicy, currency: Currency
) -> CCA:
    """Success, also where it was given back before: the client asks until it hears so."""
    if outcome.status is RefundStatus.UNKNOWN:
        named = octets(REFUND_INFORMATION, refund_information(ccr)[0], vendor=TGPP)
        return refuse(ResultCode.INVALID_AVP_VALUE, "nothing was debited under this name", named)
    if outcome.status is RefundStatus.MISMATCH:
        return refuse(ResultCode.UNABLE_TO_COMPLY, MESSAGES[ResultCode.UNABLE_TO_COMPLY])
    asked = next((each for each in ccr.mscc if each.refund_information), services(ccr, policy)[0])
    units = debited_units(asked, outcome.units, policy, currency)
    return _with_grants(CCA(ResultCode.SUCCESS), ccr, [(asked, units)])
