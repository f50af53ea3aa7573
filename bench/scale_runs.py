"""What bench/scale.py measures: points of a dimension, each a server of its own, measured in turn.

All servers of a dimension stand at the same time and are loaded one after the other, round after round, so
that what slows the machine for a minute slows every point of it.
"""

import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from ocs.load.answers import SUCCESS
from ocs.load.drive import closed
from ocs.load.people import People
from ocs.load.place import Place
from ocs.load.result import Result
from ocs.load.run import run_load
from ocs.load.workload import Workload
from ocs.model import NEVER, Bucket, Product, ProductState, Subscriber

WINDOW = 64
WARM_UP_SECONDS = 0.5
PRODUCT = "buckets"


@dataclass(frozen=True, slots=True)
class Point:
    """One place on the axis of a dimension."""

    x: int
    workload: Workload
    workers: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    buckets: int = 0
    #: Where its store is to be kept; None: nowhere.
    data: Path | None = None
    rounds: int = 100  # at the most
    #: What is measured with the same subscribers besides, once.
    others: tuple[Workload, ...] = ()


@dataclass(slots=True)
class Standing:
    """A point whose server runs and whose subscribers are there."""

    point: Point
    place: Place
    people: People
    #: By workload.
    results: dict[str, list[Result]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Length:
    """How long each run is measured, and how often."""

    seconds: float = math.inf
    requests: float = math.inf
    rounds: int = 3


def bucketed(buckets: int) -> type[People]:
    """People who have so many buckets, all of them used up: each is looked at, own money pays."""

    class Bucketed(People):
        """With a product that nobody paid for."""

        def subscriber(self, person: int) -> Subscriber:
            """The snapshot, with the buckets."""
            plain = People.subscriber(self, person)
            if not buckets:
                return plain
            names = [f"b{each}" for each in range(buckets)]
            product = Product(
                1,
                PRODUCT,
                ProductState.ACTIVE,
                NEVER,
                NEVER,
                NEVER,
                tuple(Bucket(f"1.{name}", name) for name in names),
            )
            return replace(plain, products=(product,), next_product=2)

    return Bucketed


def product_with(buckets: int) -> str:
    """The file of a product with so many buckets for data."""
    head = f'id = "{PRODUCT}"\nname = "Buckets"\nkind = "addon"\n'
    one = (
        '[[buckets]]\nname = "b{}"\nunit = "octets"\namount = "1 GB"\nlasts = "once"\n'
        '[[buckets.pays]]\nservices = ["data"]\n'
    )
    return head + "".join(one.format(each) for each in range(buckets))


@asynccontextmanager
async def standing(points: Sequence[Point]) -> AsyncIterator[list[Standing]]:
    """Every point's server, with its subscribers."""
    async with AsyncExitStack() as stack:
        found = []
        for each in points:
            place = await stack.enter_async_context(
                Place.start(each.workers, settings=each.settings, data=each.data)
            )
            kind = bucketed(each.buckets)
            people = await stack.enter_async_context(kind.live(place.config, each.workload))
            found.append(Standing(each, place, people))
            print(f"  {each.x:,}: ready, {each.workload.subscribers:,} subscribers", flush=True)
        yield found


async def measure(dimension: str, points: Sequence[Point], length: Length) -> list[dict[str, Any]]:
    """Every point, in rounds."""
    async with standing(points) as places:
        for number in range(length.rounds):
            for each in places:
                if number < each.point.rounds:
                    others = () if number else each.point.others
                    for workload in (each.point.workload, *others):
                        found = await run(each, workload, length, seed=number + 1)
                        each.results.setdefault(workload.name, []).append(found)
    return [row(dimension, each.point.x, few) for each in places for few in each.results.values()]


async def run(each: Standing, workload: Workload, length: Length, seed: int) -> Result:
    """One run of a point."""
    return await run_load(
        workload,
        closed(WINDOW),
        each.place.target,
        seconds=length.seconds,
        requests=length.requests,
        warm_up_seconds=WARM_UP_SECONDS if length.seconds < math.inf else 0,
        seed=seed,
        people=each.people,
    )


async def populate(workload: Workload, data: Path) -> None:
    """Subscribers in a store that is kept."""
    async with standing([Point(workload.subscribers, workload, data=data)]):
        pass


def row(dimension: str, x: int, results: Sequence[Result]) -> dict[str, Any]:
    """What is kept of a point: medians over its rounds, least and most of the throughput."""
    rates = [each.achieved for each in results]

    def middle(values: Sequence[float], digits: int) -> float:
        return round(median(values), digits)

    return {
        "dimension": dimension,
        "x": x,
        "workload": results[0].workload,
        "subscribers": results[0].subscribers,
        "sessions": results[0].sessions,
        "rate": middle(rates, 0),
        "rate_low": round(min(rates)),
        "rate_high": round(max(rates)),
        "p50_ms": middle([each.latency["all"]["p50"] for each in results], 3),
        "p99_ms": middle([each.latency["all"]["p99"] for each in results], 3),
        "server_us": middle([1000 * each.per_thousand(each.server) for each in results], 1),
        "store_us": middle([1000 * each.per_thousand(each.store) for each in results], 1),
        "generator_us": middle([1000 * each.per_thousand(each.generator) for each in results], 1),
        "server_mb": middle([each.server.rss_bytes / 1024**2 for each in results], 1),
        "store_used_mb": middle([each.store_used_bytes / 1024**2 for each in results], 1),
        "unanswered": sum(each.unanswered for each in results),
        "refused": refused(results),
        "rounds": len(results),
        "store": results[0].circumstances.versions["store"],
        "audit": [str(each.audit) for each in results],
    }


def refused(results: Sequence[Result]) -> dict[str, int]:
    """Answers that were no success, by Result-Code; there are none where everybody has money."""
    found: Counter[str] = Counter()
    for each in results:
        for by_code in each.codes.values():
            found.update(by_code)
    found.pop(str(SUCCESS), None)
    return dict(sorted(found.items()))
