"""One connection: what is refused, what is answered where, and what a peer cannot do to it."""

import asyncio
import random
import socket
import struct
from dataclasses import replace

import pytest
from structlog.typing import EventDict

from ocs.diameter import peer as machine
from ocs.diameter.avp import octets
from ocs.diameter.client_messages import decode_cca
from ocs.diameter.credit_control import CCA, CCR
from ocs.diameter.framing import CCR as CCR_COMMAND, DPR, DWR, FLAG_E, MAX_MESSAGE, parse_header
from ocs.node import connection
from ocs.node.connection import Connection
from ocs.node.peers import PeerConfig, Peers
from tests.node.harness import (
    PATIENCE_SECONDS,
    PGW,
    PGW_REALM,
    SETTINGS,
    Held,
    Running,
    Wire,
    answer_to,
    cer,
    dpa,
    dpr,
    dwa,
    dwr,
    header_of,
    peer,
    request,
    result_code,
    running,
)
from tests.support.messages import PLAIN, cut_out, plain_ccr, with_length

OTHER = "pgw2.example.net"
CLIENT_HELLO = bytes.fromhex("16030100c8010000c403030102030405060708090a0b0c0d0e0f10111213141516")
GARBAGE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: ocs1.ocs.example.net:3868\r\n\r\n",
    "TLS": CLIENT_HELLO,
    "random": random.Random(7).randbytes(1000),
    "length 0": bytes(1000),
    "length 19": bytes.fromhex("01000013"),
    "length 1023": bytes.fromhex("010003ff"),
    "more than 64 KiB, then silence": b"\1" + (MAX_MESSAGE + 4).to_bytes(3, "big"),
    "16 MiB, then silence": bytes.fromhex("01fffffc"),
}


def text_of(message: bytes) -> str:
    return decode_cca(message).error_message or ""


async def turns(wire: Wire, count: int = 3) -> None:
    """Exchanges that let the node read everything that was sent to it before."""
    for number in range(count):
        wire.send(dwr(number))
        assert header_of(await wire.receive()).command == DWR


# --- who is no peer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_is_closed_with_one_line(data: bytes, lines: list[EventDict]) -> None:
    """No answer, one log line, a cause without the peer's octets; everybody else is served."""
    async with running() as node, peer(node) as other:
        async with Wire(node, "127.0.0.2") as wire:
            wire.send(data)
            assert await wire.rest() == b""
        assert await other.is_served()
        assert [each["event"] for each in lines] == [
            "peer connected", "connection of a stranger closed",
        ]  # fmt: skip
        assert lines[1]["address"] == "127.0.0.2"
        assert node.closed("protocol error") == 1


async def test_a_flood_of_garbage_is_not_a_flood_of_lines(lines: list[EventDict]) -> None:
    """One line a minute for each address."""
    async with running() as node:
        for _ in range(5):
            async with Wire(node) as wire:
                wire.send(GARBAGE["HTTP"])
                assert await wire.rest() == b""
        assert len(lines) == 1
        assert node.closed("protocol error") == 5


@pytest.mark.parametrize(
    "first", [plain_ccr(), dwr(), dpr(), request(1, 1), answer_to(request(1, 1))]
)
async def test_before_the_cer_nothing_is_answered(first: bytes) -> None:
    """RFC 6733, 5.6: the first message is a CER, else the connection is closed."""
    handled = Held()
    async with running(handled) as node, Wire(node) as wire:
        wire.send(first, cer())
        assert await wire.rest() == b""
        assert handled.started.empty()


async def test_silence_is_closed(monkeypatch: pytest.MonkeyPatch, lines: list[EventDict]) -> None:
    """No CER in time."""
    monkeypatch.setattr(machine, "CAPABILITIES_SECONDS", 0.02)
    async with running() as node, Wire(node) as wire:
        assert await wire.rest() == b""
        assert node.closed("no CER in time") == 1
        assert [line["reason"] for line in lines] == ["no CER in time"]


async def test_a_message_that_does_not_end_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 KiB announced, half of it sent: neither memory nor place is held, by a peer or a stranger."""
    monkeypatch.setattr(machine, "MESSAGE_SECONDS", 0.02)
    start = b"\1" + MAX_MESSAGE.to_bytes(3, "big") + bytes(MAX_MESSAGE // 2)
    async with running() as node, peer(node) as known, Wire(node) as stranger:
        known.send(start)
        stranger.send(start)
        assert await known.rest() == await stranger.rest() == b""
        assert node.closed("protocol error") == 2


async def test_one_that_is_gone_before_it_is_looked_at_is_no_error(lines: list[EventDict]) -> None:
    """CER and reset in one moment: such a socket may have no address any more."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    async with running() as node:
        with socket.create_connection(("127.0.0.1", node.port)) as gone:
            gone.sendall(cer())
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with peer(node, OTHER) as other:
            assert await other.is_served()
        assert faults == []
        assert {each["log_level"] for each in lines} == {"info"}


async def test_a_peer_that_sends_garbage_is_named(lines: list[EventDict]) -> None:
    """What came before the garbage is answered, the line names the peer, and it may come again."""
    async with running() as node:
        async with peer(node) as wire:
            wire.send(plain_ccr(), bytes(8))
            answer = await wire.rest()
            assert result_code(answer) == 2001 and header_of(answer)
        assert lines[-1] == {
            "event": "connection closed",
            "log_level": "info",
            "peer": PGW,
            "address": "127.0.0.1",
            "reason": "message length 0 cannot be",
        }
        async with peer(node) as wire:
            assert await wire.is_served()


async def test_what_is_in_work_is_answered_before_the_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have been charged: its answer goes out although the peer sent garbage behind it, and then
    nothing is waited for."""
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 3600.0)
    held = Held()
    async with running(held) as node, peer(node) as wire, peer(node, OTHER) as other:
        wire.send(plain_ccr(), bytes(8))
        await held.next()
        await turns(other)
        held.release.set()
        assert result_code(await wire.rest()) == 2001


async def test_what_stays_in_work_does_not_hold_the_closing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A handler that hangs gets its moment, no more."""
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.02)
    held = Held()
    async with running(held) as node, peer(node) as wire:
        wire.send(plain_ccr(), bytes(8))
        await held.next()
        assert await wire.rest() == b""
        held.release.set()


async def test_a_stream_without_boundaries_is_reset() -> None:
    """RFC 6733, 2.1: closed hard, so that nobody sends the rest of it; what was whole is answered."""
    async with running() as node, peer(node) as wire:
        wire.send(plain_ccr(), bytes(8))
        assert result_code(await wire.receive()) == 2001
        with pytest.raises(ConnectionResetError):
            await wire.read()


async def test_other_ends_are_orderly() -> None:
    """A message that is not expected has an end: FIN and no reset."""
    async with running() as node, Wire(node) as wire:
        wire.send(dwr())
        assert await wire.read() == b""
        assert node.closed("protocol error") == 1


# --- requests and answers -----------------------------------------------------------------------------


async def test_a_request_that_cannot_be_read_is_answered_and_service_goes_on() -> None:
    """5005 and 5014, counted; the handler never sees them."""
    handled = Held()
    handled.release.set()
    async with running(handled) as node, peer(node) as wire:
        context = octets(461, PLAIN.service_context_id.encode())
        assert await wire.ask(cut_out(plain_ccr(), context)) == 5005
        broken = with_length(plain_ccr() + bytes.fromhex("000001a0400000ff"))
        assert await wire.ask(broken) == 5014
        assert handled.started.empty()
        for code in ("5005", "5014"):
            name = "ocs_diameter_decode_errors_total"
            assert node.count(name, peer="other", reason=code) == 1
        assert await wire.is_served()


async def test_an_answer_belongs_to_its_request() -> None:
    """Ids, Session-Id, type and number, whatever the order in which answers become ready."""
    release: dict[int, asyncio.Event] = {1: asyncio.Event(), 2: asyncio.Event()}

    async def handler(ccr: CCR, peer: str) -> CCA:
        await release[ccr.request_number].wait()
        release[1].set()
        return CCA(4012 if ccr.request_number == 1 else 2001)

    async with running(handler) as node, peer(node) as wire:
        wire.send(
            plain_ccr(hop_by_hop=11, end_to_end=12, session_id=b"a", request_number=1),
            plain_ccr(hop_by_hop=21, end_to_end=22, session_id=b"b", request_number=2),
        )
        release[2].set()
        second, first = decode_cca(await wire.receive()), decode_cca(await wire.receive())
        assert (second.header.hop_by_hop, second.header.end_to_end) == (21, 22)
        assert (second.session_id, second.request_number) == (b"b", 2)
        assert (first.header.hop_by_hop, first.header.end_to_end) == (11, 12)
        assert (first.session_id, first.request_number, first.result_code) == (b"a", 1, 4012)


async def test_the_handler_hears_the_adjacent_peer() -> None:
    """A relay's requests carry the client's Origin-Host; the connection's identity is the relay's."""
    heard: list[tuple[str, str]] = []

    async def handler(ccr: CCR, peer: str) -> CCA:
        heard.append((ccr.origin_host, peer))
        return CCA(2001)

    async with running(handler) as node, peer(node, "dra.example.net") as wire:
        assert await wire.is_served()
        assert heard == [(PGW, "dra.example.net")]


async def test_answers_of_one_turn_leave_in_one_write() -> None:
    """Requests that came together and were answered at once need one system call."""
    async with running() as node, peer(node) as wire:
        wire.send(*(plain_ccr(hop_by_hop=number) for number in range(20)))
        data = await wire.read()
        length = parse_header(data).length
        assert [parse_header(data, at).hop_by_hop for at in range(0, len(data), length)] == list(
            range(20)
        )


async def test_an_answer_leaves_on_its_connection_or_not_at_all() -> None:
    """The client came back before its answer was ready: the new connection must not carry it."""
    held = Held()
    async with running(held) as node:
        async with peer(node) as first:
            first.send(plain_ccr())
            await held.next()
        await node.reaches(
            "ocs_diameter_disconnects_total", 1, peer="other", cause="connection lost"
        )
        async with peer(node) as second:
            held.release.set()
            await turns(second)
            assert await second.is_served()


@pytest.mark.parametrize("fault", ["raises", "is cancelled inside", "answers what cannot be said"])
async def test_a_fault_of_the_handler_is_answered_5012(fault: str, lines: list[EventDict]) -> None:
    """A client never waits in vain for our mistake; the next request is served as if nothing was."""

    async def handler(ccr: CCR, peer: str) -> CCA:
        if ccr.request_number == 1:
            return CCA(2001)
        if fault == "raises":
            raise KeyError("a mistake with a +77010000001 in it")
        if fault == "is cancelled inside":
            gone: asyncio.Future[CCA] = asyncio.get_running_loop().create_future()
            gone.cancel()
            return await gone
        return CCA(2001, error_message="\ud800")

    async with running(handler) as node, peer(node) as wire:
        wire.send(plain_ccr(request_number=2))
        answer = await wire.receive()
        assert result_code(answer) == 5012
        assert header_of(answer).flags & FLAG_E == 0
        assert text_of(answer) == "internal error"  # and nothing of the mistake
        assert await wire.ask(plain_ccr(request_number=1)) == 2001
        faults = [each for each in lines if each["event"] == "a request failed"]
        assert [each["log_level"] for each in faults] == ["error"]


async def test_a_task_that_is_ended_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends the task itself gets no answer out of it, and no place is lost."""
    monkeypatch.setattr(connection, "IN_WORK_AT_MOST", 1)
    tasks: asyncio.Queue[asyncio.Task[object]] = asyncio.Queue()

    async def handler(ccr: CCR, peer: str) -> CCA:
        if ccr.request_number == 1:
            return CCA(2001)
        task = asyncio.current_task()
        assert task is not None
        tasks.put_nowait(task)
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # never done

    async with running(handler) as node, peer(node) as wire:
        wire.send(plain_ccr(request_number=2))
        (await asyncio.wait_for(tasks.get(), PATIENCE_SECONDS)).cancel()
        wire.send(plain_ccr(request_number=1))
        assert decode_cca(await wire.receive()).request_number == 1


@pytest.mark.parametrize(
    ("kind", "letter", "context", "application"),
    [
        (1, "I", "32251@3gpp.org", "gy"),
        (2, "U", "32260@3gpp.org", "ro"),
        (3, "T", "8.32251@3gpp.org", "gy"),
        (4, "E", "32274@3gpp.org", "ro"),
    ],
)
async def test_answered_requests_are_counted(
    kind: int, letter: str, context: str, application: str
) -> None:
    """By application, type, Result-Code and configured peer; messages in and out."""
    peers = Peers[Connection]([PeerConfig("Pgw1.example.net", (), PGW_REALM)])
    async with running(peers=peers) as node, peer(node) as wire:
        asked = {"request_type": kind, "service_context_id": context, "requested_action": 0}
        assert await wire.ask(plain_ccr(**asked)) == 2001
        name = "Pgw1.example.net"
        assert (
            node.count(
                "ocs_ccr_requests_total",
                application=application,
                request_type=letter,
                result_code="2001",
                peer=name,
            )
            == 1
        )
        for direction, command in (("in", "CCR"), ("out", "CCA")):
            labels = {"direction": direction, "command": command, "peer": name}
            assert node.count("ocs_diameter_messages_total", **labels) == 1


# --- too much -----------------------------------------------------------------------------------------


async def test_reading_pauses_at_the_bound_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond waits in the peer's own socket, and comes when there is room."""
    monkeypatch.setattr(connection, "IN_WORK_AT_MOST", 2)
    held = Held()
    async with running(held) as node, peer(node) as greedy, peer(node, OTHER) as other:
        greedy.send(plain_ccr(request_number=1), plain_ccr(request_number=2))
        assert [(await held.next()).request_number for _ in "12"] == [1, 2]
        greedy.send(plain_ccr(request_number=3))
        await turns(other)
        assert held.started.empty()
        held.release.set()
        assert (await held.next()).request_number == 3
        numbers = [decode_cca(await greedy.receive()).request_number for _ in "123"]
        assert numbers == [1, 2, 3]


def many(count: int) -> list[bytes]:
    return [plain_ccr(hop_by_hop=number) for number in range(count)]


async def verbose(ccr: CCR, peer: str) -> CCA:
    """Answers that fill buffers."""
    return CCA(2001, error_message="x" * 50_000 if ccr.request_number == 7 else None)


async def test_a_slow_reader_is_paused_and_closed(
    monkeypatch: pytest.MonkeyPatch, lines: list[EventDict]
) -> None:
    """It reads nothing: it is not read from, given up in time, and others are served meanwhile."""
    monkeypatch.setattr(connection, "WRITE_BUFFER_BYTES", 10_000)
    settings = replace(SETTINGS, slow_reader_seconds=0.05)
    async with running(verbose, settings=settings) as node:
        async with Wire(node, receive_buffer=4096) as slow, peer(node, OTHER) as other:
            assert result_code(await slow.hello()) == 2001
            slow.send(*many(200))
            assert await other.ask(plain_ccr(request_number=1)) == 2001
            labels = {"peer": "other", "cause": "slow reader"}
            await node.reaches("ocs_diameter_disconnects_total", 1, **labels)
            assert await other.ask(plain_ccr(request_number=1)) == 2001
            assert len(await slow.rest()) < 200 * 50_000  # the rest is lost, and this is the end
        closed = [each for each in lines if each["event"] == "connection closed"]
        assert (closed[0]["peer"], closed[0]["reason"]) == (PGW, "slow reader")


async def test_a_reader_that_catches_up_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """While its answers are unread its further requests wait; then all of them are answered."""
    monkeypatch.setattr(connection, "WRITE_BUFFER_BYTES", 10_000)
    in_work: list[int] = []

    async def handler(ccr: CCR, peer: str) -> CCA:
        if ccr.request_number == 8:
            in_work.append(ccr.hop_by_hop)
        return await verbose(ccr, peer)

    async with running(handler) as node, peer(node, OTHER) as other:
        async with Wire(node, receive_buffer=4096) as slow:
            assert result_code(await slow.hello()) == 2001
            slow.send(*many(200))
            await node.reaches(
                "ocs_diameter_messages_total", 200, direction="out", command="CCA", peer="other"
            )
            await turns(other)
            slow.send(plain_ccr(request_number=8, hop_by_hop=200))
            await turns(other)
            assert in_work == []
            found = [header_of(await slow.receive()).hop_by_hop for _ in range(201)]
            assert found == list(range(201))
        assert node.closed("slow reader") == 0


# --- base messages ------------------------------------------------------------------------------------


async def test_a_further_cer_on_an_open_connection_changes_nothing() -> None:
    """It is answered, and service goes on (RFC 6733, 5.6)."""
    async with running() as node, peer(node) as wire:
        assert result_code(await wire.hello()) == 2001
        assert await wire.is_served()


async def test_dpr_is_answered_and_the_peer_closes(lines: list[EventDict]) -> None:
    """DPA 2001; the side that receives it closes (RFC 6733, 5.4); no request goes there any more."""
    async with running() as node, peer(node) as wire:
        wire.send(dpr())
        answer = await wire.receive()
        assert (header_of(answer).command, result_code(answer)) == (DPR, 2001)
        assert await node.node.request(PGW, PGW_REALM, PGW, request, 60) is None
        wire.send(dwr())
        assert header_of(await wire.receive()).command == DWR  # it is still there
        await wire.__aexit__(None, None, None)
        await node.reaches("ocs_diameter_disconnects_total", 1, peer="other", cause="the peer left")
        assert (lines[-1]["event"], lines[-1]["reason"]) == ("connection closed", "the peer left")


async def test_a_goodbye_waits_for_the_answers_that_are_owed() -> None:
    """RFC 6733, 5.4: who gets the DPA closes, and an answer behind it would be lost."""
    held = Held()
    async with running(held) as node, peer(node) as wire, peer(node, OTHER) as other:
        wire.send(plain_ccr(request_number=1), plain_ccr(request_number=2), dpr(), dwr())
        assert [(await held.next()).request_number for _ in "12"] == [1, 2]
        assert header_of(await wire.receive()).command == DWR
        await turns(other)
        held.release.set()
        commands = [header_of(await wire.receive()).command for _ in "123"]
        assert commands == [CCR_COMMAND, CCR_COMMAND, DPR]


async def test_a_goodbye_is_answered_although_a_request_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After 5 s."""
    monkeypatch.setattr(machine, "DISCONNECT_SECONDS", 0.02)
    held = Held()
    async with running(held) as node, peer(node) as wire:
        wire.send(plain_ccr(), dpr())
        answer = await wire.receive()
        assert (header_of(answer).command, result_code(answer)) == (DPR, 2001)
        held.release.set()


async def test_every_message_is_counted() -> None:
    """By command and configured peer; the CER comes before its sender is known."""
    peers = Peers[Connection]([PeerConfig(PGW, (), PGW_REALM)])
    async with running(peers=peers) as node, peer(node) as wire:
        wire.send(dwr())
        await wire.receive()
        asked = ask(node)
        wire.send(answer_to(await wire.receive()))
        await asked
        assert await wire.ask(plain_ccr(service_context_id="")) == 2001
        assert await wire.ask(cut_out(plain_ccr(), octets(263, PLAIN.session_id))) == 5005
        wire.send(dpr())
        await wire.receive()
        found = {
            (direction, command): node.count(
                "ocs_diameter_messages_total", direction=direction, command=command, peer=PGW
            )
            for direction, commands in (
                ("in", ("DWR", "CCR", "RAA", "DPR")),
                ("out", ("CEA", "DWA", "CCA", "RAR", "DPA")),
            )
            for command in commands
        }
        assert found.pop(("in", "CCR")) == found.pop(("out", "CCA")) == 2
        assert set(found.values()) == {1}
        labels = {"direction": "in", "command": "CER", "peer": "other"}
        assert node.count("ocs_diameter_messages_total", **labels) == 1


async def test_an_idle_peer_is_asked_and_closed_when_it_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 3539, 3.4.1: a DWR after Tw; answered, another follows; unanswered, the connection is closed."""
    monkeypatch.setattr(random, "uniform", lambda low, high: 0.0)  # the jitter of 2 s
    settings = replace(SETTINGS, watchdog_seconds=0.02)
    async with running(settings=settings) as node, peer(node) as wire:
        for _ in range(2):
            asked = await wire.receive()
            assert header_of(asked).command == DWR
            wire.send(dwa(asked))
        assert parse_header(await wire.rest()).command == DWR
        assert node.closed("the watchdog was not answered") == 1
        assert node.count("ocs_diameter_watchdog_failures_total", peer="other") == 1


async def test_a_lost_connection_is_counted_and_logged(lines: list[EventDict]) -> None:
    """A peer that crashes says nothing: the line and the counter still tell."""
    async with running(peers=Peers([PeerConfig(PGW, (), PGW_REALM)])) as node:
        async with peer(node):
            assert node.count("ocs_diameter_peer_state", peer=PGW, state="open") == 1
        await node.reaches("ocs_diameter_disconnects_total", 1, peer=PGW, cause="connection lost")
        await node.reaches("ocs_diameter_peer_state", 1, peer=PGW, state="closed")
        assert node.count("ocs_diameter_peer_state", peer=PGW, state="open") == 0
        assert (lines[-1]["peer"], lines[-1]["reason"]) == (PGW, "connection lost")


# --- our own requests ---------------------------------------------------------------------------------


def ask(node: Running, host: str = PGW, seconds: float = 60) -> asyncio.Task[bytes | None]:
    """A request of ours to a client, under way."""
    return asyncio.create_task(node.node.request(host, PGW_REALM, host, request, seconds))


async def test_without_a_path_there_is_no_answer() -> None:
    """Told at once, not after the time-out."""
    async with running() as node:
        assert await ask(node) is None


async def test_answers_find_their_requests_by_hop_by_hop() -> None:
    """Two are under way, answered the other way round."""
    async with running() as node, peer(node) as wire:
        first, second = ask(node), ask(node)
        one, two = await wire.receive(), await wire.receive()
        assert parse_header(one).hop_by_hop != parse_header(two).hop_by_hop
        wire.send(answer_to(two, "second"), answer_to(one, "first"))
        assert await first == answer_to(one, "first")
        assert await second == answer_to(two, "second")


async def test_an_answer_that_comes_too_late_is_counted() -> None:
    """The time is over: None; what comes then is nobody's, and the connection lives."""
    async with running() as node, peer(node) as wire:
        asked = ask(node, seconds=0.01)
        message = await wire.receive()
        assert await asked is None
        wire.send(answer_to(message))
        assert await wire.is_served()
        name = "ocs_diameter_decode_errors_total"
        assert node.count(name, peer="other", reason="unexpected answer") == 1


async def test_answers_nobody_asked_for_are_counted() -> None:
    """Unknown ids, a CCA, an answer twice: dropped, counted, and the connection lives."""
    async with running() as node, peer(node) as wire:
        wire.send(answer_to(request(1, 1)), answer_to(plain_ccr()))
        asked = ask(node)
        message = await wire.receive()
        wire.send(answer_to(message, "first"), answer_to(message, "second"))
        assert await asked == answer_to(message, "first")
        assert await wire.is_served()
        name = "ocs_diameter_decode_errors_total"
        assert node.count(name, peer="other", reason="unexpected answer") == 3


async def test_an_answer_counts_on_its_own_connection_only() -> None:
    """Another peer cannot answer for the client, even if it guesses the Hop-by-Hop Id."""
    async with running() as node, peer(node) as wire, peer(node, OTHER) as liar:
        asked = ask(node)
        message = await wire.receive()
        liar.send(answer_to(message, "lie"))
        await turns(liar)
        assert not asked.done()
        wire.send(answer_to(message, "truth"))
        assert await asked == answer_to(message, "truth")


async def test_a_connection_that_goes_ends_the_wait() -> None:
    """None at once: the caller may try another way."""
    async with running() as node:
        async with peer(node) as wire:
            asked = ask(node)
            await wire.receive()
        assert await asyncio.wait_for(asked, PATIENCE_SECONDS) is None


async def test_a_caller_that_is_cancelled_is_cancelled() -> None:
    """Its end is not taken for a lost connection."""
    async with running() as node, peer(node) as wire:
        asked = ask(node)
        await wire.receive()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_requests_cross_on_one_connection() -> None:
    """Ours waits while the peer's is served: both directions have their own ids."""
    async with running() as node, peer(node) as wire:
        asked = ask(node)
        message = await wire.receive()
        hop_by_hop = parse_header(message).hop_by_hop
        wire.send(plain_ccr(hop_by_hop=hop_by_hop))
        answer = await wire.receive()
        assert (header_of(answer).command, header_of(answer).hop_by_hop) == (
            CCR_COMMAND,
            hop_by_hop,
        )
        assert not asked.done()
        wire.send(answer_to(message))
        assert await asked == answer_to(message)


async def test_the_nodes_farewell_is_not_taken_for_an_answer() -> None:
    """stop() while a request of ours is under way: the DPA ends the connection, the wait ends with it."""
    async with running() as node, peer(node) as wire:
        asked = ask(node)
        await wire.receive()
        stopping = asyncio.create_task(node.node.stop())
        wire.send(dpa(await wire.receive()))
        await stopping
        assert await asked is None
