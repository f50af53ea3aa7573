"""What is due, in order; steps that several moments share; what a product asks for besides its fee."""

from dataclasses import replace

from ocs.account.agenda import next_step
from ocs.account.purchase import begin_tariff, buy
from ocs.books import PostStatus
from ocs.model import NEVER, Product, ProductState, SubscriberState
from ocs.rating.product import BucketRule, Fee, ProductRule, Span
from tests.account.book import Book, at, every, subscriber, tenge

DAILY = Fee(tenge("40"), every(Span.DAY), restarts=False)
TARIFF = ProductRule("base", "Base", "tariff", fee=DAILY)
ADDON = ProductRule("addon", "Addon", "addon", fee=replace(DAILY, amount=tenge("30")))
WEEK = ProductRule(
    "week",
    "Weekly pack",
    "addon",
    fee=Fee(tenge("10"), every(Span.ONCE)),
    buckets=(BucketRule("data", "octets", 5, ()),),
    lasts=every(Span.HOURS, 168),
)


def book(main: str = "1000") -> Book:
    """A tariff and an add-on whose fees are due at the same midnight."""
    made = Book([TARIFF, ADDON, WEEK], at("2019-03-04 12:00"), tenge(main))
    made.done(buy(made.standing, "addon", "1"))
    made.done(begin_tariff(made.standing, "2"))
    return made


def test_nothing_is_due_before_its_moment() -> None:
    """One millisecond before midnight there is no step."""
    day = book()
    day.now = type(day.now)(at("2019-03-05 00:00") - 1)
    assert next_step(day.standing) is None


def test_at_the_same_moment_the_tariffs_fee_comes_first() -> None:
    """40.00 are there for 40.00 and 30.00: the tariff is paid, the add-on waits."""
    day = book("110")
    day.until("2019-03-05 12:00")
    assert day.state("base") is ProductState.ACTIVE and day.state("addon") is ProductState.UNPAID
    assert day.main == 0


def test_the_earlier_moment_comes_first_whoever_it_is_of() -> None:
    """Over missed days the add-on's first day is tried before the tariff's second."""
    days = book()
    days.now = at("2019-03-06 12:00")
    order = []
    while (step := next_step(days.standing)) is not None:
        order.append(step.reason)
        days.done(step)
    assert order == ["base", "addon", "base", "addon"]


def test_two_workers_at_once_post_once() -> None:
    """Both planned from the same snapshot: the second finds that it is done."""
    day = book()
    day.now = at("2019-03-05 00:00")
    first, second = next_step(day.standing), next_step(day.standing)
    assert first is not None and second is not None
    before = day.main
    assert day.post(first).status is PostStatus.POSTED
    assert day.post(second).status is PostStatus.REPLAYED
    assert day.main == before - tenge("40")


def test_a_week_in_hours_is_told_ahead_and_ends_to_the_minute() -> None:
    """168 hours from 12:00 on."""
    day = Book([WEEK], at("2019-03-04 12:00"), tenge("10"))
    day.done(buy(day.standing, "week", "k"))
    day.until("2019-03-10 11:59")
    assert "expires" not in day.told()
    day.until("2019-03-11 11:59")
    assert day.told().count("expires") == 1 and day.others == {"1.data": 5}
    day.until("2019-03-11 12:00")
    assert day.others == {} and day.told()[-1] == "ended"


def test_what_left_the_catalogue_is_looked_at_no_more() -> None:
    """Nobody can say what it asks for; it stays as it is."""
    day = book()
    day.who = subscriber(
        products=(Product(1, "unknown", ProductState.ACTIVE, day.now, day.now),), next_product=2
    )
    assert day.catch_up() == 1
    assert day.who.products[0].due == NEVER and day.main == tenge("930")


def test_a_suspended_subscriber_pays_on() -> None:
    """Fees stop only where somebody ends the product."""
    day = book()
    day.who = replace(day.who, state=SubscriberState.SUSPENDED)
    day.until("2019-03-05 12:00")
    assert day.main == tenge("860")


def test_a_validity_that_ends_first_comes_first() -> None:
    """And of two that end together the validity does: the state is told before the fee is taken."""
    day = book()
    day.who = replace(day.who, valid_until=at("2019-03-05 00:00"))
    day.now = at("2019-03-05 00:00")
    step = next_step(day.standing)
    assert step is not None and step.kind == "validity"


def test_an_end_waits_for_the_session_that_holds_its_units() -> None:
    """Used before the end, reported after it: until then the bucket stays, then it ends as ever."""
    day = Book([WEEK], at("2019-03-04 12:00"), tenge("10"))
    day.done(buy(day.standing, "week", "k"))
    bucket = day.product("week").buckets[0]
    day.held = {bucket.balance: 2}
    day.until("2019-03-11 12:04")
    assert day.product("week").buckets == (bucket,)
    assert day.amount(bucket.balance) == 5 and "ended" not in day.told()
    day.held = {}
    day.until("2019-03-11 12:05")
    assert day.who.products == () and day.amount(bucket.balance) == 0
    assert day.told().count("ended") == 1


def test_a_renewal_leaves_the_time_before_it_to_the_bucket() -> None:
    """Late reports of the day before draw on what was held for them; after an unpaid day it begins anew."""
    rule = replace(TARIFF, buckets=(BucketRule("data", "octets", 5, ()),))
    days = Book([rule], at("2019-03-04 12:00"), tenge("100"))
    days.done(begin_tariff(days.standing, "k"))
    days.until("2019-03-05 12:00")
    assert days.product("base").buckets[0].begins == at("2019-03-04 12:00")
    days.until("2019-03-06 12:00")
    assert days.state("base") is ProductState.UNPAID
    days.main = tenge("40")
    days.until("2019-03-07 12:00")
    assert days.state("base") is ProductState.ACTIVE
    assert days.product("base").buckets[0].begins == at("2019-03-07 00:00")
