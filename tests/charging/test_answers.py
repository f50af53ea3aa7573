"""What an answer says of each service: every refusal, every kind of grant, every way the money ends."""

from dataclasses import replace
from itertools import product

import pytest

from ocs.charging import answers
from ocs.charging.charges import Terms
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import CCR, MSCC, USU, FinalUnit, Money, MSCCAnswer, Units
from ocs.model import ChargeOutcome, ChargeResult, ChargeStatus, OutcomeStatus
from tests.charging.worked import (
    ANY,
    DATA,
    KZT,
    MIB,
    NONE,
    REDIRECT,
    REDIRECTED,
    RESTRICT,
    SMS,
    VOICE,
    data,
    messages,
    mscc,
    octets,
    seconds,
)

INITIAL, UPDATE, TERMINATION = 1, 2, 3
GRANTED, SETTLED = ChargeStatus.GRANTED, ChargeStatus.SETTLED
NO_CREDIT, DENIED = ChargeStatus.NO_CREDIT, ChargeStatus.DENIED
RATING_FAILED = ChargeStatus.RATING_FAILED
CHARGED, CLOSED, REFUSED = OutcomeStatus.CHARGED, OutcomeStatus.CLOSED, OutcomeStatus.REFUSED


def answered(
    ccr: CCR,
    policy: ServicePolicy,
    *results: ChargeResult,
    status: OutcomeStatus = CHARGED,
    reply: str = "3600;20",
) -> list[MSCCAnswer]:
    """The answers to an outcome."""
    outcome = ChargeOutcome(status, results, reply)
    return list(answers.service_answers(ccr, outcome, policy, KZT))


# --- refusals, and where there is no money ------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "asked", "again", "is_restricted"),
    [
        (INITIAL, mscc(10, None, ANY), False, True),
        (INITIAL, mscc(10), False, True),
        (UPDATE, mscc(10, octets(5), ANY), False, True),
        (UPDATE, mscc(10, octets(0), ANY), False, True),
        (UPDATE, mscc(10, None, ANY), False, False),
        (UPDATE, mscc(10, None, ANY), True, True),
    ],
)
@pytest.mark.parametrize("final_unit", [REDIRECT, RESTRICT])
def test_no_money(
    kind: int, asked: MSCC, again: bool, is_restricted: bool, final_unit: FinalUnit
) -> None:
    """A final unit with Validity-Time and no quota; 4012 for who is restricted by now, or as configured."""
    policy = replace(DATA, final_unit=final_unit, is_restricted_again=again)
    found = answered(data(kind, 1, asked), policy, ChargeResult("10", NO_CREDIT))
    if is_restricted:
        assert found == [MSCCAnswer(10, (), 2001, None, 600, final_unit)]
    else:
        assert found == [MSCCAnswer(10, (), 4012)]
    plain = answered(data(kind, 1, asked), DATA, ChargeResult("10", NO_CREDIT))
    assert plain == [MSCCAnswer(10, (), 4012)]


@pytest.mark.parametrize(("status", "code"), [(DENIED, 4010), (RATING_FAILED, 5031)])
def test_other_refusals_are_never_restrictions(status: ChargeStatus, code: int) -> None:
    """A bar is no lack of money."""
    found = answered(data(INITIAL, 0, mscc(10, None, ANY)), REDIRECTED, ChargeResult("10", status))
    assert found == [MSCCAnswer(10, (), code)]


@pytest.mark.parametrize(
    ("reason", "where", "validity"),
    [
        (None, "usu", 600),
        (0, "usu", 600),
        (3, "usu", 600),
        (4, "mscc", 600),
        (1, "mscc", 3600),
        (2, "mscc", 3600),
        (9, "mscc", 3600),
        (1, "usu", 3600),
        (2, "usu", 3600),
    ],
)
def test_report_without_a_wish(reason: int | None, where: str, validity: int) -> None:
    """How long the restricted state may last; quota that was given back restricts nobody."""
    inner = reason if where == "usu" else None
    outer = reason if where == "mscc" else None
    asked = MSCC(10, (), NONE, (USU(octets(5), inner),), outer)
    found = answered(data(UPDATE, 1, asked), REDIRECTED, ChargeResult("10", SETTLED))
    assert found == [MSCCAnswer(10, (), 2001, validity_seconds=validity)]
    plain = answered(data(UPDATE, 1, asked), DATA, ChargeResult("10", SETTLED))
    assert plain == [MSCCAnswer(10, (), 2001, validity_seconds=3600)]


@pytest.mark.parametrize("status", [CLOSED, REFUSED])
def test_session_that_has_ended(status: OutcomeStatus) -> None:
    """Codes only: neither quota nor a time, nor a final unit beside 4012."""
    for result, code in ((SETTLED, 2001), (NO_CREDIT, 4012), (DENIED, 4010), (RATING_FAILED, 5031)):
        ccr = data(TERMINATION, 9, mscc(10, octets(5)))
        found = answered(ccr, REDIRECTED, ChargeResult("10", result), status=status)
        assert found == [MSCCAnswer(10, (), code)]


def test_final_unit_and_refusal_are_never_together() -> None:
    """Whatever is asked and comes out: some clients loop over 4012 with a final unit, others end all."""
    asked = [mscc(10, *each) for each in ((None, ANY), (octets(5), ANY), (octets(5),), ())]
    policies = [DATA, REDIRECTED, replace(REDIRECTED, is_restricted_again=True)]
    kinds, statuses = (INITIAL, UPDATE, TERMINATION), list(ChargeStatus)
    seen = 0
    for kind, one, policy, status, final in product(kinds, asked, policies, statuses, (0, 1)):
        result = ChargeResult("10", status, 5 if status is GRANTED else 0, bool(final))
        ended = CLOSED if kind == TERMINATION else CHARGED
        (found,) = answered(data(kind, 1, one), policy, result, status=ended)
        assert found.final_unit is None or found.result_code == 2001
        assert found.gsu is None or found.result_code == 2001
        # A client must know when to come back, whatever it was told (RFC 8506, 5.6.2).
        if kind != TERMINATION and found.result_code == 2001:
            assert found.validity_seconds is not None
        seen += found.final_unit is not None
    assert seen > 20


# --- grants -------------------------------------------------------------------------------------------


def test_everything_that_supervises_quota() -> None:
    """Each of it beside quota of its unit: time, volume, events."""
    own = {"holding_seconds": 30, "consumption_seconds": 9, "trigger": (2, 4)}
    ccr = data(UPDATE, 1, mscc(10, None, ANY))

    def granted(policy: ServicePolicy, amount: int) -> MSCCAnswer:
        made = replace(policy, **own)  # type: ignore[arg-type]  # by name
        (found,) = answered(ccr, made, ChargeResult("10", GRANTED, amount), reply="600;20")
        return found

    assert granted(DATA, 100) == MSCCAnswer(
        10, (), 2001, octets(100), 600, volume_threshold=20, holding_seconds=30, trigger=(2, 4)
    )
    assert granted(VOICE, 100) == MSCCAnswer(
        10,
        (),
        2001,
        seconds(100),
        600,
        time_threshold=20,
        holding_seconds=30,
        consumption_seconds=9,
        trigger=(2, 4),
    )
    assert granted(SMS, 100) == MSCCAnswer(
        10, (), 2001, messages(100), 600, unit_threshold=20, trigger=(2, 4)
    )


@pytest.mark.parametrize("policy", [DATA, VOICE, SMS])
@pytest.mark.parametrize("final_unit", [FinalUnit(), REDIRECT, RESTRICT])
def test_final_quota(policy: ServicePolicy, final_unit: FinalUnit) -> None:
    """The configured action, and no threshold: there is nothing to ask for."""
    ccr = data(UPDATE, 1, mscc(10, None, ANY))
    made = replace(policy, final_unit=final_unit)
    (found,) = answered(ccr, made, ChargeResult("10", GRANTED, 100, is_final=True))
    assert found.final_unit == final_unit and found.gsu is not None
    assert found.time_threshold is found.volume_threshold is found.unit_threshold is None


def test_large_threshold_is_cut() -> None:
    """Unsigned32, below the grant."""
    ccr = data(UPDATE, 1, mscc(10, None, ANY))
    (found,) = answered(ccr, DATA, ChargeResult("10", GRANTED, 2**40), reply="3600;90")
    assert found.volume_threshold == 2**32 - 1


def test_quota_on_the_other_side_of_a_change() -> None:
    """One answer for both charges, with the moment of the change beside the quota."""
    ccr = data(UPDATE, 1, mscc(10, octets(5), ANY))
    results = (ChargeResult("10", SETTLED), ChargeResult("10~1790881200", GRANTED, 100))
    (found,) = answered(ccr, DATA, *results, reply="3600;20;1790881200")
    assert found == MSCCAnswer(
        10, (), 2001, octets(100), 3600, volume_threshold=20, tariff_time_change=1_790_881_200
    )


def test_directions() -> None:
    """Both in one grant; one that nobody can pay makes it final, none at all is 4012."""
    ccr = data(UPDATE, 1, mscc(10, octets(5), ANY))
    inward = ChargeResult("10<", GRANTED, 100)
    (found,) = answered(ccr, DATA, inward, ChargeResult("10>", GRANTED, 200))
    both = Units(input_octets=100, output_octets=200)
    assert found == MSCCAnswer(10, (), 2001, both, 3600)
    (found,) = answered(ccr, DATA, inward, ChargeResult("10>", NO_CREDIT))
    assert found.gsu == Units(input_octets=100, output_octets=0)
    assert found.final_unit == FinalUnit()
    none = (ChargeResult("10<", NO_CREDIT), ChargeResult("10>", NO_CREDIT))
    assert answered(ccr, DATA, *none) == [MSCCAnswer(10, (), 4012)]


def test_money() -> None:
    """Whoever asked for money is granted money."""
    ccr = data(UPDATE, 1, mscc(10, None, Units(money=Money(2))))
    (found,) = answered(ccr, DATA, ChargeResult("10$", GRANTED, 1_500_000))
    assert found.gsu == Units(money=Money(150, -2, 398)) and found.volume_threshold is None


def test_rating_group_with_choices_of_its_own() -> None:
    """Its final unit and supervision, beside another group with the service's."""
    own = replace(REDIRECTED, holding_seconds=5)
    policy = replace(DATA, groups=((frozenset({20, 21}), own),))
    ccr = data(UPDATE, 1, mscc(10, None, ANY), mscc(20, None, ANY))
    results = [ChargeResult(key, GRANTED, 100, is_final=True) for key in ("10", "20")]
    plain, special = answered(ccr, policy, *results)
    assert (plain.final_unit, plain.holding_seconds) == (FinalUnit(), None)
    assert (special.final_unit, special.holding_seconds) == (REDIRECT, 5)


# --- what travels with the outcome ----------------------------------------------------------------------


def test_terms_travel() -> None:
    """Once where all say the same, for each where they differ; the configuration may change meanwhile."""
    policy = replace(DATA, groups=((frozenset({20}), replace(DATA, threshold_percent=5)),))
    plain, limited = Terms((), 3600), Terms((), 1200)
    changing = Terms((), 3600, 1_790_881_200)
    one, two = mscc(10), mscc(20)
    assert answers.pack_terms([], [], policy) == "3600;20"
    assert answers.pack_terms([one, one], [plain, plain], policy) == "3600;20"
    assert answers.pack_terms([one, one], [plain, limited], policy) == "3600;20,1200;20"
    packed = answers.pack_terms([one, two], [changing, plain], policy)
    assert packed == "3600;20;1790881200,3600;5"
    assert answers.unpack_terms(packed, 2) == [
        (3600, 20, 1_790_881_200, ""),
        (3600, 5, None, ""),
    ]
    assert answers.unpack_terms("3600;20", 3) == [(3600, 20, None, "")] * 3
    assert answers.unpack_terms("3600;20", 0) == []


def test_filter_travels() -> None:
    """Whatever it is called; beside it a Tariff-Time-Change, or none."""
    odd = Terms((), 3600, filter_id="slow;64 kbit,s")
    changing = Terms((), 3600, 1_790_881_200, filter_id="slow")
    packed = answers.pack_terms([mscc(10), mscc(20)], [odd, changing], DATA)
    assert " " not in packed and packed.count(",") == 1
    assert answers.unpack_terms(packed, 2) == [
        (3600, 20, None, "slow;64 kbit,s"),
        (3600, 20, 1_790_881_200, "slow"),
    ]


@pytest.mark.parametrize(
    ("way", "is_final", "filter_id", "expected"),
    [
        ("p.0.0", False, "slow", None),
        ("b.7.volume.0", False, "slow", None),
        ("slow.7.0", False, "", None),  # nothing names how it would be restricted
        ("slow.7.0", False, "slow", FinalUnit(2, filter_ids=("slow",))),
        ("slow.7.0", True, "slow", FinalUnit()),  # the end is the end
    ],
)
def test_goes_on_restricted(
    way: str, is_final: bool, filter_id: str, expected: FinalUnit | None
) -> None:
    """A grant without charge says by which filter the client restricts it (RFC 8506, 5.6.3)."""
    ccr = data(UPDATE, 1, mscc(10, octets(5), ANY))
    result = ChargeResult("10", GRANTED, 100, is_final=is_final, way=way)
    (found,) = answered(ccr, DATA, result, reply=f"3600;20;;{filter_id}")
    assert found.final_unit == expected and found.gsu == octets(100)


def test_answers_say_what_was_said() -> None:
    """Each service has the terms of its own place."""
    ccr = data(UPDATE, 1, mscc(10, None, ANY), mscc(20, None, ANY))
    results = [ChargeResult(key, GRANTED, 10 * MIB) for key in ("20", "10")]
    first, second = answered(ccr, DATA, *results, reply="900;50,1200;10")
    assert (first.validity_seconds, first.volume_threshold) == (900, 5 * MIB)
    assert (second.validity_seconds, second.volume_threshold) == (1200, MIB)


def test_services_that_the_first_copy_did_not_name() -> None:
    """A repeat that announces something else is answered what the first one was: nothing of a service."""
    ccr = replace(data(INITIAL, 0), multiple_services=0)
    assert answered(ccr, DATA) == []


def test_part_of_a_service_without_a_price() -> None:
    """Nothing has failed where the service goes on: what was used before had no price."""
    asked = [mscc(10, octets(5), ANY), mscc(20, octets(5), ANY)]
    results = (
        ChargeResult("10", RATING_FAILED),
        ChargeResult("10~1790881200", GRANTED, 5),
        ChargeResult("20", SETTLED),
        ChargeResult("20~1790881200", RATING_FAILED),
    )
    outcome = ChargeOutcome(CHARGED, results, "3600;20")
    assert answers.failed_avp(asked[:1], outcome) == b""
    assert answers.failed_avp(asked, outcome) == bytes.fromhex("000001b0 4000000c 00000014")
