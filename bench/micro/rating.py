"""What rating costs with a large catalogue: load time, memory, microseconds for one charge.

python bench/micro/rating.py [--prefixes 100000] [--products 1000] [--rounds 4000] [--repeats 5] [--json]
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # this folder is not installed

from bench.micro.measure import Figure, count, parser, result, show, timed
from ocs.charging.charges import charge_of
from ocs.model import (
    AccountId,
    Partition,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.catalogue import load
from ocs.rating.versions import Catalogues
from ocs.rating.ways import offers

NOON = UtcMillis(1_551_679_200_000)
SEED = 1
CLASSES = ("on-net", "off-net", "landline", "international")
PRICE = """[[prices]]
service = "voice"
destinations = ["{kind}"]
price = "{price}.00"
per = "1 min"
step = "1 s"
"""


def write(folder: Path, prefixes: int, products: int) -> list[str]:
    """A catalogue of so many prefixes and tariffs; returns the prefixes."""
    choose = random.Random(SEED)  # noqa: S311  # no secret
    rows = sorted({str(choose.randrange(10**4, 10**9)) for _ in range(prefixes * 11 // 10)})
    rows = rows[:prefixes]
    lines = [f"{each},{CLASSES[number % len(CLASSES)]},x" for number, each in enumerate(rows)]
    (folder / "destinations.csv").write_text("prefix,class,name\n" + "\n".join(lines) + "\n")
    (folder / "catalogue.toml").write_text('currency = "KZT"\n')
    for number in range(products):
        prices = (
            PRICE.format(kind=kind, price=number % 50 + place + 1)
            for place, kind in enumerate(CLASSES)
        )
        head = f'id = "t{number}"\nname = "Tariff {number}"\n'
        (folder / f"t{number}.toml").write_text(head + "".join(prices))
    return rows


def resident() -> int:
    """Octets of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(prefixes: int, products: int, rounds: int, repeats: int) -> list[Figure]:
    """Loading a catalogue, and charges by it."""
    with tempfile.TemporaryDirectory() as name:
        rows = write(Path(name), prefixes, products)
        before, begun = resident(), time.process_time()
        catalogue = load(Path(name))
        seconds, memory = time.process_time() - begun, resident() - before
    catalogues = Catalogues((catalogue,))
    choose = random.Random(SEED)  # noqa: S311  # no secret
    asked = cycle(
        (f"t{choose.randrange(products)}", f"{choose.choice(rows)}0000000"[:15])
        for _ in range(rounds)
    )
    row = f"{len(rows)} prefixes, {products} products"
    return [
        count(f"{row}: load", "s", round(seconds, 2)),
        count(f"{row}: more memory", "MB", round(memory / 1024**2, 1)),
        timed(f"{row}: a charge", charging(catalogues, lambda: next(asked)), rounds, repeats),
    ]


def charging(catalogues: Catalogues, ask: Callable[[], tuple[str, str]]) -> Callable[[], object]:
    """One charge of five minutes, of the next tariff and number."""
    (catalogue,) = catalogues.versions

    def charge() -> object:
        tariff, called = ask()
        who = Subscriber(AccountId("1"), Partition(0), 1, tariff, SubscriberState.ACTIVE, ())
        said = RatingAttributes("voice", called=called)
        context = SessionContext(
            who.account_id, who.partition, "voice", tariff, NOON, True, said, catalogue.version
        )
        last = UtcMillis(NOON + 300_000)
        (offer,) = offers(catalogues, who, context, None, (), at=NOON, first=NOON, last=last)
        return charge_of("-", offer, None, 300)

    return charge


def results(
    rounds: int, repeats: int, prefixes: int = 100_000, products: int = 1_000
) -> list[dict[str, Any]]:
    """What this script measures."""
    return [result("rating", measure(prefixes, products, rounds, repeats), seed=SEED)]


def main() -> None:
    """Command line."""
    arguments = parser(__doc__, 4000)
    arguments.add_argument("--prefixes", type=int, default=100_000)
    arguments.add_argument("--products", type=int, default=1_000)
    given = arguments.parse_args()
    for each in results(given.rounds, given.repeats, given.prefixes, given.products):
        show(each, given.json)


if __name__ == "__main__":
    main()
