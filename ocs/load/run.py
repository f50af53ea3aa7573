"""One run from its subscribers to its audit: open the sessions, measure, end them, compare every account.

Only the middle is measured: latencies, processor time and memory are those of the requests between the
first and the last answer of that phase. Exceptions are those of the modules it joins: LoadFailed,
Overloaded, PeerRefused, PeopleRefused.
"""

import asyncio
import gc
import math
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from ocs.diameter.base import LocalNode
from ocs.load.audit import Audit, answers_only, audit
from ocs.load.drive import SECOND, Closed, Driver, Limit, Shape
from ocs.load.people import FIRST_NUMBER, People
from ocs.load.record import Record
from ocs.load.result import Party, Result, circumstances
from ocs.load.target import Target
from ocs.load.templates import Sender
from ocs.load.traffic import Books, Session, Traffic
from ocs.load.watch import Reading, reading, usage
from ocs.load.wire import Wire
from ocs.load.workload import Workload

REALM = "load.example"
#: Opening and ending are not measured: enough at a time to be quick, not enough to pile up.
AROUND = Closed(64)


@dataclass(frozen=True, slots=True)
class Progress:
    """What whoever watches is told, a few times a second. Milliseconds are of the newest answers."""

    phase: str  # "subscribers", "opening", "warming up", "measuring", "ending", "audit"
    done: float = 0.0  # share of the phase, 0 to 1
    rate: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    refused: int = 0
    unanswered: int = 0
    seconds_left: float = 0.0


Watcher = Callable[[Progress], None]


def nobody(progress: Progress) -> None:
    """Where nobody watches."""


async def run_load(
    workload: Workload,
    shape: Shape,
    target: Target,
    *,
    seconds: float = math.inf,
    requests: float = math.inf,
    warm_up_seconds: float = 1.0,
    seed: int = 1,
    connections: int = 4,
    people: People | None = None,
    progress: Watcher = nobody,
) -> Result:
    """Measure for so many seconds or requests. Without `people`, a server with a configuration gets its
    subscribers here, and keeps them."""
    if people is None and target.config is not None:

        def told(done: int, total: int) -> None:
            progress(Progress("subscribers", done / total))

        async with People.live(target.config, workload, told) as made:
            return await run_load(
                workload, shape, target, seconds=seconds, requests=requests,
                warm_up_seconds=warm_up_seconds, seed=seed, connections=connections,
                people=made, progress=progress,
            )  # fmt: skip
    books = people.books if people is not None else Books([0] * workload.subscribers)
    run = _Run(workload, target, books, seed, connections, progress)
    async with run.connected():
        with quiet_collector():
            await run.phase("opening", AROUND, Limit(), run.traffic.opening)
            if warm_up_seconds:
                await run.phase("warming up", shape, Limit(warm_up_seconds), run.traffic.take)
            before = reading(target.server_pids, target.store_pids)
            record = await run.phase("measuring", shape, Limit(seconds, requests), run.traffic.take)
            after = reading(target.server_pids, target.store_pids)
        took = (run.driver.ended - run.driver.began) / SECOND
        overloaded = run.driver.overloaded
        used, version = await store_facts(people)
        await run.phase("ending", AROUND, Limit(), run.traffic.ending)
    progress(Progress("audit"))
    checked = answers_only(books)
    if people is not None:
        checked = await audit(people.balances(), people.openings, books)
    if overloaded is not None and checked.is_good:
        raise overloaded
    return run.result(shape, record, took, (before, after), (used, version), checked)


class _Run:
    """The parts of one run."""

    def __init__(
        self,
        workload: Workload,
        target: Target,
        books: Books,
        seed: int,
        connections: int,
        progress: Watcher,
    ) -> None:
        self._workload, self._target, self._seed = workload, target, seed
        self._progress = progress
        name = secrets.token_hex(4)  # no two runs share a Session-Id
        hosts = [f"load-{index}.{REALM}" for index in range(connections)]
        senders = [Sender(host, REALM, target.realm, name) for host in hosts]
        self.traffic = Traffic(workload, senders, FIRST_NUMBER, books, seed)
        self._wires = [self._wire(host) for host in hosts]
        self.driver = Driver(self.traffic, self._wires)

    def _wire(self, host: str) -> Wire:
        return Wire(
            LocalNode(host, REALM, "Load generator"),
            answered=lambda message, now: self.driver.answered(message, now),
            read=lambda: self.driver.pump(),
            lost=lambda reason: self.driver.failed(reason),
        )

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Every connection open, spread over the workers."""
        target = self._target
        try:
            for index, wire in enumerate(self._wires):
                await wire.connect(target.host, target.port + index % target.workers)
            yield
        finally:
            for wire in self._wires:
                await wire.close()

    async def phase(
        self, name: str, shape: Shape, limit: Limit, take: Callable[[], Session | None]
    ) -> Record:
        """Drive a phase to its end."""
        driver = self.driver
        self.traffic.moment = int(time.time())
        record = driver.begin(shape, limit, take)
        watch = _Watch(name, record, limit, self._workload.sessions)

        def look() -> None:
            self._progress(watch.progress())

        await driver.run(look)
        look()
        return record

    def result(
        self,
        shape: Shape,
        record: Record,
        took: float,
        readings: tuple[Reading, Reading],
        store: tuple[int, str],
        checked: Audit,
    ) -> Result:
        """Everything together."""
        before, after = readings
        return Result(
            workload=self._workload.name,
            target=self._target.name,
            load=str(shape),
            seed=self._seed,
            connections=len(self._wires),
            subscribers=self._workload.subscribers,
            sessions=self._workload.sessions,
            seconds=round(took, 3),
            offered=0.0 if isinstance(shape, Closed) else shape.rate,
            achieved=round(record.answered / took, 1) if took else 0.0,
            sent=record.sent,
            unanswered=record.unanswered,
            repeats=record.repeats,
            latency=record.latency(),
            late=record.late(),
            codes=record.by_code(),
            server=party(
                before.server.cpu_seconds, after.server.cpu_seconds, after.server.rss_bytes
            ),
            store=party(before.store.cpu_seconds, after.store.cpu_seconds, after.store.rss_bytes),
            generator=party(
                before.generator_seconds,
                after.generator_seconds,
                usage([os.getpid()]).rss_bytes,
            ),
            store_used_bytes=store[0],
            circumstances=circumstances(store[1]),
            audit=checked,
        )


class _Watch:
    """Turns a record into progress."""

    def __init__(self, phase: str, record: Record, limit: Limit, sessions: int) -> None:
        self._phase, self._record, self._limit = phase, record, limit
        self._requests = limit.requests if limit.requests < math.inf else float(sessions)
        self._began = self._looked = time.monotonic()
        self._answered = 0

    def progress(self) -> Progress:
        """So far."""
        record, now = self._record, time.monotonic()
        answered = record.answered
        rate = (answered - self._answered) / max(1e-9, now - self._looked)
        self._answered, self._looked = answered, now
        p50, p99 = record.newest((50, 99))
        passed, total = now - self._began, self._limit.seconds
        done = passed / total if total < math.inf else answered / max(1.0, self._requests)
        left = max(0.0, total - passed) if total < math.inf else 0.0
        refused = sum(
            count for found in record.codes for code, count in found.items() if code // 1000 != 2
        )
        return Progress(
            self._phase, min(1.0, done), rate, p50, p99,
            refused, record.unanswered, left,
        )  # fmt: skip


def party(before: float, after: float, size: int) -> Party:
    """What was used between two moments."""
    return Party(round(after - before, 3), size)


@contextmanager
def quiet_collector() -> Iterator[None]:
    """No collector of cycles in the generator while it measures: its pauses would count as the server's.
    The sessions hold no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def store_facts(people: People | None) -> tuple[int, str]:
    """Octets that the store uses, and which one it is."""
    if people is None:
        return 0, ""
    memory, server = await asyncio.gather(
        people.client.info("memory"), people.client.info("server")
    )
    name = "Valkey" if "valkey_version" in server else "Redis"
    found = server.get("valkey_version") or server["redis_version"]
    return int(memory["used_memory"]), f"{name} {found}"
