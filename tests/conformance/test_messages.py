"""Statements 13 to 35: what is wrong with a message is said as RFC 6733, 6 and 7, want it."""

import os
import random
from dataclasses import replace

import pytest

from ocs.diameter.avp import octets, text, u32
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.client_messages import decode_cca, encode_ccr
from ocs.diameter.framing import CCR as CCR_COMMAND, FLAG_E, ProtocolError, parse_header
from tests.charging.worked import ANY, MIB, data, mscc, octets as volume, sms
from tests.conftest import KINDS
from tests.support.messages import cut_out, with_length
from tests.support.rig import HOST, Client, Rig, avps, data_of, number_of

#: The store is not the matter here: one kind of it is enough.
pytestmark = pytest.mark.parametrize("store_url", KINDS[:1], indirect=True)

GX, GX_COMMAND = 16_777_238, 999
TYPE, NUMBER, CONTEXT = 416, 415, 461
#: Nobody's AVP.
UNKNOWN = 7_654_321
FUZZED = int(os.environ.get("OCS_FUZZ_MESSAGES", "20000"))


def message(more: bytes = b"", /, **changes: object) -> bytes:
    """A first request for a gibibyte, with `more` AVPs behind it."""
    ccr = data(1, 0, mscc(10, None, ANY))
    return with_length(encode_ccr(replace(ccr, **changes)) + more)  # type: ignore[arg-type]  # by name


def changed(original: bytes, at: int, *values: int) -> bytes:
    """The message with these octets at this place."""
    return original[:at] + bytes(values) + original[at + len(values) :]


async def refusal(client: Client, request: bytes) -> tuple[int, bool, bytes]:
    """Result-Code, whether E is set, and what is inside the Failed-AVP."""
    answer = await client.raw(request)
    failed = data_of(answer, 279)
    is_error = bool(parse_header(answer).flags & FLAG_E)
    return number_of(answer, 268), is_error, b"".join(failed)


@pytest.mark.statement(13)
async def test_unknown_command(pgw: Client) -> None:
    """3001 with E."""
    request = changed(message(), 5, *GX_COMMAND.to_bytes(3, "big"))
    assert await refusal(pgw, request) == (3001, True, b"")


@pytest.mark.statement(14)
async def test_unknown_application(pgw: Client) -> None:
    """3007 with E."""
    assert await refusal(pgw, changed(message(), 8, *GX.to_bytes(4, "big"))) == (3007, True, b"")


@pytest.mark.statement(15)
async def test_another_node(pgw: Client) -> None:
    """3002 with E."""
    request = message(destination_host="ocs2.ocs.example")
    assert await refusal(pgw, request) == (3002, True, b"")


@pytest.mark.statement(16)
async def test_another_realm(pgw: Client) -> None:
    """3003 with E."""
    request = message(destination_realm="elsewhere.example")
    assert await refusal(pgw, request) == (3003, True, b"")


@pytest.mark.statement(17)
async def test_loop(pgw: Client) -> None:
    """3005 with E, whatever the letters' case."""
    request = message(route_records=("dra.example", HOST.upper()))
    assert await refusal(pgw, request) == (3005, True, b"")


@pytest.mark.statement(18)
async def test_error_bit_in_a_request(pgw: Client) -> None:
    """3008 with E."""
    assert await refusal(pgw, message(flags=0xE0)) == (3008, True, b"")


@pytest.mark.statement(19)
async def test_another_version(pgw: Client) -> None:
    """5011."""
    code, _, _ = await refusal(pgw, changed(message(), 0, 2))
    assert code == 5011


@pytest.mark.statement(20)
@pytest.mark.parametrize("length", [0, 16, 21, 254, 0xFFFFFC])
async def test_length_that_cannot_be(rig: Rig, pgw: Client, length: int) -> None:
    """The stream ends, and with it the connection; others are served."""
    smsc = await rig.client("smsc1.example.net")
    pgw.write(changed(message(), 1, *length.to_bytes(3, "big")))
    with pytest.raises(ConnectionError):
        await pgw.raw(message())
    assert (await smsc.send(sms(1, 0))).result_code == 5030


@pytest.mark.statement(21)
async def test_length_past_the_group(rig: Rig, pgw: Client) -> None:
    """5014 with an example of the AVP; the session beside it goes on."""
    await rig.subscriber(100)
    assert (await pgw.send(data(1, 0, mscc(10, None, ANY)))).result_code == 2001
    group = octets(456, u32(432, 10))
    at = group.index((432).to_bytes(4, "big")) + 7
    code, is_error, failed = await refusal(pgw, message(changed(group, at, 200)))
    assert (code, is_error) == (5014, False)
    assert failed.endswith(u32(432, 0))
    answer = await pgw.send(data(2, 1, mscc(10, volume(MIB), ANY)))
    assert answer.result_code == 2001


@pytest.mark.statement(22)
async def test_unknown_avp(rig: Rig, pgw: Client) -> None:
    """With M 5001 and the AVP itself, without M it is passed over."""
    await rig.subscriber(100)
    unknown = u32(UNKNOWN, 9)
    assert await refusal(pgw, message(unknown)) == (5001, False, unknown)
    assert await refusal(pgw, message(u32(UNKNOWN, 9, 0))) == (2001, False, b"")


@pytest.mark.statement(23)
async def test_unknown_avp_inside_a_group(rig: Rig, pgw: Client) -> None:
    """5001 inside a known group; a group that is unknown itself and has no M hides it."""
    await rig.subscriber(100)
    unknown = u32(UNKNOWN, 9)
    code, is_error, failed = await refusal(pgw, message(octets(456, u32(432, 20) + unknown)))
    assert (code, is_error) == (5001, False) and failed.endswith(unknown)
    assert await refusal(pgw, message(octets(UNKNOWN + 1, unknown, 0))) == (2001, False, b"")


@pytest.mark.statement(24)
async def test_missing_service_context(pgw: Client) -> None:
    """5005; the Failed-AVP shows an empty one with M."""
    request = cut_out(message(), text(CONTEXT, "32251@3gpp.org"))
    assert await refusal(pgw, request) == (5005, False, bytes.fromhex("000001cd 40000008"))


@pytest.mark.statement(25)
async def test_request_type_out_of_range(pgw: Client) -> None:
    """5004 with the AVP as it came."""
    code, _, failed = await refusal(pgw, message(request_type=9))
    assert (code, failed) == (5004, bytes.fromhex("000001a0 4000000c 00000009"))


@pytest.mark.statement(26)
async def test_two_request_numbers(pgw: Client) -> None:
    """5009 with the one that is too many."""
    code, is_error, failed = await refusal(pgw, message(u32(NUMBER, 7)))
    assert (code, is_error, failed) == (5009, False, u32(NUMBER, 7))


PROXIES = tuple(
    octets(284, text(280, f"proxy{i}.example") + octets(33, bytes(range(i)))) for i in (1, 2, 3)
)
#: Requests that end in different places: read, routed, decided by charging, granted.
EVERYWHERE: dict[int, dict[str, object]] = {
    2001: {},
    3003: {"destination_realm": "elsewhere.example"},
    5004: {"request_type": 9},
    5030: {"subscription_ids": ((0, "77019999999"),)},
    5031: {"service_context_id": "99999@3gpp.org"},
}


@pytest.mark.statement(27)
@pytest.mark.parametrize("code", EVERYWHERE)
@pytest.mark.parametrize("flags", [0x80, 0xC0, 0x90, 0xD0])
async def test_header_of_an_answer(rig: Rig, pgw: Client, code: int, flags: int) -> None:
    """Ids, command, application and P are the request's; R and T are clear."""
    await rig.subscriber(100)
    ids: dict[str, object] = {"hop_by_hop": 0xFEDCBA98, "end_to_end": 0x89ABCDEF, "flags": flags}
    answer = await pgw.raw(message(**ids, **EVERYWHERE[code]))
    header = parse_header(answer)
    assert number_of(answer, 268) == code
    assert (header.hop_by_hop, header.end_to_end) == (0xFEDCBA98, 0x89ABCDEF)
    assert (header.command, header.application, header.length) == (CCR_COMMAND, 4, len(answer))
    assert header.flags == flags & 0x40 | (FLAG_E if 3000 <= code < 4000 else 0)


@pytest.mark.statement(28)
@pytest.mark.parametrize("code", EVERYWHERE)
async def test_proxy_info(rig: Rig, pgw: Client, code: int) -> None:
    """Three come back, in order and octet for octet."""
    await rig.subscriber(100)
    answer = decode_cca(await pgw.raw(message(proxy_info=b"".join(PROXIES), **EVERYWHERE[code])))
    assert answer.result_code == code
    assert answer.proxy_info == b"".join(PROXIES)


@pytest.mark.statement(29)
@pytest.mark.parametrize("code", EVERYWHERE)
async def test_first_avp_of_an_answer(rig: Rig, pgw: Client, code: int) -> None:
    """Session-Id stands first, once, as it came; the destinations do not come back."""
    await rig.subscriber(100)
    session_id = "pgw1;1;\x00\r\n{é}".encode()
    found = avps(await pgw.raw(message(session_id=session_id, **EVERYWHERE[code])))
    assert (found[0][0], found[0][3]) == (263, session_id)
    numbers = [each[0] for each in found]
    assert numbers.count(263) == 1 and not {283, 293} & set(numbers)


@pytest.mark.statement(30)
@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (4012, {"service_context_id": "32260@3gpp.org", "called": "tel:+77012223344"}),
        (5004, {"request_type": 4, "requested_action": 9}),
        (5030, {"subscription_ids": ((0, "77019999999"),)}),
        (5031, {"service_context_id": "99999@3gpp.org"}),
        (5002, {"request_type": 2}),
    ],
)
async def test_what_a_refusal_repeats(
    rig: Rig, pgw: Client, code: int, changes: dict[str, object]
) -> None:
    """E is clear, and type, number and application stand there as in any CCA."""
    await rig.subscriber(0)
    answer = await pgw.raw(message(request_number=3, **changes))
    assert (number_of(answer, 268), parse_header(answer).flags & FLAG_E) == (code, 0)
    kind = changes.get("request_type", 1)
    assert (number_of(answer, TYPE), number_of(answer, NUMBER)) == (kind, 3)
    assert number_of(answer, 258) == 4


@pytest.mark.statement(31)
async def test_missing_request_type(pgw: Client) -> None:
    """5005 in the grammar of an error: no CCA can be built."""
    request = cut_out(message(), u32(TYPE, 1))
    answer = await pgw.raw(request)
    assert parse_header(answer).flags & FLAG_E
    numbers = [each[0] for each in avps(answer)]
    assert numbers[0] == 263 and sorted(numbers) == [263, 264, 268, 279, 281, 296]
    assert number_of(answer, 268) == 5005
    assert data_of(answer, 279)[0][:8] == bytes.fromhex("000001a0 4000000c")


@pytest.mark.statement(32)
async def test_reserved_bits(rig: Rig, pgw: Client) -> None:
    """Those of the header and those of an AVP say nothing."""
    await rig.subscriber(100)
    request = message(flags=0xCF)
    at = request.index(text(CONTEXT, "32251@3gpp.org")) + 4
    answer = decode_cca(await pgw.raw(changed(request, at, 0x5F)))
    assert (answer.result_code, answer.header.flags) == (2001, 0x40)


@pytest.mark.statement(33)
async def test_padding(rig: Rig, pgw: Client) -> None:
    """Whatever it holds."""
    await rig.subscriber(100)
    request = message()
    padded = text(CONTEXT, "32251@3gpp.org")
    at = request.index(padded) + len(padded) - 2
    assert (await refusal(pgw, changed(request, at, 0xFF, 0xFF)))[0] == 2001


@pytest.mark.statement(34)
def test_time_after_2036(store_url: str) -> None:
    """The era ends at 06:28:16 UTC on 2036-02-07 (RFC 6733, 4.3.1): one second later is value 1."""
    assert decode_ccr(message(u32(55, 1))).event_timestamp == 2_085_978_497


def mutated(original: bytes, numbers: random.Random) -> bytes:
    """Some octets of it changed, taken out or put in, behind the header."""
    body = bytearray(original[20:])
    for _ in range(numbers.randint(1, 3)):
        at = numbers.randrange(len(body))
        kind = numbers.randrange(4)
        if kind == 0:
            del body[at : at + 4 * numbers.randint(1, 3)]
        elif kind == 1:
            body[at:at] = numbers.randbytes(4 * numbers.randint(1, 3))
        else:
            body[at] = numbers.choice((0, 1, 0x7F, 0xFF, numbers.randrange(256)))
    return with_length(original[:20] + bytes(body) + bytes(-len(body) % 4))


def is_valid(request: bytes) -> bool:
    """Whether a request can be read."""
    try:
        decode_ccr(request)
    except ProtocolError:
        return False
    return True


@pytest.mark.statement(35)
async def test_mutated_messages(rig: Rig, pgw: Client) -> None:
    """Each that cannot be read is answered with an error; nothing crashes and no money moves.

    OCS_FUZZ_MESSAGES asks for another number of messages than a plain run's.
    """
    await rig.subscriber(100)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    numbers = random.Random(seed)
    original = message(
        called="tel:+77012223344", apn="internet", proxy_info=PROXIES[2], event_timestamp=1
    )
    bad = (each for each in iter(lambda: mutated(original, numbers), b"") if not is_valid(each))
    for start in range(0, FUZZED, 100):
        batch = [next(bad) for _ in range(min(100, FUZZED - start))]
        sent = [
            changed(one, 12, *(start + i + 1000).to_bytes(4, "big")) for i, one in enumerate(batch)
        ]
        pgw.write(b"".join(sent[:-1]))
        code = number_of(await pgw.raw(sent[-1]), 268)
        assert 3000 <= code < 6000
    assert await rig.money() == (10_000, 0)
    assert rig.count("ocs_diameter_decode_errors_total") == FUZZED
    # The connection and the server live.
    assert (await pgw.send(data(1, 0, mscc(10, None, ANY)))).result_code == 2001


@pytest.mark.statement(35)
async def test_mutated_headers(rig: Rig) -> None:
    """Whatever stands in a header: the connection may end, the server does not."""
    await rig.subscriber(100)
    numbers = random.Random(20_010)
    for _ in range(50):
        client = await rig.client()
        header = bytearray(message()[:20])
        for at in numbers.sample(range(20), 3):
            header[at] = numbers.randrange(256)
        client.write(bytes(header) + numbers.randbytes(40))
        await client.drop()
    assert await rig.money() == (10_000, 0)
    client = await rig.client()
    assert (await client.send(data(1, 0, mscc(10, None, ANY)))).result_code == 2001
