"""Writing answers to CCRs: the CCA, and the answer to a request that could not be read.

What other stacks refuse is never sent: Session-Id comes first, each required AVP stands once, also on
errors; the E bit goes with 3xxx and nothing else but requests whose CCA cannot be built; a Failed-AVP
holds a well-formed AVP; RFC 8506's additions carry no M bit (RFC 6733, 6.2 and 7).
"""

import struct
from functools import lru_cache

from ocs.diameter.avp import M_BIT, i32, i64, octets, raw_avp, text, u32, u64
from ocs.diameter.ccr import NTP_EPOCH
from ocs.diameter.credit_control import CCA, CCR, FinalUnit, Money, MSCCAnswer, Units
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import (
    BASE_APPLICATION,
    CCR as CCR_COMMAND,
    CREDIT_CONTROL_APPLICATION,
    DPR,
    DWR,
    FLAG_E,
    FLAG_P,
    HEADER_SIZE,
    ProtocolError,
    pack_header,
    parse_header,
)

_APPLICATION = u32(258, CREDIT_CONTROL_APPLICATION)
#: CC-Request-Type and CC-Request-Number: code, flags with length, value of each.
_KIND = struct.Struct("!IIIIII")
_KIND_WORDS, _NUMBER_WORDS = (416, M_BIT << 24 | 12), (415, M_BIT << 24 | 12)
NO_M = 0
TERMINATE, REDIRECT = 0, 1
URL = 2  # Redirect-Address-Type
#: Thresholds have 32 bits, the quotas that they belong to 64.
_MAX_THRESHOLD = 2**32 - 1


def encode_cca(ccr: CCR, cca: CCA, origin_host: str, origin_realm: str) -> bytes:
    """The answer to `ccr`, ready to be written."""
    is_error = 3000 <= cca.result_code < 4000
    parts = [octets(263, ccr.session_id), _head(cca.result_code, origin_host, origin_realm)]
    if not is_error:
        parts.append(_KIND.pack(*_KIND_WORDS, ccr.request_type, *_NUMBER_WORDS, ccr.request_number))
        if ccr.sub_session_id is not None:
            parts.append(u64(419, ccr.sub_session_id))
        # Elsewhere a client's grammar may have these AVPs by its last line alone: no M there.
        flags = M_BIT if ccr.service_context_id.lower().endswith("@3gpp.org") else NO_M
        parts += [_mscc(each, flags) for each in cca.mscc]
        _command_level(cca, parts, flags)
    if cca.error_message is not None:
        parts.append(text(281, cca.error_message, NO_M))
    if cca.failed_avp:
        parts.append(octets(279, cca.failed_avp))
    parts.append(ccr.proxy_info)
    body = b"".join(parts)
    flags = ccr.flags & FLAG_P | (FLAG_E if is_error else 0)
    return _message(flags, ccr.hop_by_hop, ccr.end_to_end, body)


@lru_cache(256)
def _head(result_code: int, origin_host: str, origin_realm: str) -> bytes:
    """What stands behind the Session-Id: the same in nearly all answers."""
    head = u32(268, result_code) + text(264, origin_host) + text(296, origin_realm)
    return head if 3000 <= result_code < 4000 else head + _APPLICATION


def _message(flags: int, hop_by_hop: int, end_to_end: int, body: bytes) -> bytes:
    length = HEADER_SIZE + len(body)
    application = CREDIT_CONTROL_APPLICATION
    return pack_header(length, flags, CCR_COMMAND, application, hop_by_hop, end_to_end) + body


def _command_level(cca: CCA, parts: list[bytes], tgpp_flags: int) -> None:
    if cca.session_failover is not None:
        parts.append(u32(418, cca.session_failover))
    if cca.failure_handling is not None:
        parts.append(u32(427, cca.failure_handling))
    if cca.command_gsu is not None:
        parts.append(octets(431, write_units(cca.command_gsu)))
    if cca.command_validity_seconds is not None:
        parts.append(u32(448, cca.command_validity_seconds))
    if cca.command_final_unit is not None:
        parts.append(_final_unit(cca.command_final_unit))
    if cca.direct_debiting_failure_handling is not None:
        parts.append(u32(428, cca.direct_debiting_failure_handling))
    if cca.check_balance_result is not None:
        parts.append(u32(422, cca.check_balance_result))
    if cca.cost is not None:
        parts.append(octets(423, _amount(*cca.cost)))
    if cca.low_balance is not None:
        parts.append(u32(2020, cca.low_balance, tgpp_flags, TGPP))
    if cca.remaining_balance is not None:
        parts.append(octets(2021, _amount(*cca.remaining_balance), tgpp_flags, TGPP))
    if cca.refund_information:
        # The grammar of a CCA has it in an MSCC only: with M, a strict client would refuse it here.
        parts.append(octets(2022, cca.refund_information, NO_M, TGPP))


def _amount(digits: int, exponent: int, currency: int | None) -> bytes:
    """Unit-Value and Currency-Code."""
    value = octets(445, i64(447, digits) + i32(429, exponent))
    return value if currency is None else value + u32(425, currency)


def _mscc(each: MSCCAnswer, tgpp_flags: int) -> bytes:
    parts = []
    if each.gsu is not None:
        units = write_units(each.gsu)
        if each.tariff_time_change is not None:
            units += u32(451, each.tariff_time_change + NTP_EPOCH & 0xFFFFFFFF)
        parts.append(octets(431, units))
    parts += [u32(439, identifier) for identifier in each.service_identifiers]
    if each.rating_group is not None:
        parts.append(u32(432, each.rating_group))
    if each.validity_seconds is not None:
        parts.append(u32(448, each.validity_seconds))
    parts.append(u32(268, each.result_code))
    if each.final_unit is not None:
        parts.append(_final_unit(each.final_unit))
    if each.time_threshold is not None:
        parts.append(_threshold(868, each.time_threshold, tgpp_flags))
    if each.volume_threshold is not None:
        parts.append(_threshold(869, each.volume_threshold, tgpp_flags))
    if each.unit_threshold is not None:
        parts.append(_threshold(1226, each.unit_threshold, tgpp_flags))
    if each.holding_seconds is not None:
        parts.append(u32(871, each.holding_seconds, tgpp_flags, TGPP))
    if each.consumption_seconds is not None:
        parts.append(u32(881, each.consumption_seconds, tgpp_flags, TGPP))
    if each.trigger is not None:
        types = b"".join(u32(870, kind, tgpp_flags, TGPP) for kind in each.trigger)
        parts.append(octets(1264, types, tgpp_flags, TGPP))
    if each.refund_information:
        parts.append(octets(2022, each.refund_information, tgpp_flags, TGPP))
    return octets(456, b"".join(parts))


def _threshold(code: int, value: int, flags: int) -> bytes:
    return u32(code, min(value, _MAX_THRESHOLD), flags, TGPP)


def _final_unit(final: FinalUnit) -> bytes:
    """TERMINATE says nothing but itself, and only REDIRECT says where to (RFC 8506, 5.6.1 and 8.34)."""
    parts = [u32(449, final.action)]
    if final.action != TERMINATE:
        parts += [text(438, rule) for rule in final.filter_rules]
        parts += [text(11, name) for name in final.filter_ids]
    if final.action == REDIRECT and final.redirect_address:
        kind = URL if final.redirect_type is None else final.redirect_type
        parts.append(octets(434, u32(433, kind) + text(435, final.redirect_address)))
    return octets(430, b"".join(parts))


def write_units(units: Units) -> bytes:
    parts = []
    if units.time is not None:
        parts.append(u32(420, units.time))
    if units.total_octets is not None:
        parts.append(u64(421, units.total_octets))
    if units.input_octets is not None:
        parts.append(u64(412, units.input_octets))
    if units.output_octets is not None:
        parts.append(u64(414, units.output_octets))
    if units.specific is not None:
        parts.append(u64(417, units.specific))
    if units.money is not None:
        parts.append(_money(units.money))
    return b"".join(parts)


def _money(money: Money) -> bytes:
    return octets(413, _amount(money.digits, money.exponent, money.currency))


# --- a request that could not be read -----------------------------------------------------------------


def error_answer(
    message: bytes, error: ProtocolError, origin_host: str, origin_realm: str
) -> bytes:
    """The answer to any request with a readable header; never raises.

    A CCR whose type and number are there gets a CCA for 5xxx, DWR and DPR their own answer, which has
    nothing more in it; everything else the grammar of an answer-message with the E bit (RFC 6733, 7.2).
    """
    header = parse_header(message)
    found = _salvage(message)
    session_id, kind, number = found.get(263), found.get(416), found.get(415)
    is_permanent = error.result_code >= 5000
    is_cca = (
        is_permanent
        and (header.application, header.command) == (CREDIT_CONTROL_APPLICATION, CCR_COMMAND)
        and session_id is not None
        and kind is not None
        and number is not None
    )
    parts = [] if session_id is None else [session_id]
    parts += (u32(268, error.result_code), text(264, origin_host), text(296, origin_realm))
    if is_cca:
        parts += (_APPLICATION, kind or b"", number or b"")
    parts.append(text(281, error.message, NO_M))
    if error.failed_avp:
        parts.append(octets(279, error.failed_avp))
    parts.append(found.get(284, b""))
    body = b"".join(parts)
    is_base = header.application == BASE_APPLICATION and header.command in (DWR, DPR)
    flags = header.flags & FLAG_P | (0 if is_cca or (is_base and is_permanent) else FLAG_E)
    return (
        pack_header(
            HEADER_SIZE + len(body),
            flags,
            header.command,
            header.application,
            header.hop_by_hop,
            header.end_to_end,
        )
        + body
    )


#: What an answer repeats, with its size; None: any.
_SALVAGED = {263: None, 416: 4, 415: 4, 284: None}


def _salvage(message: bytes) -> dict[int, bytes]:
    """The first well-formed Session-Id, type and number, and every Proxy-Info, as far as the walk gets."""
    found: dict[int, bytes] = {}
    at, end = HEADER_SIZE, len(message)
    while end - at >= 8:
        code = int.from_bytes(message[at : at + 4], "big")
        length = int.from_bytes(message[at + 5 : at + 8], "big")
        padded = length + 3 & ~3
        if length < 8 or at + padded > end:
            break
        if code in _SALVAGED and not message[at + 4] & 0x80:
            size = _SALVAGED[code]
            if code == 284:
                found[code] = found.get(code, b"") + raw_avp(message, at, at + length)
            elif length > 8 and (size is None or length == 8 + size):
                # Written anew: reserved flags are not ours to send (RFC 6733, 4.1).
                found.setdefault(code, octets(code, message[at + 8 : at + length]))
        at += padded
    return found
