"""The peer machine: what is legal when, and every timer (RFC 6733, 5; RFC 3539, 3.4)."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings, strategies as st

from ocs.diameter import base
from ocs.diameter.avp import octets, text, u32
from ocs.diameter.base import CapabilitiesExchange, LocalNode
from ocs.diameter.client_messages import decode_cca
from ocs.diameter.commands import Input
from ocs.diameter.framing import (
    CER,
    DPR,
    DWR,
    FLAG_E,
    FLAG_P,
    FLAG_R,
    MAX_MESSAGE,
    RAR,
    Framer,
    Header,
    ResultCode,
    pack_header,
    parse_header,
)
from ocs.diameter.peer import (
    CAPABILITIES_SECONDS,
    DISCONNECT_SECONDS,
    EXPIRED,
    MESSAGE_SECONDS,
    PROBE_SECONDS,
    TRANSITIONS,
    Answer,
    Arrived,
    Down,
    Event,
    Peer,
    Request,
    State,
    StateSeen,
)
from tests.support.messages import cut_out, plain_ccr, with_length

LOCAL = LocalNode("ocs1.example.net", "ocs.example.net", origin_state_id=1_790_000_000)
CLIENT = LocalNode("pgw1.example.net", "example.net")
ADDRESS = "192.0.2.1"
WATCHDOG = 30.0
#: When every connection of these tests is opened.
START = 1000.0
WATCHDOG_ANSWER = base.dwa(CLIENT, Header(1, 20, FLAG_R, DWR, 0, 1, 2))
DISCONNECT_ANSWER = base.dpa(CLIENT, Header(1, 20, FLAG_R, DPR, 0, 1, 2))
RAA = with_length(pack_header(20, FLAG_P, RAR, 4, 1 << 31, 5) + u32(268, 2002))

MESSAGES = {
    Input.CER: base.cer(CLIENT, 1, 2),
    Input.DWR: base.dwr(CLIENT, 3, 4),
    Input.DPR: base.dpr(CLIENT, 5, 6, base.DO_NOT_WANT_TO_TALK_TO_YOU),
    Input.BASE_ANSWER: WATCHDOG_ANSWER,
    Input.REQUEST: plain_ccr(),
    Input.ANSWER: RAA,
}


def new_peer(jitter: float = 0.0) -> Peer:
    """A connection that has said nothing."""
    return Peer(LOCAL, [ADDRESS], START, watchdog_seconds=WATCHDOG, jitter=lambda: jitter)


def peer_in(state: State) -> Peer:
    """A connection in this state at START, with nothing left to send."""
    peer = new_peer()
    if state in (State.WAIT_CER, State.CLOSED):
        if state is State.CLOSED:
            peer.stop(START)
        return peer
    peer.receive(MESSAGES[Input.CER], START)
    if state is not State.WAIT_ADMISSION:
        peer.admit(START)
    if state is State.PROBED:
        peer.probe(START)
    elif state is State.CLOSING:
        peer.stop(START)
    elif state is State.LEAVING:
        peer.receive(MESSAGES[Input.DPR], START)
        peer.part(START)
    peer.data_to_send()
    assert peer.state is state
    return peer


def split(data: bytes) -> list[bytes]:
    """The messages in `data`, which must be whole."""
    framer = Framer()
    messages = framer.feed(data)
    assert framer.error is None
    assert framer.pending == 0
    return messages


def sent(peer: Peer) -> list[bytes]:
    """What the peer has to say now."""
    return split(peer.data_to_send())


def only(peer: Peer) -> bytes:
    """The one message that the peer has to say now."""
    (message,) = sent(peer)
    return message


def result(message: bytes) -> int:
    """Its Result-Code."""
    return decode_cca(message).result_code


def reasons(events: list[Event]) -> list[str]:
    """Why the connection goes down, where it does."""
    return [each.reason for each in events if isinstance(each, Down)]


# --- the table ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """What a message does: the next state, the answers (by command), the events."""

    state: State
    answers: tuple[int, ...] = ()
    events: tuple[type[Event], ...] = ()


CLOSES = Expected(State.CLOSED, (), (Down,))

#: RFC 6733, 5.6, for the responder; what stands here is legal.
LEGAL = {
    (State.WAIT_CER, Input.CER): Expected(State.WAIT_ADMISSION, (), (Arrived,)),
    (State.WAIT_ADMISSION, Input.BASE_ANSWER): Expected(State.WAIT_ADMISSION),
    (State.WAIT_ADMISSION, Input.ANSWER): Expected(State.WAIT_ADMISSION),
    (State.OPEN, Input.CER): Expected(State.OPEN, (CER,)),
    (State.OPEN, Input.DWR): Expected(State.OPEN, (DWR,)),
    (State.OPEN, Input.DPR): Expected(State.LEAVING),  # its DPA has its own tests
    (State.OPEN, Input.BASE_ANSWER): Expected(State.OPEN),
    (State.OPEN, Input.REQUEST): Expected(State.OPEN, (), (Request,)),
    (State.OPEN, Input.ANSWER): Expected(State.OPEN, (), (Answer,)),
    (State.PROBED, Input.CER): Expected(State.PROBED, (CER,)),
    (State.PROBED, Input.DWR): Expected(State.PROBED, (DWR,)),
    (State.PROBED, Input.DPR): Expected(State.LEAVING),
    (State.PROBED, Input.BASE_ANSWER): CLOSES,  # it lives, and the newer connection takes its place
    (State.PROBED, Input.REQUEST): Expected(State.PROBED, (), (Request,)),
    (State.PROBED, Input.ANSWER): Expected(State.PROBED, (), (Answer,)),
    (State.CLOSING, Input.CER): Expected(State.CLOSING),
    (State.CLOSING, Input.DWR): Expected(State.CLOSING, (DWR,)),
    (State.CLOSING, Input.DPR): Expected(State.LEAVING),
    (State.CLOSING, Input.BASE_ANSWER): Expected(State.CLOSING),  # a DWA; the DPA has its own test
    (State.CLOSING, Input.REQUEST): Expected(State.CLOSING, (), (Request,)),
    (State.CLOSING, Input.ANSWER): Expected(State.CLOSING, (), (Answer,)),
    (State.LEAVING, Input.CER): Expected(State.LEAVING),
    (State.LEAVING, Input.DWR): Expected(State.LEAVING, (DWR,)),
    (State.LEAVING, Input.DPR): Expected(State.LEAVING),
    (State.LEAVING, Input.BASE_ANSWER): Expected(State.LEAVING),
    (State.LEAVING, Input.REQUEST): Expected(State.LEAVING),
    (State.LEAVING, Input.ANSWER): Expected(State.LEAVING, (), (Answer,)),
}
LIVE = [each for each in State if each is not State.CLOSED]


def test_the_table_of_the_machine_is_the_table_of_this_test() -> None:
    """A transition that is added or lost has to be added or lost here, too."""
    assert set(TRANSITIONS) == set(LEGAL)


@pytest.mark.parametrize("kind", Input)
@pytest.mark.parametrize("state", LIVE)
def test_each_message_in_each_state(state: State, kind: Input) -> None:
    """A pair of the table does what stands there; any other pair closes, and nothing is answered."""
    expected = LEGAL.get((state, kind), CLOSES)
    peer = peer_in(state)
    events = peer.receive(MESSAGES[kind], START + 1)
    answers = [parse_header(each) for each in sent(peer)]
    assert peer.state is expected.state
    assert [type(each) for each in events] == list(expected.events)
    assert [each.command for each in answers] == list(expected.answers)
    request = parse_header(MESSAGES[kind])
    for each in answers:
        assert not each.is_request
        assert (each.hop_by_hop, each.end_to_end) == (request.hop_by_hop, request.end_to_end)


@pytest.mark.parametrize("kind", Input)
def test_nothing_is_read_after_the_end(kind: Input) -> None:
    """Whatever still arrives on a closed connection is neither answered nor handed on."""
    peer = peer_in(State.CLOSED)
    assert peer.receive(MESSAGES[kind], START) == []
    assert peer.data_to_send() == b""
    assert peer.timer(START + 1000) == []


def test_messages_behind_the_one_that_closes_are_dropped() -> None:
    """In one segment, too."""
    peer = peer_in(State.CLOSING)
    events = peer.receive(DISCONNECT_ANSWER + MESSAGES[Input.REQUEST], START)
    assert [type(each) for each in events] == [Down]


# --- capabilities exchange ----------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [CAPABILITIES_SECONDS, CAPABILITIES_SECONDS + 100])
def test_no_cer_in_ten_seconds_closes(seconds: float) -> None:
    """Not before; and nothing is said."""
    assert CAPABILITIES_SECONDS == 10.0
    peer = new_peer()
    assert peer.next_deadline == START + 10
    assert peer.timer(START + 9.9) == []
    assert reasons(peer.timer(START + seconds)) == [EXPIRED[State.WAIT_CER]]
    assert peer.data_to_send() == b""


def test_a_cer_that_drips_in_gains_no_time() -> None:
    """Octets that are no message move no timer."""
    peer = new_peer()
    for at, octet in enumerate(MESSAGES[Input.CER][:9]):
        peer.receive(bytes([octet]), START + at)
    assert reasons(peer.timer(START + 10))


def test_no_decision_in_ten_seconds_closes() -> None:
    """A place that does not become free is not waited for without end."""
    peer = new_peer()
    peer.receive(MESSAGES[Input.CER], START + 5)
    assert peer.next_deadline == START + 15
    assert reasons(peer.timer(START + 15)) == [EXPIRED[State.WAIT_ADMISSION]]


@pytest.mark.parametrize(
    "message",
    [
        MESSAGES[Input.DWR],
        MESSAGES[Input.REQUEST],
        WATCHDOG_ANSWER,
        with_length(pack_header(20, FLAG_R, 999, 4, 1, 2)),
        with_length(pack_header(20, FLAG_R, 272, 16_777_238, 1, 2)),
        with_length(pack_header(20, FLAG_R, CER, 4, 1, 2)),
        with_length(pack_header(20, 0, CER, 0, 1, 2)),
        with_length(pack_header(20, FLAG_R | FLAG_E, DWR, 0, 1, 2)),
        b"\2" + MESSAGES[Input.DWR][1:],
        b"GET / HTTP/1.1\r\nHost: ocs\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20),
    ],
)
def test_nothing_is_answered_before_a_cer(message: bytes) -> None:
    """A first message that is none closes the connection without a word (RFC 6733, 5.6)."""
    peer = new_peer()
    events = peer.receive(message, START)
    assert [type(each) for each in events] == [Down]
    assert peer.data_to_send() == b""


def test_a_cer_arrives_and_the_node_decides() -> None:
    """No CEA before `admit`; then it has the ids of the CER, and the watchdog runs."""
    peer = new_peer()
    (event,) = peer.receive(MESSAGES[Input.CER], START)
    assert event == Arrived(CapabilitiesExchange("pgw1.example.net", "example.net", frozenset([4])))
    assert peer.data_to_send() == b""
    peer.admit(START + 2)
    message = only(peer)
    header = parse_header(message)
    assert (header.command, header.flags, header.application) == (CER, 0, 0)
    assert (header.hop_by_hop, header.end_to_end) == (1, 2)
    assert result(message) == ResultCode.SUCCESS
    assert peer.next_deadline == START + 2 + WATCHDOG


@pytest.mark.parametrize("state", [each for each in State if each is not State.WAIT_ADMISSION])
def test_admitting_and_refusing_need_a_cer(state: State) -> None:
    """A decision that comes too early or too late says nothing to the peer."""
    peer = peer_in(state)
    peer.admit(START)
    assert peer.state is state
    peer.refuse(ResultCode.UNKNOWN_PEER, "too late")
    assert peer.data_to_send() == b""
    assert peer.state is State.CLOSED


def test_a_refused_peer_is_told_why() -> None:
    """3010 with E, the reason in words, then the end (RFC 6733, 5.3 and 7.3)."""
    peer = peer_in(State.WAIT_ADMISSION)
    assert reasons(peer.refuse(ResultCode.UNKNOWN_PEER, "unknown peer")) == ["unknown peer"]
    message = only(peer)
    assert parse_header(message).flags == FLAG_E
    assert (result(message), decode_cca(message).error_message) == (3010, "unknown peer")


def test_no_common_application_is_5010() -> None:
    """Answered without asking the node, without E, and closed (RFC 6733, 5.3)."""
    gx = u32(258, 16_777_238)
    message = MESSAGES[Input.CER].replace(u32(258, 4), gx)
    peer = new_peer()
    events = peer.receive(message, START)
    assert [type(each) for each in events] == [Down]
    cea = only(peer)
    assert (result(cea), parse_header(cea).flags) == (5010, 0)


def test_application_4_inside_the_vendors_group_is_enough() -> None:
    """Some clients advertise it nowhere else (RFC 6733, 6.11)."""
    peer = new_peer()
    (event,) = peer.receive(cut_out(MESSAGES[Input.CER], u32(258, 4)), START)
    assert isinstance(event, Arrived)


def test_a_relay_is_common_with_everything() -> None:
    """Application 0xffffffff (RFC 6733, 2.4)."""
    message = MESSAGES[Input.CER].replace(u32(258, 4), u32(258, 0xFFFFFFFF))
    (event,) = new_peer().receive(message, START)
    assert isinstance(event, Arrived)


@pytest.mark.parametrize(
    ("message", "code", "failed"),
    [
        (cut_out(MESSAGES[Input.CER], text(264, CLIENT.origin_host)), 5005, octets(264, b"")),
        (with_length(MESSAGES[Input.CER] + text(296, "again")), 5009, text(296, "again")),
        (with_length(MESSAGES[Input.CER] + octets(278, b"1")), 5014, u32(278, 0)),
        (with_length(MESSAGES[Input.CER] + u32(299, 1)), 5017, b""),
        (b"\2" + MESSAGES[Input.CER][1:], 5011, b""),
        (MESSAGES[Input.CER][:4] + b"\xa0" + MESSAGES[Input.CER][5:], 3008, b""),
    ],
)
def test_a_faulty_cer_is_answered_by_a_cea_and_closed(
    message: bytes, code: int, failed: bytes
) -> None:
    """The CEA has all that a CEA has; E goes with 3xxx only."""
    peer = new_peer()
    assert [type(each) for each in peer.receive(message, START)] == [Down]
    cea = only(peer)
    assert (result(cea), decode_cca(cea).failed_avp) == (code, failed)
    assert parse_header(cea).flags == (FLAG_E if code < 4000 else 0)
    assert text(269, LOCAL.product, 0) in cea


def test_a_second_cer_on_an_open_connection_changes_nothing() -> None:
    """Answered with its own ids, and service goes on; a faulty one is answered, too."""
    peer = peer_in(State.OPEN)
    peer.receive(base.cer(CLIENT, 77, 78), START)
    message = only(peer)
    assert (parse_header(message).hop_by_hop, result(message)) == (77, 2001)
    peer.receive(cut_out(MESSAGES[Input.CER], text(264, CLIENT.origin_host)), START)
    assert result(only(peer)) == ResultCode.MISSING_AVP
    (event,) = peer.receive(MESSAGES[Input.REQUEST], START)
    assert isinstance(event, Request)


# --- requests that no state knows ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code", "flags"),
    [
        (pack_header(20, 0xC0, 999, 4, 7, 8), 3001, FLAG_P | FLAG_E),
        (pack_header(20, 0xC0, RAR, 4, 7, 8), 3001, FLAG_P | FLAG_E),
        (pack_header(20, 0x80, 271, 0, 7, 8), 3001, FLAG_E),
        (pack_header(20, 0xC0, 272, 0, 7, 8), 3001, FLAG_P | FLAG_E),
        (pack_header(20, 0xC0, 272, 16_777_238, 7, 8), 3007, FLAG_P | FLAG_E),
        (pack_header(20, 0xE0, 272, 4, 7, 8), 3008, FLAG_P | FLAG_E),
        (pack_header(20, 0xA0, DWR, 0, 7, 8), 3008, FLAG_E),
        (b"\2" + pack_header(20, 0xC0, 272, 4, 7, 8)[1:], 5011, FLAG_P | FLAG_E),
        (b"\0" + plain_ccr(hop_by_hop=7, end_to_end=8)[1:], 5011, FLAG_P),
        (with_length(pack_header(20, 0x80, DWR, 0, 7, 8) + octets(278, b"1")), 5014, 0),
        (with_length(pack_header(20, 0x80, DPR, 0, 7, 8) + b"1234"), 5014, 0),
    ],
)
def test_a_wrong_request_is_answered_and_service_goes_on(
    message: bytes, code: int, flags: int
) -> None:
    """3xxx with E, 5xxx without where its own answer can be built (RFC 6733, 7.1.3 and 7.2)."""
    peer = peer_in(State.OPEN)
    assert peer.receive(message, START) == []
    answer = only(peer)
    header = parse_header(answer)
    assert (result(answer), header.flags) == (code, flags)
    assert (header.hop_by_hop, header.end_to_end) == (7, 8)
    request = parse_header(message)
    assert (header.command, header.application) == (request.command, request.application)
    assert peer.state is State.OPEN


@pytest.mark.parametrize("version", [0, 2])
def test_a_wrong_answer_is_not_answered(version: int) -> None:
    """Or two peers would tell each other for ever."""
    peer = peer_in(State.OPEN)
    assert peer.receive(bytes([version]) + RAA[1:], START) == []
    assert peer.data_to_send() == b""
    assert peer.state is State.OPEN


def test_reserved_flags_are_ignored() -> None:
    """In a CCR as in a DWR (RFC 6733, 3)."""
    peer = peer_in(State.OPEN)
    (event,) = peer.receive(plain_ccr(flags=0xCF), START)
    assert isinstance(event, Request)
    dwr = MESSAGES[Input.DWR]
    peer.receive(dwr[:4] + b"\x8f" + dwr[5:], START)
    assert parse_header(only(peer)).flags == 0


@pytest.mark.parametrize("length", [0, 1, 19, 22, MAX_MESSAGE + 4])
@pytest.mark.parametrize("state", LIVE)
def test_a_stream_without_boundaries_is_closed(state: State, length: int) -> None:
    """Below 20, no multiple of 4, too long (RFC 6733, 3): nobody knows where the next one begins."""
    peer = peer_in(state)
    events = peer.receive(b"\1" + length.to_bytes(3, "big") + bytes(16), START)
    (down,) = events
    assert isinstance(down, Down)
    assert down.is_fatal  # to be closed hard (RFC 6733, 2.1)
    assert peer.state is State.CLOSED
    assert peer.data_to_send() == b""


@pytest.mark.parametrize("state", [State.WAIT_CER, State.WAIT_ADMISSION])
def test_a_message_in_the_wrong_place_is_an_orderly_end(state: State) -> None:
    """Its end is known."""
    (down,) = peer_in(state).receive(MESSAGES[Input.REQUEST], START)
    assert isinstance(down, Down)
    assert not down.is_fatal


def test_what_was_whole_before_the_garbage_is_still_served() -> None:
    """In the order in which it came."""
    peer = peer_in(State.OPEN)
    events = peer.receive(MESSAGES[Input.DWR] + MESSAGES[Input.REQUEST] + bytes(4), START)
    assert [type(each) for each in events] == [Request, Down]
    assert parse_header(only(peer)).command == DWR


def test_requests_and_answers_are_handed_on_as_they_came() -> None:
    """Octets and header."""
    ccr = MESSAGES[Input.REQUEST]
    peer = peer_in(State.OPEN)
    events = peer.receive(ccr + RAA, START)
    assert events == [Request(ccr, parse_header(ccr)), Answer(RAA, parse_header(RAA))]


# --- timers -------------------------------------------------------------------------------------------


def test_a_message_has_ten_seconds_to_complete() -> None:
    """Counted from its first octets; a whole message starts the next one's time anew."""
    ccr = MESSAGES[Input.REQUEST]
    peer = peer_in(State.OPEN)
    peer.receive(ccr[:30], START)
    peer.receive(ccr[30:60], START + 6)
    assert peer.next_deadline == START + MESSAGE_SECONDS
    peer.receive(ccr[60:] + ccr[:30], START + 9)
    assert peer.next_deadline == START + 9 + MESSAGE_SECONDS
    peer.receive(ccr[30:], START + 12)
    assert peer.next_deadline == START + 12 + WATCHDOG
    peer.receive(ccr[:1], START + 13)
    assert peer.timer(START + 22.9) == []
    assert reasons(peer.timer(START + 23)) == ["a message did not complete in time"]


@pytest.mark.parametrize("jitter", [-2.0, 0.0, 2.0])
def test_silence_is_asked_once_and_then_closed(jitter: float) -> None:
    """DWR after Tw = Twinit and jitter; no answer in another Tw: closed (RFC 3539, 3.4.1)."""
    peer = new_peer(jitter)
    peer.receive(MESSAGES[Input.CER], START)
    peer.admit(START)
    peer.data_to_send()
    first = START + WATCHDOG + jitter
    assert peer.next_deadline == first
    assert peer.timer(first - 0.1) == []
    assert peer.data_to_send() == b""
    assert peer.timer(first) == []
    dwr = parse_header(only(peer))
    assert (dwr.command, dwr.flags, dwr.application) == (DWR, FLAG_R, 0)
    second = first + WATCHDOG + jitter
    assert peer.next_deadline == second
    assert peer.timer(second - 0.1) == []
    assert peer.data_to_send() == b""
    assert peer.watchdog_failures == 0
    assert reasons(peer.timer(second)) == ["the watchdog was not answered"]
    assert peer.watchdog_failures == 1


@pytest.mark.parametrize("kind", [Input.CER, Input.DWR, Input.BASE_ANSWER, Input.REQUEST])
def test_any_message_is_a_sign_of_life(kind: Input) -> None:
    """It sets Tw, and a DWR that is out needs no other answer: the peer is asked anew."""
    peer = peer_in(State.OPEN)
    peer.timer(START + WATCHDOG)
    peer.receive(MESSAGES[kind], START + 40)
    peer.data_to_send()
    assert peer.next_deadline == START + 40 + WATCHDOG
    assert peer.timer(START + 40 + WATCHDOG) == []
    assert parse_header(only(peer)).command == DWR


def test_half_a_message_is_no_sign_of_life() -> None:
    """Only whole messages set Tw."""
    peer = peer_in(State.OPEN)
    peer.receive(MESSAGES[Input.DWR][:20], START + 25)
    assert peer.next_deadline == START + WATCHDOG


def test_a_probe_is_a_dwr_and_two_seconds() -> None:
    """Without an answer the old connection makes room; requests do not prolong it."""
    assert PROBE_SECONDS == 2.0
    peer = peer_in(State.OPEN)
    peer.probe(START + 5)
    assert parse_header(only(peer)).command == DWR
    peer.receive(MESSAGES[Input.REQUEST], START + 6)
    assert peer.next_deadline == START + 7
    assert peer.timer(START + 6.9) == []
    assert reasons(peer.timer(START + 7)) == [EXPIRED[State.PROBED]]
    assert peer.watchdog_failures == 0


def test_each_request_of_ours_has_ids_of_its_own() -> None:
    """Below 2^31: those above are the node's (RFC 6733, 3: unique among the outstanding ones)."""
    peer = peer_in(State.OPEN)
    peer.timer(START + WATCHDOG)
    peer.probe(START + WATCHDOG)
    peer.stop(START + WATCHDOG)
    ids = [parse_header(each).hop_by_hop for each in sent(peer)]
    assert len(ids) == len(set(ids)) == 3
    assert all(0 < each < 2**31 for each in ids)


def test_a_second_probe_asks_nothing_more() -> None:
    """A third connection does not give the first one more time."""
    peer = peer_in(State.PROBED)
    peer.probe(START + 1)
    assert peer.data_to_send() == b""
    assert peer.next_deadline == START + PROBE_SECONDS


@pytest.mark.parametrize("state", [each for each in State if each is not State.OPEN])
def test_only_an_open_connection_is_probed(state: State) -> None:
    """The others end by their own timers."""
    peer = peer_in(state)
    peer.probe(START)
    assert (peer.state, peer.data_to_send()) == (state, b"")


# --- disconnecting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.WAIT_CER, State.WAIT_ADMISSION])
def test_stopping_before_there_is_a_peer_closes_at_once(state: State) -> None:
    """Nobody to say goodbye to."""
    peer = peer_in(state)
    assert reasons(peer.stop(START)) == ["stopped"]
    assert peer.data_to_send() == b""


@pytest.mark.parametrize("state", [State.CLOSING, State.LEAVING, State.CLOSED])
def test_stopping_twice_is_stopping_once(state: State) -> None:
    """No second DPR, no second end."""
    peer = peer_in(state)
    assert peer.stop(START + 1) == []
    assert (peer.state, peer.data_to_send()) == (state, b"")


@pytest.mark.parametrize("state", [State.OPEN, State.PROBED])
def test_stopping_says_goodbye_and_waits_for_the_answer(state: State) -> None:
    """DPR with cause 0; who gets the DPA closes (RFC 6733, 5.4); at most 5 s."""
    peer = peer_in(state)
    assert peer.stop(START) == []
    dpr = only(peer)
    header = parse_header(dpr)
    assert (header.command, header.flags, header.application) == (DPR, FLAG_R, 0)
    assert u32(273, 0) in dpr
    assert peer.next_deadline == START + DISCONNECT_SECONDS
    assert reasons(peer.receive(DISCONNECT_ANSWER, START + 1)) == ["disconnected"]


@pytest.mark.parametrize("state", [State.CLOSING, State.LEAVING])
def test_an_end_that_does_not_come_is_made(state: State) -> None:
    """No DPA, or a peer that stays after its DPR: 5 s."""
    assert DISCONNECT_SECONDS == 5.0
    peer = peer_in(state)
    peer.receive(MESSAGES[Input.DWR], START + 4)
    assert peer.timer(START + 4.9) == []
    assert reasons(peer.timer(START + 5)) == [EXPIRED[state]]


@pytest.mark.parametrize("state", [State.OPEN, State.PROBED, State.CLOSING])
def test_the_peer_that_says_goodbye_is_answered_and_closes_itself(state: State) -> None:
    """DPA 2001 once nothing is owed any more, one only; the connection is left to the peer, for 5 s from
    then on."""
    peer = peer_in(state)
    assert peer.receive(MESSAGES[Input.DPR], START) == []
    assert peer.data_to_send() == b""  # what it asked before is in work
    peer.part(START + 3)
    answer = only(peer)
    assert (parse_header(answer).command, result(answer)) == (DPR, 2001)
    assert peer.state is State.LEAVING
    peer.part(START + 4)
    assert peer.data_to_send() == b""
    assert peer.next_deadline == START + 3 + DISCONNECT_SECONDS


def test_a_goodbye_is_answered_in_time_whatever_is_in_work() -> None:
    """A request that hangs holds the DPA up for 5 s; then the peer has 5 s to close."""
    peer = peer_in(State.OPEN)
    peer.receive(MESSAGES[Input.DPR], START)
    assert peer.timer(START + 4.9) == []
    assert peer.data_to_send() == b""
    assert peer.timer(START + 5) == []
    assert parse_header(only(peer)).command == DPR
    assert peer.timer(START + 9.9) == []
    assert reasons(peer.timer(START + 10)) == [EXPIRED[State.LEAVING]]


@pytest.mark.parametrize("state", [each for each in State if each is not State.LEAVING])
def test_without_a_goodbye_nobody_parts(state: State) -> None:
    """A DPA that nobody asked for would be an error to the peer."""
    peer = peer_in(state)
    peer.part(START)
    assert (peer.state, peer.data_to_send()) == (state, b"")


# --- Origin-State-Id ----------------------------------------------------------------------------------

OTHER_LIFE = LocalNode(CLIENT.origin_host, CLIENT.origin_realm, origin_state_id=1_790_000_001)


@pytest.mark.parametrize("state", [State.OPEN, State.PROBED, State.CLOSING, State.LEAVING])
def test_a_watchdog_tells_the_state_of_its_sender(state: State) -> None:
    """RFC 6733, 8.16: a higher value means that the sender lost its sessions."""
    events = peer_in(state).receive(base.dwr(OTHER_LIFE, 1, 2), START)
    assert events == [StateSeen(1_790_000_001)]


def test_capabilities_tell_the_state_of_their_sender() -> None:
    """With the first CER it is the node's to judge, since it may not admit the peer."""
    peer = new_peer()
    (arrived,) = peer.receive(base.cer(OTHER_LIFE, 1, 2), START)
    assert isinstance(arrived, Arrived)
    assert arrived.cer.origin_state_id == 1_790_000_001
    peer.admit(START)
    assert peer.receive(base.cer(OTHER_LIFE, 3, 4), START) == [StateSeen(1_790_000_001)]


@pytest.mark.parametrize("more", [b"", u32(278, 0)])
def test_no_state_says_nothing(more: bytes) -> None:
    """RFC 6733, 8.16: neither an absent value nor 0."""
    assert peer_in(State.OPEN).receive(with_length(MESSAGES[Input.DWR] + more), START) == []


def test_a_state_of_the_wrong_size_is_answered_and_not_taken_up() -> None:
    """5014, and no event."""
    peer = peer_in(State.OPEN)
    assert peer.receive(with_length(MESSAGES[Input.DWR] + octets(278, bytes(8))), START) == []
    assert result(only(peer)) == 5014


# --- counting -----------------------------------------------------------------------------------------


def test_every_message_is_counted() -> None:
    """Read and written, by the name of the command; what is not spoken here is "other"."""
    counted: list[tuple[str, str]] = []
    peer = Peer(LOCAL, [ADDRESS], START, count=lambda *each: counted.append(each))
    peer.receive(MESSAGES[Input.CER], START)
    peer.admit(START)
    peer.receive(MESSAGES[Input.REQUEST] + RAA, START)
    peer.receive(with_length(pack_header(20, FLAG_R, 999, 4, 1, 2)), START)
    peer.timer(peer.next_deadline)
    peer.receive(WATCHDOG_ANSWER + MESSAGES[Input.DWR] + MESSAGES[Input.DPR], START)
    peer.part(START)
    assert counted == [
        ("in", "CER"), ("out", "CEA"), ("in", "CCR"), ("in", "RAA"), ("in", "other"),
        ("out", "other"), ("out", "DWR"), ("in", "DWA"), ("in", "DWR"), ("out", "DWA"),
        ("in", "DPR"), ("out", "DPA"),
    ]  # fmt: skip


# --- two machines on one wire -------------------------------------------------------------------------


def two_peers() -> tuple[Peer, Peer]:
    """Both open, as they are after one has sent its CER."""
    one = peer_in(State.OPEN)
    other = Peer(CLIENT, [ADDRESS], START, watchdog_seconds=WATCHDOG)
    other.receive(base.cer(LOCAL, 1, 2), START)
    other.admit(START)
    other.data_to_send()
    return one, other


def carry(one: Peer, other: Peer, now: float) -> list[str]:
    """Bytes both ways until nobody has anything to say; why each of the two went down."""
    ends: list[str] = []
    for _ in range(10):
        data, back = one.data_to_send(), other.data_to_send()
        if not data and not back:
            return ends
        ends += reasons(other.receive(data, now))
        ends += reasons(one.receive(back, now))
        one.part(now)
        other.part(now)
    raise AssertionError("they talk without end")


def test_two_machines_keep_each_other_alive() -> None:
    """A DWR is answered by a DWA, and the watchdogs of both are set."""
    one, other = two_peers()
    one.timer(START + 30)
    assert carry(one, other, START + 31) == []
    assert one.next_deadline == other.next_deadline == START + 61


def test_two_machines_part() -> None:
    """Who gets the DPA closes; the other sees it close."""
    one, other = two_peers()
    one.stop(START)
    assert carry(one, other, START) == ["disconnected"]
    assert (one.state, other.state) == (State.CLOSED, State.LEAVING)


def test_two_goodbyes_that_cross_end_both() -> None:
    """Each has sent a DPR, answers the other's, and needs no timer."""
    one, other = two_peers()
    one.stop(START)
    other.stop(START)
    assert carry(one, other, START) == ["disconnected", "disconnected"]


# --- any sequence -------------------------------------------------------------------------------------

PIECES = st.one_of(
    st.sampled_from([*MESSAGES.values(), DISCONNECT_ANSWER]),
    st.sampled_from([each[:25] for each in MESSAGES.values()]),
    st.builds(
        lambda flags, command, application: pack_header(20, flags, command, application, 1, 1),
        st.integers(0, 255),
        st.sampled_from([0, CER, RAR, 272, DWR, DPR, 2**24 - 1]),
        st.sampled_from([0, 4, 16_777_238, 2**32 - 1]),
    ),
    st.binary(max_size=40),
)
STEPS = st.one_of(
    st.tuples(st.just("receive"), PIECES),
    st.tuples(st.just("wait"), st.floats(0, 60)),
    st.tuples(st.sampled_from(["admit", "refuse", "probe", "part", "stop"]), st.none()),
)
SCRIPTS = st.builds(
    lambda is_open, steps: (
        ([("receive", MESSAGES[Input.CER]), ("admit", None)] if is_open else []) + steps
    ),
    st.booleans(),
    st.lists(STEPS, max_size=12),
)


@settings(max_examples=300, deadline=None)
@given(SCRIPTS)
def test_any_sequence_ends_in_a_declared_state(script: list[tuple[str, object]]) -> None:
    """Nothing raises; what is sent is whole; a connection goes down once and is silent afterwards;
    nobody is answered before a CER; while it lives, there is a timer."""
    peer, now = new_peer(), START
    has_arrived, ends = False, 0
    for action, value in script:
        was_closed = peer.state is State.CLOSED
        events: list[Event] = []
        match action, value:
            case "receive", bytes(data):
                events = peer.receive(data, now)
            case "wait", float(seconds):
                now += seconds
                events = peer.timer(now)
            case "admit", _:
                peer.admit(now)
            case "refuse", _:
                events = peer.refuse(ResultCode.UNKNOWN_PEER, "no")
            case "probe", _:
                peer.probe(now)
            case "part", _:
                peer.part(now)
            case "stop", _:
                events = peer.stop(now)
        has_arrived = has_arrived or any(isinstance(each, Arrived) for each in events)
        ends += len(reasons(events))
        messages = sent(peer)
        assert peer.state in State
        assert (ends == 1) == (peer.state is State.CLOSED)
        assert not was_closed or (not events and not messages)
        assert peer.state is not State.WAIT_CER or not messages
        if peer.state not in (State.WAIT_CER, State.CLOSED):
            assert has_arrived
        if peer.state is not State.CLOSED:
            assert peer.next_deadline <= now + WATCHDOG
