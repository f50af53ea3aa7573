"""Price enquiry and balance check over balances as they are (RFC 8506, 6.1 and 6.2)."""

from dataclasses import replace

import pytest

from ocs.books import Balance, Held
from ocs.charging import event as iec, questions
from ocs.charging.context import new_context
from ocs.diameter.credit_control import CCA, CCR
from ocs.model import MAIN_MONEY, Draw, Leg, Price, Rounding, Source, UnitKind, UtcMillis, Way
from ocs.rating.offer import Offer
from ocs.rating.price import MAX_UNITS
from tests.charging.worked import (
    KZT,
    ON_NET,
    SMS,
    SUBSCRIBER,
    catalogue,
    catalogues,
    event,
    messages,
    mscc,
)

ABROAD, NOWHERE = "+14155550100", "+999"
AT = UtcMillis(1)


def lines(ccr: CCR) -> list[iec.Line]:
    """What is asked about."""
    context = new_context(ccr, SMS, SUBSCRIBER, catalogue(), AT)
    around = iec.around_of(context, SUBSCRIBER, catalogues())
    return iec.lines(ccr, around, SMS, catalogue().numbering, {})


def enquired(ccr: CCR, balance: Balance = Balance()) -> CCA:  # noqa: B008  # frozen
    """The answer to a price enquiry."""
    return questions.price_enquiry(ccr, lines(ccr), SMS, KZT, balance, AT)


def checked(ccr: CCR, balance: Balance) -> CCA:
    """The answer to a balance check."""
    return questions.check_balance(ccr, lines(ccr), SMS, balance, AT)


@pytest.mark.parametrize("recipients", [(NOWHERE,), (ON_NET, NOWHERE)])
def test_questions_without_an_answer(recipients: tuple[str, ...]) -> None:
    """5031 for what has no price, though a part has."""
    ccr = replace(event(3), recipients=recipients)
    for cca in (enquired(ccr), checked(ccr, Balance(available=10**9))):
        assert (cca.result_code, cca.cost, cca.check_balance_result) == (5031, None, None)
        assert cca.failed_avp and cca.error_message


@pytest.mark.parametrize(
    ("available", "result"), [(0, 1), (24_999_999, 1), (25_000_000, 0), (10**12, 0)]
)
def test_check_balance(available: int, result: int) -> None:
    """Whether all of it would be covered: 5.00 here and 20.00 abroad."""
    ccr = replace(event(2), recipients=(ABROAD, ON_NET))
    cca = checked(ccr, Balance(available=available))
    assert (cca.result_code, cca.check_balance_result) == (2001, result)
    assert (cca.mscc, cca.cost) == ((), None)


def test_price_enquiry() -> None:
    """The cost of all services together, which nobody needs to have."""
    ccr = replace(
        event(3, mscc(1, None, messages(2)), mscc(2, None, messages(1))), recipients=(ABROAD,)
    )
    cca = enquired(ccr)
    assert (cca.result_code, cca.cost, cca.mscc) == (2001, (6000, -2, 398), ())


# --- other balances -------------------------------------------------------------------------------------

#: 5.00 a message, and a bucket of messages before it.
PRICE = Price(UnitKind.EVENTS, Rounding(), 1, (Leg(0, MAX_UNITS, 1, 5_000_000),), "sms")
FREE = Way("b.7.sms.0", (Leg(0, MAX_UNITS, 1, 0),), (), (Draw("7.sms", 1, 1),))
OFFER = Offer(
    PRICE, 1, (FREE, Way("p.0.0", PRICE.legs)), (Source("7.sms"), Source(MAIN_MONEY)), "v|sms|0/1"
)
LINES = [iec.Line("3", 2, OFFER), iec.Line("4", 2, OFFER)]


@pytest.mark.parametrize(
    ("units", "available", "result"),
    [
        (0, 19_999_999, 1),
        (0, 20_000_000, 0),
        (3, 4_999_999, 1),  # three of four are in the bucket
        (3, 5_000_000, 0),
        (4, 0, 0),
    ],
)
def test_lines_share_what_is_there(units: int, available: int, result: int) -> None:
    """Two services of two messages each: a unit of the bucket pays for one of them only."""
    balance = Balance(available=available, others={"7.sms": Held(units)})
    cca = questions.check_balance(event(2), LINES, SMS, balance, AT)
    assert cca.check_balance_result == result


def test_price_where_a_bucket_pays() -> None:
    """What a debit would take of money: 5.00 for the one message that the bucket does not hold."""
    balance = Balance(others={"7.sms": Held(4, 1)})  # one is held by a session
    cca = questions.price_enquiry(event(3), LINES, SMS, KZT, balance, AT)
    assert cca.cost == (500, -2, 398)


def both(offer: Offer, units: int, available: int) -> tuple[int | None, object]:
    """Of one line: the result of the balance check, and the cost that the enquiry tells."""
    found, balance = [iec.Line("3", units, offer)], Balance(available=available)
    check = questions.check_balance(event(units), found, SMS, balance, AT)
    enquiry = questions.price_enquiry(event(units), found, SMS, KZT, balance, AT)
    return check.check_balance_result, enquiry.cost


def test_seconds_of_an_event_have_one_moment() -> None:
    """Ten seconds at 5.00 each, though the price ends a second later: a debit takes 50.00 at once."""
    price = replace(PRICE, unit=UnitKind.SECONDS)
    ways = (Way("p.0.0", PRICE.legs, ends=UtcMillis(AT + 1000)),)
    offer = Offer(price, 1, ways, (Source(MAIN_MONEY),), "v|sms|0/1")
    assert both(offer, 10, 50_000_000) == (0, (5000, -2, 398))
    assert both(offer, 10, 49_999_999) == (1, (5000, -2, 398))


def test_an_event_goes_on_into_a_way_apart() -> None:
    """One message of 5.00, every other at 1.00 on a way that a session would begin anew: 7.00 for three."""
    first = Way("p.0.0", (Leg(0, 1, 1, 5_000_000),))
    apart = Way("slow.p.0", (Leg(0, MAX_UNITS, 1, 1_000_000),), is_apart=True)
    offer = Offer(PRICE, 1, (first, apart), (Source(MAIN_MONEY),), "v|sms|0/1")
    assert both(offer, 3, 7_000_000) == (0, (700, -2, 398))
    assert both(offer, 3, 6_999_999) == (1, (700, -2, 398))


def test_whether_balances_matter() -> None:
    """A plain price is the same for everybody: nobody's balance need be read for it."""
    plain = replace(OFFER, ways=OFFER.ways[1:])
    assert not questions.counts_units([iec.Line("3", 1, plain), iec.Line("4", 1, None)])
    assert questions.counts_units([iec.Line("3", 1, plain), iec.Line("4", 1, OFFER)])


def test_what_may_be_taken() -> None:
    """Down to the floor, without what is held; a counter of another period begins anew."""
    balance = Balance(
        available=-3,
        others={"b": Held(10, 4), "c": Held(-7, 0, "2019-03-04"), "d": Held(5, 0, "")},
    )
    sources = (
        Source(MAIN_MONEY, -10),
        Source("b"),
        Source("c@2019-03-04", -20),
        Source("c@2019-03-05", -20),
        Source("e", -2),
    )
    assert questions.free_of(balance, sources) == {
        MAIN_MONEY: 7,
        "b": 6,
        "c@2019-03-04": 13,
        "c@2019-03-05": 20,
        "e": 2,
    }
