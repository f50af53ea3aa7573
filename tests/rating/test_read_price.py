"""One price: free units and minimums, stretches, taxes and levies, counters and what serves after them."""

from fractions import Fraction

import pytest

from ocs.model import Draw, Leg, Price
from ocs.rating.price import MAX_UNITS, cost
from ocs.rating.read import PriceReader
from ocs.rating.read_price import Tax
from ocs.rating.read_product import read_product
from ocs.rating.read_value import Problem

CALL: dict[str, object] = {"service": "voice", "price": "6.00", "per": "1 min", "step": "1 s"}
MESSAGE: dict[str, object] = {"service": "sms", "price": "1.00", "per": "1 message"}
COUNTERS = {"minutes": "seconds", "open": "day", "spent": "money"}
OVER_COUNTER: dict[str, object] = {**CALL, "counter": "minutes"}


def read(given: dict[str, object], tax: Tax | None = None) -> tuple[Price | None, list[Problem]]:
    """The price of the table of a tariff, and what is wrong with it."""
    problems: list[Problem] = []
    reader = PriceReader("x.toml", 2, None, problems, counters=COUNTERS, tax=tax)
    product = read_product("x.toml", {"id": "x", "prices": [given]}, reader)
    return (product.rules[0].price if product else None), problems


def price(given: dict[str, object], tax: Tax | None = None) -> Price:
    """A price without mistakes."""
    found, problems = read(given, tax)
    assert found is not None, problems
    return found


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        ({**CALL, "tax": "12 %"}, "tax", 'a table: { rate = "12 %" }'),
        ({**CALL, "tax": {"rate": 12}}, "tax.rate", 'a percentage in quotes: "12 %"'),
        ({**CALL, "tax": {"rate": "12"}}, "tax.rate", "a percentage in quotes"),
        ({**CALL, "tax": {"rate": "-1 %"}}, "tax.rate", "a percentage in quotes"),
        ({**CALL, "tax": {"levy": "x %"}}, "tax.levy", "a percentage in quotes"),
        ({**CALL, "tax": {"rate": "12 %", "included": "no"}}, "tax.included", "true or false"),
        ({**CALL, "tax": {"vat": "12 %"}}, "tax.vat", "known are rate, included, levy"),
        ({**CALL, "free": "0 s"}, "free", "a quantity like"),
        ({**CALL, "free": f"{MAX_UNITS} s"}, "free", "less than an event may be long"),
        ({**CALL, "minimum": 30}, "minimum", "a quantity like"),
        ({**CALL, "free": "5 s", "minimum": "30 s"}, "free", "either free or minimum, not both"),
        ({**CALL, "least": 1}, "least", "an amount in quotes"),
        ({**CALL, "least": "2.00", "at_most": "1.99"}, "at_most", "not below least"),
        ({**CALL, "min_balance": "-1"}, "min_balance", "an amount in quotes"),
        ({**CALL, "counter": "hours"}, "counter", "(minutes, open, spent)"),
        ({**CALL, "counter": ["minutes"]}, "counter", "a counter of catalogue.toml"),
        ({**CALL, "then": {"price": "1.00"}}, "then", "a counter, once it is used up"),
        ({**OVER_COUNTER, "then": "1.00"}, "then", 'a table: { price = "1.00" }'),
        ({**OVER_COUNTER, "then": {}}, "then.price", "an amount in quotes"),
        ({**OVER_COUNTER, "then": {"price": 1}}, "then.price", "an amount in quotes"),
        ({**OVER_COUNTER, "then": {"price": "1.00", "hours": []}}, "then.hours", "no such key"),
        ({**OVER_COUNTER, "then": {"price": "1.00", "counter": "x"}}, "then.counter",
         "a counter of catalogue.toml"),
        ({**CALL, "stretches": [{"price": "0"}]}, "price", "either price or stretches"),
        # 90 s are whole steps of 1 s, but not of the minute that is this stretch's own.
        ({"service": "voice", "per": "1 min", "step": "1 s",
          "stretches": [{"until": "90 s", "price": "1", "step": "1 min"}, {"price": "0"}]},
         "stretches", "an until on whole steps in each stretch"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_error(given: dict[str, object], key: str, expected: str) -> None:
    """With its key and what was expected; no price comes of it."""
    found, problems = read(given)
    assert found is None
    assert [each.key for each in problems] == [f"prices[1].{key}"]
    assert expected in problems[0].expected


# --- the beginning of an event ----------------------------------------------------------------------


def test_free_seconds_are_free_only_alone() -> None:
    """Up to 5 s nothing; from the sixth on, 6.00 a minute by the second from the start."""
    free = price({**CALL, "free": "5 s"})
    assert [cost(free, each) for each in (0, 1, 5, 6, 7, 60)] == [
        0, 0, 0, 600_000, 700_000, 6_000_000,
    ]  # fmt: skip
    assert free.floor == 6  # whoever cannot pay the sixth is not granted the first five


def test_free_seconds_in_begun_minutes() -> None:
    """The sixth second is inside the first minute, which is paid whole."""
    free = price({**CALL, "step": "1 min", "free": "5 s"})
    assert [cost(free, each) for each in (5, 6, 60, 61)] == [0, 6_000_000, 6_000_000, 12_000_000]


def test_a_minimum_is_paid_with_the_first_second() -> None:
    """30 s at 6.00 a minute are 3.00; behind them by the second."""
    least = price({**CALL, "minimum": "30 s", "setup": "1.00"})
    assert [cost(least, each) for each in (0, 1, 30, 31)] == [0, 4_000_000, 4_000_000, 4_100_000]
    assert least.floor == 0


def test_a_minimum_over_stretches() -> None:
    """10 s at 0.10 and 20 s of 0.05 are 2.00; the second stretch goes on from there."""
    stretches = [{"until": "10 s", "price": "6.00"}, {"price": "3.00"}]
    given: dict[str, object] = {"service": "voice", "per": "1 min", "step": "1 s"}
    least = price({**given, "stretches": stretches, "minimum": "30 s"})
    assert [cost(least, each) for each in (1, 30, 31, 32)] == [
        2_000_000, 2_000_000, 2_050_000, 2_100_000,
    ]  # fmt: skip


def test_stretches_with_steps_of_their_own() -> None:
    """The first minute whole, then by 10 s: 6.00, and 3.00 a minute, which is 0.50 a step."""
    stretches = [{"until": "1 min", "price": "6.00", "step": "1 min"}, {"price": "3.00"}]
    given: dict[str, object] = {"service": "voice", "per": "1 min", "step": "10 s"}
    found = price({**given, "stretches": stretches})
    assert found.legs == (Leg(0, 60, 60, 6_000_000), Leg(60, MAX_UNITS, 10, 500_000))
    assert [cost(found, each) for each in (1, 60, 61, 71)] == [
        6_000_000, 6_000_000, 6_500_000, 7_000_000,
    ]  # fmt: skip


def test_least_and_most_of_an_event() -> None:
    """At least 1.00 once it costs anything, at most 5.00; what must be there when it begins."""
    found = price({**CALL, "least": "1.00", "at_most": "5.00", "min_balance": "20.00"})
    assert [cost(found, each) for each in (0, 1, 10, 11, 50, 51, 600)] == [
        0, 1_000_000, 1_000_000, 1_100_000, 5_000_000, 5_000_000, 5_000_000,
    ]  # fmt: skip
    assert (found.needs, found.limit) == (20_000_000, 0)


# --- taxes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tax", "minute", "share"),
    [
        # Part of what is written: 6.00 = 1.12 net.
        ({"rate": "12 %"}, 6_000_000, (3, 28)),
        ({"rate": "12 %", "included": True}, 6_000_000, (3, 28)),
        # On what is written: 6.72.
        ({"rate": "12 %", "included": False}, 6_720_000, (3, 28)),
        # A levy comes on top, on the price without tax: 6.00 / 1.2 * 1.275 = 6.375.
        ({"rate": "20 %", "levy": "7.5 %"}, 6_380_000, (11, 51)),
        ({"rate": "20 %", "levy": "7.5 %", "included": False}, 7_650_000, (11, 51)),
        ({"levy": "10 %"}, 6_600_000, (1, 11)),
        ({}, 6_000_000, (0, 1)),
    ],
)
def test_taxes(tax: dict[str, object], minute: int, share: tuple[int, int]) -> None:
    """What a minute costs, rounded once, and how much of it is tax and levy."""
    found = price({**CALL, "tax": tax})
    assert (cost(found, 60), found.tax) == (minute, share)


def test_a_setup_charge_and_a_levy() -> None:
    """0.25 and 0.25 a minute with VAT of 20 %, a levy of 7.5 % on the net price: 6.25 % more.

    (25 + n x 25/60) x 1.0625 in hundredths, half up: 53.125, 92.96875, 27.005.
    """
    given = {**CALL, "price": "0.25", "setup": "0.25", "tax": {"rate": "20 %", "levy": "7.5 %"}}
    found = price(given)
    assert [cost(found, each) for each in (0, 1, 60, 150)] == [0, 270_000, 530_000, 930_000]


def test_the_tax_of_the_catalogue_holds_where_a_price_says_nothing() -> None:
    """12 % on what is written: 6.72; a price with taxes of its own has those, and none of the others."""
    usual = Tax(Fraction(112, 100), Fraction(12, 112))
    assert (cost(price(CALL, usual), 60), price(CALL, usual).tax) == (6_720_000, (3, 28))
    assert cost(price({**CALL, "tax": {"rate": "5 %"}}, usual), 60) == 6_000_000


# --- counters -----------------------------------------------------------------------------------------


def test_a_counter_of_the_same_unit_takes_whole_steps() -> None:
    """Each begun step of the price is taken; then the other price serves, without the setup."""
    given = {**OVER_COUNTER, "step": "10 s", "setup": "1.00", "then": {"price": "12.00"}}
    found = price(given)
    assert found.draws == (Draw("minutes", 10, 10),)
    assert found.legs == (Leg(0, MAX_UNITS, 10, 1_000_000, 1_000_000),)
    assert found.then is not None
    assert (found.then.legs, found.then.draws) == ((Leg(0, MAX_UNITS, 10, 2_000_000),), ())


def test_without_then_nothing_serves_behind_a_counter() -> None:
    """A limit."""
    assert price(OVER_COUNTER).then is None
    assert price({**OVER_COUNTER, "setup": "1.00"}).then is None


def test_a_counter_of_money_takes_what_is_paid() -> None:
    """Step 0: as many as the micros of the cost."""
    assert price({**CALL, "counter": "spent"}).draws == (Draw("spent", 0),)


def test_an_access_charge_once_in_a_period() -> None:
    """1.00 with the first use; once the counter says so the same price goes on without it."""
    found = price({**CALL, "setup": "1.00", "counter": "open"})
    (draw,) = found.draws
    assert (draw.source, draw.amount, draw.entry) == ("open", 0, 1)
    assert cost(found, 60) == 7_000_000
    assert found.then is not None
    assert (cost(found.then, 60), found.then.draws) == (6_000_000, ())


def test_tiers_one_behind_the_other() -> None:
    """Each with its counter; what they do not say they have of the first."""
    then = {"price": "2.00", "counter": "spent", "then": {"price": "3.00", "step": "1 min"}}
    found = price({**OVER_COUNTER, "least": "0.50", "then": then})
    second = found.then
    assert second is not None
    assert second.then is not None
    steps = [each.legs[0].step for each in (found, second, second.then)]
    minutes = [cost(each, 60) for each in (found, second, second.then)]
    assert (steps, minutes) == ([1, 1, 60], [6_000_000, 2_000_000, 3_000_000])
    assert {each.least for each in (found, second, second.then)} == {500_000}
    assert [each.draws for each in (second, second.then)] == [(Draw("spent", 0),), ()]


@pytest.mark.parametrize("units", [1, 59, 60, 61, 3599])
def test_a_step_of_no_whole_cost(units: int) -> None:
    """11.00 a minute by the second in thirds of a micro, up to a whole tenge."""
    found = price({**CALL, "price": "11.00", "rounding": "up", "quantum": "1"})
    assert found.denominator == 3
    assert cost(found, units) == -(-units * 11 // 60) * 1_000_000


def test_messages() -> None:
    """One event, one step."""
    assert price(MESSAGE).legs == (Leg(0, MAX_UNITS, 1, 1_000_000),)
