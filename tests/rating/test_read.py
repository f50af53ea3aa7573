"""Tariff files: what is refused, with key and expectation, and what prices become."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from ocs.model import Leg, Rounding, RoundingMode, UnitKind
from ocs.rating.calendars import Hours
from ocs.rating.price import MAX_UNITS, exact_cost
from ocs.rating.product import ProductRule
from ocs.rating.read import PriceReader
from ocs.rating.read_price import EXACT_BELOW
from ocs.rating.read_product import read_product
from ocs.rating.read_value import Problem, is_table
from ocs.rating.tariff import Conditions

CLASSES = frozenset({"on-net", "off-net"})
CALL: dict[str, object] = {"service": "voice", "price": "6.00", "per": "1 min", "step": "1 s"}
DATA: dict[str, object] = {"service": "data", "price": "1.00", "per": "1 MB"}
MMS: dict[str, object] = {"service": "mms", "price": "7.00", "per": "1 message"}
HOME = frozenset({"40102"})
JULY, AUGUST = datetime(2016, 7, 1, tzinfo=UTC), datetime(2016, 8, 1, tzinfo=UTC)
UNTIL_2_MIN: dict[str, object] = {"until": "2 min", "price": "6.00"}
FREE: dict[str, object] = {"price": "0"}


def read(
    given: dict[str, object],
    classes: frozenset[str] | None = CLASSES,
    decimals: int = 2,
    home_networks: frozenset[str] | None = HOME,
) -> tuple[ProductRule | None, list[Problem]]:
    """A tariff read from the tables of its file, and what is wrong with it."""
    problems: list[Problem] = []
    zones = frozenset({"cis"})
    reader = PriceReader("x.toml", decimals, classes, problems, home_networks, zones=zones)
    return read_product("x.toml", given, reader), problems


def read_price(price: object) -> tuple[ProductRule | None, list[tuple[str, str]]]:
    """A tariff of one price: keys within it and what was expected."""
    tariff, problems = read({"id": "x", "prices": [price]})
    assert all(each.file == "x.toml" for each in problems)
    return tariff, [(each.key.removeprefix("prices[1]."), each.expected) for each in problems]


def without(given: dict[str, object], key: str) -> dict[str, object]:
    """The table less one key."""
    return {name: value for name, value in given.items() if name != key}


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({}, ["id", "prices"]),
        ({"prices": [CALL]}, ["id"]),
        ({"id": "", "prices": [CALL]}, ["id"]),
        ({"id": 7, "prices": [CALL]}, ["id"]),
        ({"id": "two words", "prices": [CALL]}, ["id"]),
        ({"id": "x\n", "prices": [CALL]}, ["id"]),
        ({"id": "x", "name": 7, "prices": [CALL]}, ["name"]),
        ({"id": "x", "name": "", "prices": [CALL]}, ["name"]),
        ({"id": "x", "prices": []}, ["prices"]),
        ({"id": "x", "prices": CALL}, ["prices"]),
        ({"id": "x", "prices": ["6.00"]}, ["prices[1]"]),
        ({"id": "x", "prices": [CALL], "price": "1", "Fee": 1}, ["Fee", "price"]),
        ({"id": "x", "prices": [CALL, {**CALL, "fee": 1}, DATA, {}]},
         ["prices[2].fee", "prices[4].service"]),
    ],
)  # fmt: skip
def test_mistakes_in_a_tariff(given: dict[str, object], keys: list[str]) -> None:
    """Each mistake is named once, a price by its place in the file; no tariff comes of it."""
    tariff, problems = read(given)
    assert tariff is None
    assert [each.key for each in problems] == keys


@pytest.mark.parametrize(
    ("price", "key", "expected"),
    [
        ({**CALL, "prise": "1"}, "prise", "no such key; known are service, price, per"),
        ({**CALL, "service": "radio"}, "service", "one of voice, video, data, sms, mms, vas"),
        ({**CALL, "service": ["voice"]}, "service", "one of voice"),
        (without(CALL, "service"), "service", "one of voice"),
        (without(CALL, "price"), "price", "an amount in quotes"),
        ({**CALL, "price": 6}, "price", "an amount in quotes"),
        ({**CALL, "price": 6.5}, "price", "an amount in quotes"),
        ({**CALL, "price": "-6.00"}, "price", "an amount in quotes"),
        ({**CALL, "price": "6,00"}, "price", "an amount in quotes"),
        ({**CALL, "price": "6."}, "price", "an amount in quotes"),
        ({**CALL, "price": ".50"}, "price", "an amount in quotes"),
        ({**CALL, "price": ""}, "price", "an amount in quotes"),
        ({**CALL, "price": "1_000"}, "price", "an amount in quotes"),
        ({**CALL, "price": "1e3"}, "price", "an amount in quotes"),
        ({**CALL, "price": "٦"}, "price", "an amount in quotes"),
        ({**CALL, "price": "6.1234567"}, "price", "at most 6 decimals"),
        ({**CALL, "price": "1000000000"}, "price", "below 10^9"),
        ({**CALL, "price": "9" * 5000}, "price", "below 10^9"),
        (without(CALL, "per"), "per", 'a quantity like "1 s" (s, min, h)'),
        ({**CALL, "per": "min"}, "per", 'a quantity like "1 s"'),
        ({**CALL, "per": "1min"}, "per", 'a quantity like "1 s"'),
        ({**CALL, "per": "0 min"}, "per", 'a quantity like "1 s"'),
        ({**CALL, "per": "-1 min"}, "per", 'a quantity like "1 s"'),
        ({**CALL, "per": "1.5 min"}, "per", 'a quantity like "1 s"'),
        ({**CALL, "per": "1 MB"}, "per", 'a quantity like "1 s"'),
        ({**CALL, "per": 60}, "per", 'a quantity like "1 s"'),
        ({**CALL, "per": "9" * 5000 + " s"}, "per", 'a quantity like "1 s"'),
        ({**DATA, "per": "1 min"}, "per", 'a quantity like "1 B" (B, KB, MB, GB)'),
        ({**DATA, "per": "1 Mb"}, "per", 'a quantity like "1 B"'),
        ({**DATA, "service": "sms", "per": "1 s"}, "per", 'a quantity like "1 event"'),
        ({**CALL, "step": "1"}, "step", 'a quantity like "1 s"'),
        ({**CALL, "maximum": "30"}, "maximum", 'a quantity like "1 s"'),
        ({**CALL, "maximum": "312749997485 h"}, "maximum", 'a quantity like "1 s"'),
        ({**CALL, "setup": 1}, "setup", "an amount in quotes"),
        ({**CALL, "rounding": "down"}, "rounding", '"half_up" or "up"'),
        ({**CALL, "rounding": []}, "rounding", '"half_up" or "up"'),
        ({**CALL, "quantum": "0.00"}, "quantum", "an amount above 0"),
        ({**CALL, "quantum": 1}, "quantum", "an amount in quotes"),
        ({**CALL, "destinations": "on-net"}, "destinations", "a list of names"),
        ({**CALL, "destinations": [1]}, "destinations", "a list of names"),
        ({**CALL, "destinations": ["on-net", "onnet"]}, "destinations",
         "a class of numbers (off-net, on-net), not 'onnet'"),
        ({**CALL, "rating_groups": 10}, "rating_groups", "a list of whole numbers"),
        ({**CALL, "rating_groups": ["10"]}, "rating_groups", "a list of whole numbers"),
        ({**CALL, "rating_groups": [True]}, "rating_groups", "a list of whole numbers"),
        ({**CALL, "rating_groups": [-1]}, "rating_groups", "from 0 to 4294967295"),
        ({**CALL, "rating_groups": [2**32]}, "rating_groups", "from 0 to 4294967295"),
        ({**CALL, "service_identifiers": 1}, "service_identifiers", "a list of whole numbers"),
        ({**CALL, "service_identifiers": [True]}, "service_identifiers", "a list of whole numbers"),
        ({**CALL, "service_identifiers": [2**32]}, "service_identifiers", "from 0 to 4294967295"),
        ({**MMS, "message_classes": "auto"}, "message_classes", "a list of names in quotes"),
        ({**MMS, "message_classes": ["Auto"]}, "message_classes",
         "(personal, advertisement, informational, auto)"),
        ({**MMS, "message_classes": [3]}, "message_classes", "a list of names in quotes"),
        ({**MMS, "message_classes": [["auto"]]}, "message_classes", "a list of names in quotes"),
        ({**CALL, "message_classes": ["auto"]}, "message_classes", 'only with service = "mms"'),
        ({**MMS, "service": "sms", "message_classes": []}, "message_classes",
         'only with service = "mms"'),
        ({**CALL, "networks": "abroad"}, "networks",
         '"home", "visited", "national", "international" or "any"'),
        ({**CALL, "networks": ["home"]}, "networks",
         '"home", "visited", "national", "international" or "any"'),
        ({**CALL, "networks": ""}, "networks",
         '"home", "visited", "national", "international" or "any"'),
        ({**CALL, "networks": "visited", "zones": ["far"]}, "zones",
         "a zone of networks.csv, not 'far'"),
        ({**CALL, "zones": "cis"}, "zones", "a list of names in quotes"),
        ({**CALL, "apns": [1]}, "apns", "a list of names in quotes"),
        ({**CALL, "apns": [""]}, "apns", "a list of names in quotes"),
        ({**CALL, "rat_types": ["6"]}, "rat_types", "a list of whole numbers"),
        ({**CALL, "when": "favourite"}, "when", "a list of names in quotes"),
        ({**CALL, "unless": [["roaming"]]}, "unless", "a list of names in quotes"),
        ({**CALL, "attributes": ["segment"]}, "attributes", 'a table: { segment = ["staff"] }'),
        ({**CALL, "attributes": {"segment": "staff"}}, "attributes.segment",
         "a list of names in quotes"),
        ({**CALL, "hours": "20:00-23:00"}, "hours", "a list of hours in quotes"),
        ({**CALL, "hours": ["20-23"]}, "hours", "a list of hours in quotes"),
        ({**CALL, "hours": ["²0:00-23:00"]}, "hours", "a list of hours in quotes"),
        ({**CALL, "days": "weekend"}, "days", "a list of days in quotes (mon, tue"),
        ({**CALL, "days": ["saturday"]}, "days", "a list of days in quotes"),
        ({**CALL, "days": [["sat"]]}, "days", "a list of days in quotes"),
        ({**CALL, "from": "2016-07-01T00:00:00+06:00"}, "from", "a moment with its zone, not in"),
        ({**CALL, "from": datetime(2016, 7, 1)}, "from", "a moment with its zone"),  # noqa: DTZ001  the zone is missing on purpose
        ({**CALL, "from": date(2016, 7, 1)}, "from", "a moment with its zone"),
        ({**CALL, "to": time(9, 0)}, "to", "a moment with its zone"),
        ({**CALL, "to": 1467309600000}, "to", "a moment with its zone"),
        ({**CALL, "from": AUGUST, "to": JULY}, "to", "a moment behind from"),
        ({**CALL, "from": JULY, "to": JULY}, "to", "a moment behind from"),
        ({**DATA, "counts": "uplink"}, "counts", '"total", "input" or "output"'),
        ({**DATA, "counts": ["input"]}, "counts", '"total", "input" or "output"'),
        ({**CALL, "counts": "input"}, "counts", 'only with service = "data"'),
        ({**CALL, "counts": "total"}, "counts", 'only with service = "data"'),
        ({**DATA, "counts": "input"}, "counts",
         'a price with the same conditions that counts "output", be it "0"'),
        ({**DATA, "counts": "output"}, "counts", 'counts "input"'),
        ({**CALL, "fee": True}, "fee", '"paid" or "unpaid"'),
        ({**CALL, "fee": []}, "fee", '"paid" or "unpaid"'),
        ({**CALL, "fee": {"is": "paid"}}, "fee", '"paid" or "unpaid"'),
        ({**CALL, "fee": ""}, "fee", '"paid" or "unpaid"'),
        ({**CALL, "direction": "incoming"}, "direction", '"originating" or "terminating"'),
        ({**CALL, "direction": ["terminating"]}, "direction", '"originating" or "terminating"'),
        ({**CALL, "direction": ""}, "direction", '"originating" or "terminating"'),
        # A second costs 999,999,999,999,997 / 60, in lowest terms: times 60 it passes 2^53.
        ({**CALL, "price": "999999999.999997"}, "price", "a price that stays exact"),
        ({**DATA, "price": "999999999.999999", "step": "1 KB"}, "price", "a price that stays exact"),
    ],
)  # fmt: skip
def test_one_mistake_in_a_price(price: dict[str, object], key: str, expected: str) -> None:
    """One mistake is one error, with its key and what was expected, and no tariff."""
    tariff, problems = read_price(price)
    assert tariff is None
    assert [each for each, _ in problems] == [key]
    assert expected in problems[0][1]


STRETCHED = {**without(CALL, "price"), "maximum": "30 min"}


@pytest.mark.parametrize(
    ("price", "key", "expected"),
    [
        ({**STRETCHED, "stretches": []}, "stretches", "the last without until"),
        ({**STRETCHED, "stretches": "2 min"}, "stretches", "the last without until"),
        ({**STRETCHED, "stretches": [UNTIL_2_MIN]}, "stretches", "the last without until"),
        ({**STRETCHED, "stretches": ["6.00", FREE]}, "stretches[1]", "a table"),
        ({**STRETCHED, "stretches": [UNTIL_2_MIN, {}]}, "stretches[2].price", "an amount"),
        ({**STRETCHED, "stretches": [{**UNTIL_2_MIN, "price": 6}, FREE]}, "stretches[1].price",
         "an amount"),
        ({**STRETCHED, "stretches": [{**UNTIL_2_MIN, "until": 2}, FREE]}, "stretches[1].until",
         "a quantity"),
        ({**STRETCHED, "stretches": [UNTIL_2_MIN, UNTIL_2_MIN, FREE]}, "stretches[2]",
         "an end behind its start"),
        ({**STRETCHED, "stretches": [FREE, FREE]}, "stretches[2]", "an end behind its start"),
        ({**STRETCHED, "stretches": [UNTIL_2_MIN, {**FREE, "per": "1 s"}]}, "stretches[2].per",
         "no such key; known are until, price, step"),
        ({**STRETCHED, "step": "50 s", "stretches": [UNTIL_2_MIN, FREE]}, "stretches",
         "an until on whole steps"),
        ({**STRETCHED, "price": "1.00", "stretches": [UNTIL_2_MIN, FREE]}, "price",
         "either price or stretches"),
        ({**STRETCHED, "maximum": "x", "stretches": [UNTIL_2_MIN, FREE]}, "maximum",
         "a quantity like"),
    ],
)  # fmt: skip
def test_one_mistake_in_stretches(price: dict[str, object], key: str, expected: str) -> None:
    """Stretches are in order, on whole steps, and the last is open; one mistake is one error."""
    tariff, problems = read_price(price)
    assert tariff is None
    assert [each for each, _ in problems] == [key]
    assert expected in problems[0][1]


def test_every_mistake_of_a_price_is_reported_at_once() -> None:
    """A price with mistakes in many keys is not read key by key, run by run."""
    _, problems = read_price(
        {"service": "voice", "price": 6, "per": "1", "step": "x", "maximum": 1, "setup": 1,
         "rounding": "x", "destinations": ["a", "b"], "rating_groups": 1, "fee": 1,
         "direction": 1, "extra": 1, "networks": 1, "counts": 1, "from": 1, "to": 1,
         "message_classes": 1, "service_identifiers": 1}
    )  # fmt: skip
    assert sorted({key for key, _ in problems}) == [
        "counts", "destinations", "direction", "extra", "fee", "from", "maximum",
        "message_classes", "networks", "per", "price", "rating_groups", "rounding",
        "service_identifiers", "setup", "step", "to",
    ]  # fmt: skip


def test_networks_need_home_networks() -> None:
    """Where none are listed, home and abroad cannot be told apart; where they are broken, no tariff
    is blamed for it."""
    for networks in ("home", "visited"):
        given: dict[str, object] = {"id": "x", "prices": [{**CALL, "networks": networks}]}
        tariff, problems = read(given, home_networks=frozenset())
        assert tariff is None
        assert [each.key for each in problems] == ["prices[1].networks"]
        assert "home_networks in catalogue.toml" in problems[0].expected
        assert read(given, home_networks=None)[1] == []


@pytest.mark.parametrize(
    "change",
    [
        {"rating_groups": [10]}, {"fee": "paid"}, {"networks": "any"}, {"from": JULY},
        {"to": JULY}, {"service_identifiers": [1]}, {"destinations": ["on-net"]},
        {"counts": "input"}, {"counts": "total"}, {"service": "sms", "per": "1 event"},
    ],
)  # fmt: skip
def test_one_direction_of_data_is_never_without_the_other(change: dict[str, object]) -> None:
    """A price of what is received under other conditions leaves octets without a price."""
    sent, received = {**DATA, "counts": "input"}, {**DATA, "counts": "output", **change}
    if received["service"] == "sms":
        del received["counts"]
    tariff, problems = read({"id": "x", "prices": [sent, received]})
    assert tariff is None
    assert "prices[1].counts" in [each.key for each in problems]


# --- what is read -----------------------------------------------------------------------------------


def legs(price: dict[str, object]) -> tuple[int, tuple[Leg, ...]]:
    """Denominator and legs of a price without mistakes."""
    tariff, problems = read_price(price)
    assert tariff is not None, problems
    return tariff.rules[0].price.denominator, tariff.rules[0].price.legs


@pytest.mark.parametrize(
    ("price", "denominator", "expected"),
    [
        # 6.00 a minute is 100,000 micros a second.
        (CALL, 1, (Leg(0, MAX_UNITS, 1, 100_000),)),
        # Without a step, a begun minute is whole.
        (without(CALL, "step"), 1, (Leg(0, MAX_UNITS, 60, 6_000_000),)),
        # 11.00 a minute: 11,000,000 / 60 = 550,000 / 3.
        ({**CALL, "price": "11.00"}, 3, (Leg(0, MAX_UNITS, 1, 550_000),)),
        ({**CALL, "price": "11", "per": "1 h", "maximum": "2 h"}, 9, (Leg(0, MAX_UNITS, 1, 27_500),)),
        ({**CALL, "setup": "0.25"}, 1, (Leg(0, MAX_UNITS, 1, 100_000, 250_000),)),
        ({**CALL, "price": "0"}, 1, (Leg(0, MAX_UNITS, 1, 0),)),
        ({**CALL, "price": "0.000001"}, 60, (Leg(0, MAX_UNITS, 1, 1),)),
        # 1.00 a megabyte by the kilobyte: 1,000,000 / 1,024 = 15,625 / 16.
        ({**DATA, "step": "1 KB"}, 16, (Leg(0, MAX_UNITS, 1024, 15_625),)),
        ({**DATA, "per": "1 GB", "step": "1 B"}, 2**24, (Leg(0, MAX_UNITS, 1, 15_625),)),
        ({"service": "sms", "price": "7.00", "per": "1 message"}, 1,
         (Leg(0, MAX_UNITS, 1, 7_000_000),)),
        ({"service": "mms", "price": "7.00", "per": "1 event"}, 1,
         (Leg(0, MAX_UNITS, 1, 7_000_000),)),
        ({"service": "vas", "price": "30.00", "per": "1 event"}, 1,
         (Leg(0, MAX_UNITS, 1, 30_000_000),)),
        ({**CALL, "service": "video"}, 1, (Leg(0, MAX_UNITS, 1, 100_000),)),
        # One denominator for all stretches; the fee of the event stands at its first.
        ({**STRETCHED, "setup": "1.00", "stretches": [{"until": "2 min", "price": "16.70"}, FREE]},
         3, (Leg(0, 120, 1, 835_000, 3_000_000), Leg(120, MAX_UNITS, 1, 0))),
        # The limit of an event is not its price's.
        ({**CALL, "step": "1 min", "maximum": "90 s"}, 1, (Leg(0, MAX_UNITS, 60, 6_000_000),)),
    ],
)  # fmt: skip
def test_legs(price: dict[str, object], denominator: int, expected: tuple[Leg, ...]) -> None:
    """Prices as people write them become integers by hand arithmetic, and no float is on the way."""
    assert legs(price) == (denominator, expected)


@given(
    micros=st.integers(0, 10**12),
    per=st.integers(1, 10**6),
    step=st.integers(1, 10**4),
    steps=st.integers(0, 10**6),
)
def test_a_price_is_exact_or_refused(micros: int, per: int, step: int, steps: int) -> None:
    """Any price becomes the same fraction in lowest terms, or is refused where doubles lose digits."""
    amount = f"{micros // 10**6}.{micros % 10**6:06d}"
    tariff, problems = read_price(
        {"service": "voice", "price": amount, "per": f"{per} s", "step": f"{step} s"}
    )
    exact = Fraction(micros * step, per)
    if exact.numerator * exact.denominator >= EXACT_BELOW:
        assert tariff is None
        assert [key for key, _ in problems] == ["price"]
        return
    assert tariff is not None
    price = tariff.rules[0].price
    whole, rest = exact_cost(price, steps * step)
    assert whole + Fraction(rest, price.denominator) == exact * steps
    assert (price.legs[0].price, price.denominator) == (exact.numerator, exact.denominator)


@pytest.mark.parametrize(
    ("given", "decimals", "expected"),
    [
        ({}, 2, Rounding(RoundingMode.HALF_UP, 10_000)),
        ({}, 0, Rounding(RoundingMode.HALF_UP, 1_000_000)),
        ({}, 3, Rounding(RoundingMode.HALF_UP, 1_000)),
        ({"rounding": "half_up"}, 2, Rounding(RoundingMode.HALF_UP, 10_000)),
        ({"rounding": "up"}, 2, Rounding(RoundingMode.UP, 10_000)),
        ({"rounding": "up", "quantum": "1"}, 2, Rounding(RoundingMode.UP, 1_000_000)),
        ({"quantum": "0.0001"}, 2, Rounding(RoundingMode.HALF_UP, 100)),
    ],
)
def test_rounding(given: dict[str, object], decimals: int, expected: Rounding) -> None:
    """Half up to the currency's smallest coin, unless the price says otherwise."""
    tariff, _ = read({"id": "x", "prices": [{**CALL, **given}]}, decimals=decimals)
    assert tariff is not None
    assert tariff.rules[0].price.rounding == expected


def test_conditions_and_names() -> None:
    """Conditions are read as written; the name of a price tells them to a person."""
    given = {**CALL, "destinations": ["on-net", "off-net"], "rating_groups": [0, 10, 2**32 - 1],
             "fee": "unpaid", "direction": "originating"}  # fmt: skip
    tariff, _ = read(
        {"id": "x", "name": "For all", "prices": [given, {**CALL, "fee": "paid"}, DATA]}
    )
    assert tariff is not None
    assert (tariff.id, tariff.name) == ("x", "For all")
    first, second, third = tariff.rules
    assert first.service == "voice"
    assert first.conditions.destinations == {"on-net", "off-net"}
    assert first.conditions.rating_groups == {0, 10, 4294967295}
    assert (first.conditions.fee, first.conditions.direction) == (False, "originating")
    assert first.price.name == (
        "x voice originating off-net, on-net fee unpaid group 0, 10, 4294967295"
    )
    assert (second.conditions.fee, second.price.name) == (True, "x voice fee paid")
    assert (third.conditions.fee, third.conditions.direction, third.conditions.destinations) == (
        None,
        "",
        frozenset(),
    )
    assert (third.price.name, third.price.unit) == ("x data", UnitKind.OCTETS)


def test_services_networks_and_message_classes() -> None:
    """Each is read as written, and told by the name of the price."""
    given = {**MMS, "message_classes": ["informational", "personal"],
             "service_identifiers": [9, 0, 2**32 - 1], "networks": "visited"}  # fmt: skip
    auto = {**MMS, "message_classes": ["advertisement", "auto"], "networks": "any"}
    tariff, problems = read({"id": "x", "prices": [given, auto, MMS]})
    assert tariff is not None, problems
    first, second, third = tariff.rules
    assert first.conditions.message_classes == {0, 2}
    assert second.conditions.message_classes == {1, 3}
    assert first.conditions.service_identifiers == {0, 9, 4294967295}
    assert first.price.name == "x mms service 0, 9, 4294967295 personal, informational visited"
    assert second.price.name == "x mms advertisement, auto"
    assert (third.conditions.message_classes, third.conditions.service_identifiers) == (
        frozenset(),
        frozenset(),
    )
    assert [each.conditions.networks for each in tariff.rules] == ["visited", "any", "home"]


def test_conditions_of_place_time_and_person() -> None:
    """Each is read as written; words for days become days, and a zone is where it is, home or not."""
    given = {**CALL, "zones": ["cis"], "apns": ["internet"], "rat_types": [6, 1],
             "when": ["favourite", "group:1"], "unless": ["roaming"],
             "attributes": {"segment": ["staff", "family"], "home zone": ["4"]},
             "hours": ["22:00-08:00", "12:00-13:00"], "days": ["weekend", "holiday", "mon"]}  # fmt: skip
    tariff, problems = read({"id": "x", "prices": [given]})
    assert tariff is not None, problems
    assert tariff.rules[0].conditions == Conditions(
        networks="any",
        zones=frozenset({"cis"}),
        apns=frozenset({"internet"}),
        rat_types=frozenset({1, 6}),
        when=frozenset({"favourite", "group:1"}),
        unless=frozenset({"roaming"}),
        traits=(("home zone", frozenset({"4"})), ("segment", frozenset({"staff", "family"}))),
        hours=(Hours(22 * 60, 8 * 60), Hours(12 * 60, 13 * 60)),
        days=frozenset({"sat", "sun", "holiday", "mon"}),
    )


def test_an_empty_condition_asks_nothing() -> None:
    """A list or table without values is as good as none, whichever it is."""
    lists = ("destinations", "rating_groups", "service_identifiers", "zones", "apns", "rat_types",
             "when", "unless", "hours", "days")  # fmt: skip
    empty = {**CALL, **{each: [] for each in lists}, "attributes": {"segment": []}}
    tariff, problems = read({"id": "x", "prices": [empty]}, home_networks=frozenset())
    assert tariff is not None, problems
    assert tariff.rules[0].conditions == Conditions()


def test_without_home_networks_a_price_holds_anywhere() -> None:
    """As before networks were told apart."""
    for home_networks in (frozenset[str](), None):
        given: dict[str, object] = {"id": "x", "prices": [CALL, {**CALL, "networks": "any"}]}
        tariff, _ = read(given, home_networks=home_networks)
        assert tariff is not None
        assert [each.conditions.networks for each in tariff.rules] == ["any", "any"]


def test_moments() -> None:
    """1 July 2016, 00:00 in Astana (UTC+6 then) is 30 June, 18:00 UTC: 1,467,309,600 s of the epoch."""
    astana = timezone(timedelta(hours=6))
    start = datetime(2016, 7, 1, tzinfo=astana)
    given: list[object] = [
        {**CALL, "from": start, "to": start + timedelta(seconds=1, milliseconds=5)},
        {**CALL, "to": start},
        DATA,
    ]
    tariff, problems = read({"id": "x", "prices": given})
    assert tariff is not None, problems
    first, second, third = tariff.rules
    assert (first.conditions.begins, first.conditions.ends) == (
        1_467_309_600_000,
        1_467_309_601_005,
    )
    assert (second.conditions.begins, second.conditions.ends) == (None, 1_467_309_600_000)
    assert (third.conditions.begins, third.conditions.ends) == (None, None)


def test_directions_of_data() -> None:
    """What is sent and what is received, each at its price under the same conditions."""
    given: list[object] = [
        {**DATA, "counts": "output", "rating_groups": [10]},
        {**DATA, "counts": "input", "rating_groups": [10], "price": "0"},
        {**DATA, "counts": "total"},
        DATA,
    ]
    tariff, problems = read({"id": "x", "prices": given})
    assert tariff is not None, problems
    assert [each.price.counts for each in tariff.rules] == ["output", "input", "total", "total"]
    assert [each.price.name for each in tariff.rules] == [
        "x data group 10 output", "x data group 10 input", "x data", "x data",
    ]  # fmt: skip


def test_a_tariff_without_a_name_is_called_by_its_id() -> None:
    """The name is for people and may be left out."""
    tariff, _ = read({"id": "x", "prices": [CALL]})
    assert tariff is not None
    assert tariff.name == "x"


def test_classes_that_are_not_known_are_not_judged() -> None:
    """Where the table of classes could not be read, no tariff is blamed for it."""
    tariff, problems = read({"id": "x", "prices": [{**CALL, "destinations": ["?"]}]}, classes=None)
    assert problems == []
    assert tariff is not None


def test_tables() -> None:
    """A table is a table; a list of them is not."""
    assert is_table({})
    assert not is_table([{}])
    assert not is_table("{}")
