"""Answers are what other stacks read: order, flags, sizes, and one for any request that is broken."""

from dataclasses import replace
from typing import Any

import pytest
from diameter.message import Message

from ocs.diameter.avp import M_BIT, V_BIT, Found, i32, i64, octets, text, u32, u64, walk
from ocs.diameter.cca import encode_cca, error_answer
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.client_messages import decode_cca
from ocs.diameter.credit_control import CCA, CCR, FinalUnit, Money, MSCCAnswer, Units
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import (
    FLAG_E,
    FLAG_P,
    FLAG_T,
    HEADER_SIZE,
    ProtocolError,
    ResultCode,
    pack_header,
    parse_header,
)
from tests.support.messages import PLAIN, cut_out, plain_ccr

HOST, REALM = "ocs1.example.net", "ocs.example.net"
PROXIES = b"".join(octets(284, text(280, f"p{n}") + octets(33, b"s" * n)) for n in range(3))
HEAD = [263, 268, 264, 296, 258, 416, 415]


def avps(message: bytes) -> list[Found]:
    assert parse_header(message).length == len(message)
    return list(walk(message, HEADER_SIZE, len(message)))


def codes(message: bytes) -> list[int]:
    return [each[0] for each in avps(message)]


def answer(cca: CCA, **changes: object) -> bytes:
    return encode_cca(decode_ccr(plain_ccr(**changes)), cca, HOST, REALM)


def error_of(message: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode_ccr(message)
    return caught.value


def refusal(message: bytes) -> bytes:
    """The answer to a CCR that does not decode."""
    return error_answer(message, error_of(message), HOST, REALM)


@pytest.mark.parametrize("code", [4010, 4012, 5002, 5030, 5031])
def test_a_refusal_is_a_whole_cca_without_e(code: int) -> None:
    """4xxx and 5xxx name type, number and application, or strict clients drop them."""
    message = answer(CCA(code, error_message="why", failed_avp=u32(432, 1)), proxy_info=PROXIES)
    assert codes(message) == [*HEAD, 281, 279, 284, 284, 284]
    assert parse_header(message).flags == FLAG_P


@pytest.mark.parametrize("code", [3002, 3004])
def test_a_protocol_error_has_e_and_the_other_grammar(code: int) -> None:
    """Session-Id, Result-Code and the origin; nothing of a CCA (RFC 6733, 7.2)."""
    message = answer(CCA(code, (MSCCAnswer(1, (), 2001),), error_message="x"), proxy_info=PROXIES)
    assert codes(message) == [263, 268, 264, 296, 281, 284, 284, 284]
    assert parse_header(message).flags == FLAG_P | FLAG_E


@pytest.mark.parametrize("flags", [0x80, 0xC0, 0xD0, 0xCF])
def test_p_is_copied_and_r_t_and_reserved_bits_are_clear(flags: int) -> None:
    """As are the identifiers."""
    header = parse_header(answer(CCA(2001), flags=flags, hop_by_hop=7, end_to_end=2**32 - 1))
    assert header.flags == flags & FLAG_P
    assert (header.command, header.application) == (272, 4)
    assert (header.hop_by_hop, header.end_to_end) == (7, 2**32 - 1)


def test_error_message_has_no_m() -> None:
    """RFC 6733, 7.3: with M it would be an AVP nobody has to know, refused."""
    found = next(each for each in avps(answer(CCA(5030, error_message="x"))) if each[0] == 281)
    assert found[2] == 0


def trigger_type(value: int) -> bytes:
    return u32(870, value, vendor=TGPP)


def amount(digits: int, exponent: int, currency: int) -> bytes:
    return octets(445, i64(447, digits) + i32(429, exponent)) + u32(425, currency)


def service(**changes: Any) -> bytes:
    """The data of the one MSCC in an answer with these parts."""
    message = answer(CCA(2001, (replace(MSCCAnswer(10, (), 2001), **changes),)))
    (found,) = (each for each in avps(message) if each[0] == 456)
    data = message[found[3] : found[4]]
    head = u32(432, 10) + u32(268, 2001)
    assert data.startswith(head) or changes.get("gsu") is not None
    return data.removeprefix(head)


def test_terminate_holds_its_action_and_nothing_else() -> None:
    """It takes no further AVPs (RFC 8506, 8.34), whatever is configured for other actions."""
    expected = octets(430, u32(449, 0))
    assert service(final_unit=FinalUnit()) == expected
    assert service(final_unit=FinalUnit(0, 2, "http://x", ("permit",), ("f",))) == expected
    assert expected in answer(CCA(2001, command_final_unit=FinalUnit(0, 2, "http://x")))


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_redirect_holds_its_server_with_type_and_address(kind: int) -> None:
    """Redirect-Server has both (RFC 8506, 8.37); filters let other traffic pass."""
    server = octets(434, u32(433, kind) + text(435, "http://topup.example.net"))
    final = FinalUnit(1, kind, "http://topup.example.net")
    assert service(final_unit=final) == octets(430, u32(449, 1) + server)
    rule = "permit in ip from any to 192.0.2.1"
    filtered = replace(final, filter_rules=(rule,), filter_ids=("dns",))
    expected = u32(449, 1) + text(438, rule) + text(11, "dns") + server
    assert service(final_unit=filtered) == octets(430, expected)


def test_an_address_without_a_type_is_a_url() -> None:
    """A Redirect-Server without its type would be refused."""
    server = octets(434, u32(433, 2) + text(435, "http://x"))
    assert service(final_unit=FinalUnit(1, None, "http://x")) == octets(430, u32(449, 1) + server)


def test_restrict_access_holds_filters_and_no_server() -> None:
    """Rules and names of filters, in order."""
    final = FinalUnit(2, 2, "http://x", ("permit a", "permit b"), ("f1", "f2"))
    filters = text(438, "permit a") + text(438, "permit b") + text(11, "f1") + text(11, "f2")
    assert service(final_unit=final) == octets(430, u32(449, 2) + filters)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"time_threshold": 30}, u32(868, 30, vendor=TGPP)),
        ({"volume_threshold": 2**32 - 1}, u32(869, 2**32 - 1, vendor=TGPP)),
        ({"volume_threshold": 2**32}, u32(869, 2**32 - 1, vendor=TGPP)),
        ({"unit_threshold": 1}, u32(1226, 1, vendor=TGPP)),
        ({"unit_threshold": 2**53}, u32(1226, 2**32 - 1, vendor=TGPP)),
        ({"holding_seconds": 0}, u32(871, 0, vendor=TGPP)),
        ({"consumption_seconds": 5}, u32(881, 5, vendor=TGPP)),
        ({"trigger": ()}, bytes.fromhex("000004f0 c000000c 000028af")),
        ({"trigger": (4, 18)}, octets(1264, trigger_type(4) + trigger_type(18), vendor=TGPP)),
        ({"refund_information": b"7.1.ab"}, octets(2022, b"7.1.ab", vendor=TGPP)),
    ],
)  # fmt: skip
def test_quota_control_is_3gpp_with_v_and_m(changes: dict[str, object], expected: bytes) -> None:
    """TS 32.299, 7.2: a threshold has 32 bits; an empty Trigger is a group of length 12, V and M set."""
    assert expected[4] == V_BIT | M_BIT
    assert service(**changes) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1_790_000_000, 3_998_988_800), (2_085_978_495, 2**32 - 1), (2_085_978_496, 0)],
)
def test_a_tariff_change_stands_in_the_grant(seconds: int, expected: int) -> None:
    """Time counts from 1900 and wraps in 2036 (RFC 6733, 4.3.1); without a grant there is none."""
    grant = octets(431, u64(421, 5) + u32(451, expected))
    assert service(gsu=Units(total_octets=5), tariff_time_change=seconds).startswith(grant)
    assert service(tariff_time_change=seconds) == b""


def test_money_is_granted_with_its_exponent() -> None:
    """Always said, also where it is 0; the currency where it is known."""
    value = octets(445, i64(447, 1250) + i32(429, -2))
    granted = service(gsu=Units(money=Money(1250, -2, 398)))
    assert granted.startswith(octets(431, octets(413, value + u32(425, 398))))
    bare = octets(413, octets(445, i64(447, 5) + i32(429, 0)))
    assert service(gsu=Units(money=Money(5))).startswith(octets(431, bare))


@pytest.mark.parametrize(
    ("cca", "expected"),
    [
        (CCA(2001, direct_debiting_failure_handling=0), u32(428, 0)),
        (CCA(2001, direct_debiting_failure_handling=1), u32(428, 1)),
        (CCA(2001, check_balance_result=0), u32(422, 0)),
        (CCA(2001, check_balance_result=1), u32(422, 1)),
        (CCA(2001, low_balance=1), u32(2020, 1, vendor=TGPP)),
        (CCA(2001, cost=(5, -2, 398)), octets(423, amount(5, -2, 398))),
        (CCA(2001, remaining_balance=(-5, 0, 414)), octets(2021, amount(-5, 0, 414), vendor=TGPP)),
        (CCA(2001, refund_information=b"7.1.ab"), octets(2022, b"7.1.ab", 0, TGPP)),
    ],
)  # fmt: skip
def test_what_stands_beside_the_services(cca: CCA, expected: bytes) -> None:
    """Amounts have value and currency; where the grammar has no Refund-Information it carries no M."""
    message = answer(cca)
    assert message.endswith(u32(415, PLAIN.request_number) + expected)
    refusal = answer(replace(cca, result_code=3004))
    assert codes(refusal) == [263, 268, 264, 296]


def test_services_are_answered_exactly_as_asked() -> None:
    """Group and identifiers as in the request, left out where it left them out; each has a code."""
    services = (
        MSCCAnswer(10, (1, 2), 2001, Units(total_octets=5), 600, None, None, 3),
        MSCCAnswer(None, (), 4012),
        MSCCAnswer(7, (), 2001, Units(time=60), 90, FinalUnit(), 20),
    )
    message = answer(CCA(2001, services))
    assert decode_cca(message).mscc == services
    assert octets(456, u32(268, 4012)) in message
    assert u32(869, 3, vendor=10415) in message


def test_everything_at_command_level_is_read_back() -> None:
    """Sub-session, failure handling, failover, units and cost."""
    cca = CCA(
        2001,
        command_gsu=Units(1, 2, 3, 4, 5),
        command_validity_seconds=9,
        command_final_unit=FinalUnit(),
        failure_handling=2,
        session_failover=1,
        cost=(-5, -2, 398),
    )
    message = answer(cca, sub_session_id=77)
    found = decode_cca(message)
    assert found.command_gsu == Units(1, 2, 3, 4, 5)
    assert (found.failure_handling, found.session_failover) == (2, 1)
    assert found.cost == (-5, -2, 398)
    for avp in (u64(419, 77), u32(448, 9), octets(430, u32(449, 0))):
        assert avp in message


# --- requests that could not be read ------------------------------------------------------------------


def test_a_broken_ccr_with_type_and_number_gets_a_cca() -> None:
    """5xxx without E, with what a client matches its request by."""
    message = refusal(plain_ccr(octets(99_999, b"x") + PROXIES))
    assert codes(message) == [*HEAD, 281, 279, 284, 284, 284]
    assert parse_header(message).flags == FLAG_P
    found = decode_cca(message)
    assert (found.result_code, found.request_type, found.request_number) == (5001, 2, 7)
    assert found.session_id == PLAIN.session_id
    assert found.failed_avp == octets(99_999, b"x")
    assert found.proxy_info == PROXIES


@pytest.mark.parametrize("lost", [u32(416, 2), u32(415, 7), octets(263, PLAIN.session_id)])
def test_without_type_number_or_session_the_answer_has_e(lost: bytes) -> None:
    """Where no CCA can be built: the grammar of an answer-message (RFC 6733, 7.2)."""
    message = refusal(cut_out(plain_ccr(PROXIES), lost))
    assert parse_header(message).flags == FLAG_P | FLAG_E
    assert decode_cca(message).result_code == ResultCode.MISSING_AVP
    assert decode_cca(message).proxy_info == PROXIES
    assert not {258, 415, 416} & set(codes(message))


def test_a_protocol_error_of_a_ccr_has_e() -> None:
    """3xxx always has it, whatever could be found."""
    error = ProtocolError(ResultCode.REALM_NOT_SERVED, "not here")
    message = error_answer(plain_ccr(flags=0x80 | FLAG_T), error, HOST, REALM)
    assert parse_header(message).flags == FLAG_E
    assert codes(message) == [263, 268, 264, 296, 281]


def test_another_command_is_answered_as_itself() -> None:
    """Command and application come back; 3001 and 3007 are for messages we do not know."""
    request = pack_header(20, 0xC0, 275, 16_777_238, 5, 6)
    error = ProtocolError(ResultCode.APPLICATION_UNSUPPORTED, "no")
    header = parse_header(error_answer(request, error, HOST, REALM))
    assert (header.command, header.application, header.hop_by_hop) == (275, 16_777_238, 5)
    assert header.flags == FLAG_P | FLAG_E


@pytest.mark.parametrize(
    ("command", "application", "code", "flags"),
    [
        (280, 0, 5014, 0),
        (282, 0, 5014, 0),
        (280, 0, 3008, FLAG_E),
        (280, 4, 5014, FLAG_E),
        (272, 0, 5011, FLAG_E),
        (275, 4, 5011, FLAG_E),
    ],
)
def test_e_stands_where_no_other_grammar_fits(
    command: int, application: int, code: int, flags: int
) -> None:
    """A DWA and a DPA need nothing but the origin and the result (RFC 6733, 5.4.2 and 5.5.2)."""
    avps = plain_ccr()[HEADER_SIZE:]
    request = pack_header(HEADER_SIZE + len(avps), 0x80, command, application, 5, 6) + avps
    message = error_answer(request, ProtocolError(code, "no"), HOST, REALM)
    assert parse_header(message).flags == flags
    assert not {258, 415, 416} & set(codes(message))


def test_what_is_echoed_of_a_broken_request_is_well_formed() -> None:
    """A type of three octets or flags that are reserved do not come back."""
    bad_size = plain_ccr(PROXIES).replace(u32(416, 2), octets(416, b"\0\0\2"))
    assert parse_header(refusal(bad_size)).flags & FLAG_E
    reserved = plain_ccr(octets(99_999, b"")).replace(u32(416, 2), u32(416, 2, 0x7F))
    assert u32(416, 2) in refusal(reserved)


@pytest.mark.parametrize(
    "message",
    [
        plain_ccr(session_id=b"x" * 1100),
        plain_ccr(octets(455, b"12")),
        plain_ccr(b"\0\0\1\xa0\xc0\0\0\x10" + bytes(8)),
        plain_ccr(octets(456, octets(432, b"\0\0\0\0")[:-4])),
        cut_out(plain_ccr(), text(461, PLAIN.service_context_id)),
        plain_ccr(request_type=9),
    ],
)
def test_other_stacks_read_our_refusals(message: bytes) -> None:
    """Failed-AVP is well formed down to the last octet: strict parsers drop anything else."""
    refused = refusal(message)
    failed = decode_cca(refused).failed_avp
    assert len(list(walk(failed, 0, len(failed)))) == 1
    assert Message.from_bytes(refused).result_code == error_of(message).result_code


def test_a_request_without_a_body_is_answered() -> None:
    """The header is enough."""
    request = pack_header(20, 0xC0, 272, 4, 1, 2)
    assert decode_cca(refusal(request)).result_code == ResultCode.MISSING_AVP


def test_decoding_does_not_share_state_between_requests() -> None:
    """Two requests, two values."""
    first, second = decode_ccr(plain_ccr()), decode_ccr(plain_ccr(request_number=8))
    assert isinstance(first, CCR)
    assert (first.request_number, second.request_number) == (7, 8)
