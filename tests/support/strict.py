"""A reader of this server's messages that forgives nothing: what some stack somewhere refuses, it refuses.

It knows the AVPs that a credit-control server may send, their types, M bits, ranges and the grammar of
each command and group (RFC 6733, 4 to 8; RFC 8506, 3 and 8; TS 32.299, 7.2), written down here from the
standards and sharing no code with the server: an error of the one cannot hide an error of the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TGPP = 10415
HEADER = 20
R, P, E = 0x80, 0x40, 0x20
V, M = 0x80, 0x40
CCR, CER, DWR, DPR, RAR, ASR = 272, 257, 280, 282, 258, 274
GRANT_CODES = (420, 421, 412, 414, 417, 413)

#: (least, most) of a member; None: any number.
Bounds = tuple[int, int | None]
ONE, MAY, ANY = (1, 1), (0, 1), (0, None)
SIZES = {"u32": 4, "i32": 4, "enum": 4, "time": 4, "u64": 8, "i64": 8}


class Refused(AssertionError):
    """What a strict client would say about a message."""


@dataclass(frozen=True)
class Kind:
    """What the standards say about one AVP."""

    name: str
    form: str  # u32, i32, u64, i64, enum, time, text, octets, address, group
    has_m: bool | None = True  # None: both are fine
    values: Sequence[int] = ()
    members: Mapping[str, Bounds] | None = None  # None: anything


@dataclass(frozen=True)
class AVP:
    """One AVP of a message."""

    code: int
    vendor: int
    flags: int
    data: bytes
    raw: bytes
    members: tuple["AVP", ...] = ()

    @property
    def name(self) -> str:
        """Its name, or its numbers."""
        kind = KINDS.get((self.code, self.vendor))
        return f"{self.vendor}:{self.code}" if kind is None else kind.name

    @property
    def number(self) -> int:
        """Its value as an unsigned number."""
        return int.from_bytes(self.data, "big")


_VALUE = {"Value-Digits": ONE, "Exponent": MAY}
_PRICE = {"Unit-Value": ONE, "Currency-Code": ONE, "Cost-Unit": MAY}
_UNITS = dict.fromkeys(
    (
        "Tariff-Time-Change",
        "CC-Time",
        "CC-Money",
        "CC-Total-Octets",
        "CC-Input-Octets",
        "CC-Output-Octets",
        "CC-Service-Specific-Units",
    ),
    MAY,
)
_FINAL = {
    "Final-Unit-Action": ONE,
    "Restriction-Filter-Rule": ANY,
    "Filter-Id": ANY,
    "Redirect-Server": MAY,
}
_SERVICE: dict[str, Bounds] = {
    "Granted-Service-Unit": MAY,
    "Service-Identifier": ANY,
    "Rating-Group": MAY,
    "Validity-Time": MAY,
    # RFC 8506 leaves it out at will; there are clients that take its absence for a failure.
    "Result-Code": ONE,
    "Final-Unit-Indication": MAY,
    "Time-Quota-Threshold": MAY,
    "Volume-Quota-Threshold": MAY,
    "Unit-Quota-Threshold": MAY,
    "Quota-Holding-Time": MAY,
    "Quota-Consumption-Time": MAY,
    "Trigger": MAY,
    "Refund-Information": MAY,
}

KINDS: dict[tuple[int, int], Kind] = {
    (257, 0): Kind("Host-IP-Address", "address"),
    (258, 0): Kind("Auth-Application-Id", "u32"),
    (260, 0): Kind(
        "Vendor-Specific-Application-Id",
        "group",
        members={"Vendor-Id": ONE, "Auth-Application-Id": ONE},
    ),
    (263, 0): Kind("Session-Id", "octets"),
    (264, 0): Kind("Origin-Host", "text"),
    (265, 0): Kind("Supported-Vendor-Id", "u32"),
    (266, 0): Kind("Vendor-Id", "u32"),
    (267, 0): Kind("Firmware-Revision", "u32", has_m=False),
    (268, 0): Kind("Result-Code", "u32"),
    (269, 0): Kind("Product-Name", "text", has_m=False),
    (273, 0): Kind("Disconnect-Cause", "enum", values=range(3)),
    (278, 0): Kind("Origin-State-Id", "u32"),
    (279, 0): Kind("Failed-AVP", "group"),
    (280, 0): Kind("Proxy-Host", "text"),
    (281, 0): Kind("Error-Message", "text", has_m=False),
    (282, 0): Kind("Route-Record", "text"),
    (283, 0): Kind("Destination-Realm", "text"),
    (284, 0): Kind("Proxy-Info", "group"),
    (285, 0): Kind("Re-Auth-Request-Type", "enum", values=range(2)),
    (293, 0): Kind("Destination-Host", "text"),
    (294, 0): Kind("Error-Reporting-Host", "text", has_m=False),
    (296, 0): Kind("Origin-Realm", "text"),
    (299, 0): Kind("Inband-Security-Id", "u32"),
    (11, 0): Kind("Filter-Id", "text"),
    (33, 0): Kind("Proxy-State", "octets"),
    (412, 0): Kind("CC-Input-Octets", "u64"),
    (413, 0): Kind("CC-Money", "group", members={"Unit-Value": ONE, "Currency-Code": MAY}),
    (414, 0): Kind("CC-Output-Octets", "u64"),
    (415, 0): Kind("CC-Request-Number", "u32"),
    # Repeated from the request, also where its value is what is wrong with it.
    (416, 0): Kind("CC-Request-Type", "enum"),
    (417, 0): Kind("CC-Service-Specific-Units", "u64"),
    (418, 0): Kind("CC-Session-Failover", "enum", values=range(2)),
    (419, 0): Kind("CC-Sub-Session-Id", "u64"),
    (420, 0): Kind("CC-Time", "u32"),
    (421, 0): Kind("CC-Total-Octets", "u64"),
    (422, 0): Kind("Check-Balance-Result", "enum", values=range(2)),
    (423, 0): Kind("Cost-Information", "group", members=_PRICE),
    (424, 0): Kind("Cost-Unit", "text"),
    (425, 0): Kind("Currency-Code", "u32"),
    (427, 0): Kind("Credit-Control-Failure-Handling", "enum", values=range(3)),
    (428, 0): Kind("Direct-Debiting-Failure-Handling", "enum", values=range(2)),
    (429, 0): Kind("Exponent", "i32"),
    (430, 0): Kind("Final-Unit-Indication", "group", members=_FINAL),
    (431, 0): Kind("Granted-Service-Unit", "group", members=_UNITS),
    (432, 0): Kind("Rating-Group", "u32"),
    (433, 0): Kind("Redirect-Address-Type", "enum", values=range(4)),
    (434, 0): Kind(
        "Redirect-Server",
        "group",
        members={"Redirect-Address-Type": ONE, "Redirect-Server-Address": ONE},
    ),
    (435, 0): Kind("Redirect-Server-Address", "text"),
    # Of requests: an answer shows them in Failed-AVP only.
    (437, 0): Kind("Requested-Service-Unit", "group"),
    (446, 0): Kind("Used-Service-Unit", "group"),
    (438, 0): Kind("Restriction-Filter-Rule", "text"),
    (439, 0): Kind("Service-Identifier", "u32"),
    (445, 0): Kind("Unit-Value", "group", members=_VALUE),
    (447, 0): Kind("Value-Digits", "i64"),
    (448, 0): Kind("Validity-Time", "u32"),
    (449, 0): Kind("Final-Unit-Action", "enum", values=range(3)),
    (451, 0): Kind("Tariff-Time-Change", "time"),
    (456, 0): Kind("Multiple-Services-Credit-Control", "group", members=_SERVICE),
    (461, 0): Kind("Service-Context-Id", "text"),
    (868, TGPP): Kind("Time-Quota-Threshold", "u32"),
    (869, TGPP): Kind("Volume-Quota-Threshold", "u32"),
    (870, TGPP): Kind("Trigger-Type", "enum", values=range(77)),
    (871, TGPP): Kind("Quota-Holding-Time", "u32"),
    (881, TGPP): Kind("Quota-Consumption-Time", "u32"),
    (1226, TGPP): Kind("Unit-Quota-Threshold", "u32"),
    (1264, TGPP): Kind("Trigger", "group", members={"Trigger-Type": ANY}),
    (2020, TGPP): Kind("Low-Balance-Indication", "enum", values=range(2)),
    (2021, TGPP): Kind("Remaining-Balance", "group", members=_PRICE),
    # Its place is in the MSCC. At command level *[AVP] admits it, and there M would be a refusal.
    (2022, TGPP): Kind("Refund-Information", "octets", has_m=None),
}

#: What stands in front of every CCA, in this order.
CCA_HEAD = (
    "Session-Id",
    "Result-Code",
    "Origin-Host",
    "Origin-Realm",
    "Auth-Application-Id",
    "CC-Request-Type",
    "CC-Request-Number",
)
_ORIGIN: dict[str, Bounds] = {"Origin-Host": ONE, "Origin-Realm": ONE, "Origin-State-Id": MAY}
_WRONG: dict[str, Bounds] = {"Error-Message": MAY, "Failed-AVP": MAY}
_ANSWER: dict[str, Bounds] = {"Result-Code": ONE, **_ORIGIN, **_WRONG}
_CCA: dict[str, Bounds] = {
    **_ANSWER,
    **dict.fromkeys(CCA_HEAD, ONE),
    **dict.fromkeys(
        (
            "CC-Session-Failover",
            "CC-Sub-Session-Id",
            "Granted-Service-Unit",
            "Cost-Information",
            "Final-Unit-Indication",
            "Check-Balance-Result",
            "Credit-Control-Failure-Handling",
            "Direct-Debiting-Failure-Handling",
            "Validity-Time",
            "Low-Balance-Indication",
            "Remaining-Balance",
            "Refund-Information",
        ),
        MAY,
    ),
    "Multiple-Services-Credit-Control": ANY,
    "Proxy-Info": ANY,
}
_PUSHED: dict[str, Bounds] = {
    "Session-Id": ONE,
    **_ORIGIN,
    "Destination-Realm": ONE,
    "Destination-Host": ONE,
    "Auth-Application-Id": ONE,
}
#: The grammar of each message of this server: command and whether it is a request.
GRAMMARS: dict[tuple[int, bool], Mapping[str, Bounds]] = {
    (CCR, False): _CCA,
    (CER, False): {
        **_ANSWER,
        "Host-IP-Address": (1, None),
        "Vendor-Id": ONE,
        "Product-Name": ONE,
        "Supported-Vendor-Id": ANY,
        "Auth-Application-Id": (1, None),
        "Inband-Security-Id": ANY,
        "Vendor-Specific-Application-Id": ANY,
        "Firmware-Revision": MAY,
    },
    (DWR, False): _ANSWER,
    (DPR, False): _ANSWER,
    (DWR, True): _ORIGIN,
    (DPR, True): {"Origin-Host": ONE, "Origin-Realm": ONE, "Disconnect-Cause": ONE},
    (RAR, True): {**_PUSHED, "Re-Auth-Request-Type": ONE, "Rating-Group": MAY},
    (ASR, True): _PUSHED,
}
#: An answer with the E bit follows this one (RFC 6733, 7.2).
ANSWER_MESSAGE: Mapping[str, Bounds] = {
    **_ANSWER,
    "Session-Id": MAY,
    "Error-Reporting-Host": MAY,
    "Proxy-Info": ANY,
}


def refuse_unless(condition: bool, why: str) -> None:
    """Refuse where a condition does not hold."""
    if not condition:
        raise Refused(why)


# --- octets ---------------------------------------------------------------------------------------


def avps(data: bytes, *, strict: bool = True) -> tuple[AVP, ...]:
    """Every AVP of a message's body or a group; `strict`: those of the server, known and complete."""
    found = []
    at = 0
    while at < len(data):
        refuse_unless(len(data) - at >= 8, "octets behind the last AVP")
        code = int.from_bytes(data[at : at + 4], "big")
        flags = data[at + 4]
        length = int.from_bytes(data[at + 5 : at + 8], "big")
        head = 12 if flags & V else 8
        end = at + length
        padded = end + (-length & 3)
        refuse_unless(head <= length and padded <= len(data), f"{code}: length {length}")
        refuse_unless(not flags & 0x3F, f"{code}: reserved flags {flags:#x}")
        refuse_unless(not any(data[end:padded]), f"{code}: padding that is not zero")
        vendor = int.from_bytes(data[at + 8 : at + 12], "big") if flags & V else 0
        refuse_unless(bool(vendor) == bool(flags & V), f"{code}: V with vendor 0")
        found.append(_avp(code, vendor, flags, data[at + head : end], data[at:end], strict))
        at = padded
    return tuple(found)


def _avp(code: int, vendor: int, flags: int, data: bytes, raw: bytes, strict: bool) -> AVP:
    kind = KINDS.get((code, vendor))
    if kind is None:
        refuse_unless(not strict, f"{vendor}:{code} is nothing that a client expects")
        return AVP(code, vendor, flags, data, raw)
    size = SIZES.get(kind.form)
    refuse_unless(size in (None, len(data)), f"{kind.name}: {len(data)} octets, not {size}")
    if kind.form == "text":
        # An example of a missing text is empty: its least length is 0 (RFC 6733, 7.5).
        refuse_unless(bool(data.decode()) or not strict, f"{kind.name}: empty")
    if kind.form == "address":
        family = int.from_bytes(data[:2], "big")
        refuse_unless(len(data) - 2 == {1: 4, 2: 16}.get(family), f"{kind.name}: not an address")
    # What came in with a request goes back as it came.
    is_ours = strict and kind.name not in ("Proxy-Info", "Failed-AVP")
    members = avps(data, strict=is_ours) if kind.form == "group" else ()
    made = AVP(code, vendor, flags, data, raw, members)
    if strict:
        if kind.has_m is not None:
            refuse_unless(bool(flags & M) == kind.has_m, f"{kind.name}: M bit {bool(flags & M)}")
        if kind.values:
            refuse_unless(made.number in kind.values, f"{kind.name}: {made.number} out of range")
        if kind.members is not None:
            check_grammar(kind.name, members, kind.members)
    return made


def check_grammar(where: str, found: Iterable[AVP], grammar: Mapping[str, Bounds]) -> None:
    """Each member as often as it may be, and no other."""
    names = [each.name for each in found]
    for name in names:
        refuse_unless(name in grammar, f"{where}: {name} does not belong here")
    for name, (least, most) in grammar.items():
        count = names.count(name)
        refuse_unless(least <= count, f"{where}: {name} is missing")
        refuse_unless(most is None or count <= most, f"{where}: {name} stands {count} times")


# --- messages -------------------------------------------------------------------------------------


def read(message: bytes) -> tuple[AVP, ...]:
    """The AVPs of a message of this server, or Refused."""
    refuse_unless(message[0] == 1, "version")
    refuse_unless(int.from_bytes(message[1:4], "big") == len(message), "the length is not true")
    refuse_unless(len(message) % 4 == 0, "a length that is no multiple of 4")
    flags, command = message[4], int.from_bytes(message[5:8], "big")
    refuse_unless(not flags & 0x1F, "T or reserved bits")
    found = avps(message[HEADER:])
    names = [each.name for each in found]
    is_request = bool(flags & R)
    if "Session-Id" in names:
        refuse_unless(names[0] == "Session-Id", "Session-Id is not first")
    if is_request:
        refuse_unless(not flags & E, "E in a request")
        check_grammar(f"request {command}", found, GRAMMARS[command, True])
        return found
    code = value(found, "Result-Code")
    refuse_unless(2000 <= code < 6000, f"Result-Code {code}")
    if flags & E:
        refuse_unless(3000 <= code < 4000 or code >= 5000, f"E with {code}")
        check_grammar("answer-message", found, ANSWER_MESSAGE)
        return found
    refuse_unless(not 3000 <= code < 4000, f"{code} without E")
    check_grammar(f"answer {command}", found, GRAMMARS[command, False])
    if command == CCR:
        refuse_unless(tuple(names[:7]) == CCA_HEAD, f"order: {names[:7]}")
        refuse_unless(value(found, "Auth-Application-Id") == 4, "another application")
        _check_services(found)
    return found


def value(found: Sequence[AVP], name: str) -> int:
    """The number of a member, -1 where it is not there."""
    return next((each.number for each in found if each.name == name), -1)


def named(found: Sequence[AVP], name: str) -> list[AVP]:
    """The members of a name."""
    return [each for each in found if each.name == name]


def _check_services(answer: Sequence[AVP]) -> None:
    """What stands beside what (RFC 8506, 5.6 and 8.34; TS 32.299, 7.2)."""
    is_last = value(answer, "CC-Request-Type") == 3
    places = [answer, *(each.members for each in named(answer, "Multiple-Services-Credit-Control"))]
    for place in places:
        grants = named(place, "Granted-Service-Unit")
        code = value(place, "Result-Code")
        refuse_unless(not (is_last and grants), "a grant at the end of a session")
        refuse_unless(code == 2001 or not grants, f"a grant beside {code}")
        for final in named(place, "Final-Unit-Indication"):
            refuse_unless(code == 2001, f"a final unit beside {code}")
            _check_final(final.members)
            for each in place:
                refuse_unless("Threshold" not in each.name, "a threshold beside a final unit")
        for grant in grants:
            refuse_unless(bool(grant.members), "a grant of nothing")
            _check_grant(grant.members, place)


def _check_final(final: Sequence[AVP]) -> None:
    action = value(final, "Final-Unit-Action")
    refuse_unless(action != 0 or len(final) == 1, "TERMINATE with more than itself")
    refuse_unless((action == 1) == bool(named(final, "Redirect-Server")), "where to is the point")


def _check_grant(grant: Sequence[AVP], place: Sequence[AVP]) -> None:
    validity = value(place, "Validity-Time")
    seconds = value(grant, "CC-Time")
    refuse_unless(validity == -1 or validity > seconds, "a Validity-Time that cuts the grant short")
    for unit, threshold in (
        ("CC-Time", "Time-Quota-Threshold"),
        ("CC-Total-Octets", "Volume-Quota-Threshold"),
        ("CC-Service-Specific-Units", "Unit-Quota-Threshold"),
    ):
        mark = value(place, threshold)
        refuse_unless(mark == -1 or 0 < mark < value(grant, unit), f"{threshold} {mark}")


def check(request: bytes, answer: bytes) -> tuple[AVP, ...]:
    """The AVPs of an answer, which must also be the answer to this request."""
    refuse_unless(not answer[4] & R, "not an answer")
    found = read(answer)
    refuse_unless(answer[5:20] == request[5:20], "another command, application or other ids")
    refuse_unless(answer[4] & P == request[4] & P, "P is not the request's")
    asked = loose(request[HEADER:])
    sent = [each.raw for each in asked if each.name == "Proxy-Info"]
    refuse_unless(sent == [each.raw for each in found if each.name == "Proxy-Info"], "Proxy-Info")
    for name in ("Session-Id", "CC-Request-Type", "CC-Request-Number"):
        same = [each.data for each in asked if each.name == name]
        mine = [each.data for each in found if each.name == name]
        refuse_unless(not mine or mine == same[:1], f"{name} is not the request's")
    asked_for = [_names_of(each) for each in asked if each.code == 456]
    told = [_names_of(each) for each in named(found, "Multiple-Services-Credit-Control")]
    refuse_unless(len(set(told)) == len(told), "a service is answered twice")
    refuse_unless(set(told) <= set(asked_for), "a service that was not asked for")
    _check_units(asked, found)
    _check_vendor(asked, found)
    return found


def loose(data: bytes) -> list[AVP]:
    """The AVPs of a client's message or group, as far as they can be read: only the server is judged."""
    found = []
    at = 0
    while len(data) - at >= 8:
        code, flags = int.from_bytes(data[at : at + 4], "big"), data[at + 4]
        end = at + int.from_bytes(data[at + 5 : at + 8], "big")
        head = 12 if flags & V else 8
        if not at + head <= end <= len(data):
            break
        vendor = int.from_bytes(data[at + 8 : at + 12], "big") if flags & V else 0
        found.append(AVP(code, vendor, flags, data[at + head : end], data[at:end]))
        at = end + (-(end - at) & 3)
    return found


def _names_of(service: AVP) -> tuple[int, ...]:
    members = service.members or loose(service.data)
    groups = [each.number for each in members if each.code == 432]
    return (*(groups or [-1]), *(each.number for each in members if each.code == 439))


def _check_vendor(asked: Sequence[AVP], found: Sequence[AVP]) -> None:
    """Who speaks in no context of 3GPP need not know its AVPs: M on one of them would be a refusal."""
    contexts = [each.data for each in asked if each.name == "Service-Context-Id"]
    if not contexts or contexts[0].lower().endswith(b"@3gpp.org"):
        return
    for each in found:
        for one in (each, *each.members):
            is_bad = one.vendor == TGPP and bool(one.flags & M)
            refuse_unless(not is_bad, f"{one.name} with M outside the contexts of 3GPP")


def _check_units(asked: Sequence[AVP], found: Sequence[AVP]) -> None:
    """What was asked for in a unit is granted in that unit."""
    for service in (each for each in asked if each.code == 456):
        wishes = [one.data for one in loose(service.data) if one.code == 437]
        units = {one.code for wish in wishes for one in loose(wish)} & set(GRANT_CODES)
        if not units:
            continue
        for told in named(found, "Multiple-Services-Credit-Control"):
            if _names_of(told) != _names_of(service):
                continue
            for grant in named(told.members, "Granted-Service-Unit"):
                granted = {one.code for one in grant.members} & set(GRANT_CODES)
                refuse_unless(bool(granted & units), f"asked for {units}, granted {granted}")
