"""Stores and servers with something in them, for bench/scale.py: subscribers with buckets, memory, start.

Each of these starts servers of its own and ends them.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from bench.scale_memory import contents, share
from bench.scale_runs import WINDOW
from ocs.app import open_desk, open_store
from ocs.diameter.base import LocalNode
from ocs.load.audit import audit
from ocs.load.drive import Driver, Limit, closed
from ocs.load.people import FIRST_NUMBER, People
from ocs.load.place import ROOT, Place, StoreKind
from ocs.load.run import REALM
from ocs.load.target import Target
from ocs.load.templates import Sender
from ocs.load.traffic import Session, Traffic
from ocs.load.watch import usage
from ocs.load.wire import Wire
from ocs.load.workload import Workload, read_workload
from ocs.model import MICROS, Micros

#: What one subscriber has in the memory figures: minutes, volume, messages.
THREE = """id = "three"
name = "Three buckets"
kind = "addon"
[fee]
amount = "10.00"
every = "30 days"
[[buckets]]
name = "minutes"
unit = "seconds"
amount = "450 min"
[[buckets.pays]]
services = ["voice"]
[[buckets]]
name = "volume"
unit = "octets"
amount = "5 GB"
[[buckets.pays]]
services = ["data"]
[[buckets]]
name = "messages"
unit = "events"
amount = "100 message"
[[buckets.pays]]
services = ["sms"]
"""
#: Subscribers that are added at a time.
TOGETHER = 50
FIRST = 77_030_000_000


@contextmanager
def catalogue_with(*products: tuple[str, str]) -> Iterator[dict[str, str]]:
    """The settings of a catalogue with these products besides: name and text of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "catalogue"
        shutil.copytree(ROOT / "config" / "catalogue", folder)
        for product, text in products:
            (folder / f"{product}.toml").write_text(text)
        yield {"catalogue__folder": str(folder)}


async def memory_of_subscribers(kind: StoreKind, count: int) -> dict[str, Any]:
    """What a subscriber with three buckets adds to a store: number, money, a bought product."""
    with catalogue_with(("three", THREE)) as settings:
        async with Place.start(store=kind, settings=settings) as place:
            client, _ = await open_store(place.config)
            async with open_desk(place.config, actor="bench") as desk:

                async def add(number: int) -> None:
                    await desk.add(str(FIRST + number), balance=Micros(1000 * MICROS))
                    await desk.buy(str(FIRST + number), "three")

                await asyncio.gather(*(add(each) for each in range(TOGETHER)))
                before = await contents(client)
                for first in range(TOGETHER, TOGETHER + count, TOGETHER):
                    last = min(first + TOGETHER, TOGETHER + count)
                    await asyncio.gather(*(add(each) for each in range(first, last)))
                after = await contents(client)
            await client.aclose()
    return {"store": kind, "what": "subscriber with three buckets", **share(before, after, count)}


async def memory_of_sessions(kind: StoreKind, count: int, updates: int) -> list[dict[str, Any]]:
    """What an open data session adds to a store and to the server, and what is left of it once it ended;
    with its first request and so many updates."""
    workload = replace(read_workload("data-update"), subscribers=count, sessions=count)
    async with (
        Place.start(store=kind) as place,
        People.live(place.config, workload) as people,
    ):
        target = place.target
        before, idle = await contents(people.client), usage(target.server_pids).rss_bytes
        async with open_sessions(target, people, workload, updates):
            during, busy = await contents(people.client), usage(target.server_pids).rss_bytes
        after = await contents(people.client)
        balances = people.balances()
        checked = await audit(balances, people.openings, people.books)
    asked = {"store": kind, "updates": updates, "audit": str(checked)}
    return [
        {
            "what": "open session",
            **asked,
            **share(before, during, count),
            "server_mb_before": round(idle / 1024**2, 1),
            "server_mb": round(busy / 1024**2, 1),
        },
        {"what": "ended session", **asked, **share(before, after, count)},
    ]


@asynccontextmanager
async def open_sessions(
    target: Target, people: People, workload: Workload, updates: int
) -> AsyncIterator[None]:
    """All sessions of a workload, open for as long as the block; updated so often, ended afterwards."""
    senders = [Sender(f"load-{each}.{REALM}", REALM, target.realm, "scale") for each in range(4)]
    traffic = Traffic(workload, senders, FIRST_NUMBER, people.books, seed=1)
    wires = [
        Wire(
            LocalNode(sender.host, REALM, "Load generator"),
            answered=lambda message, now: driver.answered(message, now),
            read=lambda: driver.pump(),
            lost=lambda reason: driver.failed(reason),
        )
        for sender in senders
    ]
    driver = Driver(traffic, wires)

    async def phase(limit: Limit, take: Callable[[], Session | None]) -> None:
        traffic.moment = int(time.time())
        driver.begin(closed(WINDOW), limit, take)
        await driver.run(lambda: None)

    try:
        for wire in wires:
            await wire.connect(target.host, target.port)
        await phase(Limit(), traffic.opening)
        await phase(Limit(requests=updates * workload.sessions), traffic.take)
        yield
        await phase(Limit(), traffic.ending)
    finally:
        for wire in wires:
            await wire.close()


async def starts(data: Path, count: int, repeats: int) -> list[dict[str, Any]]:
    """Seconds until a server is ready on a store that holds `count` subscribers: with the store running
    already, and with the embedded one, which must read its file first."""
    running, embedded, loading = [], [], []
    for _ in range(repeats):
        began = time.perf_counter()
        async with Place.start(store="redis", data=data) as place:
            whole = time.perf_counter() - began
            running.append(place.start_seconds)
            loading.append(whole - place.start_seconds)
        async with Place.start(data=data) as place:
            embedded.append(place.start_seconds)
    return [
        of_seconds("server, the store is running", count, running),
        of_seconds("server and embedded store", count, embedded),
        of_seconds("of it the store's own start", count, loading),
    ]


def of_seconds(what: str, count: int, seconds: list[float]) -> dict[str, Any]:
    """Median and spread."""
    return {
        "what": what,
        "subscribers": count,
        "seconds": round(median(seconds), 2),
        "low": round(min(seconds), 2),
        "high": round(max(seconds), 2),
        "repeats": len(seconds),
    }
