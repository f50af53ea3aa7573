"""One Diameter connection of the generator: bytes in and out, without a future or task for a request.

What is written in one turn of the event loop goes out at once. Answers are handed on with the time they
came in. It answers watchdogs, re-authorisations, aborts and disconnects, as a client must.

Exceptions:
    PeerRefused   the server did not accept this identity, with its Result-Code
"""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from ocs.diameter import base
from ocs.diameter.avp import octets, text, u32, walk
from ocs.diameter.framing import (
    ASR,
    CER,
    DPR,
    DWR,
    FLAG_P,
    FLAG_R,
    HEADER_SIZE,
    RAR,
    Header,
    pack_header,
    parse_header,
)

ANSWER_SECONDS = 10.0
LIMITED_SUCCESS, SUCCESS = 2002, 2001
#: An answer to a CCR has a few hundred octets; a length beyond this means that the stream is lost.
MESSAGE_MAX = 1 << 20


class PeerRefused(Exception):
    """A sentence with the identity and what the server said."""


class Wire(asyncio.Protocol):
    """A connection; `answered` gets each answer to what was sent, `lost` why the connection ended."""

    def __init__(
        self,
        local: base.LocalNode,
        answered: Callable[[bytes, int], None],
        read: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        self.local = local
        self._answered = answered
        self._read = read
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._out: list[bytes | bytearray] = []
        self._hello: asyncio.Future[bytes] = self._loop.create_future()
        self._is_closing = False

    # --- the connection -----------------------------------------------------------------------------

    async def connect(self, host: str, port: int) -> None:
        """Open it and exchange capabilities."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._loop.create_connection(lambda: self, host, port)
            self.send(base.cer(self.local, 0, 0))
            message = await self._hello
        code = _result_code(message)
        if code != SUCCESS:
            await self.close()
            raise PeerRefused(
                f"the server refuses the peer {self.local.origin_host}: Result-Code {code}; "
                "list it under [[peers]], or allow unknown peers on the loopback"
            )

    async def close(self) -> None:
        """Disconnect; the answer to a DPR is not waited for, nothing is under way by then."""
        self._is_closing = True
        if self._transport is not None and not self._transport.is_closing():
            self.send(base.dpr(self.local, 0, 0, base.DO_NOT_WANT_TO_TALK_TO_YOU))
            self._flush()
            self._transport.close()
        await asyncio.sleep(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        reason = f"the server closed the connection of {self.local.origin_host}"
        if not self._hello.done():
            self._hello.set_exception(PeerRefused(f"{reason} before it said who it is"))
        elif not self._is_closing:
            self._lost(f"{reason}: {error}" if error else reason)

    # --- messages -----------------------------------------------------------------------------------

    def send(self, message: bytes | bytearray) -> None:
        """Put a message into this turn's write."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(message)

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            data = b"".join(self._out)
            self._out.clear()
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Called by the loop: take the whole messages, keep the rest."""
        now = time.perf_counter_ns()
        if self._buffer:
            data = self._buffer + data
        at, end = 0, len(data)
        while end - at >= HEADER_SIZE:
            size = int.from_bytes(data[at + 1 : at + 4], "big")
            if not HEADER_SIZE <= size <= MESSAGE_MAX:
                self._is_closing = True
                self._lost(f"the server sent a message of {size} octets")
                return
            if end - at < size:
                break
            message = data[at : at + size]
            at += size
            if message[4] & FLAG_R or message[5:8] != b"\0\1\x10":
                self._other(message)
            else:
                self._answered(message, now)
        self._buffer = data[at:]
        self._read()

    def _other(self, message: bytes) -> None:
        """What is not an answer to a CCR."""
        header = parse_header(message)
        if not header.is_request:
            if header.command == CER and not self._hello.done():
                self._hello.set_result(message)
        elif header.command == DWR:
            self.send(base.dwa(self.local, header))
        elif header.command == DPR:
            self.send(base.dpa(self.local, header))
        elif header.command in (RAR, ASR):
            self.send(self._accept(message, header))

    def _accept(self, message: bytes, header: Header) -> bytes:
        """The RAA or ASA; what it asks for is not done, the session's next request comes anyway."""
        session_id = next(
            message[start:end]
            for code, _, _, start, end, _ in walk(message, HEADER_SIZE, len(message))
            if code == 263
        )
        body = (
            octets(263, session_id)
            + u32(268, LIMITED_SUCCESS)
            + text(264, self.local.origin_host)
            + text(296, self.local.origin_realm)
        )
        size = HEADER_SIZE + len(body)
        ids = header.application, header.hop_by_hop, header.end_to_end
        return pack_header(size, FLAG_P, header.command, *ids) + body


def _result_code(message: bytes) -> int:
    """The Result-Code of an answer, 0 without one."""
    for code, vendor, _, start, end, _ in walk(message, HEADER_SIZE, len(message)):
        if (code, vendor) == (268, 0):
            return int.from_bytes(message[start:end], "big")
    return 0
