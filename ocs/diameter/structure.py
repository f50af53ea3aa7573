"""What every request must pass before a value is read: lengths, flags, known AVPs, sizes, bounds.

One loop over the whole message, without recursion, each AVP parsed once. Lengths and flags come before
unknown AVPs, these before anything about values; the bounds stop the loop where they are passed. Knows
types of AVPs, not what they mean.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from ocs.diameter.avp import (
    M_BIT,
    MAX_AVPS,
    MAX_DEPTH,
    V_BIT,
    Found,
    bad_bits,
    bad_length,
    example,
    malformed,
    raw_avp,
)
from ocs.diameter.dictionary import TGPP, TYPES, AvpType
from ocs.diameter.framing import HEADER_SIZE, ProtocolError, ResultCode

#: Inside these nothing is refused for the M bit or its size: each release of TS 32.299 adds AVPs to
#: Service-Information and dictionaries differ in their types; a Proxy-Info is its proxy's business.
_TOLERANT = frozenset(((873, TGPP), (284, 0), (260, 0)))
#: The only groups looked into inside a tolerant one; the others are somebody else's reading.
_TOLERANT_GROUPS = frozenset(
    (
        (443, 0),
        *((code, TGPP) for code in (873, 874, 876, 877, 886, 1201, 1213, 2000, 2026, 2027, 3410)),
    )
)
#: Types of other vendors are known too loosely to refuse a size.
_SIZED_VENDORS = (0, TGPP)

_CODE_LENGTH, _VENDOR = struct.Struct("!II"), struct.Struct("!I")
_V_WORD, _M_WORD = V_BIT << 24, M_BIT << 24
#: By vendor and code in one number, which is found sooner than a pair.
_TYPES = {vendor << 32 | code: kind for (code, vendor), kind in TYPES.items()}
_GROUPED, _FOUR, _EIGHT = AvpType.GROUPED, AvpType.FOUR, AvpType.EIGHT


#: The members of groups, by where the data of each begins.
Groups = dict[int, list[Found]]


@dataclass(slots=True)
class Structure:
    """A message whose structure is sound: its AVPs, and the members of each group by its data's start."""

    top: list[Found]
    groups: Groups
    wrong_size: ProtocolError | None = None  # of a value, so said after what is missing
    #: A reader's own: what it reads of a message like this, once it is known to be complete.
    steps: "list[tuple[Callable[..., None], Found]] | None" = None


class _Layout:
    """Where the AVPs of a message stand, and what is said of them there: codes, flags, lengths, vendors."""

    __slots__ = ("structure", "unpack", "words")

    def __init__(self, message: bytes, structure: Structure) -> None:
        places = {found[5]: found for found in structure.top}
        places |= {found[5]: found for group in structure.groups.values() for found in group}
        form, at = ["!"], HEADER_SIZE
        for start, found in sorted(places.items()):
            form.append(f"{start - at}x{(found[3] - start) // 4}I")
            at = found[3]
        self.unpack = struct.Struct("".join(form)).unpack_from
        self.words = self.unpack(message, HEADER_SIZE)
        self.structure = structure


class Layouts:
    """Structures of messages that were examined, for those that are laid out alike.

    The structure of a message follows from the headers of its AVPs alone, and the requests of a client
    differ in values: one unpack and a comparison stand for the whole walk (2 in place of 23 us for 33
    AVPs). Bounded: a client that varies its layouts without end costs what it did without this.
    """

    AT_MOST = 512
    ALIKE_AT_MOST = 4  # of one length; each is one more comparison
    RENEWED_AFTER = 10_000  # messages of unknown layout, once there is no more room
    OCTETS = 4096  # of a message; longer ones are examined each time

    def __init__(self) -> None:
        self._by_length: dict[int, list[_Layout]] = {}
        self._count = 0
        self._missed = 0

    def examine(self, message: bytes) -> Structure:
        """As `examine` does."""
        known = self._by_length.get(len(message), ())
        for each in known:
            if each.unpack(message, HEADER_SIZE) == each.words:
                return each.structure
        structure = examine(message)
        if (
            structure.wrong_size is None and len(message) <= self.OCTETS
        ):  # an exception is raised once
            self._keep(message, structure)
        return structure

    def _keep(self, message: bytes, structure: Structure) -> None:
        self._missed += 1
        if self._count >= self.AT_MOST and self._missed >= self.RENEWED_AFTER:
            self._by_length.clear()
            self._count = self._missed = 0
        if self._count < self.AT_MOST:
            known = self._by_length.setdefault(len(message), [])
            if len(known) < self.ALIKE_AT_MOST:
                known.append(_Layout(message, structure))
                self._count += 1


def examine(message: bytes) -> Structure:
    """The structure of `message`; ProtocolError 5014, 3009, 5001, 5009 (count) or 5004 (depth)."""
    members: list[Found] = []
    structure = Structure(members, {})
    unknown: Found | None = None
    bad: Found | None = None
    # What to return to when a group ends: the end, list and tolerance of its parent.
    parents: list[tuple[int, list[Found], bool]] = []
    is_tolerant, count = False, 0
    at, end = HEADER_SIZE, len(message)
    unpack, unpack_vendor, type_of = _CODE_LENGTH.unpack_from, _VENDOR.unpack_from, _TYPES.get
    while True:
        if at >= end:
            if not parents:
                break
            end, members, is_tolerant = parents.pop()
            continue
        # As in avp.walk, but without a generator: this runs for each AVP of each CCR.
        if end - at < 8:
            raise malformed(message, at, end)
        code, word = unpack(message, at)
        stop = at + (word & 0xFFFFFF)
        data, vendor = at + 8, 0
        if word & _V_WORD:
            data = at + 12
            if data <= end:
                vendor = unpack_vendor(message, at + 8)[0]
        following = stop + 3 & ~3
        if stop < data or following > end:
            raise malformed(message, at, end)
        found = code, vendor, word >> 24, data, stop, at
        at = following
        count += 1
        if count > MAX_AVPS:
            raise _too_many(found)
        members.append(found)
        if word & _V_WORD and not vendor:
            bad = bad or found
        kind = type_of(vendor << 32 | code)
        if kind is None:
            if word & _M_WORD and not is_tolerant:
                unknown = unknown or found
        elif kind is _GROUPED:
            if is_tolerant and (code, vendor) not in _TOLERANT_GROUPS:
                continue
            if len(parents) == MAX_DEPTH - 1 and stop > data:
                raise _too_deep(found)
            parents.append((end, members, is_tolerant))
            members = structure.groups[data] = []
            is_tolerant = is_tolerant or (code, vendor) in _TOLERANT
            at, end = data, stop
        elif (
            ((kind is _FOUR and stop - data != 4) or (kind is _EIGHT and stop - data != 8))
            and not is_tolerant
            and vendor in _SIZED_VENDORS
        ):
            structure.wrong_size = structure.wrong_size or _wrong_size(found)
    if bad is not None:
        raise bad_bits(bad)
    if unknown is not None:
        raise _unknown(message, unknown)
    return structure


def _too_many(found: Found) -> ProtocolError:
    reason = f"more than {MAX_AVPS} AVPs"
    named = example(found[0], found[1], found[2])
    return ProtocolError(ResultCode.AVP_OCCURS_TOO_MANY_TIMES, reason, named)


def _too_deep(found: Found) -> ProtocolError:
    # An example and not the AVP itself: what is nested too deep for us is so for the peer's reader.
    reason = f"AVPs are nested deeper than {MAX_DEPTH}"
    named = example(found[0], found[1], found[2])
    return ProtocolError(ResultCode.INVALID_AVP_VALUE, reason, named)


def _wrong_size(found: Found) -> ProtocolError:
    code, vendor, flags, data, stop, _ = found
    return bad_length(code, vendor, flags, f"AVP {code} has {stop - data} octets of data")


def _unknown(message: bytes, found: Found) -> ProtocolError:
    reason = f"AVP {found[0]} of vendor {found[1]} is not known here"
    named = raw_avp(message, found[5], found[4])
    return ProtocolError(ResultCode.AVP_UNSUPPORTED, reason, named)
