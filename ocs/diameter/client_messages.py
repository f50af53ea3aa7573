"""The client's side of the pair, for tests, the demonstration and load: writing a CCR, reading a CCA."""

from dataclasses import dataclass

from ocs.diameter.avp import Found, example, octets, read_number, read_text, text, u32, u64, walk
from ocs.diameter.cca import write_units
from ocs.diameter.credit_control import CCR, MSCC, USU, FinalUnit, MSCCAnswer, Units
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import CCR as CCR_COMMAND
from ocs.diameter.framing import (
    HEADER_SIZE,
    Header,
    ProtocolError,
    ResultCode,
    pack_header,
    parse_header,
)

#: Units in the order of `Units`; numbers of an MSCC in an answer, and those of 3GPP.
_UNITS = (420, 421, 412, 414, 417)
_MSCC_NUMBERS, _THRESHOLDS = (432, 268, 448), (868, 869)


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
        parts.append(u32(55, ccr.event_timestamp + 2_208_988_800 & 0xFFFFFFFF))
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
    if ccr.mscc:
        parts.append(u32(455, 1))
    parts += [_mscc(each) for each in ccr.mscc]
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
    return octets(456, b"".join(parts))


def _service_information(ccr: CCR) -> bytes:
    ps, ims = b"", b""
    if ccr.apn is not None:
        ps += text(30, ccr.apn)
    if ccr.serving_plmn is not None:
        ps += text(18, ccr.serving_plmn, vendor=TGPP)
    if ccr.role_of_node is not None:
        ims += u32(829, ccr.role_of_node, vendor=TGPP)
    for each in ccr.calling:
        ims += text(831, each, vendor=TGPP)
    if ccr.called is not None:
        ims += text(832, ccr.called, vendor=TGPP)
    if ims:
        ims = u32(862, 6, vendor=TGPP) + ims
    inner = (octets(874, ps, vendor=TGPP) if ps else b"") + (
        octets(876, ims, vendor=TGPP) if ims else b""
    )
    return octets(873, inner, vendor=TGPP) if inner else b""


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


def decode_cca(message: bytes) -> Answer:
    """The answer in `message`; ProtocolError when it is malformed."""
    answer = Answer(parse_header(message))
    for found in walk(message, HEADER_SIZE, len(message)):
        code, vendor, _, start, end, at = found
        if vendor:
            continue
        if code == 263:
            answer.session_id = message[start:end]
        elif code == 268:
            answer.result_code = read_number(message, found)
        elif code == 416:
            answer.request_type = read_number(message, found)
        elif code == 415:
            answer.request_number = read_number(message, found)
        elif code == 427:
            answer.failure_handling = read_number(message, found)
        elif code == 418:
            answer.session_failover = read_number(message, found)
        elif code == 456:
            answer.mscc += (_read_mscc(message, found),)
        elif code == 431:
            answer.command_gsu = _read_units(message, found)
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
    values = {
        each[0]: read_number(message, each)
        for each in walk(message, found[3], found[4])
        if each[1] == 0 and each[0] in _UNITS
    }
    return Units(*(values.get(code) for code in _UNITS))


def _read_cost(message: bytes, found: Found) -> tuple[int, int, int]:
    numbers: dict[int, int] = {}
    for each in walk(message, found[3], found[4]):
        members = walk(message, each[3], each[4]) if each[0] == 445 else (each,)
        for one in members:
            numbers[one[0]] = int.from_bytes(message[one[3] : one[4]], "big", signed=True)
    return numbers.get(447, 0), numbers.get(429, 0), numbers.get(425, 0)


def _read_mscc(message: bytes, found: Found) -> MSCCAnswer:
    numbers: dict[int, int] = {}
    identifiers: tuple[int, ...] = ()
    gsu, final = None, None
    for each in walk(message, found[3], found[4]):
        code = each[0]
        if each[1] != (TGPP if code in _THRESHOLDS else 0):
            continue
        if code == 431:
            gsu = _read_units(message, each)
        elif code == 430:
            final = _read_final_unit(message, each)
        elif code == 439:
            identifiers += (read_number(message, each),)
        elif code in _MSCC_NUMBERS or code in _THRESHOLDS:
            numbers[code] = read_number(message, each)
    return MSCCAnswer(
        rating_group=numbers.get(432),
        service_identifiers=identifiers,
        result_code=numbers.get(268, 0),
        gsu=gsu,
        validity_seconds=numbers.get(448),
        final_unit=final,
        time_threshold=numbers.get(868),
        volume_threshold=numbers.get(869),
    )


def _read_final_unit(message: bytes, found: Found) -> FinalUnit:
    for each in walk(message, found[3], found[4]):
        if each[0] == 449 and each[1] == 0:
            return FinalUnit(read_number(message, each))
    raise ProtocolError(
        ResultCode.MISSING_AVP,
        "Final-Unit-Indication without its action",
        octets(430, example(449)),
    )
