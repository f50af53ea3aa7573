"""The node: listeners, admission, and requests of our own to clients.

One connection for each identity and worker: when an identity connects again, the old connection is
asked (DWR, 2 s) and the newest wins, since a client that restarted must not wait for a watchdog.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog

from ocs.diameter.avp import MAX_AVPS, text, walk
from ocs.diameter.base import LocalNode
from ocs.diameter.framing import HEADER_SIZE, ProtocolError, ResultCode
from ocs.diameter.peer import Peer
from ocs.node.connection import SLOW_READER_SECONDS, Connection
from ocs.node.contract import Handler, NodeMetrics
from ocs.node.peers import OTHER, Peers

#: Places for those who have not sent a CER yet, in all and from one address. When they are taken the
#: oldest gives way: a peer sends its CER at once, whoever is silent has had more time than that.
STRANGERS_AT_MOST = 200
STRANGERS_PER_ADDRESS = 100
CONNECTIONS_AT_MOST = 2000

#: What is found before the destination is looked at: an AVP's length or flags.
BEFORE_DESTINATION = (ResultCode.INVALID_AVP_LENGTH, ResultCode.INVALID_AVP_BITS)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Where TLS is listened for, and with which certificate."""

    context: ssl.SSLContext
    listen: tuple[str, ...] = ("127.0.0.1",)
    port: int = 5868


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What one worker's node needs to know."""

    origin_host: str
    origin_realm: str
    listen: tuple[str, ...] = ("127.0.0.1",)
    port: int = 3868
    tls: TlsSettings | None = None
    served_realms: frozenset[str] = frozenset()
    origin_state_id: int = 0
    product: str = "Online Charging Server"
    watchdog_seconds: float = 30.0
    slow_reader_seconds: float = SLOW_READER_SECONDS
    #: For the requests in work when told to stop, and then for the answers to our DPR.
    drain_seconds: float = 5.0
    disconnect_seconds: float = 5.0


class Node:
    """Accepts peers and connects them to the handler."""

    def __init__(
        self,
        settings: NodeSettings,
        peers: Peers[Connection],
        handler: Handler,
        metrics: NodeMetrics,
        state_seen: Callable[[str, int], None] = lambda origin_host, origin_state_id: None,
    ) -> None:
        """`state_seen` hears every Origin-State-Id a client says of itself, with its Origin-Host."""
        self.settings = settings
        self.local = LocalNode(
            settings.origin_host,
            settings.origin_realm,
            settings.product,
            settings.origin_state_id,
        )
        self.handler = handler
        self.metrics = metrics
        self.state_seen = state_seen
        self._peers = peers
        self._realms = {each.lower() for each in (settings.origin_realm, *settings.served_realms)}
        self._servers: list[asyncio.Server] = []
        self._tls_servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._strangers: dict[Connection, None] = {}  # in the order they came
        self._admissions: set[asyncio.Task[None]] = set()
        self._latest: dict[str, Connection] = {}
        # RFC 6733, 3: low 12 bits of the time above random low 20 bits.
        self._end_to_end = (int(time.time()) & 0xFFF) << 20 | random.getrandbits(
            20
        )  # ids, not secrets
        self._hop_by_hop = 0
        self._is_stopping = False

    async def start(self) -> None:
        """Open the listeners; port 0 takes a free one, which `port` and `tls_port` tell."""
        settings, tls = self.settings, self.settings.tls
        await self._listen(self._servers, settings.listen, settings.port)
        if tls is not None:
            await self._listen(self._tls_servers, tls.listen, tls.port, tls.context)

    async def _listen(
        self,
        servers: list[asyncio.Server],
        addresses: Sequence[str],
        port: int,
        context: ssl.SSLContext | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for each in addresses:
            servers.append(
                await loop.create_server(lambda: Connection(self, context), each, port, backlog=512)
            )

    @property
    def port(self) -> int:
        """The port of the first listener without TLS, 0 where there is none."""
        return port_of(self._servers)

    @property
    def tls_port(self) -> int:
        """The port of the first listener with TLS, 0 where there is none."""
        return port_of(self._tls_servers)

    @property
    def is_listening(self) -> bool:
        """Whether new connections are accepted."""
        return bool(self._servers or self._tls_servers) and not self._is_stopping

    async def stop(self) -> None:
        """Stop accepting, answer what is in work, say goodbye (DPR), wait for the answers."""
        self._is_stopping = True
        for server in (*self._servers, *self._tls_servers):
            server.close()
        connections = list(self._connections)
        seconds = self.settings.drain_seconds
        await asyncio.gather(*(each.drain(seconds) for each in connections))
        for each in connections:
            each.stop()
        if connections:
            closed = [each.closed for each in connections]
            await asyncio.wait(closed, timeout=self.settings.disconnect_seconds)
            for each in connections:
                each.abort()
            await asyncio.wait(closed)

    # --- what connections call ---------------------------------------------------------------------

    def make_peer(self, address: str, count: Callable[[str, str], None]) -> Peer:
        """The machine of a new connection."""
        return Peer(
            self.local,
            [address],
            asyncio.get_running_loop().time(),
            watchdog_seconds=self.settings.watchdog_seconds,
            jitter=lambda: random.uniform(-2.0, 2.0),  # noqa: S311  # RFC 3539 jitter
            count=count,
        )

    def accept(self, connection: Connection) -> bool:
        """Whether there is a place for a connection that has said nothing yet."""
        if self._is_stopping or len(self._connections) >= CONNECTIONS_AT_MOST:
            self.metrics.disconnect("other", "no place")
            return False
        here = [each for each in self._strangers if each.address == connection.address]
        if len(here) >= STRANGERS_PER_ADDRESS or len(self._strangers) >= STRANGERS_AT_MOST:
            own = len(here) >= STRANGERS_PER_ADDRESS
            oldest = here[0] if own else next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.give_up("no place")
        self._connections.add(connection)
        self._strangers[connection] = None
        return True

    def stranger_closed(self, connection: Connection, reason: str) -> None:
        """A connection that was no peer's is closed, which floods must not make into floods of lines."""
        self._peers.log_stranger(connection.address, reason)

    def left(self, connection: Connection) -> None:
        """A peer said goodbye, or is being closed: no request goes to it any more."""
        self._peers.closed(connection.origin_host, connection)

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self._strangers.pop(connection, None)
        host = connection.origin_host.lower()
        if self._latest.get(host) is connection:
            del self._latest[host]
        if connection.is_open:
            self._peers.closed(connection.origin_host, connection)
            if self._peers.current(connection.origin_host) is None:
                self._tell_state(connection, "closed")

    def _tell_state(self, connection: Connection, state: str) -> None:
        """Of configured peers: one state for all the others would be the last one's."""
        if connection.label != OTHER:
            self.metrics.peer_state(connection.label, state)

    def arrived(self, connection: Connection, origin_state_id: int | None) -> None:
        """A CER was read: admit, refuse, or let the older connection go first."""
        host = connection.origin_host
        if host.lower() == self.settings.origin_host.lower():
            self.stranger_closed(connection, "our own identity")
            connection.refuse(ResultCode.UNKNOWN_PEER, "our own identity")
            return
        if connection.names is not None and host.lower() not in connection.names:
            reason = "the certificate names another host"
            self.stranger_closed(connection, f"{reason} than {host}")
            connection.refuse(ResultCode.UNKNOWN_PEER, reason)
            return
        if not self._peers.admits(host, connection.origin_realm, connection.address):
            self._peers.log_refusal(host, connection.origin_realm, connection.address)
            connection.refuse(ResultCode.UNKNOWN_PEER, "unknown peer")
            return
        self._strangers.pop(connection, None)
        connection.label = self._peers.label(host)
        connection.mandate = self._peers.mandate(host)
        if origin_state_id:
            self.state_seen(host, origin_state_id)
        waiting = self._latest.get(host.lower())
        self._latest[host.lower()] = connection
        if waiting is not None:
            log.info("peer replaced before it was admitted", peer=host, address=waiting.address)
            waiting.refuse(ResultCode.UNABLE_TO_COMPLY, "replaced by a newer connection")
        old = self._peers.current(host)
        if old is None:
            self._admit(connection)
            return
        old.probe()
        task = asyncio.get_running_loop().create_task(self._admit_after(old, connection))
        self._admissions.add(task)
        task.add_done_callback(self._admissions.discard)

    async def _admit_after(self, old: Connection, connection: Connection) -> None:
        await asyncio.wait([old.closed, connection.closed], return_when=asyncio.FIRST_COMPLETED)
        if connection.is_waiting:  # neither gone nor replaced itself
            self._admit(connection)

    def _admit(self, connection: Connection) -> None:
        self._latest.pop(connection.origin_host.lower(), None)
        self._peers.opened(connection.origin_host, connection)
        self._tell_state(connection, "open")
        log.info("peer connected", peer=connection.origin_host, address=connection.address)
        connection.admit()

    def check_destination(
        self, route_records: Sequence[str], host: str | None, realm: str | None
    ) -> None:
        """Whether a request is for us (RFC 6733, 6.1.4); ProtocolError 3002, 3003 or 3005."""
        ours = self.settings.origin_host.lower()
        if route_records and any(each.lower() == ours for each in route_records):
            raise ProtocolError(ResultCode.LOOP_DETECTED, "this request was here before")
        if host is not None:
            if host.lower() != ours or realm is None:
                raise ProtocolError(
                    ResultCode.UNABLE_TO_DELIVER, "the destination host is not here"
                )
        elif realm is not None and realm.lower() not in self._realms:
            raise ProtocolError(ResultCode.REALM_NOT_SERVED, "this realm is not served here")

    def check_origin(self, connection: Connection, origin_host: str, origin_realm: str) -> None:
        """Whether this peer may bring requests of this client; ProtocolError 5004."""
        mandate = connection.mandate
        if mandate.covers(origin_host, origin_realm):
            return
        self._peers.log_foreign(
            connection.origin_host, origin_host, origin_realm, connection.address
        )
        if mandate.kind == "client":
            failed, reason = text(264, origin_host), "a client speaks for itself only"
        else:
            failed, reason = text(296, origin_realm), "this relay does not speak for this realm"
        raise ProtocolError(ResultCode.INVALID_AVP_VALUE, reason, failed)

    def first_error(self, message: bytes, found: ProtocolError) -> ProtocolError:
        """Of what is wrong with a request, what is to be reported: a request for somebody else is
        told so before anything about AVPs that we do not know or miss."""
        if found.result_code in BEFORE_DESTINATION:
            return found
        try:
            self.check_destination(*destination(message))
        except ProtocolError as error:
            return error
        return found

    # --- our own requests --------------------------------------------------------------------------

    def next_ids(self) -> tuple[int, int]:
        """Hop-by-Hop (from 2^31 on: the peer machine numbers its own below) and End-to-End."""
        self._hop_by_hop = self._hop_by_hop + 1 & 0x7FFFFFFF
        self._end_to_end = self._end_to_end + 1 & 0xFFFFFFFF
        return self._hop_by_hop | 0x80000000, self._end_to_end

    async def request(
        self,
        origin_host: str,
        origin_realm: str,
        peer: str,
        build: Callable[[int, int], bytes],
        seconds: float,
    ) -> bytes | None:
        """Send a request to a client and await its answer; None without a path or in time."""
        connection = self._peers.route(peer, origin_host, origin_realm)
        if connection is None:
            return None
        try:
            return await asyncio.wait_for(connection.request(build), seconds)
        except (TimeoutError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None


def port_of(servers: Sequence[asyncio.Server]) -> int:
    """The port of the first of them."""
    return int(servers[0].sockets[0].getsockname()[1]) if servers else 0


def destination(message: bytes) -> tuple[list[str], str | None, str | None]:
    """Route-Records, Destination-Host and -Realm of a request that was not decoded as a whole."""
    values: dict[int, list[str]] = {282: [], 293: [], 283: []}
    for code, vendor, _, start, end, _ in islice(
        walk(message, HEADER_SIZE, len(message)), MAX_AVPS
    ):
        if code in values and not vendor:
            values[code].append(message[start:end].decode(errors="replace"))
    routes, hosts, realms = values.values()
    return routes, next(iter(hosts), None), next(iter(realms), None)
