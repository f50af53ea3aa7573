"""What two catalogues charge differently, and what in one of them can never matter or is missing.

Pure. Prices of the two are paired by what they ask for, then by name; what they cost is compared on
sample quantities. Conditions are read as values: a field that has its default asks nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from itertools import islice
from typing import Protocol

from ocs.model import Price, UnitKind
from ocs.rating.price import cost

SAMPLES = {
    UnitKind.SECONDS: (1, 60, 61, 600, 3600),
    UnitKind.OCTETS: (1024, 1024**2, 100 * 1024**2, 1024**3),
    UnitKind.EVENTS: (1, 10, 100),
    UnitKind.MONEY: (),
}
DESTINATIONS = "destinations"
#: Conditions that hold for one of several: the more are listed, the more they let in.
ONE_OF = frozenset(
    {DESTINATIONS, "rating_groups", "message_classes", "service_identifiers", "networks", "zones"}
)


class Rule(Protocol):
    """A price and what it asks for."""

    @property
    def service(self) -> str: ...
    @property
    def price(self) -> Price: ...
    @property
    def conditions(self) -> object: ...


class Ruled(Protocol):
    """A product, or a tariff, with its prices in order."""

    @property
    def rules(self) -> Sequence[Rule]: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One price that is new, gone, or costs something else. A sample is (units, old, new) in micros."""

    product: str
    service: str
    price: str
    asked: str  # its conditions
    kind: str  # "new", "gone", "changed", "terms": other limits or tiers, with the samples the same
    unit: UnitKind
    samples: tuple[tuple[int, int | None, int | None], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something of one catalogue that deserves a second look."""

    product: str
    price: str
    kind: str  # "unreachable", "overlap", "no price"
    sentence: str


def changes(old: Mapping[str, Ruled], new: Mapping[str, Ruled]) -> list[Change]:
    """Every price that differs, by product."""
    found: list[Change] = []
    for product in sorted({*old, *new}):
        before = old[product].rules if product in old else ()
        after = new[product].rules if product in new else ()
        for one, other in _pairs(before, after):
            change = _change(product, one, other)
            found += [] if change is None else [change]
    return found


def _pairs(old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[tuple[Rule | None, Rule | None]]:
    """Those that ask for the same, then those of the same name, then those without a partner."""
    left, pairs = [*old], list[tuple[Rule | None, Rule]]()
    for same in (_asks_the_same, _is_named_the_same):
        for rule in new:
            if any(rule is each for _, each in pairs):
                continue
            partner = next((each for each in left if same(each, rule)), None)
            if partner is not None:
                left = [each for each in left if each is not partner]
                pairs.append((partner, rule))
    paired = [each for _, each in pairs]
    yield from pairs
    yield from ((None, rule) for rule in new if not any(rule is each for each in paired))
    yield from ((rule, None) for rule in left)


def _asks_the_same(one: Rule, other: Rule) -> bool:
    return _are_rivals(one, other) and one.conditions == other.conditions


def _is_named_the_same(one: Rule, other: Rule) -> bool:
    return one.service == other.service and one.price.name == other.price.name


def _change(product: str, old: Rule | None, new: Rule | None) -> Change | None:
    rule = new or old
    if rule is None:
        return None
    samples = tuple(
        (
            units,
            None if old is None else cost(old.price, units),
            None if new is None else cost(new.price, units),
        )
        for units in SAMPLES[rule.price.unit]
    )
    kind = "new" if old is None else "gone"
    if old is not None and new is not None:
        kind = "changed" if any(before != after for _, before, after in samples) else "terms"
        is_same = _nameless(old.price) == _nameless(new.price)
        if is_same and old.conditions == new.conditions:
            return None
    asked = asked_text(rule.conditions)
    return Change(product, rule.service, rule.price.name, asked, kind, rule.price.unit, samples)


def _nameless(price: Price) -> Price:
    tier = None if price.then is None else _nameless(price.then)
    return replace(price, name="", then=tier)


# --- conditions as values ---------------------------------------------------------------------------


def asked(conditions: object) -> dict[str, object]:
    """The conditions that ask something: what is not as its default is, where it has one."""
    if not is_dataclass(conditions) or isinstance(conditions, type):
        return {}
    every = (
        (each.name, getattr(conditions, each.name), _default(each)) for each in fields(conditions)
    )
    return {name: value for name, value, default in every if default not in (MISSING, value)}


def _default(each: Field[object]) -> object:
    return each.default_factory() if each.default_factory is not MISSING else each.default


def asked_text(conditions: object) -> str:
    """The conditions as one line, "always" where there are none."""
    found = []
    for name, value in asked(conditions).items():
        listed = isinstance(value, (frozenset, set, tuple))
        text = ", ".join(sorted(map(str, value))) if listed else str(value)  # type: ignore[call-overload]  # listed
        found.append(f"{name.replace('_', ' ')} {text}")
    return "; ".join(found) or "always"


def failing(conditions: object, holds: Callable[[object], bool]) -> tuple[str, ...]:
    """The conditions, each by itself, that do not hold; `holds` judges values of the same type."""
    given, kind = asked(conditions), type(conditions)
    alone = [name for name, value in given.items() if not holds(kind(**{name: value}))]
    # Some hold alone and not together: then all that ask something are named.
    return tuple(alone or (() if holds(conditions) else given))


def covers(wide: object, narrow: object) -> bool:
    """Whether the first holds wherever the second does, as far as the values tell."""
    given = asked(narrow)
    for name, value in asked(wide).items():
        if name not in given:
            return False
        other = given[name]
        is_wider = (
            name in ONE_OF
            and isinstance(value, frozenset)
            and isinstance(other, frozenset)
            and value >= other
        )
        if value != other and not is_wider:
            return False
    return True


def may_meet(one: object, other: object) -> bool:
    """Whether both may hold at once: nothing that both ask for excludes it."""
    given = asked(other)
    for name, value in asked(one).items():
        against = given.get(name, value)
        if name in ONE_OF and isinstance(value, frozenset) and isinstance(against, frozenset):
            if not value & against:
                return False
        elif isinstance(value, (bool, str)) and value != against:
            return False
    return True


# --- one catalogue ------------------------------------------------------------------------------------


def findings(
    products: Mapping[str, Ruled], tariffs: Iterable[str], classes: frozenset[str]
) -> list[Finding]:
    """Prices that none reaches, prices whose order alone decides, and classes without a price."""
    found: list[Finding] = []
    for product, ruled in products.items():
        for number, rule in enumerate(ruled.rules):
            found.extend(_unreachable(product, ruled.rules[:number], rule))
            found.extend(_overlapping(product, rule, ruled.rules[number + 1 :]))
    for tariff in tariffs:
        found.extend(_without_price(tariff, products[tariff].rules, classes))
    return found


def _unreachable(product: str, earlier: Sequence[Rule], rule: Rule) -> Iterator[Finding]:
    """A price that one before it leaves nothing to."""
    wider = (
        each
        for each in earlier
        if _are_rivals(each, rule) and covers(each.conditions, rule.conditions)
    )
    for each in islice(wider, 1):
        sentence = f"{each.price.name} stands before it and asks for no more: it never applies"
        yield Finding(product, rule.price.name, "unreachable", sentence)


def _overlapping(product: str, rule: Rule, later: Sequence[Rule]) -> Iterator[Finding]:
    """Prices behind one that may hold with it, and neither is the exception of the other."""
    names = [
        each.price.name
        for each in later
        if _are_rivals(rule, each)
        and not covers(rule.conditions, each.conditions)
        and not covers(each.conditions, rule.conditions)
        and may_meet(rule.conditions, each.conditions)
    ]
    if names:
        sentence = f"it stands before, and applies where it holds together with: {'; '.join(names)}"
        yield Finding(product, rule.price.name, "overlap", sentence)


def _are_rivals(one: Rule, other: Rule) -> bool:
    return one.service == other.service and one.price.counts == other.price.counts


def _without_price(
    tariff: str, rules: Sequence[Rule], classes: frozenset[str]
) -> Iterator[Finding]:
    """Classes of numbers that a service with prices by destination has none for."""
    for service in dict.fromkeys(each.service for each in rules):
        listed = [
            asked(each.conditions).get(DESTINATIONS) for each in rules if each.service == service
        ]
        named = [each for each in listed if isinstance(each, frozenset)]
        if len(named) < len(listed):
            continue  # a price that asks for no destination is there for all of them
        missing = sorted(classes - frozenset[str]().union(*named))
        if missing:
            sentence = f"{service} has no price for {', '.join(missing)}"
            yield Finding(tariff, "-", "no price", sentence)
