"""Fees of published tariffs over their days: whole or not at all, once for each period, late by rule.

The amounts are those of published tariffs: Kcell "Conversations", "9 tenge to everywhere", "Data packs",
"Mobile Internet+", activ "Live Balance" and "Tariff Re-activation".
"""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from ocs.account.agenda import next_step
from ocs.account.fees import price_of, renewed, waiting
from ocs.account.money import after_topup, topup
from ocs.account.purchase import begin_tariff, buy
from ocs.account.standing import Refused, is_fee_paid
from ocs.books import PostStatus
from ocs.model import ProductState, UtcMillis
from ocs.rating.product import BucketRule, Every, Fee, Late, ProductRule, Span
from tests.account.book import Book, at, day_of, every, subscriber, tenge

KB, HOUR = 1024, 3_600_000
DAILY = Fee(tenge("40"), every(Span.DAY), window_seconds=7200, restarts=False)
CONVERSATIONS = ProductRule("base", "Conversations", "tariff", fee=DAILY)
MONTHLY = Fee(tenge("500"), every(Span.MONTH), is_prorated=True, restarts=False)
NINE = ProductRule("base", "9 tenge", "tariff", fee=MONTHLY)
VOLUME = BucketRule("volume", "octets", 5 * 1024 * 1024 * KB, (), is_prorated=True, grain=KB)
INTERNET_5 = ProductRule(
    "internet-5",
    "Internet 5",
    "addon",
    fee=Fee(tenge("1190"), every(Span.MONTH), True, 18_000, restarts=False),
    buckets=(VOLUME,),
)
BATCH = BucketRule("volume", "octets", 20_480 * KB, (), Every(Span.MONTH, 3), adds=True)
MOBILE = ProductRule(
    "mobile",
    "Mobile Internet+",
    "addon",
    fee=Fee(tenge("39"), every(Span.DAY), window_seconds=7200, late=Late.NEXT, restarts=False),
    buckets=(BATCH,),
)
LIVE = ProductRule("live", "Live Balance", "addon", fee=Fee(tenge("99"), every(Span.DAYS, 30)))
TALK = ProductRule(
    "base",
    "Talk",
    "tariff",
    fee=Fee(tenge("990"), every(Span.DAYS, 28), window_seconds=7200),
    buckets=(BucketRule("off-net", "seconds", 2100, ()),),
)


def begun(rule: ProductRule, moment: str, main: str) -> Book:
    """A subscriber whose tariff begins."""
    book = Book([rule], at(moment), tenge(main))
    book.done(begin_tariff(book.standing, "begin"))
    return book


def bought(rule: ProductRule, moment: str, main: str) -> Book:
    """A subscriber who buys an add-on."""
    book = Book([rule], at(moment), tenge(main))
    book.done(buy(book.standing, rule.id, "buy"))
    return book


def topped_up(book: Book, amount: str, key: str = "pay") -> None:
    """A top-up, and what it pays."""
    book.done(topup(book.standing, tenge(amount), key))
    while (step := after_topup(book.standing)) is not None:
        book.done(step)


def test_a_fee_that_is_not_covered_takes_nothing_and_is_told_once() -> None:
    """30.00 are there, 40.00 are due: nothing is taken, however often it is tried."""
    book = begun(CONVERSATIONS, "2019-03-03 12:00", "70")
    book.until("2019-03-04 23:00")
    assert book.main == tenge("30") and book.state("base") is ProductState.UNPAID
    assert not is_fee_paid(book.who, book.now)
    book.until("2019-03-06 23:00")
    assert book.main == tenge("30") and book.told() == ["fee", "unpaid"]


def test_a_late_daily_fee_comes_with_the_topup_of_the_day() -> None:
    """Conversations: top-up at 14:00, the fee at once, the next one after midnight."""
    book = begun(CONVERSATIONS, "2019-03-03 12:00", "70")
    book.until("2019-03-04 14:00")
    topped_up(book, "100")
    assert book.main == tenge("90") and book.state("base") is ProductState.ACTIVE
    assert is_fee_paid(book.who, book.now)
    book.until("2019-03-05 02:00")
    assert book.main == tenge("50")


def test_a_topup_that_does_not_suffice_leaves_the_fee_waiting() -> None:
    """Live Balance: 50.00, then 20.00: 70.00 are less than 99.00. With 50.00 more it begins anew."""
    book = bought(LIVE, "2019-02-02 12:00", "149")
    book.until("2019-03-04 00:10")
    assert book.main == tenge("50") and book.state("live") is ProductState.UNPAID
    topped_up(book, "20", "first")
    assert book.main == tenge("70") and book.state("live") is ProductState.UNPAID
    book.until("2019-03-06 15:00")
    topped_up(book, "50", "second")
    assert book.main == tenge("21") and book.state("live") is ProductState.ACTIVE
    assert day_of(book.product("live").due) == "2019-04-05 00:00"


def test_a_fee_that_is_tried_again_only_when_the_next_is_due_does_not_come_with_a_topup() -> None:
    """Mobile Internet+: not covered on 4 March, topped up at 15:00, taken on 5 March."""
    book = bought(MOBILE, "2019-03-03 12:00", "59")
    book.until("2019-03-04 15:00")
    assert book.main == tenge("20") and book.state("mobile") is ProductState.UNPAID
    topped_up(book, "100")
    assert book.main == tenge("120")
    book.until("2019-03-05 02:00")
    assert book.main == tenge("81")
    batches = [each.balance for each in book.product("mobile").buckets]
    assert [book.amount(each) for each in batches] == [20_480 * KB] * 2
    assert [day_of(each.ends)[:10] for each in book.product("mobile").buckets] == [
        "2019-06-03",
        "2019-06-05",
    ]


def test_batches_lapse_one_by_one() -> None:
    """What was given on 1 January is over on 1 April; the batch of the 2nd is not."""
    book = bought(MOBILE, "2019-01-01 12:00", "78")
    book.until("2019-01-02 02:00")
    first, second = (each.balance for each in book.product("mobile").buckets)
    book.until("2019-03-31 23:59")
    assert book.amount(first) == 20_480 * KB
    book.until("2019-04-01 00:00")
    assert first not in book.others and book.amount(second) == 20_480 * KB
    book.until("2019-04-02 00:00")
    assert second not in book.others and not book.product("mobile").buckets
    assert "expires" not in book.told()  # not a message a day


def test_a_monthly_fee_is_prorated_on_the_first_day_and_whole_on_the_first() -> None:
    """9 tenge: activated on 11 June, 20 days of 30 are left: 333.33. On 1 July: 500.00."""
    book = begun(NINE, "2019-06-11 09:00", "1000")
    assert book.main == tenge("666.67")
    book.until("2019-07-01 00:00")
    assert book.main == tenge("166.67")


def test_a_late_monthly_fee_is_prorated_by_the_days_left() -> None:
    """Unpaid on 1 July, 22 days of 31 are left on the 10th: 354.84."""
    book = begun(NINE, "2019-06-30 09:00", "16.67")  # 1 day of 30
    book.main = tenge("286")
    book.until("2019-07-10 12:00")
    assert book.main == tenge("286") and book.state("base") is ProductState.UNPAID
    topped_up(book, "400")
    assert book.main == tenge("331.16")
    assert day_of(book.product("base").due) == "2019-08-01 00:00"


def test_volume_is_prorated_with_the_fee_and_rounded_down_to_its_grain() -> None:
    """Internet 5: 16 April, 15 of 30 days: 595.00 for 2,621,440 KB; 12 May, 20 of 31: 3,382,503 KB."""
    book = bought(INTERNET_5, "2019-04-16 10:00", "1000")
    volume = f"{book.product('internet-5').number}.volume"
    assert book.main == tenge("405") and book.amount(volume) == 2_621_440 * KB
    book.until("2019-05-12 09:00")
    assert book.main == tenge("405") and book.amount(volume) == 0
    topped_up(book, "500")
    assert book.main == tenge("137.26") and book.amount(volume) == 3_382_503 * KB


def test_a_fee_of_the_calendar_lets_its_product_begin_unpaid() -> None:
    """Internet 5 with 10.00: active at the fallback price; with 600.00 more it is paid."""
    book = bought(INTERNET_5, "2019-04-16 10:00", "10")
    assert book.main == tenge("10") and book.state("internet-5") is ProductState.UNPAID
    topped_up(book, "600")
    assert book.main == tenge("15") and book.state("internet-5") is ProductState.ACTIVE


def test_a_renewal_makes_what_is_left_lapse_and_counts_from_the_day_of_collection() -> None:
    """4 March + 28 days is 1 April; 870 s are lost, 2,100 s are given."""
    book = begun(TALK, "2019-03-04 10:00", "2500")
    bucket = book.product("base").buckets[0].balance
    book.others[bucket] -= 1230
    assert book.amount(bucket) == 870 and book.main == tenge("1510")
    book.until("2019-03-31 23:59")
    assert book.amount(bucket) == 870
    book.until("2019-04-01 02:00")
    assert book.amount(bucket) == 2100 and book.main == tenge("520")


def test_a_rollover_keeps_what_its_rule_says() -> None:
    """Of 870 s left 600 are kept beside the new 2,100."""
    keeping = replace(TALK, buckets=(replace(TALK.buckets[0], keeps=600),))
    book = begun(keeping, "2019-03-04 10:00", "2500")
    bucket = book.product("base").buckets[0].balance
    book.others[bucket] -= 1230
    book.until("2019-04-01 02:00")
    assert book.amount(bucket) == 2700


def test_a_renewal_on_request_is_refused_without_money() -> None:
    """989.99 are not 990.00."""
    book = begun(TALK, "2019-03-04 10:00", "1979.99")
    with pytest.raises(Refused, match="costs more"):
        renewed(book.standing, book.product("base"), TALK, "again")


def test_a_renewal_on_request_begins_a_period() -> None:
    """Re-activated on 23 March: the fee again, the allowance new, next due on 20 April."""
    book = begun(TALK, "2019-03-04 10:00", "2490")
    book.until("2019-03-23 12:00")
    bucket = book.product("base").buckets[0].balance
    book.others[bucket] = 870
    book.done(renewed(book.standing, book.product("base"), TALK, "again"))
    assert book.main == tenge("510") and book.amount(bucket) == 2100
    assert day_of(book.product("base").due)[:10] == "2019-04-20"


def test_a_credit_limit_covers_a_fee() -> None:
    """500.00 of 500.00 may be used."""
    book = Book([NINE], at("2019-07-01 00:00"), 0, subscriber(credit_limit=tenge("500")))
    book.done(begin_tariff(book.standing, "begin"))
    assert book.main == -tenge("500") and book.state("base") is ProductState.ACTIVE


def test_fees_wait_in_order_the_tariffs_first_then_by_age() -> None:
    """100.00 for a tariff at 40.00 and two add-ons at 99.00 and 30.00: tariff and what is covered."""
    small = replace(LIVE, id="small", fee=Fee(tenge("30"), every(Span.DAYS, 30)))
    book = Book([CONVERSATIONS, LIVE, small], at("2019-03-01 12:00"), tenge("169"))
    book.done(buy(book.standing, "live", "1"))
    book.done(begin_tariff(book.standing, "2"))
    book.done(buy(book.standing, "small", "3"))
    book.main = 0
    book.until("2019-03-31 13:00")
    assert {book.state(each) for each in ("live", "base", "small")} == {ProductState.UNPAID}
    book.done(topup(book.standing, tenge("100"), "pay"))
    order = []
    while (step := waiting(book.standing)) is not None:
        order.append(step.reason)
        book.done(step)
    assert order == ["base", "small"] and book.main == tenge("30")


def test_missed_periods_are_charged_in_order_however_late() -> None:
    """Nobody tried for three days: what was included was served, so three fees are taken, each once."""
    book = begun(CONVERSATIONS, "2019-03-01 12:00", "200")
    book.now = at("2019-03-04 15:00")
    assert book.catch_up() == 3
    assert book.main == tenge("40")
    assert [
        day_of(UtcMillis(int(key.rpartition(":")[2]))) for key in book.posted if key != "begin"
    ] == [
        "2019-03-02 00:00",
        "2019-03-03 00:00",
        "2019-03-04 00:00",
    ]


def test_periods_that_passed_unpaid_are_not_charged_later() -> None:
    """Money for one of three missed days: the first is paid, today's is tried, those between are not."""
    book = begun(CONVERSATIONS, "2019-03-01 12:00", "80")
    book.now = at("2019-03-04 15:00")
    book.catch_up()
    assert book.main == 0 and book.state("base") is ProductState.UNPAID
    topped_up(book, "100")
    assert book.main == tenge("60")


def test_fees_are_spread_over_their_window_and_each_subscriber_keeps_its_moment() -> None:
    """Within two hours from local midnight on, not all at once, the same each day."""
    moments = []
    for number in range(50):
        book = Book([CONVERSATIONS], at("2019-03-01 12:00"), tenge("900"))
        book.who = replace(book.who, account_id=type(book.who.account_id)(str(number)))
        book.done(begin_tariff(book.standing, "begin"))
        first = book.who.due - at("2019-03-02 00:00")
        book.until("2019-03-02 02:00")
        assert book.who.due - at("2019-03-03 00:00") == first
        assert 0 <= first < 2 * HOUR
        moments.append(first)
    assert len(set(moments)) > 40


@pytest.mark.parametrize(
    ("day", "cost"),
    [("2019-02-28 12:00", "17.86"), ("2019-02-01 00:00", "500"), ("2020-02-29 12:00", "17.24")],
)
def test_prorating_counts_the_day_itself(day: str, cost: str) -> None:
    """The last day of February is 1 of 28, or 1 of 29: 500/28 = 17.857, 500/29 = 17.241."""
    book = Book([NINE], at(day))
    assert price_of(book.standing, MONTHLY, book.now) == tenge(cost)


SPANS = [
    every(Span.DAY),
    every(Span.WEEK),
    every(Span.MONTH),
    every(Span.DAYS, 3),
    every(Span.HOURS, 5),
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SPANS),
    st.integers(0, 20_000),
    st.lists(st.integers(-3 * 24 * HOUR, 9 * 24 * HOUR), min_size=1, max_size=12),
)
def test_a_fee_is_charged_exactly_once_per_period(
    span: Every, window: int, steps: list[int]
) -> None:
    """Over any restarts and steps of the clock, back and forth, two workers at a time: the fees that were
    taken are those of the periods that began, and each period has one."""
    rule = ProductRule("base", "Any", "tariff", fee=Fee(tenge("1"), span, window_seconds=window))
    book = Book([rule], at("2019-03-01 12:00"), tenge("10000"))
    book.done(begin_tariff(book.standing, "begin"))
    latest = book.now
    for step in steps:
        book.now = UtcMillis(max(0, book.now + step))
        planned = book.standing
        book.catch_up()
        # The other worker planned from what it saw before: nothing moves a second time.
        from_before = replace(planned, now=book.now)
        before = book.main
        late = next_step(from_before)
        if late is not None and planned.subscriber.version != book.who.version:
            assert book.post(late).status in (PostStatus.REPLAYED, PostStatus.STALE)
        assert book.main == before
        latest = UtcMillis(max(latest, book.now))
    starts = [int(key.rpartition(":")[2]) for key in book.posted if key.startswith("fee:")]
    assert len(starts) == len(set(starts)) and starts == sorted(starts)
    assert book.main == tenge("10000") - (1 + len(starts)) * tenge("1")
    assert book.who.due > latest
    # No period was left out: each begins where the one before it ends.
    begins = [at("2019-03-01 12:00"), *starts]
    assert all(after - before <= LONGEST[span.span] for before, after in pairwise(begins))
    assert latest - begins[-1] <= LONGEST[span.span] + window * 1000


LONGEST = {
    Span.DAY: 24 * HOUR,
    Span.WEEK: 7 * 24 * HOUR,
    Span.MONTH: 31 * 24 * HOUR,
    Span.DAYS: 3 * 24 * HOUR,
    Span.HOURS: 5 * HOUR,
}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(Late)),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 50 * HOUR)), min_size=1, max_size=15),
)
def test_fees_are_whole_and_never_take_more_than_there_is(
    late: Late, restarts: bool, events: list[tuple[int, int]]
) -> None:
    """Over random top-ups and pauses: no account goes below zero, every fee that was taken is a whole one,
    and after a top-up that pays late fees nothing waits that is covered."""
    fee = Fee(tenge("40"), every(Span.DAYS, 2), late=late, restarts=restarts)
    book = Book(
        [ProductRule("base", "Any", "tariff", fee=fee)], at("2019-03-01 12:00"), tenge("40")
    )
    book.done(begin_tariff(book.standing, "begin"))
    paid_in = tenge("40")
    for number, (amount, pause) in enumerate(events):
        book.now = UtcMillis(book.now + pause)
        book.catch_up()
        assert book.main >= 0
        if amount:
            topped_up(book, str(amount), f"pay {number}")
            paid_in += tenge(str(amount))
        fees = 1 + sum(key.startswith("fee:") for key in book.posted)
        assert book.main == paid_in - fees * tenge("40")
        waits = book.state("base") is ProductState.UNPAID
        assert not (waits and late is Late.TOPUP and amount and book.main >= tenge("40"))
        assert book.who.due > book.now
