"""Reading answers quickly: the result, and for each service what was granted and whether it is the last.

Most answers are alike but for Session-Id and request number, so what stands behind the Session-Id is
remembered with what it says: a look into a dictionary instead of a walk over some twenty AVPs.
"""

from dataclasses import dataclass

from ocs.diameter.avp import Found, walk
from ocs.diameter.framing import HEADER_SIZE

SUCCESS = 2001
#: Answers that are remembered; then it begins anew.
REMEMBERED_AT_MOST = 20_000
#: CC-Time, CC-Total-Octets, CC-Input-, CC-Output-Octets, CC-Service-Specific-Units.
_UNITS = (420, 421, 412, 414, 417)


@dataclass(frozen=True, slots=True)
class Granted:
    """The answer for one service."""

    group: int
    code: int
    units: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What an answer says."""

    code: int
    services: tuple[Granted, ...]


class Reader:
    """Reads answers, and remembers them."""

    def __init__(self) -> None:
        self._known: dict[bytes, Seen] = {}

    def read(self, message: bytes) -> tuple[Seen, bytes]:
        """What it says, and its octets without what tells one session's answer from another's."""
        at = HEADER_SIZE
        if message[at : at + 4] == b"\0\0\1\x07":  # Session-Id
            at += int.from_bytes(message[at + 5 : at + 8], "big") + 3 & ~3
        rest = message[at:]
        seen = self._known.get(rest)
        if seen is None:
            if len(self._known) >= REMEMBERED_AT_MOST:
                self._known.clear()
            seen = self._known[rest] = read(message)
        return seen, rest


def read(message: bytes) -> Seen:
    """Walk an answer; ProtocolError when it is malformed."""
    code = 0
    services: list[Granted] = []
    for found in walk(message, HEADER_SIZE, len(message)):
        if found[1]:
            continue
        if found[0] == 268:
            code = _number(message, found)
        elif found[0] == 456:
            services.append(_service(message, found))
    return Seen(code, tuple(services))


def _service(message: bytes, found: Found) -> Granted:
    group, code, units, is_final = 0, SUCCESS, 0, False
    for each in walk(message, found[3], found[4]):
        if each[1]:
            continue
        if each[0] == 432:
            group = _number(message, each)
        elif each[0] == 268:
            code = _number(message, each)
        elif each[0] == 430:
            is_final = True
        elif each[0] == 431:
            for one in walk(message, each[3], each[4]):
                if one[0] in _UNITS and not one[1]:
                    units = max(units, _number(message, one))
    return Granted(group, code, units, is_final)


def _number(message: bytes, found: Found) -> int:
    return int.from_bytes(message[found[3] : found[4]], "big")
