"""Any Diameter message as a tree that a person can read, names and types from python-diameter's dictionary.

Takes hex in any common layout or raw octets, one message or several, or bare AVPs. What is malformed is
named where it stands; nothing here is on the path of a CCR.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

from diameter.message.avp import AvpEnumerated, AvpInteger32, AvpInteger64, AvpTime
from diameter.message.avp.dictionary import AVP_DICTIONARY, AVP_VENDOR_DICTIONARY

from ocs.diameter.avp import M_BIT, MAX_DEPTH, V_BIT, walk
from ocs.diameter.ccr import NTP_EPOCH, NTP_ERA
from ocs.diameter.dictionary import NAMES, TYPES, AvpType
from ocs.diameter.framing import HEADER_SIZE, ProtocolError, ResultCode, parse_header

COMMANDS = {
    257: "Capabilities-Exchange", 258: "Re-Auth", 271: "Accounting", 272: "Credit-Control",
    274: "Abort-Session", 275: "Session-Termination", 280: "Device-Watchdog", 282: "Disconnect-Peer",
}  # fmt: skip
FLAGS = ((0x80, "R"), (0x40, "P"), (0x20, "E"), (0x10, "T"))
#: The offset column of a hex dump, and the line that some end with: an offset and nothing else.
_OFFSET = re.compile(r"\s*[0-9a-fA-F]{4,8}(:\s+|\s{2,})")
_LAST_OFFSET = re.compile(r"\s*[0-9a-fA-F]{4,8}:?\s*")


@dataclass(frozen=True, slots=True)
class Node:
    """A message (code 0 in `flags` order: command flags) or an AVP, with its members."""

    name: str
    code: int
    vendor: int
    flags: str
    value: str
    members: tuple["Node", ...] = ()


def extract(source: str | bytes) -> list[bytes]:
    """The messages in raw octets or hex; ProtocolError when it is neither.

    Bare AVPs come back as one element that has no message header.
    """
    data = source if isinstance(source, bytes) else source.encode(errors="replace")
    # A message starts with octet 1, an AVP with the high octet of its code; text with neither.
    if data[:1] not in (b"\0", b"\1"):
        data = from_hex(data)
    if not data:
        return []
    if data[0] != 1:
        return [data]
    found = []
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at + 1 : at + 4], "big")
        if data[at] != 1 or length < HEADER_SIZE or length % 4 or at + length > len(data):
            raise ProtocolError(
                ResultCode.INVALID_MESSAGE_LENGTH,
                f"no message at octet {at}: {len(data) - at} octets are left, the header says {length}",
            )
        found.append(data[at : at + length])
        at += length
    return found


def from_hex(data: bytes) -> bytes:
    """Octets of hex text, with blanks, colons, 0x, offsets in any mix."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        text = "?"
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        rows = lines[:-1] if _LAST_OFFSET.fullmatch(lines[-1]) else lines
        if all(_OFFSET.match(line) for line in rows):
            lines = [_octet_columns(line) for line in rows]
    digits = re.sub(r"0[xX]|[\s:,]", "", "\n".join(lines))
    if len(digits) % 2 or not re.fullmatch(r"[0-9a-fA-F]*", digits):
        raise ProtocolError(
            ResultCode.UNABLE_TO_COMPLY, "this is neither hex nor a Diameter message"
        )
    return bytes.fromhex(digits)


def _octet_columns(line: str) -> str:
    """What stands between the offset and the text, which begins behind three blanks or a bar; behind
    an offset with a colon, two blanks are enough."""
    offset = _OFFSET.match(line)
    if offset is None:
        return line
    gap = "  " if ":" in offset.group() else "   "
    return line[offset.end() :].partition(gap)[0].partition("|")[0]


def tree(message: bytes) -> list[Node]:
    """The message as one node, or bare AVPs as several; ProtocolError where it is malformed."""
    if message[:1] != b"\1":
        return _members(message, 0, len(message), 0)
    if len(message) < HEADER_SIZE or parse_header(message).length != len(message):
        raise ProtocolError(
            ResultCode.INVALID_MESSAGE_LENGTH,
            f"{len(message)} octets are not the message that their header announces",
        )
    header = parse_header(message)
    name = COMMANDS.get(header.command, f"Command {header.command}")
    kind = "Request" if header.is_request else "Answer"
    flags = "".join(letter for bit, letter in FLAGS if header.flags & bit)
    value = (
        f"application {header.application}, hop-by-hop {header.hop_by_hop:#010x}, "
        f"end-to-end {header.end_to_end:#010x}, {header.length} octets"
    )
    members = tuple(_members(message, HEADER_SIZE, len(message), 0))
    return [Node(f"{name}-{kind}", header.command, 0, flags, value, members)]


def _members(message: bytes, start: int, end: int, depth: int) -> list[Node]:
    if depth > MAX_DEPTH:
        raise ProtocolError(ResultCode.INVALID_AVP_VALUE, f"nested deeper than {MAX_DEPTH}")
    nodes = []
    for code, vendor, flags, data, stop, _ in walk(message, start, end):
        kind = TYPES.get((code, vendor), AvpType.OCTETS)
        shown = "".join(letter for bit, letter in ((V_BIT, "V"), (M_BIT, "M")) if flags & bit)
        name = NAMES.get((code, vendor), "Unknown")
        if kind is AvpType.GROUPED:
            members = tuple(_members(message, data, stop, depth + 1))
            nodes.append(Node(name, code, vendor, shown, "", members))
        else:
            value = _value(kind, code, vendor, message[data:stop])
            nodes.append(Node(name, code, vendor, shown, value))
    return nodes


def _value(kind: AvpType, code: int, vendor: int, data: bytes) -> str:
    if kind.size:
        return (
            _number(code, vendor, data)
            if len(data) == kind.size
            else f"0x{data.hex()} (wrong size)"
        )
    if kind is AvpType.ADDRESS and data[:2] in (b"\0\1", b"\0\2") and len(data) in (6, 18):
        return str(ip_address(data[2:]))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"
    return repr(text) if text.isprintable() else f"0x{data.hex()}"


def _number(code: int, vendor: int, data: bytes) -> str:
    entry = (AVP_VENDOR_DICTIONARY.get(vendor, {}) if vendor else AVP_DICTIONARY).get(code, {})
    avp_type = entry.get("type", int)
    if issubclass(avp_type, AvpTime):
        seconds = int.from_bytes(data, "big")
        seconds += (0 if seconds >> 31 else NTP_ERA) - NTP_EPOCH
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    is_signed = issubclass(avp_type, AvpInteger32 | AvpInteger64 | AvpEnumerated)
    number = int.from_bytes(data, "big", signed=is_signed)
    if code == 268 and number in ResultCode.__members__.values():
        return f"{number} {ResultCode(number).name}"
    return str(number)


def render(message: bytes) -> str:
    """The tree as lines."""
    lines: list[str] = []

    def add(node: Node, indent: int) -> None:
        vendor = f", vendor {node.vendor}" if node.vendor else ""
        flags = f" [{node.flags}]" if node.flags else ""
        lines.append(
            f"{'  ' * indent}{node.name} ({node.code}{vendor}){flags} {node.value}".rstrip()
        )
        for each in node.members:
            add(each, indent + 1)

    for each in tree(message):
        add(each, 0)
    return "\n".join(lines)
