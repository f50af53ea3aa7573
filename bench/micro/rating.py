"""What rating costs with a large catalogue: load time, memory, microseconds for one charge.

    python bench/micro/rating.py [--prefixes 100000] [--products 1000] [--rounds 20000]

One JSON line. Nothing here is a test: figures depend on the machine, which the line names.
"""

import argparse
import json
import os
import platform
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

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
CLASSES = ("on-net", "off-net", "landline", "international")
PRICE = """[[prices]]
service = "voice"
destinations = ["{kind}"]
price = "{price}.00"
per = "1 min"
step = "1 s"
"""


def write(folder: Path, prefixes: int, products: int, seed: int) -> list[str]:
    """A catalogue of so many prefixes and tariffs; returns the prefixes."""
    choose = random.Random(seed)  # noqa: S311  # no secret
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
    """Octets of memory that this process has had at the most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefixes", type=int, default=100_000)
    parser.add_argument("--products", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = write(Path(name), given.prefixes, given.products, given.seed)
        before, begun = resident(), time.perf_counter()
        catalogue = load(Path(name))
        seconds, memory = time.perf_counter() - begun, resident() - before
    catalogues = Catalogues((catalogue,))
    choose = random.Random(given.seed)  # noqa: S311  # no secret
    asked = [
        (f"t{choose.randrange(given.products)}", f"{choose.choice(rows)}0000000"[:15])
        for _ in range(given.rounds)
    ]
    begun = time.perf_counter()
    for tariff, called in asked:
        who = Subscriber(AccountId("1"), Partition(0), 1, tariff, SubscriberState.ACTIVE, ())
        said = RatingAttributes("voice", called=called)
        context = SessionContext(
            who.account_id, who.partition, "voice", tariff, NOON, True, said, catalogue.version
        )
        last = UtcMillis(NOON + 300_000)
        (offer,) = offers(catalogues, who, context, None, (), at=NOON, first=NOON, last=last)
        charge_of("-", offer, None, 300)
    spent = time.perf_counter() - begun
    figures = {
        "prefixes": len(rows),
        "products": given.products,
        "load_seconds": round(seconds, 2),
        "memory_mb": round(memory / 1024**2, 1),
        "microseconds_per_charge": round(spent / given.rounds * 1e6, 2),
        "rounds": given.rounds,
        "seed": given.seed,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "command": " ".join(sys.argv),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
