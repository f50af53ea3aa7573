"""SCUR, the server's side: a CCR becomes a plan, an outcome becomes a CCA (RFC 8506, 7; TS 32.299, 6.3).

Pure: what the ledger has is not known here, only what to ask of it and how to say what it said. The
state of a session lives in the ledger; which outcome follows from which is its table.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from ocs.charging import grants, quota
from ocs.charging.answers import failed_avp, is_restricted, pack_terms, service_answers
from ocs.charging.charges import Terms
from ocs.charging.context import is_barred
from ocs.charging.memory import Memory
from ocs.charging.money import cost_information, tell_balance
from ocs.charging.periods import PERIOD, Circumstances
from ocs.charging.policy import ServicePolicy
from ocs.charging.result import COMMAND_CODES, MESSAGES, MSCC_CODES, REFUSAL_ORDER
from ocs.charging.services import WHOLE_SESSION, base_of, is_wished, key_of, services
from ocs.charging.terms import terms_of
from ocs.diameter.credit_control import (
    CCA,
    CCR,
    EVENT_REQUEST,
    INITIAL_REQUEST,
    MSCC,
    TERMINATION_REQUEST,
    USU,
    Units,
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
    Source,
    Subscriber,
    SubscriberId,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.catalogue import Currency
from ocs.rating.offer import Offer
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
    is_own = peer == ccr.origin_host or peer.lower() == ccr.origin_host.lower()
    return "host" if is_own else "realm"


def plan(
    ccr: CCR,
    *,
    memory: Memory | None,
    subscriber: Subscriber | None,
    partition: Partition,
    catalogues: Catalogues,
    policy: ServicePolicy,
    at: UtcMillis,
    owner: str,
    peer: str,
    context_bytes: bytes,
) -> ChargePlan:
    """What to ask of the ledger.

    Without a memory (a U or T of a session never seen) the charges have no ways: the ledger keeps the
    usage as an orphan record, in this partition; else it is the account's. `at` is the rating time.
    """
    context = None if memory is None else memory.context
    around = circumstances(ccr, memory, subscriber, catalogues, at)
    is_denied = around is not None and around.is_denied
    asked = services(ccr, policy)
    planned: list[Terms] = []
    charges: list[Charge] = []
    paced: list[tuple[str, int, int, int]] = []
    watched: list[int] = []
    supervision = quota.supervision_seconds(0, policy)
    for each in asked:
        own, key = policy.of_group(each.rating_group), key_of(each)
        if memory is None or around is None:
            terms = Terms((Charge(key, quota.used(each.usu, own), None),), own.validity_seconds)
        else:
            size, units = grants.sized(each, own, memory.paces.get(key), at)
            wish = size if is_wished(each, ccr.request_type) else None
            terms = terms_of(each, own, around, memory.answered.get(key), wish)
            wanted = max([one.requested or 0 for one in terms.charges], default=0)
            supervision = max(supervision, quota.supervision_seconds(wanted, own))
            if own.grant_seconds:
                paced.append((key, units, len(charges), len(charges) + len(terms.charges)))
        planned.append(terms)
        charges += terms.charges
        watched += [own.final_seconds(one.unit, terms.validity_seconds) for one in terms.charges]
    if is_denied and not charges and ccr.request_type == INITIAL_REQUEST:
        # A session without services yet is refused as well: the wish stands for the session itself.
        charges = [Charge(WHOLE_SESSION, None, 0, refusal=Refusal.DENIED)]
    return ChargePlan(
        type=TYPES[ccr.request_type],
        number=request_number(ccr),
        content=content(ccr),
        session_id=ccr.session_id,
        partition=partition,
        account_id=AccountId("") if context is None else context.account_id,
        subscriber_id=SubscriberId("") if context is None else context.subscriber_id,
        version=0 if subscriber is None else subscriber.version,
        context=context_bytes,
        charges=tuple(charges),
        sources=() if around is None else sources_of(planned, around.subscriber),
        reply=pack_terms(asked, planned, policy),
        is_refused_whole=is_denied or is_refused_whole(ccr, asked, charges, policy),
        supervision_seconds=supervision,
        actor=ccr.origin_host,
        realm=ccr.origin_realm,
        peer=peer,
        owner=owner,
        scope=scope_of(ccr, peer),
        state_id=ccr.origin_state_id or 0,
        at=at,
        final_seconds=tuple(watched),
        paces=tuple(paced),
    )


def circumstances(
    ccr: CCR,
    memory: Memory | None,
    subscriber: Subscriber | None,
    catalogues: Catalogues,
    at: UtcMillis,
) -> Circumstances | None:
    """What the charges depend on besides the request; None where nothing is known of the session."""
    if memory is None:
        return None
    context = memory.context
    is_denied = subscriber is not None and is_barred(subscriber, context)
    # Who was served, as far as the session remembers: the ledger sends the rest.
    who = subscriber or Subscriber(
        context.account_id,
        context.partition,
        0,
        context.tariff,
        SubscriberState.ACTIVE,
        (),
        member=context.member,
    )
    return Circumstances(ccr.request_type, context, who, catalogues, is_denied, at, memory.courses)


def sources_of(planned: Sequence[Terms | Offer], subscriber: Subscriber) -> tuple[Source, ...]:
    """Every balance of a plan, each once; main money always, since what it holds is told."""
    if len(planned) == 1 and planned[0].sources and planned[0].sources[0].name == MAIN_MONEY:
        return planned[0].sources
    found = {MAIN_MONEY: Source(MAIN_MONEY, -subscriber.credit_limit)}
    for each in planned:
        found |= {one.name: one for one in each.sources}
    return tuple(found.values())


def is_refused_whole(
    ccr: CCR, asked: Iterable[MSCC], charges: Iterable[Charge], policy: ServicePolicy
) -> bool:
    """Whether a request that is granted nothing ends its session.

    A client without MSCC reads no other Result-Code than the command's. Where a service is redirected or
    restricted instead for want of money, its session goes on.
    """
    if not policy.is_refused_whole and ccr.mscc:
        return False
    may_stay = any(is_restricted(each, ccr, policy.of_group(each.rating_group)) for each in asked)
    return not may_stay or all(
        each.requested is None or each.refusal is not Refusal.NONE for each in charges
    )


def changing(made: ChargePlan) -> Iterator[str]:
    """The services for which something changes about now: when they are answered is worth remembering."""
    for each in made.charges:
        if each.used_at or PERIOD in each.key:
            yield base_of(each.key)


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
    parts = [
        f"{ccr.request_type} {ccr.requested_action if ccr.request_type == EVENT_REQUEST else None}"
        f" {ccr.sub_session_id} {ccr.command_service_identifier} {ccr.refund_information!r}"
        f" {told(ccr.command_rsu)} {told_used(ccr.command_usu)} {ccr.service_context_id}"
    ]
    for each in ccr.mscc:
        parts.append(
            f"{each.rating_group} {each.service_identifiers} {told(each.rsu)}"
            f" {told_used(each.usu)} {each.refund_information!r}"
        )
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def told(units: Units | None) -> str:
    """Units as text that no other units have."""
    if units is None:
        return "-"
    return (
        f"{units.time},{units.total_octets},{units.input_octets},{units.output_octets},"
        f"{units.specific},{units.money}"
    )


def told_used(reports: tuple[USU, ...]) -> str:
    """The same of reports."""
    return ";".join(
        [f"{told(one.units)},{one.reporting_reason},{one.tariff_change_usage}" for one in reports]
    )


# --- the answer -----------------------------------------------------------------------------------


def answer(ccr: CCR, outcome: ChargeOutcome, policy: ServicePolicy, currency: Currency) -> CCA:
    """What the client is told; a repeat is told the same, whatever has changed since."""
    code = command_code(outcome)
    cca = CCA(code)
    if code != ResultCode.SUCCESS:
        cca.error_message = MESSAGES.get(code)
    is_unrated = ChargeStatus.RATING_FAILED in [each.status for each in outcome.results]
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
