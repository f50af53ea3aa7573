"""A small catalogue, subscribers of it, and what they are offered."""

import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ocs.model import (
    AccountId,
    Bucket,
    Partition,
    Product,
    ProductState,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
    Way,
)
from ocs.rating.calendars import millis_of
from ocs.rating.catalogue import Catalogue, load
from ocs.rating.offer import Offer
from ocs.rating.versions import Catalogues
from ocs.rating.ways import offers

ALMATY = ZoneInfo("Asia/Almaty")
GENERAL = """
currency = "KZT"
zone = "Asia/Almaty"
[counters.day-sms]
unit = "events"
capacity = "2 message"
[counters.day-open]
unit = "day"
capacity = 1
[counters.pool]
unit = "seconds"
capacity = "100 min"
every = "month"
shared = true
"""
DESTINATIONS = "prefix,class,name\n7701,on-net,Kcell\n7705,off-net,Beeline\n7727,landline,Almaty\n"
#: 6.00 a minute by the second: 0.10 a second; 1.00 a message; 10.24 a megabyte: 0.01 a kilobyte.
BASE = """
id = "base"
[[prices]]
service = "voice"
price = "6.00"
per = "1 min"
step = "1 s"
[[prices]]
service = "sms"
price = "1.00"
per = "1 message"
[[prices]]
service = "data"
price = "10.24"
per = "1 MB"
step = "1 KB"
"""


def local(text: str) -> UtcMillis:
    """A moment at home."""
    return millis_of(datetime.fromisoformat(text).replace(tzinfo=ALMATY))


#: The beginning of what was always there.
ALWAYS = UtcMillis(0)
NOON = local("2019-03-04 12:00")


def catalogue(*products: str, general: str = GENERAL, base: str = BASE) -> Catalogue:
    """The catalogue of these files, "base" among them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "catalogue.toml").write_text(general)
        (folder / "destinations.csv").write_text(DESTINATIONS)
        for number, text in enumerate((base, *products)):
            (folder / f"product{number}.toml").write_text(text)
        return load(folder)


def subscriber(*products: Product, **changes: object) -> Subscriber:
    """A subscriber of "base" with these products."""
    plain = Subscriber(
        AccountId("1"), Partition(0), 1, "base", SubscriberState.ACTIVE, (), products=products
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name, as the test says


def has(
    product: str,
    *buckets: Bucket,
    number: int = 1,
    state: ProductState = ProductState.ACTIVE,
    since: UtcMillis = ALWAYS,
) -> Product:
    """A product that a subscriber has."""
    return Product(number, product, state, since, buckets=buckets)


def context(
    service: str,
    *,
    started: UtcMillis = NOON,
    tariff: str = "base",
    called: str = "77051112233",
    facts: tuple[str, ...] = (),
) -> SessionContext:
    """A session that began at noon."""
    return SessionContext(
        AccountId("1"),
        Partition(0),
        service,
        tariff,
        started,
        "fee" in facts,
        RatingAttributes(service, called=called, facts=frozenset(facts)),
        "",
    )


def offered(
    priced: Catalogue | Catalogues,
    served: Subscriber,
    around: SessionContext,
    at: UtcMillis = NOON,
    *,
    first: UtcMillis | None = None,
    last: UtcMillis | None = None,
) -> tuple[Offer, ...]:
    """What is offered, in a call of an hour."""
    catalogues = priced if isinstance(priced, Catalogues) else Catalogues((priced,))
    return offers(
        catalogues,
        served,
        around,
        None,
        (),
        at=at,
        first=at if first is None else first,
        last=UtcMillis(at + 3_600_000) if last is None else last,
    )


def one(
    priced: Catalogue | Catalogues,
    served: Subscriber,
    service: str,
    at: UtcMillis = NOON,
    *,
    called: str = "77051112233",
    facts: tuple[str, ...] = (),
) -> Offer:
    """The only offer of an event at a moment."""
    around = context(service, started=at, called=called, facts=facts)
    (offer,) = offered(priced, served, around, at)
    return offer


def micros(offer: Offer, way: Way) -> tuple[int, int, int]:
    """Of the first leg of a way: its step, what the step costs in micros, and the entry."""
    leg = way.legs[0]
    assert (leg.price % offer.denominator, leg.entry % offer.denominator) == (0, 0)
    return leg.step, leg.price // offer.denominator, leg.entry // offer.denominator


def windows(offer: Offer) -> list[tuple[str, int, int]]:
    """The ways in order, each with the time it is for."""
    named = zip(kinds(offer), offer.ways, strict=True)
    return [(kind, way.begins, way.ends) for kind, way in named]


def kinds(offer: Offer) -> list[str]:
    """The ways in order, without the mark of a price: "b.1.sms", "p.base"."""
    return [each.name.rpartition(".")[0] for each in offer.ways]


PACK = """
id = "pack"
kind = "addon"
[[buckets]]
name = "sms"
unit = "events"
amount = "25 message"
lasts = "30 days"
[[buckets.pays]]
services = ["sms"]
destinations = ["on-net"]
"""
ON_NET = "77012223344"
IN_A_WEEK, IN_A_MONTH = local("2019-03-11 00:00"), local("2019-04-03 00:00")
TALK = """
id = "talk"
kind = "addon"
[[buckets]]
name = "on-net"
unit = "money"
amount = "110.00"
[[buckets.pays]]
services = ["voice"]
destinations = ["on-net"]
price = "1.20"
per = "1 min"
step = "10 s"
"""
