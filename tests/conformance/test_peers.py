"""Statements 1 to 12: how a peer comes, stays and goes (RFC 6733, 5; RFC 3539)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from ocs.diameter import base, peer
from ocs.diameter.avp import octets, text, u32
from ocs.diameter.framing import (
    CER,
    DPR,
    DWR,
    FLAG_R,
    HEADER_SIZE,
    pack_header,
    parse_header,
)
from tests.charging.worked import ANY, data, mscc
from tests.conftest import KINDS
from tests.node.harness import Held
from tests.support.messages import plain_ccr
from tests.support.rig import (
    CLIENT,
    CLIENT_REALM,
    HOST,
    REALM,
    RELAY,
    RELAY_REALM,
    STATE_ID,
    Client,
    Line,
    Rig,
    data_of,
    number_of,
)

#: The store is not the matter here: one kind of it is enough.
pytestmark = pytest.mark.parametrize("store_url", KINDS[:1], indirect=True)

LOCAL = base.LocalNode(CLIENT, CLIENT_REALM, "Gateway")
GX = 16_777_238


def cer(*applications: bytes, host: str = CLIENT, realm: str = CLIENT_REALM) -> bytes:
    """A CER with these applications."""
    body = b"".join(
        (
            text(264, host),
            text(296, realm),
            octets(257, b"\0\1\x7f\0\0\1"),
            u32(266, 10415),
            text(269, "Gateway", 0),
            *applications,
        )
    )
    return pack_header(HEADER_SIZE + len(body), FLAG_R, CER, 0, 5, 6) + body


CREDIT_CONTROL = u32(258, 4)


async def open_line(line: Line) -> None:
    """Exchange capabilities."""
    assert number_of(await line.ask(cer(CREDIT_CONTROL)), 268) == 2001


@pytest.mark.statement(1)
@pytest.mark.parametrize("first", [plain_ccr(), base.dwr(LOCAL, 1, 1)])
async def test_first_message_is_no_cer(rig: Rig, first: bytes) -> None:
    """Closed without an answer."""
    async with rig.line() as line:
        line.send(first)
        assert await line.is_closed()


@pytest.mark.statement(2)
async def test_capabilities(rig: Rig) -> None:
    """The CEA says who we are and that we speak application 4."""
    async with rig.line() as line:
        cea = await line.ask(cer(CREDIT_CONTROL))
    header = parse_header(cea)
    assert (header.flags, header.command, header.application) == (0, CER, 0)
    assert (header.hop_by_hop, header.end_to_end) == (5, 6)
    assert number_of(cea, 268) == 2001
    assert data_of(cea, 264) == [HOST.encode()] and data_of(cea, 296) == [REALM.encode()]
    assert data_of(cea, 257) == [b"\0\1\x7f\0\0\1"]
    assert len(data_of(cea, 266)) == len(data_of(cea, 269)) == 1
    assert data_of(cea, 258) == [bytes((0, 0, 0, 4))]


@pytest.mark.statement(3)
async def test_application_inside_the_vendor_s_group(rig: Rig) -> None:
    """Application 4 nowhere else is common all the same."""
    async with rig.line() as line:
        cea = await line.ask(cer(octets(260, u32(266, 10415) + u32(258, 4))))
    assert number_of(cea, 268) == 2001


@pytest.mark.statement(4)
async def test_no_common_application(rig: Rig) -> None:
    """5010, closed."""
    async with rig.line() as line:
        assert number_of(await line.ask(cer(u32(258, GX))), 268) == 5010
        assert await line.is_closed()


@pytest.mark.statement(5)
async def test_unknown_peer(rig: Rig) -> None:
    """3010, closed."""
    async with rig.line() as line:
        cea = await line.ask(cer(CREDIT_CONTROL, host="stranger.example.net"))
        assert number_of(cea, 268) == 3010
        assert await line.is_closed()


@pytest.mark.statement(6)
async def test_relay(rig: Rig) -> None:
    """A relay has every application in common."""
    async with rig.line() as line:
        cea = await line.ask(cer(u32(258, 0xFFFFFFFF), host=RELAY, realm=RELAY_REALM))
    assert number_of(cea, 268) == 2001


@pytest.mark.statement(7)
async def test_no_cer_in_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds, of which this test waits a little: closed without a word."""
    assert peer.CAPABILITIES_SECONDS == 10
    monkeypatch.setattr(peer, "CAPABILITIES_SECONDS", 0.02)
    async with rig.line() as line:
        assert await line.is_closed()


@pytest.mark.statement(8)
async def test_same_identity_again_while_the_old_connection_lives(rig: Rig) -> None:
    """The old one is asked, and the newest serves."""
    old, new = await rig.client(), Client()
    try:
        await new.connect("127.0.0.1", rig.port)
        with pytest.raises(ConnectionError):
            await old.send(data(1, 0, mscc(10, None, ANY)))
        assert (await new.send(data(1, 0, mscc(10, None, ANY)))).result_code == 5030
    finally:
        await new.drop()


@pytest.mark.statement(8)
async def test_same_identity_again_after_the_old_connection_died(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old one that does not answer its DWR gives way within 3 s."""
    assert peer.PROBE_SECONDS <= 3
    monkeypatch.setattr(peer, "PROBE_SECONDS", 0.02)
    async with rig.line() as old, rig.line() as new:
        await open_line(old)
        new.send(cer(CREDIT_CONTROL))
        assert parse_header(await old.receive()).command == DWR
        assert number_of(await new.receive(), 268) == 2001
        assert await old.is_closed()


@pytest.mark.statement(9)
async def test_watchdog_of_the_peer(rig: Rig) -> None:
    """DWA 2001 with our Origin-State-Id under the ids of the DWR."""
    async with rig.line() as line:
        await open_line(line)
        dwa = await line.ask(base.dwr(LOCAL, 0x11, 0x22))
    header = parse_header(dwa)
    assert (header.flags, header.command) == (0, DWR)
    assert (header.hop_by_hop, header.end_to_end) == (0x11, 0x22)
    assert (number_of(dwa, 268), number_of(dwa, 278)) == (2001, STATE_ID)


@pytest.fixture
async def attentive(redis: Redis) -> AsyncIterator[Rig]:
    """A server whose watchdog is as quick as it may be."""
    plain = Rig(redis).settings
    settings = type(plain)(plain.origin_host, plain.origin_realm, port=0, watchdog_seconds=6)
    async with Rig(redis, settings=settings) as made:
        yield made


@pytest.mark.statement(10)
async def test_watchdog_of_the_server(attentive: Rig) -> None:
    """A silent peer is asked after 4 to 8 s and given up when as much goes by again."""
    machine = attentive.node.make_peer("127.0.0.1", lambda direction, command: None)
    now = asyncio.get_running_loop().time()
    machine.receive(cer(CREDIT_CONTROL), now)
    machine.admit(now)
    machine.data_to_send()
    asked = machine.next_deadline
    assert 4 <= asked - now <= 8
    assert machine.timer(asked) == []
    dwr = machine.data_to_send()
    assert parse_header(dwr).command == DWR and parse_header(dwr).is_request
    given_up = machine.next_deadline
    assert 4 <= given_up - asked <= 8
    assert machine.timer(given_up) == [peer.Down("the watchdog was not answered")]


@pytest.mark.statement(11)
@pytest.mark.parametrize("cause", [base.REBOOTING, base.BUSY, base.DO_NOT_WANT_TO_TALK_TO_YOU])
async def test_goodbye_of_the_peer(rig: Rig, cause: int) -> None:
    """DPA 2001; the peer closes, and may come again. This server connects to nobody."""
    async with rig.line() as line:
        await open_line(line)
        dpa = await line.ask(base.dpr(LOCAL, 7, 8, cause))
        assert parse_header(dpa).command == DPR
        assert number_of(dpa, 268) == 2001
    async with rig.line() as line:
        await open_line(line)


@pytest.mark.statement(12)
async def test_goodbye_of_the_server(redis: Redis) -> None:
    """What is in work is answered, then DPR with cause 0, and the end with the DPA."""
    held = Held()
    async with Rig(redis, around=lambda _: held) as rig, rig.line() as line:
        await open_line(line)
        line.send(plain_ccr(destination_realm=REALM))
        await held.next()
        stopping = asyncio.create_task(rig.node.stop())
        await asyncio.sleep(0)
        held.release.set()
        assert number_of(await line.receive(), 268) == 2001
        dpr = await line.receive()
        assert parse_header(dpr).command == DPR and number_of(dpr, 273) == base.REBOOTING
        line.send(base.dpa(LOCAL, parse_header(dpr)))
        assert await line.is_closed()
        await stopping
