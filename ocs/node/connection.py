"""One connection: bytes to the peer machine, its requests to the handler, answers back.

Rules: reading stops while too much is in work or unread by the peer; everything of one loop tick is
written together; an answer leaves on the connection its request came by, or not at all. What a message
means is not known here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, cast

import structlog

from ocs.diameter.cca import encode_cca, error_answer
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import CCA, CCR
from ocs.diameter.framing import Header, ProtocolError, ResultCode
from ocs.diameter.peer import EXPIRED, Answer, Arrived, Down, Event, Peer, Request, State

if TYPE_CHECKING:
    from ocs.node.server import Node

#: CCRs of one connection in work; then reading pauses and TCP holds the peer back.
IN_WORK_AT_MOST = 1000
#: Answers a peer does not read.
WRITE_BUFFER_BYTES = 1 << 20
#: How long a peer may leave its answers unread before it is given up.
SLOW_READER_SECONDS = 30.0
#: For what is in work or not yet sent when a connection is closed; nobody may hold it open longer.
CLOSE_SECONDS = 0.5
#: Causes of a closing that metrics tell apart. Other reasons quote what a peer sent, and what a peer
#: sends must not become a label.
CAUSES = frozenset(
    (*EXPIRED.values(), "the watchdog was not answered", "disconnected", "stopped", "unknown peer",
     "our own identity", "no common application", "the first message is no CER", "no place",
     "replaced by a newer connection", "slow reader", "the peer left", "connection lost")
)  # fmt: skip

REQUEST_LETTERS = {1: "I", 2: "U", 3: "T", 4: "E"}

log = structlog.get_logger()

Handler = Callable[[CCR, str], Awaitable[CCA]]


class NodeMetrics(Protocol):
    """What the node counts."""

    def message(self, direction: str, command: str, peer: str) -> None: ...
    def decode_error(self, peer: str, reason: str) -> None: ...
    def peer_state(self, peer: str, state: str) -> None: ...
    def disconnect(self, peer: str, cause: str) -> None: ...
    def watchdog_failure(self, peer: str) -> None: ...
    def ccr(
        self, application: str, request_type: str, result_code: int, seconds: float, peer: str
    ) -> None: ...


class Connection(asyncio.Protocol):
    """The asyncio side of one Peer."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None
        self._outgoing: list[bytes] = []
        self._in_work = 0
        self._is_reading_paused = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""
        self.origin_host = ""
        self.origin_realm = ""
        self.label = "other"
        self.is_open = False
        self._is_draining = False
        self._is_told = False  # why it closes was counted and logged
        self.closed = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._peer: Peer | None = None

    # --- asyncio ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport = stream
        stream.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        name = transport.get_extra_info("peername")
        local = transport.get_extra_info("sockname")
        self.address = str(name[0]) if name else ""
        # Without addresses nobody is there any more.
        if not name or not local or not self._node.accept(self):
            self._is_told = True
            stream.abort()
            return
        self._peer = self._node.make_peer(str(local[0]))
        self._set_timer()

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            self._handle(self._peer.receive(data, self._loop.time()))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        for handle in (self._timer, self._slow):
            if handle is not None:
                handle.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.cancel()
        self._tell("the peer left" if self._state is State.LEAVING else "connection lost")
        self._node.lost(self)
        self.is_open = False
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._slow = self._loop.call_later(self._node.settings.slow_reader_seconds, self._give_up)
        self._pace()

    def resume_writing(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        self._pace()

    def _give_up(self) -> None:
        self._tell("slow reader")
        self.abort()

    def abort(self) -> None:
        """Close at once, whatever is unsent."""
        if self._transport is not None:
            self._transport.abort()

    def give_way(self) -> None:
        """A stranger makes room for the next."""
        self._tell("no place")
        self.abort()

    def _pace(self) -> None:
        """Read only while there is room for more work and the peer takes its answers."""
        is_full = self._in_work >= IN_WORK_AT_MOST
        should_pause = self._slow is not None or is_full or self._is_draining
        if self._transport is None or should_pause == self._is_reading_paused:
            return
        self._is_reading_paused = should_pause
        if should_pause:
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    # --- the peer machine --------------------------------------------------------------------------

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Request(message, header):
                    self._start(message, header)
                case Answer(message, header):
                    self._answered(message, header)
                case Arrived(cer):
                    self.origin_host, self.origin_realm = cer.origin_host, cer.origin_realm
                    self._node.arrived(self)
                case Down(reason):
                    self._down(reason)
        self._flush_peer()
        self._set_timer()
        if self.is_open and self._state not in (State.OPEN, State.PROBED):
            self._node.left(self)

    @property
    def _state(self) -> State:
        return self._peer.state if self._peer is not None else State.CLOSED

    @property
    def is_waiting(self) -> bool:
        """Whether its CER waits for the node's decision."""
        return self._state is State.WAIT_ADMISSION and not self.closed.done()

    def _tell(self, reason: str) -> None:
        """Count and log, once, why this connection is closed."""
        if self._is_told:
            return
        self._is_told = True
        self._node.metrics.disconnect(self.label, reason if reason in CAUSES else "protocol error")
        if self.is_open:
            peer, address = self.origin_host, self.address
            log.info("connection closed", peer=peer, address=address, reason=reason)
        else:
            self._node.stranger_closed(self, reason)

    def _down(self, reason: str) -> None:
        self._tell(reason)
        if self._peer is not None:
            for _ in range(self._peer.watchdog_failures):
                self._node.metrics.watchdog_failure(self.label)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(CLOSE_SECONDS, self.abort)
        self._close_when_answered()

    def _close_when_answered(self) -> None:
        """Close after what is in work; what is written this tick still goes out before."""
        if self._state is State.CLOSED and not self._in_work:
            self._loop.call_soon(self._loop.call_soon, self._close)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _flush_peer(self) -> None:
        if self._peer is not None:
            data = self._peer.data_to_send()
            if data:
                self.write(data)

    def _set_timer(self) -> None:
        if self._peer is None or self._state is State.CLOSED:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._peer.next_deadline, self._on_timer)

    def _on_timer(self) -> None:
        if self._peer is not None:
            self._handle(self._peer.timer(self._loop.time()))

    def admit(self) -> None:
        """The node lets this peer in."""
        if self._peer is not None:
            self.is_open = True
            self._peer.admit(self._loop.time())
            self._handle([])

    def refuse(self, result_code: int, reason: str) -> None:
        """The node does not let this peer in, and has logged it."""
        self._node.metrics.disconnect(self.label, reason)
        self._is_told = True
        if self._peer is not None:
            self._handle(self._peer.refuse(result_code, reason))

    def probe(self) -> None:
        """A newer connection of the same identity waits for this one to go."""
        if self._peer is not None:
            self._peer.probe(self._loop.time())
            self._handle([])

    def stop(self) -> None:
        """Disconnect in an orderly way: DPR, and what it still sends is answered until its DPA."""
        self._is_draining = False
        self._pace()
        if self._peer is not None:
            self._handle(self._peer.stop(self._loop.time()))

    # --- requests and answers ----------------------------------------------------------------------

    def _start(self, message: bytes, header: Header) -> None:
        started = time.perf_counter()
        node = self._node
        node.metrics.message("in", "CCR", self.label)
        local = node.local
        try:
            ccr = decode_ccr(message)
            node.check_destination(ccr.route_records, ccr.destination_host, ccr.destination_realm)
        except ProtocolError as found:
            error = node.first_error(message, found)
            node.metrics.decode_error(self.label, str(int(error.result_code)))
            self.write(error_answer(message, error, local.origin_host, local.origin_realm))
            node.metrics.message("out", "CCA", self.label)
            return
        self._in_work += 1
        self._pace()
        task = self._loop.create_task(self._work(ccr, started))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, ccr: CCR, started: float) -> None:
        node, local = self._node, self._node.local
        try:
            cca, answer = await self._answer(ccr)
        except (Exception, asyncio.CancelledError) as error:
            # The task ends here: whatever went wrong is our fault, and the client gets to know. A
            # cancelled call inside the handler is such a fault, too; only the task's own end is not.
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            log.exception("a request failed", peer=self.origin_host)
            cca = CCA(ResultCode.UNABLE_TO_COMPLY, error_message="internal error")
            answer = encode_cca(ccr, cca, local.origin_host, local.origin_realm)
        finally:
            self._in_work -= 1
            self._pace()
            self._close_when_answered()
        self.write(answer)
        label = self.label
        node.metrics.message("out", "CCA", label)
        application = "gy" if "32251" in ccr.service_context_id else "ro"
        letter = REQUEST_LETTERS[ccr.request_type]
        seconds = time.perf_counter() - started
        node.metrics.ccr(application, letter, cca.result_code, seconds, label)

    async def _answer(self, ccr: CCR) -> tuple[CCA, bytes]:
        cca = await self._node.handler(ccr, self.origin_host)
        local = self._node.local
        return cca, encode_cca(ccr, cca, local.origin_host, local.origin_realm)

    async def drain(self, seconds: float) -> None:
        """Read no more, and wait until every request in work is answered."""
        self._is_draining = True
        self._pace()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    async def request(self, build: Callable[[int, int], bytes]) -> bytes:
        """Send one of our requests and await its answer; cancelled when the connection goes."""
        hop_by_hop, end_to_end = self._node.next_ids()
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[hop_by_hop] = future
        try:
            self.write(build(hop_by_hop, end_to_end))
            return await future
        finally:
            del self._waiting[hop_by_hop]

    def _answered(self, message: bytes, header: Header) -> None:
        future = self._waiting.get(header.hop_by_hop)
        if future is None or future.done():
            self._node.metrics.decode_error(self.label, "unexpected answer")
            return
        future.set_result(message)

    def write(self, data: bytes) -> None:
        """Queue bytes; those of one loop tick leave in one write."""
        if not self._outgoing:
            self._loop.call_soon(self._write_now)
        self._outgoing.append(data)

    def _write_now(self) -> None:
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
