"""Whatever the server sends is read by Wireshark's dissector: nothing is malformed or unknown."""

import asyncio
import json
import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ocs.charging.policy import ChargingPolicy
from ocs.demo.client import Pushed
from ocs.diameter import base
from ocs.diameter.avp import octets as octets_avp, text, u32
from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.credit_control import CCR, FinalUnit, Money, Units
from ocs.diameter.framing import ASR, RAR, parse_header
from ocs.model import SubscriberState, UtcMillis
from tests.charging.worked import (
    ANY,
    DATA,
    MIB,
    NONE,
    REDIRECT,
    SMS,
    VOICE,
    data,
    event,
    messages,
    mscc,
    octets,
    seconds,
    sms,
    voice,
)
from tests.support.messages import cut_out, with_length
from tests.support.rig import CLIENT, CLIENT_REALM, RELAY, RELAY_REALM, Client, Rig, serving

TSHARK = shutil.which("tshark")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(TSHARK is None, reason="tshark is not installed"),
]

PORT, RAW_IP = 3868, 101  # LINKTYPE_RAW: packets begin with IP
INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4
MIDNIGHT = UtcMillis(1_790_881_200_000)
RESTRICTED = FinalUnit(
    2, filter_rules=("permit in ip from any to 192.0.2.1",), filter_ids=("walled-garden",)
)
TOLD: dict[str, Any] = {
    "tells_balance": True,
    "low_balance_micros": 100_000_000,
    "holding_seconds": 600,
    "consumption_seconds": 30,
    "threshold_percent": 20,
}


def pcap(sent: Iterable[bytes]) -> bytes:
    """A capture in which a server on `PORT` sends these messages, each in a packet of its own."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, RAW_IP)]
    number = 1
    for at, message in enumerate(sent):
        tcp = struct.pack("!HHIIBBHHH", PORT, 40000, number, 1, 5 << 4, 0x18, 0xFFFF, 0, 0)
        size = 20 + len(tcp) + len(message)
        ip = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, size, at, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\2"
        )
        parts += (struct.pack("<IIII", at, 0, size, size), ip, tcp, message)
        number += len(message)
    return b"".join(parts)


def dissected(folder: Path, sent: list[bytes]) -> list[dict[str, Any]]:
    """The Diameter layer of each message, as tshark reads it."""
    capture = folder / "sent.pcap"
    capture.write_bytes(pcap(sent))
    command = [
        str(TSHARK), "-r", str(capture), "-d", f"tcp.port=={PORT},diameter",
        "-T", "json", "--no-duplicate-keys",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [each["_source"]["layers"] for each in json.loads(done.stdout)]


#: What tshark says of a message that it cannot read, or not wholly.
COMPLAINTS = ("_ws.malformed", "_ws.expert", "diameter.avp.unknown", "diameter.avp.invalid-data")
#: Not complaints inside a Failed-AVP: it shows what a client sent and nobody knows, or the example of an
#: AVP with the smallest value that there is (RFC 6733, 7.5).
IN_FAILED_AVP = ("Unknown AVP", "Data is empty", "diameter.avp.unknown")
#: Without members it switches all triggers off (TS 32.299, 7.2.235).
TRIGGER = "1264"


def complaints(layers: object, path: str = "") -> Iterator[str]:
    """Everything inside a dissected message that is a complaint about it."""
    if isinstance(layers, list):
        for each in layers:
            yield from complaints(each, path)
    elif isinstance(layers, dict):
        meant = IN_FAILED_AVP if "diameter.Failed-AVP_tree" in path else ()
        if layers.get("diameter.avp.code") == TRIGGER:
            meant = (*meant, "Data is empty")
        for name, inside in layers.items():
            if name.startswith(meant):
                continue
            if name in COMPLAINTS:
                yield f"{path}/{name}: {json.dumps(inside)[:300]}"
            yield from complaints(inside, f"{path}/{name}")


def read(folder: Path, sent: list[bytes]) -> list[list[str]]:
    """The complaints about each message; each is read as one Diameter message."""
    layers = dissected(folder, sent)
    assert len(layers) == len(sent)
    found = []
    for each, message in zip(layers, sent, strict=True):
        diameter = each["diameter"]
        assert int(diameter["diameter.length"]) == len(message)
        found.append([*complaints(diameter), *complaints(each.get("_ws.malformed", {}))])
    return found


# --- the check itself ---------------------------------------------------------------------------------


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    """The check complains of an AVP that nobody knows, of one that is too long and of a wrong size."""
    plain = encode_ccr(data(INITIAL, 0, mscc(10, None, octets(1))))
    unknown = with_length(plain + u32(7_654_321, 1))
    longer = with_length(plain + octets_avp(456, u32(432, 10)[:7] + b"\x40" + bytes(4)))
    wrong_size = with_length(plain + octets_avp(415, bytes(8)))
    good, *bad = read(tmp_path, [plain, unknown, longer, wrong_size])
    assert good == []
    assert all(bad)


# --- everything that the server sends -----------------------------------------------------------------


async def peers(rig: Rig) -> None:
    """Capabilities of every outcome, watchdogs, goodbyes of either side."""
    node = base.LocalNode(CLIENT, CLIENT_REALM)
    plain = base.cer(node, 1, 1)
    stranger = base.cer(base.LocalNode("stranger.example.net", CLIENT_REALM), 1, 1)
    other = plain.replace(u32(258, 4), u32(258, 5))
    no_host = cut_out(plain, text(264, CLIENT))
    for cer in (stranger, other, no_host):
        async with rig.line() as line:
            await line.ask(cer)
    async with rig.line() as line:
        await line.ask(plain)
        await line.ask(base.dwr(node, 2, 2))
        await line.ask(base.dpr(node, 3, 3, base.REBOOTING))


async def faults(pgw: Client) -> None:
    """Requests that are wrong, each in its own way."""
    plain = data(INITIAL, 0, mscc(10, None, ANY), session=b"pgw1;faults")
    proxy = octets_avp(284, text(280, "dra.example") + octets_avp(33, b"\1\2\3"))
    changes: list[dict[str, Any]] = [
        {"destination_host": "ocs2.ocs.example"},
        {"destination_realm": "elsewhere.example", "proxy_info": proxy},
        {"route_records": ("ocs1.ocs.example",)},
        {"flags": 0xE0},
        {"request_type": 9},
        {"service_context_id": "99999@3gpp.org"},
        {"subscription_ids": ((0, "77019999999"),), "proxy_info": proxy},
        {"request_type": UPDATE},
        {"request_type": EVENT},
        {"origin_host": "pgw2.example.net"},
        {"sub_session_id": 3, "subscription_ids": ()},
    ]
    await ask(pgw, *(replace(plain, **each) for each in changes))
    encoded = encode_ccr(plain)
    more = (
        u32(7_654_321, 9),
        u32(415, 7),
        octets_avp(432, b"\1"),
        b"\0\0\1\xb0\x40\0\0\xff",
    )
    spoiled = [with_length(encoded + each) for each in more]
    spoiled += [cut_out(encoded, each) for each in (text(461, "32251@3gpp.org"), u32(416, 1))]
    # Accounting, and the policy control of another application: known to the dissector, not to us.
    spoiled += [encoded[:5] + b"\0\1\x0f" + encoded[8:]]
    spoiled += [encoded[:8] + (16_777_238).to_bytes(4, "big") + encoded[12:]]
    spoiled.append(b"\2" + encoded[1:])
    for each in spoiled:
        number = pgw.next_id().to_bytes(4, "big")
        await pgw.raw(each[:12] + number + each[16:])


async def ask(client: Client, *requests: CCR) -> None:
    """Send one after the other, as they are but for their ids."""
    for each in requests:
        await client.raw(encode_ccr(replace(each, hop_by_hop=client.next_id())))


async def sessions(rig: Rig, pgw: Client, scscf: Client) -> None:
    """Data and calls from their first request to their end, granted, final, refused and repeated."""
    groups = [mscc(each, None, ANY, each) for each in (10, 30, 99)]
    first = replace(data(INITIAL, 0, *groups), sub_session_id=1)
    await ask(pgw, first, first, data(INITIAL, 7, *groups))
    await ask(
        pgw,
        replace(data(UPDATE, 1, mscc(10, octets(MIB), ANY), mscc(40, None, ANY)), sub_session_id=1),
    )
    await ask(scscf, voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    await ask(scscf, voice(UPDATE, 1, mscc(None, seconds(50), seconds(3600), 1000)))
    await ask(scscf, voice(INITIAL, 0, mscc(None, None, seconds(60)), session=b"second"))
    emergency = voice(INITIAL, 0, mscc(None, None, seconds(60)), session=b"sos")
    await ask(scscf, replace(emergency, called="tel:112"))
    await ask(scscf, voice(TERMINATION, 2, mscc(None, seconds(9), NONE, 1000)))
    await rig.top_up(1)
    await ask(pgw, data(TERMINATION, 9, mscc(10, octets(MIB))), data(TERMINATION, 9))
    await ask(pgw, data(TERMINATION, 10), data(UPDATE, 11, mscc(10, octets(1), ANY)))


async def tariff_change(rig: Rig, pgw: Client) -> None:
    """A grant that spans a change."""
    await rig.subscriber(80, "77012223399", imsi=None, tariff="changing")
    rig.clock.now = UtcMillis(MIDNIGHT - 600_000)
    session = b"pgw1;change"
    first = data(INITIAL, 0, mscc(10, None, ANY), session=session)
    await ask(pgw, replace(first, subscription_ids=((0, "77012223399"),)))
    await ask(pgw, data(TERMINATION, 1, mscc(10, octets(0)), session=session))


async def events(smsc: Client) -> None:
    """Each action, in either shape, paid, refused and given back; and money as the unit."""
    one, many = mscc(None, None, messages(1)), mscc(None, None, messages(99))
    for action in (0, 2, 3):
        for number, service in enumerate((one, many)):
            session = b"smsc1;%d;%d" % (action, number)
            await ask(smsc, event(action, service, session=session))
            plain = replace(event(action, session=session + b";plain"), command_rsu=service.rsu)
            await ask(smsc, plain)
    paid = await smsc.send(event(0, one, session=b"smsc1;paid"))
    back = replace(one, refund_information=paid.mscc[0].refund_information)
    await ask(smsc, event(1, back, session=b"smsc1;back"))
    await ask(smsc, event(1, replace(back, refund_information=b"?"), session=b"smsc1;nothing"))
    await ask(smsc, event(1, one, session=b"smsc1;nameless"))
    for currency in (398, 840):
        money = mscc(None, None, Units(money=Money(125, -2, currency)))
        await ask(smsc, event(0, money, session=b"smsc1;money;%d" % currency))
    await ask(smsc, sms(INITIAL, 0, one), sms(TERMINATION, 1, mscc(None, messages(1))))
    whole = replace(sms(INITIAL, 0, session=b"smsc1;whole"), command_rsu=messages(1))
    await ask(smsc, whole)


async def server_initiated(rig: Rig, pgw: Client) -> None:
    """A bar, which aborts; a top-up of an ended account, which re-authorises."""
    await rig.subscriber(1, "77012223388", imsi=None)
    session = b"pgw1;waits"
    first = data(INITIAL, 0, mscc(10, None, ANY), session=session)
    await ask(pgw, replace(first, subscription_ids=((0, "77012223388"),)))
    await rig.top_up(1, "77012223388")
    while await pgw.told() != Pushed(RAR, session):
        pass  # of a session before
    await rig.desk.change("77012223388", state=SubscriberState.BARRED)
    while await pgw.told() != Pushed(ASR, session):
        pass
    await ask(pgw, data(UPDATE, 1, mscc(10, octets(0), ANY), session=session))


POLICIES = {
    "terminate": serving(
        replace(DATA, trigger=(), **TOLD), replace(VOICE, **TOLD), replace(SMS, **TOLD)
    ),
    "redirect": serving(
        replace(DATA, final_unit=REDIRECT, trigger=(2, 4, 30), tells_tariff_change=True, **TOLD),
        replace(VOICE, final_unit=FinalUnit(1, 3, "sip:topup@ims.example")),
    ),
    "restrict": serving(replace(DATA, final_unit=RESTRICTED, is_restricted_again=True)),
}


async def everything(rig: Rig) -> list[bytes]:
    """All that the clients of a broad run received."""
    await peers(rig)
    pgw = await rig.client(state_id=1)
    scscf, smsc = await rig.client("scscf1.example.net"), await rig.client("smsc1.example.net")
    await rig.client(RELAY, RELAY_REALM)
    await rig.subscriber(50)
    await faults(pgw)
    await sessions(rig, pgw, scscf)
    await events(smsc)
    await server_initiated(rig, pgw)
    await tariff_change(rig, pgw)
    # DPR: the clients answer it.
    await asyncio.wait_for(rig.node.stop(), 5)
    return rig.received


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
async def test_all_that_is_sent(redis: Redis, tmp_path: Path, policy: ChargingPolicy) -> None:
    """Answers of every kind and requests of our own, however the services are configured."""
    async with Rig(redis, policy=policy) as rig:
        sent = await everything(rig)
    kinds = {(each.command, each.is_request) for each in map(parse_header, sent)}
    assert kinds == {
        (257, False), (280, False), (282, False), (272, False), (271, False),
        (258, True), (274, True), (282, True),
    }  # fmt: skip
    for message, found in zip(sent, read(tmp_path, sent), strict=True):
        assert found == [], message.hex()
