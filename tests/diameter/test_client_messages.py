"""The client's side says what a client says and reads what a server answers, or refuses it."""

from dataclasses import replace
from typing import Any

import pytest
from diameter.message import Message
from diameter.message.commands import CreditControlAnswer, CreditControlRequest
from hypothesis import given, settings, strategies as st

from ocs.diameter.avp import i32, i64, octets, text, u32, u64
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.client_messages import Answer, decode_cca, encode_ccr
from ocs.diameter.credit_control import MSCC, USU, FinalUnit, Money, MSCCAnswer, Units
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import ProtocolError, ResultCode, pack_header, parse_header
from tests.support.messages import PLAIN, with_length


def cca(*avps: bytes, flags: int = 0x40) -> bytes:
    """A CCA of these AVPs."""
    return with_length(pack_header(20, flags, 272, 4, 7, 8) + b"".join(avps))


# --- reading ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "avp",
    [
        octets(268, b"123"),
        octets(416, bytes(8)),
        octets(456, u32(268, 2001)[:-4]),
        octets(456, octets(432, b"")),
        octets(431, octets(421, bytes(4))),
        octets(456, octets(431, octets(420, bytes(8)))),
        octets(456, octets(869, b"1", vendor=TGPP)),
        octets(456, octets(1226, bytes(8), vendor=TGPP)),
        octets(456, octets(1264, octets(870, b"1", vendor=TGPP), vendor=TGPP)),
        octets(456, octets(1264, octets(870, b"1", vendor=TGPP)[:-4], vendor=TGPP)),
        octets(456, octets(431, octets(451, bytes(8)))),
        octets(456, octets(430, octets(434, octets(433, b"1")))),
        octets(2020, b"1", vendor=TGPP),
        octets(2021, b"123", vendor=TGPP),
        octets(422, b""),
        octets(428, bytes(8)),
        octets(423, b"123"),
        b"\0\0\1\x0c\x40\0\0\0" + bytes(4),
    ],
)
def test_lengths_and_sizes_that_cannot_be_are_5014(avp: bytes) -> None:
    """A quota of three octets is none."""
    with pytest.raises(ProtocolError) as caught:
        decode_cca(cca(u32(268, 2001), avp))
    assert caught.value.result_code == ResultCode.INVALID_AVP_LENGTH


def test_an_error_message_that_is_not_utf8_is_5004() -> None:
    """As for any text."""
    with pytest.raises(ProtocolError) as caught:
        decode_cca(cca(octets(281, b"\xff", 0)))
    assert caught.value.result_code == ResultCode.INVALID_AVP_VALUE


@pytest.mark.parametrize("members", [b"", u32(449, 0, vendor=9)])
def test_a_final_unit_without_action_is_5005(members: bytes) -> None:
    """What to do at the end must not be a guess (RFC 8506, 8.34)."""
    with pytest.raises(ProtocolError) as caught:
        decode_cca(cca(octets(456, octets(430, members))))
    assert caught.value.result_code == ResultCode.MISSING_AVP
    assert caught.value.failed_avp == octets(430, u32(449, 0))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120), st.sampled_from([0, 456, 431, 423, 430, 413]))
def test_any_answer_is_read_or_refused(body: bytes, group: int) -> None:
    """Nothing but ProtocolError, at the top and in the groups."""
    try:
        answer = decode_cca(cca(octets(group, body) if group else body))
    except ProtocolError:
        return
    assert answer.header.hop_by_hop == 7


def test_everything_in_an_answer_is_read() -> None:
    """Octets as a server writes them."""
    proxies = octets(284, text(280, "p1") + octets(33, b"a")) + octets(284, text(280, "p2"))
    service = (
        octets(
            431,
            u32(420, 60) + u64(421, 5) + u64(412, 2) + u64(414, 3) + u64(417, 1) + u32(451, 1),
        )
        + u32(439, 1)
        + u32(439, 2)
        + u32(432, 10)
        + u32(448, 3600)
        + u32(268, 2001)
        + octets(430, u32(449, 0))
        + u32(868, 6, vendor=TGPP)
        + u32(869, 7, vendor=TGPP)
        + u32(1226, 8, vendor=TGPP)
        + u32(871, 9, vendor=TGPP)
        + u32(881, 10, vendor=TGPP)
        + octets(1264, u32(870, 4, vendor=TGPP) + u32(870, 2, vendor=TGPP), vendor=TGPP)
        + octets(2022, b"7.1.ab", vendor=TGPP)
    )
    server = octets(434, u32(433, 3) + text(435, "sip:topup@example.net"))
    money = octets(413, octets(445, i64(447, 7)) + u32(425, 398))
    message = cca(
        octets(263, b"s;\xff"),
        u32(268, 2001),
        u32(416, 1),
        u32(415, 0),
        u32(427, 1),
        u32(418, 1),
        octets(456, service),
        octets(456, u32(268, 4012) + octets(1264, b"", vendor=TGPP)),
        octets(431, u32(420, 9) + money),
        u32(448, 90),
        octets(430, u32(449, 1) + text(438, "permit") + text(11, "f1") + text(11, "f2") + server),
        u32(428, 1),
        u32(422, 1),
        u32(2020, 1, vendor=TGPP),
        octets(2021, octets(445, i64(447, -9) + i32(429, -3)) + u32(425, 414), vendor=TGPP),
        octets(2022, b"7.1.cd", 0, TGPP),
        octets(423, octets(445, i64(447, -5) + i32(429, -2)) + u32(425, 398)),
        text(281, "why", 0),
        octets(279, u32(432, 1)),
        proxies,
    )
    assert decode_cca(message) == Answer(
        header=parse_header(message),
        session_id=b"s;\xff",
        result_code=2001,
        request_type=1,
        request_number=0,
        failure_handling=1,
        session_failover=1,
        mscc=(
            MSCCAnswer(
                10,
                (1, 2),
                2001,
                Units(60, 5, 2, 3, 1),
                3600,
                FinalUnit(0),
                6,
                7,
                8,
                9,
                10,
                (4, 2),
                2_085_978_497,  # 1 is 2036-02-07 06:28:17 UTC
                b"7.1.ab",
            ),
            MSCCAnswer(None, (), 4012, trigger=()),
        ),
        command_gsu=Units(time=9, money=Money(7, 0, 398)),
        command_validity_seconds=90,
        command_final_unit=FinalUnit(1, 3, "sip:topup@example.net", ("permit",), ("f1", "f2")),
        direct_debiting_failure_handling=1,
        check_balance_result=1,
        low_balance=1,
        remaining_balance=(-9, -3, 414),
        refund_information=b"7.1.cd",
        cost=(-5, -2, 398),
        error_message="why",
        failed_avp=u32(432, 1),
        proxy_info=proxies,
    )


def test_an_answer_with_nothing_in_it_is_read() -> None:
    """Result-Code 0 says that there was none."""
    assert decode_cca(cca()) == Answer(parse_header(cca()))


def test_an_avp_of_another_vendor_says_nothing() -> None:
    """It only shares the code."""
    foreign = octets(456, u32(432, 1, vendor=9) + u32(869, 5) + u32(268, 4012))
    answer = decode_cca(cca(u32(268, 2001, vendor=9), foreign))
    assert answer.result_code == 0
    assert answer.mscc == (MSCCAnswer(None, (), 4012),)


def test_an_answer_of_the_library_is_read() -> None:
    """As another implementation writes it."""
    message = CreditControlAnswer()
    message.session_id, message.result_code = "s;1", 2001
    message.origin_host, message.origin_realm = b"ocs", b"realm"
    message.cc_request_type, message.cc_request_number = 2, 7
    message.add_multiple_services_credit_control(rating_group=10, result_code=4010)
    answer = decode_cca(message.as_bytes())
    assert (answer.session_id, answer.result_code) == (b"s;1", 2001)
    assert (answer.request_type, answer.request_number) == (2, 7)
    assert answer.mscc == (MSCCAnswer(10, (), 4010),)


# --- writing ------------------------------------------------------------------------------------------


def test_a_plain_request_octet_for_octet() -> None:
    """RFC 8506, 3.1: Session-Id first, then what is required, M on each."""
    expected = (
        octets(263, b"pgw1;1;2")
        + text(264, "pgw1.example.net")
        + text(296, "example.net")
        + text(283, "ocs.example.net")
        + u32(258, 4)
        + text(461, "32251@3gpp.org")
        + u32(416, 2)
        + u32(415, 7)
    )
    head = bytes.fromhex("01000000 c0000110 00000004 00000011 00000022")
    assert encode_ccr(PLAIN) == with_length(head + expected)


def test_a_request_of_every_part_is_read_by_the_library() -> None:
    """The names of the library's attributes are the standard's."""
    ccr = replace(
        PLAIN,
        destination_host="ocs1.example.net",
        sub_session_id=3,
        origin_state_id=4,
        user_name="u@example.net",
        subscription_ids=((0, "77010000001"), (1, "401010000000001")),
        requested_action=0,
        termination_cause=1,
        command_service_identifier=5,
        command_rsu=Units(time=60),
        command_usu=(USU(Units(time=1)), USU(Units(total_octets=2), tariff_change_usage=1)),
        mscc=(
            MSCC(
                10,
                (1, 2),
                Units(money=Money(1250, -2, 398)),
                (USU(Units(1, 2, 3, 4, 5), 3),),
                2,
                b"7.1.ab",
            ),
        ),
        calling=("tel:+77010000001", "sip:a@example.net"),
        called="tel:+77050000001",
        role_of_node=1,
        apn="internet",
        serving_plmn="40101",
        rat_type=6,
        user_location=b"\x82\x04\x01\x10",
        sgsn_address="192.0.2.1",
        ggsn_address="2001:db8::1",
        charging_id=256,
        ims_charging_id="icid-1",
        recipients=("77010000002", "77010000003"),
        originator="77010000001",
        messages=2,
        correlation_id=b"\0leg",
        route_records=("relay1.example.net", "relay2.example.net"),
    )
    read = Message.from_bytes(encode_ccr(ccr))
    assert isinstance(read, CreditControlRequest)
    assert read.destination_host == b"ocs1.example.net"
    assert (read.cc_sub_session_id, read.origin_state_id, read.user_name) == (3, 4, "u@example.net")
    ids = [(each.subscription_id_type, each.subscription_id_data) for each in read.subscription_id]
    assert ids == [(0, "77010000001"), (1, "401010000000001")]
    assert (read.requested_action, read.termination_cause, read.service_identifier) == (0, 1, 5)
    assert read.requested_service_unit.cc_time == 60
    assert [each.cc_time for each in read.used_service_unit] == [1, None]
    assert read.used_service_unit[1].tariff_change_usage == 1
    assert read.multiple_services_indicator == 1
    (service,) = read.multiple_services_credit_control
    assert (service.rating_group, service.service_identifier) == (10, [1, 2])
    asked = service.requested_service_unit.cc_money
    assert (asked.unit_value.value_digits, asked.unit_value.exponent) == (1250, -2)
    assert (asked.currency_code, service.refund_information) == (398, b"7.1.ab")
    assert read.cc_correlation_id == b"\0leg"
    assert service.reporting_reason == [2]
    (used,) = service.used_service_unit
    units = used.cc_time, used.cc_total_octets, used.cc_input_octets, used.cc_output_octets
    assert (*units, used.cc_service_specific_units, used.reporting_reason) == (1, 2, 3, 4, 5, 3)
    ims, ps = read.service_information.ims_information, read.service_information.ps_information
    assert ims.calling_party_address == ["tel:+77010000001", "sip:a@example.net"]
    assert (ims.called_party_address, ims.role_of_node) == ("tel:+77050000001", 1)
    assert ims.node_functionality == 6
    assert (ps.called_station_id, ps.tgpp_sgsn_mcc_mnc) == ("internet", "40101")
    assert (ps.tgpp_charging_id, ps.tgpp_rat_type) == (b"\0\0\1\0", b"\6")
    assert ps.tgpp_user_location_info == b"\x82\x04\x01\x10"
    assert (ps.sgsn_address, ps.ggsn_address) == (
        [(1, "192.0.2.1")],
        [(2, "2001:db8::1")],
    )
    assert ims.ims_charging_identifier == "icid-1"
    sms = read.service_information.sms_information
    assert sms.number_of_messages_sent == 2
    assert sms.originator_received_address.address_data == "77010000001"
    recipients = [each.recipient_address[0].address_data for each in sms.recipient_info]
    assert recipients == ["77010000002", "77010000003"]
    assert read.service_information.mms_information is None
    assert read.route_record == [b"relay1.example.net", b"relay2.example.net"]


@pytest.mark.parametrize(
    "changes", [{"message_class": 1}, {"service_context_id": "6.32270@3gpp.org"}]
)
def test_a_multimedia_message_is_known_by_its_class_or_context(changes: dict[str, Any]) -> None:
    """Its parties stand in MMS-Information, where there is no Recipient-Info."""
    ccr = replace(PLAIN, recipients=("1", "2"), originator="3", **changes)
    read = Message.from_bytes(encode_ccr(ccr))
    assert isinstance(read, CreditControlRequest)
    mms = read.service_information.mms_information
    assert [each.address_data for each in mms.recipient_address] == ["1", "2"]
    assert mms.originator_address.address_data == "3"
    assert read.service_information.sms_information is None
    assert decode_ccr(encode_ccr(ccr)) == ccr


def test_what_was_read_is_written_again() -> None:
    """Also the parts that only relays and one-time events have."""
    ccr = replace(
        PLAIN,
        request_type=4,
        requested_action=3,
        command_service_identifier=9,
        route_records=("relay.example.net",),
    )
    assert decode_ccr(encode_ccr(ccr)) == ccr


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, 2_208_988_800),
        (2_085_978_495, 0xFFFFFFFF),
        (2_085_978_496, 0),
        (4_233_462_143, 2**31 - 1),
    ],
)
def test_time_wraps_in_2036(seconds: int, expected: int) -> None:
    """2036-02-07 06:28:16 UTC is 0 again (RFC 6733, 4.3.1)."""
    assert u32(55, expected) in encode_ccr(replace(PLAIN, event_timestamp=seconds))


def test_multiple_services_are_announced_where_there_are_some() -> None:
    """Multiple-Services-Indicator 1 (RFC 8506, 8.40)."""
    assert u32(455, 1) in encode_ccr(replace(PLAIN, mscc=(MSCC(),)))
    assert u32(455, 1) not in encode_ccr(PLAIN)
    assert u32(455, 1) in encode_ccr(replace(PLAIN, multiple_services=1))
    assert u32(455, 0) in encode_ccr(replace(PLAIN, multiple_services=0, mscc=(MSCC(),)))
