"""From the first use of a number to the end of its account."""

from dataclasses import replace
from typing import Any

import pytest

from ocs.account.life import activate, terminate
from ocs.account.standing import ADVANCE_OWED, DEBT, Refused, Standing
from ocs.books import Balance, Held
from ocs.model import NEVER, ProductState, SubscriberState
from ocs.rating.product import BucketRule, Fee, ProductRule, Span
from tests.account.book import Book, at, day_of, every, subscriber, tenge

FEE = Fee(tenge("40"), every(Span.DAY), restarts=False)
TARIFF = ProductRule("base", "Base", "tariff", fee=FEE)
GIFT = ProductRule(
    "gift",
    "Device bonus",
    "promotion",
    buckets=(BucketRule("data", "octets", 5, ()),),
    lasts=every(Span.DAYS, 10),
    given_on="activation",
)
OTHERS = replace(GIFT, id="others", requires=frozenset({"gold"}))


def book(main: str = "0", **given: Any) -> Book:
    """A subscriber of a tariff with a fee."""
    made = Book([TARIFF, GIFT, OTHERS], at("2019-03-04 12:00"), tenge(main))
    made.who = subscriber(**given)
    return made


@pytest.mark.parametrize("state", [each for each in SubscriberState if each != "preactive"])
def test_only_a_number_that_was_not_used_is_activated(state: SubscriberState) -> None:
    """A second first use finds nothing to do."""
    assert activate(book(state=state).standing) is None


def test_the_first_use_begins_the_tariff_and_gives_what_comes_with_it() -> None:
    """Its fee is taken, the bonus of its tariff is there, the age of the number begins."""
    new = book("100", state=SubscriberState.PREACTIVE)
    new.done(activate(new.standing))
    assert new.who.state is SubscriberState.ACTIVE and new.main == tenge("60")
    assert {each.product for each in new.who.products} == {"base", "gift"}
    assert new.others == {f"{new.product('gift').number}.data": 5}
    assert dict(new.who.attributes)["activated"] == str(new.now)
    assert len({each.number for each in new.who.products}) == 2
    assert activate(new.standing) is None


def test_a_first_use_without_money_leaves_the_fee_waiting() -> None:
    """It is active all the same."""
    new = book(state=SubscriberState.PREACTIVE)
    new.done(activate(new.standing))
    assert new.who.state is SubscriberState.ACTIVE
    assert new.state("base") is ProductState.UNPAID and new.state("gift") is ProductState.ACTIVE


def test_a_tariff_without_a_fee_is_activated_too() -> None:
    """There is nothing of it to keep account of."""
    new = book(state=SubscriberState.PREACTIVE)
    new.rules = [ProductRule("base", "Base", "tariff")]
    new.done(activate(new.standing))
    assert new.who.state is SubscriberState.ACTIVE and new.who.products == ()


def test_after_its_validity_a_number_can_be_called_for_a_time_and_is_terminated_then() -> None:
    """Money is kept through the 30 days of grace, then it is paid back, with an entry."""
    old = book("70", valid_until=at("2019-04-01 00:00"))
    states = []
    for moment in ("2019-03-31 23:59", "2019-04-01 00:00", "2019-04-30 23:59"):
        old.until(moment)
        states.append(old.who.state.value)
    assert states == ["active", "one_way", "one_way"] and old.main == tenge("70")
    assert day_of(old.who.valid_until) == "2019-05-01 00:00"
    old.until("2019-05-01 00:00")
    assert old.who.state is SubscriberState.TERMINATED and old.main == 0
    assert old.kinds == ["validity", "refund"] and old.told() == ["one_way", "terminated"]
    assert dict(old.notices[-1].values)["amount"] == str(tenge("70"))


def test_what_is_held_is_not_paid_back() -> None:
    """A session has to end before its account does; and nobody ends twice."""
    held = Balance(available=tenge("1"), reserved=1)
    standing = book().standing
    with pytest.raises(Refused, match="session"):
        terminate(replace(standing, balance=held), "k")
    gone = replace(standing.subscriber, state=SubscriberState.TERMINATED)
    with pytest.raises(Refused, match="already"):
        terminate(replace(standing, subscriber=gone), "k")


def test_debts_are_paid_before_anything_is_paid_back() -> None:
    """70.00 with 50.00 owed: 20.00 are paid back; all else lapses, no fee follows."""
    old = book("110", state=SubscriberState.PREACTIVE)
    old.done(activate(old.standing))
    old.others |= {DEBT: -tenge("30"), ADVANCE_OWED: -tenge("20")}
    old.done(terminate(old.standing, "k"))
    assert old.main == 0 and not any(old.others.values())
    assert dict(old.notices[-1].values)["amount"] == str(tenge("20"))
    assert old.who.products == () and old.who.due == NEVER


def test_a_debt_above_the_money_stays_visible() -> None:
    """10.00 of 30.00 are paid; the account does not look as if it owed nothing."""
    old = book("10")
    old.others[DEBT] = -tenge("30")
    old.done(terminate(old.standing, "k"))
    assert old.main == 0 and old.others[DEBT] == -tenge("20")


def test_a_member_takes_its_own_money_along_and_not_the_accounts() -> None:
    """The company's money is the company's."""
    guest = book("70", member="a", money="")
    guest.done(terminate(guest.standing, "k"))
    assert guest.main == tenge("70")
    own = Standing(
        subscriber(member="b", money="b"),
        Balance(available=tenge("70"), others={"b": Held(tenge("5"))}),
        guest.terms,
        guest.now,
    )
    posting = terminate(own, "k")
    assert [(each.balance, each.amount) for each in posting.movements] == [("b", tenge("5"))]


def test_products_of_who_was_terminated_by_hand_are_swept() -> None:
    """Whoever took the number away forgot the products: no fee follows."""
    gone = book("100", state=SubscriberState.PREACTIVE)
    gone.done(activate(gone.standing))
    gone.who = replace(gone.who, state=SubscriberState.TERMINATED)
    gone.until("2019-03-06 12:00")
    assert gone.main == tenge("60") and gone.who.products == () and gone.others == {}
