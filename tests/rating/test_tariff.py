"""Which price applies: conditions, and the moments at which prices change."""

from dataclasses import replace

import pytest

from ocs.model import Leg, Price, RatingAttributes, Rounding, UnitKind, UtcMillis
from ocs.rating.tariff import Occasion, PriceRule, changes_of

PRICE = Price(UnitKind.SECONDS, Rounding(), 1, (Leg(0, 60, 1, 1),), "")
CALL = RatingAttributes("voice", called="77012345678")
OUTGOING = Occasion(CALL, "on-net", True, True, 7, frozenset({1}), UtcMillis(1000))
INCOMING = replace(OUTGOING, attributes=replace(CALL, is_originating=False))
#: A call of which nothing is known.
BARE = Occasion(CALL, "", True, False, None, frozenset(), UtcMillis(1000))
NOW = UtcMillis(1000)


def rule(**conditions: object) -> PriceRule:
    """A price for calls with these conditions."""
    return replace(PriceRule("voice", PRICE), **conditions)  # type: ignore[arg-type]  # any of them


ALL = rule(
    destinations=frozenset({"on-net", "off-net"}),
    rating_groups=frozenset({7, 8}),
    fee=True,
    direction="originating",
    service_identifiers=frozenset({1, 2}),
    networks="home",
    begins=NOW,
    ends=UtcMillis(1001),
)


@pytest.mark.parametrize(
    "failing",
    [
        {"service": "data"},
        {"service": "video"},
        {"destinations": frozenset({"landline"})},
        {"rating_groups": frozenset({10})},
        {"fee": False},
        {"direction": "terminating"},
        {"service_identifiers": frozenset({2})},
        {"message_classes": frozenset({0})},
        {"networks": "visited"},
        {"begins": UtcMillis(1001)},
        {"ends": NOW},
    ],
)
def test_one_condition_that_fails_is_enough(failing: dict[str, object]) -> None:
    """At home an on-net call of rating group 7 and service 1 with the fee paid, made by the subscriber."""
    assert not rule(**failing).matches(OUTGOING)
    assert not replace(ALL, **failing).matches(OUTGOING)  # type: ignore[arg-type]  # any of them


def test_a_condition_is_not_met_by_what_is_not_known() -> None:
    """A number without a class, a request without rating group and service, a message without class."""
    assert not rule(destinations=frozenset({"on-net"})).matches(BARE)
    assert not rule(rating_groups=frozenset({0})).matches(BARE)
    assert not rule(service_identifiers=frozenset({0})).matches(BARE)
    assert not rule(message_classes=frozenset({0})).matches(BARE)


def test_the_price_of_one_service_is_not_that_of_others() -> None:
    """Several services that share a quota are all asked for, so that none slips in at another's price."""
    condition = rule(service_identifiers=frozenset({1, 2}))
    for named, expected in (({1}, True), ({1, 2}, True), ({1, 3}, False), ({3}, False)):
        occasion = replace(OUTGOING, service_identifiers=frozenset(named))
        assert condition.matches(occasion) is expected


@pytest.mark.parametrize("direction", ["originating", "terminating"])
def test_each_direction_is_only_that(direction: str) -> None:
    """A price for one direction does not serve the other."""
    condition = rule(direction=direction)
    assert condition.matches(OUTGOING) is (direction == "originating")
    assert condition.matches(INCOMING) is (direction == "terminating")


@pytest.mark.parametrize("fee_is_paid", [True, False])
def test_the_fee_is_a_condition_only_where_it_is_named(fee_is_paid: bool) -> None:
    """A price for a paid fee, for an unpaid one, and for either."""
    occasion = replace(OUTGOING, fee_is_paid=fee_is_paid)
    for fee, expected in ((True, fee_is_paid), (False, not fee_is_paid), (None, True)):
        assert rule(fee=fee).matches(occasion) is expected


@pytest.mark.parametrize("is_home", [True, False])
def test_networks(is_home: bool) -> None:
    """A price at home, one abroad, and one for both."""
    occasion = replace(OUTGOING, is_home=is_home)
    for networks, expected in (("home", is_home), ("visited", not is_home), ("any", True)):
        assert rule(networks=networks).matches(occasion) is expected


@pytest.mark.parametrize("known", [0, 1, 2, 3])
def test_message_classes(known: int) -> None:
    """Of the four classes those that are named."""
    occasion = replace(OUTGOING, attributes=replace(CALL, message_class=known))
    assert rule(message_classes=frozenset({0, 2})).matches(occasion) is (known in (0, 2))


@pytest.mark.parametrize(
    ("at", "expected"), [(999, False), (1000, True), (1999, True), (2000, False)]
)
def test_a_price_begins_with_its_first_moment_and_ends_before_its_last(
    at: int, expected: bool
) -> None:
    """So that two prices one after the other leave no gap and do not overlap."""
    occasion = replace(OUTGOING, at=UtcMillis(at))
    assert rule(begins=UtcMillis(1000), ends=UtcMillis(2000)).matches(occasion) is expected
    assert rule(begins=UtcMillis(1000)).matches(occasion) is (at >= 1000)
    assert rule(ends=UtcMillis(2000)).matches(occasion) is (at < 2000)


def test_without_conditions_everything_of_the_service_matches() -> None:
    """An empty condition asks nothing, not even for a class."""
    for occasion in (OUTGOING, INCOMING, BARE, replace(BARE, is_home=False, at=UtcMillis(0))):
        assert rule().matches(occasion)


def test_all_conditions_met() -> None:
    """Every condition at once."""
    assert ALL.matches(OUTGOING)


def test_the_moments_of_change() -> None:
    """Of each service its own, each once and in order; none where no price has one."""
    rules = [
        rule(),
        rule(begins=UtcMillis(9), ends=UtcMillis(10)),
        rule(begins=UtcMillis(10)),
        rule(ends=UtcMillis(-5)),
        rule(service="data", begins=UtcMillis(1)),
        rule(service="sms"),
    ]
    assert changes_of(rules) == {"voice": (-5, 9, 10), "data": (1,)}
    assert changes_of([rule()]) == {}
