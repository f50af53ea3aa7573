"""A whole server in one process, from real parts, wired as `ocs.app` wires a worker; and its clients.

Store, ledger, node and sockets are real. What would have to be waited for is driven by hand: the clock of
rating and deadlines, and the sweeper.
"""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.library import Library
from ocs.abmf.records import Records, as_row
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import Subscribers
from ocs.app import close_lost
from ocs.books import OpenSession
from ocs.charging.policy import ChargingPolicy, ServicePolicy
from ocs.demo.client import DiameterClient, Pushed
from ocs.desk import Desk
from ocs.diameter.avp import walk
from ocs.diameter.client_messages import Answer
from ocs.diameter.framing import HEADER_SIZE, Framer, parse_header
from ocs.expiry import Sweeper
from ocs.inbox import Inbox, LocalIdentity
from ocs.metrics import Metrics
from ocs.model import MICROS, Micros, Partition, Subscriber, UtcMillis
from ocs.node.connection import Connection
from ocs.node.contract import Handler
from ocs.node.peers import PeerConfig, Peers
from ocs.node.restarts import Restarts
from ocs.node.server import Node, NodeSettings
from ocs.ocf import OCF
from ocs.rating.catalogue import Catalogue, load
from ocs.rating.versions import Catalogues
from ocs.reauth import Reauthoriser
from tests.charging import worked
from tests.charging.worked import IMSI, MSISDN, POLICY

PARTITIONS = 4
START = UtcMillis(1_790_000_000_000)
HOST, REALM = "ocs1.ocs.example", "ocs.example"
STATE_ID = 1_790_000_000
CLIENT, CLIENT_REALM = "pgw1.example.net", "example.net"
RELAY, RELAY_REALM = "dra.relay.example", "relay.example"
PEERS = (
    PeerConfig(CLIENT, (), CLIENT_REALM),
    PeerConfig("scscf1.example.net", (), CLIENT_REALM),
    PeerConfig("smsc1.example.net", (), CLIENT_REALM),
    PeerConfig(RELAY, (), RELAY_REALM, "relay", (CLIENT_REALM,)),
)
#: A test that waits this long has failed.
PATIENCE_SECONDS = 5.0


#: Beside the worked tariffs: what the conformance tests need.
TARIFFS = Path(__file__).parents[1] / "conformance" / "data"


@cache
def catalogue() -> Catalogue:
    """The configured currency and destinations, with the tariffs of the tests."""
    with tempfile.TemporaryDirectory() as name:
        for path in (
            worked.CONFIGURED / "catalogue.toml",
            worked.CONFIGURED / "destinations.csv",
            *worked.DATA_FOLDER.glob("*.toml"),
            *TARIFFS.glob("*.toml"),
        ):
            shutil.copy(path, name)
        return load(Path(name))


@cache
def library() -> Library:
    """The functions of the store, read once."""
    return Library.from_package()


class Clock:
    """The time of workers and of the store."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> UtcMillis:
        return self.now

    def goes_on(self, seconds: float) -> None:
        """Let time pass."""
        self.now = UtcMillis(self.now + round(seconds * 1000))


class Client(DiameterClient):
    """A client that keeps every message that it received."""

    def __init__(
        self, host: str = CLIENT, realm: str = CLIENT_REALM, state_id: int = 0, to: str = REALM
    ) -> None:
        super().__init__(host, realm, to)
        self.local = replace(self.local, origin_state_id=state_id)
        self.received: list[bytes] = []

    def _message(self, message: bytes) -> None:
        self.received.append(message)
        super()._message(message)

    async def raw(self, message: bytes) -> bytes:
        """Send octets as they are; the answer to their Hop-by-Hop Id."""
        return await self.request(message, parse_header(message).hop_by_hop)

    async def told(self) -> Pushed:
        """The next RAR or ASR that the server sent."""
        return await asyncio.wait_for(self.pushed.get(), PATIENCE_SECONDS)


class Line:
    """A connection that writes and reads octets, and says nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._framer = Framer()
        self._messages: list[bytes] = []
        self.received: list[bytes] = []

    def send(self, *messages: bytes) -> None:
        """Octets in one write."""
        self._writer.write(b"".join(messages))

    async def receive(self) -> bytes:
        """The next message; ConnectionError when the server closed instead."""
        while not self._messages:
            data = await asyncio.wait_for(self._reader.read(1 << 20), PATIENCE_SECONDS)
            if not data:
                raise ConnectionError("closed by the server")
            self._messages += self._framer.feed(data)
        self.received.append(self._messages[0])
        return self._messages.pop(0)

    async def ask(self, message: bytes) -> bytes:
        """Send; the next message."""
        self.send(message)
        return await self.receive()

    async def is_closed(self) -> bool:
        """Whether the server closes without another word."""
        try:
            data = await asyncio.wait_for(self._reader.read(1 << 20), PATIENCE_SECONDS)
        except ConnectionError:
            return True  # a reset is an end, too
        return not data and not self._messages

    async def close(self) -> None:
        """Close without a word."""
        self._writer.transport.abort()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


@dataclass
class Rig:
    """A worker; `second` adds one on the same store."""

    redis: Redis
    policy: ChargingPolicy = POLICY
    peers: Sequence[PeerConfig] = PEERS
    settings: NodeSettings = field(
        default_factory=lambda: NodeSettings(HOST, REALM, port=0, origin_state_id=STATE_ID)
    )
    index: int = 0
    clock: Clock = field(default_factory=Clock)
    deadline_seconds: float = 3.0
    #: What a test puts around the OCF.
    around: Callable[[Handler], Handler] = lambda handler: handler

    def __post_init__(self) -> None:
        self._stack = AsyncExitStack()
        self.received: list[bytes] = []
        self.metrics = Metrics("KZT", 2, [each.identity for each in self.peers])
        self._registry = CollectorRegistry()
        self._registry.register(self.metrics)
        self.ledger = RedisLedger(
            self.redis,
            library(),
            PARTITIONS,
            deadline_seconds=self.deadline_seconds,
            metrics=self.metrics,
            clock=self.clock,
        )
        self.records = Records(self.redis, PARTITIONS)
        self.subscribers = Subscribers(self.redis, self.ledger, PARTITIONS)
        self.reauthorise = Reauthoriser(self.redis, self.records)
        self.ocf = OCF(
            ledger=self.ledger,
            subscribers=self.subscribers,
            catalogues=Catalogues((catalogue(),)),
            policy=self.policy,
            metrics=self.metrics,
            owner=f"w{self.index}",
            clock=self.clock,
            reauthorise=self.reauthorise,
        )
        peers: Peers[Connection] = Peers(self.peers, clock=time.monotonic)
        lost = partial(close_lost, self.records, self.ledger, self.metrics, self.reauthorise)
        self.restarts = Restarts(self.ledger.restarted, lost)
        self.node = Node(
            self.settings, peers, self.around(self.ocf.handle), self.metrics, self.restarts.note
        )
        who = LocalIdentity(self.settings.origin_host, self.settings.origin_realm)
        self.inbox = Inbox(
            self.redis, f"w{self.index}", who, self.node.request, self.records, self.ledger,
            self.metrics, self.reauthorise,
        )  # fmt: skip
        self.desk = Desk(
            client=self.redis,
            ledger=self.ledger,
            subscribers=self.subscribers,
            records=self.records,
            catalogue=catalogue(),
            default_tariff="worked",
            actor="test",
        )

    async def __aenter__(self) -> "Rig":
        await library().load(self.redis)
        await self.node.start()
        self._stack.push_async_callback(self._stop)
        for work in (self.inbox.run(), self.reauthorise.run(), self.restarts.run()):
            self._stack.push_async_callback(end, asyncio.create_task(work))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _stop(self) -> None:
        # Whoever is still connected says nothing more.
        settings = replace(self.node.settings, drain_seconds=0.01, disconnect_seconds=0.01)
        self.node.settings = settings
        await self.node.stop()

    async def second(self) -> "Rig":
        """Another worker with an identity of its own, stopped with this one."""
        settings = replace(self.settings, origin_host="ocs1-1.ocs.example")
        other = Rig(
            self.redis, self.policy, self.peers, settings, index=self.index + 1, clock=self.clock
        )
        return await self._stack.enter_async_context(other)

    # --- clients --------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Where the server listens."""
        return self.node.port

    async def client(
        self, host: str = CLIENT, realm: str = CLIENT_REALM, state_id: int = 0
    ) -> Client:
        """An open peer; what it receives is kept in `received` too."""
        made = Client(host, realm, state_id)
        made.received = self.received
        self._stack.push_async_callback(made.drop)
        await made.connect("127.0.0.1", self.port)
        return made

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A connection of somebody who has said nothing yet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        line = Line(reader, writer)
        line.received = self.received
        try:
            yield line
        finally:
            await line.close()

    # --- what is there ----------------------------------------------------------------------------

    async def subscriber(
        self,
        tenge: float = 0,
        msisdn: str = MSISDN,
        imsi: str | None = IMSI,
        tariff: str = "worked",
    ) -> Subscriber:
        """A subscriber with this balance."""
        amount = Micros(round(tenge * 100) * (MICROS // 100))
        return await self.desk.add(msisdn, imsi=imsi, tariff=tariff, balance=amount)

    async def money(self, msisdn: str = MSISDN) -> tuple[int, int]:
        """Balance and reserved in hundredths; nothing is ever lost or made."""
        found = await self.desk.balance(msisdn)
        assert found.available >= 0
        assert found.credited == found.available + found.reserved + found.spent + found.written_off
        assert found.main % 10_000 == found.reserved % 10_000 == 0
        return found.main // 10_000, found.reserved // 10_000

    async def written_off(self, msisdn: str = MSISDN) -> int:
        """Used without being paid, in hundredths."""
        return (await self.desk.balance(msisdn)).written_off // 10_000

    async def top_up(self, tenge: int, msisdn: str = MSISDN) -> None:
        """Money in, by the desk, which tells the waiting sessions."""
        await self.desk.topup(msisdn, Micros(tenge * MICROS))

    async def sessions(self) -> list[OpenSession]:
        """Every open session."""
        return await self.desk.sessions()

    async def orphans(self) -> list[dict[bytes, bytes]]:
        """The records of usage that no session is known for."""
        rows = []
        for partition in map(Partition, range(PARTITIONS)):
            found = await self.redis.xrange(keys.ledger(partition)) or []
            rows += [as_row(each[1]) for each in found if each]
        return [row for row in rows if row[b"kind"] == b"orphan"]

    async def sweep(self) -> int:
        """One round of the sweeper by this rig's clock; how many sessions it closed."""
        before = len(await self.sessions())
        sweeper = Sweeper(self._due, self.ledger, self.metrics, self.reauthorise)
        while await sweeper.sweep():
            pass
        return before - len(await self.sessions())

    async def _due(self, limit: int) -> list[OpenSession]:
        found = await self.records.open_sessions()
        return [each for each in found if each.deadline <= self.clock.now][:limit]

    def count(self, name: str, **labels: str) -> float:
        """The value of a counter or gauge, summed over the labels that are not named."""
        samples = [each for family in self._registry.collect() for each in family.samples]
        return sum(
            each.value
            for each in samples
            if each.name == name and labels.items() <= each.labels.items()
        )

    async def has_sessions(self, *session_ids: bytes) -> None:
        """Return when exactly these sessions are open; between two looks everybody else has a turn."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            is_so = False
            while not is_so:
                is_so = {each.session_id for each in await self.sessions()} == {*session_ids}
                await asyncio.sleep(0)

    async def reaches(self, name: str, value: float, **labels: str) -> None:
        """Return when a counter has this value; each look is one turn of the loop."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.count(name, **labels) != value:  # noqa: ASYNC110  # a counter sets no event
                await asyncio.sleep(0)


async def end(task: asyncio.Task[None]) -> None:
    """Cancel until it has ended: Python 3.11's wait_for may lose a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
    with contextlib.suppress(asyncio.CancelledError):
        task.result()


def serving(*services: ServicePolicy) -> ChargingPolicy:
    """The worked services, with these in place of the plain ones of their name."""
    names = {each.name for each in services}
    return ChargingPolicy((*services, *(one for one in POLICY.services if one.name not in names)))


def codes(answer: Answer) -> tuple[int, list[int]]:
    """Result-Codes of the command and of each service."""
    return answer.result_code, [each.result_code for each in answer.mscc]


def avps(message: bytes, start: int = HEADER_SIZE) -> list[tuple[int, int, int, bytes]]:
    """Code, vendor, flags and data of each AVP of a message, or of a group with `start` 0."""
    found = walk(message, start, len(message))
    return [(code, vendor, flags, message[at:stop]) for code, vendor, flags, at, stop, _ in found]


def data_of(message: bytes, code: int, start: int = HEADER_SIZE) -> list[bytes]:
    """The data of each AVP of vendor 0 with this code."""
    return [each[3] for each in avps(message, start) if each[:2] == (code, 0)]


def number_of(message: bytes, code: int) -> int:
    """A number at the top of a message, which stands there once."""
    (found,) = data_of(message, code)
    return int.from_bytes(found, "big")
