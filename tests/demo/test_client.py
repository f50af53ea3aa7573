"""The client of the demonstration on a real connection, and against a server that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ocs.demo import client as clients
from ocs.demo.client import DiameterClient, Pushed
from ocs.diameter import base
from ocs.diameter.avp import octets, text, u32
from ocs.diameter.framing import ASR, DPR, DWR, RAR, Framer, pack_header, parse_header
from tests.charging.worked import ANY, data, mscc
from tests.demo.conftest import SEED
from tests.support import strict
from tests.support.rig import CLIENT, REALM, Rig

LOCAL = base.LocalNode("ocs.test.example", REALM, "Test")
SWITCH = f"switch-{SEED}.demo.example"
CCR = replace(data(1, 0, mscc(10, None, ANY)), origin_host=SWITCH, origin_realm="demo.example")
Written = Callable[[bytes], Awaitable[None]]


class Other:
    """A server that a test plays by hand: what it reads, and what it writes."""

    def __init__(self) -> None:
        self.read: asyncio.Queue[bytes] = asyncio.Queue()
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The one client; its CER is answered."""
        self.writer = writer
        framer = Framer()
        while data := await reader.read(65536):
            for message in framer.feed(data):
                header = parse_header(message)
                if header.command == 257 and header.is_request:
                    writer.write(base.cea(LOCAL, header, ["127.0.0.1"], 2001))
                else:
                    self.read.put_nowait(message)
        writer.close()

    def write(self, *data: bytes) -> None:
        """Octets to the client."""
        assert self.writer is not None
        self.writer.write(b"".join(data))

    async def next(self) -> bytes:
        """What the client sent."""
        return await asyncio.wait_for(self.read.get(), 5)


@asynccontextmanager
async def opposite() -> AsyncIterator[tuple[Other, DiameterClient]]:
    """A server by hand, and a client that is connected to it."""
    other = Other()
    server = await asyncio.start_server(other.serve, "127.0.0.1", 0)
    client = DiameterClient(CLIENT, "example.net", REALM)
    try:
        await client.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        yield other, client
    finally:
        await client.drop()
        server.close()


def pushed(command: int, number: int) -> bytes:
    """An RAR or ASR."""
    body = octets(263, b"s;1") + text(264, LOCAL.origin_host)
    return pack_header(20 + len(body), 0xC0, command, 4, number, number) + body


def test_nothing_is_sent_before_connecting() -> None:
    """ConnectionError, not silence."""
    with pytest.raises(ConnectionError):
        DiameterClient(CLIENT, "example.net", REALM).write(b"x")


async def test_lost_connection_fails_what_waits() -> None:
    """A request without an answer ends with the connection."""
    async with opposite() as (other, client):
        waiting = asyncio.create_task(client.send(CCR))
        await other.next()
        assert other.writer is not None
        other.writer.close()
        with pytest.raises(ConnectionError):
            await waiting
        with pytest.raises(ConnectionError):
            await client.send(CCR)


async def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """TimeoutError after the client's Tx; a late answer hurts nobody."""
    monkeypatch.setattr(clients, "ANSWER_SECONDS", 0.01)
    async with opposite() as (other, client):
        with pytest.raises(TimeoutError):
            await client.send(CCR)
        header = parse_header(await other.next())
        other.write(base.dwa(LOCAL, header), base.dwr(LOCAL, 5, 5))
        assert parse_header(await other.next()).command == DWR


async def test_watchdog_and_disconnect_are_answered() -> None:
    """DWR and DPR of the server get their answers with the same ids."""
    async with opposite() as (other, _):
        other.write(base.dwr(LOCAL, 5, 6), base.dpr(LOCAL, 7, 8, base.REBOOTING))
        for command, ids in ((DWR, (5, 6)), (DPR, (7, 8))):
            header = parse_header(await other.next())
            assert (header.command, header.is_request) == (command, False)
            assert (header.hop_by_hop, header.end_to_end) == ids


@pytest.mark.parametrize(("command", "code"), [(RAR, 2002), (ASR, 2001)])
async def test_server_requests_are_answered_and_told(command: int, code: int) -> None:
    """RAR: a CCR-U will follow; ASR: ended. Both are handed on."""
    async with opposite() as (other, client):
        other.write(pushed(command, 9))
        answer = await other.next()
        found = strict.avps(answer[20:], strict=False)
        assert strict.value(found, "Result-Code") == code
        assert found[0].data == b"s;1"
        assert await client.pushed.get() == Pushed(command, b"s;1")


async def test_silent_client() -> None:
    """Switched off, it answers neither; it is told all the same."""
    async with opposite() as (other, client):
        client.answers_server_requests = False
        other.write(pushed(RAR, 9), base.dwr(LOCAL, 5, 5))
        # The answer to the watchdog is the next thing that it says.
        assert parse_header(await other.next()).command == DWR
        assert await client.pushed.get() == Pushed(RAR, b"s;1")


async def test_repeat_is_marked() -> None:
    """A CCR has R and P, a repeat T besides, and each its own Hop-by-Hop Id."""
    async with opposite() as (other, client):
        for is_repeat, flags in ((False, 0xC0), (True, 0xD0)):
            task = asyncio.create_task(client.send(CCR, is_repeat=is_repeat))
            message = await other.next()
            assert message[4] == flags
            body = octets(263, b"s") + u32(268, 2001)
            ids = parse_header(message)
            head = pack_header(20 + len(body), 0x40, 272, 4, ids.hop_by_hop, ids.end_to_end)
            other.write(head + body)
            assert (await task).result_code == 2001


async def test_real_server(rig: Rig) -> None:
    """Capabilities, a request, and a farewell that the server answers."""
    await rig.subscriber(100, tariff="conversations")
    client = DiameterClient(SWITCH, "demo.example", REALM)
    cea = await client.connect("127.0.0.1", rig.port)
    assert strict.value(strict.read(cea), "Result-Code") == 2001
    answers = await asyncio.gather(
        *(client.send(replace(CCR, session_id=f"s{n}".encode())) for n in range(3))
    )
    assert [each.session_id for each in answers] == [b"s0", b"s1", b"s2"]
    assert {each.result_code for each in answers} == {2001}
    await client.close()
    await rig.reaches("ocs_diameter_disconnects_total", 1, cause="the peer left")


async def test_crash_leaves_without_a_word(rig: Rig) -> None:
    """`drop` is what a crash is: the server only sees the connection go. Twice does no harm."""
    client = DiameterClient(SWITCH, "demo.example", REALM)
    await client.connect("127.0.0.1", rig.port)
    await client.drop()
    await client.drop()
    await rig.reaches("ocs_diameter_disconnects_total", 1, cause="connection lost")
    assert rig.count("ocs_diameter_disconnects_total", cause="connection lost") == 1
    assert rig.count("ocs_diameter_disconnects_total", cause="the peer left") == 0
