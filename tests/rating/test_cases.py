"""The example catalogue against its published tariffs, and worked figures of others.

The figures stand in data/, with the expected cost last. Case names are those of the published tariffs:
S1 Kcell "Conversations", S2 "Social", S3 corporate, S6 activ "Time to Talk", S7 its packages, S13
Beeline "KTZ 1500", the rest elsewhere.
"""

import csv
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ocs.amounts import parse_amount
from ocs.model import (
    AccountId,
    Partition,
    Price,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.catalogue import find_prices, load
from ocs.rating.price import affordable, cost
from ocs.rating.read import PriceReader
from ocs.rating.read_value import Problem

DATA = Path(__file__).parent / "data"
CATALOGUE = Path(__file__).parents[2] / "config" / "catalogue"
EXAMPLE = load(CATALOGUE)
NOW = UtcMillis(1_467_309_600_000)

Row = dict[str, str]


def rows(name: str) -> list[Row]:
    """The lines of a data file."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def name_of(row: Row) -> str:
    """How a line is called in the report of a run."""
    return f"{row['tariff']}: {row['case']}"


def priced(
    tariff: str,
    attributes: RatingAttributes,
    fee_is_paid: bool,
    group: int | None = None,
    identifiers: tuple[int, ...] = (),
) -> tuple[Price, ...]:
    """The prices that a session of a subscriber of the tariff finds."""
    account, partition = AccountId("1"), Partition(0)
    subscriber = Subscriber(account, partition, 1, tariff, SubscriberState.ACTIVE, ())
    context = SessionContext(
        account, partition, attributes.service, tariff, NOW, fee_is_paid, attributes, ""
    )
    occasion = EXAMPLE.occasion(subscriber, context, group, identifiers, NOW)
    return find_prices(EXAMPLE, EXAMPLE.tariffs[tariff].rules, occasion)[0]


def find(row: Row) -> Price | None:
    """The price of a line, as a session finds it; the example prices no directions apart."""
    network, group, identifier = (row.get(each) for each in ("network", "group", "identifier"))
    attributes = RatingAttributes(
        row["service"], "77010000001", row["called"], visited_network=network or ""
    )
    prices = priced(
        row["tariff"],
        attributes,
        fee_is_paid={"paid": True, "unpaid": False}[row["fee"]],
        group=int(group) if group else None,
        identifiers=(int(identifier),) if identifier else (),
    )
    assert len(prices) <= 1
    return prices[0] if prices else None


def price_of(row: Row) -> Price:
    """The price of a line that has one."""
    price = find(row)
    assert price is not None, name_of(row)
    return price


def micros(text: str) -> int:
    """An amount as the data files write it."""
    return parse_amount(text, 6)


def published() -> list[tuple[str, Price, list[tuple[int, int]], list[tuple[int, int, int]]]]:
    """Prices of published.toml with their figures: (units, cost), (money, units, cost)."""
    found = []
    for each in tomllib.loads((DATA / "published.toml").read_text())["published"]:
        problems: list[Problem] = []
        reader = PriceReader("published.toml", 2, frozenset(), problems)
        rules = reader.rules("prices", [each["price"]], "x")
        assert rules, problems
        costs = [(units, micros(amount)) for units, amount in each["costs"]]
        cuts = [(micros(a), units, micros(b)) for a, units, b in each.get("cuts", [])]
        found.append((each["case"], rules[0].price, costs, cuts))
    return found


COSTS, CUTS, PUBLISHED = rows("costs.csv"), rows("cuts.csv"), published()
CONDITIONS = rows("conditions.csv")
ALL_COSTS = [(price_of(row), int(row["units"]), micros(row["cost"])) for row in COSTS]
ALL_COSTS += [(price, *figure) for _, price, costs, _ in PUBLISHED for figure in costs]
ALL_CUTS = [
    (price_of(row), micros(row["money"]), int(row["units"]), micros(row["cost"])) for row in CUTS
]
ALL_CUTS += [(price, *figure) for _, price, _, cuts in PUBLISHED for figure in cuts]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", rows("refused.csv"), ids=name_of)
def test_without_a_published_price_there_is_none(row: Row) -> None:
    """What a tariff does not price is refused, never served at a price that looks near."""
    assert find(row) is None


@pytest.mark.parametrize("tariff", ["conversations", "social", "time-to-talk"])
@pytest.mark.parametrize(
    ("service", "called"),
    [
        ("voice", "79161234567"),
        ("voice", "4930123456"),
        ("voice", "3030"),
        ("mms", "77051234567"),
        ("video", "77051234567"),
    ],
)
def test_no_tariff_prices_calls_abroad_content_or_pictures_to_others(
    tariff: str, service: str, called: str
) -> None:
    """The published tariffs name no such price: 5031, whether or not a fee is paid."""
    for fee in ("paid", "unpaid"):
        row = {"tariff": tariff, "service": service, "called": called, "fee": fee, "case": ""}
        assert find(row) is None


@pytest.mark.parametrize(
    "row", [each for each in CONDITIONS if each["cost"] == "refused"], ids=name_of
)
def test_a_price_of_other_conditions_does_not_serve(row: Row) -> None:
    """A visited network, a rating group or a service without a price of its own: 5031."""
    assert find(row) is None


# --- costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", COSTS, ids=name_of)
def test_cost_in_one_piece(row: Row) -> None:
    """A published example costs what was published."""
    assert cost(price_of(row), int(row["units"])) == micros(row["cost"])


@pytest.mark.parametrize(
    "row", [each for each in CONDITIONS if each["cost"] != "refused"], ids=name_of
)
def test_cost_by_network_rating_group_and_service(row: Row) -> None:
    """The same usage costs what its conditions say."""
    assert cost(price_of(row), int(row["units"])) == micros(row["cost"])


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: case[0])
def test_cost_of_other_published_prices(
    case: tuple[str, Price, list[tuple[int, int]], list[tuple[int, int, int]]],
) -> None:
    """Steps, connection charges, first blocks, levies, both roundings and their quantum."""
    _, price, costs, cuts = case
    assert [(units, cost(price, units)) for units, _ in costs] == costs
    for money, units, amount in cuts:
        got = affordable(price, money, 100_000)
        assert (got, cost(price, got)) == (units, amount)


def test_reports_book_the_difference_of_rounded_totals() -> None:
    """S1.6: 20, 40 and 65 s off-net are booked as 3.67, 3.66 and 4.59."""
    price = price_of(next(row for row in COSTS if row["case"] == "S1.1 off-net"))
    totals = [cost(price, units) for units in (0, 20, 40, 65)]
    booked = [later - earlier for earlier, later in pairwise(totals)]
    assert booked == [3_670_000, 3_660_000, 4_590_000]


@given(case=st.sampled_from(ALL_COSTS), data=st.data())
def test_cost_does_not_depend_on_reports(case: tuple[Price, int, int], data: st.DataObject) -> None:
    """However an event is split into reports, none gives money back and all together cost the same."""
    price, units, expected = case
    booked, total = 0, 0
    while total < units:
        total += data.draw(st.integers(1, units - total) if total else st.integers(0, units))
        if total == 0:
            assert cost(price, 0) == 0
            total = units
        change = cost(price, total) - booked
        assert change >= 0
        booked += change
    assert booked == expected


# --- where the money ends ---------------------------------------------------------------------------


@pytest.mark.parametrize("row", CUTS, ids=name_of)
def test_cut(row: Row) -> None:
    """An event that nobody ends is granted the largest quantity whose rounded cost can be paid."""
    price, money = price_of(row), micros(row["money"])
    got = affordable(price, money, 2000 if row["service"] == "voice" else 10**9)
    assert (got, cost(price, got)) == (int(row["units"]), micros(row["cost"]))


@given(case=st.sampled_from(ALL_CUTS), data=st.data())
def test_cut_does_not_depend_on_grants(
    case: tuple[Price, int, int, int], data: st.DataObject
) -> None:
    """However the quotas were asked for, the event ends at the same unit with the same cost."""
    price, money, units, expected = case
    used = 0
    for _ in range(100):
        wanted = data.draw(st.integers(1, max(units, 1)))
        got = affordable(price, money, wanted, used)
        used += got
        if got < wanted:
            break
    else:
        used += affordable(price, money, 10**9, used)
    assert (used, cost(price, used)) == (units, expected)


# --- the example catalogue as a whole -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("77012345678", "on-net"), ("77022345678", "on-net"), ("77752345678", "on-net"),
        ("77782345678", "on-net"), ("77002345678", "off-net"), ("77052345678", "off-net"),
        ("77062345678", "off-net"), ("77072345678", "off-net"), ("77082345678", "off-net"),
        ("77472345678", "off-net"), ("77712345678", "off-net"), ("77762345678", "off-net"),
        ("77772345678", "off-net"), ("77272123456", "landline"), ("77172123456", "landline"),
        ("77102123456", "landline"), ("77292123456", "landline"), ("77512345678", "special"),
        ("77602345678", "special"), ("77722345678", "special"), ("70001234567", "special"),
        ("76001234567", "special"), ("79161234567", "international"),
        ("74951234567", "international"), ("12125551234", "international"),
        ("4930123456", "international"), ("998901234567", "international"),
        ("112", "emergency"), ("101", "emergency"), ("102", "emergency"), ("103", "emergency"),
        ("104", "emergency"), ("3030", ""), ("7701", ""), ("1", ""), ("", ""),
    ],
)  # fmt: skip
def test_destination_classes(number: str, kind: str) -> None:
    """Kazakhstan's mobile codes by operator, landlines from 710 to 729, Russia in the same country code."""
    assert EXAMPLE.destinations.find(number) == kind
    assert EXAMPLE.is_free(number) is (kind == "emergency")


@pytest.mark.parametrize("tariff", ["conversations", "social", "time-to-talk"])
def test_emergency_and_incoming_calls_are_free_at_balance_0(tariff: str) -> None:
    """Neither needs money, nor a paid fee."""
    outgoing = RatingAttributes("voice", called="112")
    incoming = RatingAttributes("voice", called="77010000001", is_originating=False)
    message = RatingAttributes("sms", called="77010000001", is_originating=False)
    for attributes in (outgoing, incoming, message):
        (price,) = priced(tariff, attributes, fee_is_paid=False)
        assert affordable(price, 0, 10_000) == 10_000


def test_an_incoming_call_is_free_at_home_only() -> None:
    """Abroad it has no published price."""
    incoming = RatingAttributes("voice", called="77010000001", is_originating=False)
    abroad = replace(incoming, visited_network="25001")
    for attributes, expected in ((incoming, 1), (abroad, 0)):
        assert len(priced("conversations", attributes, fee_is_paid=True)) == expected


def test_named_applications_go_on_at_balance_0_and_other_data_does_not() -> None:
    """Each rating group of one session by its own price; an event is paid whole or not at all."""
    found = {each["case"]: price_of(each) for each in CONDITIONS if each["cost"] != "refused"}
    assert affordable(found["named applications"], 0, 10**9) == 10**9
    assert affordable(found["other data"], 0, 10**9) == 0
    transfer = found["a transfer to another subscriber"]
    assert affordable(transfer, micros("29.99"), 1) == 0
    assert affordable(transfer, micros("30.00"), 1) == 1


def test_a_call_is_never_granted_more_than_thirty_minutes() -> None:
    """The published limit of a call holds in every tariff, however much money there is."""
    for tariff in EXAMPLE.tariffs.values():
        for rule in tariff.rules:
            if rule.service in ("voice", "video") and rule.conditions.destinations - {"emergency"}:
                assert affordable(rule.price, 10**15, 10_000) == 1800, rule.price.name


def test_every_class_of_a_price_is_a_class_of_numbers() -> None:
    """No price of the example waits for a class that no number has."""
    classes = {EXAMPLE.destinations.find(row.partition(",")[0].ljust(11, "0"))
               for row in (CATALOGUE / "destinations.csv").read_text().splitlines()[1:]}  # fmt: skip
    for tariff in EXAMPLE.tariffs.values():
        for rule in tariff.rules:
            assert rule.conditions.destinations <= classes | {"emergency"}
