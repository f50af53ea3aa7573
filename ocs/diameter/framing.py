"""Messages from a stream of bytes, and the errors every layer above speaks of (RFC 6733, 3).

Rules: a length is checked before anything is kept; what cannot be framed is fatal, since the next
message can no longer be found. Knows headers, no AVPs.

Exceptions:
    ProtocolError   the peer is wrong: Result-Code, sentence, Failed-AVP; `is_fatal`: close
"""

import struct
from enum import IntEnum

from ocs.value import value

HEADER_SIZE = 20
#: RFC 6733 allows 16 MiB; a CCR has a few KiB, and a silent peer must not make us keep more.
MAX_MESSAGE = 65_536

FLAG_R, FLAG_P, FLAG_E, FLAG_T = 0x80, 0x40, 0x20, 0x10
CER, RAR, CCR, ASR, DWR, DPR = 257, 258, 272, 274, 280, 282
BASE_APPLICATION, CREDIT_CONTROL_APPLICATION = 0, 4

_HEADER = struct.Struct("!IIIII")


class ResultCode(IntEnum):
    """Result-Code values of RFC 6733, 7.1 and RFC 8506, 9."""

    SUCCESS = 2001
    LIMITED_SUCCESS = 2002
    COMMAND_UNSUPPORTED = 3001
    UNABLE_TO_DELIVER = 3002
    REALM_NOT_SERVED = 3003
    TOO_BUSY = 3004
    LOOP_DETECTED = 3005
    APPLICATION_UNSUPPORTED = 3007
    INVALID_HDR_BITS = 3008
    INVALID_AVP_BITS = 3009
    UNKNOWN_PEER = 3010
    END_USER_SERVICE_DENIED = 4010
    CREDIT_CONTROL_NOT_APPLICABLE = 4011
    CREDIT_LIMIT_REACHED = 4012
    AVP_UNSUPPORTED = 5001
    UNKNOWN_SESSION_ID = 5002
    AUTHORIZATION_REJECTED = 5003
    INVALID_AVP_VALUE = 5004
    MISSING_AVP = 5005
    RESOURCES_EXCEEDED = 5006
    CONTRADICTING_AVPS = 5007
    AVP_NOT_ALLOWED = 5008
    AVP_OCCURS_TOO_MANY_TIMES = 5009
    NO_COMMON_APPLICATION = 5010
    UNSUPPORTED_VERSION = 5011
    UNABLE_TO_COMPLY = 5012
    INVALID_AVP_LENGTH = 5014
    INVALID_MESSAGE_LENGTH = 5015
    NO_COMMON_SECURITY = 5017
    USER_UNKNOWN = 5030
    RATING_FAILED = 5031


class ProtocolError(Exception):
    """The peer sent something wrong; answered in one place, or the connection is closed."""

    def __init__(
        self, result_code: int, message: str, failed_avp: bytes = b"", *, is_fatal: bool = False
    ) -> None:
        super().__init__(message)
        self.result_code = result_code
        self.message = message
        self.failed_avp = failed_avp
        self.is_fatal = is_fatal


@value
class Header:
    """The 20 octets in front of every message."""

    version: int
    length: int
    flags: int
    command: int
    application: int
    hop_by_hop: int
    end_to_end: int

    @property
    def is_request(self) -> bool:
        """The R bit."""
        return bool(self.flags & FLAG_R)


def parse_header(message: bytes | bytearray, offset: int = 0) -> Header:
    """The header at `offset`; the caller has made sure that 20 octets are there."""
    first, second, application, hop_by_hop, end_to_end = _HEADER.unpack_from(message, offset)
    return Header(
        version=first >> 24,
        length=first & 0xFFFFFF,
        flags=second >> 24,
        command=second & 0xFFFFFF,
        application=application,
        hop_by_hop=hop_by_hop,
        end_to_end=end_to_end,
    )


def pack_header(
    length: int, flags: int, command: int, application: int, hop_by_hop: int, end_to_end: int
) -> bytes:
    """A header of version 1."""
    return _HEADER.pack(
        1 << 24 | length, flags << 24 | command, application, hop_by_hop, end_to_end
    )


class Framer:
    """Cuts a stream into messages. After a fatal error it yields nothing more."""

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._max = max_message
        self._kept = bytearray()
        self._error: ProtocolError | None = None

    @property
    def pending(self) -> int:
        """Octets of a message that is not complete yet."""
        return len(self._kept)

    @property
    def error(self) -> ProtocolError | None:
        """Set when the boundaries were lost, after the messages before that were returned."""
        return self._error

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, in order; look at `error` afterwards."""
        if self._error is not None:
            return []
        self._kept += data
        messages: list[bytes] = []
        start, end = 0, len(self._kept)
        while end - start >= 4:
            length = int.from_bytes(self._kept[start + 1 : start + 4], "big")
            if length < HEADER_SIZE or length % 4 or length > self._max:
                self._error = ProtocolError(
                    ResultCode.INVALID_MESSAGE_LENGTH,
                    f"message length {length} cannot be",
                    is_fatal=True,
                )
                self._kept.clear()
                return messages
            if end - start < length:
                break
            messages.append(bytes(self._kept[start : start + length]))
            start += length
        del self._kept[:start]
        return messages
