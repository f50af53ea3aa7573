"""The peer machine of a connection that somebody opened to us (RFC 6733, 5.6; RFC 3539, 3.4).

Sans-I/O: bytes, the time and decisions come in; events and bytes go out. Time is a number of seconds
on any clock that does not go back. The node decides whom to admit; this file decides what is legal when.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ocs.diameter import base
from ocs.diameter.avp import read_number, walk
from ocs.diameter.base import CapabilitiesExchange, LocalNode
from ocs.diameter.cca import error_answer
from ocs.diameter.commands import Input, classify, command_name, is_plain_ccr
from ocs.diameter.framing import (
    BASE_APPLICATION,
    CER,
    DPR,
    HEADER_SIZE,
    Framer,
    Header,
    ProtocolError,
    ResultCode,
    parse_header,
)
from ocs.value import value

#: A connection without CER is somebody who is not a peer.
CAPABILITIES_SECONDS = 10.0
#: A message that drips in holds memory and a place.
MESSAGE_SECONDS = 10.0
#: For the answers that a peer is owed before its DPA, and then for it to close; for the DPA to our DPR.
DISCONNECT_SECONDS = 5.0
#: How long a connection is asked whether it lives, when its identity connects again.
PROBE_SECONDS = 2.0
ORIGIN_STATE_ID = 278


class State(Enum):
    WAIT_CER = auto()
    WAIT_ADMISSION = auto()  # CER read, the node has not decided
    OPEN = auto()
    PROBED = auto()  # open, and asked to prove that it lives: its identity connected again
    CLOSING = auto()  # we sent DPR
    LEAVING = auto()  # the peer sent DPR: once its requests are answered it gets its DPA and closes
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Arrived:
    """A CER was read: the node answers with `admit` or `refuse`."""

    cer: CapabilitiesExchange


@value
class Request:
    """A CCR, whole, with its header checked."""

    message: bytes
    header: Header


@value
class Answer:
    """An answer to one of our RARs or ASRs."""

    message: bytes
    header: Header


@dataclass(frozen=True, slots=True)
class StateSeen:
    """An open peer said its Origin-State-Id; that of the first CER comes with `Arrived`."""

    origin_state_id: int


@dataclass(frozen=True, slots=True)
class Down:
    """The connection is to be closed once everything is written; `is_fatal`: hard, because where the
    next message begins is lost (RFC 6733, 2.1)."""

    reason: str
    is_fatal: bool = False


Event = Arrived | Request | Answer | StateSeen | Down


class Peer:
    """One connection's protocol."""

    def __init__(
        self,
        local: LocalNode,
        addresses: list[str],
        now: float,
        *,
        watchdog_seconds: float = 30.0,
        jitter: Callable[[], float] = lambda: 0.0,
        count: Callable[[str, str], None] = lambda direction, command: None,
    ) -> None:
        """`count` hears of every message read, and of every one that this machine writes."""
        self._local = local
        self._addresses = addresses
        self._watchdog = watchdog_seconds
        self._jitter = jitter
        self._count = count
        self._framer = Framer()
        self._out: list[bytes] = []
        self._events: list[Event] = []
        self._cer_header: Header | None = None
        self._dpr_header: Header | None = None  # of a DPR that waits for its DPA
        self._deadline = now + CAPABILITIES_SECONDS
        self._message_deadline: float | None = None
        self._is_dwr_pending = False
        self._hop_by_hop = 0
        self.state = State.WAIT_CER
        self.watchdog_failures = 0

    # --- what the node calls -----------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Bytes from the peer."""
        if self.state is not State.CLOSED:
            messages = self._framer.feed(data)
            if messages and self.state in (State.OPEN, State.PROBED):
                self._set_watchdog(now)
            for message in messages:
                self._message(message, now)
            if self._framer.error is not None:
                self._close(self._framer.error.message, is_fatal=True)
            elif not self._framer.pending:
                self._message_deadline = None
            elif self._message_deadline is None or messages:
                self._message_deadline = now + MESSAGE_SECONDS
        return self._take_events()

    def timer(self, now: float) -> list[Event]:
        """To be called when `next_deadline` has come."""
        if self._message_deadline is not None and now >= self._message_deadline:
            self._close("a message did not complete in time")
        elif now >= self._deadline and self.state is not State.CLOSED:
            self._expired(now)
        return self._take_events()

    @property
    def next_deadline(self) -> float:
        """When `timer` is due."""
        if self._message_deadline is None:
            return self._deadline
        return min(self._deadline, self._message_deadline)

    def data_to_send(self) -> bytes:
        """What is to be written now."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def admit(self, now: float) -> None:
        """Answer the CER with success; the peer is open."""
        if self.state is State.WAIT_ADMISSION:
            self._send_cea(ResultCode.SUCCESS)
            self.state = State.OPEN
            self._set_watchdog(now)

    def refuse(self, result_code: int, reason: str) -> list[Event]:
        """Answer the CER with an error and close."""
        if self.state is State.WAIT_ADMISSION:
            self._send_cea(result_code, reason)
        self._close(reason)
        return self._take_events()

    def probe(self, now: float) -> None:
        """The same identity connected again: ask this connection, and close it in 2 s at the latest."""
        if self.state is State.OPEN:
            self._send_dwr()
            self.state = State.PROBED
            self._deadline = now + PROBE_SECONDS

    def stop(self, now: float, cause: int = base.REBOOTING) -> list[Event]:
        """Say goodbye (DPR) and wait for the answer; without an open peer, close at once."""
        if self.state in (State.OPEN, State.PROBED):
            self._send(base.dpr(self._local, self._next_id(), self._next_id(), cause))
            self.state = State.CLOSING
            self._deadline = now + DISCONNECT_SECONDS
        elif self.state not in (State.CLOSING, State.LEAVING):
            self._close("stopped")
        return self._take_events()

    def part(self, now: float) -> None:
        """Whatever the peer asked before its DPR is answered: now it gets its DPA (RFC 6733, 5.4)."""
        if self.state is State.LEAVING and self._dpr_header is not None:
            self._send(base.dpa(self._local, self._dpr_header))
            self._dpr_header = None
            self._deadline = now + DISCONNECT_SECONDS

    # --- messages ----------------------------------------------------------------------------------

    def _message(self, message: bytes, now: float) -> None:
        if self.state is State.CLOSED:
            return
        header = parse_header(message)
        if self.state is State.OPEN and is_plain_ccr(header):
            self._count("in", "CCR")
            self._events.append(Request(message, header))
            return
        self._count("in", command_name(header))
        try:
            kind = classify(header)
            action = TRANSITIONS.get((self.state, kind))
            if action is None:
                self._close(f"{kind.name} in state {self.state.name}")
                return
            action(self, message, header, now)
        except ProtocolError as error:
            self._error(message, header, error)

    def _error(self, message: bytes, header: Header, error: ProtocolError) -> None:
        is_cer = (header.command, header.application) == (CER, BASE_APPLICATION)
        if self.state is State.WAIT_CER and not (is_cer and header.is_request):
            self._close("the first message is no CER")  # nothing is answered before the CER
            return
        if is_cer and header.is_request:
            # A CEA can always be built, so that E stays for 3xxx (RFC 6733, 7.2).
            self._cer_header = header
            self._send_cea(error.result_code, error.message, error.failed_avp)
        elif header.is_request:
            local = self._local
            self._send(error_answer(message, error, local.origin_host, local.origin_realm))
        if self.state in (State.WAIT_CER, State.WAIT_ADMISSION):
            self._close(error.message)

    def _first_cer(self, message: bytes, header: Header, now: float) -> None:
        cer = base.parse_cer(message)
        self._cer_header = header
        self.state = State.WAIT_ADMISSION
        self._deadline = now + CAPABILITIES_SECONDS
        if not cer.has_credit_control:
            self._send_cea(ResultCode.NO_COMMON_APPLICATION, "no common application")
            self._close("no common application")
            return
        self._events.append(Arrived(cer))

    def _further_cer(self, message: bytes, header: Header, now: float) -> None:
        """A CER on an open connection changes nothing; it is answered, and service goes on."""
        cer = base.parse_cer(message)
        self._cer_header = header
        self._send_cea(ResultCode.SUCCESS)
        self._state_seen(cer.origin_state_id)

    def _dwr(self, message: bytes, header: Header, now: float) -> None:
        base.check_lengths(message)
        self._send(base.dwa(self._local, header))
        for found in walk(message, HEADER_SIZE, len(message)):
            if found[:2] == (ORIGIN_STATE_ID, 0):
                self._state_seen(read_number(message, found))

    def _dpr(self, message: bytes, header: Header, now: float) -> None:
        base.check_lengths(message)
        self._dpr_header = header
        self.state = State.LEAVING
        self._deadline = now + DISCONNECT_SECONDS

    def _probe_answer(self, message: bytes, header: Header, now: float) -> None:
        self._close("replaced by a newer connection")

    def _goodbye_answer(self, message: bytes, header: Header, now: float) -> None:
        if header.command == DPR:
            self._close("disconnected")

    def _request(self, message: bytes, header: Header, now: float) -> None:
        self._events.append(Request(message, header))

    def _answer(self, message: bytes, header: Header, now: float) -> None:
        self._events.append(Answer(message, header))

    def _ignore(self, message: bytes, header: Header, now: float) -> None:
        """Legal and without effect in this state."""

    # --- timers and helpers ------------------------------------------------------------------------

    def _expired(self, now: float) -> None:
        if self._dpr_header is not None:
            self.part(now)  # with something in work for too long
        elif self.state is not State.OPEN:
            self._close(EXPIRED[self.state])
        elif self._is_dwr_pending:
            self.watchdog_failures += 1
            self._close("the watchdog was not answered")
        else:
            self._send_dwr()
            self._is_dwr_pending = True
            self._deadline = now + self._watchdog + self._jitter()

    def _set_watchdog(self, now: float) -> None:
        if self.state is State.OPEN:
            self._is_dwr_pending = False
            self._deadline = now + self._watchdog + self._jitter()

    def _send_cea(self, code: int, reason: str | None = None, failed_avp: bytes = b"") -> None:
        if self._cer_header is not None:
            local, header, addresses = self._local, self._cer_header, self._addresses
            self._send(base.cea(local, header, addresses, code, reason, failed_avp))

    def _send_dwr(self) -> None:
        self._send(base.dwr(self._local, self._next_id(), self._next_id()))

    def _send(self, message: bytes) -> None:
        self._count("out", command_name(parse_header(message)))
        self._out.append(message)

    def _state_seen(self, origin_state_id: int | None) -> None:
        if origin_state_id:
            self._events.append(StateSeen(origin_state_id))

    def _next_id(self) -> int:
        """Ids of our base requests; the node numbers RAR and ASR from 2^31 on."""
        self._hop_by_hop = self._hop_by_hop + 1 & 0x7FFFFFFF
        return self._hop_by_hop

    def _close(self, reason: str, *, is_fatal: bool = False) -> None:
        if self.state is not State.CLOSED:
            self.state = State.CLOSED
            self._events.append(Down(reason, is_fatal))

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events


#: What is legal when. A pair that is not here closes the connection.
TRANSITIONS: dict[tuple[State, Input], Callable[[Peer, bytes, Header, float], None]] = {
    (State.WAIT_CER, Input.CER): Peer._first_cer,
    (State.WAIT_ADMISSION, Input.BASE_ANSWER): Peer._ignore,
    (State.WAIT_ADMISSION, Input.ANSWER): Peer._ignore,
    (State.OPEN, Input.CER): Peer._further_cer,
    (State.OPEN, Input.DWR): Peer._dwr,
    (State.OPEN, Input.DPR): Peer._dpr,
    (State.OPEN, Input.BASE_ANSWER): Peer._ignore,  # any message has reset the watchdog
    (State.OPEN, Input.REQUEST): Peer._request,
    (State.OPEN, Input.ANSWER): Peer._answer,
    (State.PROBED, Input.CER): Peer._further_cer,
    (State.PROBED, Input.DWR): Peer._dwr,
    (State.PROBED, Input.DPR): Peer._dpr,
    (State.PROBED, Input.BASE_ANSWER): Peer._probe_answer,
    (State.PROBED, Input.REQUEST): Peer._request,
    (State.PROBED, Input.ANSWER): Peer._answer,
    # After our DPR a peer may still have sent requests: they are answered (RFC 6733, 5.4).
    (State.CLOSING, Input.CER): Peer._ignore,
    (State.CLOSING, Input.DWR): Peer._dwr,
    (State.CLOSING, Input.DPR): Peer._dpr,
    (State.CLOSING, Input.BASE_ANSWER): Peer._goodbye_answer,
    (State.CLOSING, Input.REQUEST): Peer._request,
    (State.CLOSING, Input.ANSWER): Peer._answer,
    # After its DPR the peer sends nothing that needs an answer.
    (State.LEAVING, Input.CER): Peer._ignore,
    (State.LEAVING, Input.DWR): Peer._dwr,
    (State.LEAVING, Input.DPR): Peer._ignore,
    (State.LEAVING, Input.BASE_ANSWER): Peer._goodbye_answer,  # our DPR crossed the peer's
    (State.LEAVING, Input.REQUEST): Peer._ignore,
    (State.LEAVING, Input.ANSWER): Peer._answer,
}

#: Why a connection is closed when its deadline comes, by state.
EXPIRED = {
    State.WAIT_CER: "no CER in time",
    State.WAIT_ADMISSION: "no place for this peer in time",
    State.PROBED: "replaced by a newer connection",
    State.CLOSING: "the DPR was not answered",
    State.LEAVING: "the peer did not close after its DPR",
}
