"""Diameter messages for tests: a plain CCR, and ways to spoil one."""

from dataclasses import replace

from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.credit_control import CCR

PLAIN = CCR(
    hop_by_hop=0x11,
    end_to_end=0x22,
    flags=0xC0,
    session_id=b"pgw1;1;2",
    origin_host="pgw1.example.net",
    origin_realm="example.net",
    destination_realm="ocs.example.net",
    destination_host=None,
    service_context_id="32251@3gpp.org",
    request_type=2,
    request_number=7,
)


def with_length(message: bytes) -> bytes:
    """The message with the length that it has."""
    return message[:1] + len(message).to_bytes(3, "big") + message[4:]


def plain_ccr(more: bytes = b"", /, **changes: object) -> bytes:
    """A CCR-U that decodes, with `more` AVPs behind it."""
    return with_length(encode_ccr(replace(PLAIN, **changes)) + more)  # type: ignore[arg-type]  # by name


def cut_out(message: bytes, avp: bytes) -> bytes:
    """The message without this AVP."""
    at = message.index(avp, 20)
    return with_length(message[:at] + message[at + len(avp) :])
