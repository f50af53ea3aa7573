"""Reading a CCR: the hot path, without an object for each AVP.

What is wrong with a request is found in this order: lengths and flags, unknown AVPs with the M bit,
missing AVPs, too many, values out of range. AVPs that nobody reads are checked and not kept. An AVP is
its code *and* its vendor: the code of a Rating-Group with another vendor is something else.
"""

import struct
from collections.abc import Callable

from ocs.diameter import avp
from ocs.diameter.avp import Found, invalid, missing, read_text, repeated
from ocs.diameter.credit_control import (
    CCR,
    EVENT_REQUEST,
    INITIAL_REQUEST,
    MSCC,
    USU,
    Units,
)
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import ProtocolError, ResultCode
from ocs.diameter.service_information import read_service_information
from ocs.diameter.structure import Groups, Layouts, Structure
from ocs.diameter.units import number, read_units, read_used

#: RFC 6733 sets no limit; longer ones are not seen, and the store keeps each one.
MAX_SESSION_ID = 1024
MAX_MSCC = 64
#: A domain name has at most 255 octets (RFC 1035, 2.3.4); it becomes part of keys and labels.
MAX_IDENTITY = 255
#: Seconds between 1900 and 1970, and the length of an NTP era (RFC 6733, 4.3.1).
NTP_EPOCH, NTP_ERA = 2_208_988_800, 2**32

#: Once at most in a CCR (RFC 8506, 3.1).
_ONCE = frozenset(
    (263, 264, 296, 283, 258, 461, 416, 415, 293, 1, 419, 55, 278, 295, 437, 455, 436, 439, 411)
)
#: Required; a missing Auth-Application-Id is known of real clients, the header says 4 anyway.
_REQUIRED = (263, 264, 296, 283, 461, 416, 415)
_REQUIRED_CODES = frozenset(_REQUIRED)


#: Names of clients that were checked; a handful, unless somebody invents them.
IDENTITIES_AT_MOST = 1000
_identities: dict[bytes, str] = {}
#: Subscription-Ids that were read; those of a session come with each of its requests.
SUBSCRIPTIONS_AT_MOST = 10_000
SUBSCRIPTION_OCTETS = 64  # a number or an IMSI with its headers; longer ones are read each time
_subscriptions: dict[bytes, tuple[int, str]] = {}
_layouts = Layouts()
_IDS = struct.Struct("!II")


def decode_ccr(message: bytes) -> CCR:
    """The CCR in `message`, whose length the framer has checked; ProtocolError with its code."""
    structure = _layouts.examine(message)
    if structure.steps is None:
        _check_complete(message, structure)
        structure.steps = [
            (reader, each)
            for each in structure.top
            if (reader := _READERS.get((each[0], each[1]))) is not None
        ]
    return _Reader(message, structure.groups).read(structure.steps)


def _check_complete(message: bytes, structure: Structure) -> None:
    """What is required is there, and what may stand once does."""
    once = [each for each in structure.top if each[1] == 0 and each[0] in _ONCE]
    codes = {each[0] for each in once}
    if not codes >= _REQUIRED_CODES:
        raise missing(next(code for code in _REQUIRED if code not in codes))
    if len(codes) < len(once):
        seen: set[int] = set()
        for each in once:
            if each[0] in seen:
                raise repeated(message, each)
            seen.add(each[0])
    if structure.wrong_size is not None:
        raise structure.wrong_size


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

    def __init__(self, message: bytes, groups: Groups) -> None:
        self._message = message
        self._groups = groups
        hop_by_hop, end_to_end = _IDS.unpack_from(message, 12)
        self._ccr = CCR(hop_by_hop, end_to_end, message[4], b"", "", "", "", None, "", 0, 0)
        self._mscc: list[MSCC] = []
        self._ids: list[tuple[int, str]] = []
        self._inner_ids: list[tuple[int, str]] = []

    def read(self, steps: "list[tuple[Callable[..., None], Found]]") -> CCR:
        for reader, found in steps:
            reader(self, found)
        ccr = self._ccr
        ccr.mscc = tuple(self._mscc)
        ccr.subscription_ids = tuple(self._ids or self._inner_ids)
        if ccr.request_type == EVENT_REQUEST:
            _check_event(ccr.requested_action)
        return ccr

    def _service_information(self, found: Found) -> None:
        self._inner_ids += read_service_information(self._message, self._groups, found, self._ccr)

    def _refund(self, found: Found) -> None:
        if not self._ccr.refund_information:
            # No grammar has it here: what clients without MSCC send, where there is one.
            self._ccr.refund_information = self._message[found[3] : found[4]]

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
        data = self._message[found[3] : found[4]]
        known = _identities.get(data)
        if known is not None:
            return known
        value = read_text(self._message, found)
        if not (0 < len(value) <= MAX_IDENTITY and value.isascii() and value.isprintable()):
            raise invalid(
                self._message, found, f"a DiameterIdentity is 1 to {MAX_IDENTITY} printable octets"
            )
        if len(_identities) >= IDENTITIES_AT_MOST:
            _identities.clear()
        _identities[data] = value
        return value

    def _service_context(self, found: Found) -> None:
        self._ccr.service_context_id = read_text(self._message, found)

    def _user_name(self, found: Found) -> None:
        self._ccr.user_name = read_text(self._message, found)

    def _application(self, found: Found) -> None:
        if number(self._message, found) != 4:
            raise invalid(self._message, found, "Auth-Application-Id is 4 in a CCR")

    def _request_type(self, found: Found) -> None:
        value = number(self._message, found)
        if not INITIAL_REQUEST <= value <= EVENT_REQUEST:
            raise invalid(self._message, found, "CC-Request-Type is 1 to 4")
        self._ccr.request_type = value

    def _request_number(self, found: Found) -> None:
        self._ccr.request_number = number(self._message, found)

    def _sub_session(self, found: Found) -> None:
        self._ccr.sub_session_id = number(self._message, found)

    def _origin_state(self, found: Found) -> None:
        self._ccr.origin_state_id = number(self._message, found)

    def _event_timestamp(self, found: Found) -> None:
        value = number(self._message, found)
        # The high bit tells the era: clear means after 2036 (RFC 6733, 4.3.1, SNTP rule).
        self._ccr.event_timestamp = value + (0 if value >> 31 else NTP_ERA) - NTP_EPOCH

    def _requested_action(self, found: Found) -> None:
        self._ccr.requested_action = number(self._message, found)

    def _termination_cause(self, found: Found) -> None:
        self._ccr.termination_cause = number(self._message, found)

    def _multiple_services(self, found: Found) -> None:
        self._ccr.multiple_services = number(self._message, found)

    def _correlation(self, found: Found) -> None:
        self._ccr.correlation_id = self._message[found[3] : found[4]]

    def _service_identifier(self, found: Found) -> None:
        self._ccr.command_service_identifier = number(self._message, found)

    def _route_record(self, found: Found) -> None:
        self._ccr.route_records += (read_text(self._message, found),)

    def _proxy_info(self, found: Found) -> None:
        self._ccr.proxy_info += avp.raw_avp(self._message, found[5], found[4])

    # Groups.

    def _rsu(self, found: Found) -> None:
        self._ccr.command_rsu = read_units(self._message, self._groups, found)

    def _usu(self, found: Found) -> None:
        self._ccr.command_usu += (read_used(self._message, self._groups, found),)

    def _subscription(self, found: Found) -> None:
        whole = self._message[found[3] : found[4]]
        known = _subscriptions.get(whole)
        if known is not None:
            self._ids.append(known)
            return
        kind, data = self._subscription_id(found)
        if kind is None or data is None:
            code = 450 if kind is None else 444
            # The parent goes around it (RFC 6733, 7.5).
            raise missing(code, avp.octets(443, avp.example(code)))
        if len(whole) <= SUBSCRIPTION_OCTETS:
            if len(_subscriptions) >= SUBSCRIPTIONS_AT_MOST:
                _subscriptions.clear()
            _subscriptions[whole] = kind, data
        self._ids.append((kind, data))

    def _subscription_id(self, found: Found) -> tuple[int | None, str | None]:
        kind, data = None, None
        for each in self._groups.get(found[3], ()):
            if each[1]:
                continue
            if each[0] == 450:
                if kind is not None:
                    raise repeated(self._message, each)
                kind = number(self._message, each)
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
        refund: bytes | None = None
        message = self._message
        for each in self._groups.get(found[3], ()):
            code, vendor = each[0], each[1]
            if vendor:
                if code == 872 and vendor == TGPP:
                    reason = number(message, each)
                elif code == 2022 and vendor == TGPP:
                    if refund is not None:
                        raise repeated(message, each)
                    refund = message[each[3] : each[4]]
            elif code == 432:
                if group is not None:
                    raise repeated(message, each)
                group = number(message, each)
            elif code == 439:
                identifiers += (number(message, each),)
            elif code == 437:
                if rsu is not None:
                    raise repeated(message, each)
                rsu = read_units(message, self._groups, each)
            elif code == 446:
                usu += (read_used(message, self._groups, each),)
        self._mscc.append(MSCC(group, identifiers, rsu, usu, reason, refund or b""))


_READERS: dict[tuple[int, int], Callable[[_Reader, Found], None]] = {
    (263, 0): _Reader._session_id,
    (264, 0): _Reader._origin_host,
    (296, 0): _Reader._origin_realm,
    (293, 0): _Reader._destination_host,
    (283, 0): _Reader._destination_realm,
    (258, 0): _Reader._application,
    (461, 0): _Reader._service_context,
    (1, 0): _Reader._user_name,
    (416, 0): _Reader._request_type,
    (415, 0): _Reader._request_number,
    (419, 0): _Reader._sub_session,
    (278, 0): _Reader._origin_state,
    (55, 0): _Reader._event_timestamp,
    (436, 0): _Reader._requested_action,
    (295, 0): _Reader._termination_cause,
    (439, 0): _Reader._service_identifier,
    (455, 0): _Reader._multiple_services,
    (411, 0): _Reader._correlation,
    (282, 0): _Reader._route_record,
    (284, 0): _Reader._proxy_info,
    (437, 0): _Reader._rsu,
    (446, 0): _Reader._usu,
    (443, 0): _Reader._subscription,
    (659, 0): _Reader._extension,
    (456, 0): _Reader._multiple,
    (873, TGPP): _Reader._service_information,
    (2022, TGPP): _Reader._refund,
}
