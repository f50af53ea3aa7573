"""The node: listeners, admission, and requests of our own to clients.

One connection for each identity and worker: when an identity connects again, the old connection is
asked (DWR, 2 s) and the newest wins, since a client that restarted must not wait for a watchdog.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ocs.diameter.base import LocalNode
from ocs.diameter.credit_control import CCR
from ocs.diameter.framing import ProtocolError, ResultCode
from ocs.diameter.peer import Peer
from ocs.node.connection import SLOW_READER_SECONDS, Connection, Handler, NodeMetrics
from ocs.node.peers import Peers

#: Places for those who have not sent a CER yet, in all and from one address.
STRANGERS_AT_MOST = 200
STRANGERS_PER_ADDRESS = 100
CONNECTIONS_AT_MOST = 2000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What one worker's node needs to know."""

    origin_host: str
    origin_realm: str
    listen: tuple[str, ...] = ("127.0.0.1",)
    port: int = 3868
    served_realms: frozenset[str] = frozenset()
    origin_state_id: int = 0
    product: str = "Online Charging Server"
    watchdog_seconds: float = 30.0
    slow_reader_seconds: float = SLOW_READER_SECONDS
    disconnect_seconds: float = 5.0


class Node:
    """Accepts peers and connects them to the handler."""

    def __init__(
        self,
        settings: NodeSettings,
        peers: Peers[Connection],
        handler: Handler,
        metrics: NodeMetrics,
    ) -> None:
        self.settings = settings
        self.local = LocalNode(
            settings.origin_host,
            settings.origin_realm,
            settings.product,
            settings.origin_state_id,
        )
        self.handler = handler
        self.metrics = metrics
        self._peers = peers
        self._realms = {each.lower() for each in (settings.origin_realm, *settings.served_realms)}
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._admissions: set[asyncio.Task[None]] = set()
        self._latest: dict[str, Connection] = {}
        # RFC 6733, 3: low 12 bits of the time above random low 20 bits.
        self._end_to_end = (int(time.time()) & 0xFFF) << 20 | random.getrandbits(
            20
        )  # ids, not secrets
        self._hop_by_hop = 0
        self._is_stopping = False

    async def start(self) -> None:
        """Open the listeners; port 0 takes a free one, which `port` tells."""
        loop = asyncio.get_running_loop()
        for address in self.settings.listen:
            server = await loop.create_server(
                lambda: Connection(self), address, self.settings.port, backlog=512
            )
            self._servers.append(server)

    @property
    def port(self) -> int:
        """The port of the first listener."""
        return int(self._servers[0].sockets[0].getsockname()[1])

    @property
    def is_listening(self) -> bool:
        """Whether new connections are accepted."""
        return bool(self._servers) and not self._is_stopping

    async def stop(self) -> None:
        """Stop accepting, answer what is in work, say goodbye (DPR), wait for the answers."""
        self._is_stopping = True
        for server in self._servers:
            server.close()
        connections = list(self._connections)
        await asyncio.gather(*(each.drain() for each in connections))
        for each in connections:
            each.stop()
        if connections:
            seconds = self.settings.disconnect_seconds + 1
            await asyncio.wait([each.closed for each in connections], timeout=seconds)

    # --- what connections call ---------------------------------------------------------------------

    def make_peer(self, address: str) -> Peer:
        """The machine of a new connection."""
        return Peer(
            self.local,
            [address],
            asyncio.get_running_loop().time(),
            watchdog_seconds=self.settings.watchdog_seconds,
            jitter=lambda: random.uniform(-2.0, 2.0),  # noqa: S311  # RFC 3539 jitter
        )

    def accept(self, connection: Connection) -> bool:
        """Whether there is a place for a connection that has said nothing yet."""
        strangers = [each for each in self._connections if not each.is_open]
        here = sum(each.address == connection.address for each in strangers)
        if (
            self._is_stopping
            or len(strangers) >= STRANGERS_AT_MOST
            or here >= STRANGERS_PER_ADDRESS
            or len(self._connections) >= CONNECTIONS_AT_MOST
        ):
            self.metrics.disconnect("other", "no place")
            return False
        self._connections.add(connection)
        return True

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if connection.is_open:
            self._peers.closed(connection.origin_host, connection)
            if self._peers.current(connection.origin_host) is None:
                self.metrics.peer_state(connection.label, "closed")

    def arrived(self, connection: Connection) -> None:
        """A CER was read: admit, refuse, or let the older connection go first."""
        host = connection.origin_host
        if not self._peers.admits(host, connection.address):
            self._peers.log_refusal(host, connection.origin_realm, connection.address)
            connection.refuse(ResultCode.UNKNOWN_PEER, "unknown peer")
            return
        if host.lower() == self.settings.origin_host.lower():
            connection.refuse(ResultCode.UNKNOWN_PEER, "our own identity")
            return
        connection.label = self._peers.label(host)
        waiting = self._latest.get(host.lower())
        if waiting is not None and not waiting.is_open:
            waiting.refuse(ResultCode.UNABLE_TO_COMPLY, "replaced by a newer connection")
        self._latest[host.lower()] = connection
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
        newest = self._latest.get(connection.origin_host.lower())
        if newest is connection and not connection.closed.done():
            self._admit(connection)

    def _admit(self, connection: Connection) -> None:
        self._latest.pop(connection.origin_host.lower(), None)
        self._peers.opened(connection.origin_host, connection)
        self.metrics.peer_state(connection.label, "open")
        log.info("peer connected", peer=connection.origin_host, address=connection.address)
        connection.admit()

    def check_destination(self, ccr: CCR) -> None:
        """Whether a request is for us (RFC 6733, 6.1.4); ProtocolError 3002, 3003 or 3005."""
        ours = self.settings.origin_host.lower()
        if any(each.lower() == ours for each in ccr.route_records):
            raise ProtocolError(ResultCode.LOOP_DETECTED, "this request was here before")
        if ccr.destination_host is not None:
            if ccr.destination_host.lower() != ours:
                raise ProtocolError(
                    ResultCode.UNABLE_TO_DELIVER, "the destination host is not here"
                )
        elif ccr.destination_realm.lower() not in self._realms:
            raise ProtocolError(ResultCode.REALM_NOT_SERVED, "this realm is not served here")

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
        connection = self._peers.route(peer, origin_host)
        if connection is None:
            return None
        try:
            return await asyncio.wait_for(connection.request(build), seconds)
        except (TimeoutError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None
