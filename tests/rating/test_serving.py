"""What serves at one moment: which ways, in which order, from which balances."""

from dataclasses import replace

import pytest

from ocs.model import AMOUNT_LIMIT, Bucket, Draw, ProductState, Source, UtcMillis
from tests.rating.offering import (
    BASE,
    IN_A_MONTH,
    IN_A_WEEK,
    NOON,
    ON_NET,
    PACK,
    TALK,
    catalogue,
    context,
    has,
    kinds,
    local,
    micros,
    offered,
    one,
    subscriber,
)

# --- prices ------------------------------------------------------------------------------------------


def test_no_price() -> None:
    """What the tariff has no price for is not offered, nor is anything of a tariff that is unknown."""
    priced = catalogue()
    assert offered(priced, subscriber(), context("mms")) == ()
    assert offered(priced, subscriber(), context("voice", tariff="gone")) == ()


def test_plain_price() -> None:
    """One way, paid by main money, at all times; the note names version, price and tax."""
    priced = catalogue()
    offer = one(priced, subscriber(), "voice")
    (way,) = offer.ways
    assert micros(offer, way) == (1, 100_000, 0)
    assert (way.sources, way.draws, way.begins, way.ends) == (("main",), (), 0, 0)
    assert (way.needs, way.floor, way.stops, way.is_apart) == (0, 0, True, False)
    assert way.name.startswith("p.base.")
    assert offer.sources == (Source("main"),)
    version, name, tax = offer.note.split("|")
    assert (version, name, tax) == (priced.version, "base voice", "0/1")
    assert (offer.until, offer.filter_id) == (None, "")


def test_credit_limit() -> None:
    """Main money may go below zero by the limit of credit."""
    offer = one(catalogue(), subscriber(credit_limit=20_000_000), "sms")
    assert offer.sources == (Source("main", -20_000_000),)


# --- buckets of units --------------------------------------------------------------------------------


def test_bucket_passed_over() -> None:
    """S7.2: what a bucket may not pay for is paid by the price alone; so is what it may no longer."""
    priced = catalogue(PACK)
    pack = has("pack", Bucket("1.sms", "sms", ends=IN_A_WEEK))
    assert kinds(one(priced, subscriber(pack), "sms")) == ["p.base"]
    assert kinds(one(priced, subscriber(pack), "voice", called=ON_NET)) == ["p.base"]
    late = one(priced, subscriber(pack), "sms", IN_A_WEEK, called=ON_NET)
    assert kinds(late) == ["p.base"]
    future = has("pack", Bucket("1.sms", "sms", begins=IN_A_WEEK))
    assert kinds(one(priced, subscriber(future), "sms", called=ON_NET)) == ["p.base"]
    unknown = has("gone", Bucket("1.sms", "sms"))
    assert kinds(one(priced, subscriber(unknown), "sms", called=ON_NET)) == ["p.base"]


def test_bucket_first() -> None:
    """S7.1: the bucket pays, a message each, then the price; the subscriber is told at 80 and 100 %."""
    pack = has("pack", Bucket("1.sms", "sms", ends=IN_A_WEEK))
    offer = one(catalogue(PACK), subscriber(pack), "sms", called=ON_NET)
    bucket, price = offer.ways
    assert (bucket.sources, bucket.draws) == ((), (Draw("1.sms", 1, 1),))
    assert micros(offer, bucket) == (1, 0, 0)
    assert price.sources == ("main",)
    assert set(offer.sources) == {Source("1.sms", 0, (5, 0)), Source("main")}
    assert offer.until == IN_A_WEEK


def test_order_of_draw() -> None:
    """The first to end, one without end last; then priority; then the product that was had first."""
    rare = PACK.replace('"pack"', '"rare"').replace("[[buckets]]", "[[buckets]]\npriority = -1")
    held = (
        has("pack", Bucket("1.sms", "sms")),
        has("pack", Bucket("2.sms", "sms", ends=IN_A_MONTH), number=2),
        has("pack", Bucket("3.sms", "sms", ends=IN_A_WEEK), number=3),
        has("rare", Bucket("4.sms", "sms", ends=IN_A_MONTH), number=4),
        has("pack", Bucket("5.sms", "sms", ends=IN_A_MONTH), number=5),
    )
    offer = one(catalogue(PACK, rare), subscriber(*held), "sms", called=ON_NET)
    assert kinds(offer) == ["b.3.sms", "b.4.sms", "b.2.sms", "b.5.sms", "b.1.sms", "p.base"]


def test_units_of_the_operator() -> None:
    """S20: one bucket for minutes and messages: a begun minute takes one, a message takes one."""
    units = """
id = "units"
kind = "addon"
[[buckets]]
name = "units"
unit = "unit"
amount = 30
[[buckets.pays]]
services = ["voice"]
step = "1 min"
[[buckets.pays]]
services = ["sms"]
"""
    priced, served = catalogue(units), subscriber(has("units", Bucket("1.units", "units")))
    call, message = one(priced, served, "voice"), one(priced, served, "sms")
    assert call.ways[0].draws == (Draw("1.units", 60, 1),)
    assert micros(call, call.ways[0]) == (60, 0, 0)
    assert message.ways[0].draws == (Draw("1.units", 1, 1),)


def test_service_by_bucket_alone() -> None:
    """S20.3: without a price a bucket serves until it is empty; without a bucket nothing does."""
    day_pass = """
id = "pass"
kind = "addon"
[[buckets]]
name = "mms"
unit = "events"
amount = "5 message"
[[buckets.pays]]
services = ["mms"]
"""
    priced = catalogue(day_pass)
    offer = one(priced, subscriber(has("pass", Bucket("1.mms", "mms"))), "mms")
    assert kinds(offer) == ["b.1.mms"]
    assert offered(priced, subscriber(has("pass")), context("mms")) == ()


def test_least_money_of_a_bucket() -> None:
    """A free part may ask for money on the account."""
    text = PACK + 'min_balance = "200.00"\n'
    pack = has("pack", Bucket("1.sms", "sms"))
    offer = one(catalogue(text), subscriber(pack), "sms", called=ON_NET)
    assert [each.needs for each in offer.ways] == [200_000_000, 0]


def test_daily_bucket() -> None:
    """S12: a counter of the local day down to what the day may have; it comes with the fee."""
    daily = """
id = "city"
kind = "addon"
[fee]
amount = "3500.00"
every = "30 days"
[[buckets]]
name = "sms"
unit = "events"
amount = "200 message"
daily = true
[[buckets.pays]]
services = ["sms"]
"""
    priced = catalogue(daily)
    held = has("city", Bucket("1.sms", "sms", ends=IN_A_MONTH))
    # In Almaty (UTC+6) this is the next day already, in UTC it is not.
    late = local("2019-03-05 01:00")
    offer = one(priced, subscriber(held), "sms", late)
    assert offer.ways[0].draws == (Draw("1.sms@2019-03-05", 1, 1),)
    # Told of at 40 and at 0 messages left.
    assert offer.sources[0] == Source("1.sms@2019-03-05", -200, (-160, -200))
    assert offer.until == local("2019-03-06 00:00")
    unpaid = has("city", Bucket("1.sms", "sms", ends=IN_A_MONTH), state=ProductState.UNPAID)
    assert kinds(one(priced, subscriber(unpaid), "sms", late)) == ["p.base"]


def test_bucket_of_an_unpaid_product() -> None:
    """S5.2: what was paid before stays usable while a fee is missing."""
    held = has("pack", Bucket("1.sms", "sms"), state=ProductState.UNPAID)
    offer = one(catalogue(PACK), subscriber(held), "sms", called=ON_NET)
    assert kinds(offer) == ["b.1.sms", "p.base"]


# --- buckets of money --------------------------------------------------------------------------------

BONUS = """
id = "bonus"
kind = "promotion"
[[buckets]]
name = "money"
unit = "money"
amount = "1000.00"
lasts = "30 days"
"""


def test_bonus_money() -> None:
    """S29: without a price of its own, money of a bucket goes before own money, in one way."""
    held = (
        has("bonus", Bucket("1.money", "money", ends=IN_A_MONTH)),
        has("bonus", Bucket("2.money", "money", ends=IN_A_WEEK), number=2),
    )
    offer = one(catalogue(BONUS), subscriber(*held), "data")
    (way,) = offer.ways
    assert way.sources == ("2.money", "1.money", "main")
    assert Source("1.money", 0, (200_000_000, 0)) in offer.sources


def test_money_with_its_own_price() -> None:
    """S26: such money pays in its own way, as far as it goes, and then the tariff's price is paid."""
    held = has("talk", Bucket("1.on-net", "on-net"))
    offer = one(catalogue(TALK), subscriber(held), "voice", called=ON_NET)
    talk, base = offer.ways
    assert micros(offer, talk) == (10, 200_000, 0)
    assert (talk.sources, talk.stops) == (("1.on-net",), False)
    assert micros(offer, base) == (1, 100_000, 0)
    assert (base.sources, base.stops) == (("main",), True)
    assert kinds(one(catalogue(TALK), subscriber(held), "voice")) == ["p.base"]


# --- what comes after --------------------------------------------------------------------------------


def data_pack(after: str, more: str = "") -> str:
    """A pack of data that says what serves when it is empty."""
    return f"""
id = "net"
kind = "addon"
after = "{after}"
{more}
[[buckets]]
name = "mb"
unit = "octets"
amount = "100 MB"
[[buckets.pays]]
services = ["data"]
"""


NET = has("net", Bucket("1.mb", "mb", ends=IN_A_MONTH))


def test_after_stop() -> None:
    """Nothing but its buckets pays for what they may pay for; other services are not concerned."""
    priced = catalogue(data_pack("stop"))
    assert kinds(one(priced, subscriber(NET), "data")) == ["b.1.mb"]
    assert kinds(one(priced, subscriber(NET), "sms")) == ["p.base"]
    unpaid = replace(NET, state=ProductState.UNPAID)
    assert kinds(one(priced, subscriber(unpaid), "data")) == ["b.1.mb", "p.base"]


def test_after_stop_without_buckets() -> None:
    """Once the bucket itself is gone there is no credit: a way that no money suffices for."""
    held = replace(NET, buckets=())
    (way,) = one(catalogue(data_pack("stop")), subscriber(held), "data").ways
    assert (way.name, way.sources, way.needs) == ("stop.net", (), AMOUNT_LIMIT)


def test_free_usage_draws_nothing() -> None:
    """What costs nothing is not taken from a bucket, but of a product that ends with its buckets."""
    free = BASE.replace("10.24", "0")
    paying, stopping = data_pack("pay"), data_pack("stop")
    assert kinds(one(catalogue(paying, base=free), subscriber(NET), "data")) == ["p.base"]
    assert kinds(one(catalogue(stopping, base=free), subscriber(NET), "data")) == ["b.1.mb"]


def test_directions_of_data() -> None:
    """Where each direction has a price, each is offered, and a bucket serves both."""
    both = (
        BASE.replace('per = "1 MB"', 'per = "1 MB"\ncounts = "input"')
        + """
[[prices]]
service = "data"
counts = "output"
price = "0"
per = "1 MB"
step = "1 KB"
"""
    )
    priced = catalogue(data_pack("pay"), base=both)
    sent, received = offered(priced, subscriber(NET), context("data"))
    assert (sent.price.counts, kinds(sent)) == ("input", ["b.1.mb", "p.base"])
    assert (received.price.counts, kinds(received)) == ("output", ["p.base"])


def test_after_pay() -> None:
    """The tariff's price."""
    priced = catalogue(data_pack("pay"))
    assert kinds(one(priced, subscriber(NET), "data")) == ["b.1.mb", "p.base"]


def test_after_slow() -> None:
    """S4.2: free, apart, and restricted; also once the bucket itself is gone."""
    priced = catalogue(data_pack("slow", 'filter_id = "64k"'))
    offer = one(priced, subscriber(NET), "data")
    bucket, slow = offer.ways
    assert (slow.name, slow.is_apart, slow.sources, slow.draws) == ("slow.net", True, (), ())
    assert micros(offer, slow) == (1, 0, 0)
    assert (bucket.is_apart, offer.filter_id) == (False, "64k")
    gone = one(priced, subscriber(replace(NET, buckets=())), "data")
    assert [each.name for each in gone.ways] == ["slow.net"]
    assert one(priced, subscriber(NET), "sms").filter_id == ""


def test_paid_up_to_a_limit_then_slow() -> None:
    """A product's own price that a counter limits serves before the slow way."""
    text = (
        data_pack("slow", 'filter_id = "5k"')
        + """
[[prices]]
service = "data"
price = "1.00"
per = "1 MB"
step = "1 KB"
counter = "day-open"
"""
    )
    offer = one(catalogue(text), subscriber(NET), "data")
    assert kinds(offer)[:2] == ["b.1.mb", "p.net"]
    assert offer.ways[-1].name == "slow.net"


# --- add-ons and fallbacks ---------------------------------------------------------------------------


def cheaper(price: str, more: str = "") -> str:
    """An add-on with a price of its own for calls."""
    return f"""
id = "calls"
kind = "addon"
{more}
[[prices]]
service = "voice"
price = "{price}"
per = "1 min"
step = "1 s"
"""


def test_price_of_an_addon() -> None:
    """It is looked at before the tariff's, whatever it is, from the moment it was had."""
    priced, held = catalogue(cheaper("12.00")), has("calls")
    assert kinds(one(priced, subscriber(held), "voice")) == ["p.calls"]
    assert kinds(one(priced, subscriber(held), "sms")) == ["p.base"]
    assert kinds(one(priced, subscriber(), "voice")) == ["p.base"]
    later = has("calls", since=UtcMillis(NOON + 1))
    assert kinds(one(priced, subscriber(later), "sms")) == ["p.base"]


@pytest.mark.parametrize(
    ("price", "serves"), [("6.01", "p.base"), ("6.00", "p.base"), ("5.99", "p.calls")]
)
def test_cheapest(price: str, serves: str) -> None:
    """With `cheapest` the lower price serves, the tariff's where they are the same."""
    priced = catalogue(cheaper(price, "cheapest = true"))
    assert kinds(one(priced, subscriber(has("calls")), "voice")) == [serves]


def test_unpaid_addon() -> None:
    """Its prices ask for its own fee, not for the tariff's; a price list may stand in for it."""
    fee = '[fee]\namount = "10.00"\nevery = "day"'
    own = (
        cheaper("1.20", fee).replace("service", 'fee = "paid"\nservice', 1)
        + """
[[prices]]
service = "voice"
fee = "unpaid"
price = "8.00"
per = "1 min"
step = "1 min"
"""
    )
    priced = catalogue(own)
    paid, unpaid = has("calls"), has("calls", state=ProductState.UNPAID)
    offer = one(priced, subscriber(paid), "voice")
    assert micros(offer, offer.ways[0]) == (1, 20_000, 0)
    offer = one(priced, subscriber(unpaid), "voice", facts=("fee",))
    assert micros(offer, offer.ways[0]) == (60, 8_000_000, 0)
    listed = cheaper("1.00", 'fallback = "base"\n' + fee)
    assert kinds(one(catalogue(listed), subscriber(paid), "voice")) == ["p.calls"]
    assert kinds(one(catalogue(listed), subscriber(unpaid), "voice")) == ["p.base"]


def test_unpaid_tariff() -> None:
    """The price list of a tariff whose fee was not covered; what was paid at the start stays paid."""
    plan = BASE.replace('"base"', '"plan"').replace(
        "[[prices]]", 'fallback = "base"\n[fee]\namount = "1.00"\nevery = "day"\n[[prices]]', 1
    )
    priced = catalogue(plan)
    for state, facts, serves in (
        (ProductState.ACTIVE, ("fee",), "p.plan"),
        (ProductState.ACTIVE, (), "p.plan"),
        (ProductState.UNPAID, (), "p.base"),
        (ProductState.UNPAID, ("fee",), "p.plan"),
    ):
        served = subscriber(has("plan", state=state), tariff="plan")
        (offer,) = offered(priced, served, context("sms", tariff="plan", facts=facts))
        assert kinds(offer) == [serves]


# --- counters ----------------------------------------------------------------------------------------

TIERS = """
id = "tiers"
[[prices]]
service = "sms"
price = "2.00"
per = "1 message"
counter = "day-sms"
then = { price = "0.50" }
"""


def test_tiers_of_a_day() -> None:
    """The first messages of a day at one price, further ones at the next: a counter of the member."""
    priced, around = catalogue(TIERS), context("sms", tariff="tiers")
    (offer,) = offered(priced, subscriber(tariff="tiers"), around)
    first, then = offer.ways
    assert first.draws == (Draw("c.day-sms@2019-03-04", 1, 1),)
    assert (micros(offer, first)[1], micros(offer, then)[1]) == (2_000_000, 500_000)
    assert then.draws == ()
    # 20 % of two messages is none: both notices are at the end.
    assert Source("c.day-sms@2019-03-04", -2, (-2,)) in offer.sources
    assert offer.until == local("2019-03-05 00:00")
    (offer,) = offered(priced, subscriber(tariff="tiers", member="7"), around)
    assert offer.ways[0].draws[0].source == "7:c.day-sms@2019-03-04"


# --- who pays ----------------------------------------------------------------------------------------


def test_account_pays_for_a_member() -> None:
    """Without own money and without a rule, the account's main money pays all."""
    offer = one(catalogue(), subscriber(member="7", money=""), "sms")
    assert [each.sources for each in offer.ways] == [("main",)]


def test_member_with_own_money() -> None:
    """A member that pays for itself does not touch the account's."""
    offer = one(catalogue(), subscriber(member="7", money="7.own"), "sms")
    assert [each.sources for each in offer.ways] == [("7.own",)]
    assert offer.sources == (Source("7.own"),)


def test_allowance() -> None:
    """A company pays up to so much a local month; then the member does, or nobody."""
    served = subscriber(member="7", money="7.own", allowance=5_000_000)
    offer = one(catalogue(), served, "sms", local("2019-04-01 00:30"))
    company, own = offer.ways
    assert (company.sources, company.stops) == (("main",), False)
    assert company.draws == (Draw("7:allowance@2019-04", 0),)
    assert (own.sources, own.draws, own.stops) == (("7.own",), (), True)
    assert company.name != own.name
    assert Source("7:allowance@2019-04", -5_000_000) in offer.sources
    assert offer.until == local("2019-05-01 00:00")
    alone = one(catalogue(), replace(served, money=""), "sms")
    assert [each.sources for each in alone.ways] == [("main",)]
    assert alone.ways[0].draws and alone.ways[0].stops


def test_credit_call() -> None:
    """S10: without money three minutes may be owed, whole or not at all, after own money."""
    text = cheaper("15.00", 'credit = "45.00"').replace('step = "1 s"', 'step = "1 min"')
    text += 'maximum = "3 min"\n'
    offer = one(catalogue(text), subscriber(has("calls")), "voice")
    base, owed = offer.ways
    assert (base.sources, base.stops) == (("main",), False)
    assert (owed.sources, owed.stops, owed.floor) == (("owed",), True, 180)
    assert micros(offer, owed) == (60, 15_000_000, 0)
    assert owed.legs[-1].end == 180
    assert Source("owed", -45_000_000) in offer.sources
