"""SCUR, the server's side: a CCR becomes a plan, an outcome becomes a CCA (RFC 8506, 7; TS 32.299, 6.3).

Pure: what the ledger has is not known here, only what to ask of it and how to say what it said. The
state of a session lives in the ledger; which outcome follows from which is its table.
"""

import hashlib
from dataclasses import replace

from ocs.charging import quota
from ocs.charging.policy import ServicePolicy
from ocs.charging.result import (
    COMMAND_CODES,
    MESSAGES,
    MSCC_CODES,
    REFUSAL_ORDER,
    failed_rating_group,
)
from ocs.diameter.credit_control import (
    CCA,
    CCR,
    INITIAL_REQUEST,
    MSCC,
    TERMINATION_REQUEST,
    FinalUnit,
    MSCCAnswer,
    Units,
)
from ocs.diameter.framing import ResultCode
from ocs.model import (
    AccountId,
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    OutcomeStatus,
    Partition,
    Refusal,
    RequestType,
    SessionContext,
    Subscriber,
    SubscriberState,
    UnitKind,
)
from ocs.rating.catalogue import Catalogue, Currency, find_price

TYPES = {1: RequestType.INITIAL, 2: RequestType.UPDATE, 3: RequestType.TERMINATION}

#: The key of units at command level, and of an MSCC without rating group and service identifier.
WHOLE_SESSION = "-"


def key_of(mscc: MSCC) -> str:
    """The name of a service within its session: rating group / service identifiers."""
    group = WHOLE_SESSION if mscc.rating_group is None else str(mscc.rating_group)
    return "/".join([group, *map(str, mscc.service_identifiers)])


def services(ccr: CCR) -> tuple[MSCC, ...]:
    """The services of a request; one that is named twice is reported in sum and answered once.

    Units at command level are one service of the whole session.
    """
    if not ccr.mscc and (ccr.command_rsu is not None or ccr.command_usu):
        identifier = ccr.command_service_identifier
        identifiers = () if identifier is None else (identifier,)
        return (MSCC(None, identifiers, ccr.command_rsu, ccr.command_usu),)
    found: dict[str, MSCC] = {}
    for each in ccr.mscc:
        key = key_of(each)
        first = found.get(key)
        if first is not None:
            each = replace(each, usu=first.usu + each.usu, rsu=each.rsu or first.rsu)
        found[key] = each
    return tuple(found.values())


def plan(
    ccr: CCR,
    *,
    context: SessionContext | None,
    subscriber: Subscriber | None,
    partition: Partition,
    catalogue: Catalogue,
    policy: ServicePolicy,
    owner: str,
    peer: str,
    context_bytes: bytes,
) -> ChargePlan:
    """What to ask of the ledger.

    Without a context (a U or T of a session never seen) the charges have no legs: the ledger keeps the
    usage as an orphan record. `partition` says where, and is the account's where there is one.
    """
    is_denied = subscriber is not None and subscriber.state is not SubscriberState.ACTIVE
    charges = tuple(
        charge(each, ccr.request_type, context, catalogue, policy, is_denied)
        for each in services(ccr)
    )
    if is_denied and not charges and ccr.request_type == INITIAL_REQUEST:
        # A session without services yet is refused as well: the wish stands for the session itself.
        charges = (Charge(WHOLE_SESSION, None, 0, refusal=Refusal.DENIED),)
    wanted = [each.requested for each in charges if each.requested is not None]
    number = str(ccr.request_number)
    if ccr.sub_session_id is not None:
        number += f":{ccr.sub_session_id}"
    account = context.account_id if context is not None else AccountId("")
    return ChargePlan(
        type=TYPES[ccr.request_type],
        number=number,
        content=content(ccr),
        session_id=ccr.session_id,
        partition=partition,
        account_id=account,
        version=subscriber.version if subscriber is not None else 0,
        context=context_bytes,
        charges=charges,
        reply=f"{policy.validity_seconds};{policy.threshold_percent}",
        # A client without MSCC reads no other Result-Code than the command's.
        is_refused_whole=policy.is_refused_whole or is_denied or not ccr.mscc,
        supervision_seconds=quota.supervision_seconds(wanted, policy),
        actor=ccr.origin_host,
        realm=ccr.origin_realm,
        peer=peer,
        owner=owner,
    )


def charge(
    mscc: MSCC,
    request_type: int,
    context: SessionContext | None,
    catalogue: Catalogue,
    policy: ServicePolicy,
    is_denied: bool,
) -> Charge:
    """One service of a request: report, wish, and how it is paid."""
    reported = quota.used(mscc.usu, policy)
    wanted = None
    if request_type != TERMINATION_REQUEST:
        wanted = quota.requested(mscc.rsu, policy)
        # Centralised unit determination: a first request without RSU wants the server's choice.
        if wanted is None and request_type == INITIAL_REQUEST and not mscc.usu:
            wanted = policy.grant_default
    key = key_of(mscc)
    if context is None:
        return Charge(key, reported, None)
    price = find_price(
        catalogue,
        context.tariff,
        context.attributes,
        fee_is_paid=context.fee_is_paid,
        rating_group=mscc.rating_group,
    )
    if price is not None and price.unit is not policy.unit:
        price = None
    refusal = Refusal.NONE
    if is_denied and wanted is not None:
        refusal = Refusal.DENIED
    elif price is None or not quota.is_counted(mscc, policy):
        refusal = Refusal.RATING_FAILED
    if price is None:
        return Charge(key, reported, wanted, refusal=refusal)
    return Charge(key, reported, wanted, price.rounding, price.denominator, price.legs, refusal)


def content(ccr: CCR) -> str:
    """A digest of what a repeat must share with the original (RFC 8506, 5.7; RFC 6733, 5.5.4).

    Not the header, nor what agents add, nor what a client may set anew when it sends again.
    """
    parts: list[object] = [
        ccr.request_type,
        ccr.requested_action if ccr.request_type == 4 else None,
        ccr.service_context_id,
        ccr.sub_session_id,
        ccr.command_rsu,
        ccr.command_usu,
        ccr.command_service_identifier,
    ]
    parts += [
        (each.service_identifiers, each.rating_group, each.rsu, each.usu) for each in ccr.mscc
    ]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


# --- the answer -----------------------------------------------------------------------------------


def answer(ccr: CCR, outcome: ChargeOutcome, policy: ServicePolicy, currency: Currency) -> CCA:
    """What the client is told; a repeat is told the same, whatever has changed since."""
    code = command_code(outcome)
    cca = CCA(code)
    if code != ResultCode.SUCCESS:
        cca.error_message = MESSAGES.get(code)
    if code in (ResultCode.SUCCESS, ResultCode.RATING_FAILED):
        cca.failed_avp = failed_avp(ccr, outcome)
    if ccr.request_type == INITIAL_REQUEST:
        cca.failure_handling = policy.failure_handling
        cca.session_failover = policy.session_failover
    if outcome.status not in (OutcomeStatus.CHARGED, OutcomeStatus.CLOSED, OutcomeStatus.REFUSED):
        return cca
    if ccr.request_type == TERMINATION_REQUEST:
        cca.cost = cost_information(outcome.total_cost, currency)
    results = {each.key: each for each in outcome.results}
    answers = tuple(
        mscc_answer(each, results[key_of(each)], outcome, policy)
        for each in services(ccr)
        if key_of(each) in results
    )
    if ccr.mscc:
        cca.mscc = answers
    elif answers:
        first = answers[0]
        cca.command_gsu = first.gsu
        cca.command_validity_seconds = first.validity_seconds
        cca.command_final_unit = first.final_unit
    return cca


def command_code(outcome: ChargeOutcome) -> ResultCode:
    """The Result-Code of the command."""
    if outcome.status is OutcomeStatus.REFUSED:
        found = {each.status for each in outcome.results}
        return next(MSCC_CODES[each] for each in REFUSAL_ORDER if each in found)
    return COMMAND_CODES[outcome.status]


def failed_avp(ccr: CCR, outcome: ChargeOutcome) -> bytes:
    """What could not be rated; required with 5031 wherever it stands (RFC 8506, 9.2)."""
    failed = {each.key for each in outcome.results if each.status is ChargeStatus.RATING_FAILED}
    for each in services(ccr):
        if outcome.status is OutcomeStatus.UNRATED or key_of(each) in failed:
            return failed_rating_group(each.rating_group)
    return b""


def mscc_answer(
    asked: MSCC, result: ChargeResult, outcome: ChargeOutcome, policy: ServicePolicy
) -> MSCCAnswer:
    """The answer for one service, named as it was asked."""
    validity_seconds, percent = map(int, outcome.reply.split(";"))
    code = MSCC_CODES[result.status]
    gsu: Units | None = None
    threshold = None
    is_granted = result.status is ChargeStatus.GRANTED
    if is_granted:
        gsu = quota.granted(result.granted, policy.unit)
        validity_seconds = quota.validity(validity_seconds, result.granted, policy.unit)
        if not result.is_final:
            threshold = quota.threshold(result.granted, percent)
    # When to come back is no matter of a session that has ended.
    comes_back = code == ResultCode.SUCCESS and outcome.status is OutcomeStatus.CHARGED
    return MSCCAnswer(
        rating_group=asked.rating_group,
        service_identifiers=asked.service_identifiers,
        result_code=code,
        gsu=gsu,
        validity_seconds=validity_seconds if comes_back else None,
        final_unit=FinalUnit() if is_granted and result.is_final else None,
        time_threshold=threshold if policy.unit is UnitKind.SECONDS else None,
        volume_threshold=threshold if policy.unit is UnitKind.OCTETS else None,
    )


def cost_information(micros: int, currency: Currency) -> tuple[int, int, int]:
    """Cost-Information: digits, exponent, currency, with the currency's decimals."""
    unit = 10 ** (6 - currency.decimals)
    return (2 * micros + unit) // (2 * unit), -currency.decimals, currency.code
