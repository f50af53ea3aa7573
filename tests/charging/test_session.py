"""The session table: from a CCR to a plan, from an outcome to a CCA (RFC 8506, 7; TS 32.299, 6.3)."""

from dataclasses import replace

import pytest

from ocs.charging.context import new_context
from ocs.charging.memory import Memory
from ocs.charging.policy import ServicePolicy
from ocs.charging.session import answer, changing, content, plan
from ocs.diameter.credit_control import CCA, CCR, MSCC, USU, FinalUnit, MSCCAnswer, Units
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
    Source,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from tests.charging.worked import (
    ANY,
    DATA,
    KZT,
    MIB,
    NONE,
    SUBSCRIBER,
    VOICE,
    catalogue,
    catalogues,
    data,
    mscc,
    octets,
    seconds,
    voice,
)

INITIAL, UPDATE, TERMINATION = 1, 2, 3  # CC-Request-Type
BARRED = replace(SUBSCRIBER, state=SubscriberState.BARRED)
ENDED = replace(SUBSCRIBER, state=SubscriberState.TERMINATED)
RG_10_FAILED = bytes.fromhex("000001b0 4000000c 0000000a")
RG_99_FAILED = bytes.fromhex("000001b0 4000000c 00000063")


def planned_in(
    context: SessionContext | None,
    ccr: CCR,
    policy: ServicePolicy,
    subscriber: Subscriber | None,
    partition: Partition = SUBSCRIBER.partition,
) -> ChargePlan:
    """The plan of a request of a session that remembers this; None: it is not known."""
    return plan(
        ccr,
        memory=None if context is None else Memory(context),
        subscriber=subscriber,
        partition=partition,
        catalogues=catalogues(),
        policy=policy,
        at=UtcMillis(1),
        owner="w0",
        peer="dra.example.net",
        context_bytes=b"context" if ccr.request_type == INITIAL else b"",
    )


def planned(ccr: CCR, policy: ServicePolicy, subscriber: Subscriber = SUBSCRIBER) -> ChargePlan:
    """The plan of a request whose session is known."""
    first = voice(INITIAL, 0) if policy.name == "voice" else data(INITIAL, 0)
    context = new_context(first, policy, subscriber, catalogue(), UtcMillis(1))
    return planned_in(context, ccr, policy, subscriber)


def only(made: ChargePlan) -> Charge:
    """The one charge of a plan."""
    assert len(made.charges) == 1
    return made.charges[0]


# --- plans: refusals first --------------------------------------------------------------------------


@pytest.mark.parametrize("subscriber", [BARRED, ENDED])
@pytest.mark.parametrize("policy", [DATA, VOICE])
def test_barred_subscriber(subscriber: Subscriber, policy: ServicePolicy) -> None:
    """No grant, whatever the service, and the command says so; what is reported is priced."""
    request = voice if policy is VOICE else data
    units = seconds(55) if policy is VOICE else octets(55)
    first = planned(request(INITIAL, 0, mscc(10, None, ANY)), policy, subscriber)
    assert only(first).refusal is Refusal.DENIED and first.is_refused_whole
    then = planned(request(UPDATE, 1, mscc(10, units, ANY)), policy, subscriber)
    assert only(then).refusal is Refusal.DENIED and then.is_refused_whole
    assert only(then).used == 55 and only(then).ways
    last = only(planned(request(TERMINATION, 2, mscc(10, units)), policy, subscriber))
    assert (last.used, last.requested, last.refusal) == (55, None, Refusal.NONE)


def test_barred_subscriber_without_services() -> None:
    """Opening a session without naming a service is refused as well."""
    made = planned(data(INITIAL, 0), DATA, BARRED)
    assert (only(made).requested, only(made).refusal) == (0, Refusal.DENIED)
    assert made.is_refused_whole
    assert planned(data(UPDATE, 1), DATA, BARRED).charges == ()
    assert planned(data(TERMINATION, 2), DATA, BARRED).charges == ()


def test_barred_before_unrated() -> None:
    """That there is no price either is no matter: 4010, not 5031."""
    made = planned(data(INITIAL, 0, mscc(99, None, ANY)), DATA, BARRED)
    assert only(made).refusal is Refusal.DENIED


def test_unknown_rating_group() -> None:
    """It has no price; the one beside it has (RFC 8506, 9.2: only that service is refused)."""
    made = planned(data(UPDATE, 1, mscc(99, octets(7), ANY), mscc(10, octets(7), ANY)), DATA)
    bad, good = made.charges
    assert (bad.key, bad.refusal, bad.ways) == ("99", Refusal.RATING_FAILED, ())
    assert (bad.used, bad.requested) == (7, 100 * MIB)
    assert (good.key, good.refusal) == ("10", Refusal.NONE) and good.ways
    assert not made.is_refused_whole


def test_other_service_than_the_session() -> None:
    """A session opened as a call has no price for octets."""
    ccr = data(UPDATE, 1, mscc(10, octets(7), ANY))
    context = new_context(voice(INITIAL, 0), VOICE, SUBSCRIBER, catalogue(), UtcMillis(1))
    made = planned_in(context, ccr, DATA, SUBSCRIBER)
    assert (only(made).refusal, only(made).ways) == (Refusal.RATING_FAILED, ())


@pytest.mark.parametrize(
    ("used", "rsu", "counted", "refusal"),
    [
        (seconds(60), ANY, 0, Refusal.RATING_FAILED),
        (seconds(60), NONE, 0, Refusal.RATING_FAILED),
        (octets(7), seconds(60), 7, Refusal.RATING_FAILED),
        (Units(time=60, total_octets=7), ANY, 7, Refusal.NONE),
    ],
)
def test_units_that_the_service_does_not_count(
    used: Units, rsu: Units | None, counted: int, refusal: Refusal
) -> None:
    """5031 for that service (RFC 8506, 9.2); what can be counted is debited all the same."""
    made = only(planned(data(UPDATE, 1, mscc(10, used, rsu)), DATA))
    assert (made.used, made.refusal) == (counted, refusal)
    assert made.ways


def test_session_never_seen() -> None:
    """Without a context there is nothing to price by: usage only, for the orphan record."""
    ccr = data(UPDATE, 5, mscc(10, octets(7), ANY))
    made = planned_in(None, ccr, DATA, None, Partition(200))
    assert (made.partition, made.account_id, made.version) == (200, "", 0)
    assert (made.subscriber_id, made.sources) == ("", ())
    assert made.charges == (Charge("10", 7, None),)


# --- plans: what is asked for -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "used", "rsu", "expected"),
    [
        (INITIAL, None, NONE, (None, 60)),  # centralised unit determination (RFC 8506, 5.2)
        (INITIAL, None, ANY, (None, 60)),
        (INITIAL, None, seconds(30), (None, 30)),
        (INITIAL, seconds(4), NONE, (4, None)),
        (UPDATE, None, NONE, (None, None)),
        (UPDATE, None, ANY, (None, 60)),
        (UPDATE, seconds(55), NONE, (55, None)),  # a report only: no grant is volunteered
        (UPDATE, seconds(55), seconds(9000), (55, 3600)),
        (UPDATE, Units(), ANY, (0, 60)),
        (TERMINATION, seconds(55), NONE, (55, None)),
        (TERMINATION, seconds(55), ANY, (55, None)),  # never a grant at the end (RFC 8506, 5.4)
        (TERMINATION, None, NONE, (None, None)),
    ],
)
def test_used_and_requested(
    kind: int, used: Units | None, rsu: Units | None, expected: tuple[int | None, int | None]
) -> None:
    """Report and wish of each request type."""
    made = only(planned(voice(kind, 1, mscc(None, used, rsu, 1000)), VOICE))
    assert (made.used, made.requested) == expected
    assert made.refusal is Refusal.NONE


def test_plan_of_a_call() -> None:
    """Everything the ledger needs: 12.00 a minute by the second is 200 000 micros a step."""
    ccr = replace(voice(INITIAL, 4, mscc(100, None, seconds(60))), sub_session_id=9)
    made = planned(ccr, VOICE)
    charge = only(made)
    (leg,) = charge.ways[0].legs
    assert leg.price == 200_000 * charge.denominator
    assert (leg.step, charge.rounding.quantum) == (1, 10_000)
    assert (made.type, made.number) == (RequestType.INITIAL, "4:9")
    assert (made.session_id, made.context) == (b"scscf1;1;2", b"context")
    assert (made.partition, made.account_id, made.version) == (7, AccountId("7"), 3)
    assert (made.actor, made.realm) == ("scscf1.example.net", "example.net")
    assert (made.peer, made.owner) == ("dra.example.net", "w0")
    assert made.supervision_seconds == 1200


@pytest.mark.parametrize(("kind", "named"), [(INITIAL, "I"), (UPDATE, "U"), (TERMINATION, "T")])
def test_type_and_number(kind: int, named: str) -> None:
    """The key of a request, without a sub-session."""
    made = planned(data(kind, 17), DATA)
    assert (made.type.value, made.number, made.charges) == (named, "17", ())


def test_two_services_are_two_charges() -> None:
    """In the order of the request: 1.00 and 0.50 for a MiB."""
    made = planned(data(INITIAL, 0, mscc(10, None, ANY), mscc(20, None, ANY)), DATA)
    costs = [each.ways[0].legs[0].price * MIB // each.denominator for each in made.charges]
    assert [each.key for each in made.charges] == ["10", "20"]
    assert costs == [1_000_000, 500_000]


@pytest.mark.parametrize(
    ("policy", "ccr", "is_whole"),
    [
        (DATA, data(UPDATE, 1, mscc(10, None, ANY)), False),
        (VOICE, voice(UPDATE, 1, mscc(10, None, ANY)), True),
        # A client without MSCC would take 2001 without a GSU for a service without limit.
        (DATA, replace(data(UPDATE, 1), command_rsu=ANY), True),
    ],
)
def test_level_of_a_refusal(policy: ServicePolicy, ccr: CCR, is_whole: bool) -> None:
    """Per service for data, the command for calls and for clients without MSCC."""
    assert planned(ccr, policy).is_refused_whole is is_whole


@pytest.mark.parametrize(
    ("kind", "asked", "again", "is_whole"),
    [
        (INITIAL, mscc(1, None, ANY), False, False),
        (UPDATE, mscc(1, seconds(5), ANY), False, False),
        (UPDATE, mscc(1, None, ANY), False, True),
        (UPDATE, mscc(1, None, ANY), True, False),
    ],
)
def test_redirected_session_stays(kind: int, asked: MSCC, again: bool, is_whole: bool) -> None:
    """Where the money ends in a redirection, the session goes on, even of a call; not for a bar, nor
    where there is no price."""
    final_unit = FinalUnit(1, 3, "sip:topup@ims.example")
    policy = replace(VOICE, final_unit=final_unit, is_restricted_again=again)
    ccr = voice(kind, 1, asked)
    assert planned(ccr, policy).is_refused_whole is is_whole
    assert planned(ccr, policy, BARRED).is_refused_whole
    bad = voice(kind, 1, replace(asked, rsu=octets(5)))
    assert planned(bad, policy).is_refused_whole


def test_supervision_covers_the_restricted_state() -> None:
    """Twice the time that a redirection may last."""
    patient = replace(
        DATA, final_unit=FinalUnit(1, 2, "http://x/"), restricted_validity_seconds=7200
    )
    assert planned(data(UPDATE, 1, mscc(10, octets(5))), patient).supervision_seconds == 14_400


def test_supervision_of_a_rating_group() -> None:
    """The longest of its services'."""
    own = replace(DATA, validity_seconds=5000)
    policy = replace(DATA, groups=((frozenset({20}), own),))
    ccr = data(UPDATE, 1, mscc(10, None, ANY), mscc(20, None, ANY))
    assert planned(ccr, policy).supervision_seconds == 10_000


def test_how_long_a_final_unit_may_be_ignored() -> None:
    """Said of each charge by the choices of its rating group, with the Validity-Time that is told."""
    never = replace(DATA, final_grace_seconds=0)
    patient = replace(DATA, validity_seconds=5000, final_grace_seconds=60)
    policy = replace(DATA, groups=((frozenset({20}), patient), (frozenset({30}), never)))
    ccr = data(UPDATE, 1, mscc(10, None, ANY), mscc(20, None, ANY), mscc(30, None, ANY))
    assert planned(ccr, policy).final_seconds == (DATA.validity_seconds + 30, 5060, 0)
    call = voice(UPDATE, 1, mscc(1, None, seconds(60)))
    assert planned(call, VOICE).final_seconds == (30,)
    assert planned(data(UPDATE, 1), DATA).final_seconds == ()


def test_who_may_touch_a_session() -> None:
    """A client its own host's, a relay the realm's; the number of its start says which life it lives."""
    ccr = replace(data(UPDATE, 1), origin_host="DRA.example.net", origin_state_id=7)
    assert (planned(ccr, DATA).scope, planned(ccr, DATA).state_id) == ("host", 7)
    assert (planned(data(UPDATE, 1), DATA).scope, planned(data(UPDATE, 1), DATA).state_id) == (
        "realm",
        0,
    )


def test_services_whose_tariff_changes() -> None:
    """Those are worth remembering; a service far from any change is not."""
    charges = (
        Charge("10", 1, None),
        Charge("20", 1, None),
        Charge("20~9", None, 5),
        Charge("30", 1, None, used_at=UtcMillis(9)),  # a bucket ended then
    )
    made = replace(planned(data(UPDATE, 1), DATA), charges=charges)
    assert set(changing(made)) == {"20", "30"}


def test_supervision_covers_a_long_grant() -> None:
    """An hour of talk is valid for 3660 s: supervision waits twice as long (RFC 8506, 13)."""
    short, long = mscc(1, None, seconds(60)), mscc(2, None, seconds(3600))
    assert planned(voice(UPDATE, 1, short), VOICE).supervision_seconds == 1200
    assert planned(voice(UPDATE, 1, short, long), VOICE).supervision_seconds == 7320
    assert planned(voice(TERMINATION, 1, long), VOICE).supervision_seconds == 1200
    assert (
        planned(data(UPDATE, 1, mscc(10, None, octets(1 << 30))), DATA).supervision_seconds == 7200
    )


def test_balances_of_a_plan() -> None:
    """Each that a charge may take from, once; main money with what it may go below zero."""
    poor = replace(SUBSCRIBER, credit_limit=5_000_000, member="2")
    ccr = data(UPDATE, 1, mscc(10, None, ANY), mscc(20, None, ANY), mscc(99, None, ANY))
    made = planned(ccr, DATA, poor)
    assert made.sources == (Source("main", -5_000_000),)
    assert made.subscriber_id == "7.2"
    assert planned(data(TERMINATION, 2), DATA, poor).sources == (Source("main", -5_000_000),)


def test_session_of_somebody_whom_this_worker_has_not_read() -> None:
    """It is planned from what the session remembers; the ledger sends the snapshot."""
    context = new_context(data(INITIAL, 0), DATA, SUBSCRIBER, catalogue(), UtcMillis(1))
    made = planned_in(context, data(UPDATE, 5, mscc(10, octets(7), ANY)), DATA, None)
    assert (made.account_id, made.subscriber_id, made.version) == ("7", "7", 0)
    assert only(made).refusal is Refusal.NONE and only(made).ways


# --- the content that a repeat shares ---------------------------------------------------------------

USAGE = data(UPDATE, 3, mscc(10, octets(7), ANY, 5), mscc(20, octets(1)))


@pytest.mark.parametrize(
    "changes",
    [
        {"flags": 0xD0},  # T
        {"hop_by_hop": 9, "end_to_end": 9},
        {"destination_host": "ocs2.example", "destination_realm": "other"},
        {"origin_state_id": 77},
        {"event_timestamp": 1_790_000_000},
        {"route_records": ("dra",)},
        {"proxy_info": b"1234"},
        {"requested_action": 0},  # without meaning outside events
        {"termination_cause": 1},
    ],
)
def test_what_a_repeat_may_change(changes: dict[str, object]) -> None:
    """Header, routing and what a client sets anew do not make it another request (RFC 6733, 5.5.4)."""
    assert content(replace(USAGE, **changes)) == content(USAGE)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    "changes",
    [
        {"request_type": TERMINATION},
        {"service_context_id": "8.32251@3gpp.org"},
        {"sub_session_id": 1},
        {"mscc": USAGE.mscc[:1]},
        {"mscc": USAGE.mscc[::-1]},
        {"mscc": (replace(USAGE.mscc[0], rating_group=11), USAGE.mscc[1])},
        {"mscc": (replace(USAGE.mscc[0], service_identifiers=()), USAGE.mscc[1])},
        {"mscc": (replace(USAGE.mscc[0], rsu=None), USAGE.mscc[1])},
        {"mscc": (replace(USAGE.mscc[0], usu=(USU(octets(8)),)), USAGE.mscc[1])},
        {"mscc": (replace(USAGE.mscc[0], usu=(USU(octets(7), 3),)), USAGE.mscc[1])},
        {"command_usu": (USU(octets(7)),)},
        {"command_rsu": ANY},
        {"command_service_identifier": 5},
    ],
)
def test_what_a_repeat_may_not_change(changes: dict[str, object]) -> None:
    """Another report or wish under the same number contradicts the first one."""
    assert content(replace(USAGE, **changes)) != content(USAGE)  # type: ignore[arg-type]  # by name


def test_requested_action_is_content_of_an_event() -> None:
    """There it says what is done."""
    event = replace(data(4, 0), requested_action=0)
    assert content(event) != content(replace(event, requested_action=1))


# --- answers: the command -----------------------------------------------------------------------------


def result(
    key: str, status: ChargeStatus, granted: int = 0, is_final: bool = False
) -> ChargeResult:
    """One service of an outcome."""
    return ChargeResult(key, status, granted, is_final)


GRANTED, SETTLED = ChargeStatus.GRANTED, ChargeStatus.SETTLED
NO_CREDIT, DENIED = ChargeStatus.NO_CREDIT, ChargeStatus.DENIED
RATING_FAILED = ChargeStatus.RATING_FAILED
CHARGED, CLOSED, REFUSED = OutcomeStatus.CHARGED, OutcomeStatus.CLOSED, OutcomeStatus.REFUSED


def answered(
    ccr: CCR,
    policy: ServicePolicy,
    status: OutcomeStatus,
    *results: ChargeResult,
    total_cost: int = 0,
) -> CCA:
    """The answer to an outcome."""
    reply = f"{policy.validity_seconds};{policy.threshold_percent}"
    outcome = ChargeOutcome(status, tuple(results), reply, total_cost=total_cost)
    return answer(ccr, outcome, policy, KZT)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (UPDATE, OutcomeStatus.UNKNOWN, 5002),
        (TERMINATION, OutcomeStatus.UNKNOWN, 5002),
        (UPDATE, OutcomeStatus.LATE, 5002),
        (TERMINATION, OutcomeStatus.LATE, 5002),
        (INITIAL, OutcomeStatus.FOREIGN, 5002),
        (UPDATE, OutcomeStatus.FOREIGN, 5002),
        (TERMINATION, OutcomeStatus.FOREIGN, 5002),
        (INITIAL, OutcomeStatus.EXISTS, 5012),
        (INITIAL, OutcomeStatus.MISMATCH, 5012),
        (UPDATE, OutcomeStatus.MISMATCH, 5012),
        (TERMINATION, OutcomeStatus.MISMATCH, 5012),
        (INITIAL, OutcomeStatus.UNRATED, 5031),
    ],
)
def test_refused_commands(kind: int, status: OutcomeStatus, code: int) -> None:
    """The code, a reason, and nothing that looks like a grant or a cost."""
    asked = mscc(10, octets(7) if kind != INITIAL else None, ANY)
    settled = result("10", SETTLED)
    cca = answered(data(kind, 1, asked), DATA, status, settled)
    assert cca.result_code == code and cca.error_message
    assert cca.mscc == () and cca.command_gsu is None and cca.cost is None
    assert (cca.failed_avp != b"") == (code == 5031)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ((NO_CREDIT, RATING_FAILED), 4012),
        ((RATING_FAILED, NO_CREDIT), 4012),
        ((NO_CREDIT, DENIED), 4010),
        ((RATING_FAILED, RATING_FAILED), 5031),
        ((SETTLED, NO_CREDIT), 4012),
        ((SETTLED, RATING_FAILED), 5031),
    ],
)
def test_refused_session(results: tuple[ChargeStatus, ...], code: int) -> None:
    """The strongest refusal names the command; nothing is granted, nor is there a time to come back."""
    ccr = voice(UPDATE, 1, mscc(10, seconds(5), ANY), mscc(99, seconds(5), ANY))
    named = [result(key, each) for key, each in zip(("10", "99"), results, strict=True)]
    cca = answered(ccr, VOICE, REFUSED, *named)
    assert cca.result_code == code and cca.error_message
    assert all(each.gsu is None and each.validity_seconds is None for each in cca.mscc)
    if code == 5031:
        first = RG_10_FAILED if results[0] is RATING_FAILED else RG_99_FAILED
        assert cca.failed_avp == first
    else:
        assert cca.failed_avp == b""


@pytest.mark.parametrize(
    ("kind", "status", "has_it"),
    [
        (INITIAL, CHARGED, True),
        (INITIAL, REFUSED, True),
        (INITIAL, OutcomeStatus.EXISTS, True),
        (UPDATE, CHARGED, False),
        (TERMINATION, CLOSED, False),
    ],
)
def test_failure_handling_is_told_at_the_start(
    kind: int, status: OutcomeStatus, has_it: bool
) -> None:
    """A CCA-I has CCFH RETRY_AND_TERMINATE (2) and CC-Session-Failover SUPPORTED (1)."""
    results = [result("10", NO_CREDIT if status is REFUSED else SETTLED)]
    cca = answered(voice(kind, 0, mscc(10, None, ANY)), VOICE, status, *results)
    assert (cca.failure_handling, cca.session_failover) == ((2, 1) if has_it else (None, None))
    assert cca.direct_debiting_failure_handling == (0 if has_it else None)


def test_cost_is_told_at_the_end_only() -> None:
    """A CCA-T has the whole session's cost (RFC 8506, 8.7)."""
    used = mscc(10, seconds(35))
    settled = result("10", SETTLED)
    last = answered(voice(TERMINATION, 4, used), VOICE, CLOSED, settled, total_cost=40_000_000)
    assert last.cost == (4000, -2, 398)
    running = answered(voice(UPDATE, 3, used), VOICE, CHARGED, settled, total_cost=40_000_000)
    assert running.cost is None
    quiet = replace(VOICE, tells_cost=False)
    assert answered(voice(TERMINATION, 4, used), quiet, CLOSED, settled).cost is None


# --- answers: the services ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"), [(NO_CREDIT, 4012), (DENIED, 4010), (RATING_FAILED, 5031)]
)
def test_refused_service(status: ChargeStatus, code: int) -> None:
    """The command succeeds, the service has its code and nothing else: no GSU, no final unit."""
    ccr = data(UPDATE, 1, mscc(10, octets(5), ANY), mscc(99, octets(5), ANY))
    cca = answered(ccr, DATA, CHARGED, result("10", GRANTED, 5 * MIB), result("99", status))
    assert cca.result_code == 2001 and cca.error_message is None
    assert cca.mscc[0].result_code == 2001 and cca.mscc[0].gsu == octets(5 * MIB)
    assert cca.mscc[1] == MSCCAnswer(99, (), code)
    assert cca.failed_avp == (RG_99_FAILED if status is RATING_FAILED else b"")


def test_granted_time() -> None:
    """6.1 of the worked sequences: 60 s, come back 5 s before the end, valid for 600 s."""
    ccr = voice(INITIAL, 0, mscc(None, None, seconds(60), 1000))
    cca = answered(ccr, VOICE, CHARGED, result("-/1000", GRANTED, 60))
    assert cca.result_code == 2001
    assert cca.mscc == (MSCCAnswer(None, (1000,), 2001, seconds(60), 600, time_threshold=5),)


def test_granted_volume() -> None:
    """6.2 of the worked sequences: 100 MiB, threshold 20 MiB, in the order of the request."""
    ccr = data(INITIAL, 0, mscc(20, None, ANY), mscc(10, None, ANY))
    results = (result("10", GRANTED, 100 * MIB), result("20", GRANTED, 100 * MIB))
    cca = answered(ccr, DATA, CHARGED, *results)
    assert cca.mscc == tuple(
        MSCCAnswer(group, (), 2001, octets(104_857_600), 3600, volume_threshold=20_971_520)
        for group in (20, 10)
    )


def test_final_grant() -> None:
    """TERMINATE and a Validity-Time, no threshold: there is nothing to ask for."""
    talk = answered(
        voice(UPDATE, 3, mscc(1, seconds(55), ANY)), VOICE, CHARGED, result("1", GRANTED, 35, True)
    )
    assert talk.mscc == (MSCCAnswer(1, (), 2001, seconds(35), 600, FinalUnit(0)),)
    volume = answered(
        data(UPDATE, 3, mscc(1, octets(5), ANY)), DATA, CHARGED, result("1", GRANTED, MIB, True)
    )
    assert volume.mscc == (MSCCAnswer(1, (), 2001, octets(MIB), 3600, FinalUnit(0)),)


def test_validity_is_longer_than_a_grant_of_time() -> None:
    """Else it would cut the grant short."""
    ccr = voice(UPDATE, 3, mscc(1, None, seconds(3600)))
    for is_final in (False, True):
        cca = answered(ccr, VOICE, CHARGED, result("1", GRANTED, 3600, is_final))
        assert cca.mscc[0].validity_seconds == 3660


def test_report_only() -> None:
    """2001 and when to come back, no GSU (RFC 8506, 5.6.2: how long a restriction may last)."""
    cca = answered(data(UPDATE, 3, mscc(20, octets(5))), DATA, CHARGED, result("20", SETTLED))
    assert cca.mscc == (MSCCAnswer(20, (), 2001, validity_seconds=3600),)


def test_the_end() -> None:
    """Neither a grant nor a time to come back when the session is over."""
    cca = answered(data(TERMINATION, 4, mscc(10, octets(5))), DATA, CLOSED, result("10", SETTLED))
    assert cca.result_code == 2001
    assert cca.mscc == (MSCCAnswer(10, (), 2001),)


def test_unpriced_usage_at_the_end() -> None:
    """Informative beside a service: the session is closed with success."""
    cca = answered(
        data(TERMINATION, 4, mscc(99, octets(5))), DATA, CLOSED, result("99", RATING_FAILED)
    )
    assert cca.result_code == 2001
    assert cca.mscc == (MSCCAnswer(99, (), 5031),) and cca.failed_avp == RG_99_FAILED


def test_without_services() -> None:
    """No MSCC is volunteered; nor for the session itself when it is refused."""
    assert answered(data(INITIAL, 0), DATA, CHARGED).mscc == ()
    refused = answered(data(INITIAL, 0), DATA, REFUSED, result("-", DENIED))
    assert (refused.result_code, refused.mscc) == (4010, ())


def test_a_service_named_twice_is_answered_once() -> None:
    """Under the name that it has."""
    ccr = data(UPDATE, 1, mscc(10, octets(5), ANY), mscc(10, octets(6)))
    cca = answered(ccr, DATA, CHARGED, result("10", GRANTED, MIB))
    assert [each.rating_group for each in cca.mscc] == [10]


def test_command_level() -> None:
    """Whoever asked without MSCC is answered without."""
    ccr = replace(voice(INITIAL, 0), command_rsu=ANY)
    granted = answered(ccr, VOICE, CHARGED, result("-", GRANTED, 60))
    assert granted.mscc == ()
    assert (granted.command_gsu, granted.command_validity_seconds) == (seconds(60), 600)
    assert granted.command_final_unit is None
    final = answered(ccr, VOICE, CHARGED, result("-", GRANTED, 35, True))
    assert (final.command_gsu, final.command_final_unit) == (seconds(35), FinalUnit(0))
    assert final.command_validity_seconds == 600
    refused = answered(ccr, VOICE, REFUSED, result("-", NO_CREDIT))
    assert (refused.result_code, refused.command_gsu) == (4012, None)
    assert refused.command_validity_seconds is None


def test_a_repeat_is_answered_from_what_was_stored() -> None:
    """Validity and threshold of the first answer, though the configuration has changed since."""
    ccr = data(UPDATE, 3, mscc(10, octets(5), ANY))
    stored = ChargeOutcome(CHARGED, (result("10", GRANTED, 100),), reply="900;50", is_replayed=True)
    cca = answer(ccr, stored, DATA, KZT)
    assert cca.mscc == (MSCCAnswer(10, (), 2001, octets(100), 900, volume_threshold=50),)
