"""SCUR, the server's side: a CCR becomes a plan, an outcome becomes a CCA (RFC 8506, 7; TS 32.299, 6.3).

Pure: what the ledger has is not known here, only what to ask of it and how to say what it said. The
state of a session lives in the ledger; which outcome follows from which is its table.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from ocs.charging import quota
from ocs.charging.answers import failed_avp, is_restricted, pack_terms, service_answers
from ocs.charging.charges import Terms, terms_of
from ocs.charging.context import is_barred
from ocs.charging.money import cost_information, tell_balance
from ocs.charging.periods import PERIOD, Circumstances
from ocs.charging.policy import ServicePolicy
from ocs.charging.result import COMMAND_CODES, MESSAGES, MSCC_CODES, REFUSAL_ORDER
from ocs.charging.services import WHOLE_SESSION, base_of, is_wished, key_of, services
from ocs.diameter.credit_control import (
    CCA,
    CCR,
    EVENT_REQUEST,
    INITIAL_REQUEST,
    MSCC,
    TERMINATION_REQUEST,
)
from ocs.diameter.framing import ResultCode
from ocs.model import (
    MAIN_MONEY,
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
    Source,
    Subscriber,
    SubscriberId,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.catalogue import Currency
from ocs.rating.versions import Catalogues

TYPES = {
    1: RequestType.INITIAL,
    2: RequestType.UPDATE,
    3: RequestType.TERMINATION,
    4: RequestType.EVENT,
}


def request_number(ccr: CCR) -> str:
    """CC-Request-Number, with the sub-session that counts for itself."""
    number = str(ccr.request_number)
    return number if ccr.sub_session_id is None else f"{number}:{ccr.sub_session_id}"


def scope_of(ccr: CCR, peer: str) -> str:
    """Whose sessions a request may touch: a client its own, a relay those of the client's realm."""
    return "host" if peer.lower() == ccr.origin_host.lower() else "realm"


def plan(
    ccr: CCR,
    *,
    context: SessionContext | None,
    subscriber: Subscriber | None,
    partition: Partition,
    catalogues: Catalogues,
    policy: ServicePolicy,
    at: UtcMillis,
    answered: Mapping[str, UtcMillis],
    owner: str,
    peer: str,
    context_bytes: bytes,
) -> ChargePlan:
    """What to ask of the ledger.

    Without a context (a U or T of a session never seen) the charges have no ways: the ledger keeps the
    usage as an orphan record. `partition` says where, and is the account's where there is one. `at` is
    the rating time, `answered` when each service was answered last, as far as it is known.
    """
    who = subscriber or bare_subscriber(context)
    is_denied = False
    if context is not None and subscriber is not None:
        is_denied = is_barred(subscriber, context)
    asked = services(ccr, policy)
    planned: list[Terms] = []
    supervision = [quota.supervision_seconds((), policy)]
    for each in asked:
        own = policy.of_group(each.rating_group)
        if context is None or who is None:
            orphan = Charge(key_of(each), quota.used(each.usu, own), None)
            planned.append(Terms((orphan,), own.validity_seconds))
            continue
        around = Circumstances(ccr.request_type, context, who, catalogues, is_denied, at)
        terms = terms_of(each, own, around, answered.get(key_of(each)))
        planned.append(terms)
        wanted = [one.requested for one in terms.charges if one.requested is not None]
        supervision.append(quota.supervision_seconds(wanted, own))
    charges = tuple(one for each in planned for one in each.charges)
    if is_denied and not charges and ccr.request_type == INITIAL_REQUEST:
        # A session without services yet is refused as well: the wish stands for the session itself.
        charges = (Charge(WHOLE_SESSION, None, 0, refusal=Refusal.DENIED),)
    return ChargePlan(
        type=TYPES[ccr.request_type],
        number=request_number(ccr),
        content=content(ccr),
        session_id=ccr.session_id,
        partition=partition,
        account_id=context.account_id if context is not None else AccountId(""),
        subscriber_id=context.subscriber_id if context is not None else SubscriberId(""),
        version=subscriber.version if subscriber is not None else 0,
        context=context_bytes,
        charges=charges,
        sources=sources_of((each.sources for each in planned), who),
        reply=pack_terms(asked, planned, policy),
        is_refused_whole=is_denied or is_refused_whole(ccr, asked, charges, policy),
        supervision_seconds=max(supervision),
        actor=ccr.origin_host,
        realm=ccr.origin_realm,
        peer=peer,
        owner=owner,
        scope=scope_of(ccr, peer),
        state_id=ccr.origin_state_id or 0,
        at=at,
        final_seconds=tuple(final_seconds(asked, planned, policy)),
    )


def bare_subscriber(context: SessionContext | None) -> Subscriber | None:
    """Who was served by a session, as far as it remembers: the ledger sends the rest."""
    if context is None:
        return None
    return Subscriber(
        context.account_id,
        context.partition,
        0,
        context.tariff,
        SubscriberState.ACTIVE,
        (),
        member=context.member,
    )


def sources_of(
    named: Iterable[Iterable[Source]], subscriber: Subscriber | None
) -> tuple[Source, ...]:
    """Every balance of a plan, each once; main money always, since what it holds is told."""
    if subscriber is None:
        return ()
    found = {MAIN_MONEY: Source(MAIN_MONEY, -subscriber.credit_limit)}
    for each in named:
        found |= {one.name: one for one in each}
    return tuple(found.values())


def final_seconds(
    asked: Iterable[MSCC], planned: Iterable[Terms], policy: ServicePolicy
) -> Iterator[int]:
    """For each charge, how long its client may be silent once it is the last that was granted."""
    for each, terms in zip(asked, planned, strict=True):
        own = policy.of_group(each.rating_group)
        for charge in terms.charges:
            yield own.final_seconds(charge.unit, terms.validity_seconds)


def is_refused_whole(
    ccr: CCR, asked: Iterable[MSCC], charges: Iterable[Charge], policy: ServicePolicy
) -> bool:
    """Whether a request that is granted nothing ends its session.

    A client without MSCC reads no other Result-Code than the command's. Where a service is redirected or
    restricted instead for want of money, its session goes on.
    """
    wants_money = any(
        each.requested is not None and each.refusal is Refusal.NONE for each in charges
    )
    may_stay = any(is_restricted(each, ccr, policy.of_group(each.rating_group)) for each in asked)
    return (policy.is_refused_whole or not ccr.mscc) and not (wants_money and may_stay)


def changing(made: ChargePlan) -> set[str]:
    """The services for which something changes about now: when they are answered is worth remembering."""
    return {base_of(each.key) for each in made.charges if PERIOD in each.key or each.used_at}


def free_outcome(ccr: CCR, policy: ServicePolicy) -> ChargeOutcome:
    """What the ledger would say if nothing cost anything: the outcome for a number free of control."""
    results = tuple(
        ChargeResult(key_of(each), ChargeStatus.GRANTED, policy.grant_maximum)
        if is_wished(each, ccr.request_type)
        else ChargeResult(key_of(each), ChargeStatus.SETTLED)
        for each in services(ccr, policy)
    )
    is_last = ccr.request_type == TERMINATION_REQUEST
    status = OutcomeStatus.CLOSED if is_last else OutcomeStatus.CHARGED
    return ChargeOutcome(status, results, f"{policy.validity_seconds};{policy.threshold_percent}")


def content(ccr: CCR) -> str:
    """A digest of what a repeat must share with the original (RFC 8506, 5.7; RFC 6733, 5.5.4).

    Not the header, nor what agents add, nor what a client may set anew when it sends again.
    """
    parts: list[object] = [
        ccr.request_type,
        ccr.requested_action if ccr.request_type == EVENT_REQUEST else None,
        ccr.service_context_id,
        ccr.sub_session_id,
        ccr.command_rsu,
        ccr.command_usu,
        ccr.command_service_identifier,
        ccr.refund_information,
    ]
    parts += [
        (
            each.service_identifiers,
            each.rating_group,
            each.rsu,
            each.usu,
            each.refund_information,
        )
        for each in ccr.mscc
    ]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


# --- the answer -----------------------------------------------------------------------------------


def answer(ccr: CCR, outcome: ChargeOutcome, policy: ServicePolicy, currency: Currency) -> CCA:
    """What the client is told; a repeat is told the same, whatever has changed since."""
    code = command_code(outcome)
    cca = CCA(code)
    if code != ResultCode.SUCCESS:
        cca.error_message = MESSAGES.get(code)
    is_unrated = any(each.status is ChargeStatus.RATING_FAILED for each in outcome.results)
    if code == ResultCode.RATING_FAILED or (code == ResultCode.SUCCESS and is_unrated):
        cca.failed_avp = failed_avp(services(ccr, policy), outcome)
    if ccr.request_type == INITIAL_REQUEST:
        cca.failure_handling = policy.failure_handling
        cca.session_failover = policy.session_failover
        cca.direct_debiting_failure_handling = policy.direct_debiting_failure_handling
    if outcome.status not in (OutcomeStatus.CHARGED, OutcomeStatus.CLOSED, OutcomeStatus.REFUSED):
        return cca
    if ccr.request_type == TERMINATION_REQUEST and policy.tells_cost:
        cca.cost = cost_information(outcome.total_cost, currency)
    tell_balance(cca, outcome, policy, currency)
    answers = tuple(service_answers(ccr, outcome, policy, currency))
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
