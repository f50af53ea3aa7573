"""Money that comes and what it pays first; money lent; usage that is reported late."""

from dataclasses import replace

import pytest

from ocs.account.agenda import next_step
from ocs.account.money import after_topup, late_usage, lend, topup
from ocs.account.purchase import drop
from ocs.account.standing import ADVANCE_OWED, BILL, DEBT, Refused
from ocs.books import PostStatus
from ocs.model import NEVER, RatingAttributes, SubscriberState
from ocs.rating.lifecycle import allows
from ocs.rating.product import CALLS_OWED, Advance, Bonus, BucketRule, Fee, ProductRule, Span
from tests.account.book import MAIN, Book, at, day_of, every, subscriber, tenge

OKOA = ProductRule(
    "okoa",
    "Okoa 50",
    "advance",
    buckets=(BucketRule("money", "money", tenge("45"), (), lasts=every(Span.ONCE)),),
    advance=Advance(tenge("50"), tenge("5"), every(Span.ONCE), below=tenge("2")),
)
EXTRA = ProductRule(
    "extra",
    "Extra Balance 250",
    "advance",
    advance=Advance(tenge("250"), tenge("25"), every(Span.DAYS, 5), tenge("100"), 30, "recharged"),
)
CREDIT = ProductRule("credit", "Calls on credit", "addon", credit=tenge("45"))
RECHARGE = ProductRule(
    "recharge",
    "Recharge",
    "promotion",
    buckets=(
        BucketRule("bonus", "money", tenge("1000"), (), every(Span.DAYS, 30), extends=True),
        BucketRule("data", "octets", 1024**3, (), every(Span.DAYS, 30), extends=True),
    ),
    bonus=Bonus(tenge("500"), tenge("1250")),
)
OUTGOING, INCOMING = RatingAttributes("voice"), RatingAttributes("voice", is_originating=False)


def book(*rules: ProductRule, main: str = "0", **others: int) -> Book:
    """A subscriber, and what else the account holds."""
    made = Book(list(rules), at("2019-03-04 12:00"), tenge(main))
    made.others.update(others)
    return made


# --- late usage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, -1])
def test_late_usage_of_nothing_is_refused(amount: int) -> None:
    """A partner's file does not give money back."""
    with pytest.raises(Refused):
        late_usage(book().standing, "r1", amount)


def test_late_usage_takes_what_is_there_and_leaves_the_rest_as_a_debt() -> None:
    """295.00 with 100.00: main is 0, 195.00 are owed; outgoing is closed, incoming is not."""
    roamer = book(main="100")
    roamer.done(late_usage(roamer.standing, "file 7, record 3", tenge("295")))
    assert roamer.main == 0 and roamer.others[DEBT] == -tenge("195")
    assert not allows(roamer.who, OUTGOING) and allows(roamer.who, INCOMING)


def test_late_usage_that_is_covered_closes_nothing() -> None:
    """88.50 of 100.00."""
    roamer = book(main="100")
    roamer.done(late_usage(roamer.standing, "r", tenge("88.5")))
    assert roamer.main == tenge("11.5") and DEBT not in roamer.others
    assert allows(roamer.who, OUTGOING)


def test_one_record_is_charged_once() -> None:
    """The same record of the same file moves nothing the second time, whatever is there by then."""
    roamer = book(main="100")
    roamer.done(late_usage(roamer.standing, "r", tenge("295")))
    roamer.main = tenge("500")
    again = roamer.post(late_usage(roamer.standing, "r", tenge("295")))
    assert again.status is PostStatus.REPLAYED and roamer.main == tenge("500")


# --- top-ups ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, -1])
def test_a_topup_is_money(amount: int) -> None:
    """Nothing, or less, is none."""
    with pytest.raises(Refused):
        topup(book().standing, amount, "k")


def test_a_topup_smaller_than_the_debt_opens_nothing() -> None:
    """100.00 of 195.00: 95.00 are still owed."""
    roamer = book(main="100")
    roamer.done(late_usage(roamer.standing, "r", tenge("295")))
    roamer.done(topup(roamer.standing, tenge("100"), "k"))
    assert roamer.main == 0 and roamer.others[DEBT] == -tenge("95")
    assert not allows(roamer.who, OUTGOING)


def test_a_topup_pays_the_debt_first_and_opens_what_it_closed() -> None:
    """300.00 for 195.00: 105.00 are left, calls go out again."""
    roamer = book(main="100")
    roamer.done(late_usage(roamer.standing, "r", tenge("295")))
    roamer.done(topup(roamer.standing, tenge("300"), "k"))
    assert roamer.main == tenge("105") and roamer.others[DEBT] == 0
    assert allows(roamer.who, OUTGOING)


def test_the_order_of_a_topup_is_debt_bill_advance_balance() -> None:
    """Each 10.00 owed; 25.00 come, then 25.00 again."""
    payer = book()
    payer.others.update({DEBT: -tenge("10"), BILL: -tenge("10"), ADVANCE_OWED: -tenge("10")})
    payer.done(topup(payer.standing, tenge("25"), "1"))
    assert (payer.others[DEBT], payer.others[BILL], payer.others[ADVANCE_OWED], payer.main) == (
        0,
        0,
        -tenge("5"),
        0,
    )
    payer.done(topup(payer.standing, tenge("25"), "2"))
    assert payer.others[ADVANCE_OWED] == 0 and payer.main == tenge("20")
    assert dict(payer.notices[-1].values) == {
        "amount": str(tenge("25")),
        "left": str(tenge("20")),
    }


def test_a_member_tops_up_its_own_money() -> None:
    """Not what the company has."""
    member = book(main="7")
    member.who = subscriber(member="anna", money="anna")
    member.done(topup(member.standing, tenge("5"), "k"))
    assert member.others["anna"] == tenge("5") and member.main == tenge("7")


def test_a_topup_that_is_sent_again_moves_nothing() -> None:
    """Whatever has happened in between, its content is the same."""
    payer = book(RECHARGE)
    payer.done(topup(payer.standing, tenge("500"), "k"))
    payer.others[DEBT] = -tenge("1")
    assert payer.post(topup(payer.standing, tenge("500"), "k")).status is PostStatus.REPLAYED
    assert payer.main == tenge("500")


def test_validity_comes_with_a_topup_and_calls_go_out_again() -> None:
    """30 days from the day on; a number in its grace time is in service again."""
    payer = book()
    payer.who = subscriber(state=SubscriberState.ONE_WAY, valid_until=at("2019-05-01 00:00"))
    payer.done(topup(payer.standing, tenge("5"), "k", valid_days=30))
    assert payer.who.state is SubscriberState.ACTIVE
    assert day_of(payer.who.valid_until) == "2019-04-03 00:00"
    payer.who = replace(payer.who, valid_until=at("2019-08-01 00:00"))
    payer.done(topup(payer.standing, tenge("5"), "l", valid_days=30))
    assert day_of(payer.who.valid_until) == "2019-08-01 00:00"


# --- promotions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["499.99", "1250.01"])
def test_outside_its_range_a_topup_earns_nothing(amount: str) -> None:
    """Both ends belong to it."""
    payer = book(RECHARGE)
    payer.done(topup(payer.standing, tenge(amount), "k"))
    assert payer.main == tenge(amount) and payer.who.products == ()


def test_another_channel_or_tariff_earns_nothing() -> None:
    """Only by card, only on one tariff."""
    card = replace(RECHARGE, bonus=Bonus(1, 0, frozenset({"card"})), requires=frozenset({"gold"}))
    payer = book(card)
    payer.done(topup(payer.standing, tenge("500"), "1", "terminal"))
    payer.done(topup(payer.standing, tenge("500"), "2", "card"))
    assert payer.who.products == ()
    payer.who = replace(payer.who, tariff="gold")
    payer.done(topup(payer.standing, tenge("500"), "3", "card"))
    assert [each.product for each in payer.who.products] == ["recharge"]


def test_bonuses_add_up_and_live_thirty_days_from_the_last_topup() -> None:
    """500.00 on 14 November; 1,250.00 on 11 December: all of it is there to 9 January, then lapses."""
    payer = book(RECHARGE)
    payer.now = at("2022-11-14 10:00")
    payer.done(topup(payer.standing, tenge("500"), "1"))
    assert day_of(payer.product("recharge").buckets[0].ends) == "2022-12-14 00:00"
    assert payer.others == {"1.bonus": tenge("1000"), "1.data": 1024**3}
    payer.others["1.bonus"] = tenge("300")
    payer.until("2022-12-11 10:00")
    payer.done(topup(payer.standing, tenge("1250"), "2"))
    assert payer.others["1.bonus"] == tenge("1300")
    assert {day_of(each.ends) for each in payer.product("recharge").buckets} == {"2023-01-10 00:00"}
    payer.until("2023-01-09 23:59")
    assert payer.others["1.bonus"] == tenge("1300")
    payer.until("2023-01-10 00:00")
    assert payer.others == {} and payer.main == tenge("1750")


def test_a_topup_leaves_its_mark_for_so_many_days() -> None:
    """A price may ask who topped up in the last 30 days; the newest top-up counts."""
    marking = ProductRule("m", "M", "promotion", bonus=Bonus(1, 0, mark="recharged", mark_days=30))
    payer = book(marking)
    payer.done(topup(payer.standing, tenge("5"), "1"))
    payer.until("2019-03-10 12:00")
    payer.done(topup(payer.standing, tenge("5"), "2"))
    assert [(name, day_of(until)) for name, until in payer.who.marks] == [
        ("recharged", "2019-04-09 12:00")
    ]


# --- advances --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"main": tenge("2")}, "balance is low"),
        ({"main": -1}, "not below zero"),
        ({"owed": -1}, "not paid back"),
        ({"debt": -1}, "not paid back"),
    ],
)
def test_an_advance_is_lent_only_to_whom_it_is_for(changes: dict[str, int], why: str) -> None:
    """Below 2.00, nothing owed."""
    asking = book(OKOA, main="1.5")
    asking.main = changes.get("main", asking.main)
    asking.others = {ADVANCE_OWED: changes.get("owed", 0), DEBT: changes.get("debt", 0)}
    with pytest.raises(Refused, match=why):
        lend(asking.standing, "okoa", "k")


def test_an_advance_may_ask_for_age_and_a_topup() -> None:
    """30 days of the number, a top-up in the last 30 days; what is no advance is not lent."""
    asking = book(EXTRA, CREDIT)
    asking.who = subscriber(attributes=(("activated", str(at("2019-02-03 12:00"))),))
    with pytest.raises(Refused, match="needs a top-up"):
        lend(asking.standing, "extra", "k")
    fresh = (("recharged", at("2019-03-20 00:00")),)
    asking.who = subscriber(attributes=(("activated", str(at("2019-02-02 12:01"))),), marks=fresh)
    with pytest.raises(Refused, match="30 days"):
        lend(asking.standing, "extra", "k")
    asking.now = at("2019-03-04 12:01")
    asking.done(lend(asking.standing, "extra", "k"))
    with pytest.raises(Refused, match="no advance"):
        lend(asking.standing, "credit", "k")


def test_money_lent_is_less_than_what_is_owed_by_the_fee() -> None:
    """50.00 are owed, 45.00 are given, in a balance of their own; main is not touched."""
    asking = book(OKOA, main="1.5")
    asking.done(lend(asking.standing, "okoa", "k"))
    assert asking.others == {"1.money": tenge("45"), ADVANCE_OWED: -tenge("50")}
    assert asking.main == tenge("1.5")
    with pytest.raises(Refused, match="paid back"):
        drop(asking.standing, "okoa", "l")


def test_an_advance_is_recovered_from_the_next_topups() -> None:
    """30.00, then 100.00: 80.00 are left, nothing is owed."""
    asking = book(OKOA, main="1.5")
    asking.done(lend(asking.standing, "okoa", "k"))
    asking.main = 0
    asking.done(topup(asking.standing, tenge("30"), "1"))
    assert asking.main == 0 and asking.others[ADVANCE_OWED] == -tenge("20")
    asking.done(topup(asking.standing, tenge("100"), "2"))
    assert asking.main == tenge("80") and asking.others[ADVANCE_OWED] == 0


def extra(main: str = "0") -> Book:
    """Who was lent 225.00 against 250.00, to main money."""
    asking = book(EXTRA, main=main)
    asking.who = subscriber(
        attributes=(("activated", "1"),), marks=(("recharged", at("2019-03-20 00:00")),)
    )
    asking.done(lend(asking.standing, "extra", "k"))
    return asking


def test_an_advance_that_nothing_paid_back_is_taken_back_on_its_day() -> None:
    """Lent on 4 March for 5 days: on 9 March 200.00 of 250.00 are there, 50.00 stay owed."""
    asking = extra()
    assert asking.main == tenge("225") and asking.others[ADVANCE_OWED] == -tenge("250")
    asking.main = tenge("200")
    asking.until("2019-03-08 23:59")
    assert asking.main == tenge("200")
    asking.until("2019-03-09 00:00")
    assert asking.main == 0 and asking.others[ADVANCE_OWED] == -tenge("50")
    assert asking.who.products == () and asking.who.due == NEVER


def test_an_advance_that_is_paid_back_is_not_taken_again() -> None:
    """The product is gone with the debt."""
    asking = extra()
    asking.done(topup(asking.standing, tenge("300"), "pay"))
    assert asking.main == tenge("275") and asking.who.products == ()
    asking.until("2019-03-20 00:00")
    assert asking.main == tenge("275")


def test_an_advance_in_a_balance_of_its_own_gives_that_back_first() -> None:
    """30.00 of it unused and 10.00 own: 40.00 of 50.00 are recovered, the balance is forgotten."""
    lasting = replace(
        OKOA, advance=Advance(tenge("50"), tenge("5"), every(Span.DAYS, 5), below=tenge("2"))
    )
    asking = book(lasting)
    asking.done(lend(asking.standing, "okoa", "k"))
    asking.others["1.money"], asking.main = tenge("30"), tenge("10")
    asking.until("2019-03-09 00:00")
    assert asking.main == 0 and asking.others == {ADVANCE_OWED: -tenge("10")}


# --- calls on credit, and a month on credit -----------------------------------------------------------


def with_credit(owed: str) -> Book:
    """Who may call on credit, and did."""
    caller = book(CREDIT)
    product = replace(extra().product("extra"), product="credit", due=at("2019-03-05 00:00"))
    caller.who = subscriber(products=(product,), next_product=2)
    caller.others[CALLS_OWED] = -tenge(owed)
    return caller


def test_calls_on_credit_are_collected_on_the_next_day() -> None:
    """A top-up on the day of the call is the caller's; the day after the call's price is taken."""
    caller = with_credit("30")
    caller.done(topup(caller.standing, tenge("50"), "k"))
    assert after_topup(caller.standing) is None and caller.main == tenge("50")
    caller.until("2019-03-05 12:00")
    assert caller.main == tenge("20") and caller.others[CALLS_OWED] == 0


def test_calls_on_credit_wait_for_a_topup_that_suffices() -> None:
    """20.00 are too little for 30.00; with 50.00 more it is settled."""
    caller = with_credit("30")
    caller.until("2019-03-05 12:00")
    caller.done(topup(caller.standing, tenge("20"), "1"))
    assert after_topup(caller.standing) is None and caller.main == tenge("20")
    caller.done(topup(caller.standing, tenge("50"), "2"))
    caller.done(after_topup(caller.standing))
    assert caller.main == tenge("40") and caller.others[CALLS_OWED] == 0
    assert after_topup(caller.standing) is None


def test_the_limit_is_whole_again_on_the_first_and_then_the_fee_is_taken() -> None:
    """980.00 of 1,000.00 used in June: on 1 July they are June's bill, and 500.00 of July are used."""
    nine = ProductRule(
        "base", "9 tenge", "tariff", fee=Fee(tenge("500"), every(Span.MONTH), restarts=False)
    )
    owner = Book([nine], at("2019-06-01 00:00"), 0, subscriber(credit_limit=tenge("1000")))
    product = replace(extra().product("extra"), product="base", due=at("2019-07-01 00:00"))
    owner.who = replace(
        owner.who, products=(replace(product, period=at("2019-06-01 00:00")),), next_product=2
    )
    owner.main = -tenge("980")
    owner.until("2019-07-01 00:00")
    assert owner.main == -tenge("500") and owner.others[BILL] == -tenge("980")
    assert next_step(owner.standing) is None
    owner.done(topup(owner.standing, tenge("1000"), "pay"))
    assert owner.others[BILL] == 0 and owner.main == -tenge("480")


def test_an_automatic_topup_is_asked_for_once_per_crossing() -> None:
    """100.00 is the threshold: from 120.00 to 80.00 it is told; from 80.00 further down it is not."""
    owner = book(main="120")
    owner.who = subscriber(attributes=(("auto_topup", str(tenge("100"))),))
    owner.done(late_usage(owner.standing, "1", tenge("10")))
    assert owner.told() == []
    owner.done(late_usage(owner.standing, "2", tenge("10")))
    owner.done(late_usage(owner.standing, "3", tenge("20")))
    assert owner.told() == ["auto_topup"]
    assert owner.amount(MAIN) == tenge("80")


def test_another_amount_under_the_same_record_is_no_repeat() -> None:
    """The partner has to say which of the two it is."""
    roamer = book(main="100")
    roamer.done(late_usage(roamer.standing, "r", tenge("10")))
    again = roamer.post(late_usage(roamer.standing, "r", tenge("11")))
    assert again.status is PostStatus.MISMATCH and roamer.main == tenge("90")
