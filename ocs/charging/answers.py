"""What an answer says of each service: quota and how it is supervised, a final unit, or a refusal.

Pure; what only the moment of the plan knew travels with the outcome as its `reply`.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, unquote

from ocs.charging import quota
from ocs.charging.charges import CLIENT_RATED, SUFFIXES, Terms
from ocs.charging.periods import INPUT, OUTPUT
from ocs.charging.policy import TERMINATE, ServicePolicy
from ocs.charging.result import MSCC_CODES, REFUSAL_ORDER, failed_rating_group
from ocs.charging.services import base_of, key_of, services
from ocs.diameter.credit_control import CCR, INITIAL_REQUEST, MSCC, FinalUnit, MSCCAnswer, Units
from ocs.diameter.framing import ResultCode
from ocs.model import ChargeOutcome, ChargeResult, ChargeStatus, OutcomeStatus, UnitKind
from ocs.rating.catalogue import Currency
from ocs.rating.offer import SLOW

RESTRICT_ACCESS = 2  # Final-Unit-Action (RFC 8506, 8.35)
#: Reporting-Reason QHT, FINAL and UNUSED_QUOTA_TIMER (TS 32.299, 7.2.175).
GIVEN_BACK = {1, 2, 9}


#: Validity in seconds, threshold in percent, Tariff-Time-Change, Filter-Id of restricted grants.
Told = tuple[int, int, int | None, str]


def pack_terms(asked: Iterable[MSCC], planned: Iterable[Terms], policy: ServicePolicy) -> str:
    """What a repeat must say again, for each service; once where all say the same."""
    words: list[str] = []
    for each, terms in zip(asked, planned, strict=True):
        own = policy.of_group(each.rating_group)
        change = terms.tariff_time_change
        word = f"{terms.validity_seconds};{own.threshold_percent}"
        if terms.filter_id:
            word += f";{change or ''};{quote(terms.filter_id, safe='')}"
        elif change is not None:
            word += f";{change}"
        words.append(word)
    if not words:
        words = [f"{policy.validity_seconds};{policy.threshold_percent}"]
    return words[0] if len(words) == 1 or len(set(words)) == 1 else ",".join(words)


def unpack_terms(reply: str, count: int) -> list[Told]:
    """The same, for each of the services."""
    if "," not in reply:
        return [unpack_word(reply)] * count
    return [unpack_word(word) for word in reply.split(",")]


@lru_cache(1024)
def unpack_word(word: str) -> Told:
    """What is told of one service; most are told the same."""
    validity, percent, change, filter_id = [*word.split(";"), "", ""][:4]
    when = int(change) if change else None
    return int(validity), int(percent), when, unquote(filter_id)


def is_restricted(mscc: MSCC, ccr: CCR, policy: ServicePolicy) -> bool:
    """Whether a service without money is redirected or restricted, instead of refused with 4012.

    At its start and where the money ends unannounced. A client that asks again and reports nothing is
    restricted by now: whether it stays so is configured (RFC 8506, 5.6.2).
    """
    if policy.final_unit.action == TERMINATE:
        return False
    is_first = ccr.request_type == INITIAL_REQUEST or bool(mscc.usu)
    return is_first or policy.is_restricted_again


def by_service(outcome: ChargeOutcome) -> dict[str, list[ChargeResult]]:
    """The results of each service."""
    found: dict[str, list[ChargeResult]] = {}
    for each in outcome.results:
        found.setdefault(base_of(each.key), []).append(each)
    return found


def failed_avp(asked: Iterable[MSCC], outcome: ChargeOutcome) -> bytes:
    """What could not be rated; required with 5031 wherever it stands (RFC 8506, 9.2)."""
    failed = {
        key
        for key, results in by_service(outcome).items()
        if status_of(results) is ChargeStatus.RATING_FAILED
    }
    for each in asked:
        if outcome.status is OutcomeStatus.UNRATED or key_of(each) in failed:
            return failed_rating_group(each.rating_group)
    return b""


def service_answers(
    ccr: CCR, outcome: ChargeOutcome, policy: ServicePolicy, currency: Currency
) -> Iterator[MSCCAnswer]:
    """The answer of each service that has a result."""
    results = by_service(outcome)
    asked = services(ccr, policy)
    for each, terms in zip(asked, unpack_terms(outcome.reply, len(asked)), strict=True):
        found = results.get(key_of(each))
        if found is None:
            continue
        own = policy.of_group(each.rating_group)
        if outcome.status is not OutcomeStatus.CHARGED:
            # When to come back is no matter of a session that has ended.
            code = MSCC_CODES[status_of(found)]
            yield MSCCAnswer(each.rating_group, each.service_identifiers, code)
        elif status_of(found) is ChargeStatus.GRANTED:
            yield granted_answer(each, found, own, terms, currency)
        else:
            yield other_answer(each, ccr, status_of(found), own, terms[0])


def status_of(results: list[ChargeResult]) -> ChargeStatus:
    """What became of a service, all of its charges together."""
    if len(results) == 1:
        return results[0].status
    found = {each.status for each in results}
    return next(
        each
        for each in (ChargeStatus.GRANTED, *REFUSAL_ORDER, ChargeStatus.SETTLED)
        if each in found
    )


def granted_answer(
    asked: MSCC,
    results: list[ChargeResult],
    policy: ServicePolicy,
    terms: Told,
    currency: Currency,
) -> MSCCAnswer:
    """A grant, and all that the client must know about it; named as it was asked."""
    validity_seconds, percent, change, filter_id = terms
    largest = results[0] if len(results) == 1 else max(results, key=lambda each: each.granted)
    gsu, unit = grant_of(results, policy, currency)
    # One direction that nobody can pay stops the other.
    is_final = any(each.is_final or each.status is ChargeStatus.NO_CREDIT for each in results)
    is_slow = any(each.way.startswith(SLOW) for each in results)
    restricted = FinalUnit(RESTRICT_ACCESS, filter_ids=(filter_id,)) if filter_id else None
    whole = None if is_final or gsu.input_octets is not None else largest.granted
    threshold = None if whole is None else quota.threshold(whole, percent)
    is_measured = unit in (UnitKind.SECONDS, UnitKind.OCTETS)
    return MSCCAnswer(
        rating_group=asked.rating_group,
        service_identifiers=asked.service_identifiers,
        result_code=ResultCode.SUCCESS,
        gsu=gsu,
        validity_seconds=quota.validity(validity_seconds, largest.granted, unit),
        final_unit=policy.final_unit if is_final else restricted if is_slow else None,
        time_threshold=threshold if unit is UnitKind.SECONDS else None,
        volume_threshold=threshold if unit is UnitKind.OCTETS else None,
        unit_threshold=threshold if unit is UnitKind.EVENTS else None,
        holding_seconds=policy.holding_seconds if is_measured else None,
        consumption_seconds=policy.consumption_seconds if unit is UnitKind.SECONDS else None,
        trigger=policy.trigger,
        tariff_time_change=change,
    )


def grant_of(
    results: list[ChargeResult], policy: ServicePolicy, currency: Currency
) -> tuple[Units, UnitKind]:
    """The Granted-Service-Unit of a service, and its unit."""
    if len(results) == 1 and results[0].key.isdigit():  # a whole service, counted in its own unit
        return quota.granted(results[0].granted, policy.unit, currency), policy.unit
    amounts: dict[str, int] = {}
    for each in results:
        mark = each.key[len(base_of(each.key)) :][:1]
        amounts[mark] = amounts.get(mark, 0) + each.granted
    inward, outward = amounts.get(SUFFIXES[INPUT]), amounts.get(SUFFIXES[OUTPUT])
    if inward is not None or outward is not None:
        both = Units(input_octets=inward or 0, output_octets=outward or 0)
        return both, policy.unit
    unit = UnitKind.MONEY if CLIENT_RATED in amounts else policy.unit
    return quota.granted(sum(amounts.values()), unit, currency), unit


def other_answer(
    asked: MSCC, ccr: CCR, status: ChargeStatus, policy: ServicePolicy, validity_seconds: int
) -> MSCCAnswer:
    """A service without a grant: refused, restricted, or only reported."""
    code, final_unit = MSCC_CODES[status], None
    if status is ChargeStatus.NO_CREDIT and is_restricted(asked, ccr, policy):
        # Final-Unit-Indication is never beside 4012: some clients loop, others end the session.
        code, final_unit = ResultCode.SUCCESS, policy.final_unit
        validity_seconds = policy.restricted_validity_seconds
    elif status is ChargeStatus.SETTLED and follows_final_units(asked, policy):
        validity_seconds = policy.restricted_validity_seconds
    return MSCCAnswer(
        asked.rating_group,
        asked.service_identifiers,
        code,
        validity_seconds=validity_seconds if code == ResultCode.SUCCESS else None,
        final_unit=final_unit,
    )


def follows_final_units(asked: MSCC, policy: ServicePolicy) -> bool:
    """Whether a report without a wish says that the service is redirected or restricted now.

    Quota that is given back says why: it was not used, or the service ended (TS 32.299, 7.2.175).
    """
    reasons = {asked.reporting_reason, *(each.reporting_reason for each in asked.usu)}
    return policy.final_unit.action != TERMINATE and not reasons & GIVEN_BACK
