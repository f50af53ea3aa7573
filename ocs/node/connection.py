"""One connection: bytes to the peer machine, its requests to the handler, answers back.

Rules: reading stops while too much is in work or unread by the peer; everything of one loop tick is
written together; an answer leaves on the connection its request came by, or not at all. What a message
means is not known here.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import structlog

from ocs.diameter.cca import encode_cca, error_answer
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.commands import command_name
from ocs.diameter.credit_control import CCA, CCR
from ocs.diameter.framing import Header, ProtocolError, ResultCode, parse_header
from ocs.diameter.peer import (
    Answer,
    Arrived,
    Down,
    Event,
    Peer,
    Request,
    State,
    StateSeen,
)
from ocs.node.contract import cause_of
from ocs.node.peers import UNLISTED
from ocs.node.tls import HandshakeFailed, handshake, names_of

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
#: SO_LINGER that makes a close a reset.
HARD = struct.pack("ii", 1, 0)

REQUEST_LETTERS = {1: "I", 2: "U", 3: "T", 4: "E"}

log = structlog.get_logger()


class Connection(asyncio.Protocol):
    """The asyncio side of one Peer."""

    def __init__(self, node: "Node", context: ssl.SSLContext | None = None) -> None:
        """With a context there is TLS before the first octet of Diameter."""
        self._node = node
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None
        self._outgoing: list[bytes] = []
        self._in_work = 0
        self._is_reading_paused = False
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by the number of their request
        self._started = 0
        self.address = ""
        self.origin_host = ""
        self.origin_realm = ""
        self.label = "other"
        self.names: frozenset[str] | None = None  # that a certificate proved; None: without TLS
        self.mandate = UNLISTED
        self.is_open = False
        self._is_draining = False
        self._is_told = False  # why it closes was counted and logged
        self.closed = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._peer: Peer | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._early = b""  # came with the end of the handshake

    # --- asyncio ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport = stream
        name = transport.get_extra_info("peername")
        local = transport.get_extra_info("sockname")
        self.address = str(name[0]) if name else ""
        # Without addresses nobody is there any more.
        if not name or not local or not self._node.accept(self):
            self._is_told = True
            stream.abort()
            return
        if self._context is None:
            self._begin(stream)
        else:
            stream.pause_reading()
            self._handshake = self._loop.create_task(self._secure(stream, self._context))

    async def _secure(self, stream: asyncio.Transport, context: ssl.SSLContext) -> None:
        try:
            secured = await handshake(stream, self, context)
        except HandshakeFailed as error:
            self._tell(f"TLS handshake failed: {error}")
            stream.abort()
            self.connection_lost(None)  # a loop does not say so when there was no handshake
            return
        self._transport = secured
        self.names = names_of(secured)
        self._begin(secured)

    def _begin(self, stream: asyncio.Transport) -> None:
        stream.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        count = self._node.metrics.message
        self._peer = self._node.make_peer(
            str(stream.get_extra_info("sockname")[0]),
            lambda direction, command: count(direction, command, self.label),
        )
        self._set_timer()
        if self._early:
            self.data_received(self._early)

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            self._handle(self._peer.receive(data, self._loop.time()))
        else:
            self._early += data

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed.done():
            return
        for handle in (self._timer, self._slow, self._handshake):
            if handle is not None:
                handle.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.cancel()
        is_secured = self._handshake is None or self._peer is not None
        lost = "connection lost" if is_secured else "TLS handshake failed: not completed"
        self._tell("the peer left" if self._state is State.LEAVING else lost)
        self._node.lost(self)
        self.is_open = False
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._slow = self._loop.call_later(
            self._node.settings.slow_reader_seconds, self.give_up, "slow reader"
        )
        self._pace()

    def resume_writing(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        self._pace()

    def abort(self) -> None:
        """Close at once, whatever is unsent."""
        if self._transport is not None:
            self._transport.abort()

    def give_up(self, reason: str) -> None:
        """Close at once, and say why."""
        self._tell(reason)
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
                case Request(message):
                    self._start(message)
                case Answer(message, header):
                    self._answered(message, header)
                case Arrived(cer):
                    self.origin_host, self.origin_realm = cer.origin_host, cer.origin_realm
                    self._node.arrived(self, cer.origin_state_id)
                case StateSeen(value):
                    self._node.state_seen(self.origin_host, value)
                case Down(reason, is_fatal):
                    self._down(reason, is_fatal)
        self._flush_peer()
        self._set_timer()
        if self.is_open and self._state not in (State.OPEN, State.PROBED):
            self._node.left(self)
        self._end_when_answered()

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
        self._node.metrics.disconnect(self.label, cause_of(reason))
        if self.is_open:
            peer, address = self.origin_host, self.address
            log.info("connection closed", peer=peer, address=address, reason=reason)
        else:
            self._node.stranger_closed(self, reason)

    def _down(self, reason: str, is_fatal: bool) -> None:
        self._tell(reason)
        if is_fatal and self._transport is not None:
            with contextlib.suppress(OSError):  # the peer may have closed it already
                of_stream = self._transport.get_extra_info("socket")
                of_stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD)
        if self._peer is not None:
            for _ in range(self._peer.watchdog_failures):
                self._node.metrics.watchdog_failure(self.label)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(CLOSE_SECONDS, self.abort)

    def _end_when_answered(self) -> None:
        """After what is in work: close, or let the peer go that wants to. What is written this tick
        still goes out before."""
        if not self._in_work and self._state is State.CLOSED:
            self._loop.call_soon(self._loop.call_soon, self._close)
        elif not self._in_work and self._state is State.LEAVING:
            self._loop.call_soon(self._part)

    def _part(self) -> None:
        if self._peer is not None:
            self._peer.part(self._loop.time())
            self._flush_peer()
            self._set_timer()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _flush_peer(self) -> None:
        if self._peer is not None and (data := self._peer.data_to_send()):
            self.write(data)

    def _set_timer(self) -> None:
        if self._peer is None or self._state is State.CLOSED:
            return
        deadline = self._peer.next_deadline
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return  # what a peer sends puts its deadline off: it looks again when it rings
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
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
        if self._peer is None:  # in its handshake
            self.give_up("stopped")
        else:
            self._handle(self._peer.stop(self._loop.time()))

    # --- requests and answers ----------------------------------------------------------------------

    def _start(self, message: bytes) -> None:
        started = time.perf_counter()
        node, local = self._node, self._node.local
        try:
            ccr = decode_ccr(message)
            node.check_destination(ccr.route_records, ccr.destination_host, ccr.destination_realm)
            node.check_origin(self, ccr.origin_host, ccr.origin_realm)
        except ProtocolError as found:
            error = node.first_error(message, found)
            node.metrics.decode_error(self.label, str(int(error.result_code)))
            self.write(error_answer(message, error, local.origin_host, local.origin_realm))
            node.metrics.message("out", "CCA", self.label)
            return
        if ccr.origin_state_id:
            node.state_seen(ccr.origin_host, ccr.origin_state_id)
        self._in_work += 1
        if self._in_work >= IN_WORK_AT_MOST:
            self._pace()
        self._started = number = self._started + 1
        self._tasks[number] = self._loop.create_task(self._work(ccr, number, started))

    async def _work(self, ccr: CCR, number: int, started: float) -> None:
        node, local, label = self._node, self._node.local, self.label
        try:
            cca = await node.handler(ccr, self.origin_host)
            answer = encode_cca(ccr, cca, local.origin_host, local.origin_realm)
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
            del self._tasks[number]
            self._in_work -= 1
            if self._is_reading_paused:
                self._pace()
            if not self._in_work:
                self._end_when_answered()
        self.write(answer)
        node.metrics.message("out", "CCA", label)
        application = "gy" if "32251" in ccr.service_context_id else "ro"
        letter = REQUEST_LETTERS[ccr.request_type]
        seconds = time.perf_counter() - started
        node.metrics.ccr(application, letter, cca.result_code, seconds, label)

    async def drain(self, seconds: float) -> None:
        """Read no more, and wait until every request in work is answered."""
        self._is_draining = True
        self._pace()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=seconds)

    async def request(self, build: Callable[[int, int], bytes]) -> bytes:
        """Send one of our requests and await its answer; cancelled when the connection goes."""
        hop_by_hop, end_to_end = self._node.next_ids()
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[hop_by_hop] = future
        try:
            message = build(hop_by_hop, end_to_end)
            name = command_name(parse_header(message))
            self._node.metrics.message("out", name, self.label)
            self.write(message)
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
