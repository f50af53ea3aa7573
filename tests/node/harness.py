"""A node on a free port of the loopback, and a peer that writes and reads octets as it likes."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import TracebackType

from prometheus_client import CollectorRegistry

from ocs.diameter import base
from ocs.diameter.avp import read_number, text, walk
from ocs.diameter.credit_control import CCA, CCR
from ocs.diameter.framing import HEADER_SIZE, Framer, Header, pack_header, parse_header
from ocs.metrics import Metrics
from ocs.node.connection import Connection
from ocs.node.contract import Handler
from ocs.node.peers import Peers
from ocs.node.server import Node, NodeSettings
from tests.support.messages import plain_ccr

HOST, REALM = "ocs1.ocs.example.net", "ocs.example.net"
PGW, PGW_REALM = "pgw1.example.net", "example.net"
#: A test that waits this long has failed.
PATIENCE_SECONDS = 5.0
SETTINGS = NodeSettings(HOST, REALM, port=0)


async def grant(ccr: CCR, peer: str) -> CCA:
    """The simplest handler: yes."""
    return CCA(2001)


class Held:
    """A handler whose answers wait until they are released."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[CCR] = asyncio.Queue()
        self.release = asyncio.Event()

    async def __call__(self, ccr: CCR, peer: str) -> CCA:
        self.started.put_nowait(ccr)
        await self.release.wait()
        return CCA(2001)

    async def next(self) -> CCR:
        """The next request that is in work."""
        return await asyncio.wait_for(self.started.get(), PATIENCE_SECONDS)


class Running:
    """A started node with its metrics."""

    def __init__(self, node: Node, metrics: Metrics) -> None:
        self.node = node
        self.port = node.port
        self._registry = CollectorRegistry()
        self._registry.register(metrics)

    def count(self, name: str, **labels: str) -> float:
        """The value of one series."""
        return self._registry.get_sample_value(name, labels) or 0.0

    def knows(self, name: str, **labels: str) -> bool:
        """Whether a series is there at all."""
        return self._registry.get_sample_value(name, labels) is not None

    def closed(self, cause: str, peer: str = "other") -> float:
        """How many connections were closed for this."""
        return self.count("ocs_diameter_disconnects_total", peer=peer, cause=cause)

    async def reaches(self, name: str, value: float, **labels: str) -> None:
        """Return when a series has this value; each look is one turn of the loop."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.count(name, **labels) != value:  # noqa: ASYNC110  # a counter sets no event
                await asyncio.sleep(0)


@asynccontextmanager
async def running(
    handler: Handler = grant,
    peers: Peers[Connection] | None = None,
    settings: NodeSettings = SETTINGS,
    state_seen: Callable[[str, int], None] = lambda host, value: None,
) -> AsyncIterator[Running]:
    """A node that admits whom `peers` admits, without it everybody on the loopback."""
    metrics = Metrics()
    node = Node(settings, peers or Peers([], "loopback"), handler, metrics, state_seen)
    await node.start()
    try:
        yield Running(node, metrics)
    finally:
        # Whoever is still connected says nothing more: a test that wants a farewell stops by itself.
        node.settings = replace(node.settings, drain_seconds=0.01, disconnect_seconds=0.01)
        await node.stop()


class Wire:
    """One TCP connection to the node, closed at the end of its block."""

    def __init__(
        self,
        running: Running,
        source: str = "127.0.0.1",
        receive_buffer: int = 0,
        context: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        """With a context by TLS and at its port; another port where one is given."""
        self._context = context
        self._port = port or (running.port if context is None else running.node.tls_port)
        self.source_port = 0
        self._source = source
        self._receive_buffer = receive_buffer
        self._framer = Framer()
        self._messages: list[bytes] = []

    async def __aenter__(self) -> "Wire":
        connection = socket.socket()
        if self._receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        connection.bind((self._source, 0))
        self.source_port = int(connection.getsockname()[1])
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self._port))
        except OSError:
            connection.close()
            raise
        name = None if self._context is None else HOST
        self._reader, self._writer = await asyncio.open_connection(
            sock=connection, ssl=self._context, server_hostname=name
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.transport.abort()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    def send(self, *messages: bytes) -> None:
        """Octets in one write."""
        self._writer.write(b"".join(messages))

    async def read(self) -> bytes:
        """What one read returns."""
        return await asyncio.wait_for(self._reader.read(1 << 20), PATIENCE_SECONDS)

    async def receive(self) -> bytes:
        """The next message; ConnectionError when the node closed instead."""
        while not self._messages:
            data = await self.read()
            if not data:
                raise ConnectionError("closed by the node")
            self._messages += self._framer.feed(data)
        return self._messages.pop(0)

    async def rest(self) -> bytes:
        """Everything until the node closes."""
        data = b"".join(self._messages)
        self._messages.clear()
        try:
            while found := await self.read():
                data += found
        except OSError:
            pass  # a reset and an alert of TLS are an end, too
        return data

    async def hello(self, host: str = PGW, realm: str = PGW_REALM) -> bytes:
        """CER; returns the CEA."""
        self.send(cer(host, realm))
        return await self.receive()

    async def ask(self, message: bytes) -> int:
        """Send a request; the Result-Code of its answer."""
        self.send(message)
        return result_code(await self.receive())

    async def is_served(self) -> bool:
        """Whether a CCR gets its answer."""
        return await self.ask(plain_ccr()) == 2001


@asynccontextmanager
async def peer(
    running: Running, host: str = PGW, realm: str = PGW_REALM, source: str = "127.0.0.1"
) -> AsyncIterator[Wire]:
    """An open peer."""
    async with Wire(running, source) as wire:
        assert result_code(await wire.hello(host, realm)) == 2001
        yield wire


def node_of(host: str, realm: str = PGW_REALM) -> base.LocalNode:
    """Somebody who speaks to the node."""
    return base.LocalNode(host, realm, "Test")


def cer(host: str = PGW, realm: str = PGW_REALM, state: int = 0) -> bytes:
    """Capabilities-Exchange-Request."""
    return base.cer(replace(node_of(host, realm), origin_state_id=state), 1, 1)


def dwr(number: int = 7, state: int = 0) -> bytes:
    """Device-Watchdog-Request."""
    return base.dwr(replace(node_of(PGW), origin_state_id=state), number, number)


def dwa(request: bytes) -> bytes:
    """Device-Watchdog-Answer."""
    return base.dwa(node_of(PGW), parse_header(request))


def dpr(number: int = 8) -> bytes:
    """Disconnect-Peer-Request."""
    return base.dpr(node_of(PGW), number, number, base.REBOOTING)


def dpa(request: bytes) -> bytes:
    """Disconnect-Peer-Answer."""
    return base.dpa(node_of(PGW), parse_header(request))


def request(hop_by_hop: int, end_to_end: int) -> bytes:
    """A Re-Auth-Request as far as the node looks at it (RFC 6733, 8.3)."""
    body = text(264, HOST)
    return pack_header(HEADER_SIZE + len(body), 0xC0, 258, 4, hop_by_hop, end_to_end) + body


def answer_to(message: bytes, mark: str = PGW) -> bytes:
    """The answer to one of the node's requests."""
    header, body = parse_header(message), text(264, mark)
    ids = header.hop_by_hop, header.end_to_end
    return (
        pack_header(HEADER_SIZE + len(body), 0x40, header.command, header.application, *ids) + body
    )


def number_of(message: bytes, code: int) -> int:
    """The value of a number at the top of a message; 0 where it is not there."""
    for found in walk(message, HEADER_SIZE, len(message)):
        if found[0] == code and not found[1]:
            return read_number(message, found)
    return 0


def result_code(message: bytes) -> int:
    """The Result-Code."""
    return number_of(message, 268)


def header_of(message: bytes) -> Header:
    """The header, whose length must be true."""
    header = parse_header(message)
    assert header.length == len(message)
    return header
