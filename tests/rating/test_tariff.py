"""Which price applies: conditions, and the moments at which they may change."""

from dataclasses import replace

import pytest

from ocs.model import RatingAttributes, UtcMillis
from ocs.rating.calendars import Hours, local_time
from ocs.rating.tariff import Conditions, Occasion

CALL = RatingAttributes(
    "voice", called="77012345678", apn="internet", rat_type=6, facts=frozenset({"fee", "favourite"})
)
#: Thursday, 1 January 1970, one second after midnight.
NOW = UtcMillis(1000)
OUTGOING = Occasion(
    CALL, "on-net", "home", "", True, 7, frozenset({1}), NOW, local_time(NOW, "UTC"), "thu",
    traits=(("home zone", "4"), ("segment", "staff")),
)  # fmt: skip
INCOMING = replace(OUTGOING, attributes=replace(CALL, is_originating=False))
#: A call of which nothing is known.
BARE = Occasion(
    RatingAttributes("voice"), "", "home", "", False, None, frozenset(), NOW,
    local_time(NOW, "UTC"), "thu",
)  # fmt: skip


def on(**conditions: object) -> Conditions:
    """These conditions."""
    return replace(Conditions(), **conditions)  # type: ignore[arg-type]  # any of them


def moment(at: int, zone: str = "UTC") -> Occasion:
    """The call at another moment."""
    return replace(OUTGOING, at=UtcMillis(at), local=local_time(UtcMillis(at), zone))


ALL = on(
    destinations=frozenset({"on-net", "off-net"}),
    rating_groups=frozenset({7, 8}),
    fee=True,
    direction="originating",
    service_identifiers=frozenset({1, 2}),
    networks="home",
    apns=frozenset({"internet"}),
    rat_types=frozenset({6, 1}),
    when=frozenset({"favourite", "group:1"}),
    unless=frozenset({"roaming"}),
    traits=(("segment", frozenset({"staff", "family"})), ("home zone", frozenset({"4"}))),
    hours=(Hours(0, 1),),
    days=frozenset({"thu"}),
    begins=NOW,
    ends=UtcMillis(1001),
)


@pytest.mark.parametrize(
    "failing",
    [
        {"destinations": frozenset({"landline"})},
        {"rating_groups": frozenset({10})},
        {"fee": False},
        {"direction": "terminating"},
        {"service_identifiers": frozenset({2})},
        {"message_classes": frozenset({0})},
        {"networks": "visited"},
        {"networks": "national"},
        {"networks": "international"},
        {"zones": frozenset({"neighbours"})},
        {"apns": frozenset({"corporate"})},
        {"rat_types": frozenset({1})},
        {"when": frozenset({"group:1"})},
        {"unless": frozenset({"favourite"})},
        {"traits": (("segment", frozenset({"family"})),)},
        {"traits": (("segment", frozenset({"staff"})), ("age", frozenset({"7"})))},
        {"hours": (Hours(1, 1440), Hours(600, 660))},
        {"days": frozenset({"fri", "holiday"})},
        {"begins": UtcMillis(1001)},
        {"ends": NOW},
    ],
)
def test_one_condition_that_fails_is_enough(failing: dict[str, object]) -> None:
    """At home an on-net call of rating group 7 and service 1 with the fee paid, made by the subscriber."""
    assert not on(**failing).holds(OUTGOING)
    assert not replace(ALL, **failing).holds(OUTGOING)  # type: ignore[arg-type]  # any of them


@pytest.mark.parametrize(
    "asked",
    [
        {"destinations": frozenset({"on-net"})},
        {"rating_groups": frozenset({0})},
        {"service_identifiers": frozenset({0})},
        {"message_classes": frozenset({0})},
        {"zones": frozenset({"neighbours"})},
        {"apns": frozenset({"internet"})},
        {"rat_types": frozenset({0})},
        {"when": frozenset({"fee"})},
        {"traits": (("segment", frozenset({""})),)},
    ],
)
def test_a_condition_is_not_met_by_what_is_not_known(asked: dict[str, object]) -> None:
    """A number without a class, a request without rating group and service, a message without class."""
    assert not on(**asked).holds(BARE)


def test_the_price_of_one_service_is_not_that_of_others() -> None:
    """Several services that share a quota are all asked for, so that none slips in at another's price."""
    condition = on(service_identifiers=frozenset({1, 2}))
    for named, expected in (({1}, True), ({1, 2}, True), ({1, 3}, False), ({3}, False)):
        occasion = replace(OUTGOING, service_identifiers=frozenset(named))
        assert condition.holds(occasion) is expected


@pytest.mark.parametrize("direction", ["originating", "terminating"])
def test_each_direction_is_only_that(direction: str) -> None:
    """A price for one direction does not serve the other."""
    condition = on(direction=direction)
    assert condition.holds(OUTGOING) is (direction == "originating")
    assert condition.holds(INCOMING) is (direction == "terminating")


@pytest.mark.parametrize("fee_is_paid", [True, False])
def test_the_fee_is_a_condition_only_where_it_is_named(fee_is_paid: bool) -> None:
    """A price for a paid fee, for an unpaid one, and for either."""
    occasion = replace(OUTGOING, fee_is_paid=fee_is_paid)
    for fee, expected in ((True, fee_is_paid), (False, not fee_is_paid), (None, True)):
        assert on(fee=fee).holds(occasion) is expected


@pytest.mark.parametrize(
    ("network", "held"),
    [
        ("home", {"home", "any"}),
        ("national", {"visited", "national", "any"}),
        ("international", {"visited", "international", "any"}),
    ],
)
def test_networks(network: str, held: set[str]) -> None:
    """At home, in another network of the country, abroad; "visited" is either of the last two."""
    occasion = replace(OUTGOING, network=network)
    words = ("home", "visited", "national", "international", "any")
    assert {each for each in words if on(networks=each).holds(occasion)} == held
    assert occasion.is_home is (network == "home")


@pytest.mark.parametrize("known", [0, 1, 2, 3])
def test_message_classes(known: int) -> None:
    """Of the four classes those that are named."""
    occasion = replace(OUTGOING, attributes=replace(CALL, message_class=known))
    assert on(message_classes=frozenset({0, 2})).holds(occasion) is (known in (0, 2))


def test_of_facts_one_suffices_and_none_may_be_excluded() -> None:
    """`when` asks for any of its facts, `unless` forbids each of its own."""
    assert on(when=frozenset({"favourite", "group:1"})).holds(OUTGOING)
    assert on(unless=frozenset({"roaming", "collect"})).holds(OUTGOING)
    assert not on(when=frozenset({"fee"}), unless=frozenset({"x", "favourite"})).holds(OUTGOING)


def test_every_attribute_of_the_subscriber_that_is_named_must_fit() -> None:
    """Each with one of its values; others of the subscriber are not looked at."""
    both = (("home zone", frozenset({"4"})), ("segment", frozenset({"staff"})))
    assert on(traits=both).holds(OUTGOING)
    assert not on(traits=both).holds(replace(OUTGOING, traits=(("segment", "staff"),)))


@pytest.mark.parametrize(
    ("at", "expected"), [(999, False), (1000, True), (1999, True), (2000, False)]
)
def test_a_price_begins_with_its_first_moment_and_ends_before_its_last(
    at: int, expected: bool
) -> None:
    """So that two prices one after the other leave no gap and do not overlap."""
    occasion = moment(at)
    assert on(begins=UtcMillis(1000), ends=UtcMillis(2000)).holds(occasion) is expected
    assert on(begins=UtcMillis(1000)).holds(occasion) is (at >= 1000)
    assert on(ends=UtcMillis(2000)).holds(occasion) is (at < 2000)


def test_without_conditions_everything_of_the_service_matches() -> None:
    """An empty condition asks nothing, not even for a class."""
    abroad = replace(BARE, network="international", at=UtcMillis(0))
    for occasion in (OUTGOING, INCOMING, BARE, abroad):
        assert Conditions().holds(occasion)


def test_all_conditions_met() -> None:
    """Every condition at once."""
    assert ALL.holds(OUTGOING)


@pytest.mark.parametrize(
    ("conditions", "at", "expected"),
    [
        ({}, 0, None),
        ({"destinations": frozenset({"on-net"})}, 0, None),
        ({"begins": UtcMillis(9), "ends": UtcMillis(12)}, 8, 9),
        ({"begins": UtcMillis(9), "ends": UtcMillis(12)}, 9, 12),  # the moment itself is past
        ({"begins": UtcMillis(9), "ends": UtcMillis(12)}, 12, None),
        # Hours end at 07:00 UTC, on the same day; days change at midnight.
        ({"hours": (Hours(1380, 420),)}, 0, 7 * 3_600_000),
        ({"days": frozenset({"sat"})}, 1, 24 * 3_600_000),
        ({"days": frozenset({"sat"}), "hours": (Hours(600, 660),)}, 40_000_000, 24 * 3_600_000),
        ({"days": frozenset({"sat"}), "begins": UtcMillis(5)}, 1, 5),
    ],
)
def test_the_next_moment_of_change(
    conditions: dict[str, object], at: int, expected: int | None
) -> None:
    """The first that comes of begin, end, hours and midnight; none where time is no condition."""
    occasion = moment(at)
    assert on(**conditions).next_change(occasion.at, occasion.local) == expected
