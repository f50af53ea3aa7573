"""Messages come out of a stream whole and in order, or the stream is given up."""

import pytest

from ocs.diameter.framing import (
    MAX_MESSAGE,
    Framer,
    Header,
    ResultCode,
    pack_header,
    parse_header,
)


def message(length: int = 20, version: int = 1) -> bytes:
    """Octets of a message with this length in its header."""
    head = pack_header(length, 0x80, 280, 0, 1, 2)
    return bytes([version]) + head[1:] + bytes(max(length - 20, 0))


@pytest.mark.parametrize("length", [0, 1, 4, 19, 21, 22, 23, 1021, MAX_MESSAGE + 4, 2**24 - 4])
def test_a_length_that_cannot_be_is_fatal_at_the_header(length: int) -> None:
    """Below 20, no multiple of 4, or above the limit: 5015, and nothing is kept."""
    framer = Framer()
    assert framer.feed(message()[:1] + length.to_bytes(3, "big")) == []
    assert framer.error is not None
    assert framer.error.result_code == ResultCode.INVALID_MESSAGE_LENGTH
    assert framer.error.is_fatal
    assert framer.pending == 0


def test_messages_before_a_bad_header_are_not_lost() -> None:
    """What was complete is returned, then the error is seen."""
    framer = Framer()
    assert framer.feed(message() + message(24) + bytes(20)) == [message(), message(24)]
    assert framer.error is not None


def test_nothing_comes_after_a_fatal_error() -> None:
    """The boundaries are lost: even a whole message is not believed any more."""
    framer = Framer()
    framer.feed(bytes(4))
    assert framer.feed(message()) == []
    assert framer.pending == 0


def test_another_version_is_returned_for_its_answer() -> None:
    """Version 2 with a sane length is answered 5011, which is not the framer's business."""
    framer = Framer()
    assert framer.feed(message(version=2)) == [message(version=2)]
    assert framer.error is None


def test_the_largest_message_passes() -> None:
    """The limit itself is allowed."""
    assert Framer().feed(message(MAX_MESSAGE)) == [message(MAX_MESSAGE)]


def test_octet_by_octet_gives_the_same_messages() -> None:
    """How the stream is cut does not matter; `pending` tells what is kept."""
    framer = Framer()
    stream = message(28) + message()
    found, pending = [], []
    for at in range(len(stream)):
        found += framer.feed(stream[at : at + 1])
        pending.append(framer.pending)
    assert found == [message(28), message()]
    assert pending[26:29] == [27, 0, 1]


def test_the_header_is_read_back() -> None:
    """What is packed is parsed, at any offset."""
    head = pack_header(64, 0xD0, 272, 4, 0xFFFFFFFF, 7)
    expected = Header(1, 64, 0xD0, 272, 4, 0xFFFFFFFF, 7)
    assert parse_header(b"xx" + head, 2) == expected
    assert expected.is_request
