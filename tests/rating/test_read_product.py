"""Products as people write them: every error with its key, and every key's meaning."""

import tomllib
from pathlib import Path

import pytest

from ocs.model import AMOUNT_LIMIT
from ocs.rating.catalogue import load
from ocs.rating.product import (
    Advance,
    After,
    Bonus,
    BucketRule,
    CounterRule,
    Every,
    Fee,
    Late,
    ProductRule,
    Span,
)
from ocs.rating.read import PriceReader
from ocs.rating.read_product import percents, read_counter, read_product
from ocs.rating.read_value import Problem

CLASSES = frozenset({"on-net", "off-net", "landline"})
PRICE = '[[prices]]\nservice = "voice"\nprice = "6.00"\nper = "1 min"\nstep = "1 s"\n'
TARIFF = f'id = "t"\n{PRICE}'
ADDON = 'id = "pack"\nkind = "addon"\n'
BUCKET = ADDON + '[[buckets]]\nname = "mb"\nunit = "octets"\namount = "1 MB"\n'
PAYS = '[[buckets.pays]]\nservices = ["data"]\n'
PACK = BUCKET + PAYS
MONEY = ADDON + '[[buckets]]\nname = "bonus"\nunit = "money"\namount = "100.00"\n'
FEE = ADDON + '[fee]\namount = "40.00"\n'
PROMOTION = 'id = "gift"\nkind = "promotion"\n[bonus]\n'
ADVANCE = 'id = "extra"\nkind = "advance"\n[advance]\namount = "50.00"\n'


def reader() -> tuple[PriceReader, list[Problem]]:
    """A reader of a file of a currency with two decimals, and what it finds wrong."""
    problems: list[Problem] = []
    return PriceReader("p.toml", 2, CLASSES, problems), problems


def read(text: str) -> ProductRule:
    """The product of a text without errors."""
    prices, problems = reader()
    rule = read_product("p.toml", tomllib.loads(text), prices)
    assert problems == []
    assert rule is not None
    return rule


def bucket(text: str) -> BucketRule:
    """The first bucket of a product."""
    return read(text).buckets[0]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (PRICE, "id"),
        ('id = "a b"\n' + PRICE, "id"),
        ('id = "a;b"\n' + PRICE, "id"),
        ('id = "a|b"\n' + PRICE, "id"),
        ('id = "a:b"\n' + PRICE, "id"),
        ('id = "a@b"\n' + PRICE, "id"),
        ("id = 5\n" + PRICE, "id"),
        ('id = "t"\nname = 5\n' + PRICE, "name"),
        ('id = "t"\nname = ""\n' + PRICE, "name"),
        ('id = "t"\nkind = "package"\n' + PRICE, "kind"),
        ('id = "t"\ncolour = "red"\n' + PRICE, "colour"),
        ('id = "t"', "prices"),
        ('id = "t"\nprices = []', "prices"),
        (ADDON + "prices = []", "prices"),
        ('id = "t"\ncheapest = true\n' + PRICE, "cheapest"),
        (ADDON + "cheapest = true", "cheapest"),
        (ADDON + "cheapest = 1\n" + PRICE, "cheapest"),
        (ADDON + 'credit = "45.00"', "credit"),
        ('id = "t"\ncredit = "45.00"\n' + PRICE, "credit"),
        (ADDON + 'after = "throttle"', "after"),
        (ADDON + 'after = "slow"', "filter_id"),
        (ADDON + 'after = "stop"\nfilter_id = "64k"', "filter_id"),
        (ADDON + 'requires = "t"', "requires"),
        (ADDON + "excludes = [5]", "excludes"),
        (ADDON + "at_most = -1", "at_most"),
        (ADDON + "at_most = true", "at_most"),
        (ADDON + 'needs_paid = "yes"', "needs_paid"),
        (ADDON + 'lasts = "30"', "lasts"),
        (ADDON + 'lasts = "0 days"', "lasts"),
        (ADDON + 'lasts = "30 weeks"', "lasts"),
        (ADDON + 'lasts = "9999999 days"', "lasts"),
        (ADDON + 'lasts = "²  days"', "lasts"),
        (ADDON + 'lasts = "period"', "lasts"),
        (ADDON + "lasts = 30", "lasts"),
        (ADDON + 'lasts = "30 days"\n[fee]\namount = "1.00"\nevery = "day"', "lasts"),
        (ADDON + 'given_on = "birthday"', "given_on"),
        (ADDON + 'fallback = "t"', "fallback"),
        (ADDON + 'fee = "40.00"', "fee"),
        (FEE, "fee.every"),
        (FEE + 'every = "period"', "fee.every"),
        (ADDON + '[fee]\nevery = "day"', "fee.amount"),
        (ADDON + '[fee]\namount = 40\nevery = "day"', "fee.amount"),
        (FEE + 'every = "day"\nprorated = true', "fee.prorated"),
        (FEE + 'every = "2 months"\nprorated = true', "fee.prorated"),
        (FEE + 'every = "day"\nrestarts = true', "fee.restarts"),
        (FEE + 'every = "day"\nwindow = "2 KB"', "fee.window"),
        (FEE + 'every = "day"\nlate = "never"', "fee.late"),
        (FEE + 'every = "day"\nvat = "20 %"', "fee.vat"),
        (ADDON + "buckets = []", "buckets"),
        (ADDON + 'buckets = "mb"', "buckets"),
        (BUCKET, "buckets[1].pays"),
        (BUCKET + "pays = []", "buckets[1].pays"),
        (BUCKET + "[[buckets.pays]]", "buckets[1].pays[1].services"),
        (BUCKET + '[[buckets.pays]]\nservices = ["fax"]', "buckets[1].pays[1].services"),
        (BUCKET + '[[buckets.pays]]\nservices = ["sms", "data"]', "buckets[1].pays[1].services"),
        (PACK + 'step = "1 s"', "buckets[1].pays[1].step"),
        (PACK + "takes = 0", "buckets[1].pays[1].takes"),
        (PACK + "min_balance = 200", "buckets[1].pays[1].min_balance"),
        (PACK + 'price = "1.00"\nper = "1 MB"', "buckets[1].pays[1].price"),
        (PACK + 'destinations = ["moon"]', "buckets[1].pays[1].destinations"),
        (PACK + "weight = 5", "buckets[1].pays[1].weight"),
        (MONEY + "[[buckets.pays]]\ntakes = 5", "buckets[1].pays[1].takes"),
        (MONEY + '[[buckets.pays]]\nprice = "1.00"', "buckets[1].pays[1].services"),
        (BUCKET.replace('"mb"', '"m b"') + PAYS, "buckets[1].name"),
        (BUCKET.replace('"octets"', '""') + PAYS, "buckets[1].unit"),
        (BUCKET.replace('"1 MB"', '"1 min"') + PAYS, "buckets[1].amount"),
        (BUCKET.replace('"octets"', '"coins"') + PAYS, "buckets[1].amount"),
        (BUCKET.replace('"octets"', '"money"') + PAYS, "buckets[1].amount"),
        (BUCKET + 'lasts = "soon"\n' + PAYS, "buckets[1].lasts"),
        (BUCKET + "priority = 1.5\n" + PAYS, "buckets[1].priority"),
        (BUCKET + "daily = true\nadds = true\n" + PAYS, "buckets[1].daily"),
        (BUCKET + 'daily = true\nkeeps = "all"\n' + PAYS, "buckets[1].daily"),
        (BUCKET + "daily = true\nprorated = true\n" + PAYS, "buckets[1].daily"),
        (BUCKET + 'adds = true\nkeeps = "all"\n' + PAYS, "buckets[1].keeps"),
        (BUCKET + "adds = true\nextends = true\n" + PAYS, "buckets[1].extends"),
        (BUCKET + 'keeps = "some"\n' + PAYS, "buckets[1].keeps"),
        (BUCKET + 'notices = "80 %"\n' + PAYS, "buckets[1].notices"),
        (BUCKET + 'notices = ["80"]\n' + PAYS, "buckets[1].notices"),
        (BUCKET + 'notices = ["0 %"]\n' + PAYS, "buckets[1].notices"),
        (BUCKET + 'notices = ["101 %"]\n' + PAYS, "buckets[1].notices"),
        (PACK + PACK.removeprefix(ADDON), "buckets[2].name"),
        (ADDON + '[bonus]\nfrom = "500.00"', "bonus"),
        (PROMOTION, "bonus.from"),
        (PROMOTION + 'from = "500.00"\nto = "400.00"', "bonus.to"),
        (PROMOTION + 'from = "500.00"\nchannels = "card"', "bonus.channels"),
        (PROMOTION + 'from = "500.00"\nmark = "a b"', "bonus.mark"),
        (PROMOTION + 'from = "500.00"\nmark = "r"\ndays = 0', "bonus.days"),
        (ADDON + '[advance]\namount = "50.00"\nbelow = "2.00"', "advance"),
        ('id = "extra"\nkind = "advance"', "advance"),
        (ADVANCE, "advance.below"),
        (ADVANCE + 'below = "2.00"\nfee = "50.00"', "advance.fee"),
        (ADVANCE + 'below = "2.00"\n' + MONEY.removeprefix(ADDON), "buckets"),
    ],
)  # fmt: skip
def test_refused(text: str, key: str) -> None:
    """A product with an error is not built, and the error names its key."""
    prices, problems = reader()
    assert read_product("p.toml", tomllib.loads(text), prices) is None
    assert [each.key for each in problems if each.key == key], problems
    assert all(each.file == "p.toml" and each.expected for each in problems)


def test_all_errors_at_once() -> None:
    """One run tells every error of a file."""
    prices, problems = reader()
    text = 'id = "a b"\nkind = "x"\nafter = "y"\nlasts = "z"\n[fee]\nevery = "q"'
    assert read_product("p.toml", tomllib.loads(text), prices) is None
    assert {each.key for each in problems} == {
        "id", "kind", "prices", "after", "lasts", "fee.amount", "fee.every",
    }  # fmt: skip


def test_defaults_of_a_tariff() -> None:
    """A file with an id and prices is a tariff without fee and buckets."""
    rule = read(TARIFF)
    assert (rule.id, rule.name, rule.kind) == ("t", "t", "tariff")
    assert (rule.fee, rule.buckets, rule.after) == (None, (), After.PAY)
    assert rule.lasts == Every(Span.ONCE)
    assert [each.service for each in rule.rules] == ["voice"]


def test_everything_of_an_addon() -> None:
    """Each key of a product is kept as written."""
    rule = read(
        'id = "night"\nname = "Night"\nkind = "addon"\ncheapest = true\nafter = "slow"\n'
        'filter_id = "64k"\nrequires = ["t"]\nexcludes = ["day"]\nat_most = 0\nneeds_paid = true\n'
        'lasts = "168 hours"\nends_with_tariff = true\nforfeits = ["old"]\ngiven_on = "activation"\n'
        + PRICE
    )
    assert (rule.name, rule.kind, rule.is_cheapest) == ("Night", "addon", True)
    assert (rule.after, rule.filter_id) == (After.SLOW, "64k")
    assert (rule.requires, rule.excludes) == (frozenset({"t"}), frozenset({"day"}))
    assert (rule.at_most, rule.needs_paid, rule.ends_with_tariff) == (0, True, True)
    assert rule.lasts == Every(Span.HOURS, 168)
    assert (rule.forfeits, rule.given_on) == (frozenset({"old"}), "activation")


@pytest.mark.parametrize(
    ("text", "fee"),
    [
        # S1: daily, 00:00-02:00, with the first sufficient top-up of the day.
        (
            'every = "day"\nwindow = "2 h"',
            Fee(40_000_000, Every(Span.DAY), False, 7200, Late.TOPUP, False),
        ),
        # S3: monthly, by the days left.
        (
            'every = "month"\nprorated = true',
            Fee(40_000_000, Every(Span.MONTH), True, 0, Late.TOPUP, False),
        ),
        # S5: not before the next night.
        (
            'every = "day"\nlate = "next"',
            Fee(40_000_000, Every(Span.DAY), False, 0, Late.NEXT, False),
        ),
        # S8: each 28 days, a late payment begins a new period.
        ('every = "28 days"', Fee(40_000_000, Every(Span.DAYS, 28))),
        ('every = "28 days"\nrestarts = false', Fee(40_000_000, Every(Span.DAYS, 28), restarts=False)),
        ('every = "720 hours"', Fee(40_000_000, Every(Span.HOURS, 720))),
        ('every = "2 months"', Fee(40_000_000, Every(Span.MONTH, 2))),
        ('every = "once"', Fee(40_000_000, Every(Span.ONCE))),
        ('every = "week"', Fee(40_000_000, Every(Span.WEEK), restarts=False)),
    ],
)  # fmt: skip
def test_fee(text: str, fee: Fee) -> None:
    """Amounts are micros; what belongs to the calendar is not begun anew by a late payment."""
    assert read(FEE + text).fee == fee


def test_bucket_of_octets() -> None:
    """A megabyte, in steps of a kilobyte, told of at 80 % and 100 % used."""
    found = bucket(PACK)
    assert (found.name, found.unit, found.amount) == ("mb", "octets", 1_048_576)
    assert (found.lasts, found.grain) == (Every(Span.PERIOD), 1024)
    # 20 % of 1,048,576 is 209,715.2.
    assert found.notices == (209_715, 0)
    (payment,) = found.payments
    assert (payment.step, payment.amount, payment.price) == (1024, 1024, None)
    assert payment.services == frozenset({"data"})


def test_bucket_of_units() -> None:
    """S20: one bucket, a begun minute or a message takes one of it."""
    found = bucket(
        ADDON + '[[buckets]]\nname = "units"\nunit = "unit"\namount = 30\n'
        '[[buckets.pays]]\nservices = ["voice"]\nstep = "1 min"\n'
        '[[buckets.pays]]\nservices = ["sms", "mms"]\n'
    )
    assert (found.unit, found.amount, found.notices) == ("unit", 30, (6, 0))
    assert [(each.step, each.amount) for each in found.payments] == [(60, 1), (1, 1)]


def test_bucket_takes() -> None:
    """A step may take more or less than it has: each begun minute 30 s of the bucket."""
    text = BUCKET.replace('"octets"', '"seconds"').replace('"1 MB"', '"450 min"')
    found = bucket(text + '[[buckets.pays]]\nservices = ["voice"]\nstep = "1 min"\ntakes = 30\n')
    assert found.amount == 27_000
    assert [(each.step, each.amount) for each in found.payments] == [(60, 30)]


def test_bucket_of_money_pays_all() -> None:
    """Without [[buckets.pays]] money pays for every service at the tariff's price."""
    found = bucket(MONEY)
    assert (found.amount, found.grain, found.notices) == (100_000_000, 10_000, (20_000_000, 0))
    (payment,) = found.payments
    assert (payment.services, payment.price, payment.step) == (frozenset(), None, 0)


def test_bucket_of_money_with_price() -> None:
    """S26: talk money at 1.05 a minute in pulses of ten seconds: 0.175 a pulse."""
    found = bucket(
        MONEY + '[[buckets.pays]]\nservices = ["voice"]\ndestinations = ["on-net"]\n'
        'price = "1.05"\nper = "1 min"\nstep = "10 s"\n'
    )
    price = found.payments[0].price
    assert price is not None
    assert [leg.step for leg in price.legs] == [10]
    assert price.legs[0].price == 175_000 * price.denominator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily = true", {"is_daily": True}),
        ("adds = true", {"adds": True}),
        ('keeps = "all"', {"keeps": AMOUNT_LIMIT}),
        ('keeps = "512 KB"', {"keeps": 524_288}),
        ("prorated = true", {"is_prorated": True}),
        ('prorated = true\ngrain = "1 MB"', {"is_prorated": True, "grain": 1_048_576}),
        ("extends = true", {"extends": True}),
        ("shared = true", {"is_shared": True}),
        ("priority = -1", {"priority": -1}),
        ("notices = []", {"notices": ()}),
        ('notices = ["100%", "50 %"]', {"notices": (524_288, 0)}),
        ('lasts = "once"', {"lasts": Every(Span.ONCE)}),
        ('lasts = "3 months"', {"lasts": Every(Span.MONTH, 3)}),
        ('lasts = "1 day"', {"lasts": Every(Span.DAYS, 1)}),
        ('lasts = "day"', {"lasts": Every(Span.DAY)}),
    ],
)
def test_bucket_keys(text: str, expected: dict[str, object]) -> None:
    """Each key of a bucket."""
    found = bucket(BUCKET + text + "\n" + PAYS)
    assert {name: getattr(found, name) for name in expected} == expected


def test_bonus() -> None:
    """S29: 500 to 1,250, both included; S18: a mark for thirty days."""
    assert read(PROMOTION + 'from = "500.00"\nto = "1250.00"').bonus == Bonus(
        500_000_000, 1_250_000_000
    )
    text = 'from = "40.00"\nchannels = ["terminal"]\nmark = "recharged"\ndays = 30'
    assert read(PROMOTION + text).bonus == Bonus(
        40_000_000, AMOUNT_LIMIT, frozenset({"terminal"}), "recharged", 30
    )


def test_advance() -> None:
    """S14: 50 owed, 5 kept, while less than 2 is there; the money may go to a bucket."""
    text = ADVANCE + 'fee = "5.00"\nbelow = "2.00"\nlasts = "5 days"\nage_days = 30\nmark = "r"\n'
    money = '[[buckets]]\nname = "advance"\nunit = "money"\namount = "45.00"\nlasts = "once"\n'
    rule = read(text + money)
    assert rule.advance == Advance(50_000_000, 5_000_000, Every(Span.DAYS, 5), 2_000_000, 30, "r")
    assert rule.buckets[0].amount == 45_000_000


@pytest.mark.parametrize(
    ("name", "given", "key"),
    [
        ("a b", {}, "counters.a b"),
        ("c", "5", "counters.c"),
        ("c", {"capacity": 5}, "counters.c.unit"),
        ("c", {"unit": "octets"}, "counters.c.capacity"),
        ("c", {"unit": "octets", "capacity": "1 GB", "every": "30 days"}, "counters.c.every"),
        ("c", {"unit": "octets", "capacity": "1 GB", "every": "2 months"}, "counters.c.every"),
        ("c", {"unit": "octets", "capacity": "1 GB", "shared": 1}, "counters.c.shared"),
    ],
)
def test_counter_refused(name: str, given: object, key: str) -> None:
    """A counter with an error is not built, and the error names its key."""
    prices, problems = reader()
    assert read_counter(name, given, prices) is None
    assert key in [each.key for each in problems]


def test_counter() -> None:
    """A limit that begins anew, told of like a bucket."""
    prices, problems = reader()
    given = {"unit": "money", "capacity": "10.00", "every": "month", "shared": True}
    assert read_counter("c", given, prices) == CounterRule(
        "c", "money", 10_000_000, Span.MONTH, True, (2_000_000, 0)
    )
    assert read_counter("d", {"unit": "unit", "capacity": 1}, prices) == CounterRule(
        "d", "unit", 1, Span.DAY, False, (0,)
    )
    assert problems == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["80 %", "100%"], (80, 100)),
        ([], ()),
        (None, None),
        (["80"], None),
        (["%"], None),
        ([80], None),
        (["1000 %"], None),
        (["0 %"], None),
        (["٣ %"], None),
        (["80 "], None),
    ],
)
def test_percents(given: object, expected: tuple[int, ...] | None) -> None:
    """Whole numbers of per cent, from 1 to 100."""
    assert percents(given) == expected


def test_documented_tariffs(tmp_path: Path) -> None:
    """The ten tariffs of docs/catalogue.md are a catalogue that loads."""
    text = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text()
    blocks = [each.partition("\n```")[0] for each in text.split("```toml\n")[1:]]
    products = [each for each in blocks if each.startswith("id = ")]
    (general,) = [each for each in blocks if each.startswith("# catalogue.toml")]
    (tmp_path / "catalogue.toml").write_text(general)
    (tmp_path / "destinations.csv").write_text(
        "prefix,class,name\n7701,on-net,\n7705,off-net,\n7727,landline,\n1,us,\n61,australia,\n"
    )
    for number, each in enumerate(products):
        (tmp_path / f"{number}.toml").write_text(each)
    assert len(products) == 10
    assert len(load(tmp_path).products) == 10
