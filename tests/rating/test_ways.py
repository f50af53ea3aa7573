"""Moments joined to the windows of a call, and ways of different prices to one denominator."""

from hypothesis import given, strategies as st

from ocs.model import Bucket, UtcMillis
from ocs.rating.versions import Catalogues
from tests.rating.offering import (
    BASE,
    GENERAL,
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
    windows,
)


def test_names_of_ways() -> None:
    """A name stays while the price does, whatever the version; another price has another name."""
    old, new = catalogue(), catalogue(general=GENERAL + "# another version\n")
    dear = catalogue(BASE.replace('"base"', '"dear"').replace("6.00", "9.00"))
    assert old.version != new.version
    name = one(old, subscriber(), "voice").ways[0].name
    assert one(new, subscriber(), "voice").ways[0].name == name
    around = context("voice", tariff="dear")
    (offer,) = offered(dear, subscriber(tariff="dear"), around)
    assert offer.ways[0].name != name
    assert not {" ", ";", "|", ":"} & set(name)


def test_common_denominator() -> None:
    """Ways of different fractions are counted in one denominator."""
    thirds = TALK.replace("1.20", "1.000001")  # of 10 s: 1,000,001 / 6 micros
    offer = one(catalogue(thirds), subscriber(has("talk", Bucket("1.on-net", "on-net"))), "voice",
                called=ON_NET)  # fmt: skip
    talk, base = offer.ways
    assert offer.denominator == 6
    assert talk.legs[0].price == 1_000_001
    assert base.legs[0].price == 600_000


EVENING = """
id = "evening"
[[prices]]
service = "voice"
hours = ["20:00-23:00"]
price = "1.20"
per = "1 min"
step = "1 min"
[[prices]]
service = "voice"
price = "6.00"
per = "1 min"
step = "1 min"
"""


def test_windows() -> None:
    """A call that meets another price has the ways of both, each in its time."""
    priced, eight = catalogue(EVENING), local("2019-03-04 20:00")
    started = UtcMillis(eight - 600_000)
    (offer,) = offered(
        priced, subscriber(tariff="evening"), context("voice", started=started, tariff="evening"),
        started,
    )  # fmt: skip
    day, evening = offer.ways
    assert (micros(offer, day)[1], day.begins, day.ends) == (6_000_000, 0, eight)
    assert (micros(offer, evening)[1], evening.begins, evening.ends) == (1_200_000, eight, 0)
    assert day.name != evening.name
    assert offer.until == eight  # so nobody keeps it for a request that reaches further


MINUTES = PACK.replace('"pack"', '"minutes"').replace('"events"', '"seconds"')
MINUTES = MINUTES.replace("25 message", "25 min").replace('["sms"]', '["voice"]')
PRICED = catalogue(EVENING, MINUTES)


def test_windows_that_passed() -> None:
    """What was used in a window that is settled keeps its price: its way stays in the plan, once."""
    priced, started = catalogue(EVENING), local("2019-03-04 19:50")
    around = context("voice", started=started, tariff="evening")
    at = local("2019-03-04 23:05")
    (offer,) = offered(priced, subscriber(tariff="evening"), around, at)
    evening, day = offer.ways
    assert (evening.ends, day.begins, day.ends) == (
        local("2019-03-04 23:00"),
        local("2019-03-04 23:00"),
        0,
    )
    # With usage of the evening not yet settled the first window is behind, and the same way as now.
    (offer,) = offered(
        priced, subscriber(tariff="evening"), around, at, first=local("2019-03-04 22:00")
    )
    assert [each.name for each in offer.ways] == [evening.name, day.name]


def test_bucket_ends_in_a_call() -> None:
    """A bucket pays in its time; the price serves before and after it in one way each."""
    text = PACK.replace('"events"', '"seconds"').replace("25 message", "25 min")
    text = text.replace('["sms"]', '["voice"]')
    end = local("2019-03-04 12:30")
    held = has("pack", Bucket("1.sms", "sms", ends=end))
    offer = one(catalogue(text), subscriber(held), "voice", called=ON_NET)
    assert windows(offer) == [
        ("b.1.sms", 0, end), ("p.base", 0, end), ("p.base", end, 0),
    ]  # fmt: skip


def test_change_of_tariff() -> None:
    """A new tariff serves from the moment it was taken, in a call that goes on as well."""
    dear = BASE.replace('"base"', '"dear"').replace("6.00", "9.00")
    priced, change = catalogue(dear), UtcMillis(NOON + 60_000)
    served = subscriber(has("dear", since=change), tariff="dear")
    (offer,) = offered(priced, served, context("voice"))
    assert windows(offer) == [
        ("p.base", 0, change), ("p.dear", change, 0),
    ]  # fmt: skip
    (message,) = offered(priced, served, context("sms"), UtcMillis(change - 1))
    assert (kinds(message), message.until) == (["p.base"], change)
    (message,) = offered(priced, served, context("sms"), change)
    assert kinds(message) == ["p.dear"]


def test_next_version() -> None:
    """A session that crosses the start of a version switches at the moment, and the note says so."""
    start = local("2019-03-04 12:10")
    old = catalogue()
    begins = "starts = 2019-03-04T12:10:00+06:00\n" + GENERAL
    same, dear = (
        catalogue(general=begins),
        catalogue(general=begins, base=BASE.replace("6.00", "9.00")),
    )
    (offer,) = offered(Catalogues((old, same)), subscriber(), context("voice"))
    # The price is the same in both: one way, at all times.
    assert [(each.begins, each.ends) for each in offer.ways] == [(0, 0)]
    assert offer.note.startswith(old.version)
    versions = Catalogues((old, dear))
    (offer,) = offered(versions, subscriber(), context("voice"))
    before, after = offer.ways
    assert (before.begins, before.ends, after.begins, after.ends) == (0, start, start, 0)
    assert (micros(offer, before)[1], micros(offer, after)[1]) == (100_000, 150_000)
    assert before.name != after.name
    (offer,) = offered(versions, subscriber(), context("voice"), start)
    assert offer.note.startswith(dear.version)
    (message,) = offered(versions, subscriber(), context("sms"), UtcMillis(start - 1))
    assert message.until == start


@given(
    begins=st.integers(0, 7200), ends=st.integers(0, 7200), had=st.integers(0, 7200),
    asked=st.integers(0, 7200),
)  # fmt: skip
def test_windows_are_moments(begins: int, ends: int, had: int, asked: int) -> None:
    """Whatever changes inside a call, at each moment its ways are those of that moment."""
    started = local("2019-03-04 19:00")

    def after(seconds: int) -> UtcMillis:
        return UtcMillis(started + seconds * 1000)

    pack = has("minutes", Bucket("1.sms", "sms", after(begins), after(ends)))
    served = subscriber(pack, has("evening", number=2, since=after(had)), tariff="evening")
    around = context("voice", started=started, called=ON_NET)
    (whole,) = offered(PRICED, served, around, started, last=after(7200))
    at = after(asked)
    (moment,) = offered(PRICED, served, context("voice", started=at, called=ON_NET), at, last=at)
    then = [way.name for way in whole.ways if way.begins <= at and (not way.ends or at < way.ends)]
    assert then == [way.name for way in moment.ways]
