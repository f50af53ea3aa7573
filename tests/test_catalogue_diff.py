"""What differs between two catalogues, and what one says in vain: on rules written by hand."""

from dataclasses import dataclass, field, replace

import pytest

from ocs.catalogue_diff import asked_text, changes, covers, failing, findings, may_meet
from ocs.model import MICROS, Leg, Price, Rounding, UnitKind
from ocs.rating.price import MAX_UNITS


@dataclass(frozen=True)
class Asked:
    """Conditions as a tariff has them."""

    destinations: frozenset[str] = frozenset()
    fee: bool | None = None
    direction: str = ""
    facts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule:
    """A price and what it asks for."""

    service: str
    price: Price
    conditions: Asked = field(default_factory=Asked)


@dataclass(frozen=True)
class Product:
    """Prices in order."""

    rules: tuple[Rule, ...]


def price(name: str, tenge: int) -> Price:
    """So many tenge for each unit begun."""
    legs = (Leg(0, MAX_UNITS, 1, tenge * MICROS),)
    return Price(UnitKind.EVENTS, Rounding(), 1, legs, name)


def to(*classes: str) -> Asked:
    """Only to these."""
    return Asked(frozenset(classes))


ON, OFF, BOTH, ANY = to("on"), to("off"), to("on", "off"), Asked()


# --- conditions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wide", "narrow", "is_covered"),
    [
        (ANY, ANY, True),
        (ANY, ON, True),
        (ON, ANY, False),
        (BOTH, ON, True),
        (ON, BOTH, False),
        (ON, OFF, False),
        (Asked(fee=True), Asked(fee=False), False),
        (Asked(fee=True), Asked(to("on").destinations, True), True),
        # All facts must hold: who asks for two of them lets in less.
        (Asked(facts=frozenset("ab")), Asked(facts=frozenset("a")), False),
        (Asked(facts=frozenset("a")), Asked(facts=frozenset("a")), True),
    ],
)
def test_covers(wide: Asked, narrow: Asked, is_covered: bool) -> None:
    """Only what is certain from the values."""
    assert covers(wide, narrow) is is_covered


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        (ANY, ON, True),
        (ON, OFF, False),
        (ON, BOTH, True),
        (Asked(fee=True), Asked(fee=False), False),
        (Asked(direction="a"), Asked(direction="b"), False),
        (Asked(fee=True), ON, True),
        (Asked(facts=frozenset("a")), Asked(facts=frozenset("b")), True),
    ],
)
def test_may_meet(one: Asked, other: Asked, may: bool) -> None:
    """Two that exclude each other never meet, whichever is asked first."""
    assert may_meet(one, other) is may
    assert may_meet(other, one) is may


def test_conditions_are_told_in_one_line() -> None:
    """In the order they are written in, lists sorted."""
    assert asked_text(ANY) == "always"
    assert asked_text(Asked(frozenset({"on", "off"}), True)) == "destinations off, on; fee True"
    assert asked_text(None) == "always"


@dataclass(frozen=True)
class Listed:
    """Conditions as a tariff has them: the defaults ask nothing."""

    destination: str = ""
    is_home: bool | None = None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class WithoutDefaults:
    """Nothing tells what is not asked."""

    destination: str


def _holds(asked: object) -> bool:
    assert isinstance(asked, Listed)
    is_there = asked.destination in ("", "on-net")
    return is_there and asked.is_home in (None, True) and "vip" not in asked.groups


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (Listed(), ()),
        (Listed("on-net", True), ()),
        (Listed("off-net"), ("destination",)),
        (Listed("off-net", True), ("destination",)),
        (Listed("off-net", False, ("vip",)), ("destination", "is_home", "groups")),
    ],
)
def test_the_conditions_that_fail_are_named(asked: Listed, names: tuple[str, ...]) -> None:
    """Of those that were set, only what does not hold."""
    assert failing(asked, _holds) == names


def test_conditions_that_fail_together_are_all_named() -> None:
    """Each holds alone: the pair is what fails."""

    def not_both(asked: object) -> bool:
        assert isinstance(asked, Listed)
        return not (asked.destination and asked.is_home)

    assert failing(Listed("on-net", True), not_both) == ("destination", "is_home")


@pytest.mark.parametrize("other", [None, 3, Listed, WithoutDefaults("on-net")])
def test_what_is_no_list_of_conditions_fails_none(other: object) -> None:
    """Something without defaults cannot be asked piece by piece."""
    assert failing(other, lambda _: False) == ()


# --- findings -----------------------------------------------------------------------------------------


def found(*rules: Rule, classes: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Kind and price of what is found in one tariff."""
    listed = findings({"base": Product(rules)}, ["base"], frozenset(classes))
    return [(each.kind, each.price) for each in listed]


def test_a_price_behind_a_wider_one_is_unreachable() -> None:
    """The same service and direction only; a price for an exception may stand first."""
    general, on = Rule("sms", price("all", 5)), Rule("sms", price("on", 1), ON)
    assert found(general, on) == [("unreachable", "on")]
    assert found(on, general) == []
    assert found(Rule("voice", price("all", 5)), on) == []
    both = Rule("sms", price("both", 5), BOTH)
    assert found(both, on) == [("unreachable", "on")]


def test_prices_that_may_both_hold_overlap() -> None:
    """Neither is the exception of the other: their order alone decides."""
    paid, on = Rule("sms", price("paid", 0), Asked(fee=True)), Rule("sms", price("on", 1), ON)
    assert found(paid, on) == [("overlap", "paid")]
    assert found(on, Rule("sms", price("off", 1), OFF)) == []


def test_classes_without_a_price_are_named() -> None:
    """Not where a price asks for no destination."""
    on = Rule("sms", price("on", 1), ON)
    listed = findings({"base": Product((on,))}, ["base"], frozenset({"on", "off", "abroad"}))
    assert [each.sentence for each in listed] == ["sms has no price for abroad, off"]
    assert found(on, Rule("sms", price("all", 5)), classes=("on", "off")) == []


# --- two catalogues -----------------------------------------------------------------------------------


def test_equal_catalogues_differ_in_nothing() -> None:
    """The name of a price is no price."""
    old = {"base": Product((Rule("sms", price("a", 5), ON), Rule("sms", price("b", 7))))}
    new = {"base": Product((Rule("sms", price("x", 5), ON), Rule("sms", price("b", 7))))}
    assert changes(old, new) == []


def test_a_changed_price_shows_old_and_new_on_samples() -> None:
    """Also when a price before it was put in: they are paired by what they ask for."""
    old = {"base": Product((Rule("sms", price("1", 5)),))}
    new = {"base": Product((Rule("sms", price("1", 1), ON), Rule("sms", price("2", 6))))}
    dearer, added = changes(old, new)
    assert (dearer.kind, dearer.price, dearer.asked) == ("changed", "2", "always")
    assert dearer.samples == (
        (1, 5 * MICROS, 6 * MICROS),
        (10, 50 * MICROS, 60 * MICROS),
        (100, 500 * MICROS, 600 * MICROS),
    )
    assert (added.kind, added.asked) == ("new", "destinations on")
    assert added.samples[0] == (1, None, MICROS)


def test_products_that_come_and_go() -> None:
    """Each of their prices is new, or gone."""
    one, other = Product((Rule("sms", price("a", 5)),)), Product((Rule("sms", price("b", 5)),))
    kinds = [(each.product, each.kind) for each in changes({"a": one}, {"b": other})]
    assert kinds == [("a", "gone"), ("b", "new")]


@pytest.mark.parametrize("changed", [{"limit": 5}, {"needs": MICROS}])
def test_other_terms_are_a_change(changed: dict[str, int]) -> None:
    """What the samples do not show: a limit, what must be there."""
    old = {"base": Product((Rule("sms", price("a", 5)),))}
    other = replace(price("a", 5), **changed)  # type: ignore[arg-type]  # fields by name
    new = {"base": Product((Rule("sms", other),))}
    (change,) = changes(old, new)
    assert change.kind == "terms"


def test_other_conditions_under_the_same_name_are_a_change() -> None:
    """It costs the same, for others."""
    old = {"base": Product((Rule("sms", price("a", 5), ON),))}
    new = {"base": Product((Rule("sms", price("a", 5), BOTH),))}
    (change,) = changes(old, new)
    assert (change.kind, change.asked) == ("terms", "destinations off, on")
