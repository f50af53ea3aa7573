"""What other stacks require: what they refuse is never sent, what they send is accepted.

The stacks are freeDiameter 1.2.1 with its credit-control dictionaries, Erlang/OTP diameter 2.2.7 with
strict_mbit, Wireshark's dissector and Seagull 1.8.3; each statement was measured with one of them.
"""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ocs.diameter import base
from ocs.diameter.avp import i32, i64, octets, text, u32
from ocs.diameter.client_messages import decode_cca, encode_ccr
from ocs.diameter.credit_control import CCR, MSCC, Units
from ocs.diameter.framing import ASR, RAR, pack_header
from tests.charging.worked import ANY, MIB, MSISDN, data, mscc, octets as volume, seconds, voice
from tests.support import strict
from tests.support.messages import cut_out, with_length
from tests.support.rig import (
    CLIENT,
    CLIENT_REALM,
    HOST,
    REALM,
    RELAY,
    RELAY_REALM,
    Client,
    Line,
    Rig,
)

FIRST, MORE, LAST, EVENT = 1, 2, 3, 4
DEBIT, REFUND, BALANCE, PRICE = 0, 1, 2, 3
OFF_NET = "+77051234567"
RELAY_APPLICATION = 0xFFFFFFFF
#: The AVPs that RFC 4006 and RFC 6733 know of those that an answer may hold: only on these may M be.
OLD = {
    *(11, 257, 258, 260, 263, 264, 265, 266, 268, 278, 279, 280, 284, 296, 33, 412, 413, 414, 415),
    *(416, 417, 418, 419, 420, 421, 422, 423, 424, 425, 427, 428, 429, 430, 431, 432, 433, 434, 435),
    *(438, 439, 445, 447, 448, 449, 451, 456),
}  # fmt: skip

Pair = tuple[bytes, bytes]


def written(ccr: CCR, number: int, *, flags: int = 0xC0, more: bytes = b"") -> bytes:
    """A request as it goes out, with AVPs behind it."""
    made = replace(ccr, hop_by_hop=number, end_to_end=number, flags=flags)
    return with_length(encode_ccr(made) + more)


async def checked(client: Client, message: bytes) -> bytes:
    """The answer, which the strict reader must accept."""
    answer = await client.raw(message)
    strict.check(message, answer)
    return answer


async def asked(client: Client, ccr: CCR) -> bytes:
    """The answer to a request, accepted by the strict reader."""
    return await checked(client, written(ccr, client.next_id()))


def code_of(answer: bytes) -> int:
    """The command's Result-Code."""
    return strict.value(strict.read(answer), "Result-Code")


def event(
    action: int | None, session: bytes, units: int = 1, context: str = "32274@3gpp.org"
) -> CCR:
    """An event of an SMSC, in the shape of TS 32.299: units inside MSCC."""
    made = data(EVENT, 0, MSCC(None, (), Units(specific=units)), session=session)
    return replace(
        made,
        service_context_id=context,
        requested_action=action,
        subscription_ids=((0, MSISDN),),
        recipients=(OFF_NET,) if context.startswith("32274") else (),
    )


def at_command_level(ccr: CCR, service: int | None = None) -> CCR:
    """The same event in the shape of RFC 8506: units beside the command."""
    rsu = ccr.mscc[0].rsu
    return replace(ccr, mscc=(), command_rsu=rsu, command_service_identifier=service)


def shop(action: int, session: bytes) -> CCR:
    """An event of a content platform, whose context is not of 3GPP."""
    made = event(action, session, context="content@vas.example")
    return replace(made, mscc=(MSCC(None, (7,), Units(specific=1)),))


async def gathered(rig: Rig) -> list[Pair]:
    """Requests of every type with every kind of answer, success and refusal, as octets."""
    await rig.subscriber(200)
    await rig.subscriber(0, "77010000002", None)
    client = await rig.client()
    pairs: list[Pair] = []

    async def ask(message: bytes) -> bytes:
        pairs.append((message, await client.raw(message)))
        return pairs[-1][1]

    async def say(ccr: CCR) -> bytes:
        return await ask(written(replace(ccr, origin_host=CLIENT), client.next_id()))

    poor = ((0, "77010000002"),)
    await say(data(FIRST, 0, mscc(10, None, ANY), mscc(20, None, volume(MIB)), mscc(99, None, ANY)))
    await say(data(MORE, 1, mscc(10, volume(MIB), ANY)))
    await say(data(MORE, 1, mscc(10, volume(7), ANY)))  # another content under the same number
    await say(data(MORE, 2, mscc(20, volume(5), None)))
    await say(data(LAST, 3, mscc(10, volume(3), None)))
    await say(data(MORE, 4, session=b"nobody;1"))
    await say(data(LAST, 4, session=b"nobody;2"))
    call = voice(FIRST, 0, mscc(100, None, seconds(60)), session=b"call;1")
    await say(replace(call, sub_session_id=9))
    rsu = Units(time=60)
    await say(replace(voice(FIRST, 0, session=b"call;2"), command_rsu=rsu))
    await say(replace(voice(FIRST, 0, session=b"call;3"), command_rsu=rsu, subscription_ids=poor))
    await say(replace(data(FIRST, 0, mscc(10, None, ANY), session=b"poor"), subscription_ids=poor))
    await say(replace(call, session_id=b"call;4", subscription_ids=((0, "77019999999"),)))
    await say(replace(call, session_id=b"call;5", service_context_id="32299@3gpp.org"))
    await say(replace(call, session_id=b"call;6", destination_realm="elsewhere.example"))
    await say(replace(call, session_id=b"call;7", destination_host="ocs9.ocs.example"))
    await say(replace(call, session_id=b"call;8", route_records=(HOST,)))
    bought = await say(event(DEBIT, b"sms;1"))
    await say(event(BALANCE, b"sms;2"))
    await say(event(PRICE, b"sms;3"))
    token = decode_cca(bought).mscc[0].refund_information
    back = event(REFUND, b"sms;4")
    await say(replace(back, mscc=(replace(back.mscc[0], refund_information=token),)))
    await say(event(REFUND, b"sms;5"))
    await say(event(DEBIT, b"sms;6", units=90))
    for action in (DEBIT, BALANCE, PRICE):
        await say(at_command_level(event(action, f"sms;c{action}".encode())))
    plain = written(data(MORE, 9), client.next_id())
    for broken in (
        cut_out(plain, text(461, "32251@3gpp.org")),
        cut_out(plain, u32(415, 9)),
        cut_out(plain, u32(416, 2)),
        with_length(plain + u32(9999, 1)),  # unknown, with M
        with_length(plain + u32(415, 9)),  # twice
        with_length(plain.replace(u32(416, 2), u32(416, 9))),
        with_length(plain + octets(446, octets(420, b"\0\0\1"))),  # three octets of CC-Time
        with_length(plain + struct.pack("!II", 446, 0x40000100)),  # longer than the message
        with_length(plain + octets(999, b"", 0xC0, 0)),
    ):
        pairs.append((broken, await client.raw(broken)))
    other = pack_header(20, 0xC0, 999, 4, 0x77, 0x77)
    pairs.append((other, await client.raw(other)))
    return pairs


PAIRS: dict[str, list[Pair]] = {}


@pytest.fixture
async def pairs(rig: Rig, store_url: str) -> list[Pair]:
    """Requests and their answers; they are played once for each store."""
    if store_url not in PAIRS:
        PAIRS[store_url] = await gathered(rig)
    return PAIRS[store_url]


def everything(found: Sequence[strict.AVP]) -> list[strict.AVP]:
    """The AVPs of a message and of its groups, but for what came with the request."""
    flat = []
    for each in found:
        flat.append(each)
        if each.name not in ("Failed-AVP", "Proxy-Info"):
            flat += everything(each.members)
    return flat


# --- connections ------------------------------------------------------------------------------------


async def test_cea_is_complete(rig: Rig) -> None:
    """Six AVPs, or the peer is not opened; and Product-Name without M."""
    local = base.LocalNode(CLIENT, CLIENT_REALM, "Test")
    async with rig.line() as line:
        cer = base.cer(local, 1, 1)
        found = strict.check(cer, await line.ask(cer))
    names = {each.name for each in found}
    required = {"Result-Code", "Origin-Host", "Origin-Realm", "Host-IP-Address", "Vendor-Id"}
    assert names >= required | {"Product-Name"}
    (product,) = strict.named(found, "Product-Name")
    assert not product.flags & strict.M


async def test_identity_is_the_configured_one(rig: Rig) -> None:
    """A client that knows another name than the CEA's hangs up: it is the same on every connection."""
    first, second = await rig.client(), await rig.client("scscf1.example.net")
    hosts = [
        each.data
        for message in rig.received
        for each in strict.named(strict.read(message), "Origin-Host")
    ]
    assert hosts == [HOST.encode()] * 2
    assert first is not second


@asynccontextmanager
async def relay_line(rig: Rig) -> AsyncIterator[Line]:
    """A relay that offers nothing but relaying, and in-band security 0."""
    body = text(264, RELAY) + text(296, RELAY_REALM) + octets(257, b"\0\1\x7f\0\0\1")
    body += u32(266, 0) + text(269, "freeDiameter", 0) + u32(299, 0)
    body += u32(258, RELAY_APPLICATION)
    cer = pack_header(20 + len(body), 0x80, 257, 0, 1, 1) + body
    async with rig.line() as line:
        assert code_of(await line.ask(cer)) == 2001
        yield line


async def test_relay_is_served(rig: Rig) -> None:
    """Application 0xffffffff is enough, Inband-Security-Id 0 does not hurt, and application 4 follows."""
    await rig.subscriber(200)
    request = replace(data(FIRST, 0, mscc(10, None, ANY)), origin_host="pgw7.example.net")
    async with relay_line(rig) as line:
        message = written(request, 5)
        answer = await line.ask(message)
    strict.check(message, answer)
    assert code_of(answer) == 2001


async def test_watchdog_and_farewell(rig: Rig) -> None:
    """DWR and DPR are answered, or the client fails over; it gets its DPA before the connection ends."""
    local = base.LocalNode(CLIENT, CLIENT_REALM, "Test")
    async with rig.line() as line:
        await line.ask(base.cer(local, 1, 1))
        for request in (base.dwr(local, 2, 2), base.dpr(local, 3, 3, base.REBOOTING)):
            answer = await line.ask(request)
            strict.check(request, answer)
            assert code_of(answer) == 2001


async def test_session_moves_between_connections(rig: Rig) -> None:
    """U and T come by another connection and another worker; Origin-Host is not the adjacent peer then."""
    await rig.subscriber(200)
    second = await rig.second()
    client, other = await rig.client(), await second.client()
    assert code_of(await asked(client, data(FIRST, 0, mscc(10, None, ANY)))) == 2001
    assert code_of(await asked(other, data(MORE, 1, mscc(10, volume(MIB), ANY)))) == 2001
    assert code_of(await asked(client, data(LAST, 2, mscc(10, volume(MIB), None)))) == 2001
    assert await rig.money() == (19_800, 0)


# --- every answer -----------------------------------------------------------------------------------


async def test_strict_reader_accepts_every_answer(pairs: list[Pair]) -> None:
    """Session-Id, Result-Code, origin, application, type and number: in order, once, also on errors."""
    assert len(pairs) > 30
    for request, answer in pairs:
        strict.check(request, answer)
    codes = {code_of(answer) for _, answer in pairs}
    wanted = {
        2001,
        3001,
        3002,
        3003,
        3005,
        4012,
        5001,
        5002,
        5004,
        5005,
        5009,
        5012,
        5014,
        5030,
        5031,
    }
    assert codes >= wanted


async def test_result_code_and_nothing_in_its_place(pairs: list[Pair]) -> None:
    """Result-Code, never Experimental-Result (297), which is dropped or a 5005."""
    for _, answer in pairs:
        codes = [each.code for each in strict.loose(answer[20:])]
        assert codes.count(268) == 1 and 297 not in codes


async def test_m_bit_on_what_rfc_4006_knows(pairs: list[Pair]) -> None:
    """M on an AVP of RFC 8506's own loses the whole answer in a client of RFC 4006."""
    for _, answer in pairs:
        for each in everything(strict.read(answer)):
            assert each.vendor or not each.flags & strict.M or each.code in OLD, each.name


async def test_m_bit_of_3gpp_outside_its_contexts(rig: Rig) -> None:
    """A client without the dictionary of 3GPP refuses M on its AVPs: they carry it in 3gpp.org only."""
    await rig.subscriber(200)
    client = await rig.client()
    answer = await asked(client, shop(DEBIT, b"vas;1"))
    assert code_of(answer) == 2001


async def test_enumerations_are_in_range(pairs: list[Pair]) -> None:
    """A value outside is a 5004, one AVP too many in Final-Unit-Indication a 5008."""
    for _, answer in pairs:
        for each in everything(strict.read(answer)):
            kind = strict.KINDS[each.code, each.vendor]
            assert not kind.values or each.number in kind.values
            if each.name == "Final-Unit-Indication":
                assert [one.name for one in each.members] == ["Final-Unit-Action"]


async def test_cost_names_value_and_currency(pairs: list[Pair]) -> None:
    """Both are required in Cost-Information."""
    costs = [
        {one.name for one in each.members}
        for _, answer in pairs
        for each in strict.named(strict.read(answer), "Cost-Information")
    ]
    assert costs and all(each >= {"Unit-Value", "Currency-Code"} for each in costs)


@pytest.mark.parametrize("length", range(1, 9))
async def test_last_avp_is_padded(rig: Rig, length: int) -> None:
    """A message length that is no multiple of 4 closes connections, whatever the last AVP is."""
    client = await rig.client()
    last = octets(284, text(280, "dra") + octets(33, bytes(length)))
    message = written(data(LAST, 1), client.next_id(), more=last)
    answer = await client.raw(message)
    assert len(answer) % 4 == 0
    strict.check(message, answer)


@pytest.mark.parametrize(
    ("flags", "kept"), [(0xC0, 0x40), (0x80, 0), (0xD0, 0x40), (0xCF, 0x40), (0x90, 0)]
)
async def test_header_flags(rig: Rig, flags: int, kept: int) -> None:
    """P comes back as it was; T, R and the reserved bits are 0."""
    client = await rig.client()
    for ccr, error in (
        (data(LAST, 1), 0),
        (replace(data(LAST, 1), destination_realm="x.example"), 0x20),
    ):
        message = written(ccr, client.next_id(), flags=flags)
        answer = await client.raw(message)
        assert answer[4] == kept | error
        strict.check(message, answer)


async def test_e_bit_and_3xxx_belong_together(pairs: list[Pair]) -> None:
    """E with 3xxx, and always with it; beside it only where no CCA can be built."""
    for request, answer in pairs:
        has_e, code = bool(answer[4] & strict.E), code_of(answer)
        has_type = {415, 416} <= {each.code for each in strict.loose(request[20:])}
        assert has_e == (3000 <= code < 4000 or not has_type)


async def test_error_answer_names_its_origin(pairs: list[Pair]) -> None:
    """Without the pair of origins both parsers refuse; Session-Id comes back where there was one."""
    errors = [(request, answer) for request, answer in pairs if answer[4] & strict.E]
    assert errors
    for request, answer in errors:
        names = [each.name for each in strict.read(answer)]
        assert {"Origin-Host", "Origin-Realm", "Result-Code"} <= set(names)
        had = any(each.code == 263 for each in strict.loose(request[20:]))
        assert had == ("Session-Id" in names)


async def test_failed_avp_is_well_formed(pairs: list[Pair]) -> None:
    """What is missing or has a wrong length is shown zero-filled to the size of its type."""
    shown = {
        (code_of(answer), everything(each.members)[-1].code): everything(each.members)[-1].data
        for _, answer in pairs
        for each in strict.named(strict.read(answer), "Failed-AVP")
    }
    assert {code for code, _ in shown} >= {5001, 5004, 5005, 5009, 5014, 5031}
    assert shown[5005, 415] == shown[5005, 416] == shown[5014, 420] == bytes(4)
    assert shown[5005, 461] == b""


async def test_proxy_info_comes_back(rig: Rig) -> None:
    """Each, octet for octet and in order, on errors too; and no destination in an answer."""
    client = await rig.client()
    proxies = b"".join(
        octets(284, text(280, f"dra{number}.example") + octets(33, bytes(range(number))))
        for number in (1, 2, 3)
    )
    for ccr in (data(LAST, 1), replace(data(LAST, 1), destination_realm="x.example")):
        message = written(ccr, client.next_id(), more=proxies)
        answer = await client.raw(message)
        strict.check(message, answer)
        assert proxies in answer
        assert not {283, 293} & {each.code for each in strict.loose(answer[20:])}


async def test_route_record_is_accepted_in_requests(rig: Rig) -> None:
    """A relay appends its name to everything that it forwards."""
    await rig.subscriber(200)
    client = await rig.client()
    request = replace(data(FIRST, 0, mscc(10, None, ANY)), route_records=("a.example", "b.example"))
    assert code_of(await asked(client, request)) == 2001


async def test_ids_repeat_across_connections(rig: Rig) -> None:
    """Two clients use the same Hop-by-Hop and End-to-End Ids at once: each gets its own answer."""
    await rig.subscriber(200)
    one, two = await rig.client(), await rig.client("scscf1.example.net")
    messages = (
        written(data(FIRST, 0, mscc(10, None, volume(MIB))), 77),
        written(voice(FIRST, 0, mscc(100, None, seconds(30))), 77),
    )
    answers = await asyncio.gather(one.raw(messages[0]), two.raw(messages[1]))
    for message, answer in zip(messages, answers, strict=True):
        strict.check(message, answer)
    first, second = (decode_cca(answer).mscc[0].gsu for answer in answers)
    assert first == Units(total_octets=MIB) and second == Units(time=30)


# --- services and events -----------------------------------------------------------------------------


async def test_each_service_has_its_answer(rig: Rig) -> None:
    """One MSCC for each that was asked, by rating group and service identifier, with a Result-Code, a
    grant of the kind that was asked and Validity-Time; an empty wish leaves the amount to the server."""
    await rig.subscriber(1000)
    client = await rig.client()
    request = data(
        FIRST, 0, mscc(10, None, ANY), mscc(20, None, volume(MIB), 5), mscc(99, None, ANY)
    )
    answer = decode_cca(await asked(client, request))
    told = [(each.rating_group, each.service_identifiers, each.result_code) for each in answer.mscc]
    assert told == [(10, (), 2001), (20, (5,), 2001), (99, (), 5031)]
    assert [each.gsu for each in answer.mscc] == [volume(100 * MIB), volume(MIB), None]
    assert all(each.validity_seconds for each in answer.mscc[:2])


@pytest.mark.parametrize("is_inside", [True, False])
async def test_events_in_both_shapes(rig: Rig, is_inside: bool) -> None:
    """A debit returns Granted-Service-Unit, a balance check its result, a price enquiry the cost."""
    await rig.subscriber(12)
    client = await rig.client()

    async def say(action: int, units: int) -> bytes:
        ccr = event(action, f"e;{action};{units}".encode(), units)
        return await asked(client, ccr if is_inside else at_command_level(ccr))

    debited = decode_cca(await say(DEBIT, 1))
    units = debited.mscc[0].gsu if is_inside else debited.command_gsu
    assert (debited.result_code, units) == (2001, Units(specific=1))
    assert decode_cca(await say(BALANCE, 1)).check_balance_result == 0
    assert decode_cca(await say(BALANCE, 2)).check_balance_result == 1
    assert decode_cca(await say(PRICE, 3)).cost == (1500, -2, 398)
    assert decode_cca(await say(DEBIT, 2)).result_code == 4012
    assert await rig.money() == (700, 0)


async def test_refusals_by_their_codes(rig: Rig) -> None:
    """5030, 5002, 4012, 3003 and 3002; the names of hosts and realms are compared without case."""
    await rig.subscriber(0)
    client = await rig.client()
    call = voice(FIRST, 0, mscc(1, None, seconds(60)))
    cases = (
        (replace(call, subscription_ids=((0, "77019999999"),)), 5030),
        (data(MORE, 1, session=b"gone"), 5002),
        (data(LAST, 2, session=b"gone"), 5002),
        (call, 4012),
        (replace(call, destination_realm="foreign.example"), 3003),
        (replace(call, destination_host="other.ocs.example"), 3002),
        (replace(call, destination_host=HOST.upper(), destination_realm=REALM.title()), 4012),
    )
    for ccr, code in cases:
        assert code_of(await asked(client, replace(ccr, origin_host=CLIENT))) == code


@pytest.mark.parametrize("code", [2002, 2001])
async def test_re_auth_request(rig: Rig, code: int) -> None:
    """All that a client needs to see it, addressed to the client and not to the relay before it; it may
    answer 2001 as well as 2002, and a relay appends a Route-Record to its answer."""
    await rig.subscriber(10)
    async with relay_line(rig) as line:
        behind = "pgw7.example.net"
        request = replace(data(FIRST, 0, mscc(10, None, ANY)), origin_host=behind)
        await line.ask(written(request, 2))
        await rig.top_up(500)
        rar = await line.receive()
        found = strict.read(rar)
        assert (rar[4], int.from_bytes(rar[5:8], "big"), rar[8:12]) == (0xC0, RAR, b"\0\0\0\4")
        (host,) = strict.named(found, "Destination-Host")
        (realm,) = strict.named(found, "Destination-Realm")
        assert (host.data, realm.data) == (behind.encode(), CLIENT_REALM.encode())
        assert strict.value(found, "Re-Auth-Request-Type") == 0
        body = found[0].raw + bytes(-len(found[0].raw) % 4) + u32(268, code)
        body += text(264, behind) + text(296, CLIENT_REALM) + text(282, behind)
        line.send(
            pack_header(20 + len(body), 0x40, RAR, 4, *struct.unpack("!II", rar[12:20])) + body
        )
        await rig.reaches("ocs_reauth_requests_total", 1, kind="rar", result="asked")
        request = replace(data(MORE, 1, mscc(10, volume(MIB), ANY)), origin_host=behind)
        answer = decode_cca(await line.ask(written(request, 3)))
        assert (answer.mscc[0].result_code, answer.mscc[0].final_unit) == (2001, None)


async def test_abort_session_request(rig: Rig) -> None:
    """As a Re-Auth-Request, without its type; the client's 2001 ends the matter."""
    await rig.subscriber(200)
    client = await rig.client()
    request = data(FIRST, 0, mscc(10, None, ANY))
    await asked(client, request)
    assert await rig.desk.cut(request.session_id) == "ended"
    asr = next(each for each in rig.received if each[4:8] == struct.pack("!I", 0xC0000000 + ASR))
    found = strict.read(asr)
    (host,) = strict.named(found, "Destination-Host")
    assert (found[0].data, host.data) == (request.session_id, CLIENT.encode())


async def test_retransmission_is_charged_once(rig: Rig) -> None:
    """T set, a new Hop-by-Hop Id, another connection and another node: the first answer, without T."""
    await rig.subscriber(200)
    client, second = await rig.client(), await rig.second()
    elsewhere = await second.client()
    await asked(client, data(FIRST, 0, mscc(10, None, ANY)))
    update = data(MORE, 1, mscc(10, volume(MIB), ANY))
    first = written(update, 1000)
    answer = await checked(client, first)
    for where, number in ((client, 1001), (elsewhere, 1002)):
        repeat = encode_ccr(replace(update, hop_by_hop=number, end_to_end=1000, flags=0xD0))
        again = await checked(where, repeat)
        assert not again[4] & 0x10
        read, first_read = decode_cca(again), decode_cca(answer)
        assert replace(read, header=first_read.header) == first_read
    assert await rig.money() == (19_900, 10_000)


# --- robustness ---------------------------------------------------------------------------------------


def money_event(action: int, digits: int, exponent: int, session: bytes) -> bytes:
    """An event of an amount of money, behind everything else."""
    amount = octets(413, octets(445, i64(447, digits) + i32(429, exponent)) + u32(425, 398))
    made = replace(event(action, session), mscc=())
    return written(made, 900, more=octets(437, amount))


@pytest.mark.parametrize(
    ("action", "digits", "exponent"),
    [(DEBIT, 1, 2147483647), (DEBIT, 1, -2147483648), (DEBIT, -500, -2), (REFUND, -500, -2)],
)
async def test_absurd_money(rig: Rig, action: int, digits: int, exponent: int) -> None:
    """An exponent that would be work for our processor, and amounts below zero, are refused."""
    await rig.subscriber(10)
    client = await rig.client()
    started = time.monotonic()
    message = money_event(action, digits, exponent, b"money")
    assert code_of(await checked(client, message)) == 5004
    assert time.monotonic() - started < 1
    assert await rig.money() == (1000, 0)


def nested(depth: int) -> bytes:
    """Groups in groups: each is its header and the next."""
    return b"".join(struct.pack("!II", 446, 0x40000000 | 8 * left) for left in range(depth, 0, -1))


@pytest.mark.parametrize("kind", ["deep", "deeper", "many", "more", "huge", "empty message"])
async def test_monsters_harm_nobody(rig: Rig, kind: str) -> None:
    """Groups 7,000 and 20,000 deep, 5,000 and 100,000 AVPs, 16 MiB by its header, length 0: answered, or
    cut off where it is longer than a message may be; a bystander waits less than a second."""
    bystander = await rig.client()
    local = base.LocalNode("scscf1.example.net", CLIENT_REALM, "Test")
    plain = written(data(MORE, 1), 5)
    monsters = {
        "deep": with_length(plain + nested(7000)),
        "deeper": with_length(plain + nested(20_000)),
        "many": with_length(plain + u32(415, 1) * 5000),
        "more": with_length(plain + u32(415, 1) * 100_000),
        "huge": b"\x01\xff\xff\xfc" + plain[4:],
        "empty message": b"\x01\0\0\0" + plain[4:],
    }
    async with rig.line() as line:
        await line.ask(base.cer(local, 1, 1))
        line.send(monsters[kind])
        started = time.monotonic()
        assert code_of(await asked(bystander, data(MORE, 1))) == 5002
        assert time.monotonic() - started < 1
        try:
            answer = await line.receive()
        except ConnectionError:
            return
        strict.read(answer)
        assert code_of(answer) in (5004, 5009, 5014)


@pytest.mark.parametrize("length", [0, 7])
async def test_length_of_an_avp_that_is_too_small(rig: Rig, length: int) -> None:
    """It does not loop: 5014."""
    client = await rig.client()
    bad = struct.pack("!IB3s", 446, 0x40, length.to_bytes(3, "big"))
    assert code_of(await checked(client, written(data(MORE, 1), 7, more=bad))) == 5014


@pytest.mark.parametrize(
    "session_id",
    [b"a\0b", b"a\r\nb\x1b[2J", b"{1}:acct:7", b"'; DROP", "ы;€".encode(), b"s" * 1024],
)
async def test_session_id_is_opaque(rig: Rig, session_id: bytes) -> None:
    """Whatever it holds, it comes back octet for octet, and the session works under it."""
    await rig.subscriber(200)
    client = await rig.client()
    for ccr in (
        data(FIRST, 0, mscc(10, None, ANY), session=session_id),
        data(LAST, 1, mscc(10, volume(MIB), None), session=session_id),
    ):
        answer = await asked(client, ccr)
        assert decode_cca(answer).session_id == session_id
        assert code_of(answer) == 2001
    assert await rig.money() == (19_900, 0)


async def test_session_id_that_fills_a_message(rig: Rig) -> None:
    """Longer than any that is one: refused, and it comes back whole all the same."""
    client = await rig.client()
    session_id = b"{;}" * 20_000
    answer = await asked(client, data(FIRST, 0, mscc(10, None, ANY), session=session_id))
    assert (decode_cca(answer).session_id, code_of(answer)) == (session_id, 5004)


async def test_ccr_before_cer(rig: Rig) -> None:
    """No answer; the connection is closed."""
    async with rig.line() as line:
        line.send(written(data(FIRST, 0), 1))
        assert await line.is_closed()


async def test_second_cer_on_an_open_connection(rig: Rig) -> None:
    """It is answered, and the connection goes on."""
    local = base.LocalNode(CLIENT, CLIENT_REALM, "Test")
    async with rig.line() as line:
        for number in (1, 2):
            assert code_of(await line.ask(base.cer(local, number, number))) == 2001
        assert code_of(await line.ask(written(data(MORE, 1), 3))) == 5002


async def test_silent_connections_take_nobodys_place(rig: Rig) -> None:
    """A hundred that say nothing, and one that never reads, leave the others served."""
    client = await rig.client()
    streams = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(100)]
    try:
        local = base.LocalNode("scscf1.example.net", CLIENT_REALM, "Test")
        async with rig.line() as deaf:
            await deaf.ask(base.cer(local, 1, 1))
            deaf.send(*(written(data(MORE, 1), number) for number in range(1, 500)))
            assert code_of(await asked(client, data(MORE, 1))) == 5002
    finally:
        for _, writer in streams:
            writer.transport.abort()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
