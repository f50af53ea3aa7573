"""The node: who gets a place, who is replaced, what is not for us, and how it ends."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.typing import EventDict

from ocs.config import load
from ocs.diameter import peer as machine
from ocs.diameter.avp import octets, text, u32
from ocs.diameter.client_messages import decode_cca
from ocs.diameter.credit_control import CCA, CCR
from ocs.diameter.framing import CER, DPR, DWR, FLAG_E, parse_header
from ocs.node import connection, server
from ocs.node.connection import Connection
from ocs.node.peers import PeerConfig, Peers
from ocs.node_settings import peers_of
from tests.node.harness import (
    HOST,
    PATIENCE_SECONDS,
    PGW,
    PGW_REALM,
    REALM,
    SETTINGS,
    Held,
    Wire,
    answer_to,
    cer,
    dpa,
    dpr,
    dwa,
    dwr,
    header_of,
    number_of,
    peer,
    request,
    result_code,
    running,
)
from tests.support.messages import PLAIN, cut_out, plain_ccr, with_length

OTHER = "pgw2.example.net"


def listed(*entries: PeerConfig) -> Peers[Connection]:
    """These peers and nobody else."""
    return Peers(entries)


# --- who is let in ------------------------------------------------------------------------------------


async def test_an_unknown_peer_is_told_so_and_what_would_admit_it(
    tmp_path: Path, lines: list[EventDict]
) -> None:
    """CEA 3010, closed, one line; a node with the lines of that line lets the same peer in."""
    async with running(peers=listed()) as node, Wire(node) as wire:
        answer = await wire.hello()
        assert header_of(answer).command == CER and header_of(answer).flags & FLAG_E
        assert result_code(answer) == 3010
        assert await wire.rest() == b""
        assert node.closed("unknown peer") == 1
        assert [line["event"] for line in lines] == ["unknown peer refused"]
    path = tmp_path / "ocs.toml"
    path.write_text(lines[0]["to_admit"])
    async with running(peers=peers_of(load(path, {}))) as node, peer(node) as wire:
        assert await wire.is_served()


async def test_refusals_of_one_address_are_one_line(lines: list[EventDict]) -> None:
    """It may try as often as it likes, under any name."""
    async with running(peers=listed()) as node:
        for number in range(4):
            async with Wire(node) as wire:
                assert result_code(await wire.hello(f"pgw{number}.example.net")) == 3010
        async with Wire(node, "127.0.0.2") as wire:
            assert result_code(await wire.hello()) == 3010
    assert [line["address"] for line in lines] == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize(
    ("host", "realm", "source", "expected"),
    [
        (PGW, "example.org", "127.0.1.1", 3010),  # its address, another realm
        (PGW, PGW_REALM, "127.0.0.1", 3010),  # its names, another address
        (OTHER, PGW_REALM, "127.0.1.1", 3010),
        (HOST, REALM, "127.0.1.1", 3010),  # our own identity, although it is listed
        (PGW.upper(), PGW_REALM.upper(), "127.0.1.255", 2001),
    ],
)
async def test_admission_is_by_identity_realm_and_address(
    host: str, realm: str, source: str, expected: int
) -> None:
    """What the socket says and what the CER says must both be those of the entry."""
    peers = listed(
        PeerConfig(PGW, ("127.0.1.0/24",), PGW_REALM), PeerConfig(HOST, ("127.0.1.0/24",), REALM)
    )
    async with running(peers=peers) as node, Wire(node, source) as wire:
        assert result_code(await wire.hello(host, realm)) == expected
        if expected == 2001:
            assert await wire.is_served()
        else:
            assert await wire.rest() == b""


async def test_loopback_admits_the_unknown() -> None:
    """allow_unknown_peers = "loopback"; they have no state of their own in the metrics, since one series
    for several of them would be the last one's."""
    async with running(peers=Peers([], "loopback")) as node, peer(node) as wire:
        assert await wire.is_served()
        for state in ("open", "closed"):
            assert not node.knows("ocs_diameter_peer_state", peer="other", state=state)


async def test_no_common_application_is_5010() -> None:
    """The machine says so by itself; the connection is closed and nobody is asked."""
    async with running(peers=listed()) as node, Wire(node) as wire:
        gx = cer().replace(u32(258, 4), u32(258, 16777238))
        assert gx.count(u32(258, 16777238)) == 2
        wire.send(gx)
        assert result_code(await wire.receive()) == 5010
        assert await wire.rest() == b""
        assert node.closed("no common application") == 1


# --- places -------------------------------------------------------------------------------------------


async def test_silent_connections_do_not_lock_a_peer_out() -> None:
    """250 of them from three addresses, more than there are places: a peer gets in from any address,
    and those that are in stay."""
    peers = listed(PeerConfig(PGW, (), PGW_REALM), PeerConfig(OTHER, (), PGW_REALM))
    async with running(peers=peers) as node, peer(node) as early, AsyncExitStack() as stack:
        silent: list[Wire] = []
        for number in range(250):
            wire = Wire(node, f"127.0.0.{number % 3 + 2}")
            silent.append(await stack.enter_async_context(wire))
        async with peer(node, OTHER, source="127.0.0.2") as late:
            assert await late.ask(plain_ccr(origin_host=OTHER)) == 2001
            assert await early.is_served()
        assert await silent[0].rest() == b""


async def test_the_oldest_of_an_address_gives_way_first(
    monkeypatch: pytest.MonkeyPatch, lines: list[EventDict]
) -> None:
    """An address beyond its share loses its own oldest, not somebody else's; one line tells."""
    monkeypatch.setattr(server, "STRANGERS_PER_ADDRESS", 2)
    async with running() as node, Wire(node, "127.0.0.9") as elsewhere:
        async with Wire(node) as first, Wire(node) as second, Wire(node) as third:
            assert await first.rest() == b""
            assert node.closed("no place") == 1
            for wire in (elsewhere, second, third):
                assert result_code(await wire.hello(f"pgw{wire.source_port}.example.net")) == 2001
        assert [line["reason"] for line in lines if "stranger" in line["event"]] == ["no place"]


async def test_the_oldest_of_all_gives_way_when_no_place_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever came last has had the least time to send its CER. Admitted peers take no such place."""
    monkeypatch.setattr(server, "STRANGERS_AT_MOST", 2)
    async with running() as node, peer(node) as known:
        async with (
            Wire(node, "127.0.0.2") as first,
            Wire(node, "127.0.0.3") as second,
            Wire(node, "127.0.0.4") as third,
        ):
            assert await first.rest() == b""
            assert result_code(await second.hello("pgw3.example.net")) == 2001
            assert result_code(await third.hello("pgw4.example.net")) == 2001
        assert await known.is_served()


async def test_those_that_come_at_once_are_counted_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three in one turn of the loop for one place: the last one has it."""
    monkeypatch.setattr(server, "STRANGERS_AT_MOST", 1)
    async with running() as node:
        address = ("127.0.0.1", node.port)
        sockets = [socket.create_connection(address) for _ in range(3)]
        labels = {"peer": "other", "cause": "no place"}
        await node.reaches("ocs_diameter_disconnects_total", 2, **labels)
        reader, writer = await asyncio.open_connection(sock=sockets.pop())
        writer.write(cer())
        assert result_code(await asyncio.wait_for(reader.read(4096), PATIENCE_SECONDS)) == 2001
        for each in sockets:
            each.close()
        writer.close()
        await writer.wait_closed()


async def test_a_place_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stranger that goes and by one that became a peer: neither is counted any more."""
    monkeypatch.setattr(server, "STRANGERS_AT_MOST", 1)
    async with running() as node:
        async with Wire(node):
            pass
        await node.reaches(
            "ocs_diameter_disconnects_total", 1, peer="other", cause="connection lost"
        )
        async with peer(node) as one, peer(node, OTHER) as two, Wire(node) as stranger:
            assert await one.is_served() and await two.is_served()
            assert result_code(await stranger.hello("pgw3.example.net")) == 2001
        assert node.closed("no place") == 0


async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a connection is closed at once, and those that are there are served."""
    monkeypatch.setattr(server, "CONNECTIONS_AT_MOST", 1)
    async with running() as node, peer(node) as known, Wire(node) as more:
        assert await more.rest() == b""
        assert await known.is_served()
        assert node.closed("no place") == 1


# --- the same identity again --------------------------------------------------------------------------


async def test_the_newest_wins_when_the_old_connection_answers(lines: list[EventDict]) -> None:
    """The old one is asked (DWR); with its DWA it is closed and the newest is in, without a wait."""
    peers = listed(PeerConfig(PGW, (), PGW_REALM))
    async with running(peers=peers) as node, peer(node) as old, Wire(node) as new:
        new.send(cer(PGW.upper()))
        asked = await old.receive()
        assert header_of(asked).command == DWR
        assert await old.is_served()  # until it has answered
        old.send(dwa(asked))
        assert await old.rest() == b""
        assert result_code(await new.receive()) == 2001
        assert await new.is_served()
        assert node.closed("replaced by a newer connection", PGW) == 1
        assert node.count("ocs_diameter_peer_state", peer=PGW, state="open") == 1
        assert [line["event"] for line in lines] == [
            "peer connected", "connection closed", "peer connected",
        ]  # fmt: skip


async def test_the_newest_wins_when_the_old_connection_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that restarted without a word waits for the probe, not for the watchdog."""
    assert machine.PROBE_SECONDS == 2.0
    monkeypatch.setattr(machine, "PROBE_SECONDS", 0.02)
    async with running() as node, peer(node) as old, Wire(node) as new:
        assert result_code(await new.hello()) == 2001
        assert parse_header(await old.rest()).command == DWR
        assert await new.is_served()


async def test_the_newest_wins_when_the_old_connection_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Answers that nobody reads do not keep the old connection alive beyond its probe."""
    monkeypatch.setattr(machine, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.02)

    async def verbose(ccr: CCR, peer: str) -> CCA:
        return CCA(2001, error_message="x" * 50_000 if ccr.request_number == 7 else None)

    async with running(verbose) as node, Wire(node, receive_buffer=4096) as old:
        assert result_code(await old.hello()) == 2001
        old.send(*(plain_ccr() for _ in range(18)))  # below the bound of a slow reader
        labels = {"direction": "out", "command": "CCA", "peer": "other"}
        await node.reaches("ocs_diameter_messages_total", 18, **labels)
        async with Wire(node) as new:
            assert result_code(await new.hello()) == 2001
            assert await new.ask(plain_ccr(request_number=1)) == 2001


async def test_of_several_that_wait_the_newest_wins(lines: list[EventDict]) -> None:
    """The one in between is refused at once; the old one is asked once only."""
    async with running() as node, peer(node) as old, Wire(node) as middle, Wire(node) as new:
        middle.send(cer())
        asked = await old.receive()
        new.send(cer())
        assert result_code(await middle.receive()) == 5012
        assert await middle.rest() == b""
        old.send(dwa(asked))
        assert result_code(await new.receive()) == 2001
        assert await old.rest() == b""
        assert await new.is_served()
        connected = [line for line in lines if line["event"] == "peer connected"]
        assert len(connected) == 2


async def test_an_old_connection_that_goes_makes_room() -> None:
    """Its end is as good as an answer."""
    async with running() as node, Wire(node) as new:
        async with peer(node) as old:
            new.send(cer())
            assert header_of(await old.receive()).command == DWR
        assert result_code(await new.receive()) == 2001
        assert await new.is_served()


async def test_one_that_waits_and_goes_is_forgotten(lines: list[EventDict]) -> None:
    """It is never admitted, and the next of its identity is not refused for its sake."""
    async with running() as node, peer(node) as old:
        async with Wire(node) as gone:
            gone.send(cer())
            asked = await old.receive()
        await node.reaches(
            "ocs_diameter_disconnects_total", 1, peer="other", cause="connection lost"
        )
        old.send(dwa(asked))
        assert await old.rest() == b""
        assert len([line for line in lines if line["event"] == "peer connected"]) == 1
        async with peer(node) as new:
            assert await new.is_served()
            assert not any("replaced before" in line["event"] for line in lines)


async def test_one_that_said_goodbye_is_not_asked() -> None:
    """After its DPR a client may be back before its old connection is closed: it is let in at once."""
    async with running() as node, peer(node) as old:
        old.send(dpr())
        assert header_of(await old.receive()).command == DPR
        async with peer(node) as new:
            assert await new.is_served()


# --- is it for us -------------------------------------------------------------------------------------

UNKNOWN = octets(999_999, b"")  # with the M bit: 5001
NO_CONTEXT = octets(461, PLAIN.service_context_id.encode())
BAD_LENGTH = bytes.fromhex("000001a0400000ff")  # CC-Request-Type of 255 octets: 5014
BAD_BITS = bytes.fromhex("0000010840000008") + bytes.fromhex("000001088000000c00000000")  # 3009


def route(*hosts: str) -> bytes:
    """Route-Records."""
    return b"".join(text(282, each) for each in hosts)


DESTINATIONS = [
    # more AVPs, host, realm, expected
    (route("dra.example", HOST), None, REALM, 3005),
    (route(HOST.upper()), None, REALM, 3005),
    (route(HOST), "ocs2.example.net", "example.org", 3005),  # the loop is found first
    (b"", "ocs2.ocs.example.net", REALM, 3002),
    (b"", "x" + HOST, REALM, 3002),
    (b"", None, "example.org", 3003),
    (b"", None, "x." + REALM, 3003),
    (route("dra.example"), None, REALM, 2001),
    (b"", None, REALM.upper(), 2001),
    (b"", None, "Second.Example", 2001),
    (b"", HOST.upper(), REALM, 2001),
    (b"", HOST, "example.org", 2001),  # our host: served whatever the realm
]


@pytest.mark.parametrize(("more", "host", "realm", "expected"), DESTINATIONS)
async def test_what_is_for_somebody_else_is_not_served(
    more: bytes, host: str | None, realm: str, expected: int
) -> None:
    """RFC 6733, 6.1.4 to 6.1.6: 3005, 3002, 3003 with the E bit; names in any case; else it is served."""
    settings = replace(SETTINGS, served_realms=frozenset({"second.example"}))
    handled = Held()
    handled.release.set()
    async with running(handled, settings=settings) as node, peer(node) as wire:
        wire.send(plain_ccr(more, destination_host=host, destination_realm=realm))
        answer = await wire.receive()
        assert result_code(answer) == expected
        assert bool(header_of(answer).flags & FLAG_E) == (expected != 2001)
        assert decode_cca(answer).session_id == PLAIN.session_id
        assert handled.started.empty() == (expected != 2001)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # Lengths and flags come before the destination.
        (plain_ccr(BAD_LENGTH, destination_host=OTHER), 5014),
        (plain_ccr(BAD_BITS, destination_host=OTHER), 3009),
        (plain_ccr(octets(456, BAD_LENGTH), destination_host=OTHER), 5014),
        # The destination comes before unknown, missing and repeated AVPs.
        (plain_ccr(route(HOST) + UNKNOWN), 3005),
        (plain_ccr(UNKNOWN, destination_host=OTHER), 3002),
        (plain_ccr(UNKNOWN, destination_realm="example.org"), 3003),
        (cut_out(plain_ccr(destination_host=OTHER), NO_CONTEXT), 3002),
        (cut_out(plain_ccr(destination_realm="example.org"), NO_CONTEXT), 3003),
        (plain_ccr(u32(415, 1), destination_host=OTHER), 3002),
        (plain_ccr(request_type=9, destination_host=OTHER), 3002),
        # A host without a realm cannot be reached (RFC 6733, 6.1.6); with neither it is ours.
        (cut_out(plain_ccr(destination_host=HOST), text(283, REALM)), 3002),
        (cut_out(plain_ccr(), text(283, REALM)), 5005),
        # For us, the AVPs are looked at.
        (plain_ccr(UNKNOWN, destination_host=HOST), 5001),
        (plain_ccr(UNKNOWN), 5001),
        (cut_out(plain_ccr(), NO_CONTEXT), 5005),
        # The code of a Destination-Host with a vendor is something else.
        (plain_ccr(octets(293, b"x", flags=0, vendor=10415) + UNKNOWN), 5001),
        # What is no text is no name of ours.
        (plain_ccr(octets(293, b"\xff\xfe") + UNKNOWN), 3002),
    ],
)
async def test_the_first_error_is_the_one_reported(message: bytes, expected: int) -> None:
    """A request for somebody else says nothing about which AVPs we know."""
    async with running() as node, peer(node) as wire:
        assert await wire.ask(with_length(message)) == expected
        assert await wire.is_served()


# --- our own requests ---------------------------------------------------------------------------------


def test_destination_reads_what_is_there() -> None:
    """All Route-Records in order; the first Destination-Host and -Realm."""
    message = plain_ccr(route("a", "b") + text(293, "second"), destination_host="first")
    assert server.destination(message) == (["a", "b"], "first", REALM)
    assert server.destination(plain_ccr()[:20]) == ([], None, None)


# --- whose requests -----------------------------------------------------------------------------------

DRA, DRA_REALM = "dra1.core.example", "core.example"
RELAY = PeerConfig(DRA, (), DRA_REALM, "relay", (PGW_REALM, "Roaming.example"))


@pytest.mark.parametrize(
    ("entry", "origin", "failed"),
    [
        (PeerConfig(PGW, (), PGW_REALM), (OTHER, PGW_REALM), text(264, OTHER)),
        (PeerConfig(PGW, (), PGW_REALM), ("smf.x.example", "x.example"), text(264, "smf.x.example")),
        (replace(RELAY, identity=PGW, realm=PGW_REALM, realms=()), ("a", "b.c"), text(296, "b.c")),
        (replace(RELAY, identity=PGW, realm=PGW_REALM, realms=("b",)), (PGW, PGW_REALM),
         text(296, PGW_REALM)),
    ],
)  # fmt: skip
async def test_a_request_of_somebody_else_is_refused(
    entry: PeerConfig, origin: tuple[str, str], failed: bytes, lines: list[EventDict]
) -> None:
    """5004 with the AVP that is not the peer's to say, counted and logged; nobody charges it, and its
    Origin-State-Id is nobody's. The peer's own requests go on."""
    handled, states = Held(), list[tuple[str, int]]()
    handled.release.set()
    host, realm = origin
    own = (PGW, "b" if entry.realms else PGW_REALM)
    with_states = running(handled, listed(entry), state_seen=lambda *each: states.append(each))
    async with with_states as node, peer(node) as wire:
        wire.send(plain_ccr(origin_host=host, origin_realm=realm, origin_state_id=9))
        answer = await wire.receive()
        assert result_code(answer) == 5004
        assert octets(279, failed) in answer
        assert header_of(answer).flags & FLAG_E == 0
        assert handled.started.empty()
        assert states == []
        assert await wire.ask(plain_ccr(origin_host=own[0], origin_realm=own[1])) == 2001
        name = "ocs_diameter_decode_errors_total"
        assert node.count(name, peer=PGW, reason="5004") == 1
        refused = [each for each in lines if each["event"].startswith("request refused")]
        assert [(each["peer"], each["origin_host"]) for each in refused] == [(PGW, host)]


async def test_a_destination_elsewhere_is_told_before_the_origin_is_looked_at() -> None:
    """A request that is not for us is not ours to judge."""
    async with running(peers=listed(PeerConfig(PGW, (), PGW_REALM))) as node, peer(node) as wire:
        asked = plain_ccr(origin_host=OTHER, destination_realm="elsewhere.example")
        assert await wire.ask(asked) == 3003


async def test_a_relay_brings_the_requests_of_its_realms() -> None:
    """Several clients of several realms behind one connection, each answered on it; Session-Id and
    Proxy-Info come back as they came (RFC 6733, 6.2), a Route-Record does not."""
    proxy = octets(284, text(280, DRA) + octets(33, b"42"))
    heard: list[tuple[str, str]] = []

    async def handler(ccr: CCR, adjacent: str) -> CCA:
        heard.append((ccr.origin_host, adjacent))
        return CCA(2001)

    clients = [(PGW, PGW_REALM), (OTHER, "EXAMPLE.net"), ("smf.roaming.example", "roaming.example")]
    async with running(handler, listed(RELAY)) as node, peer(node, DRA, DRA_REALM) as wire:
        for number, (host, realm) in enumerate(clients):
            session_id = f"{host};{number}".encode()
            wire.send(
                plain_ccr(
                    route(host) + proxy,
                    session_id=session_id, hop_by_hop=number, origin_host=host, origin_realm=realm,
                )
            )  # fmt: skip
            message = await wire.receive()
            answer = decode_cca(message)
            assert (answer.result_code, answer.session_id) == (2001, session_id)
            assert answer.header.hop_by_hop == number
            assert proxy in message
            assert route(host) not in message
    assert heard == [(host, DRA) for host, _ in clients]


# --- Origin-State-Id ----------------------------------------------------------------------------------


async def test_the_state_of_a_client_is_heard_wherever_it_says_it() -> None:
    """RFC 6733, 8.16: in CER, DWR and CCR; 0 and nothing say nothing."""
    states: list[tuple[str, int]] = []
    async with running(state_seen=lambda *each: states.append(each)) as node, Wire(node) as wire:
        wire.send(cer(state=5))
        await wire.receive()
        wire.send(dwr(state=6))
        await wire.receive()
        assert await wire.ask(plain_ccr(origin_state_id=7)) == 2001
        assert states == [(PGW, 5), (PGW, 6), (PGW, 7)]
        wire.send(dwr())
        await wire.receive()
        assert await wire.ask(plain_ccr(origin_state_id=0)) == 2001
        assert await wire.ask(plain_ccr()) == 2001
    assert len(states) == 3


async def test_the_state_of_a_relay_is_its_own() -> None:
    """What a relay says of itself is nothing to the clients behind it; a CCR speaks for its origin."""
    states: list[tuple[str, int]] = []
    with_states = running(peers=listed(RELAY), state_seen=lambda *each: states.append(each))
    async with with_states as node, Wire(node) as wire:
        wire.send(cer(DRA, DRA_REALM, state=99))
        await wire.receive()
        assert await wire.ask(plain_ccr(origin_state_id=3)) == 2001
        assert await wire.ask(plain_ccr(origin_host=OTHER, origin_state_id=4)) == 2001
    assert states == [(DRA, 99), (PGW, 3), (OTHER, 4)]


async def test_the_state_of_a_refused_peer_is_not_heard() -> None:
    """Whoever is not admitted says nothing about anybody's sessions."""
    states: list[tuple[str, int]] = []
    with_states = running(peers=listed(RELAY), state_seen=lambda *each: states.append(each))
    async with with_states as node, Wire(node) as wire:
        wire.send(cer(state=99))
        assert result_code(await wire.receive()) == 3010
    assert states == []


# --- requests of our own ------------------------------------------------------------------------------


async def test_a_session_is_reached_where_its_last_request_came_from() -> None:
    """Two clients behind one relay, one of them also behind another: each request goes by the relay that
    the session came by last, and by the other one when that is gone."""
    peers = listed(RELAY, replace(RELAY, identity="dra2.core.example"))
    async with running(peers=peers) as node, AsyncExitStack() as stack:
        one = await stack.enter_async_context(peer(node, DRA, DRA_REALM))

        async def reaches(wire: Wire, host: str, last: str) -> bool:
            asked = asyncio.create_task(node.node.request(host, PGW_REALM, last, request, 60))
            message = await wire.receive()
            wire.send(answer_to(message, host))
            return await asked == answer_to(message, host)

        async with peer(node, "dra2.core.example", DRA_REALM) as two:
            assert await reaches(one, PGW, DRA)
            assert await reaches(one, OTHER, DRA)
            assert await reaches(two, PGW, "dra2.core.example")
            assert await reaches(one, OTHER, DRA)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while peers.current("dra2.core.example") is not None:  # noqa: ASYNC110  # sets no event
                await asyncio.sleep(0)
        assert await reaches(one, PGW, "dra2.core.example")
        elsewhere = ("pgw1.third.example", "third.example", "gone.example")
        assert await node.node.request(*elsewhere, request, 60) is None


async def test_ids_are_unique_and_apart_from_those_of_base_messages() -> None:
    """Hop-by-Hop Ids from 2^31 on, also after the counter's end; End-to-End Ids go round (RFC 6733, 3)."""
    async with running() as node:
        ids = [node.node.next_ids() for _ in range(1000)]
        assert len({hop for hop, _ in ids}) == len({end for _, end in ids}) == 1000
        assert all(2**31 <= hop < 2**32 and 0 <= end < 2**32 for hop, end in ids)
        node.node._hop_by_hop, node.node._end_to_end = 2**31 - 1, 2**32 - 1
        assert node.node.next_ids() == (2**31, 0)


async def test_requests_take_the_last_peer_then_the_clients_own_then_a_relay() -> None:
    """Each time the preferred connection goes, the next best one is taken."""
    peers = Peers[Connection]([PeerConfig("dra9.example", (), PGW_REALM, "relay")], "loopback")

    async def goes_to(wire: Wire) -> bool:
        asked = asyncio.create_task(node.node.request(PGW, PGW_REALM, "dra1.example", request, 60))
        message = await wire.receive()
        wire.send(answer_to(message))
        return await asked == answer_to(message)

    async def gone(host: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while peers.current(host) is not None:  # noqa: ASYNC110  # the directory sets no event
                await asyncio.sleep(0)

    async with running(peers=peers) as node, peer(node, "dra9.example") as relay:
        assert await goes_to(relay)
        async with peer(node) as own:
            assert await goes_to(own)
            async with peer(node, "dra1.example") as last:
                assert await goes_to(last)
            await gone("dra1.example")
            assert await goes_to(own)
        await gone(PGW)
        assert await goes_to(relay)


# --- the end ------------------------------------------------------------------------------------------


async def turns_of_the_loop() -> None:
    """Enough of them for what was begun to take effect, and for octets to cross the loopback."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_stop_answers_what_is_in_work_then_says_goodbye() -> None:
    """The answer, then DPR with cause 0 (REBOOTING), then the end with the DPA (RFC 6733, 5.4)."""
    held = Held()
    async with running(held) as node, peer(node) as wire:
        assert node.node.is_listening
        wire.send(plain_ccr())
        await held.next()
        stopping = asyncio.create_task(node.node.stop())
        await turns_of_the_loop()
        assert not node.node.is_listening
        held.release.set()
        assert result_code(await wire.receive()) == 2001
        farewell = await wire.receive()
        assert (header_of(farewell).command, number_of(farewell, 273)) == (DPR, 0)
        assert not stopping.done()
        wire.send(dpa(farewell))
        assert await wire.rest() == b""
        await stopping
        assert node.closed("disconnected") == 1


async def test_what_comes_between_dpr_and_dpa_is_answered() -> None:
    """The peer had sent it before it knew: it is answered although the DPA is right behind it."""
    held = Held()
    async with running(held) as node, peer(node) as wire:
        stopping = asyncio.create_task(node.node.stop())
        farewell = await wire.receive()
        wire.send(plain_ccr(), dwr(), dpa(farewell))
        await held.next()
        assert header_of(await wire.receive()).command == DWR
        held.release.set()
        assert result_code(await wire.rest()) == 2001
        await stopping


async def test_while_draining_nothing_more_is_taken_up() -> None:
    """A client that keeps sending cannot keep the server from stopping: its next request waits in the
    socket, and is answered after the DPR."""
    held = Held()
    async with running(held) as node, peer(node) as wire, peer(node, OTHER) as other:
        wire.send(plain_ccr(request_number=1))
        await held.next()
        stopping = asyncio.create_task(node.node.stop())
        await turns_of_the_loop()
        wire.send(plain_ccr(request_number=2))
        await turns_of_the_loop()
        assert held.started.empty()
        held.release.set()
        assert decode_cca(await wire.receive()).request_number == 1
        farewell = await wire.receive()
        assert header_of(farewell).command == DPR
        assert decode_cca(await wire.receive()).request_number == 2
        wire.send(dpa(farewell))
        other.send(dpa(await other.receive()))
        await stopping


async def test_a_farewell_without_answer_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """5 s by default; whoever says nothing is closed, and stop() returns with no connection left."""
    assert SETTINGS.disconnect_seconds == 5.0
    monkeypatch.setattr(machine, "DISCONNECT_SECONDS", 3600.0)
    settings = replace(SETTINGS, disconnect_seconds=0.02)
    async with running(settings=settings) as node, peer(node) as wire:
        await asyncio.wait_for(node.node.stop(), PATIENCE_SECONDS)
        assert parse_header(await wire.rest()).command == DPR


async def test_a_handler_that_hangs_does_not_hold_the_stop_up() -> None:
    """It has its time, then the goodbye goes out without its answer."""
    held = Held()
    settings = replace(SETTINGS, drain_seconds=0.02)
    async with running(held, settings=settings) as node, peer(node) as wire:
        wire.send(plain_ccr())
        await held.next()
        stopping = asyncio.create_task(node.node.stop())
        farewell = await wire.receive()
        assert header_of(farewell).command == DPR
        wire.send(dpa(farewell))
        await stopping
        held.release.set()


async def test_stop_closes_strangers_those_that_wait_and_the_door() -> None:
    """Nobody but open peers gets a goodbye, nobody is admitted any more, nobody gets in."""
    async with running() as node, peer(node) as old, Wire(node) as stranger, Wire(node) as new:
        new.send(cer())
        assert header_of(await old.receive()).command == DWR
        stopping = asyncio.create_task(node.node.stop())
        assert await stranger.rest() == await new.rest() == b""
        farewell = await old.receive()
        assert header_of(farewell).command == DPR
        old.send(dpa(farewell))
        await stopping
        assert node.closed("stopped") == 2
        with pytest.raises(ConnectionRefusedError):
            async with Wire(node):
                pass


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("127.0.0.1", "127.0.0.2")])
async def test_every_address_is_listened_on(addresses: Sequence[str]) -> None:
    """`port` is the first listener's; stop() before anybody came is no error."""
    async with running(settings=replace(SETTINGS, listen=tuple(addresses))) as node:
        assert len(node.node._servers) == len(addresses)
        assert node.node.port > 0
        async with peer(node) as wire:
            assert await wire.is_served()
