"""Reading a CCR: the hot path, without an object for each AVP.

What is wrong with a request is found in this order: lengths and flags, unknown AVPs with the M bit,
missing AVPs, too many, values out of range. AVPs that nobody reads are checked and not kept.
"""

from collections.abc import Callable

from ocs.diameter import avp
from ocs.diameter.avp import M_BIT, MAX_AVPS, Found, read_number, read_text, walk
from ocs.diameter.credit_control import (
    CCR,
    EVENT_REQUEST,
    INITIAL_REQUEST,
    MSCC,
    USU,
    Units,
)
from ocs.diameter.dictionary import TGPP, TYPES
from ocs.diameter.framing import HEADER_SIZE, ProtocolError, ResultCode, parse_header

#: RFC 6733 sets no limit; longer ones are not seen, and the store keeps each one.
MAX_SESSION_ID = 1024
MAX_MSCC = 64
#: Amounts go through doubles in the store: at 2^53 the last unit would be lost.
UNITS_LIMIT = 2**53
#: Seconds between 1900 and 1970, and the length of an NTP era (RFC 6733, 4.3.1).
NTP_EPOCH, NTP_ERA = 2_208_988_800, 2**32

#: Once at most in a CCR (RFC 8506, 3.1).
_ONCE = frozenset(
    (263, 264, 296, 283, 258, 461, 416, 415, 293, 1, 419, 55, 278, 295, 437, 455, 436)
)
#: Required; a missing Auth-Application-Id is known of real clients, the header says 4 anyway.
_REQUIRED = (263, 264, 296, 283, 461, 416, 415)
_UNIT_FIELDS = {
    420: "time",
    421: "total_octets",
    412: "input_octets",
    414: "output_octets",
    417: "specific",
}


def invalid(message: bytes, found: Found, reason: str) -> ProtocolError:
    """5004 with the AVP as it came (RFC 6733, 7.1.5)."""
    return ProtocolError(
        ResultCode.INVALID_AVP_VALUE, reason, avp.raw_avp(message, found[5], found[4])
    )


def _check_known(message: bytes, found: Found) -> None:
    code, vendor, flags, _, end, at = found
    if flags & M_BIT and (code, vendor) not in TYPES:
        raise ProtocolError(
            ResultCode.AVP_UNSUPPORTED,
            f"AVP {code} of vendor {vendor} is not known here",
            avp.raw_avp(message, at, end),
        )


def _members(message: bytes, found: Found) -> list[Found]:
    """The AVPs of a known group, checked."""
    members = list(walk(message, found[3], found[4]))
    for each in members:
        _check_known(message, each)
    return members


def decode_ccr(message: bytes) -> CCR:
    """The CCR in `message`, whose length the framer has checked; ProtocolError with its code."""
    found = list(walk(message, HEADER_SIZE, len(message)))
    if len(found) > MAX_AVPS:
        raise ProtocolError(ResultCode.AVP_OCCURS_TOO_MANY_TIMES, "too many AVPs")
    for each in found:
        _check_known(message, each)
    seen = {each[0] for each in found if each[1] == 0}
    for code in _REQUIRED:
        if code not in seen:
            raise ProtocolError(ResultCode.MISSING_AVP, f"AVP {code} is missing", avp.example(code))
    return _Reader(message).read(found)


class _Reader:
    """Reads one CCR; one method for each AVP that is more than a plain value."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        header = parse_header(message)
        self._ccr = CCR(
            hop_by_hop=header.hop_by_hop,
            end_to_end=header.end_to_end,
            flags=header.flags,
            session_id=b"",
            origin_host="",
            origin_realm="",
            destination_realm="",
            destination_host=None,
            service_context_id="",
            request_type=0,
            request_number=0,
        )
        self._mscc: list[MSCC] = []
        self._ids: list[tuple[int, str]] = []
        self._inner_ids: list[tuple[int, str]] = []

    def read(self, found: list[Found]) -> CCR:
        seen: set[int] = set()
        for each in found:
            code, vendor = each[0], each[1]
            if vendor == 0:
                if code in _ONCE:
                    if code in seen:
                        raise ProtocolError(
                            ResultCode.AVP_OCCURS_TOO_MANY_TIMES,
                            f"AVP {code} stands more than once",
                            avp.raw_avp(self._message, each[5], each[4]),
                        )
                    seen.add(code)
                reader = _READERS.get(code)
                if reader is not None:
                    reader(self, each)
            elif code == 873 and vendor == TGPP:
                self._service_information(each)
        ccr = self._ccr
        ccr.mscc = tuple(self._mscc)
        ccr.subscription_ids = tuple(self._ids or self._inner_ids)
        return ccr

    # Plain values.

    def _session_id(self, found: Found) -> None:
        value = self._message[found[3] : found[4]]
        if not 0 < len(value) <= MAX_SESSION_ID:
            raise ProtocolError(
                ResultCode.INVALID_AVP_VALUE,
                f"a Session-Id has 1 to {MAX_SESSION_ID} octets",
                avp.raw_avp(self._message, found[5], min(found[4], found[5] + 8)),
            )
        self._ccr.session_id = value

    def _origin_host(self, found: Found) -> None:
        self._ccr.origin_host = self._identity(found)

    def _origin_realm(self, found: Found) -> None:
        self._ccr.origin_realm = self._identity(found)

    def _destination_host(self, found: Found) -> None:
        self._ccr.destination_host = self._identity(found)

    def _destination_realm(self, found: Found) -> None:
        self._ccr.destination_realm = self._identity(found)

    def _identity(self, found: Found) -> str:
        value = read_text(self._message, found)
        if not value or not value.isascii() or not value.isprintable():
            raise invalid(self._message, found, "a DiameterIdentity is printable ASCII")
        return value

    def _service_context(self, found: Found) -> None:
        self._ccr.service_context_id = read_text(self._message, found)

    def _user_name(self, found: Found) -> None:
        self._ccr.user_name = read_text(self._message, found)

    def _application(self, found: Found) -> None:
        if read_number(self._message, found) != 4:
            raise invalid(self._message, found, "Auth-Application-Id is 4 in a CCR")

    def _request_type(self, found: Found) -> None:
        value = read_number(self._message, found)
        if not INITIAL_REQUEST <= value <= EVENT_REQUEST:
            raise invalid(self._message, found, "CC-Request-Type is 1 to 4")
        self._ccr.request_type = value

    def _request_number(self, found: Found) -> None:
        self._ccr.request_number = read_number(self._message, found)

    def _sub_session(self, found: Found) -> None:
        self._ccr.sub_session_id = read_number(self._message, found)

    def _origin_state(self, found: Found) -> None:
        self._ccr.origin_state_id = read_number(self._message, found)

    def _event_timestamp(self, found: Found) -> None:
        value = read_number(self._message, found)
        # The high bit tells the era: clear means after 2036 (RFC 6733, 4.3.1, SNTP rule).
        self._ccr.event_timestamp = value + (0 if value >> 31 else NTP_ERA) - NTP_EPOCH

    def _requested_action(self, found: Found) -> None:
        value = read_number(self._message, found)
        if value > 3 and self._ccr.request_type == EVENT_REQUEST:
            raise invalid(self._message, found, "Requested-Action is 0 to 3")
        self._ccr.requested_action = value

    def _termination_cause(self, found: Found) -> None:
        self._ccr.termination_cause = read_number(self._message, found)

    def _service_identifier(self, found: Found) -> None:
        self._ccr.command_service_identifier = read_number(self._message, found)

    def _route_record(self, found: Found) -> None:
        self._ccr.route_records += (read_text(self._message, found),)

    def _proxy_info(self, found: Found) -> None:
        self._ccr.proxy_info += avp.raw_avp(self._message, found[5], found[4])

    # Groups.

    def _rsu(self, found: Found) -> None:
        self._ccr.command_rsu = self._units(_members(self._message, found))

    def _usu(self, found: Found) -> None:
        self._ccr.command_usu += (self._used(found),)

    def _subscription(self, found: Found) -> None:
        self._ids += self._subscription_id(found)

    def _subscription_id(self, found: Found) -> list[tuple[int, str]]:
        kind, data = None, None
        for each in _members(self._message, found):
            if each[0] == 450:
                kind = read_number(self._message, each)
            elif each[0] == 444:
                data = read_text(self._message, each)
        if kind is None or data is None:
            missing = avp.octets(443, avp.example(450 if kind is None else 444))
            raise ProtocolError(ResultCode.MISSING_AVP, "Subscription-Id is incomplete", missing)
        return [(kind, data)]

    def _extension(self, found: Found) -> None:
        for each in _members(self._message, found):
            if 660 <= each[0] <= 664 and each[1] == 0:
                self._ids.append((each[0] - 660, read_text(self._message, each)))

    def _multiple(self, found: Found) -> None:
        if len(self._mscc) == MAX_MSCC:
            raise ProtocolError(
                ResultCode.AVP_OCCURS_TOO_MANY_TIMES,
                f"more than {MAX_MSCC} services",
                avp.example(456),
            )
        group: int | None = None
        identifiers: tuple[int, ...] = ()
        rsu: Units | None = None
        usu: tuple[USU, ...] = ()
        reason: int | None = None
        message = self._message
        for each in _members(message, found):
            code = each[0]
            if code == 432:
                group = read_number(message, each)
            elif code == 439:
                identifiers += (read_number(message, each),)
            elif code == 437:
                rsu = self._units(_members(message, each))
            elif code == 446:
                usu += (self._used(each),)
            elif code == 872:
                reason = read_number(message, each)
        self._mscc.append(MSCC(group, identifiers, rsu, usu, reason))

    def _units(self, members: list[Found]) -> Units:
        values: dict[str, int] = {}
        for each in members:
            name = _UNIT_FIELDS.get(each[0])
            if name is None or each[1]:
                continue
            value = read_number(self._message, each)
            if value >= UNITS_LIMIT:
                raise invalid(self._message, each, "more units than can be counted")
            values[name] = value
        return Units(**values)

    def _used(self, found: Found) -> USU:
        members = _members(self._message, found)
        reason, change = None, None
        for each in members:
            if each[0] == 872:
                reason = read_number(self._message, each)
            elif each[0] == 452:
                change = read_number(self._message, each)
        return USU(self._units(members), reason, change)

    # Service-Information: only what rating reads. Unknown AVPs with the M bit are accepted in it:
    # each release of TS 32.299 adds some.

    def _service_information(self, found: Found) -> None:
        for each in walk(self._message, found[3], found[4]):
            if each[0] == 443 and each[1] == 0:
                self._inner_ids += self._subscription_id(each)
            elif each[0] == 874 and each[1] == TGPP:
                self._ps_information(each)
            elif each[0] == 876 and each[1] == TGPP:
                self._ims_information(each)

    def _ps_information(self, found: Found) -> None:
        for code, vendor, flags, start, end, at in walk(self._message, found[3], found[4]):
            each = (code, vendor, flags, start, end, at)
            if code == 30 and vendor == 0:
                self._ccr.apn = read_text(self._message, each)
            elif code == 18 and vendor == TGPP:
                self._ccr.serving_plmn = read_text(self._message, each)

    def _ims_information(self, found: Found) -> None:
        asked = None
        for each in walk(self._message, found[3], found[4]):
            if each[1] != TGPP:
                continue
            if each[0] == 831:
                self._ccr.calling += (read_text(self._message, each),)
            elif each[0] == 832:
                self._ccr.called = read_text(self._message, each)
            elif each[0] == 1251:
                asked = read_text(self._message, each)
            elif each[0] == 829:
                self._ccr.role_of_node = read_number(self._message, each)
        if self._ccr.called is None:
            self._ccr.called = asked


_READERS: dict[int, Callable[[_Reader, Found], None]] = {
    263: _Reader._session_id,
    264: _Reader._origin_host,
    296: _Reader._origin_realm,
    293: _Reader._destination_host,
    283: _Reader._destination_realm,
    258: _Reader._application,
    461: _Reader._service_context,
    1: _Reader._user_name,
    416: _Reader._request_type,
    415: _Reader._request_number,
    419: _Reader._sub_session,
    278: _Reader._origin_state,
    55: _Reader._event_timestamp,
    436: _Reader._requested_action,
    295: _Reader._termination_cause,
    439: _Reader._service_identifier,
    282: _Reader._route_record,
    284: _Reader._proxy_info,
    437: _Reader._rsu,
    446: _Reader._usu,
    443: _Reader._subscription,
    659: _Reader._extension,
    456: _Reader._multiple,
}
