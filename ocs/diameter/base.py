"""CER, DWR, DPR and their answers, on python-diameter's message classes (RFC 6733, 5.3 to 5.5).

Every length is checked before bytes reach the library, which accepts AVPs of length 0 to 7. Both sides
are here: a server reads CER and writes CEA, a client the other way round.
"""

from dataclasses import dataclass

from diameter.message import Message
from diameter.message.avp import Avp
from diameter.message.avp.grouped import FailedAvp, VendorSpecificApplicationId
from diameter.message.commands import (
    CapabilitiesExchangeAnswer,
    CapabilitiesExchangeRequest,
    DeviceWatchdogAnswer,
    DeviceWatchdogRequest,
    DisconnectPeerAnswer,
    DisconnectPeerRequest,
)

from ocs.diameter.avp import Found, example, raw_avp, walk
from ocs.diameter.dictionary import TGPP, TYPES, AvpType
from ocs.diameter.framing import FLAG_P, HEADER_SIZE, Header, ProtocolError, ResultCode

RELAY_APPLICATION = 0xFFFFFFFF
NO_INBAND_SECURITY = 0
REBOOTING, BUSY, DO_NOT_WANT_TO_TALK_TO_YOU = 0, 1, 2
#: A domain name has at most 255 octets (RFC 1035, 2.3.4); it becomes part of keys and log lines.
MAX_IDENTITY = 255


@dataclass(frozen=True, slots=True)
class LocalNode:
    """Who we are to every peer. `origin_state_id` comes from the store and outlives a worker."""

    origin_host: str
    origin_realm: str
    product: str = "Online Charging Server"
    origin_state_id: int = 0


@dataclass(frozen=True, slots=True)
class CapabilitiesExchange:
    """What a CER says."""

    origin_host: str
    origin_realm: str
    applications: frozenset[int]
    origin_state_id: int | None = None

    @property
    def has_credit_control(self) -> bool:
        """Whether application 4 is common; a relay has everything in common (RFC 6733, 2.4)."""
        return 4 in self.applications or RELAY_APPLICATION in self.applications


def check_lengths(message: bytes) -> list[tuple[int, int]]:
    """(code, vendor) of the AVPs; ProtocolError where a length or a fixed size is wrong."""
    present = []
    for code, vendor, flags, start, end, _ in walk(message, HEADER_SIZE, len(message)):
        present.append((code, vendor))
        # Types of other vendors are known too loosely to refuse a size.
        kind = TYPES.get((code, vendor), AvpType.OCTETS) if vendor in (0, TGPP) else AvpType.OCTETS
        if kind.size and end - start != kind.size:
            raise ProtocolError(
                ResultCode.INVALID_AVP_LENGTH,
                f"AVP {code} has {end - start} octets of data",
                example(code, vendor, flags),
            )
        if (code, vendor) == (260, 0):
            for _ in walk(message, start, end):
                pass
    return present


def parse_cer(message: bytes) -> CapabilitiesExchange:
    """The CER in `message`."""
    present = check_lengths(message)
    for code in (264, 296):
        if (code, 0) not in present:
            raise ProtocolError(ResultCode.MISSING_AVP, f"AVP {code} is missing", example(code))
    applications: set[int] = set()
    security: set[int] = set()
    names: dict[int, str] = {}
    state = None
    for found in walk(message, HEADER_SIZE, len(message)):
        code, vendor, _, start, end, at = found
        if vendor:
            continue
        if code in (258, 259):
            applications.add(int.from_bytes(message[start:end], "big"))
        elif code == 260:
            applications |= {
                int.from_bytes(message[s:e], "big")
                for inner, _, _, s, e, _ in walk(message, start, end)
                if inner in (258, 259)
            }
        elif code in (264, 296):
            if code in names:
                reason = f"AVP {code} stands more than once"
                named = raw_avp(message, at, end)
                raise ProtocolError(ResultCode.AVP_OCCURS_TOO_MANY_TIMES, reason, named)
            names[code] = _identity(message, found)
        elif code == 278:
            state = int.from_bytes(message[start:end], "big")
        elif code == 299:
            security.add(int.from_bytes(message[start:end], "big"))
    if security and NO_INBAND_SECURITY not in security:
        reason = "no security is negotiated inside a connection"
        raise ProtocolError(ResultCode.NO_COMMON_SECURITY, reason)
    return CapabilitiesExchange(names[264], names[296], frozenset(applications), state)


def _identity(message: bytes, found: Found) -> str:
    _, _, _, start, end, at = found
    value = message[start:end]
    if not (
        0 < len(value) <= MAX_IDENTITY and value.isascii() and value.decode("ascii").isprintable()
    ):
        reason = f"a DiameterIdentity is 1 to {MAX_IDENTITY} printable octets"
        raise ProtocolError(ResultCode.INVALID_AVP_VALUE, reason, raw_avp(message, at, end))
    return value.decode("ascii")


def cea(
    local: LocalNode,
    request: Header,
    addresses: list[str],
    result_code: int,
    error_message: str | None = None,
    failed_avp: bytes = b"",
) -> bytes:
    """The answer to a CER; application 4 stands at top level and inside the vendor's group, since
    some clients look only there."""
    message = CapabilitiesExchangeAnswer()
    message.result_code = int(result_code)
    message.error_message = error_message
    if failed_avp:
        message.failed_avp = FailedAvp(additional_avps=[Avp.from_bytes(failed_avp)])
    _identify(message, local)
    # Without the scope of a link-local address, which would make it none to the library.
    message.host_ip_address = [each.partition("%")[0] for each in addresses]
    message.vendor_id = 0
    message.product_name = local.product
    message.supported_vendor_id = [TGPP]
    message.auth_application_id = [4]
    _vendor_application(message)
    return _answer(message, request, result_code)


def _vendor_application(message: Message) -> None:
    message.vendor_specific_application_id = [
        VendorSpecificApplicationId(vendor_id=TGPP, auth_application_id=4)
    ]


def _identify(message: Message, local: LocalNode) -> None:
    message.origin_host = local.origin_host.encode()
    message.origin_realm = local.origin_realm.encode()
    if local.origin_state_id:
        message.origin_state_id = local.origin_state_id


def _answer(message: Message, request: Header, result_code: int) -> bytes:
    message.header.hop_by_hop_identifier = request.hop_by_hop
    message.header.end_to_end_identifier = request.end_to_end
    message.header.is_error = 3000 <= result_code < 4000
    message.header.is_proxyable = bool(request.flags & FLAG_P)
    return bytes(message.as_bytes())


def _request(message: Message, hop_by_hop: int, end_to_end: int) -> bytes:
    message.header.hop_by_hop_identifier = hop_by_hop
    message.header.end_to_end_identifier = end_to_end
    return bytes(message.as_bytes())


def cer(local: LocalNode, hop_by_hop: int, end_to_end: int, address: str = "127.0.0.1") -> bytes:
    """A client's CER with application 4 at both places."""
    message = CapabilitiesExchangeRequest()
    _identify(message, local)
    message.host_ip_address = [address]
    message.vendor_id = 0
    message.product_name = local.product
    message.supported_vendor_id = [TGPP]
    message.auth_application_id = [4]
    _vendor_application(message)
    return _request(message, hop_by_hop, end_to_end)


def dwr(local: LocalNode, hop_by_hop: int, end_to_end: int) -> bytes:
    """Device-Watchdog-Request."""
    message = DeviceWatchdogRequest()
    _identify(message, local)
    return _request(message, hop_by_hop, end_to_end)


def dwa(local: LocalNode, request: Header) -> bytes:
    """Device-Watchdog-Answer."""
    message = DeviceWatchdogAnswer()
    message.result_code = 2001
    _identify(message, local)
    return _answer(message, request, 2001)


def dpr(local: LocalNode, hop_by_hop: int, end_to_end: int, cause: int) -> bytes:
    """Disconnect-Peer-Request."""
    message = DisconnectPeerRequest()
    message.origin_host = local.origin_host.encode()
    message.origin_realm = local.origin_realm.encode()
    message.disconnect_cause = cause
    return _request(message, hop_by_hop, end_to_end)


def dpa(local: LocalNode, request: Header) -> bytes:
    """Disconnect-Peer-Answer."""
    message = DisconnectPeerAnswer()
    message.result_code = 2001
    message.origin_host = local.origin_host.encode()
    message.origin_realm = local.origin_realm.encode()
    return _answer(message, request, 2001)
