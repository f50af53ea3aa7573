"""A connection of the generator to the server's own node: who it lets in, what is answered by itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ocs.diameter import base
from ocs.diameter.avp import octets
from ocs.diameter.cca import encode_cca
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import CCA
from ocs.diameter.framing import ASR, CCR, DWR, FLAG_R, HEADER_SIZE, pack_header, parse_header
from ocs.load.templates import UPDATE, Sender, template
from ocs.load.wire import PeerRefused, Wire

LOCAL = base.LocalNode("load-0.load.example", "load.example", "Load generator")
SERVER = base.LocalNode("ocs1.ocs.example", "ocs.example")
REQUEST = template(
    Sender("load-0.load.example", "load.example", "ocs.example", "0badf00d"), "data", UPDATE
)


class Peer:
    """A server that is written by hand."""

    def __init__(self, result_code: int = 2001) -> None:
        self.result_code = result_code
        self.got: asyncio.Queue[bytes] = asyncio.Queue()
        self.writer: asyncio.StreamWriter | None = None
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close all."""
        assert self._server is not None
        if self.writer is not None:
            self.writer.close()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            while True:
                head = await reader.readexactly(4)
                message = head + await reader.readexactly(int.from_bytes(head[1:]) - 4)
                header = parse_header(message)
                if header.is_request and header.command == 257:
                    writer.write(base.cea(SERVER, header, ["127.0.0.1"], self.result_code))
                else:
                    self.got.put_nowait(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def write(self, data: bytes) -> None:
        """Send to the generator."""
        assert self.writer is not None
        self.writer.write(data)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A server that says yes."""
    made = Peer()
    await made.start()
    yield made
    await made.stop()


class Told:
    """What the wire tells."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.lost: asyncio.Queue[str] = asyncio.Queue()
        self.wire = Wire(
            LOCAL,
            answered=lambda message, now: self.answers.put_nowait(message),
            read=lambda: None,
            lost=self.lost.put_nowait,
        )


def request(hop: int) -> bytes:
    """An update."""
    return bytes(REQUEST.fill(hop, hop, b"00000001", 1, 0, b"999000000000", (5,)))


def answer_to(message: bytes) -> bytes:
    """Success."""
    return encode_cca(decode_ccr(message), CCA(2001), SERVER.origin_host, SERVER.origin_realm)


async def test_answers_come_whole_however_they_are_cut(peer: Peer) -> None:
    """In pieces, or several in one."""
    told = Told()
    await told.wire.connect("127.0.0.1", peer.port)
    for hop in (1, 2, 3):
        told.wire.send(request(hop))
    found = [await peer.got.get() for _ in range(3)]
    stream = b"".join(map(answer_to, found))
    for cut in (stream[:30], stream[30:31], stream[31:]):
        peer.write(cut)
        await asyncio.sleep(0)
    got = [await told.answers.get() for _ in range(3)]
    assert [parse_header(each).hop_by_hop for each in got] == [1, 2, 3]
    assert b"".join(got) == stream
    await told.wire.close()


async def test_watchdogs_and_aborts_are_answered(peer: Peer) -> None:
    """As a client must, whatever else goes on."""
    told = Told()
    await told.wire.connect("127.0.0.1", peer.port)
    peer.write(base.dwr(SERVER, 7, 7))
    answer = parse_header(await peer.got.get())
    assert (answer.command, answer.is_request, answer.hop_by_hop) == (DWR, False, 7)
    body = octets(263, b"load-0.load.example;0badf00d;00000001")
    peer.write(pack_header(HEADER_SIZE + len(body), FLAG_R, ASR, 4, 8, 8) + body)
    answer = parse_header(await peer.got.get())
    assert (answer.command, answer.is_request, answer.hop_by_hop) == (ASR, False, 8)
    await told.wire.close()


async def test_a_server_that_refuses_says_so(peer: Peer) -> None:
    """With the identity that it refuses, and its Result-Code."""
    peer.result_code = 3010
    with pytest.raises(
        PeerRefused, match=r"load-0\.load\.example: Result-Code 3010; list it under"
    ):
        await Told().wire.connect("127.0.0.1", peer.port)


async def test_a_connection_that_goes_is_told(peer: Peer) -> None:
    """Once, unless it was closed here."""
    told = Told()
    await told.wire.connect("127.0.0.1", peer.port)
    assert peer.writer is not None
    peer.writer.close()
    assert "the server closed the connection of load-0" in await told.lost.get()


async def test_a_stream_without_messages_is_given_up(peer: Peer) -> None:
    """A length of nothing is no message."""
    told = Told()
    await told.wire.connect("127.0.0.1", peer.port)
    peer.write(bytes(20))
    assert await told.lost.get() == "the server sent a message of 0 octets"
    await told.wire.close()


async def test_what_is_sent_in_one_turn_is_one_write(peer: Peer) -> None:
    """The server gets all of it."""
    told = Told()
    await told.wire.connect("127.0.0.1", peer.port)
    for hop in range(100):
        told.wire.send(request(hop))
    found = [parse_header(await peer.got.get()) for _ in range(100)]
    assert [(each.command, each.hop_by_hop) for each in found] == [(CCR, hop) for hop in range(100)]
    await told.wire.close()
