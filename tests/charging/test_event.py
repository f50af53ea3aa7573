"""The event table: debit, refund, balance check, price enquiry (RFC 8506, 6)."""

from dataclasses import replace

import pytest

from ocs.books import Refund, RefundOutcome, RefundStatus
from ocs.charging import event as iec
from ocs.charging.context import new_context
from ocs.charging.periods import Circumstances
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import CCA, CCR, MSCC, USU, Money, MSCCAnswer, Units
from ocs.model import (
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    OutcomeStatus,
    Refusal,
    RequestType,
    Subscriber,
    SubscriberState,
    UnitKind,
    UtcMillis,
)
from tests.charging.worked import (
    ANY,
    DATA,
    KZT,
    MIB,
    MMS,
    NONE,
    ON_NET,
    SMS,
    SUBSCRIBER,
    VAS,
    catalogue,
    catalogues,
    data,
    event,
    messages,
    mscc,
    octets,
    seconds,
)

ABROAD, NOWHERE = "+14155550100", "+999"
BARRED = replace(SUBSCRIBER, state=SubscriberState.BARRED)
TOKEN = b"7.7." + b"a" * 32


def around(ccr: CCR, policy: ServicePolicy, who: Subscriber = SUBSCRIBER) -> Circumstances:
    """An event of this subscriber."""
    context = new_context(ccr, policy, who, catalogue(), UtcMillis(1))
    return iec.around_of(context, who, catalogues())


def lines(ccr: CCR, policy: ServicePolicy = SMS) -> list[tuple[str, int, int | None]]:
    """Key, units and price in hundredths of each line."""
    found = iec.lines(ccr, around(ccr, policy), policy, catalogue().numbering, {})
    hundredths = [
        None if one is None else one.ways[0].legs[0].price // one.denominator // 10_000
        for one in (each.offer for each in found)
    ]
    return [(each.key, each.units, one) for each, one in zip(found, hundredths, strict=True)]


def planned(ccr: CCR, policy: ServicePolicy = SMS, barred: bool = False) -> ChargePlan:
    """The plan of a debit."""
    who = BARRED if barred else SUBSCRIBER
    return iec.plan(
        ccr,
        around=around(ccr, policy, who),
        policy=policy,
        numbering=catalogue().numbering,
        groups={},
        owner="w0",
        peer="smsc1.example.net",
    )


# --- what an event consists of ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ccr", "expected"),
    [
        (event(0, mscc(None, None, seconds(5))), [("-", 1, None)]),  # not what messages count in
        (replace(event(0), recipients=(NOWHERE,)), [("-", 1, None)]),
        (replace(event(0), recipients=("someone@mail.example",)), [("-", 1, None)]),
        (
            replace(event(0), recipients=(ON_NET, NOWHERE, NOWHERE)),
            [("-", 1, 500), ("-@1", 2, None)],
        ),
        # Five messages to two: nobody knows who has no price, so nothing has.
        (
            replace(event(0), recipients=(ON_NET, NOWHERE), command_rsu=messages(5)),
            [("-", 5, None)],
        ),
    ],
)
def test_lines_without_a_price(ccr: CCR, expected: list[tuple[str, int, int | None]]) -> None:
    """Units of another kind, recipients that nobody has priced."""
    assert lines(ccr) == expected


@pytest.mark.parametrize(
    ("ccr", "expected"),
    [
        (event(0), [("-", 1, 500)]),
        (replace(event(0), command_service_identifier=4), [("-/4", 1, 500)]),
        (event(0, mscc(3, None, messages(2)), mscc(4, None, ANY)), [("3", 2, 500), ("4", 1, 500)]),
        (event(0, mscc(3, messages(2))), [("3", 2, 500)]),  # reported after delivery
        (
            replace(event(0), recipients=(ON_NET, ABROAD, ON_NET), messages=2),
            [("-", 4, 500), ("-@1", 2, 2000)],
        ),
        (
            replace(event(0), recipients=(ON_NET, ABROAD), command_rsu=messages(4)),
            [("-", 2, 500), ("-@1", 2, 2000)],
        ),
        # Not to be divided: all at the dearest.
        (
            replace(event(0), recipients=(ON_NET, ABROAD), command_rsu=messages(3)),
            [("-", 3, 2000)],
        ),
        (replace(event(0), called=ABROAD, recipients=(ON_NET,)), [("-", 1, 2000)]),
        (event(0, mscc(3, None, Units(money=Money(25, -1)))), [("3$", 2_500_000, 0)]),
    ],
)
def test_lines(ccr: CCR, expected: list[tuple[str, int, int | None]]) -> None:
    """One for each service and each price of its recipients."""
    assert lines(ccr) == expected


def test_lines_of_other_services() -> None:
    """Content by its identifier, data by the octet, the server's choice where no amount is named."""
    seven = replace(event(0), command_service_identifier=7, recipients=())
    assert lines(seven, VAS) == [("-/7", 1, 3000)]
    assert lines(event(0, mscc(None, None, ANY)), MMS) == [("-", 1, 700)]
    volume = replace(data(4, 0, mscc(10, None, octets(5))), requested_action=0)
    assert [each[:2] for each in lines(volume, DATA)] == [("10", 5)]
    assert [each[:2] for each in lines(replace(volume, mscc=(mscc(10, None, ANY),)), DATA)] == [
        ("10", 100 * MIB)
    ]


# --- a debit --------------------------------------------------------------------------------------------


def test_plan_that_is_refused() -> None:
    """The ledger refuses it, so that a repeat of an earlier debit is still answered as before."""
    for ccr, refusal in (
        (event(0), Refusal.DENIED),
        (replace(event(0), recipients=(NOWHERE,)), Refusal.DENIED),
    ):
        (one,) = planned(ccr, barred=True).charges
        assert one.refusal is refusal
    (one,) = planned(replace(event(0), recipients=(NOWHERE,))).charges
    assert (one.refusal, one.ways, one.requested) == (Refusal.RATING_FAILED, (), 1)


def test_plan() -> None:
    """Each line whole, as an event of its own; no session, no supervision."""
    ccr = replace(
        event(0, mscc(3, None, messages(2)), number=4), sub_session_id=1, origin_state_id=9
    )
    made = planned(ccr)
    (one,) = made.charges
    assert (one.key, one.used, one.requested, one.refusal) == ("3", None, 2, Refusal.NONE)
    assert (one.unit, one.ways[0].legs[0].price // one.denominator) == (UnitKind.EVENTS, 5_000_000)
    assert (made.type, made.number, made.context) == (RequestType.EVENT, "4:1", b"")
    assert (made.partition, made.account_id, made.version) == (7, "7", 3)
    assert (made.scope, made.state_id, made.actor) == ("host", 9, "smsc1.example.net")
    assert made.is_refused_whole


def answered(ccr: CCR, status: OutcomeStatus, *results: ChargeResult, cost: int = 0) -> CCA:
    """The answer to a debit."""
    outcome = ChargeOutcome(status, results, total_cost=cost)
    return iec.answer(ccr, outcome, SMS, KZT, TOKEN.decode())


@pytest.mark.parametrize(
    ("status", "results", "code"),
    [
        (OutcomeStatus.UNRATED, (), 5031),
        (OutcomeStatus.MISMATCH, (), 5012),
        (OutcomeStatus.EXISTS, (), 5012),
        (OutcomeStatus.FOREIGN, (), 5002),
        (OutcomeStatus.REFUSED, (ChargeStatus.NO_CREDIT,), 4012),
        (OutcomeStatus.REFUSED, (ChargeStatus.DENIED, ChargeStatus.DENIED), 4010),
        # What could be paid is refused along with what has no price: money is not the reason.
        (OutcomeStatus.REFUSED, (ChargeStatus.NO_CREDIT, ChargeStatus.RATING_FAILED), 5031),
        (OutcomeStatus.REFUSED, (ChargeStatus.SETTLED, ChargeStatus.NO_CREDIT), 4012),
    ],
)
def test_refused_debit(status: OutcomeStatus, results: tuple[ChargeStatus, ...], code: int) -> None:
    """The command is refused: no units, no cost, nothing to give back."""
    ccr = event(0, mscc(3, None, messages(1)), mscc(4, None, messages(1)))
    named = [ChargeResult(key, each) for key, each in zip(("3", "4"), results, strict=False)]
    cca = answered(ccr, status, *named)
    assert cca.result_code == code and cca.error_message
    assert (cca.mscc, cca.command_gsu, cca.cost, cca.refund_information) == ((), None, None, b"")
    assert cca.direct_debiting_failure_handling == 0
    assert (cca.failed_avp != b"") == (code == 5031)
    if results == (ChargeStatus.NO_CREDIT, ChargeStatus.RATING_FAILED):
        assert cca.failed_avp == bytes.fromhex("000001b0 4000000c 00000004")


def test_recipient_without_a_price() -> None:
    """5031 with what it is about, though the ledger names the other recipients first."""
    ccr = replace(event(0, mscc(3, None, ANY)), recipients=(ON_NET, NOWHERE))
    results = [
        ChargeResult("3", ChargeStatus.NO_CREDIT),
        ChargeResult("3@1", ChargeStatus.RATING_FAILED),
    ]
    cca = answered(ccr, OutcomeStatus.REFUSED, *results)
    assert cca.result_code == 5031
    assert cca.failed_avp == bytes.fromhex("000001b0 4000000c 00000003")


def test_debited_services() -> None:
    """In MSCC, each with its units and the name under which they are given back."""
    ccr = event(0, mscc(3, None, messages(2), 9), mscc(4, None, messages(1)))
    results = [
        ChargeResult("3/9", ChargeStatus.GRANTED, 2),
        ChargeResult("4", ChargeStatus.GRANTED, 1),
    ]
    cca = answered(ccr, OutcomeStatus.DEBITED, *results, cost=15_000_000)
    assert (cca.result_code, cca.cost, cca.refund_information) == (2001, (1500, -2, 398), b"")
    assert cca.mscc == (
        MSCCAnswer(3, (9,), 2001, messages(2), refund_information=TOKEN),
        MSCCAnswer(4, (), 2001, messages(1), refund_information=TOKEN),
    )
    assert (cca.failure_handling, cca.session_failover) == (None, None)


def test_debited_at_command_level() -> None:
    """The lines of all recipients are one number of messages."""
    ccr = replace(event(0), recipients=(ON_NET, ABROAD))
    results = [
        ChargeResult("-", ChargeStatus.GRANTED, 1),
        ChargeResult("-@1", ChargeStatus.GRANTED, 1),
    ]
    cca = answered(ccr, OutcomeStatus.DEBITED, *results)
    assert (cca.command_gsu, cca.mscc, cca.refund_information) == (messages(2), (), TOKEN)


def test_cost_is_told_where_configured() -> None:
    """Else a debit says its units only."""
    outcome = ChargeOutcome(
        OutcomeStatus.DEBITED, (ChargeResult("-", ChargeStatus.GRANTED, 1),), total_cost=1
    )
    quiet = replace(SMS, tells_cost=False)
    assert iec.answer(event(0), outcome, quiet, KZT, "t").cost is None


# --- refunds --------------------------------------------------------------------------------------------


def back(token: bytes, rating_group: int = 3, rsu: Units | None = NONE) -> MSCC:
    """A service with the Refund-Information that it was debited with."""
    return replace(mscc(rating_group, None, rsu), refund_information=token)


def test_refund_of_no_debit() -> None:
    """5005 with an example of the AVP: an amount alone is not enough."""
    for ccr in (event(1), event(1, mscc(3, None, messages(1)))):
        refused = iec.refund(ccr)
        assert isinstance(refused, CCA) and refused.result_code == 5005
        assert refused.failed_avp == bytes.fromhex("000007e6 c000000c 000028af")


def test_refund_of_two_debits() -> None:
    """5009 that names the second: each refund is one movement."""
    for ccr in (
        event(1, back(TOKEN), back(b"other")),
        replace(event(1, back(TOKEN)), refund_information=b"other"),
    ):
        refused = iec.refund(ccr)
        assert isinstance(refused, CCA) and refused.result_code == 5009
        assert refused.failed_avp.endswith(b"other\0\0\0")


@pytest.mark.parametrize(
    "ccr",
    [
        event(1, back(TOKEN)),
        event(1, back(TOKEN), back(TOKEN, 4)),
        replace(event(1, back(TOKEN)), refund_information=TOKEN),
        replace(event(1), refund_information=TOKEN),
    ],
)
def test_refund(ccr: CCR) -> None:
    """Wherever the client has put the name that we gave."""
    asked = iec.refund(ccr)
    assert isinstance(asked, Refund)
    assert (asked.token, asked.number, asked.session_id) == (TOKEN.decode(), "0", b"smsc1;1;2")
    assert asked.actor == "smsc1.example.net"


def test_refund_information_is_content() -> None:
    """Another refund under the same number contradicts the first one."""
    one, two = iec.refund(event(1, back(TOKEN))), iec.refund(event(1, back(b"other")))
    three = iec.refund(replace(event(1), refund_information=TOKEN))
    assert isinstance(one, Refund) and isinstance(two, Refund) and isinstance(three, Refund)
    assert len({one.content, two.content, three.content}) == 3


@pytest.mark.parametrize(
    ("status", "code"), [(RefundStatus.UNKNOWN, 5004), (RefundStatus.MISMATCH, 5012)]
)
def test_refused_refund(status: RefundStatus, code: int) -> None:
    """Nothing was debited under that name, or the number was used for another refund."""
    cca = iec.refund_answer(event(1, back(TOKEN)), RefundOutcome(status), SMS, KZT)
    assert (cca.result_code, cca.mscc) == (code, ()) and cca.error_message
    assert (TOKEN in cca.failed_avp) == (code == 5004)


@pytest.mark.parametrize("status", [RefundStatus.REFUNDED, RefundStatus.REPEATED])
def test_refunded(status: RefundStatus) -> None:
    """Success either way, with the units, where the client asked for them."""
    outcome = RefundOutcome(status, units=2, amount=10_000_000)
    ccr = event(1, mscc(4), back(TOKEN))
    cca = iec.refund_answer(ccr, outcome, SMS, KZT)
    assert (cca.result_code, cca.mscc) == (2001, (MSCCAnswer(3, (), 2001, messages(2)),))
    plain = replace(event(1), refund_information=TOKEN)
    cca = iec.refund_answer(plain, outcome, SMS, KZT)
    assert (cca.mscc, cca.command_gsu, cca.refund_information) == ((), messages(2), b"")


def test_refunded_money() -> None:
    """Whoever was debited in money gets money back."""
    ccr = event(1, back(TOKEN, rsu=Units(money=Money(1))))
    cca = iec.refund_answer(ccr, RefundOutcome(RefundStatus.REFUNDED, 1_250_000), SMS, KZT)
    assert cca.mscc[0].gsu == Units(money=Money(125, -2, 398))


def test_reported_units_are_debited() -> None:
    """A client that charges after delivery reports in place of asking."""
    (one,) = planned(event(0, MSCC(3, (), NONE, (USU(messages(1)), USU(messages(2)))))).charges
    assert (one.used, one.requested) == (None, 3)
