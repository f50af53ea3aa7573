"""The client's side of the pair, for tests, the demonstration and load: writing a CCR, reading a CCA."""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from ocs.diameter.avp import Found, example, octets, read_number, read_text, text, u32, u64, walk
from ocs.diameter.cca import write_units
from ocs.diameter.ccr import NTP_EPOCH, NTP_ERA
from ocs.diameter.credit_control import CCR, MSCC, USU, FinalUnit, Money, MSCCAnswer, Units
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import (
    CCR as CCR_COMMAND,
    HEADER_SIZE,
    Header,
    ProtocolError,
    ResultCode,
    pack_header,
    parse_header,
)

#: Units in the order of `Units`.
_UNITS = (420, 421, 412, 414, 417)
#: The numbers of an MSCC in an answer: where each goes.
_MSCC_NUMBERS = {
    (432, 0): "rating_group",
    (268, 0): "result_code",
    (448, 0): "validity_seconds",
    (868, TGPP): "time_threshold",
    (869, TGPP): "volume_threshold",
    (1226, TGPP): "unit_threshold",
    (871, TGPP): "holding_seconds",
    (881, TGPP): "consumption_seconds",
}


def encode_ccr(ccr: CCR) -> bytes:
    """The request as a client sends it."""
    parts = [
        octets(263, ccr.session_id),
        text(264, ccr.origin_host),
        text(296, ccr.origin_realm),
        text(283, ccr.destination_realm),
        u32(258, 4),
        text(461, ccr.service_context_id),
        u32(416, ccr.request_type),
        u32(415, ccr.request_number),
    ]
    if ccr.destination_host is not None:
        parts.append(text(293, ccr.destination_host))
    if ccr.sub_session_id is not None:
        parts.append(u64(419, ccr.sub_session_id))
    if ccr.origin_state_id is not None:
        parts.append(u32(278, ccr.origin_state_id))
    if ccr.event_timestamp is not None:
        parts.append(u32(55, ccr.event_timestamp + NTP_EPOCH & 0xFFFFFFFF))
    if ccr.user_name is not None:
        parts.append(text(1, ccr.user_name))
    for kind, data in ccr.subscription_ids:
        parts.append(octets(443, u32(450, kind) + text(444, data)))
    if ccr.requested_action is not None:
        parts.append(u32(436, ccr.requested_action))
    if ccr.termination_cause is not None:
        parts.append(u32(295, ccr.termination_cause))
    if ccr.command_service_identifier is not None:
        parts.append(u32(439, ccr.command_service_identifier))
    if ccr.command_rsu is not None:
        parts.append(octets(437, write_units(ccr.command_rsu)))
    parts += [_used(each) for each in ccr.command_usu]
    if ccr.multiple_services is not None:
        parts.append(u32(455, ccr.multiple_services))
    elif ccr.mscc:
        parts.append(u32(455, 1))
    parts += [_mscc(each) for each in ccr.mscc]
    if ccr.correlation_id:
        parts.append(octets(411, ccr.correlation_id, 0))
    if ccr.refund_information:
        parts.append(octets(2022, ccr.refund_information, 0, TGPP))
    parts.append(_service_information(ccr))
    parts += [text(282, each) for each in ccr.route_records]
    parts.append(ccr.proxy_info)
    body = b"".join(parts)
    length = HEADER_SIZE + len(body)
    head = pack_header(length, ccr.flags, CCR_COMMAND, 4, ccr.hop_by_hop, ccr.end_to_end)
    return head + body


def _used(each: USU) -> bytes:
    data = write_units(each.units)
    if each.tariff_change_usage is not None:
        data += u32(452, each.tariff_change_usage)
    if each.reporting_reason is not None:
        data += u32(872, each.reporting_reason, vendor=TGPP)
    return octets(446, data)


def _mscc(each: MSCC) -> bytes:
    parts = []
    if each.rsu is not None:
        parts.append(octets(437, write_units(each.rsu)))
    parts += [_used(one) for one in each.usu]
    parts += [u32(439, identifier) for identifier in each.service_identifiers]
    if each.rating_group is not None:
        parts.append(u32(432, each.rating_group))
    if each.reporting_reason is not None:
        parts.append(u32(872, each.reporting_reason, vendor=TGPP))
    if each.refund_information:
        parts.append(octets(2022, each.refund_information, vendor=TGPP))
    return octets(456, b"".join(parts))


def _service_information(ccr: CCR) -> bytes:
    groups = ((874, _ps(ccr)), (876, _ims(ccr)), (2000, _sms(ccr)), (877, _mms(ccr)))
    inner = b"".join(octets(code, data, vendor=TGPP) for code, data in groups if data)
    return octets(873, inner, vendor=TGPP) if inner else b""


def _ps(ccr: CCR) -> bytes:
    parts = []
    if ccr.charging_id is not None:
        parts.append(u32(2, ccr.charging_id, vendor=TGPP))
    for code, address in ((1228, ccr.sgsn_address), (847, ccr.ggsn_address)):
        if address is not None:
            ip = ip_address(address)
            family = b"\0\1" if ip.version == 4 else b"\0\2"
            parts.append(octets(code, family + ip.packed, vendor=TGPP))
    if ccr.apn is not None:
        parts.append(text(30, ccr.apn))
    if ccr.serving_plmn is not None:
        parts.append(text(18, ccr.serving_plmn, vendor=TGPP))
    if ccr.rat_type is not None:
        parts.append(octets(21, bytes((ccr.rat_type,)), vendor=TGPP))
    if ccr.user_location:
        parts.append(octets(22, ccr.user_location, vendor=TGPP))
    return b"".join(parts)


def _ims(ccr: CCR) -> bytes:
    parts = []
    if ccr.role_of_node is not None:
        parts.append(u32(829, ccr.role_of_node, vendor=TGPP))
    parts += [text(831, each, vendor=TGPP) for each in ccr.calling]
    if ccr.called is not None:
        parts.append(text(832, ccr.called, vendor=TGPP))
    if ccr.ims_charging_id is not None:
        parts.append(text(841, ccr.ims_charging_id, vendor=TGPP))
    # Node-Functionality is required in the group: an application server.
    return u32(862, 6, vendor=TGPP) + b"".join(parts) if parts else b""


def _is_mms(ccr: CCR) -> bool:
    return "32270" in ccr.service_context_id or ccr.message_class is not None


def _party(code: int, address: str) -> bytes:
    return octets(code, text(897, address, vendor=TGPP), vendor=TGPP)


def _sms(ccr: CCR) -> bytes:
    parts = []
    if ccr.messages is not None:
        parts.append(u32(2019, ccr.messages, vendor=TGPP))
    if not _is_mms(ccr):
        parts += [octets(2026, _party(1201, each), vendor=TGPP) for each in ccr.recipients]
        if ccr.originator is not None:
            parts.append(_party(2027, ccr.originator))
    return b"".join(parts)


def _mms(ccr: CCR) -> bytes:
    if not _is_mms(ccr):
        return b""
    parts = [] if ccr.originator is None else [_party(886, ccr.originator)]
    parts += [_party(1201, each) for each in ccr.recipients]
    if ccr.message_class is not None:
        parts.append(octets(1213, u32(1214, ccr.message_class, vendor=TGPP), vendor=TGPP))
    return b"".join(parts)


@dataclass(slots=True)
class Answer:
    """What a client reads of a CCA."""

    header: Header
    session_id: bytes = b""
    result_code: int = 0
    request_type: int | None = None
    request_number: int | None = None
    failure_handling: int | None = None
    session_failover: int | None = None
    mscc: tuple[MSCCAnswer, ...] = ()
    command_gsu: Units | None = None
    cost: tuple[int, int, int] | None = None
    error_message: str | None = None
    failed_avp: bytes = b""
    proxy_info: bytes = b""
    command_validity_seconds: int | None = None
    command_final_unit: FinalUnit | None = None
    direct_debiting_failure_handling: int | None = None
    check_balance_result: int | None = None
    low_balance: int | None = None
    remaining_balance: tuple[int, int, int] | None = None
    refund_information: bytes = b""


#: The numbers of an answer: where each goes.
_NUMBERS = {
    (268, 0): "result_code",
    (416, 0): "request_type",
    (415, 0): "request_number",
    (427, 0): "failure_handling",
    (418, 0): "session_failover",
    (448, 0): "command_validity_seconds",
    (428, 0): "direct_debiting_failure_handling",
    (422, 0): "check_balance_result",
    (2020, TGPP): "low_balance",
}


def decode_cca(message: bytes) -> Answer:
    """The answer in `message`; ProtocolError when it is malformed."""
    answer = Answer(parse_header(message))
    for found in walk(message, HEADER_SIZE, len(message)):
        code, vendor, _, start, end, at = found
        if (code, vendor) in _NUMBERS:
            setattr(answer, _NUMBERS[code, vendor], read_number(message, found))
        elif vendor == TGPP:
            if code == 2021:
                answer.remaining_balance = _read_cost(message, found)
            elif code == 2022:
                answer.refund_information = message[start:end]
        elif vendor:
            continue
        elif code == 263:
            answer.session_id = message[start:end]
        elif code == 456:
            answer.mscc += (_read_mscc(message, found),)
        elif code == 431:
            answer.command_gsu = _read_units(message, found)
        elif code == 430:
            answer.command_final_unit = _read_final_unit(message, found)
        elif code == 423:
            answer.cost = _read_cost(message, found)
        elif code == 281:
            answer.error_message = read_text(message, found)
        elif code == 279:
            answer.failed_avp = message[start:end]
        elif code == 284:
            answer.proxy_info += message[at:end] + bytes(-(end - at) & 3)
    return answer


def _read_units(message: bytes, found: Found) -> Units:
    values: dict[int, int] = {}
    money: Money | None = None
    for each in walk(message, found[3], found[4]):
        if each[1]:
            continue
        if each[0] in _UNITS:
            values[each[0]] = read_number(message, each)
        elif each[0] == 413:
            numbers = _read_amount(message, each)
            money = Money(numbers.get(447, 0), numbers.get(429, 0), numbers.get(425))
    time, total, received, sent, specific = (values.get(code) for code in _UNITS)
    return Units(time, total, received, sent, specific, money)


def _read_amount(message: bytes, found: Found) -> dict[int, int]:
    """The members of CC-Money, Cost-Information or Remaining-Balance and of their Unit-Value, by code."""
    numbers: dict[int, int] = {}
    for each in walk(message, found[3], found[4]):
        members = walk(message, each[3], each[4]) if each[0] == 445 else (each,)
        for one in members:
            # Currency-Code is the only one without a sign.
            is_signed = one[0] != 425
            value = int.from_bytes(message[one[3] : one[4]], "big", signed=is_signed)
            numbers[one[0]] = value
    return numbers


def _read_cost(message: bytes, found: Found) -> tuple[int, int, int]:
    numbers = _read_amount(message, found)
    return numbers.get(447, 0), numbers.get(429, 0), numbers.get(425, 0)


def _read_mscc(message: bytes, found: Found) -> MSCCAnswer:
    answer = MSCCAnswer(None, (), 0)
    changes: dict[str, Any] = {}
    for each in walk(message, found[3], found[4]):
        code, vendor = each[0], each[1]
        if (code, vendor) in _MSCC_NUMBERS:
            changes[_MSCC_NUMBERS[code, vendor]] = read_number(message, each)
        elif (code, vendor) == (1264, TGPP):
            members = walk(message, each[3], each[4])
            changes["trigger"] = tuple(read_number(message, one) for one in members)
        elif (code, vendor) == (2022, TGPP):
            changes["refund_information"] = message[each[3] : each[4]]
        elif vendor:
            continue
        elif code == 431:
            changes["gsu"] = _read_units(message, each)
            changes["tariff_time_change"] = _read_change(message, each)
        elif code == 430:
            changes["final_unit"] = _read_final_unit(message, each)
        elif code == 439:
            identifiers = changes.get("service_identifiers", ())
            changes["service_identifiers"] = (*identifiers, read_number(message, each))
    return replace(answer, **changes)


def _read_change(message: bytes, found: Found) -> int | None:
    """Tariff-Time-Change in UTC seconds; the high bit tells the era (RFC 6733, 4.3.1)."""
    for each in walk(message, found[3], found[4]):
        if each[:2] == (451, 0):
            value = read_number(message, each)
            return value + (0 if value >> 31 else NTP_ERA) - NTP_EPOCH
    return None


def _read_final_unit(message: bytes, found: Found) -> FinalUnit:
    action, kind = None, None
    address = ""
    rules: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    for each in walk(message, found[3], found[4]):
        if each[1]:
            continue
        if each[0] == 449:
            action = read_number(message, each)
        elif each[0] == 438:
            rules += (read_text(message, each),)
        elif each[0] == 11:
            names += (read_text(message, each),)
        elif each[0] == 434:
            for one in walk(message, each[3], each[4]):
                if one[:2] == (433, 0):
                    kind = read_number(message, one)
                elif one[:2] == (435, 0):
                    address = read_text(message, one)
    if action is None:
        raise ProtocolError(
            ResultCode.MISSING_AVP,
            "Final-Unit-Indication without its action",
            octets(430, example(449)),
        )
    return FinalUnit(action, kind, address, rules, names)
