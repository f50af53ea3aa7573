"""RAR and ASR, on python-diameter's message classes (RFC 6733, 8.3 and 8.5; RFC 8506, 5.5).

Session-Id and Destination-Host are written by hand: the library takes Session-Ids for UTF-8, which a
peer's need not be, and leaves the M bit off Destination-Host.
"""

from diameter.message import Message
from diameter.message.commands import AbortSessionRequest, ReAuthRequest

from ocs.diameter.avp import octets, read_number, text, u32, walk
from ocs.diameter.framing import (
    ASR,
    CREDIT_CONTROL_APPLICATION,
    FLAG_P,
    FLAG_R,
    HEADER_SIZE,
    RAR,
    ProtocolError,
    pack_header,
)

AUTHORIZE_ONLY = 0


def build_rar(
    *,
    session_id: bytes,
    origin_host: str,
    origin_realm: str,
    destination_host: str,
    destination_realm: str,
    hop_by_hop: int,
    end_to_end: int,
    rating_group: int | None = None,
) -> bytes:
    """Re-Auth-Request for the whole session or one rating group of it (RFC 8506, 5.5).

    The destination is the client, not a relay before it.
    """
    message = ReAuthRequest()
    message.re_auth_request_type = AUTHORIZE_ONLY
    ids = (hop_by_hop, end_to_end)
    ends = (origin_host, origin_realm, destination_host, destination_realm)
    scope = b"" if rating_group is None else u32(432, rating_group)
    return _build(message, RAR, session_id, ends, ids, scope)


def build_asr(
    *,
    session_id: bytes,
    origin_host: str,
    origin_realm: str,
    destination_host: str,
    destination_realm: str,
    hop_by_hop: int,
    end_to_end: int,
) -> bytes:
    """Abort-Session-Request."""
    ids = (hop_by_hop, end_to_end)
    ends = (origin_host, origin_realm, destination_host, destination_realm)
    return _build(AbortSessionRequest(), ASR, session_id, ends, ids)


def _build(
    message: Message,
    command: int,
    session_id: bytes,
    ends: tuple[str, str, str, str],
    ids: tuple[int, int],
    scope: bytes = b"",
) -> bytes:
    origin_host, origin_realm, destination_host, destination_realm = ends
    message.origin_host = origin_host.encode()
    message.origin_realm = origin_realm.encode()
    message.destination_realm = destination_realm.encode()
    message.auth_application_id = CREDIT_CONTROL_APPLICATION
    body = octets(263, session_id) + bytes(message.as_bytes())[HEADER_SIZE:]
    body += text(293, destination_host) + scope
    head = pack_header(
        HEADER_SIZE + len(body), FLAG_R | FLAG_P, command, CREDIT_CONTROL_APPLICATION, *ids
    )
    return head + body


def result_code(message: bytes) -> int:
    """The Result-Code of an RAA or ASA; 0 where there is none that can be read."""
    try:
        for found in walk(message, HEADER_SIZE, len(message)):
            if found[0] == 268 and found[1] == 0:
                return read_number(message, found)
    except ProtocolError:
        pass  # an answer is not answered: who waits for it learns that it said nothing
    return 0
