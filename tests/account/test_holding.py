"""Buckets: what each rule gives, keeps and lets lapse, and when a product is looked at again."""

from dataclasses import replace

import pytest

from ocs.account.holding import given, lapse, lapse_all, looked_at, units_of, without_over
from ocs.account.purchase import begin_tariff
from ocs.books import Act, Movement
from ocs.model import NEVER, Bucket, Product, ProductState
from ocs.rating.product import BucketRule, Every, Fee, ProductRule, Span
from tests.account.book import Book, at, day_of, every, subscriber, tenge

NOW = at("2019-03-04 10:00")
PLAIN = BucketRule("b", "octets", 100, ())
FEE = Fee(tenge("10"), every(Span.DAYS, 28), window_seconds=7200)


def product(*buckets: Bucket) -> Product:
    """The third product of an account."""
    return Product(3, "p", ProductState.ACTIVE, NOW, period=NOW, buckets=buckets)


def rule(bucket: BucketRule, fee: Fee | None = FEE) -> ProductRule:
    """A product with one bucket."""
    return ProductRule("p", "P", "addon", fee=fee, buckets=(bucket,))


def book(of: ProductRule) -> Book:
    """Somebody on 4 March."""
    return Book([of], NOW)


def test_balances_are_counted_in_the_units_of_their_rules() -> None:
    """Debts and own money in money; a bucket or product that left the catalogue in nothing known."""
    held = product(Bucket("3.b", "b", NOW), Bucket("3.gone", "gone", NOW))
    owner = replace(subscriber(), money="own.2", products=(held, replace(held, product="gone")))
    money = dict.fromkeys(("debt", "bill", "owed", "owed.advance", "own.2"), "money")
    assert units_of(owner, {"p": rule(PLAIN)}) == money | {"3.b": "octets"}
    assert units_of(owner, {}) == money


@pytest.mark.parametrize(
    ("bucket", "acts"),
    [
        (PLAIN, ["keep 3.b 0", "drop 3.b 0", "credit 3.b 100"]),
        (replace(PLAIN, keeps=30), ["keep 3.b 30", "credit 3.b 100"]),
        (replace(PLAIN, extends=True), ["credit 3.b 100"]),
        (replace(PLAIN, adds=True), ["credit 3.b.20190304 100"]),
        (replace(PLAIN, is_daily=True), []),
    ],
    ids=["lapses", "keeps", "extends", "adds", "daily"],
)
def test_a_renewal_moves_what_the_rule_says(bucket: BucketRule, acts: list[str]) -> None:
    """Of a bucket that is there already."""
    held = product(Bucket("3.b", "b", NOW, at("2019-03-04 00:00")))
    change = given(book(rule(bucket)).standing, held, rule(bucket), NOW)
    assert [f"{m.act.value} {m.balance} {m.amount}" for m in change.movements] == acts


@pytest.mark.parametrize(
    ("lasts", "fee", "ends"),
    [
        (Every(Span.DAYS, 7), FEE, "2019-03-11 00:00"),
        (Every(Span.HOURS, 1), FEE, "2019-03-04 11:00"),
        (Every(Span.PERIOD), replace(FEE, window_seconds=0), "2019-04-01 00:00"),
    ],
)
def test_a_bucket_ends_by_its_own_span_or_with_the_period(
    lasts: Every, fee: Fee, ends: str
) -> None:
    """28 days from 4 March are over on 1 April."""
    of = rule(replace(PLAIN, lasts=lasts), fee)
    change = given(book(of).standing, product(), of, NOW)
    assert [day_of(each.ends) for each in change.product.buckets] == [ends]


def test_a_bucket_of_the_period_serves_until_the_next_fee_is_tried() -> None:
    """What was not attempted yet counts as paid: it does not end at midnight, but in the window."""
    of = rule(PLAIN)
    standing = book(of).standing
    change = given(standing, product(), of, NOW)
    due = looked_at(standing, change.product, of, NOW).due
    assert change.product.buckets[0].ends == due > at("2019-04-01 00:00")


def test_a_bucket_of_a_product_that_is_paid_once_ends_with_it() -> None:
    """Or never, with a product that has no end."""
    endless = rule(PLAIN, None)
    change = given(book(endless).standing, product(), endless, NOW)
    assert change.product.buckets[0].ends == NEVER
    of = replace(endless, lasts=Every(Span.DAYS, 30))
    change = given(book(of).standing, product(), of, NOW)
    assert day_of(change.product.buckets[0].ends) == "2019-04-03 00:00"


def test_two_batches_of_one_day_have_two_names() -> None:
    """They may end at different moments."""
    of = rule(replace(PLAIN, adds=True))
    standing = book(of).standing
    twice = given(standing, given(standing, product(), of, NOW).product, of, NOW)
    names = [each.balance for each in twice.product.buckets]
    assert len(set(names)) == 2


def test_extending_gives_what_is_there_the_new_end() -> None:
    """The older bonus lives on too."""
    of = rule(replace(PLAIN, extends=True, lasts=Every(Span.DAYS, 30)))
    held = product(Bucket("3.b", "b", NOW, at("2019-03-07 00:00")))
    change = given(book(of).standing, held, of, NOW)
    assert [(each.balance, day_of(each.ends)) for each in change.product.buckets] == [
        ("3.b", "2019-04-03 00:00")
    ]


def test_what_lapses_is_forgotten_and_what_is_kept_is_not() -> None:
    """An empty balance of an ended bucket must not stay in the account for ever."""
    assert lapse("x") == (Movement(Act.KEEP, "x"), Movement(Act.DROP, "x"))
    assert lapse("x", 5) == (Movement(Act.KEEP, "x", 5),)


def test_a_product_that_ends_lets_all_but_pools_and_daily_counters_lapse() -> None:
    """A pool belongs to the other lines too, a counter of the day has nothing in it."""
    of = replace(rule(PLAIN), buckets=(PLAIN, replace(PLAIN, name="day", is_daily=True)))
    held = product(Bucket("3.b", "b"), Bucket("3.day", "day"), Bucket("pool.p.b", "b"))
    assert {each.balance for each in lapse_all(book(of).standing, held)} == {"3.b"}


def test_only_what_is_over_is_taken_out() -> None:
    """One that the fee renews waits for the fee, unless all are asked for."""
    of = replace(
        rule(PLAIN), buckets=(PLAIN, replace(PLAIN, name="own", lasts=Every(Span.DAYS, 7)))
    )
    over = at("2019-03-04 09:00")
    held = product(
        Bucket("3.b", "b", NOW, over), Bucket("3.own", "own", NOW, over), Bucket("x", "b")
    )
    standing = book(of).standing
    some = without_over(standing, held, of, NOW, all_of_them=False)
    everything = without_over(standing, held, of, NOW, all_of_them=True)
    assert [each.balance for each in some.product.buckets] == ["3.b", "x"]
    assert [each.balance for each in everything.product.buckets] == ["x"]
    assert {each.balance for each in everything.movements} == {"3.b", "3.own"}


def test_a_tariff_on_credit_is_looked_at_on_the_first() -> None:
    """Though it has neither fee nor buckets; without a limit nothing is due."""
    bare = ProductRule("base", "Base", "tariff")
    on_credit = Book([bare], NOW, 0, subscriber(credit_limit=1))
    on_credit.done(begin_tariff(on_credit.standing, "k"))
    assert day_of(on_credit.who.due) == "2019-04-01 00:00"
    plain = product()
    assert looked_at(book(rule(PLAIN, None)).standing, plain, rule(PLAIN, None), NOW).due == NEVER
