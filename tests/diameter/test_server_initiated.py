"""RAR and ASR are what clients act on, and their answers are read (RFC 6733, 8.3 and 8.5)."""

from collections.abc import Callable
from functools import partial

import pytest
from diameter.message import Message
from diameter.message.commands import AbortSessionRequest, ReAuthAnswer, ReAuthRequest
from hypothesis import given, strategies as st

from ocs.diameter.avp import M_BIT, octets, text, u32, walk
from ocs.diameter.framing import (
    FLAG_E,
    FLAG_P,
    FLAG_R,
    HEADER_SIZE,
    RAR,
    pack_header,
    parse_header,
)
from ocs.diameter.server_initiated import build_asr, build_rar, result_code
from tests.support.messages import with_length

Build = Callable[..., bytes]


def built(build: Build, session_id: bytes = b"pgw1.example.net;1;2") -> bytes:
    """A request to a client behind a relay."""
    return build(
        session_id=session_id,
        origin_host="ocs1.example.net",
        origin_realm="ocs.example.net",
        destination_host="pgw1.example.net",
        destination_realm="example.net",
        hop_by_hop=0x80000001,
        end_to_end=0xFFFFFFFF,
    )


def answer(*avps: bytes, flags: int = FLAG_P) -> bytes:
    """An RAA of these AVPs."""
    return with_length(pack_header(20, flags, RAR, 4, 0x80000001, 1) + b"".join(avps))


@pytest.mark.parametrize(
    ("build", "command", "codes"),
    [
        (build_rar, 258, [263, 264, 296, 283, 258, 285, 293]),
        (build_asr, 274, [263, 264, 296, 283, 258, 293]),
    ],
)
def test_each_required_avp_once_with_m_and_the_session_first(
    build: Build, command: int, codes: list[int]
) -> None:
    """Without Destination-Host, Auth-Application-Id or Re-Auth-Request-Type, clients never see it."""
    message = built(build)
    header = parse_header(message)
    assert (header.version, header.length) == (1, len(message))
    assert (header.flags, header.command, header.application) == (FLAG_R | FLAG_P, command, 4)
    assert (header.hop_by_hop, header.end_to_end) == (0x80000001, 0xFFFFFFFF)
    found = list(walk(message, HEADER_SIZE, len(message)))
    assert [each[:3] for each in found] == [(code, 0, M_BIT) for code in codes]


@pytest.mark.parametrize(
    ("build", "kind"), [(build_rar, ReAuthRequest), (build_asr, AbortSessionRequest)]
)
def test_the_library_reads_it_back(build: Build, kind: type[Message]) -> None:
    """Origin is ours, destination is the client and not the relay before it."""
    read = Message.from_bytes(built(build))
    assert isinstance(read, kind)
    assert read.session_id == "pgw1.example.net;1;2"
    assert (read.origin_host, read.origin_realm) == (b"ocs1.example.net", b"ocs.example.net")
    assert (read.destination_host, read.destination_realm) == (b"pgw1.example.net", b"example.net")
    assert read.auth_application_id == 4
    if kind is ReAuthRequest:
        assert read.re_auth_request_type == 0


@pytest.mark.parametrize("build", [build_rar, build_asr])
@pytest.mark.parametrize("session_id", [b"\xff\xfe;\0", b"x" * 1024, "сессия".encode()])
def test_a_session_id_is_sent_as_it_came(build: Build, session_id: bytes) -> None:
    """Octet for octet, whether it is UTF-8 or not: the client compares."""
    message = built(build, session_id)
    assert message[HEADER_SIZE:].startswith(octets(263, session_id))
    assert parse_header(message).length == len(message)


def test_a_rar_may_be_for_one_rating_group() -> None:
    """Rating-Group behind what every RAR has; without it the whole session is meant (RFC 8506, 5.5)."""
    whole = built(build_rar)
    for group in (0, 10, 2**32 - 1):
        message = built(partial(build_rar, rating_group=group))
        assert message == with_length(whole + u32(432, group))


# --- what comes back ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        answer(),
        answer(text(264, "pgw1.example.net")),
        answer(u32(268, 2001, vendor=10415)),
        answer(octets(268, b"12")),
        answer(octets(268, bytes(8))),
        answer(b"\0\0\1\x0c\x40\0\0\0" + bytes(4)),
        answer(u32(268, 2001)[:8]),
        answer(octets(297, u32(298, 5002))),
    ],
)
def test_an_answer_without_a_readable_result_is_0(message: bytes) -> None:
    """It must not raise: whoever waits for an answer has one, and it says nothing."""
    assert result_code(message) == 0


@given(st.binary(max_size=60))
def test_any_answer_gives_a_number(data: bytes) -> None:
    """Whatever follows the header."""
    assert 0 <= result_code(answer() + data) < 2**32


@pytest.mark.parametrize("code", [2001, 2002, 3002, 5002, 5012])
def test_the_result_is_read(code: int) -> None:
    """Wherever it stands, with E and without."""
    flags = FLAG_P | (FLAG_E if code == 3002 else 0)
    session, routes = octets(263, b"s"), text(282, "relay.example.net")
    assert result_code(answer(session, u32(268, code), routes, flags=flags)) == code
    assert result_code(answer(session, routes, u32(268, code), flags=flags)) == code


def test_an_answer_of_the_library_is_read() -> None:
    """As another implementation writes it."""
    message = ReAuthAnswer()
    message.session_id, message.result_code = "s;1", 2002
    message.origin_host, message.origin_realm = b"pgw1.example.net", b"example.net"
    assert result_code(message.as_bytes()) == 2002
