"""What a rule sees: whose money, which day, what is paid."""

from dataclasses import replace
from typing import Any

import pytest

from ocs.account.standing import Standing, Terms, is_fee_paid, with_product, without
from ocs.books import Act, Balance, Held, Movement
from ocs.model import NEVER, Product, ProductState
from tests.account.book import ZONE, at, subscriber

NOON = at("2019-03-04 12:00")
TERMS = Terms({}, ZONE)


@pytest.mark.parametrize(
    ("given", "money"),
    [
        ({}, 70),
        ({"credit_limit": 30}, 100),
        ({"member": "a", "money": ""}, 70),
        ({"member": "a", "money": "a"}, 4),
        ({"member": "a", "money": "a", "credit_limit": 30}, 4),
        ({"member": "b", "money": "b"}, 0),
    ],
)
def test_the_money_is_the_subscribers_own(given: dict[str, Any], money: int) -> None:
    """The account's with its limit, or a member's own balance without: what nothing holds of it."""
    balance = Balance(available=70, reserved=5, others={"a": Held(6, 2)})
    assert Standing(subscriber(**given), balance, TERMS, NOON).money == money


def test_a_subscriber_may_live_by_another_clock_than_the_operator() -> None:
    """The zone of the subscriber, where it has one."""
    here = Standing(subscriber(), Balance(), TERMS, NOON)
    there = replace(here, subscriber=subscriber(zone="Europe/Berlin"))
    assert (here.zone.key, there.zone.key) == ("Asia/Almaty", "Europe/Berlin")


def test_the_fee_is_paid_until_somebody_tried_in_vain() -> None:
    """By its moment, or because nobody has tried yet."""
    product = Product(1, "base", ProductState.ACTIVE, NOON)
    assert not is_fee_paid(subscriber(), NOON)
    assert is_fee_paid(subscriber(paid_until=NOON + 1), NOON)
    assert not is_fee_paid(subscriber(paid_until=NOON), NOON)
    assert is_fee_paid(subscriber(products=(product,)), NOON)
    unpaid = replace(product, state=ProductState.UNPAID)
    assert not is_fee_paid(subscriber(products=(unpaid,)), NOON)


def test_products_keep_their_order_and_their_numbers() -> None:
    """What is changed stays in its place; the next number is above all that were given."""
    first, second = (Product(n, "p", ProductState.ACTIVE, NOON) for n in (1, 2))
    who = with_product(with_product(subscriber(), first), second)
    changed = with_product(who, replace(first, due=NOON))
    assert changed.products == (replace(first, due=NOON), second) and changed.next_product == 3
    bare = without(changed, (1, 2))
    assert bare.products == () and bare.next_product == 3 and bare.due == NEVER


def test_a_posting_names_account_actor_and_key() -> None:
    """And only a crossing of the threshold asks for an automatic top-up."""
    asking = subscriber(attributes=(("auto_topup", "50"),))
    standing = Standing(asking, Balance(available=70), TERMS, NOON, "tester")
    posting = standing.posting("k", "fee", "why", [Movement(Act.DEBIT, amount=20)])
    assert (posting.account_id, posting.key, posting.kind) == (asking.account_id, "k", "fee")
    assert (posting.actor, posting.reason) == ("tester", "why")
    assert [(each.kind, each.values) for each in posting.notices] == [
        ("auto_topup", (("left", "50"),))
    ]
    above = standing.posting("k", "fee", "why", [Movement(Act.DEBIT, amount=19)])
    below = replace(standing, balance=Balance(available=50))
    again = below.posting("k", "fee", "why", [Movement(Act.DEBIT, amount=19)])
    assert above.notices == () and again.notices == ()
