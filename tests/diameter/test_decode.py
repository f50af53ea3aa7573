"""Messages as a person reads them, from any common way of copying octets; nothing malformed passes."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st

from ocs.diameter import base
from ocs.diameter.avp import MAX_DEPTH, octets, text, u32, u64
from ocs.diameter.base import LocalNode
from ocs.diameter.decode import Node, extract, from_hex, render, tree
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import HEADER_SIZE, ProtocolError, ResultCode, pack_header
from tests.support.messages import plain_ccr, with_length

DWR = """
01000040 80000118 00000000 00000011 00000022
00000108 40000018 70677731 2e657861 6d706c65 2e6e6574
00000128 40000013 6578616d 706c652e 6e657400
"""
DWA = """
01000058 00000118 00000000 00000011 00000022
0000010c 4000000c 000007d1
00000108 40000018 6f637331 2e657861 6d706c65 2e6e6574
00000128 40000013 6578616d 706c652e 6e657400
00000116 4000000c 6ab13b80
"""
MSCC = """
000001c8 40000054
  000001af 40000018 000001a5 40000010 00000000 03200000
  000001b0 4000000c 0000000a
  000001c0 4000000c 00000e10
  0000010c 4000000c 000007d1
  00000365 c0000010 000028af 00a00000
"""
OCTETS = base.dwr(LocalNode("pgw1.example.net", "example.net"), 0x11, 0x22)

#: The same 64 octets as several tools print them; the text columns hold hex digits on purpose.
WIRESHARK = """\
0000  01 00 00 40 80 00 01 18 00 00 00 00 00 00 00 11   ...@............
0010  00 00 00 22 00 00 01 08 40 00 00 18 70 67 77 31   ..."....@...pgw1
0020  2e 65 78 61 6d 70 6c 65 2e 6e 65 74 00 00 01 28   .example.net...(
0030  40 00 00 13 65 78 61 6d 70 6c 65 2e 6e 65 74 00   @...example.net.
"""
HEXDUMP = """\
00000000  01 00 00 40 80 00 01 18  00 00 00 00 00 00 00 11  |...@............|
00000010  00 00 00 22 00 00 01 08  40 00 00 18 70 67 77 31  |..."....@...pgw1|
00000020  2e 65 78 61 6d 70 6c 65  2e 6e 65 74 00 00 01 28  |.example.net...(|
00000030  40 00 00 13 65 78 61 6d  70 6c 65 2e 6e 65 74 00  |@...example.net.|
00000040
"""
XXD = """\
00000000: 0100 0040 8000 0118 0000 0000 0000 0011  ...@............
00000010: 0000 0022 0000 0108 4000 0018 7067 7731  ..."....@...pgw1
00000020: 2e65 7861 6d70 6c65 2e6e 6574 0000 0128  .example.net...(
00000030: 4000 0013 6578 616d 706c 652e 6e65 7400  @...example.net.
"""
#: The last line is short and its text column consists of hex digits alone.
ENDING = """\
0000  00 00 01 08 40 00 00 18 61 62 63 64 65 66 61 62   ....@...abcdefab
0010  63 64 65 66 61 62 63 64                           cdefabcd
"""


def refused(source: str | bytes) -> ProtocolError:
    """The error of reading `source` to the end."""
    with pytest.raises(ProtocolError) as caught:
        for message in extract(source):
            render(message)
    return caught.value


def every(nodes: list[Node]) -> Iterator[Node]:
    """The nodes and all that is in them."""
    for node in nodes:
        yield node
        yield from every(list(node.members))


def value_of(avp: bytes) -> str:
    """How the one AVP in `avp` is shown."""
    (node,) = tree(avp)
    return node.value


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "hello",
        "0g",
        "123",
        "01 00 0",
        "é",
        "\udcff",
        b"\xff\xfe\x00",
        "0000  zz\n0010  00\n",
        "%PDF",
    ],
)
def test_what_is_no_hex_is_refused(source: str | bytes) -> None:
    """In a sentence; never with another exception."""
    assert str(refused(source)) == "this is neither hex nor a Diameter message"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("01000014", "no message at octet 0: 4 octets are left, the header says 20"),
        ("01000000" + "00" * 16, "no message at octet 0: 20 octets are left, the header says 0"),
        ("01000015" + "00" * 17, "no message at octet 0: 21 octets are left, the header says 21"),
        (DWR + "0100", "no message at octet 64: 2 octets are left, the header says 0"),
        (
            DWR + "02000014" + "00" * 16,
            "no message at octet 64: 20 octets are left, the header says 20",
        ),
        (
            DWR.replace("6e657400", ""),
            "no message at octet 0: 60 octets are left, the header says 64",
        ),
    ],
)
def test_a_message_that_is_not_whole_is_named_by_its_place(source: str, reason: str) -> None:
    """Cut short, a length of nothing, octets behind the last one."""
    error = refused(source)
    assert (error.result_code, str(error)) == (ResultCode.INVALID_MESSAGE_LENGTH, reason)


@pytest.mark.parametrize("cut", [b"\1", OCTETS[:19], OCTETS[:-4], OCTETS + bytes(4)])
def test_a_tree_is_of_one_whole_message(cut: bytes) -> None:
    """What `extract` did not cut is checked here, too."""
    with pytest.raises(ProtocolError) as caught:
        tree(cut)
    assert caught.value.result_code == ResultCode.INVALID_MESSAGE_LENGTH


@pytest.mark.parametrize(
    "avps",
    [
        octets(456, u32(432, 1)[:-4]),
        b"\0\0\1\x08\x40\0\0\0" + bytes(8),
        b"\0\0\1\x08\x40\0\0\xff" + bytes(8),
        text(264, "ocs")[:-1],
    ],
)
def test_a_malformed_avp_is_refused_in_a_message_and_alone(avps: bytes) -> None:
    """5014, in groups, too."""
    for source in (avps, with_length(OCTETS + avps)):
        with pytest.raises(ProtocolError) as caught:
            tree(source)
        assert caught.value.result_code == ResultCode.INVALID_AVP_LENGTH


def test_nesting_ends_at_the_bound() -> None:
    """Thousands of levels cost no stack."""
    avp = u32(268, 2001)
    for _ in range(MAX_DEPTH):
        avp = octets(279, avp)
    assert len(list(every(tree(avp)))) == MAX_DEPTH + 1
    assert len(list(every(tree(with_length(OCTETS + avp))))) == 3 + MAX_DEPTH + 1
    for _ in range(5000):
        avp = octets(279, avp)
    assert refused(avp).result_code == ResultCode.INVALID_AVP_VALUE


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=100)))
def test_anything_is_read_or_refused(source: str | bytes) -> None:
    """Nothing but ProtocolError."""
    try:
        for message in extract(source):
            assert render(message)
    except ProtocolError as error:
        assert str(error)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 2**24 - 1))
def test_any_body_is_read_or_refused(body: bytes, flags: int, command: int) -> None:
    """Behind a header that is sound, and alone."""
    message = with_length(pack_header(20, flags, command, 4, 1, 2) + body + bytes(-len(body) & 3))
    for source in (message, b"\0" + body):
        try:
            for each in extract(source):
                assert render(each)
        except ProtocolError as error:
            assert str(error)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_spoilt_message_is_read_or_refused(data: st.DataObject) -> None:
    """Any octet of a CCR changed to any other."""
    message = bytearray(plain_ccr(octets(456, u32(432, 1) + octets(446, u64(421, 5)))))
    message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        for each in extract(bytes(message)):
            assert render(each)
    except ProtocolError as error:
        assert str(error)


# --- how octets are written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        DWR,
        DWR.encode(),
        DWR.upper(),
        DWR.replace("\n", " "),
        DWR.replace(" ", "").replace("\n", ""),
        "0x" + OCTETS.hex(),
        ", ".join(f"0x{octet:02x}" for octet in OCTETS),
        OCTETS.hex(":"),
        OCTETS.hex(" "),
        OCTETS.hex("\n"),
        OCTETS.hex("\n", 4),
        OCTETS.hex(" ", 2).replace(" ", "\r\n"),
        OCTETS,
        WIRESHARK,
        HEXDUMP,
        HEXDUMP.removesuffix("00000040\n"),
        XXD,
        "\n" + XXD + "\n\n",
    ],
)
def test_one_message_however_it_was_copied(source: str | bytes) -> None:
    """Hex in any layout, dumps with offsets and text, raw octets."""
    assert extract(source) == [OCTETS]


def test_the_text_of_a_dump_is_not_taken_for_octets() -> None:
    """Also where it looks like hex."""
    assert from_hex(ENDING.encode()) == text(264, "abcdefabcdefabcd")


def test_several_messages_come_in_order() -> None:
    """As a stream carries them, in hex and raw."""
    dwa = bytes.fromhex(DWA)
    assert extract(DWR + DWA + DWR) == [OCTETS, dwa, OCTETS]
    assert extract(OCTETS + dwa) == [OCTETS, dwa]


@pytest.mark.parametrize("source", ["", b"", " \n\t ", b"\n", "0x"])
def test_nothing_is_no_message(source: str | bytes) -> None:
    """And no error: the command says it in its own words."""
    assert extract(source) == []


# --- what is shown ------------------------------------------------------------------------------------


def test_a_watchdog_request_as_lines() -> None:
    """Command, flags, ids, names, codes, flags, values."""
    assert render(OCTETS).splitlines() == [
        "Device-Watchdog-Request (280) [R] application 0, hop-by-hop 0x00000011, "
        "end-to-end 0x00000022, 64 octets",
        "  Origin-Host (264) [M] 'pgw1.example.net'",
        "  Origin-Realm (296) [M] 'example.net'",
    ]


def test_a_watchdog_answer_as_lines() -> None:
    """A Result-Code has its name."""
    (message,) = extract(DWA)
    assert render(message).splitlines() == [
        "Device-Watchdog-Answer (280) application 0, hop-by-hop 0x00000011, "
        "end-to-end 0x00000022, 88 octets",
        "  Result-Code (268) [M] 2001 SUCCESS",
        "  Origin-Host (264) [M] 'ocs1.example.net'",
        "  Origin-Realm (296) [M] 'example.net'",
        "  Origin-State-Id (278) [M] 1790000000",
    ]


def test_a_bare_group_as_lines() -> None:
    """Members are indented, a vendor is named."""
    (avps,) = extract(MSCC)
    assert render(avps).splitlines() == [
        "Multiple-Services-Credit-Control (456) [M]",
        "  Granted-Service-Unit (431) [M]",
        "    CC-Total-Octets (421) [M] 52428800",
        "  Rating-Group (432) [M] 10",
        "  Validity-Time (448) [M] 3600",
        "  Result-Code (268) [M] 2001 SUCCESS",
        "  Volume-Quota-Threshold (869, vendor 10415) [VM] 10485760",
    ]


def test_a_tree_holds_what_the_lines_show() -> None:
    """One node for a message, one for each bare AVP."""
    (node,) = tree(OCTETS)
    assert (node.name, node.code, node.flags) == ("Device-Watchdog-Request", 280, "R")
    host = Node("Origin-Host", 264, 0, "M", "'pgw1.example.net'")
    assert node.members == (host, Node("Origin-Realm", 296, 0, "M", "'example.net'"))
    assert [each.code for each in tree(u32(268, 2001) + u32(278, 1))] == [268, 278]


@pytest.mark.parametrize(
    ("avp", "shown"),
    [
        (u32(268, 5030), "5030 USER_UNKNOWN"),
        (u32(268, 5999), "5999"),
        (u32(55, 0x00000001), "2036-02-07T06:28:17Z"),
        (u32(55, 0xFFFFFFFF), "2036-02-07T06:28:15Z"),
        (u32(55, 2_208_988_800), "1970-01-01T00:00:00Z"),
        (u32(429, 0xFFFFFFFE), "-2"),
        (octets(447, (-5).to_bytes(8, "big", signed=True)), "-5"),
        (u64(421, 2**64 - 1), "18446744073709551615"),
        (u32(432, 2**32 - 1), "4294967295"),
        (u32(416, 1), "1"),
        (octets(257, b"\0\1\xc0\0\2\1"), "192.0.2.1"),
        (octets(257, b"\0\2\x20\1\r\xb8" + bytes(11) + b"\1"), "2001:db8::1"),
        (octets(257, b"\0\x0877010000001"), "0x00083737303130303030303031"),
        (octets(257, b"\0\1\1"), "0x000101"),
        (octets(257, b""), "''"),
        (octets(432, b"\0\0\1"), "0x000001 (wrong size)"),
        (octets(421, bytes(4)), "0x00000000 (wrong size)"),
        (octets(263, b"a;\0;b"), "0x613b003b62"),
        (octets(263, b"\xff"), "0xff"),
        (octets(263, b"it's"), '"it\'s"'),
        (octets(99_999, b"\1\2"), "0x0102"),
        (octets(21, b"\6", vendor=TGPP), "0x06"),
    ],
)
def test_a_value_by_its_type(avp: bytes, shown: str) -> None:
    """Numbers with their sign, times in UTC, addresses; octets in hex where they are no text."""
    assert value_of(avp) == shown


@pytest.mark.parametrize(
    ("flags", "shown"), [(0x80, "R"), (0xC0, "RP"), (0xD0, "RPT"), (0x60, "PE"), (0x0F, "")]
)
def test_command_flags_are_letters(flags: int, shown: str) -> None:
    """Reserved bits are not shown."""
    (node,) = tree(pack_header(HEADER_SIZE, flags, 272, 4, 1, 2))
    assert node.flags == shown
    assert node.name == ("Credit-Control-Request" if flags & 0x80 else "Credit-Control-Answer")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (257, "Capabilities-Exchange"),
        (258, "Re-Auth"),
        (271, "Accounting"),
        (272, "Credit-Control"),
        (274, "Abort-Session"),
        (275, "Session-Termination"),
        (280, "Device-Watchdog"),
        (282, "Disconnect-Peer"),
    ],
)
def test_commands_have_their_names(command: int, name: str) -> None:
    """RFC 6733, 3.1 and RFC 8506, 3."""
    assert tree(pack_header(HEADER_SIZE, 0x80, command, 0, 1, 2))[0].name == f"{name}-Request"


def test_what_is_unknown_is_shown_by_its_number() -> None:
    """A command, an AVP, an AVP of another vendor; nothing in it is guessed at."""
    message = with_length(pack_header(20, 0x80, 999, 77, 1, 2) + octets(432, b"abcd", vendor=9))
    (node,) = tree(message)
    assert node.name == "Command 999-Request"
    assert node.members == (Node("Unknown", 432, 9, "VM", "'abcd'"),)
