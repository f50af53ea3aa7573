"""The hot codec against python-diameter, and against anything: both read the same values, octets that
are wrong end in ProtocolError, and how a stream is cut changes nothing."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
from diameter.message import Message
from diameter.message.avp import Avp
from diameter.message.avp.grouped import (
    CcMoney,
    ImsInformation,
    MessageClass,
    MmsInformation,
    MultipleServicesCreditControl,
    OriginatorAddress,
    OriginatorReceivedAddress,
    ProxyInfo,
    PsInformation,
    RecipientAddress,
    RecipientInfo,
    RequestedServiceUnit,
    ServiceInformation,
    SmsInformation,
    SubscriptionId,
    UnitValue,
    UsedServiceUnit,
    UserEquipmentInfo,
)
from diameter.message.commands import CreditControlAnswer, CreditControlRequest
from hypothesis import given, settings, strategies as st

from ocs.diameter import base
from ocs.diameter.avp import example, octets, text, u32, u64, walk
from ocs.diameter.base import LocalNode
from ocs.diameter.cca import encode_cca, error_answer
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.client_messages import Answer, decode_cca, encode_ccr
from ocs.diameter.credit_control import CCA, CCR, MSCC, USU, FinalUnit, Money, MSCCAnswer, Units
from ocs.diameter.dictionary import TGPP, TYPES, AvpType
from ocs.diameter.framing import (
    CCR as CCR_COMMAND,
    FLAG_E,
    FLAG_P,
    HEADER_SIZE,
    Framer,
    ProtocolError,
    ResultCode,
    parse_header,
)
from ocs.diameter.peer import Event, Peer
from ocs.diameter.units import UNITS_LIMIT
from tests.support.messages import PLAIN, with_length

HOST, REALM = "ocs1.example.net", "ocs.example.net"
LOCAL, CLIENT = LocalNode(HOST, REALM), LocalNode("pgw1.example.net", "example.net")

# --- values -------------------------------------------------------------------------------------------

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
AMOUNT = st.integers(0, UNITS_LIMIT // 2 - 1)  # so that the sum of both directions counts, too
WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
IDENTITY = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
REASON, CHANGE = st.none() | st.integers(0, 9), st.none() | st.integers(0, 2)
#: From 1968 to the wrap of 2036, which the library takes for an hour earlier than it is.
MOMENT = (
    st.none() | st.integers(-61_505_152, 2_085_974_895) | st.integers(1_700_000_000, 2**31 - 2**27)
)
IDS = st.lists(st.tuples(st.integers(0, 4), WORDS), max_size=3).map(tuple)


def maybe(values: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    """A number, or none."""
    return st.none() | values


#: Up to nine thousand million, in all exponents that such an amount can be counted in.
MONEY = st.integers(-9, 9).flatmap(
    lambda exponent: st.builds(
        Money,
        st.integers(0, 9 * 10 ** (9 - exponent)).filter(lambda each: each < 2**63),
        st.just(exponent),
        maybe(U32),
    )
)
USED = st.builds(
    Units,
    maybe(U32),
    maybe(AMOUNT),
    maybe(AMOUNT),
    maybe(AMOUNT),
    maybe(AMOUNT),
    st.none() | MONEY,
)
# The library's Requested-Service-Unit has no CC-Output-Octets.
REQUESTED = st.builds(
    Units, maybe(U32), maybe(AMOUNT), maybe(AMOUNT), st.none(), maybe(AMOUNT), st.none() | MONEY
)
USUS = st.lists(st.builds(USU, USED, REASON, CHANGE), max_size=2).map(tuple)
SERVICES = st.builds(
    MSCC,
    rating_group=maybe(U32),
    service_identifiers=st.lists(U32, max_size=2).map(tuple),
    rsu=st.none() | REQUESTED,
    usu=USUS,
    reporting_reason=REASON,
    refund_information=st.binary(max_size=6),
)
NAMES = st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
ADDRESS = st.none() | st.ip_addresses().map(str)


@st.composite
def requests(draw: st.DrawFn) -> CCR:
    """Any CCR that is legal; its Proxy-Info is `proxies` of it, which the library writes with M."""
    kind = draw(st.integers(1, 4))
    action = st.integers(0, 3) if kind == 4 else maybe(st.integers(0, 3))
    proxies = draw(st.lists(st.tuples(IDENTITY, st.binary(max_size=6)), max_size=2))
    return CCR(
        hop_by_hop=draw(U32),
        end_to_end=draw(U32),
        flags=draw(st.sampled_from([0x80, 0xC0, 0xD0, 0x90])),
        session_id=draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)).encode(),
        origin_host=draw(IDENTITY),
        origin_realm=draw(IDENTITY),
        destination_realm=draw(IDENTITY),
        destination_host=draw(st.none() | IDENTITY),
        service_context_id=draw(WORDS),
        request_type=kind,
        request_number=draw(U32),
        sub_session_id=draw(maybe(U64)),
        origin_state_id=draw(maybe(U32)),
        event_timestamp=draw(MOMENT),
        subscription_ids=draw(IDS),
        user_name=draw(st.none() | WORDS),
        requested_action=draw(action),
        termination_cause=draw(maybe(st.integers(1, 16))),
        mscc=tuple(draw(st.lists(SERVICES, max_size=3))),
        command_rsu=draw(st.none() | REQUESTED),
        command_usu=draw(USUS),
        command_service_identifier=draw(maybe(U32)),
        calling=draw(st.lists(WORDS, max_size=2).map(tuple)),
        called=draw(NAMES),
        role_of_node=draw(maybe(st.integers(0, 3))),
        apn=draw(st.none() | WORDS),
        serving_plmn=draw(st.none() | WORDS),
        rat_type=draw(maybe(st.integers(0, 255))),
        user_location=draw(st.binary(max_size=13)),
        sgsn_address=draw(ADDRESS),
        ggsn_address=draw(ADDRESS),
        charging_id=draw(maybe(U32)),
        ims_charging_id=draw(NAMES),
        recipients=draw(st.lists(WORDS, max_size=3).map(tuple)),
        originator=draw(NAMES),
        messages=draw(maybe(U32)),
        message_class=draw(maybe(st.integers(0, 3))),
        multiple_services=draw(st.integers(0, 1)),
        correlation_id=draw(st.binary(max_size=6)),
        refund_information=draw(st.binary(max_size=6)),
        route_records=draw(st.lists(IDENTITY, max_size=2).map(tuple)),
        proxy_info=b"".join(octets(284, text(280, h) + octets(33, s)) for h, s in proxies),
    )


# --- (a) the library writes, both read ----------------------------------------------------------------


def money_of(money: Money | None) -> CcMoney | None:
    if money is None:
        return None
    return CcMoney(UnitValue(money.digits, money.exponent), money.currency)


def rsu_of(units: Units | None) -> RequestedServiceUnit | None:
    if units is None:
        return None
    return RequestedServiceUnit(
        cc_time=units.time,
        cc_total_octets=units.total_octets,
        cc_input_octets=units.input_octets,
        cc_service_specific_units=units.specific,
        cc_money=money_of(units.money),
    )


def usu_of(usu: USU) -> UsedServiceUnit:
    return UsedServiceUnit(
        tariff_change_usage=usu.tariff_change_usage,
        cc_time=usu.units.time,
        cc_total_octets=usu.units.total_octets,
        cc_input_octets=usu.units.input_octets,
        cc_output_octets=usu.units.output_octets,
        cc_service_specific_units=usu.units.specific,
        cc_money=money_of(usu.units.money),
        reporting_reason=usu.reporting_reason,
    )


def mscc_of(mscc: MSCC) -> MultipleServicesCreditControl:
    return MultipleServicesCreditControl(
        requested_service_unit=rsu_of(mscc.rsu),
        used_service_unit=[usu_of(each) for each in mscc.usu],
        service_identifier=list(mscc.service_identifiers),
        rating_group=mscc.rating_group,
        reporting_reason=[] if mscc.reporting_reason is None else [mscc.reporting_reason],
        refund_information=mscc.refund_information or None,
    )


def service_information_of(ccr: CCR) -> ServiceInformation:
    """As a short message, where there is no class of an MMS."""
    information = ServiceInformation(
        ps_information=PsInformation(
            called_station_id=ccr.apn,
            tgpp_sgsn_mcc_mnc=ccr.serving_plmn,
            tgpp_rat_type=None if ccr.rat_type is None else bytes((ccr.rat_type,)),
            tgpp_user_location_info=ccr.user_location or None,
            sgsn_address=[] if ccr.sgsn_address is None else [ccr.sgsn_address],
            ggsn_address=[] if ccr.ggsn_address is None else [ccr.ggsn_address],
            tgpp_charging_id=None
            if ccr.charging_id is None
            else ccr.charging_id.to_bytes(4, "big"),
        ),
        ims_information=ImsInformation(
            node_functionality=6,
            role_of_node=ccr.role_of_node,
            calling_party_address=list(ccr.calling),
            called_party_address=ccr.called,
            ims_charging_identifier=ccr.ims_charging_id,
        ),
        sms_information=SmsInformation(number_of_messages_sent=ccr.messages, sms_node=3),
    )
    recipients = [RecipientAddress(address_type=1, address_data=each) for each in ccr.recipients]
    if ccr.message_class is not None:
        mms = MmsInformation(recipient_address=recipients)
        mms.message_class = MessageClass(class_identifier=ccr.message_class)
        if ccr.originator is not None:
            mms.originator_address = OriginatorAddress(address_data=ccr.originator)
        information.mms_information = mms
        return information
    information.sms_information.recipient_info = [
        RecipientInfo(recipient_address=[each]) for each in recipients
    ]
    if ccr.originator is not None:
        sender = OriginatorReceivedAddress(address_type=1, address_data=ccr.originator)
        information.sms_information.originator_received_address = sender
    return information


def written_by_the_library(ccr: CCR) -> bytes:
    """The request on the library's own message class, with things in it that charging does not read."""
    message = CreditControlRequest()
    message.header.application_id = 4
    message.header.hop_by_hop_identifier = ccr.hop_by_hop
    message.header.end_to_end_identifier = ccr.end_to_end
    message.header.is_proxyable = bool(ccr.flags & 0x40)
    message.header.is_retransmit = bool(ccr.flags & 0x10)
    for name in ("origin_host", "origin_realm", "destination_realm"):
        setattr(message, name, getattr(ccr, name).encode())
    if ccr.destination_host is not None:
        message.destination_host = ccr.destination_host.encode()
    message.session_id = ccr.session_id.decode()
    for name in (
        "service_context_id", "user_name", "origin_state_id", "requested_action", "termination_cause"
    ):  # fmt: skip
        setattr(message, name, getattr(ccr, name))
    message.cc_request_type, message.cc_request_number = ccr.request_type, ccr.request_number
    message.cc_sub_session_id = ccr.sub_session_id
    if ccr.event_timestamp is not None:
        message.event_timestamp = datetime.fromtimestamp(ccr.event_timestamp, UTC)
    message.subscription_id = [SubscriptionId(*each) for each in ccr.subscription_ids]
    message.service_identifier = ccr.command_service_identifier
    message.requested_service_unit = rsu_of(ccr.command_rsu)
    message.used_service_unit = [usu_of(each) for each in ccr.command_usu]
    message.multiple_services_credit_control = [mscc_of(each) for each in ccr.mscc]
    message.user_equipment_info = UserEquipmentInfo(0, b"1122334455667788")
    message.multiple_services_indicator = ccr.multiple_services
    message.cc_correlation_id = ccr.correlation_id or None
    message.service_information = service_information_of(ccr)
    if ccr.refund_information:
        message.append_avp(Avp.new(2022, TGPP, value=ccr.refund_information))
    message.route_record = [each.encode() for each in ccr.route_records]
    for _, _, _, start, end, _ in walk(ccr.proxy_info, 0, len(ccr.proxy_info)):
        host, state = (ccr.proxy_info[s:e] for _, _, _, s, e, _ in walk(ccr.proxy_info, start, end))
        message.proxy_info.append(ProxyInfo(host, state))
    return bytes(message.as_bytes())


def read_by_the_library(data: bytes) -> dict[str, object]:
    """What the library says is in a CCR, by the names of ours."""
    message = Message.from_bytes(data)
    assert isinstance(message, CreditControlRequest)
    moment = message.event_timestamp

    def money(each: CcMoney | None) -> Money | None:
        if each is None:
            return None
        return Money(each.unit_value.value_digits, each.unit_value.exponent, each.currency_code)

    def units(each: UsedServiceUnit | RequestedServiceUnit) -> Units:
        output = getattr(each, "cc_output_octets", None)
        return Units(
            each.cc_time,
            each.cc_total_octets,
            each.cc_input_octets,
            output,
            each.cc_service_specific_units,
            money(each.cc_money),
        )

    def usu(all_used: list[UsedServiceUnit]) -> tuple[USU, ...]:
        return tuple(
            USU(units(each), each.reporting_reason, each.tariff_change_usage) for each in all_used
        )

    def rsu(each: RequestedServiceUnit | None) -> Units | None:
        return None if each is None else units(each)

    return {
        "hop_by_hop": message.header.hop_by_hop_identifier,
        "end_to_end": message.header.end_to_end_identifier,
        "session_id": message.session_id.encode(),
        "origin_host": message.origin_host.decode(),
        "origin_realm": message.origin_realm.decode(),
        "destination_realm": message.destination_realm.decode(),
        "destination_host": message.destination_host and message.destination_host.decode(),
        "service_context_id": message.service_context_id,
        "request_type": message.cc_request_type,
        "request_number": message.cc_request_number,
        "sub_session_id": message.cc_sub_session_id,
        "origin_state_id": message.origin_state_id,
        "event_timestamp": None if moment is None else int(moment.timestamp()),
        "subscription_ids": tuple(
            (each.subscription_id_type, each.subscription_id_data)
            for each in message.subscription_id
        ),
        "user_name": message.user_name,
        "requested_action": message.requested_action,
        "termination_cause": message.termination_cause,
        "mscc": tuple(
            MSCC(
                each.rating_group,
                tuple(each.service_identifier),
                rsu(each.requested_service_unit),
                usu(each.used_service_unit),
                each.reporting_reason[0] if each.reporting_reason else None,
                each.refund_information or b"",
            )
            for each in message.multiple_services_credit_control
        ),
        "command_rsu": rsu(message.requested_service_unit),
        "command_usu": usu(message.used_service_unit),
        "command_service_identifier": message.service_identifier,
        "multiple_services": message.multiple_services_indicator,
        "correlation_id": message.cc_correlation_id or b"",
        "route_records": tuple(each.decode() for each in message.route_record),
        **service_read_by_the_library(message.service_information),
    }


def service_read_by_the_library(service: ServiceInformation | None) -> dict[str, object]:
    """What the library says is in a Service-Information, which a client of ours may leave out."""
    service = service or ServiceInformation()
    ps, ims = service.ps_information or PsInformation(), service.ims_information or ImsInformation()
    sms, mms = service.sms_information or SmsInformation(), service.mms_information
    parties = [] if mms is None else list(mms.recipient_address)
    for info in sms.recipient_info:
        parties += info.recipient_address
    sender = sms.originator_received_address if mms is None else mms.originator_address

    def address(values: list[tuple[int, str]]) -> str | None:
        return str(ip_address(values[0][1])) if values else None

    return {
        "calling": tuple(ims.calling_party_address),
        "called": ims.called_party_address,
        "role_of_node": ims.role_of_node,
        "ims_charging_id": ims.ims_charging_identifier,
        "apn": ps.called_station_id,
        "serving_plmn": ps.tgpp_sgsn_mcc_mnc,
        "rat_type": ps.tgpp_rat_type[0] if ps.tgpp_rat_type else None,
        "user_location": ps.tgpp_user_location_info or b"",
        "sgsn_address": address(ps.sgsn_address),
        "ggsn_address": address(ps.ggsn_address),
        "charging_id": int.from_bytes(ps.tgpp_charging_id, "big") if ps.tgpp_charging_id else None,
        "recipients": tuple(each.address_data for each in parties),
        "originator": None if sender is None else sender.address_data,
        "messages": sms.number_of_messages_sent,
        "message_class": mms.message_class.class_identifier if mms and mms.message_class else None,
    }


#: Of a bearer; read where its session begins.
BEARER = CCR(0, 0, 0, b"", "", "", "", None, "", 0, 0)
BEARER_FIELDS = (
    "apn", "serving_plmn", "rat_type", "user_location", "sgsn_address", "ggsn_address", "charging_id",
)  # fmt: skip


def as_read(ccr: CCR) -> CCR:
    """What this server reads of a request: later ones are not asked about their bearer."""
    if ccr.request_type not in (2, 3):
        return ccr
    unread: dict[str, Any] = {name: getattr(BEARER, name) for name in BEARER_FIELDS}
    return replace(ccr, **unread)


@settings(max_examples=150, deadline=None)
@given(requests())
def test_both_read_what_the_library_wrote(ccr: CCR) -> None:
    """Every value that charging reads, and it is the one that was meant."""
    message = written_by_the_library(ccr)
    assert decode_ccr(message) == as_read(ccr)
    theirs = read_by_the_library(message)
    assert {name: getattr(ccr, name) for name in theirs} == theirs


@settings(max_examples=100, deadline=None)
@given(requests())
def test_both_read_what_a_client_of_ours_wrote(ccr: CCR) -> None:
    """The other direction: `encode_ccr` says the same to both."""
    message = encode_ccr(ccr)
    assert decode_ccr(message) == as_read(ccr)
    theirs = read_by_the_library(message)
    assert {name: getattr(ccr, name) for name in theirs} == theirs


# --- (b) we write, the library reads ------------------------------------------------------------------

SIGNED_AMOUNT = st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1), U32)
ANY_MONEY = st.builds(
    Money, st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1), maybe(U32)
)
GRANTED = st.builds(
    Units, maybe(U32), maybe(U64), maybe(U64), maybe(U64), maybe(U64), st.none() | ANY_MONEY
)
FILTERS = st.lists(WORDS, max_size=2).map(tuple)
FINAL = (
    st.none()
    | st.just(FinalUnit())
    | st.builds(
        FinalUnit,
        st.just(1),
        st.integers(0, 3),
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
        FILTERS,
        FILTERS,
    )
    | st.builds(FinalUnit, st.just(2), filter_rules=FILTERS, filter_ids=FILTERS)
)
REFUND = st.binary(max_size=6)
CODES = st.sampled_from(sorted(int(each) for each in ResultCode))
FAILED = st.sampled_from(
    [b"", u32(432, 7), octets(461, b"x@y"), example(456), octets(443, example(450))]
)
ANSWERS = st.builds(
    CCA,
    result_code=CODES,
    mscc=st.lists(
        st.builds(
            MSCCAnswer,
            rating_group=maybe(U32),
            service_identifiers=st.lists(U32, max_size=2).map(tuple),
            result_code=CODES,
            gsu=st.none() | GRANTED,
            validity_seconds=maybe(U32),
            final_unit=FINAL,
            time_threshold=maybe(U32),
            volume_threshold=maybe(U32),
            unit_threshold=maybe(U32),
            holding_seconds=maybe(U32),
            consumption_seconds=maybe(U32),
            trigger=st.none() | st.lists(st.integers(0, 76), max_size=3).map(tuple),
            refund_information=REFUND,
        )
        | st.builds(
            MSCCAnswer,
            rating_group=maybe(U32),
            service_identifiers=st.just(()),
            result_code=st.just(2001),
            gsu=GRANTED,
            tariff_time_change=MOMENT,
        ),
        max_size=3,
    ).map(tuple),
    command_gsu=st.none() | GRANTED,
    command_validity_seconds=maybe(U32),
    command_final_unit=FINAL,
    failure_handling=maybe(st.integers(0, 2)),
    session_failover=maybe(st.integers(0, 1)),
    cost=st.none() | SIGNED_AMOUNT,
    direct_debiting_failure_handling=maybe(st.integers(0, 1)),
    check_balance_result=maybe(st.integers(0, 1)),
    low_balance=maybe(st.integers(0, 1)),
    remaining_balance=st.none() | SIGNED_AMOUNT,
    refund_information=REFUND,
    error_message=st.none() | WORDS,
    failed_avp=FAILED,
)


def by_code(avps: list[Avp]) -> dict[tuple[int, int], list[Avp]]:
    """The AVPs by code and vendor."""
    found: dict[tuple[int, int], list[Avp]] = {}
    for each in avps:
        found.setdefault((each.code, each.vendor_id), []).append(each)
    return found


def number_in(avps: dict[tuple[int, int], list[Avp]], code: int, vendor: int = 0) -> int | None:
    """The one number of this code, by the library's type."""
    if (code, vendor) not in avps:
        return None
    (found,) = avps[code, vendor]
    value = found.value
    assert isinstance(value, int)
    return value


def units_in(avps: dict[tuple[int, int], list[Avp]]) -> Units | None:
    """Granted-Service-Unit."""
    if (431, 0) not in avps:
        return None
    inner = by_code(avps[431, 0][0].value)
    time, total, received, sent, specific = (
        number_in(inner, code) for code in (420, 421, 412, 414, 417)
    )
    amount = amount_in(inner, 413)
    return Units(time, total, received, sent, specific, amount and Money(*amount))


def change_in(avps: dict[tuple[int, int], list[Avp]]) -> int | None:
    """Tariff-Time-Change in Granted-Service-Unit."""
    inner = by_code(avps[431, 0][0].value) if (431, 0) in avps else {}
    return int(inner[451, 0][0].value.timestamp()) if (451, 0) in inner else None


def final_in(avps: dict[tuple[int, int], list[Avp]]) -> FinalUnit | None:
    """Final-Unit-Indication; TERMINATE holds one AVP."""
    if (430, 0) not in avps:
        return None
    inner = by_code(avps[430, 0][0].value)
    action = number_in(inner, 449)
    assert action is not None
    assert action or len(inner) == 1
    rules = tuple(each.value.decode() for each in inner.get((438, 0), []))
    names = tuple(each.value for each in inner.get((11, 0), []))
    kind, address = None, ""
    if (434, 0) in inner:
        server = by_code(inner[434, 0][0].value)
        kind, address = number_in(server, 433), server[435, 0][0].value
    return FinalUnit(action, kind, address, rules, names)


def octets_in(avps: dict[tuple[int, int], list[Avp]], code: int) -> bytes:
    """Octets of 3GPP, none where they are absent."""
    return bytes(avps[code, TGPP][0].payload) if (code, TGPP) in avps else b""


def service_in(avp: Avp) -> MSCCAnswer:
    """Multiple-Services-Credit-Control."""
    inner = by_code(avp.value)
    code = number_in(inner, 268)
    assert code is not None
    return MSCCAnswer(
        number_in(inner, 432),
        tuple(each.value for each in inner.get((439, 0), [])),
        code,
        units_in(inner),
        number_in(inner, 448),
        final_in(inner),
        number_in(inner, 868, TGPP),
        number_in(inner, 869, TGPP),
        number_in(inner, 1226, TGPP),
        number_in(inner, 871, TGPP),
        number_in(inner, 881, TGPP),
        tuple(each.value for each in inner[1264, TGPP][0].value) if (1264, TGPP) in inner else None,
        change_in(inner),
        octets_in(inner, 2022),
    )


def amount_in(
    avps: dict[tuple[int, int], list[Avp]], code: int, vendor: int = 0
) -> tuple[int, int, int | None] | None:
    """Unit-Value and Currency-Code of the group."""
    if (code, vendor) not in avps:
        return None
    outer = by_code(avps[code, vendor][0].value)
    inner = by_code(outer[445, 0][0].value)
    digits, exponent = number_in(inner, 447), number_in(inner, 429)
    assert digits is not None and exponent is not None
    return digits, exponent, number_in(outer, 425)


def priced_in(
    avps: dict[tuple[int, int], list[Avp]], code: int, vendor: int = 0
) -> tuple[int, int, int] | None:
    """The same, where the currency is required."""
    amount = amount_in(avps, code, vendor)
    if amount is None:
        return None
    digits, exponent, currency = amount
    assert currency is not None
    return digits, exponent, currency


def answer_in(message: Message) -> CCA:
    """What the library reads of a CCA."""
    avps = by_code(message.avps)
    code = number_in(avps, 268)
    assert code is not None
    return CCA(
        code,
        tuple(service_in(each) for each in avps.get((456, 0), [])),
        units_in(avps),
        number_in(avps, 448),
        final_in(avps),
        number_in(avps, 427),
        number_in(avps, 418),
        priced_in(avps, 423),
        avps[281, 0][0].value if (281, 0) in avps else None,
        b"".join(each.as_bytes() for each in avps[279, 0][0].value) if (279, 0) in avps else b"",
        number_in(avps, 428),
        number_in(avps, 422),
        number_in(avps, 2020, TGPP),
        priced_in(avps, 2021, TGPP),
        octets_in(avps, 2022),
    )


def assert_read_by_a_client(answer: Answer, cca: CCA) -> None:
    """The client's side reads the same values as the library."""
    for name in (each.name for each in fields(CCA)):
        assert getattr(answer, name) == getattr(cca, name), name


@settings(max_examples=150, deadline=None)
@given(requests(), ANSWERS)
def test_the_library_reads_back_every_answer(ccr: CCR, cca: CCA) -> None:
    """Every value, with what the request gave; of a 3xxx only what an answer-message has."""
    data = encode_cca(ccr, cca, HOST, REALM)
    message = Message.from_bytes(data, plain_msg=True)
    header = parse_header(data)
    assert header.length == len(data)
    assert (header.hop_by_hop, header.end_to_end) == (ccr.hop_by_hop, ccr.end_to_end)
    is_error = 3000 <= cca.result_code < 4000
    assert header.flags == ccr.flags & FLAG_P | (FLAG_E if is_error else 0)
    avps = by_code(message.avps)
    assert message.avps[0].payload == ccr.session_id
    assert [avps[code, 0][0].value for code in (264, 296)] == [HOST.encode(), REALM.encode()]
    assert b"".join(each.as_bytes() for each in avps.get((284, 0), [])) == ccr.proxy_info
    if is_error:
        cca = CCA(cca.result_code, error_message=cca.error_message, failed_avp=cca.failed_avp)
        assert not {(258, 0), (416, 0), (415, 0), (419, 0)} & set(avps)
    else:
        assert number_in(avps, 258) == 4
        assert number_in(avps, 416) == ccr.request_type
        assert number_in(avps, 415) == ccr.request_number
        assert number_in(avps, 419) == ccr.sub_session_id
    assert answer_in(message) == cca
    assert_read_by_a_client(decode_cca(data), cca)
    typed = Message.from_bytes(data)
    assert isinstance(typed, CreditControlAnswer)
    assert (typed.result_code, len(typed.multiple_services_credit_control)) == (
        cca.result_code,
        len(cca.mscc),
    )


# --- (c) anything -------------------------------------------------------------------------------------

RICH = encode_ccr(
    CCR(
        hop_by_hop=1,
        end_to_end=2,
        flags=0xC0,
        session_id=b"pgw1.example.net;1;2",
        origin_host="pgw1.example.net",
        origin_realm="example.net",
        destination_realm=REALM,
        destination_host=HOST,
        service_context_id="32251@3gpp.org",
        request_type=2,
        request_number=1,
        event_timestamp=1_790_000_000,
        subscription_ids=((0, "77010000001"), (1, "401010000000001")),
        mscc=(
            MSCC(10, (1,), Units(), (USU(Units(total_octets=5), 3, 0),), 2),
            MSCC(20, (), Units(total_octets=9)),
        ),
        command_usu=(USU(Units(time=1, money=Money(1250, -2, 398))),),
        multiple_services=1,
        correlation_id=b"leg",
        refund_information=b"7.1.ab",
        rat_type=6,
        user_location=b"\x82\x04\x01\x10",
        sgsn_address="192.0.2.1",
        ggsn_address="2001:db8::1",
        charging_id=7,
        ims_charging_id="icid",
        recipients=("77010000002",),
        originator="77010000001",
        messages=1,
        message_class=0,
        calling=("tel:+77010000001",),
        called="tel:+77050000001",
        role_of_node=1,
        apn="internet",
        serving_plmn="40101",
        route_records=("relay1.example.net",),
        proxy_info=octets(284, text(280, "relay1.example.net") + octets(33, b"state")),
    )
)


def starts(message: bytes, start: int, end: int) -> list[int]:
    """Where the AVPs of a sound message begin, those in groups included."""
    found: list[int] = []
    for code, vendor, _, data, stop, at in walk(message, start, end):
        found.append(at)
        if TYPES.get((code, vendor)) is AvpType.GROUPED:
            found += starts(message, data, stop)
    return found


AVP_STARTS = starts(RICH, HEADER_SIZE, len(RICH))


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """The rich CCR with some faults; its own length is right."""
    message = bytearray(RICH)
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["flip", "length", "flags", "code", "cut", "insert", "repeat"]))
        at = draw(st.sampled_from(AVP_STARTS))
        if at + 8 > len(message):
            continue
        if kind == "flip":
            place = draw(st.integers(HEADER_SIZE, len(message) - 1))
            message[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "length":
            length = draw(st.integers(0, 40) | st.integers(0, 2**24 - 1))
            message[at + 5 : at + 8] = length.to_bytes(3, "big")
        elif kind == "flags":
            message[at + 4] = draw(st.integers(0, 255))
        elif kind == "code":
            code = draw(st.sampled_from([code for code, _ in TYPES]) | U32)
            message[at : at + 4] = code.to_bytes(4, "big")
        elif kind == "cut":
            del message[draw(st.integers(at, len(message))) :]
        elif kind == "insert":
            message[at:at] = draw(st.binary(max_size=16))
        else:
            message[at:at] = message[at : at + draw(st.integers(1, 60))]
    message += bytes(-len(message) & 3)
    return with_length(bytes(message))


def assert_well_formed(message: bytes, start: int, end: int) -> None:
    """AVPs in AVPs down to the last octet. A Proxy-Info is its proxy's own, octet for octet."""
    for code, vendor, _, data, stop, _ in walk(message, start, end):
        kind = TYPES.get((code, vendor), AvpType.OCTETS)
        if kind is AvpType.GROUPED and code != 284:
            assert_well_formed(message, data, stop)


def assert_answerable(message: bytes) -> CCR | None:
    """A request is read, or refused by an answer that any stack can read."""
    try:
        ccr = decode_ccr(message)
    except ProtocolError as error:
        answer = error_answer(message, error, HOST, REALM)
        assert parse_header(answer).length == len(answer)
        assert_well_formed(answer, HEADER_SIZE, len(answer))
        read = Message.from_bytes(answer, plain_msg=True)
        avps = by_code(read.avps)
        assert number_in(avps, 268) == error.result_code
        assert len(avps.get((279, 0), [])) <= 1
        for failed in avps.get((279, 0), []):
            assert len(failed.value) == 1
        # All three of a CCA or none: E tells which grammar it is.
        has_e = bool(parse_header(answer).flags & FLAG_E)
        assert {(258, 0), (416, 0), (415, 0)} & set(avps) == (
            set() if has_e else {(258, 0), (416, 0), (415, 0)}
        )
        if error.result_code < 4000:
            assert has_e
        return None
    encode_cca(ccr, CCA(2001), HOST, REALM)
    return ccr


@settings(max_examples=600, deadline=None)
@given(spoilt())
def test_a_spoilt_request_is_read_or_refused(message: bytes) -> None:
    """Bits, lengths, flags and codes changed, octets cut, put in, repeated."""
    assert_answerable(message)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """Behind the header of a CCR, and behind a whole CCR."""
    padded = body + bytes(-len(body) & 3)
    assert_answerable(with_length(RICH[:HEADER_SIZE] + padded))
    assert_answerable(with_length(RICH + padded))


@pytest.mark.parametrize("at", AVP_STARTS)
@pytest.mark.parametrize("length", [0, 1, 7, 8, 11, 12, 13, 2**24 - 1])
def test_any_length_of_any_avp_is_read_or_refused(at: int, length: int) -> None:
    """One by one, in groups, too."""
    assert_answerable(RICH[: at + 5] + length.to_bytes(3, "big") + RICH[at + 8 :])


@pytest.mark.parametrize("end", range(HEADER_SIZE, len(RICH), 4))
def test_a_request_that_ends_too_soon_is_refused_or_lacks_nothing(end: int) -> None:
    """Cut anywhere, with the length of what is left."""
    ccr = assert_answerable(with_length(RICH[:end]))
    assert ccr is None or ccr.session_id == b"pgw1.example.net;1;2"


STREAMS = st.lists(
    st.one_of(
        st.just(RICH),
        st.just(base.dwr(CLIENT, 3, 4)),
        st.just(base.dpr(CLIENT, 5, 6, 0)),
        st.just(encode_ccr(PLAIN)),
        spoilt(),
        st.binary(max_size=40),
    ),
    max_size=4,
).map(b"".join)


@st.composite
def cut_streams(draw: st.DrawFn) -> list[bytes]:
    """A stream in pieces, empty ones among them."""
    stream = draw(STREAMS)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@settings(max_examples=300, deadline=None)
@given(cut_streams())
def test_how_a_stream_is_cut_changes_no_message(pieces: list[bytes]) -> None:
    """Nor whether its boundaries are lost; each message is read or refused."""
    whole, cut = Framer(), Framer()
    messages = whole.feed(b"".join(pieces))
    assert [each for piece in pieces for each in cut.feed(piece)] == messages
    assert str(cut.error) == str(whole.error)
    assert cut.pending == whole.pending
    for each in messages:
        assert parse_header(each).length == len(each)
        if parse_header(each).command == CCR_COMMAND:
            assert_answerable(each)


@settings(max_examples=300, deadline=None)
@given(cut_streams(), st.booleans())
def test_how_a_stream_is_cut_changes_nothing_for_the_peer(
    pieces: list[bytes], is_open: bool
) -> None:
    """The same events, the same octets back, the same state; what is sent is whole messages."""
    cer = base.cer(CLIENT, 1, 2)

    def fed(parts: list[bytes]) -> tuple[list[Event], bytes, Peer]:
        peer = Peer(LOCAL, ["192.0.2.1"], 0.0)
        if is_open:
            peer.receive(cer, 0.0)
            peer.admit(0.0)
        events = [event for part in parts for event in peer.receive(part, 1.0)]
        return events, peer.data_to_send(), peer

    events, sent, peer = fed(pieces)
    whole_events, whole_sent, whole_peer = fed([b"".join(pieces)])
    assert (events, sent, peer.state) == (whole_events, whole_sent, whole_peer.state)
    framer = Framer()
    for answer in framer.feed(sent):
        assert_well_formed(answer, HEADER_SIZE, len(answer))
    assert framer.error is None
    assert framer.pending == 0


def test_octet_by_octet_is_as_good_as_whole() -> None:
    """The slowest way to send."""
    stream = RICH + base.dwr(CLIENT, 3, 4) + encode_ccr(PLAIN)
    framer = Framer()
    messages = [each for octet in stream for each in framer.feed(bytes([octet]))]
    assert messages == [RICH, base.dwr(CLIENT, 3, 4), encode_ccr(PLAIN)]


def test_the_rich_request_is_sound() -> None:
    """What the others spoil decodes before they do."""
    assert decode_ccr(RICH).mscc[0].usu == (USU(Units(total_octets=5), 3, 0),)
    assert len(AVP_STARTS) > 40
    assert u64(421, 5) in RICH
