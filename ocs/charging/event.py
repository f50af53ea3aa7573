"""IEC, the server's side: events that are charged at once, asked about or given back (RFC 8506, 6).

An event is all or nothing, whatever its services and recipients. Pure, as the session's part is; of the
four actions only a debit is a plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ocs.books import Refund, RefundOutcome, RefundStatus
from ocs.charging import quota
from ocs.charging.charges import CLIENT_RATED, charge_of, client_offer
from ocs.charging.context import Groups, is_barred, towards
from ocs.charging.money import cost_information, tell_balance
from ocs.charging.periods import TOTAL, Circumstances, offered
from ocs.charging.policy import ServicePolicy
from ocs.charging.result import COMMAND_CODES, MESSAGES, MSCC_CODES, failed_rating_group, refuse
from ocs.charging.services import base_of, key_of, services
from ocs.charging.session import content, request_number, scope_of, sources_of
from ocs.diameter.avp import example, octets
from ocs.diameter.credit_control import CCA, CCR, EVENT_REQUEST, MSCC, MSCCAnswer, Units
from ocs.diameter.framing import ResultCode
from ocs.model import (
    AMOUNT_LIMIT,
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeStatus,
    OutcomeStatus,
    Refusal,
    RequestType,
    SessionContext,
    Subscriber,
    UnitKind,
)
from ocs.rating.catalogue import Currency
from ocs.rating.numbers import Numbering, normalise
from ocs.rating.offer import Offer
from ocs.rating.price import cost
from ocs.rating.versions import Catalogues

DIRECT_DEBITING, REFUND_ACCOUNT, CHECK_BALANCE, PRICE_ENQUIRY = 0, 1, 2, 3
ENOUGH_CREDIT, NO_CREDIT = 0, 1  # Check-Balance-Result
TGPP, REFUND_INFORMATION = 10415, 2022

#: Why an event was refused, strongest first: what has no price was not refused for lack of money.
REFUSAL_ORDER = (ChargeStatus.DENIED, ChargeStatus.RATING_FAILED, ChargeStatus.NO_CREDIT)


@dataclass(frozen=True, slots=True)
class Line:
    """Units of an event that are paid in one way; None: they have no price."""

    key: str
    units: int
    offer: Offer | None


def around_of(
    context: SessionContext, subscriber: Subscriber, catalogues: Catalogues
) -> Circumstances:
    """What an event depends on besides its request."""
    is_denied = is_barred(subscriber, context)
    return Circumstances(EVENT_REQUEST, context, subscriber, catalogues, is_denied, context.started)


def lines(
    ccr: CCR, around: Circumstances, policy: ServicePolicy, numbering: Numbering, groups: Groups
) -> list[Line]:
    """What an event consists of: for each service one line, or one for each price of its recipients.

    `groups` are the closed user groups of the recipients, by number.
    """
    found: list[Line] = []
    for each in services(ccr, policy):
        key = key_of(each)
        said = [each.rsu] if each.rsu is not None else [one.units for one in each.usu]
        if quota.is_money(each):
            micros = quota.total(said, UnitKind.MONEY)
            found.append(Line(key + CLIENT_RATED, micros, client_offer(around.subscriber)))
            continue
        units = quota.total(said, policy.unit) or policy.of_group(each.rating_group).grant_default
        if not quota.is_counted(each, policy):
            found.append(Line(key, units, None))
            continue
        offers = _offers(ccr, each, around, policy, numbering, groups)
        for number, (offer, share) in enumerate(_shares(offers, units)):
            found.append(Line(f"{key}@{number}" if number else key, share, offer))
    return found


def _offers(
    ccr: CCR,
    mscc: MSCC,
    around: Circumstances,
    policy: ServicePolicy,
    numbering: Numbering,
    groups: Groups,
) -> list[Offer | None]:
    """How a service is paid for each of its recipients."""
    context = around.context
    if ccr.called is not None or len(ccr.recipients) <= 1:
        contexts = [context]
    else:
        contexts = [
            replace(
                context,
                attributes=towards(
                    context.attributes, around.subscriber, normalise(each, numbering), groups
                ),
            )
            for each in ccr.recipients
        ]
    found: list[Offer | None] = []
    for mine in contexts:
        offers = offered(mscc, policy, replace(around, context=mine), context.started)
        found.append(offers[0] if offers and offers[0].price.counts == TOTAL else None)
    return found


def _shares(offers: list[Offer | None], units: int) -> Iterator[tuple[Offer | None, int]]:
    """The different offers to the recipients and how many of the units each is for."""
    if len(offers) == 1:
        yield offers[0], units
        return
    counts: dict[Offer | None, int] = {}
    for each in offers:
        counts[each] = counts.get(each, 0) + 1
    share, rest = divmod(units, len(offers))
    if rest:
        # Nobody can tell who receives more: all of it at the dearest price, if each has one.
        yield max(counts, key=lambda each: price_of(each, units)), units
        return
    for each, count in counts.items():
        yield each, share * count


def price_of(offer: Offer | None, units: int) -> int:
    """What the tariff asks for so many units; most where there is no price."""
    return AMOUNT_LIMIT if offer is None else cost(offer.price, units)


# --- a debit -----------------------------------------------------------------------------------------


def plan(
    ccr: CCR,
    *,
    around: Circumstances,
    policy: ServicePolicy,
    numbering: Numbering,
    groups: Groups,
    owner: str,
    peer: str,
) -> ChargePlan:
    """What to ask of the ledger: each line whole. It keeps the event for a refund and for repeats."""
    subscriber = around.subscriber
    found = lines(ccr, around, policy, numbering, groups)
    return ChargePlan(
        type=RequestType.EVENT,
        number=request_number(ccr),
        content=content(ccr),
        session_id=ccr.session_id,
        partition=subscriber.partition,
        account_id=subscriber.account_id,
        subscriber_id=subscriber.subscriber_id,
        version=subscriber.version,
        context=b"",
        charges=tuple(_charge(each, around.is_denied) for each in found),
        sources=sources_of([each.offer for each in found if each.offer], subscriber),
        reply="",
        is_refused_whole=True,
        supervision_seconds=0,
        actor=ccr.origin_host,
        realm=ccr.origin_realm,
        peer=peer,
        owner=owner,
        scope=scope_of(ccr, peer),
        state_id=ccr.origin_state_id or 0,
        at=around.context.started,
    )


def _charge(line: Line, is_refused: bool) -> Charge:
    refusal = Refusal.DENIED if is_refused else Refusal.NONE
    if line.offer is None:
        refusal = refusal or Refusal.RATING_FAILED
        return Charge(line.key, None, line.units, refusal=refusal)
    return charge_of(line.key, line.offer, None, line.units, refusal=refusal)


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
            cca.failed_avp = failed_avp(ccr, failed, policy)
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


def failed_avp(ccr: CCR, failed: list[str], policy: ServicePolicy) -> bytes:
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
