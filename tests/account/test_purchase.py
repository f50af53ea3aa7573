"""Who may have which product, what it costs and gives, and what goes when it goes."""

from dataclasses import replace

import pytest

from ocs.account.fees import renewed
from ocs.account.purchase import begin_tariff, buy, change_tariff, drop, give
from ocs.account.standing import Refused
from ocs.books import Posting
from ocs.model import NEVER, Product, ProductState
from ocs.rating.product import BucketRule, Fee, ProductRule, Span
from tests.account.book import Book, at, day_of, every, subscriber, tenge

ONCE = every(Span.ONCE)
PACK = ProductRule(
    "pack-a",
    "Pack A",
    "addon",
    fee=Fee(tenge("250"), ONCE),
    buckets=(BucketRule("sms", "events", 25, ()), BucketRule("data", "octets", 25_600, ())),
    lasts=every(Span.DAYS, 30),
    at_most=0,
)
BASE = ProductRule("base", "Base", "tariff")
OTHER = ProductRule("other", "Other", "tariff", fee=Fee(tenge("100"), every(Span.DAYS, 28)))
PAID = ProductRule("base", "Paid", "tariff", fee=Fee(tenge("40"), every(Span.DAY), restarts=False))
BONUS = ProductRule("bonus", "Bonus", "promotion", buckets=(BucketRule("gift", "money", 5, ()),))


def book(*rules: ProductRule, main: str = "1000") -> Book:
    """A subscriber on a tariff without a fee."""
    return Book([BASE, *rules], at("2019-03-04 10:00"), tenge(main))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (replace(PACK, id="missing"), "no product"),
        (OTHER, "is a tariff"),
        (BONUS, "given, not bought"),
        (replace(PACK, kind="advance"), "money lent"),
        (replace(PACK, requires=frozenset({"gold"})), "needs one of: gold"),
        (replace(PACK, excludes=frozenset({"base"})), "exclude each other"),
        (replace(PACK, needs_paid=True), "only while the fee"),
        (replace(PACK, fee=Fee(tenge("1000.01"), ONCE)), "costs more"),
    ],
)
def test_what_may_not_be_had_is_refused(rule: ProductRule, why: str) -> None:
    """With a sentence, and nothing moves."""
    shop = book(*([] if rule.id == "missing" else [rule]))
    with pytest.raises(Refused, match=why):
        buy(shop.standing, rule.id, "k")


def test_one_smallest_coin_short_is_too_little() -> None:
    """249.99 for 250.00; with 0.01 more it is bought."""
    shop = book(PACK, main="249.99")
    with pytest.raises(Refused, match="costs more"):
        buy(shop.standing, "pack-a", "k")
    shop.main += tenge("0.01")
    shop.done(buy(shop.standing, "pack-a", "k"))
    assert shop.main == 0


def test_a_product_that_is_there_excludes_another_too() -> None:
    """Exclusion holds in both directions."""
    alone = replace(PACK, id="alone", excludes=frozenset({"pack-a"}))
    shop = book(PACK, alone)
    shop.done(buy(shop.standing, "alone", "1"))
    with pytest.raises(Refused, match="exclude"):
        buy(shop.standing, "pack-a", "2")


def test_at_most_so_many_at_a_time() -> None:
    """The third of two is refused; of a product without a limit any number is had."""
    shop = book(replace(PACK, at_most=2))
    shop.done(buy(shop.standing, "pack-a", "1"))
    shop.done(buy(shop.standing, "pack-a", "2"))
    with pytest.raises(Refused, match="there already"):
        buy(shop.standing, "pack-a", "3")


def test_a_purchase_gives_every_bucket_until_its_day() -> None:
    """30 days, the first one included: from 4 March to the end of 2 April. A second pack is apart."""
    shop = book(PACK)
    shop.done(buy(shop.standing, "pack-a", "1"))
    shop.now = at("2019-03-05 10:00")
    shop.done(buy(shop.standing, "pack-a", "2"))
    first, second = shop.who.products
    assert (first.number, second.number, shop.who.next_product) == (1, 2, 3)
    assert shop.others == {"1.sms": 25, "1.data": 25_600, "2.sms": 25, "2.data": 25_600}
    assert {day_of(each.ends) for each in first.buckets} == {"2019-04-03 00:00"}
    assert shop.main == tenge("500") and shop.told() == ["fee", "fee"]


def test_a_product_ends_by_itself_and_is_told_a_day_ahead() -> None:
    """On 2 April at midnight the end is told, on 3 April what is left is gone."""
    shop = book(PACK)
    shop.done(buy(shop.standing, "pack-a", "1"))
    shop.until("2019-04-01 23:59")
    assert shop.told() == ["fee"]
    shop.until("2019-04-02 00:00")
    assert shop.told() == ["fee", "expires"] and shop.others["1.sms"] == 25
    shop.until("2019-04-03 00:00")
    assert shop.told() == ["fee", "expires", "ended"]
    assert shop.who.products == () and shop.others == {} and shop.who.due == NEVER


def test_a_number_of_a_product_is_never_used_again() -> None:
    """Balances carry it: what is left in a forgotten one must not come back."""
    shop = book(PACK)
    shop.done(buy(shop.standing, "pack-a", "1"))
    shop.done(drop(shop.standing, "1", "2"))
    shop.done(buy(shop.standing, "pack-a", "3"))
    assert [each.number for each in shop.who.products] == [2]


def test_dropping_refuses_what_is_not_there_and_the_tariff() -> None:
    """A tariff is changed, not dropped."""
    shop = book(PACK)
    with pytest.raises(Refused, match="does not have"):
        drop(shop.standing, "pack-a", "k")
    shop.done(
        change_tariff(replace(shop.standing, subscriber=replace(shop.who, tariff="x")), "base", "k")
    )
    with pytest.raises(Refused, match="change to another"):
        drop(shop.standing, "base", "k")


def test_dropping_loses_what_is_left() -> None:
    """The buckets are empty and forgotten; nothing is paid back."""
    shop = book(PACK)
    shop.done(buy(shop.standing, "pack-a", "1"))
    shop.done(drop(shop.standing, "pack-a", "2"))
    assert shop.others == {} and shop.main == tenge("750")


def test_a_fee_that_waits_ends_with_its_product() -> None:
    """Dropped while waiting: the next top-up pays no fee."""
    live = ProductRule("live", "Live", "addon", fee=Fee(tenge("99"), every(Span.DAYS, 30)))
    shop = book(live, main="99")
    shop.done(buy(shop.standing, "live", "1"))
    shop.until("2019-04-05 00:00")
    assert shop.state("live") is ProductState.UNPAID
    shop.done(drop(shop.standing, "live", "2"))
    assert shop.who.due == NEVER


def test_beginning_ends_what_it_forfeits() -> None:
    """Joining forfeits the bundles that are still active, before it gives its own."""
    best = replace(OTHER, forfeits=frozenset({"pack-a"}))
    shop = book(PACK, best)
    shop.done(buy(shop.standing, "pack-a", "1"))
    shop.done(change_tariff(shop.standing, "other", "2"))
    assert [each.product for each in shop.who.products] == ["other"] and shop.others == {}


def test_a_change_of_tariff_is_refused_with_its_reason() -> None:
    """To what is none, to what it is, without the money for a fee that is a price."""
    shop = book(PACK, OTHER, main="99.99")
    with pytest.raises(Refused, match="no tariff"):
        change_tariff(shop.standing, "pack-a", "k")
    with pytest.raises(Refused, match="costs more"):
        change_tariff(shop.standing, "other", "k")
    shop.main = tenge("100")
    shop.done(change_tariff(shop.standing, "other", "k"))
    with pytest.raises(Refused, match="already"):
        change_tariff(shop.standing, "other", "l")


def test_a_change_of_tariff_takes_the_old_one_and_what_ends_with_it() -> None:
    """Packs that do not end with the tariff live on to their date; the new fee is taken."""
    bound = replace(PACK, id="bound", ends_with_tariff=True)
    shop = Book([PAID, OTHER, PACK, bound], at("2019-03-04 10:00"), tenge("1000"))
    shop.done(begin_tariff(shop.standing, "0"))
    shop.done(buy(shop.standing, "pack-a", "1"))
    shop.done(buy(shop.standing, "bound", "2"))
    shop.done(change_tariff(shop.standing, "other", "3"))
    assert [each.product for each in shop.who.products] == ["pack-a", "other"]
    assert shop.who.tariff == "other"
    assert day_of(shop.who.paid_until) == "2019-04-01 00:00"
    assert shop.main == tenge("360")  # 1,000 - 40 - 250 - 250 - 100
    assert set(shop.others) == {"2.sms", "2.data"}


def test_a_gift_costs_nothing() -> None:
    """A promotion is given by hand or by a voucher."""
    shop = book(BONUS, main="0")
    shop.done(give(shop.standing, "bonus", "k"))
    assert shop.others == {"1.gift": 5} and shop.main == 0


def test_of_a_gift_with_a_fee_the_first_period_is_free() -> None:
    """And the next one is not: nobody is given a product without an end by mistake."""
    live = ProductRule("live", "Live", "addon", fee=Fee(tenge("99"), every(Span.DAYS, 30)))
    shop = book(live, main="100")
    shop.done(give(shop.standing, "live", "k"))
    assert shop.main == tenge("100") and shop.told() == []
    shop.until("2019-04-03 00:00")
    assert shop.main == tenge("1")


def test_lines_of_a_company_fill_one_pool_and_keep_their_own_stock() -> None:
    """Three lines at 35.00: 500 min each in one pool; messages are each line's own."""
    line = ProductRule(
        "line",
        "Line",
        "tariff",
        fee=Fee(tenge("35"), every(Span.MONTH), restarts=False),
        buckets=(
            BucketRule("pool", "seconds", 30_000, (), is_shared=True),
            BucketRule("sms", "events", 500, ()),
        ),
    )
    company = Book([line], at("2019-03-01 00:00"), tenge("200"))
    for name in ("a", "b", "c"):
        company.who = subscriber("line", member=name, money="", version=company.who.version)
        company.done(begin_tariff(company.standing, f"begin {name}"))
    assert company.main == tenge("95")
    assert company.others == {
        "pool.line.pool.20190401": 90_000,
        "a-1.sms": 500,
        "b-1.sms": 500,
        "c-1.sms": 500,
    }


def test_a_pool_of_the_next_period_is_another_one() -> None:
    """A line that renews first does not take from the others what they have left."""
    line = ProductRule(
        "line",
        "Line",
        "tariff",
        fee=Fee(tenge("35"), every(Span.MONTH), restarts=False),
        buckets=(BucketRule("pool", "seconds", 30_000, (), is_shared=True),),
    )
    company = Book([line], at("2019-03-01 00:00"), tenge("200"))
    company.done(replace_who(company, "a"))
    first = company.who
    company.done(replace_who(company, "b"))
    company.who = replace(first, version=company.who.version)
    company.until("2019-04-01 00:00")
    assert company.others == {"pool.line.pool.20190501": 30_000}


def replace_who(company: Book, name: str) -> Posting:
    """Another line begins."""
    company.who = subscriber("line", member=name, money="", version=company.who.version)
    begun = begin_tariff(company.standing, f"begin {name}")
    assert begun is not None
    return begun


def test_what_has_no_fee_of_its_own_is_not_renewed() -> None:
    """A pack that is paid once cannot begin a period."""
    shop = book(PACK)
    shop.done(buy(shop.standing, "pack-a", "1"))
    with pytest.raises(Refused, match="no fee that comes again"):
        renewed(shop.standing, shop.product("pack-a"), PACK, "2")


def test_a_tariff_without_fee_and_buckets_needs_no_account_of_it() -> None:
    """And one that was begun does not begin again."""
    shop = book()
    assert begin_tariff(shop.standing, "k") is None
    paid = Book([PAID], at("2019-03-04 10:00"), tenge("40"))
    paid.done(begin_tariff(paid.standing, "k"))
    assert begin_tariff(paid.standing, "l") is None


def test_a_new_subscriber_without_money_waits_for_the_first_fee() -> None:
    """There is no tariff to go back to: it is there, and unpaid."""
    shop = Book([replace(OTHER, id="base")], at("2019-03-04 10:00"), 0)
    shop.done(begin_tariff(shop.standing, "k"))
    expected = Product(1, "base", ProductState.UNPAID, shop.now, at("2019-03-05 00:00"), shop.now)
    assert shop.product("base") == expected
