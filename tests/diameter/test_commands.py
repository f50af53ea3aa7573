"""What a message is called, and what it is to the peer machine."""

import pytest

from ocs.diameter.commands import Input, classify, command_name
from ocs.diameter.framing import FLAG_E, FLAG_P, FLAG_R, FLAG_T, Header, ProtocolError


def header(flags: int, command: int, application: int, version: int = 1) -> Header:
    return Header(version, 20, flags, command, application, 1, 2)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (header(FLAG_R, 272, 4, version=2), 5011),
        (header(0, 272, 4, version=0), 5011),
        (header(FLAG_R | FLAG_E, 272, 4), 3008),
        (header(FLAG_R | FLAG_E, 280, 0), 3008),
        (header(FLAG_R, 272, 16_777_238), 3007),  # Gx has this command, too
        (header(FLAG_R, 999, 4), 3001),
        (header(FLAG_R, 258, 4), 3001),  # RAR: ours to send
        (header(FLAG_R, 272, 0), 3001),
        (header(FLAG_R, 257, 4), 3001),
    ],
)
def test_what_is_not_served(found: Header, code: int) -> None:
    """RFC 6733, 7.1.3 and 7.1.5."""
    with pytest.raises(ProtocolError) as caught:
        classify(found)
    assert caught.value.result_code == code
    assert not caught.value.is_fatal


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (header(FLAG_R, 257, 0), Input.CER),
        (header(FLAG_R, 280, 0), Input.DWR),
        (header(FLAG_R, 282, 0), Input.DPR),
        (header(0, 280, 0), Input.BASE_ANSWER),
        (header(FLAG_E, 257, 0), Input.BASE_ANSWER),
        (
            header(FLAG_R | FLAG_P | FLAG_T | 0x0F, 272, 4),
            Input.REQUEST,
        ),  # reserved bits are ignored
        (header(FLAG_P, 258, 4), Input.ANSWER),
        (
            header(FLAG_E, 999, 16_777_238),
            Input.ANSWER,
        ),  # whatever it is, it answers nothing of ours
    ],
)
def test_what_each_is(found: Header, kind: Input) -> None:
    """Requests by command, answers by application."""
    assert classify(found) is kind


@pytest.mark.parametrize(
    ("command", "request_name", "answer_name"),
    [
        (257, "CER", "CEA"), (258, "RAR", "RAA"), (272, "CCR", "CCA"), (274, "ASR", "ASA"),
        (280, "DWR", "DWA"), (282, "DPR", "DPA"), (271, "other", "other"), (0, "other", "other"),
    ],
)  # fmt: skip
def test_names(command: int, request_name: str, answer_name: str) -> None:
    """RFC 6733, 3.1 and RFC 8506, 3; a peer's own codes never become names."""
    assert command_name(header(FLAG_R, command, 4)) == request_name
    assert command_name(header(FLAG_P, command, 4)) == answer_name
