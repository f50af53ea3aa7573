"""Which price applies: conditions, and the order of prices."""

from dataclasses import replace

import pytest

from ocs.model import Leg, Price, RatingAttributes, Rounding, UnitKind
from ocs.rating.tariff import PriceRule

PRICE = Price(UnitKind.SECONDS, Rounding(), 1, (Leg(0, 60, 1, 1),), "")
CALL = RatingAttributes("voice", called="77012345678")

PAID, UNPAID = True, False


@pytest.mark.parametrize(
    "rule",
    [
        PriceRule("data", PRICE),
        PriceRule("voice", PRICE, destinations=frozenset({"landline"})),
        PriceRule("voice", PRICE, rating_groups=frozenset({10})),
        PriceRule("voice", PRICE, fee=False),
        PriceRule("voice", PRICE, direction="terminating"),
        PriceRule("voice", PRICE, frozenset({"on-net"}), frozenset({7}), True, "terminating"),
        PriceRule("voice", PRICE, frozenset({"on-net"}), frozenset({7}), False, "originating"),
        PriceRule("voice", PRICE, frozenset({"on-net"}), frozenset({8}), True, "originating"),
        PriceRule("voice", PRICE, frozenset({"off-net"}), frozenset({7}), True, "originating"),
        PriceRule("sms", PRICE, frozenset({"on-net"}), frozenset({7}), True, "originating"),
    ],
)
def test_one_condition_that_fails_is_enough(rule: PriceRule) -> None:
    """An on-net call of rating group 7 with the fee paid, made by the subscriber."""
    assert not rule.matches(CALL, "on-net", PAID, 7)


def test_a_condition_is_not_met_by_what_is_not_known() -> None:
    """A number without a class, a request without a rating group."""
    assert not PriceRule("voice", PRICE, frozenset({"on-net"})).matches(CALL, "", PAID, 7)
    assert not PriceRule("voice", PRICE, rating_groups=frozenset({0})).matches(
        CALL, "on-net", PAID, None
    )


@pytest.mark.parametrize("direction", ["originating", "terminating"])
def test_each_direction_is_only_that(direction: str) -> None:
    """A price for one direction does not serve the other."""
    rule = PriceRule("voice", PRICE, direction=direction)
    outgoing, incoming = CALL, replace(CALL, is_originating=False)
    assert rule.matches(outgoing, "on-net", PAID, None) is (direction == "originating")
    assert rule.matches(incoming, "on-net", PAID, None) is (direction == "terminating")


@pytest.mark.parametrize("fee_is_paid", [PAID, UNPAID])
def test_the_fee_is_a_condition_only_where_it_is_named(fee_is_paid: bool) -> None:
    """A price for a paid fee, for an unpaid one, and for either."""
    for fee, expected in ((True, fee_is_paid), (False, not fee_is_paid), (None, True)):
        rule = PriceRule("voice", PRICE, fee=fee)
        assert rule.matches(CALL, "on-net", fee_is_paid, None) is expected


def test_without_conditions_everything_of_the_service_matches() -> None:
    """An empty condition asks nothing, not even for a class."""
    assert PriceRule("voice", PRICE).matches(CALL, "", UNPAID, None)
    assert PriceRule("voice", PRICE).matches(replace(CALL, is_originating=False), "", PAID, 4)


def test_all_conditions_met() -> None:
    """Every condition at once."""
    rule = PriceRule(
        "voice", PRICE, frozenset({"on-net", "off-net"}), frozenset({7, 8}), True, "originating"
    )
    assert rule.matches(CALL, "off-net", PAID, 8)
