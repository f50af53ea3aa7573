"""Where the parts are joined: a worker, and a desk.

A worker is one process with one Diameter identity and no truth of its own: whatever it knows is in the
store, and its death takes nothing along.
"""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ocs.abmf.ledger import LedgerError
from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import Subscribers
from ocs.account.standing import Refused
from ocs.books import OpenSession
from ocs.catalogue_store import open_catalogues
from ocs.config import Config
from ocs.desk import Desk, utc_millis
from ocs.expiry import Sweeper
from ocs.inbox import ASR, Inbox, LocalIdentity, tell
from ocs.metrics import Metrics
from ocs.model import Partition, Subscriber
from ocs.node.restarts import Restarts
from ocs.node.server import Node
from ocs.node_settings import node_settings, peers_of
from ocs.ocf import OCF
from ocs.ops import OpsServer
from ocs.policies import policy_of
from ocs.rating.catalogue import load as load_catalogue
from ocs.reauth import Reauthoriser
from ocs.scheduler import Scheduler
from ocs.store.check import Epoch, verify
from ocs.store.connect import connect
from ocs.store.embedded import EmbeddedStore

DEFAULT_TARIFF = "conversations"
CANCEL_SECONDS = 0.5
#: First uses that wait to be written down. One that is lost comes again with the next use.
FIRST_USES_AT_MOST = 10_000

log = structlog.get_logger()


def inbox_name(index: int) -> str:
    """The name of a worker's inbox: the same after a restart, so that messages still find it."""
    return f"w{index}"


async def open_store(config: Config, initialise: bool = False) -> tuple[Redis, Epoch]:
    """The store that is configured, or the running embedded one; checked."""
    url = config.store.url or EmbeddedStore(Path(config.store.data)).live_url()
    client = connect(url, config.store.timeout_seconds)
    try:
        return client, await verify(client, config.store.partitions, initialise)
    except BaseException:
        await client.aclose()
        raise


async def open_ledger(
    client: Redis, epoch: Epoch, deadline_seconds: float = 3.0, metrics: Metrics | None = None
) -> RedisLedger:
    """The ledger, its functions loaded."""
    library = Library.from_package()
    await library.load(client)
    ledger = RedisLedger(
        client, library, epoch.partitions, deadline_seconds=deadline_seconds, metrics=metrics
    )
    await ledger.open()
    return ledger


@asynccontextmanager
async def open_desk(config: Config, actor: str) -> AsyncIterator[Desk]:
    """A desk on the configured store."""
    client, epoch = await open_store(config)
    try:
        ledger = await open_ledger(client, epoch)
        catalogues, _ = await open_catalogues(
            client, load_catalogue(Path(config.catalogue.folder)), utc_millis
        )
        yield Desk(
            client=client,
            ledger=ledger,
            subscribers=Subscribers(client, ledger, epoch.partitions),
            records=Records(client, epoch.partitions),
            catalogue=catalogues.at(utc_millis()),
            default_tariff=DEFAULT_TARIFF,
            actor=actor,
        )
        await ledger.drain()
    finally:
        await client.aclose()


# --- a worker -------------------------------------------------------------------------------------


async def run_worker(config: Config, index: int) -> int:
    """One worker process until it is told to stop, or its supervisor is gone."""
    stop = stop_signal()
    catalogue = load_catalogue(Path(config.catalogue.folder))
    currency = catalogue.currency
    metrics = Metrics(currency.name, currency.decimals, [each.identity for each in config.peers])
    client, epoch = await open_store(config)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.aclose)
        catalogues, versions = await open_catalogues(client, catalogue, utc_millis)
        ledger = await open_ledger(client, epoch, config.store.timeout_seconds, metrics)
        stack.push_async_callback(ledger.drain)
        records = Records(client, epoch.partitions)
        reauthorise = Reauthoriser(client, records)
        subscribers = Subscribers(client, ledger, epoch.partitions)
        walked, told = partitions_of(config, index, epoch), partial(tell_waiting, reauthorise)
        scheduler = Scheduler(ledger, subscribers, catalogues, walked, utc_millis, metrics, told)
        first_uses = asyncio.Queue[Subscriber](FIRST_USES_AT_MOST)
        ocf = OCF(
            ledger=ledger,
            subscribers=subscribers,
            catalogues=catalogues,
            policy=policy_of(config.services),
            metrics=metrics,
            owner=inbox_name(index),
            clock=utc_millis,
            reauthorise=reauthorise,
            activate=partial(used_first, first_uses),
        )
        settings = node_settings(config, index, epoch)
        restarts = Restarts(
            ledger.restarted, partial(close_lost, records, ledger, metrics, reauthorise)
        )
        node = Node(settings, peers_of(config), ocf.handle, metrics, restarts.note)
        heart = Heart()
        ops = ops_server(config, index, metrics, heart, node)
        ops.start()
        stack.callback(ops.stop)
        await node.start()
        stack.push_async_callback(node.stop)
        who = LocalIdentity(settings.origin_host, settings.origin_realm)
        inbox = Inbox(
            client, inbox_name(index), who, node.request, records, ledger, metrics, reauthorise
        )
        works = {
            "inbox": inbox.run(),
            "sweeper": sweeper(client, records, ledger, metrics, reauthorise).run(),
            "reauthoriser": reauthorise.run(),
            "scheduler": scheduler.run(),
            "first uses": activate_used(first_uses, scheduler),
            "restarts": restarts.run(),
            "heart": heart.beat(),
            "store": watch_store(client, metrics),
            "catalogue": versions.watch(),
            "supervisor": watch_supervisor(stop),
        }
        tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
        log.info(
            "worker ready",
            identity=settings.origin_host,
            diameter=node.port,
            diameter_tls=node.tls_port,
            ops=ops.port,
            pid=os.getpid(),
        )
        leave_alone()
        ended = await wait_for_end(stop, tasks)
        await end(tasks)
        return ended


def leave_alone() -> None:
    """Nothing that was loaded goes before the worker does: the garbage collector need not walk over it,
    which takes tens of milliseconds in the middle of somebody's request (docs/performance.md, 7)."""
    gc.collect()
    gc.freeze()


def partitions_of(config: Config, index: int, epoch: Epoch) -> list[Partition]:
    """Whose agenda worker `index` walks: the workers share the partitions among them."""
    workers = config.workers.count
    return [Partition(each) for each in range(index % workers, epoch.partitions, workers)]


async def tell_waiting(
    reauthorise: Callable[[Sequence[bytes]], None], sessions: Sequence[OpenSession]
) -> None:
    """Sessions that a step concerns ask again."""
    reauthorise([each.session_id for each in sessions])


def used_first(first_uses: asyncio.Queue[Subscriber], subscriber: Subscriber) -> None:
    """Keep whose number was used for the first time; returns at once."""
    if not first_uses.full():
        first_uses.put_nowait(subscriber)


async def activate_used(first_uses: asyncio.Queue[Subscriber], scheduler: Scheduler) -> None:
    """Activate them beside the path of the CCRs, for ever; ends by cancellation."""
    while True:
        subscriber = await first_uses.get()
        try:
            await scheduler.activate(subscriber)
        except (LedgerError, Refused, RedisError, OSError) as error:
            log.warning("first use not written down", error=repr(error))


def sweeper(
    client: Redis,
    records: Records,
    ledger: RedisLedger,
    metrics: Metrics,
    reauthorise: Reauthoriser,
) -> Sweeper:
    """Closes what is due; tells the clients that ignored a final unit through their workers' inboxes."""
    return Sweeper(
        records.due,
        ledger,
        metrics,
        reauthorise,
        overdue=records.overdue,
        abort=lambda session: tell(client, session, ASR),
    )


def ops_server(
    config: Config, index: int, metrics: Metrics, heart: "Heart", node: Node
) -> OpsServer:
    """Metrics and probes of worker `index`."""
    return OpsServer(
        str(config.ops.listen),
        config.ops.port + index if config.ops.port else 0,
        metrics,
        heartbeat=heart.age,
        ready=lambda: readiness(node, metrics),
    )


async def close_lost(
    records: Records,
    ledger: RedisLedger,
    metrics: Metrics,
    reauthorise: Callable[[Sequence[bytes]], None],
    host: str,
    state_id: int,
) -> int:
    """Close what a client lost when it restarted: its sessions of a lower Origin-State-Id."""
    closed = 0
    async for sessions in records.sessions_of_host(host, state_id):
        for each in sessions:
            outcome = await ledger.expire(each, "client restarted")
            if outcome.closed:
                closed += 1
                metrics.reserved(-outcome.released)
                metrics.session_closed(each.service, "restarted")
                reauthorise(outcome.waiting)
    return closed


class Heart:
    """Tells whether the event loop still turns."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def age(self) -> float:
        """Seconds since the loop last came by."""
        return time.monotonic() - self._last

    async def beat(self) -> None:
        """Beat for ever; ends by cancellation."""
        while True:
            self._last = time.monotonic()
            await asyncio.sleep(0.5)


async def watch_store(client: Redis, metrics: Metrics) -> None:
    """Keep the readiness of the store up to date, off the path of the CCRs."""
    while True:
        try:
            await client.ping()
            metrics.store_up(True)
        except Exception as error:
            # Whatever it is, the store is not usable; the next round tells whether it came back.
            log.warning("store away", error=str(error))
            metrics.store_up(False)
        await asyncio.sleep(1)


def readiness(node: Node, metrics: Metrics) -> tuple[bool, list[str]]:
    """Whether CCRs can be served, and what is missing."""
    reasons = []
    if not metrics.is_store_up:
        reasons.append("the store does not answer")
    if not node.is_listening:
        reasons.append("no listener is open")
    return not reasons, reasons


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def watch_supervisor(stop: asyncio.Event) -> None:
    """Stop when the supervisor's end of standard input closes: nobody would stop us later."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stop.set()
    await asyncio.Event().wait()


async def end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for them; again where a library swallowed the cancellation."""
    pending: Collection[asyncio.Task[None]] = tasks
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_SECONDS)


async def wait_for_end(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> int:
    """0 when told to stop; 1 when one of the tasks ended, which none does while all is well."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in done - {stopped}:
        log.error("task ended", task=task.get_name(), error=repr(task.exception()))
    return 0 if stopped in done else 1
