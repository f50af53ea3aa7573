"""The flat arguments of a plan, and replies as outcomes."""

from dataclasses import replace

import pytest

from ocs.abmf.calls import (
    PACKED_AT_MOST,
    packed_price,
    plan_arguments,
    read_expired,
    read_outcome,
    read_refund,
)
from ocs.abmf.ledger import ExpireOutcome
from ocs.books import RefundOutcome, RefundStatus
from ocs.model import (
    ChargeOutcome,
    ChargeResult,
    ChargeStatus,
    Draw,
    InvariantBroken,
    Leg,
    OutcomeStatus,
    Source,
    UnitKind,
    UtcMillis,
    Way,
)
from tests.support.plans import CALL, call, plan, subscriber


@pytest.mark.parametrize(("used", "requested"), [(2**53, None), (None, 2**53), (2**64 - 1, 1)])
def test_a_number_that_a_double_cannot_hold_is_our_mistake(
    used: int | None, requested: int | None
) -> None:
    """It is found before it reaches the store."""
    with pytest.raises(InvariantBroken):
        plan_arguments(plan(subscriber(), "U", 1, call(used, requested)), 0)


def test_a_balance_that_the_plan_does_not_name_is_our_mistake() -> None:
    """The store would not know how far it may go down."""
    made = plan(subscriber(), "U", 1, call(1, None))
    with pytest.raises(InvariantBroken):
        plan_arguments(replace(made, sources=()), 0)


def test_a_plan_is_flat_and_counted() -> None:
    """Fifteen values of the command, who asks among them, the balances, then each charge: five values of
    its own, and how it is paid: seven values, a note, how long its end is watched, the ways, their legs
    and draws behind their counts. What recurs is packed."""
    legs = (Leg(0, 60, 1, 5, 7), Leg(60, 120, 6, 8))
    bucket = Way(
        "b.7", (Leg(0, 60, 60, 0),), ("main", "7.kzt"), (Draw("7.min", 60, 1, 2),),
        UtcMillis(4), UtcMillis(5), needs=6, floor=8, stops=False, is_apart=True,
    )  # fmt: skip
    first = replace(
        call(9, None, "10", legs, UnitKind.SECONDS),
        ways=(bucket, Way("p.1", legs)), limit=70, least=1, most=2, used_at=UtcMillis(3), note="n|x",
    )  # fmt: skip
    second = replace(call(None, 2**53 - 1, "20"), ways=())
    made = plan(
        subscriber(3), "U", 4, first, second, content="c", scope="realm", state_id=12, final=(30, 0)
    )
    sources = (Source("main", -5), Source("7.min", 0, (10, 3)), Source("7.kzt"))
    made = replace(made, at=UtcMillis(99), sources=sources)
    head: list[str | int] = ["seconds", "half_up", 10_000, 3, 70, 1, 2, "n|x", 30_000, 2]
    first_way: list[str | int] = [
        "b.7",
        "main 7.kzt",
        4,
        5,
        6,
        8,
        2,
        1,
        1,
        0,
        60,
        60,
        0,
        0,
        "7.min",
        60,
        1,
        2,
    ]
    second_way: list[str | int] = [
        "p.1",
        "main",
        0,
        0,
        0,
        0,
        1,
        2,
        0,
        0,
        60,
        1,
        5,
        7,
        60,
        120,
        6,
        8,
        0,
    ]
    assert plan_arguments(made, 77) == [
        77, "U", "4", "c", 1, b"", "600;20", 1, 1_200_000, b"client;1", "3",
        packed("client.example", "example", "", "w0", "realm"), 12, 99, "3",
        packed("main", -5, "", "7.min", 0, "10,3", "7.kzt", 0, ""),
        "10", 9, -1, "", 3, packed(*head, *first_way, *second_way),
        "20", -1, 2**53 - 1, "", 0, packed("events", "half_up", 10_000, 3, 0, 0, 0, "", 0, 0),
    ]  # fmt: skip


def packed(*values: str | int) -> bytes:
    """Values as lines."""
    return "".join(f"{each}\n" for each in values).encode()


def test_a_price_is_packed_once() -> None:
    """The same ways with the same conditions give the same object; with others they do not."""
    one = call(9, None)
    assert packed_price(one, 0) is packed_price(replace(one, used=10, key="11"), 0)
    assert packed_price(one, 0).packed != packed_price(replace(one, limit=7), 0).packed
    other = replace(one, ways=(Way("p", (Leg(0, 9, 1, 1),)),))
    assert packed_price(one, 0).packed != packed_price(other, 0).packed


def test_packed_prices_are_bounded() -> None:
    """More prices than are remembered; each of them is packed as it is."""
    many = [replace(call(1, 1), ways=(Way(f"p.{n}", CALL),)) for n in range(PACKED_AT_MOST + 5)]
    assert all(f"p.{n}\n".encode() in packed_price(each, 0).packed for n, each in enumerate(many))


def test_a_value_of_two_lines_is_our_mistake() -> None:
    """It would be read as two values."""
    with pytest.raises(InvariantBroken):
        packed_price(replace(call(1, 1), ways=(Way("a\nb", CALL),)), 0)


def test_what_is_watched_of_each_charge() -> None:
    """Nothing, where the plan does not say; a plan that says it for others than its charges is our
    mistake."""
    charge = call(1, 2, legs=())
    made = plan(subscriber(), "U", 4, charge)
    assert plan_arguments(made, 0)[-1] == packed_price(charge, 0).packed
    watched = plan_arguments(replace(made, final_seconds=(7,)), 0)
    assert watched[-1] == packed_price(charge, 7).packed != packed_price(charge, 0).packed
    with pytest.raises(ValueError, match="longer"):
        plan_arguments(replace(made, final_seconds=(7, 8)), 0)


def test_a_plan_without_charges() -> None:
    """A request that reports and asks for nothing ends with its balances."""
    assert plan_arguments(plan(subscriber(), "U", 4), 0)[-1] == packed("main", 0, "")


@pytest.mark.parametrize("status", ["foreign", "mismatch", "exists", "unrated"])
def test_a_bare_status(status: str) -> None:
    """It says all there is."""
    assert read_outcome([status.encode()]) == ChargeOutcome(OutcomeStatus(status))


def test_a_repeat_moved_nothing() -> None:
    """The stored answer, whatever word stands in front of it."""
    stored = b"c|debited|600;20|1500|42|10 granted 3 0 b.7;20 settled 0 0 -;30 granted 1 0 -"
    results = (
        ChargeResult("10", ChargeStatus.GRANTED, 3, way="b.7"),
        ChargeResult("20", ChargeStatus.SETTLED),
        ChargeResult("30", ChargeStatus.GRANTED, 1),  # as an earlier release stored it
    )
    assert read_outcome([b"charged", stored, 1]) == ChargeOutcome(
        OutcomeStatus.DEBITED, results, "600;20", is_replayed=True, total_cost=1500, available=42
    )


def test_stray_usage_is_no_repeat() -> None:
    """It moved nothing either, and was never answered before."""
    found = read_outcome([b"unknown", b"c|unknown||0|0|10 settled 0 0 -", 0])
    assert (found.status, found.is_replayed) == (OutcomeStatus.UNKNOWN, False)


def test_what_a_call_moved() -> None:
    """Each amount in its place; names of sessions as the clients wrote them."""
    reply = [
        b"charged",
        b"c|charged|r|9|4|1 granted 5 1 -",
        0,
        1,
        -2,
        3,
        4,
        1,
        6,
        [b"a;1", b"\xff"],
    ]
    assert read_outcome(reply) == ChargeOutcome(
        OutcomeStatus.CHARGED,
        (ChargeResult("1", ChargeStatus.GRANTED, 5, is_final=True),),
        "r",
        was_open=True,
        spent=1,
        reserved=-2,
        written_off=3,
        total_cost=9,
        available=4,
        clamped=6,
        waiting=(b"a;1", b"\xff"),
    )


def test_a_reply_that_is_none_of_ours() -> None:
    """Our mistake, and no answer."""
    with pytest.raises(InvariantBroken):
        read_expired([b"expired", 5, b"no list"])


def test_a_close() -> None:
    """Only an expired session is closed; a marked one is told apart from one that is left alone."""
    assert read_expired([b"expired", 5, [b"a"]]) == ExpireOutcome(True, (b"a",), 5)
    for word in (b"gone", b"early"):
        assert read_expired([word]) == ExpireOutcome(False)
    assert read_expired([b"marked"]) == ExpireOutcome(False, is_marked=True)


def test_a_refund() -> None:
    """Units come as text, since their sum may be large."""
    assert read_refund([b"unknown"]) == RefundOutcome(RefundStatus.UNKNOWN)
    found = read_refund([b"repeated", b"9007199254740993", 0, 1])
    assert found == RefundOutcome(RefundStatus.REPEATED, 2**53 + 1, 0, is_replayed=True)
