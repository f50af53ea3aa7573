"""A CCR is read to values, or refused with the code and the Failed-AVP that the standard names."""

from dataclasses import replace

import pytest

from ocs.diameter.avp import example, octets, text, u32, u64
from ocs.diameter.ccr import MAX_MSCC, decode_ccr
from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.credit_control import MSCC, USU, Money, Units
from ocs.diameter.dictionary import TGPP, TYPES, AvpType
from ocs.diameter.framing import ProtocolError, ResultCode
from ocs.diameter.units import UNITS_LIMIT
from tests.support.messages import PLAIN, cut_out, plain_ccr, with_length

UNKNOWN_M = octets(99_999, b"x")
REQUIRED = {
    263: octets(263, PLAIN.session_id),
    264: text(264, PLAIN.origin_host),
    296: text(296, PLAIN.origin_realm),
    283: text(283, PLAIN.destination_realm),
    461: text(461, PLAIN.service_context_id),
    416: u32(416, PLAIN.request_type),
    415: u32(415, PLAIN.request_number),
}


def refused(message: bytes) -> ProtocolError:
    """The error of decoding `message`."""
    with pytest.raises(ProtocolError) as caught:
        decode_ccr(message)
    assert not caught.value.is_fatal
    return caught.value


@pytest.mark.parametrize("code", REQUIRED)
def test_a_missing_avp_is_5005_with_an_example(code: int) -> None:
    """Right code, M, and zeros of the smallest size (RFC 6733, 7.5)."""
    error = refused(cut_out(plain_ccr(), REQUIRED[code]))
    assert error.result_code == ResultCode.MISSING_AVP
    assert error.failed_avp == example(code)


@pytest.mark.parametrize("code", REQUIRED)
def test_a_required_avp_of_another_vendor_is_missing(code: int) -> None:
    """The same code with a vendor is another AVP."""
    foreign = octets(code, b"abcd", 0, 9999)
    error = refused(cut_out(plain_ccr(foreign), REQUIRED[code]))
    assert error.result_code == ResultCode.MISSING_AVP


@pytest.mark.parametrize("code", REQUIRED)
def test_twice_is_5009_with_the_second(code: int) -> None:
    """Which of two counts would be a guess."""
    error = refused(plain_ccr(REQUIRED[code]))
    assert error.result_code == ResultCode.AVP_OCCURS_TOO_MANY_TIMES
    assert error.failed_avp == REQUIRED[code]


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"session_id": b""}, example(263)),
        ({"session_id": b"x" * 1025}, example(263)),
        ({"origin_host": ""}, text(264, "")),
        ({"origin_host": "p\ngw"}, text(264, "p\ngw")),
        ({"origin_realm": "é"}, text(296, "é")),
        ({"destination_realm": "x" * 256}, text(283, "x" * 256)),
        ({"request_type": 0}, u32(416, 0)),
        ({"request_type": 9}, u32(416, 9)),
        ({"request_type": 2**32 - 1}, u32(416, 2**32 - 1)),
        ({"request_type": 4, "requested_action": 7}, u32(436, 7)),
    ],
)
def test_a_value_out_of_range_is_5004(changes: dict[str, object], failed: bytes) -> None:
    """Failed-AVP is the AVP as it came, but never one cut short."""
    error = refused(plain_ccr(**changes))
    assert error.result_code == ResultCode.INVALID_AVP_VALUE
    assert error.failed_avp == failed


def test_another_application_is_5004() -> None:
    """Auth-Application-Id is 4 where it stands."""
    message = plain_ccr().replace(u32(258, 4), u32(258, 5))
    assert refused(message).failed_avp == u32(258, 5)


def test_text_that_is_not_utf8_is_5004() -> None:
    """Service-Context-Id and Subscription-Id-Data are UTF8String."""
    bad = octets(444, b"\xff")
    for more in (octets(443, u32(450, 0) + bad), octets(443, bad + u32(450, 0))):
        error = refused(plain_ccr(more))
        assert (error.result_code, error.failed_avp) == (ResultCode.INVALID_AVP_VALUE, bad)


@pytest.mark.parametrize("more", [octets(455, b"123"), octets(456, octets(432, bytes(8)))])
def test_a_wrong_size_is_5014_read_or_not(more: bytes) -> None:
    """An Unsigned32 has four octets."""
    assert refused(plain_ccr(more)).result_code == ResultCode.INVALID_AVP_LENGTH


def test_an_event_without_requested_action_is_5005() -> None:
    """RFC 8506, 8.41; in other requests the AVP has no meaning, whatever it says."""
    error = refused(plain_ccr(request_type=4))
    assert (error.result_code, error.failed_avp) == (ResultCode.MISSING_AVP, u32(436, 0))
    assert decode_ccr(plain_ccr(requested_action=77)).requested_action == 77


@pytest.mark.parametrize(
    ("members", "code"), [(text(444, "1"), 450), (u32(450, 0), 444), (b"", 450)]
)
def test_half_a_subscription_id_is_5005_in_its_group(members: bytes, code: int) -> None:
    """The parent goes around the example (RFC 6733, 7.5)."""
    error = refused(plain_ccr(octets(443, members)))
    assert error.result_code == ResultCode.MISSING_AVP
    assert error.failed_avp == octets(443, example(code))


@pytest.mark.parametrize(
    "members",
    [
        u32(432, 10) + u32(432, 11),
        octets(437, b"") + octets(437, b""),
        octets(446, u64(421, 5) + u64(421, 1)),
        octets(437, u32(420, 5) + u32(420, 5)),
        octets(2022, b"1.2.a", vendor=TGPP) + octets(2022, b"1.2.b", vendor=TGPP),
    ],
)
def test_two_values_where_money_hangs_on_one_are_5009(members: bytes) -> None:
    """Which group, quota, usage or refund is meant must not be a guess."""
    error = refused(plain_ccr(octets(456, members)))
    assert error.result_code == ResultCode.AVP_OCCURS_TOO_MANY_TIMES


@pytest.mark.parametrize("again", [u32(450, 1), text(444, "2")])
def test_two_values_in_a_subscription_id_are_5009(again: bytes) -> None:
    """Who pays must not be a guess."""
    error = refused(plain_ccr(octets(443, u32(450, 0) + text(444, "1") + again)))
    assert (error.result_code, error.failed_avp) == (5009, again)


@pytest.mark.parametrize(
    "avp",
    [
        text(1, "u"),
        u32(55, 1),
        u32(258, 4),
        u32(278, 1),
        text(293, "ocs"),
        u32(295, 1),
        u64(419, 1),
        u32(436, 0),
        octets(437, b""),
        u32(439, 1),
        u32(455, 1),
        octets(411, b"leg", 0),
    ],
)
def test_what_may_stand_once_is_5009_when_it_stands_twice(avp: bytes) -> None:
    """All that RFC 8506, 3.1 has without a star."""
    base = cut_out(plain_ccr(), u32(258, 4))
    decode_ccr(with_length(base + avp))
    error = refused(with_length(base + avp + avp))
    assert (error.result_code, error.failed_avp) == (5009, avp)


def test_more_services_than_the_limit_are_5009() -> None:
    """64 pass, 65 do not."""
    service = octets(456, b"")
    assert len(decode_ccr(plain_ccr(service * MAX_MSCC)).mscc) == MAX_MSCC
    error = refused(plain_ccr(service * (MAX_MSCC + 1)))
    assert error.result_code == ResultCode.AVP_OCCURS_TOO_MANY_TIMES


def test_the_largest_amounts_and_the_edges_of_values_pass() -> None:
    """What is refused begins one further."""
    assert UNITS_LIMIT == 2**53
    largest = Units(2**32 - 1, 2**53 - 1, 2**53 - 1, 2**53 - 1, 2**53 - 1)
    ccr = replace(
        PLAIN,
        session_id=b"x" * 1024,
        origin_host="x",
        origin_realm="x" * 255,
        request_type=4,
        requested_action=3,
        mscc=(MSCC(2**32 - 1, (2**32 - 1,), None, (USU(largest),)),),
        multiple_services=1,
        command_service_identifier=7,
    )
    assert decode_ccr(encode_ccr(ccr)) == ccr
    error = refused(encode_ccr(replace(ccr, requested_action=4)))
    assert (error.result_code, error.failed_avp) == (ResultCode.INVALID_AVP_VALUE, u32(436, 4))


def test_the_order_of_checks_decides_not_the_place() -> None:
    """5014, 5001, 5005, 5009, then values (RFC 6733, 7.1.5 names one error only)."""
    bad_value = {"request_type": 9}
    twice = REQUIRED[415]
    lacking = cut_out(plain_ccr(twice + octets(455, b"1"), **bad_value), REQUIRED[461])
    assert refused(lacking).result_code == ResultCode.MISSING_AVP
    unknown = cut_out(plain_ccr(octets(456, UNKNOWN_M), **bad_value), REQUIRED[461])
    assert refused(unknown).result_code == ResultCode.AVP_UNSUPPORTED
    assert (
        refused(plain_ccr(twice, **bad_value)).result_code == ResultCode.AVP_OCCURS_TOO_MANY_TIMES
    )
    broken = plain_ccr(octets(456, UNKNOWN_M + b"abcd"), **bad_value)
    assert refused(broken).result_code == ResultCode.INVALID_AVP_LENGTH


def test_a_value_of_another_vendor_changes_nothing() -> None:
    """Neither group nor usage nor reason is read from an AVP that only shares the code."""
    usage = octets(446, u64(421, 5) + u64(421, 1, 0, 9999) + u32(872, 3, 0, 9999))
    ccr = decode_ccr(plain_ccr(octets(456, u32(432, 10) + u32(432, 99, 0, 9999) + usage)))
    assert ccr.mscc == (MSCC(10, usu=(USU(Units(total_octets=5)),)),)


def test_a_whole_request_is_read_back() -> None:
    """Everything that charging reads, as a client writes it."""
    ccr = replace(
        PLAIN,
        session_id=b"0003-sessmgr;\x00{}\xff;1",
        destination_host="ocs1.example.net",
        request_type=1,
        request_number=0,
        sub_session_id=2**64 - 1,
        origin_state_id=5,
        event_timestamp=1_790_000_000,
        subscription_ids=((1, "401010000000001"), (0, "77010000001")),
        user_name="u@example.net",
        requested_action=0,
        termination_cause=1,
        mscc=(
            MSCC(10, (1, 2), Units(), (USU(Units(5, 9, 4, 5, 1), 3, 0),), 2, b"7.1.ab"),
            MSCC(None, (), None, ()),
            MSCC(20, (), Units(money=Money(1250, -2, 398)), (USU(Units(money=Money(3))),)),
        ),
        multiple_services=0,
        correlation_id=b"\x00leg",
        refund_information=b"7.1.cd",
        command_rsu=Units(time=60),
        command_usu=(USU(Units(time=1)), USU(Units(time=2), None, 1)),
        calling=("tel:+77010000001", "sip:a@example.net"),
        called="tel:+77050000001",
        role_of_node=1,
        apn="internet",
        serving_plmn="40101",
        rat_type=6,
        user_location=bytes.fromhex("82040110000104011000000001"),
        sgsn_address="192.0.2.1",
        ggsn_address="2001:db8::1",
        charging_id=2**32 - 1,
        ims_charging_id="icid-1",
        recipients=("77010000002", "77010000003"),
        originator="77010000001",
        messages=2,
        message_class=1,
        proxy_info=octets(284, text(280, "p") + octets(33, b"s")) * 2,
    )
    assert decode_ccr(encode_ccr(ccr)) == ccr


def test_what_real_clients_leave_out_or_add_is_accepted() -> None:
    """No Auth-Application-Id, no M on base AVPs, accounting AVPs with M, empty units."""
    more = u32(480, 2) + u32(485, 0) + octets(260, u32(266, TGPP) + u32(258, 4))
    message = cut_out(plain_ccr(more + octets(456, octets(437, b""))), u32(258, 4))
    message = message.replace(REQUIRED[264], text(264, PLAIN.origin_host, 0))
    assert decode_ccr(message).mscc == (MSCC(rsu=Units()),)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0x00000001, 2_085_978_497),  # 2036-02-07 06:28:17
        (0x80000000, -61_505_152),
        (3_998_988_800, 1_790_000_000),
        (0x7FFFFFFF, 4_233_462_143),
    ],
)
def test_time_wraps_in_2036(seconds: int, expected: int) -> None:
    """High bit clear: after the wrap (RFC 6733, 4.3.1)."""
    assert decode_ccr(plain_ccr(u32(55, seconds))).event_timestamp == expected


def test_a_subscription_id_extension_is_a_subscription_id() -> None:
    """RFC 8506, 8.58: one AVP for each type."""
    more = octets(659, text(660, "77010000001", 0), 0) + octets(659, text(661, "40101", 0), 0)
    assert decode_ccr(plain_ccr(more)).subscription_ids == ((0, "77010000001"), (1, "40101"))


def test_route_records_and_proxy_info_are_kept_in_order() -> None:
    """Routes to find a loop; each Proxy-Info octet for octet."""
    proxies = [octets(284, text(280, f"p{n}") + octets(33, bytes([n]))) for n in range(3)]
    more = text(282, "a") + proxies[0] + text(282, "b") + proxies[1] + proxies[2]
    ccr = decode_ccr(plain_ccr(more))
    assert ccr.route_records == ("a", "b")
    assert ccr.proxy_info == b"".join(proxies)


def test_every_number_read_without_a_size_check_has_a_size_in_the_dictionary() -> None:
    """The structure vouches for sizes of types that it knows: these must be among them."""
    four = (55, 258, 278, 295, 415, 416, 420, 425, 429, 432, 436, 439, 450, 452, 455)
    assert {TYPES[code, 0] for code in four} | {TYPES[872, TGPP]} == {AvpType.FOUR}
    assert {TYPES[code, 0] for code in (412, 414, 417, 419, 421, 447)} == {AvpType.EIGHT}


# --- refund information at command level, where no grammar has it -------------------------------------


def test_refund_information_at_command_level_is_the_first_that_says_something() -> None:
    """Clients without MSCC have no other place; what is odd there is passed over."""
    one, two = (octets(2022, value, 0, TGPP) for value in (b"1.2.a", b"1.2.b"))
    assert (
        decode_ccr(plain_ccr(octets(2022, b"", 0, TGPP) + one + two)).refund_information == b"1.2.a"
    )
    assert decode_ccr(plain_ccr(octets(2022, b"1.2.a", 0))).refund_information == b""
