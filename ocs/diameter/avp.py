"""Walking and writing AVPs without an object for each (RFC 6733, 4).

Lengths are strict: each AVP lies wholly inside its parent. Padding octets are not looked at. The walk is
a loop over numbers, so that its depth and cost are bounded by the message.
"""

import struct
from collections.abc import Iterator

from ocs.diameter.dictionary import TYPES
from ocs.diameter.framing import ProtocolError, ResultCode

V_BIT, M_BIT = 0x80, 0x40
#: A CCR has some dozens; more is an attack on our time.
MAX_AVPS = 1024
MAX_DEPTH = 8

_CODE_LENGTH = struct.Struct("!II")
_U32 = struct.Struct("!I")
_U64 = struct.Struct("!Q")
_U32_AVP = struct.Struct("!III")
_U64_AVP = struct.Struct("!IIQ")
_VENDOR_U32 = struct.Struct("!IIII")
_I32 = struct.Struct("!i")
_I64 = struct.Struct("!q")

#: code, vendor, flags, start and end of the data, start of the AVP
Found = tuple[int, int, int, int, int, int]


def walk(message: bytes, start: int, end: int) -> Iterator[Found]:
    """The AVPs between `start` and `end`; ProtocolError 5014 or 3009 where one is malformed."""
    at = start
    unpack = _CODE_LENGTH.unpack_from
    while at < end:
        if end - at < 8:
            raise malformed(message, at, end)
        code, word = unpack(message, at)
        stop = at + (word & 0xFFFFFF)
        data, vendor = at + 8, 0
        if word & V_BIT << 24:
            data = at + 12
            vendor = int.from_bytes(message[at + 8 : data], "big")
        following = stop + 3 & ~3
        if stop < data or following > end:
            raise malformed(message, at, end)
        found = code, vendor, word >> 24, data, stop, at
        if data == at + 12 and not vendor:
            raise bad_bits(found)
        yield found
        at = following


def malformed(message: bytes, at: int, end: int) -> ProtocolError:
    """5014 for the AVP at `at`, whose length does not fit before `end`."""
    if end - at < 8:
        # What is there of the header, filled up to one (RFC 6733, 7.1.5).
        code = int.from_bytes(message[at : min(end, at + 4)].ljust(4, b"\0"), "big")
        return bad_length(code, 0, 0, f"{end - at} octets are left over behind the last AVP")
    code, word = _CODE_LENGTH.unpack_from(message, at)
    length, flags, vendor = word & 0xFFFFFF, word >> 24, 0
    if flags & V_BIT and length >= 12 and end - at >= 12:
        vendor = int.from_bytes(message[at + 8 : at + 12], "big")
    return bad_length(code, vendor, flags, f"length {length} of AVP {code} cannot be")


def bad_bits(found: Found) -> ProtocolError:
    """3009: the V bit with vendor 0 (RFC 6733, 4.1)."""
    reason = f"AVP {found[0]} has V with vendor 0"
    return ProtocolError(ResultCode.INVALID_AVP_BITS, reason, example(found[0], 0, found[2]))


def bad_length(code: int, vendor: int, flags: int, message: str) -> ProtocolError:
    """5014 with a well-formed example: right header, zeros of the type's size (RFC 6733, 7.1.5)."""
    return ProtocolError(ResultCode.INVALID_AVP_LENGTH, message, example(code, vendor, flags))


def example(code: int, vendor: int = 0, flags: int = M_BIT) -> bytes:
    """An AVP with a zero-filled value of the smallest size its type allows (RFC 6733, 7.5)."""
    kind = TYPES.get((code, vendor))
    return octets(code, bytes(kind.size if kind is not None else 0), flags & M_BIT, vendor)


def missing(code: int, named: bytes = b"") -> ProtocolError:
    """5005 with an example of what is missing (RFC 6733, 7.5)."""
    named = named or example(code)
    return ProtocolError(ResultCode.MISSING_AVP, f"AVP {code} is missing", named)


def repeated(message: bytes, found: Found) -> ProtocolError:
    """5009 with the first AVP that is one too many (RFC 6733, 7.1.5)."""
    return ProtocolError(
        ResultCode.AVP_OCCURS_TOO_MANY_TIMES,
        f"AVP {found[0]} stands more than once",
        raw_avp(message, found[5], found[4]),
    )


def invalid(message: bytes, found: Found, reason: str) -> ProtocolError:
    """5004 with the AVP as it came (RFC 6733, 7.1.5)."""
    return ProtocolError(ResultCode.INVALID_AVP_VALUE, reason, raw_avp(message, found[5], found[4]))


def octets(code: int, data: bytes, flags: int = M_BIT, vendor: int = 0) -> bytes:
    """An AVP with these octets, padded."""
    padding = bytes(-len(data) & 3)
    if vendor:
        head = _CODE_LENGTH.pack(code, (flags | V_BIT) << 24 | len(data) + 12)
        return head + _U32.pack(vendor) + data + padding
    return _CODE_LENGTH.pack(code, flags << 24 | len(data) + 8) + data + padding


def text(code: int, value: str, flags: int = M_BIT, vendor: int = 0) -> bytes:
    """A UTF8String or DiameterIdentity."""
    return octets(code, value.encode(), flags, vendor)


def u32(code: int, value: int, flags: int = M_BIT, vendor: int = 0) -> bytes:
    """An Unsigned32, Enumerated (not negative) or Time."""
    if vendor:
        return _VENDOR_U32.pack(code, (flags | V_BIT) << 24 | 16, vendor, value)
    return _U32_AVP.pack(code, flags << 24 | 12, value)


def u64(code: int, value: int, flags: int = M_BIT, vendor: int = 0) -> bytes:
    """An Unsigned64."""
    if vendor:
        return octets(code, _U64.pack(value), flags, vendor)
    return _U64_AVP.pack(code, flags << 24 | 16, value)


def i32(code: int, value: int, flags: int = M_BIT, vendor: int = 0) -> bytes:
    """An Integer32."""
    return octets(code, _I32.pack(value), flags, vendor)


def i64(code: int, value: int, flags: int = M_BIT, vendor: int = 0) -> bytes:
    """An Integer64."""
    return octets(code, _I64.pack(value), flags, vendor)


def read_number(message: bytes, found: Found) -> int:
    """An unsigned number of the type's size; ProtocolError 5014 for another size."""
    code, vendor, flags, start, end, _ = found
    size = end - start
    if size == 4:
        expected = 4
        value: int = _U32.unpack_from(message, start)[0]
    else:
        expected = 8
        value = _U64.unpack_from(message, start)[0] if size == 8 else 0
    kind = TYPES.get((code, vendor))
    if size != expected or (kind is not None and kind.size != size):
        raise bad_length(code, vendor, flags, f"AVP {code} has {size} octets of data")
    return value


def read_text(message: bytes, found: Found) -> str:
    """A UTF8String; ProtocolError 5004 where it is none."""
    code, _, _, start, end, at = found
    try:
        return message[start:end].decode()
    except UnicodeDecodeError:
        raise ProtocolError(
            ResultCode.INVALID_AVP_VALUE, f"AVP {code} is not UTF-8", raw_avp(message, at, end)
        ) from None


def raw_avp(message: bytes, at: int, end: int) -> bytes:
    """An AVP octet for octet, with zero padding."""
    return message[at:end] + bytes(-(end - at) & 3)
