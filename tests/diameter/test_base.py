"""Base messages: what we write other stacks read, what they write we read (RFC 6733, 5.3 to 5.5)."""

import pytest
from diameter.message import Message
from diameter.message.commands import (
    CapabilitiesExchangeAnswer,
    CapabilitiesExchangeRequest,
    DeviceWatchdogAnswer,
    DeviceWatchdogRequest,
    DisconnectPeerAnswer,
    DisconnectPeerRequest,
)

from ocs.diameter import base
from ocs.diameter.avp import M_BIT, example, octets, text, u32, walk
from ocs.diameter.base import CapabilitiesExchange, LocalNode, check_lengths, parse_cer
from ocs.diameter.framing import (
    CER,
    DPR,
    DWR,
    FLAG_E,
    FLAG_P,
    FLAG_R,
    FLAG_T,
    HEADER_SIZE,
    Header,
    ProtocolError,
    ResultCode,
    pack_header,
    parse_header,
)
from tests.support.messages import cut_out, with_length

LOCAL = LocalNode("ocs1.example.net", "ocs.example.net", "Online", 1_790_000_000)
CLIENT = LocalNode("pgw1.example.net", "example.net", "Gateway")
ADDRESSES = ["192.0.2.1", "2001:db8::1"]
REQUEST = Header(1, 20, FLAG_R, CER, 0, 0xFFFFFFFF, 7)
CER_MESSAGE = base.cer(CLIENT, 1, 2)

# The octets of a watchdog: pgw1.example.net asks, ocs1.example.net answers.
DWR_OCTETS = bytes.fromhex(
    "01000040 80000118 00000000 00000011 00000022"
    "00000108 40000018 70677731 2e657861 6d706c65 2e6e6574"
    "00000128 40000013 6578616d 706c652e 6e657400"
)
DWA_OCTETS = bytes.fromhex(
    "01000058 00000118 00000000 00000011 00000022"
    "0000010c 4000000c 000007d1"
    "00000108 40000018 6f637331 2e657861 6d706c65 2e6e6574"
    "00000128 40000013 6578616d 706c652e 6e657400"
    "00000116 4000000c 6ab13b80"
)


def faulty(message: bytes) -> ProtocolError:
    """The error of reading a CER."""
    with pytest.raises(ProtocolError) as caught:
        parse_cer(message)
    return caught.value


def flags_and_codes(message: bytes) -> list[tuple[int, int]]:
    """(code, flags) of the AVPs, in order."""
    return [(found[0], found[2]) for found in walk(message, HEADER_SIZE, len(message))]


def cer_with(*avps: bytes) -> bytes:
    """A CER of these AVPs alone."""
    return with_length(pack_header(20, FLAG_R, CER, 0, 1, 2) + b"".join(avps))


HOST, REALM = text(264, CLIENT.origin_host), text(296, CLIENT.origin_realm)


# --- a CER that cannot be accepted --------------------------------------------------------------------


@pytest.mark.parametrize("avp", [HOST, REALM])
def test_a_cer_without_an_origin_is_5005(avp: bytes) -> None:
    """Failed-AVP is an example of what is missing (RFC 6733, 7.5)."""
    error = faulty(cut_out(CER_MESSAGE, avp))
    code = int.from_bytes(avp[:4], "big")
    assert (error.result_code, error.failed_avp) == (5005, example(code))


def test_an_origin_of_another_vendor_is_none() -> None:
    """The same code with a vendor is another AVP."""
    assert faulty(cer_with(text(264, "x", 0, 9999), REALM)).failed_avp == example(264)


@pytest.mark.parametrize("avp", [text(264, "second.example.net"), text(296, "x")])
def test_two_origins_are_5009_with_the_second(avp: bytes) -> None:
    """Who the peer is must not be a guess."""
    error = faulty(with_length(CER_MESSAGE + avp))
    assert (error.result_code, error.failed_avp) == (5009, avp)


@pytest.mark.parametrize("value", [b"", b"p\ngw", b"p\0", "é".encode(), b"\xff", b"x" * 256])
@pytest.mark.parametrize("code", [264, 296])
def test_an_identity_is_1_to_255_printable_octets(code: int, value: bytes) -> None:
    """It becomes part of keys and log lines; Failed-AVP is what came."""
    other = REALM if code == 264 else HOST
    error = faulty(cer_with(octets(code, value), other))
    assert (error.result_code, error.failed_avp) == (5004, octets(code, value))
    longest = cer_with(octets(code, b"x" * 255), other)
    assert "x" * 255 in (parse_cer(longest).origin_host, parse_cer(longest).origin_realm)


@pytest.mark.parametrize(
    ("more", "failed"),
    [
        (b"\0\0\1\x16\x40\0\0\x07" + bytes(4), u32(278, 0)),
        (b"\0\0\1\x16\x40\0\0\xff" + bytes(4), u32(278, 0)),
        (octets(278, b"123"), u32(278, 0)),
        (octets(258, bytes(8)), u32(258, 0)),
        (octets(260, u32(258, 4)[:-4]), u32(258, 0)),
        (octets(260, b"1234"), octets(int.from_bytes(b"1234", "big"), b"", 0)),
        (octets(869, b"12", vendor=10415), u32(869, 0, vendor=10415)),
    ],
)
def test_a_length_that_cannot_be_is_5014(more: bytes, failed: bytes) -> None:
    """Also inside the vendor's group; nothing of it reaches the library."""
    error = faulty(with_length(CER_MESSAGE + more))
    assert (error.result_code, error.failed_avp) == (5014, failed)


def test_a_peer_that_insists_on_tls_inside_is_5017() -> None:
    """Inband-Security-Id 1 alone: TLS would begin after the CEA, and is not offered (RFC 6733, 5.3)."""
    error = faulty(cer_with(HOST, REALM, u32(258, 4), u32(299, 1)))
    assert (error.result_code, error.failed_avp) == (ResultCode.NO_COMMON_SECURITY, b"")


def test_lengths_are_checked_in_every_base_message() -> None:
    """And (code, vendor) of what is there comes back."""
    assert check_lengths(DWA_OCTETS) == [(268, 0), (264, 0), (296, 0), (278, 0)]
    with pytest.raises(ProtocolError) as caught:
        check_lengths(with_length(DWR_OCTETS + octets(278, b"")))
    assert caught.value.result_code == ResultCode.INVALID_AVP_LENGTH


def test_sizes_of_other_vendors_are_not_insisted_upon() -> None:
    """Their dictionaries differ from ours; the same code means something else to each."""
    message = cer_with(HOST, REALM, octets(278, b"x", vendor=9), octets(1, b"", vendor=13_019))
    assert parse_cer(message).origin_state_id is None


# --- a CER that is accepted ---------------------------------------------------------------------------


def test_our_own_cer_is_read_back() -> None:
    """By the other side of this module."""
    expected = CapabilitiesExchange(
        "ocs1.example.net", "ocs.example.net", frozenset([4]), 1790000000
    )
    assert parse_cer(base.cer(LOCAL, 1, 2)) == expected


@pytest.mark.parametrize(
    ("avps", "applications", "is_common"),
    [
        ([u32(258, 4)], {4}, True),
        ([u32(259, 4)], {4}, True),
        ([octets(260, u32(266, 10415) + u32(258, 4))], {4}, True),
        ([octets(260, u32(258, 4) + u32(266, 0))], {4}, True),
        ([u32(258, 0xFFFFFFFF)], {0xFFFFFFFF}, True),
        ([u32(258, 16_777_238), u32(259, 3), u32(258, 4)], {3, 4, 16_777_238}, True),
        ([u32(258, 16_777_238), octets(260, u32(266, 4))], {16_777_238}, False),
        ([u32(258, 4, vendor=9)], set(), False),
        ([], set(), False),
    ],
)
def test_common_applications(avps: list[bytes], applications: set[int], is_common: bool) -> None:
    """From both levels; a relay has everything in common (RFC 6733, 5.3 and 2.4)."""
    cer = parse_cer(cer_with(HOST, REALM, *avps))
    assert cer.applications == applications
    assert cer.has_credit_control is is_common


@pytest.mark.parametrize(
    "more",
    [
        u32(299, 0),
        u32(299, 1) + u32(299, 0),
        u32(267, 1, 0),
        octets(257, b"\0\1" + bytes(4)),
        octets(99_999, b"x"),
        u32(265, 10415) + u32(265, 13_019),
    ],
)
def test_what_a_cer_holds_beside_is_accepted(more: bytes) -> None:
    """Inband-Security-Id, firmware, vendors, AVPs that nobody knows; and no Host-IP-Address at all."""
    assert parse_cer(cer_with(HOST, REALM, u32(258, 4), more)).has_credit_control


def test_a_cer_of_the_library_is_read() -> None:
    """As another implementation writes it."""
    message = CapabilitiesExchangeRequest()
    message.origin_host, message.origin_realm = b"mme.example.net", b"example.net"
    message.host_ip_address = ["192.0.2.7"]
    message.vendor_id, message.product_name = 10415, "MME"
    message.origin_state_id = 3
    message.auth_application_id = [4, 16_777_251]
    message.inband_security_id = [0]
    expected = CapabilitiesExchange("mme.example.net", "example.net", frozenset([4, 16_777_251]), 3)
    assert parse_cer(message.as_bytes()) == expected


# --- what we write ------------------------------------------------------------------------------------


def test_a_cea_has_what_other_stacks_require() -> None:
    """Each required AVP once, Result-Code first, M as the table of RFC 6733, 4.5 says: not on
    Product-Name; application 4 at the top and in the vendor's group."""
    message = base.cea(LOCAL, REQUEST, ADDRESSES, 2001)
    expected = [268, 264, 296, 257, 257, 266, 269, 278, 265, 258, 260]
    assert flags_and_codes(message) == [(code, 0 if code == 269 else M_BIT) for code in expected]
    assert octets(260, u32(266, 10415) + u32(258, 4)) in message
    read = Message.from_bytes(message)
    assert isinstance(read, CapabilitiesExchangeAnswer)
    assert (read.result_code, read.vendor_id, read.product_name) == (2001, 0, "Online")
    assert (read.origin_host, read.origin_realm) == (b"ocs1.example.net", b"ocs.example.net")
    assert read.host_ip_address == [(1, "192.0.2.1"), (2, "2001:db8::1")]
    assert (read.supported_vendor_id, read.auth_application_id) == ([10415], [4])
    assert read.origin_state_id == 1_790_000_000


@pytest.mark.parametrize(
    ("code", "flags"),
    [(2001, 0), (3010, FLAG_E), (3999, FLAG_E), (4000, 0), (5010, 0), (5012, 0), (5005, 0)],
)
def test_e_goes_with_3xxx(code: int, flags: int) -> None:
    """And the CEA is whole all the same."""
    message = base.cea(LOCAL, REQUEST, ["192.0.2.1"], code)
    assert parse_header(message).flags == flags
    assert {264, 296, 257, 266, 269} <= {found[0] for found in flags_and_codes(message)}


def test_a_cea_says_what_was_wrong() -> None:
    """Error-Message has no M (RFC 6733, 7.3); Failed-AVP holds the AVP octet for octet."""
    failed = octets(264, b"p\xff", 0x7F)
    message = base.cea(LOCAL, REQUEST, ["192.0.2.1"], 5004, "why", failed)
    assert text(281, "why", 0) in message
    assert octets(279, failed) in message
    assert Message.from_bytes(message).error_message == "why"


def test_a_link_local_address_loses_its_scope() -> None:
    """fe80::1%eth0 is an IPv6 address and no telephone number."""
    message = base.cea(LOCAL, REQUEST, ["fe80::1%eth0"], 2001)
    assert Message.from_bytes(message).host_ip_address == [(2, "fe80::1")]


@pytest.mark.parametrize("flags", [FLAG_R, FLAG_R | FLAG_P, FLAG_R | FLAG_P | FLAG_T | 0xF])
def test_an_answer_keeps_the_ids_and_p(flags: int) -> None:
    """R, T and reserved bits are clear (RFC 6733, 6.2)."""
    for command, write in ((CER, None), (DWR, base.dwa), (DPR, base.dpa)):
        request = Header(1, 20, flags, command, 0, 0xFFFFFFFF, 7)
        answer = write(LOCAL, request) if write else base.cea(LOCAL, request, ["192.0.2.1"], 2001)
        header = parse_header(answer)
        assert (header.version, header.command, header.application) == (1, command, 0)
        assert (header.hop_by_hop, header.end_to_end) == (0xFFFFFFFF, 7)
        assert header.flags == flags & FLAG_P
        assert header.length == len(answer)


def test_a_watchdog_octet_for_octet() -> None:
    """DWR of a client without state, DWA of a server with it."""
    assert base.dwr(CLIENT, 0x11, 0x22) == DWR_OCTETS
    server = LocalNode("ocs1.example.net", "example.net", origin_state_id=1_790_000_000)
    assert base.dwa(server, parse_header(DWR_OCTETS)) == DWA_OCTETS


def test_our_cer_has_what_other_stacks_require() -> None:
    """The list of a CEA without its result (RFC 6733, 5.3.1)."""
    message = base.cer(LOCAL, 1, 2, "192.0.2.7")
    expected = [264, 296, 257, 266, 269, 278, 265, 258, 260]
    assert flags_and_codes(message) == [(code, 0 if code == 269 else M_BIT) for code in expected]
    read = Message.from_bytes(message)
    assert (read.vendor_id, read.product_name) == (0, "Online")
    assert read.host_ip_address == [(1, "192.0.2.7")]
    assert (read.supported_vendor_id, read.auth_application_id) == ([10415], [4])
    assert octets(260, u32(266, 10415) + u32(258, 4)) in message


def test_requests_are_read_by_the_library() -> None:
    """R and nothing else in the flags, application 0; the origin in each."""
    for message, kind in (
        (base.cer(LOCAL, 5, 6), CapabilitiesExchangeRequest),
        (base.dwr(LOCAL, 5, 6), DeviceWatchdogRequest),
        (base.dpr(LOCAL, 5, 6, base.BUSY), DisconnectPeerRequest),
    ):
        header = parse_header(message)
        assert (header.flags, header.application) == (FLAG_R, 0)
        assert (header.hop_by_hop, header.end_to_end) == (5, 6)
        read = Message.from_bytes(message)
        assert isinstance(read, kind)
        assert (read.origin_host, read.origin_realm) == (b"ocs1.example.net", b"ocs.example.net")


def test_watchdog_and_disconnect_are_read_by_the_library() -> None:
    """DWA names our state, DPR its cause, DPA its result."""
    dwa = Message.from_bytes(base.dwa(LOCAL, Header(1, 20, FLAG_R, DWR, 0, 1, 2)))
    assert isinstance(dwa, DeviceWatchdogAnswer)
    assert (dwa.result_code, dwa.origin_state_id) == (2001, 1_790_000_000)
    causes = (base.REBOOTING, base.BUSY, base.DO_NOT_WANT_TO_TALK_TO_YOU)
    for number, cause in enumerate(causes):
        assert Message.from_bytes(base.dpr(LOCAL, 1, 2, cause)).disconnect_cause == number
    dpa = Message.from_bytes(base.dpa(LOCAL, Header(1, 20, FLAG_R, DPR, 0, 1, 2)))
    assert isinstance(dpa, DisconnectPeerAnswer)
    assert (dpa.result_code, dpa.origin_host) == (2001, b"ocs1.example.net")
    assert dpa.origin_realm == b"ocs.example.net"
    assert not dpa.header.is_error


def test_an_unknown_state_is_not_told() -> None:
    """Origin-State-Id 0 gives no information and is left out (RFC 6733, 8.16)."""
    assert 278 not in {found[0] for found in flags_and_codes(base.dwr(CLIENT, 1, 2))}
    assert 278 not in {found[0] for found in flags_and_codes(base.cer(CLIENT, 1, 2))}
