"""TLS of the Diameter listeners: before the CER, and both sides show a certificate (RFC 6733, 13.1).

Exceptions:
    HandshakeFailed   no TLS, not ours, or not in time; says why in a few words
"""

import asyncio
import ssl
from pathlib import Path

#: A handshake holds a place of those who have said nothing yet.
HANDSHAKE_SECONDS = 10.0


class HandshakeFailed(Exception):
    """The connection is no TLS connection of somebody we know."""


def server_context(certificate: Path, key: Path, ca: Path) -> ssl.SSLContext:
    """Mutual TLS, 1.2 or later; OSError (ssl.SSLError included) for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key, password="")  # or a locked key would ask the terminal
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def handshake(
    transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext
) -> asyncio.Transport:
    """The encrypted transport over `transport`; what it brings goes to `protocol`."""
    try:
        secured = await asyncio.get_running_loop().start_tls(
            transport,
            protocol,
            context,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
        )
    except ssl.SSLCertVerificationError as error:
        raise HandshakeFailed(error.verify_message) from error
    except ssl.SSLError as error:
        raise HandshakeFailed(error.reason or str(error)) from error
    except OSError as error:
        raise HandshakeFailed("not completed") from error
    if secured is None or secured.is_closing():  # the connection went meanwhile
        raise HandshakeFailed("not completed")
    return secured


def names_of(transport: asyncio.Transport) -> frozenset[str]:
    """The DNS names of the peer's certificate, in lower case; no other kind of name counts."""
    found = transport.get_extra_info("ssl_object").getpeercert() or {}
    return frozenset(
        str(name).lower() for kind, name in found.get("subjectAltName", ()) if kind == "DNS"
    )
