"""The AVPs this server knows, built once from python-diameter's dictionary (RFC 6733, RFC 8506, TS 32.299).

What is known decides whether an unknown AVP with the M bit is refused, and how large an example in a
Failed-AVP must be.
"""

from enum import Enum

from diameter.message.avp import (
    Avp,
    AvpAddress,
    AvpEnumerated,
    AvpFloat32,
    AvpFloat64,
    AvpGrouped,
    AvpInteger32,
    AvpInteger64,
    AvpTime,
    AvpUnsigned32,
    AvpUnsigned64,
    AvpUtf8String,
)
from diameter.message.avp.dictionary import AVP_DICTIONARY, AVP_VENDOR_DICTIONARY

TGPP = 10415


class AvpType(Enum):
    """Data types that differ on the wire; `size` is the exact one, 0 where it varies."""

    OCTETS = 0
    UTF8 = -1
    GROUPED = -2
    ADDRESS = -3
    FOUR = 4
    EIGHT = 8

    @property
    def size(self) -> int:
        """Exact size of the data, 0 where it varies."""
        return max(self.value, 0)


_BY_CLASS: tuple[tuple[type[Avp], AvpType], ...] = (
    (AvpGrouped, AvpType.GROUPED),
    (AvpUtf8String, AvpType.UTF8),
    (AvpAddress, AvpType.ADDRESS),
    (AvpUnsigned64, AvpType.EIGHT),
    (AvpInteger64, AvpType.EIGHT),
    (AvpFloat64, AvpType.EIGHT),
    (AvpUnsigned32, AvpType.FOUR),
    (AvpInteger32, AvpType.FOUR),
    (AvpEnumerated, AvpType.FOUR),
    (AvpFloat32, AvpType.FOUR),
    (AvpTime, AvpType.FOUR),
)


def _type_of(avp: type[Avp]) -> AvpType:
    return next((kind for each, kind in _BY_CLASS if issubclass(avp, each)), AvpType.OCTETS)


def _build() -> tuple[dict[tuple[int, int], AvpType], dict[tuple[int, int], str]]:
    types: dict[tuple[int, int], AvpType] = {}
    names: dict[tuple[int, int], str] = {}
    for vendor, codes in (*AVP_VENDOR_DICTIONARY.items(), (0, AVP_DICTIONARY)):
        for code, entry in codes.items():
            types[code, vendor] = _type_of(entry["type"])
            names[code, vendor] = str(entry["name"])
    # RFC 8506, 12.3: codes that python-diameter does not have.
    extension = ("E164", "IMSI", "SIP-URI", "NAI", "Private")
    for code, name in zip(range(660, 665), extension, strict=True):
        types[code, 0], names[code, 0] = AvpType.UTF8, f"Subscription-Id-{name}"
    types[659, 0], names[659, 0] = AvpType.GROUPED, "Subscription-Id-Extension"
    return types, names


#: (code, vendor) -> type, name.
TYPES, NAMES = _build()
