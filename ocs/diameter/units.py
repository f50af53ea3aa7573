"""Reading the units of a request: of RSU and USU, money among them (RFC 8506, 8.17 to 8.19 and 8.22).

On each of these values hangs money, so none may stand twice, and none may be beyond what is counted.
"""

from collections.abc import Sequence

from ocs.diameter.avp import Found, example, invalid, missing, octets, repeated
from ocs.diameter.credit_control import USU, Money, Units
from ocs.diameter.dictionary import TGPP
from ocs.diameter.structure import Groups

#: Amounts go through doubles in the store: at 2^53 the last unit would be lost.
UNITS_LIMIT = 2**53
#: Beyond these, ten to the exponent is no amount of money but work for our processor.
MAX_EXPONENT = 9
#: The numbers in a group of units.
_AMOUNTS = frozenset((420, 421, 412, 414, 417))
_NOTHING = Units()


def number(message: bytes, found: Found) -> int:
    """A number whose size the structure vouches for: half the time of avp.read_number."""
    return int.from_bytes(message[found[3] : found[4]], "big")


def read_used(message: bytes, groups: Groups, found: Found) -> USU:
    """Used-Service-Unit (446)."""
    reason, change = None, None
    for each in groups.get(found[3], ()):
        if each[0] == 872 and each[1] == TGPP:
            reason = number(message, each)
        elif each[0] == 452 and each[1] == 0:
            change = number(message, each)
    return USU(read_units(message, groups, found), reason, change)


def read_units(message: bytes, groups: Groups, found: Found) -> Units:
    """The units of one group; ProtocolError 5009, 5005 or 5004."""
    members = groups.get(found[3])
    if not members:
        return _NOTHING
    values: dict[int, int] = {}
    money: Money | None = None
    for each in members:
        code = each[0]
        if each[1]:
            continue
        if code in _AMOUNTS:
            if code in values:
                raise repeated(message, each)
            value = number(message, each)
            if value >= UNITS_LIMIT:
                raise invalid(message, each, "more units than can be counted")
            values[code] = value
        elif code == 413:
            if money is not None:
                raise repeated(message, each)
            money = _money(message, groups, each)
    get = values.get
    units = Units(get(420), get(421), get(412), get(414), get(417), money)
    if (units.octets or 0) >= UNITS_LIMIT:
        raise invalid(message, found, "more octets than can be counted")
    return units


def _money(message: bytes, groups: Groups, found: Found) -> Money:
    """CC-Money: what a client that rates by itself asks for or has used."""
    outer = _once(message, groups.get(found[3], ()), (445, 425))
    inner = _once(message, groups.get(outer[445][3], ()), (447, 429)) if 445 in outer else {}
    if 447 not in inner:
        # Its parents go around it (RFC 6733, 7.5).
        raise missing(447, octets(413, octets(445, example(447))))
    digits = _signed(message, inner[447])
    exponent = _signed(message, inner[429]) if 429 in inner else 0
    if not -MAX_EXPONENT <= exponent <= MAX_EXPONENT:
        raise invalid(message, inner[429], f"Exponent is -{MAX_EXPONENT} to {MAX_EXPONENT}")
    # Balances are kept in millionths; none is below zero, nor is what is asked of one.
    if not 0 <= digits * 10 ** (exponent + 9) < UNITS_LIMIT * 1000:
        raise invalid(message, inner[447], "an amount of money that cannot be counted")
    return Money(digits, exponent, number(message, outer[425]) if 425 in outer else None)


def _once(message: bytes, members: Sequence[Found], codes: tuple[int, ...]) -> dict[int, Found]:
    """These members by code; 5009 where one stands twice."""
    found: dict[int, Found] = {}
    for each in members:
        if each[1] == 0 and each[0] in codes:
            if each[0] in found:
                raise repeated(message, each)
            found[each[0]] = each
    return found


def _signed(message: bytes, found: Found) -> int:
    return int.from_bytes(message[found[3] : found[4]], "big", signed=True)
