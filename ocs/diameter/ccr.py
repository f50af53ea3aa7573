"""Reading a CCR: the hot path, without an object for each AVP.

What is wrong with a request is found in this order: lengths and flags, unknown AVPs with the M bit,
missing AVPs, too many, values out of range. AVPs that nobody reads are checked and not kept. An AVP is
its code *and* its vendor: the code of a Rating-Group with another vendor is something else.
"""

from collections.abc import Callable

from ocs.diameter import avp
from ocs.diameter.avp import Found, read_number, read_text
from ocs.diameter.credit_control import (
    CCR,
    EVENT_REQUEST,
    INITIAL_REQUEST,
    MSCC,
    USU,
    Units,
)
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import ProtocolError, ResultCode, parse_header
from ocs.diameter.structure import Structure, examine

#: RFC 6733 sets no limit; longer ones are not seen, and the store keeps each one.
MAX_SESSION_ID = 1024
MAX_MSCC = 64
#: A domain name has at most 255 octets (RFC 1035, 2.3.4); it becomes part of keys and labels.
MAX_IDENTITY = 255
#: Amounts go through doubles in the store: at 2^53 the last unit would be lost.
UNITS_LIMIT = 2**53
#: Seconds between 1900 and 1970, and the length of an NTP era (RFC 6733, 4.3.1).
NTP_EPOCH, NTP_ERA = 2_208_988_800, 2**32

#: Once at most in a CCR (RFC 8506, 3.1).
_ONCE = frozenset(
    (263, 264, 296, 283, 258, 461, 416, 415, 293, 1, 419, 55, 278, 295, 437, 455, 436, 439)
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


def _number(message: bytes, found: Found) -> int:
    """A number whose size the structure vouches for: half the time of avp.read_number."""
    return int.from_bytes(message[found[3] : found[4]], "big")


def repeated(message: bytes, found: Found) -> ProtocolError:
    """5009 with the first AVP that is one too many (RFC 6733, 7.1.5)."""
    return ProtocolError(
        ResultCode.AVP_OCCURS_TOO_MANY_TIMES,
        f"AVP {found[0]} stands more than once",
        avp.raw_avp(message, found[5], found[4]),
    )


def missing(code: int, named: bytes = b"") -> ProtocolError:
    """5005 with an example of what is missing (RFC 6733, 7.5)."""
    named = named or avp.example(code)
    return ProtocolError(ResultCode.MISSING_AVP, f"AVP {code} is missing", named)


def decode_ccr(message: bytes) -> CCR:
    """The CCR in `message`, whose length the framer has checked; ProtocolError with its code."""
    structure = examine(message)
    seen: set[int] = set()
    first_repeated: Found | None = None
    for each in structure.top:
        code = each[0]
        if each[1] == 0 and code in _ONCE:
            if code in seen:
                first_repeated = first_repeated or each
            seen.add(code)
    for code in _REQUIRED:
        if code not in seen:
            raise missing(code)
    if first_repeated is not None:
        raise repeated(message, first_repeated)
    if structure.wrong_size is not None:
        raise structure.wrong_size
    return _Reader(message, structure).read()


def _check_event(action: int | None) -> None:
    """Requested-Action says what an event is; other requests carry it without meaning (RFC 8506, 8.41)."""
    if action is None:
        raise missing(436)
    if action > 3:
        raise ProtocolError(
            ResultCode.INVALID_AVP_VALUE, "Requested-Action is 0 to 3", avp.u32(436, action)
        )


class _Reader:
    """Reads one CCR; one method for each AVP that is more than a plain value."""

    def __init__(self, message: bytes, structure: Structure) -> None:
        self._message = message
        self._top = structure.top
        self._groups = structure.groups
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

    def read(self) -> CCR:
        for each in self._top:
            if each[1] == 0:
                reader = _READERS.get(each[0])
                if reader is not None:
                    reader(self, each)
            elif each[0] == 873 and each[1] == TGPP:
                self._service_information(each)
        ccr = self._ccr
        ccr.mscc = tuple(self._mscc)
        ccr.subscription_ids = tuple(self._ids or self._inner_ids)
        if ccr.request_type == EVENT_REQUEST:
            _check_event(ccr.requested_action)
        return ccr

    # Plain values.

    def _session_id(self, found: Found) -> None:
        value = self._message[found[3] : found[4]]
        if not 0 < len(value) <= MAX_SESSION_ID:
            raise ProtocolError(
                ResultCode.INVALID_AVP_VALUE,
                f"a Session-Id has 1 to {MAX_SESSION_ID} octets",
                avp.example(263),
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
        if not (0 < len(value) <= MAX_IDENTITY and value.isascii() and value.isprintable()):
            raise invalid(
                self._message, found, f"a DiameterIdentity is 1 to {MAX_IDENTITY} printable octets"
            )
        return value

    def _service_context(self, found: Found) -> None:
        self._ccr.service_context_id = read_text(self._message, found)

    def _user_name(self, found: Found) -> None:
        self._ccr.user_name = read_text(self._message, found)

    def _application(self, found: Found) -> None:
        if _number(self._message, found) != 4:
            raise invalid(self._message, found, "Auth-Application-Id is 4 in a CCR")

    def _request_type(self, found: Found) -> None:
        value = _number(self._message, found)
        if not INITIAL_REQUEST <= value <= EVENT_REQUEST:
            raise invalid(self._message, found, "CC-Request-Type is 1 to 4")
        self._ccr.request_type = value

    def _request_number(self, found: Found) -> None:
        self._ccr.request_number = _number(self._message, found)

    def _sub_session(self, found: Found) -> None:
        self._ccr.sub_session_id = _number(self._message, found)

    def _origin_state(self, found: Found) -> None:
        self._ccr.origin_state_id = _number(self._message, found)

    def _event_timestamp(self, found: Found) -> None:
        value = _number(self._message, found)
        # The high bit tells the era: clear means after 2036 (RFC 6733, 4.3.1, SNTP rule).
        self._ccr.event_timestamp = value + (0 if value >> 31 else NTP_ERA) - NTP_EPOCH

    def _requested_action(self, found: Found) -> None:
        self._ccr.requested_action = _number(self._message, found)

    def _termination_cause(self, found: Found) -> None:
        self._ccr.termination_cause = _number(self._message, found)

    def _service_identifier(self, found: Found) -> None:
        self._ccr.command_service_identifier = _number(self._message, found)

    def _route_record(self, found: Found) -> None:
        self._ccr.route_records += (read_text(self._message, found),)

    def _proxy_info(self, found: Found) -> None:
        self._ccr.proxy_info += avp.raw_avp(self._message, found[5], found[4])

    # Groups.

    def _rsu(self, found: Found) -> None:
        self._ccr.command_rsu = self._units(found)

    def _usu(self, found: Found) -> None:
        self._ccr.command_usu += (self._used(found),)

    def _subscription(self, found: Found) -> None:
        kind, data = self._subscription_id(found)
        if kind is None or data is None:
            code = 450 if kind is None else 444
            # The parent goes around it (RFC 6733, 7.5).
            raise missing(code, avp.octets(443, avp.example(code)))
        self._ids.append((kind, data))

    def _subscription_id(self, found: Found) -> tuple[int | None, str | None]:
        kind, data = None, None
        for each in self._groups.get(found[3], ()):
            if each[1]:
                continue
            if each[0] == 450:
                if kind is not None:
                    raise repeated(self._message, each)
                kind = read_number(self._message, each)
            elif each[0] == 444:
                if data is not None:
                    raise repeated(self._message, each)
                data = read_text(self._message, each)
        return kind, data

    def _extension(self, found: Found) -> None:
        for each in self._groups.get(found[3], ()):
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
        for each in self._groups.get(found[3], ()):
            code, vendor = each[0], each[1]
            if vendor:
                if code == 872 and vendor == TGPP:
                    reason = _number(message, each)
            elif code == 432:
                if group is not None:
                    raise repeated(message, each)
                group = _number(message, each)
            elif code == 439:
                identifiers += (_number(message, each),)
            elif code == 437:
                if rsu is not None:
                    raise repeated(message, each)
                rsu = self._units(each)
            elif code == 446:
                usu += (self._used(each),)
        self._mscc.append(MSCC(group, identifiers, rsu, usu, reason))

    def _units(self, found: Found) -> Units:
        values: dict[str, int] = {}
        for each in self._groups.get(found[3], ()):
            name = _UNIT_FIELDS.get(each[0])
            if name is None or each[1]:
                continue
            if name in values:
                raise repeated(self._message, each)
            value = _number(self._message, each)
            if value >= UNITS_LIMIT:
                raise invalid(self._message, each, "more units than can be counted")
            values[name] = value
        units = Units(**values)
        if (units.octets or 0) >= UNITS_LIMIT:
            raise invalid(self._message, found, "more octets than can be counted")
        return units

    def _used(self, found: Found) -> USU:
        reason, change = None, None
        for each in self._groups.get(found[3], ()):
            if each[0] == 872 and each[1] == TGPP:
                reason = _number(self._message, each)
            elif each[0] == 452 and each[1] == 0:
                change = _number(self._message, each)
        return USU(self._units(found), reason, change)

    # Service-Information: only what rating reads, and nothing in it is insisted upon.

    def _service_information(self, found: Found) -> None:
        for each in self._groups.get(found[3], ()):
            code, vendor = each[0], each[1]
            if code == 443 and vendor == 0:
                kind, data = self._subscription_id(each)
                if kind is not None and data is not None:
                    self._inner_ids.append((kind, data))
            elif vendor != TGPP:
                continue
            elif code == 874:
                self._ps_information(each)
            elif code in (876, 3410):  # IMS-, VCS-Information
                self._call_information(each)

    def _ps_information(self, found: Found) -> None:
        for each in self._groups.get(found[3], ()):
            if each[0] == 30 and each[1] == 0:
                self._ccr.apn = read_text(self._message, each)
            elif each[0] == 18 and each[1] == TGPP:
                self._ccr.serving_plmn = read_text(self._message, each)

    def _call_information(self, found: Found) -> None:
        asked = None
        for each in self._groups.get(found[3], ()):
            if each[1] != TGPP:
                continue
            if each[0] == 831:
                self._ccr.calling += (read_text(self._message, each),)
            elif each[0] == 832:
                self._ccr.called = read_text(self._message, each)
            elif each[0] == 1251:
                asked = asked or read_text(self._message, each)
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
