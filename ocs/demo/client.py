"""A Diameter client: what a switch or a GGSN is to the server. Real sockets, real messages.

Used by the demonstration and by tests of the whole server. It answers watchdogs, Re-Auth-Requests and
Abort-Session-Requests by itself, and hands the latter two on.
"""

import asyncio
import contextlib
from dataclasses import dataclass, replace

from ocs.diameter import base
from ocs.diameter.avp import octets, text, u32, walk
from ocs.diameter.client_messages import Answer, decode_cca, encode_ccr
from ocs.diameter.credit_control import CCR
from ocs.diameter.framing import (
    ASR,
    DPR,
    DWR,
    FLAG_P,
    FLAG_R,
    FLAG_T,
    HEADER_SIZE,
    RAR,
    Framer,
    Header,
    pack_header,
    parse_header,
)

ANSWER_SECONDS = 10.0
LIMITED_SUCCESS, SUCCESS = 2002, 2001


@dataclass(frozen=True, slots=True)
class Pushed:
    """A request that the server sent: RAR or ASR, for a session."""

    command: int
    session_id: bytes


class DiameterClient:
    """One connection of one identity."""

    def __init__(self, origin_host: str, origin_realm: str, destination_realm: str) -> None:
        self.local = base.LocalNode(origin_host, origin_realm, "Demonstration")
        self.destination_realm = destination_realm
        self.pushed: asyncio.Queue[Pushed] = asyncio.Queue()
        self.answers_server_requests = True
        self._framer = Framer()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._hop_by_hop = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def connect(self, host: str, port: int) -> bytes:
        """Open the connection and exchange capabilities; returns the CEA."""
        self._reader, self._writer = await asyncio.open_connection(host, port)
        self._task = asyncio.create_task(self._read())
        number = self.next_id()
        return await self.request(base.cer(self.local, number, number), number)

    async def close(self) -> None:
        """Disconnect: DPR, its answer, close."""
        number = self.next_id()
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self.request(base.dpr(self.local, number, number, base.REBOOTING), number)
        await self.drop()

    async def drop(self) -> None:
        """Close without a word, as a crash does."""
        if self._writer is not None:
            self._writer.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._end_waiting()
        if self._writer is not None:
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    def _end_waiting(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the connection is closed"))

    def next_id(self) -> int:
        """A number for both ids of a request."""
        self._hop_by_hop += 1
        return self._hop_by_hop

    async def request(self, message: bytes, hop_by_hop: int) -> bytes:
        """Send and await the answer; ConnectionError when the connection goes."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[hop_by_hop] = future
        try:
            self.write(message)
            return await asyncio.wait_for(future, ANSWER_SECONDS)
        finally:
            self._waiting.pop(hop_by_hop, None)

    async def send(self, ccr: CCR, *, is_repeat: bool = False) -> Answer:
        """Send a CCR under a new Hop-by-Hop Id, with the T flag where it is a repeat."""
        number = self.next_id()
        flags = FLAG_R | FLAG_P | (FLAG_T if is_repeat else 0)
        message = encode_ccr(replace(ccr, hop_by_hop=number, flags=flags))
        return decode_cca(await self.request(message, number))

    def write(self, data: bytes) -> None:
        """Octets as they are."""
        if self._writer is None or self._writer.is_closing():
            raise ConnectionError("not connected")
        self._writer.write(data)

    async def _read(self) -> None:
        reader = self._reader
        try:
            while reader is not None and (data := await reader.read(65536)):
                for message in self._framer.feed(data):
                    self._message(message)
        except OSError:
            pass  # told to whoever waits, below
        self._end_waiting()
        if self._writer is not None:
            self._writer.close()

    def _message(self, message: bytes) -> None:
        header = parse_header(message)
        if not header.is_request:
            future = self._waiting.get(header.hop_by_hop)
            if future is not None and not future.done():
                future.set_result(message)
        elif header.command == DWR:
            self.write(base.dwa(self.local, header))
        elif header.command == DPR:
            self.write(base.dpa(self.local, header))
        elif header.command in (RAR, ASR):
            self._server_request(message, header)

    def _server_request(self, message: bytes, header: Header) -> None:
        session_id = next(
            message[start:end]
            for code, _, _, start, end, _ in walk(message, HEADER_SIZE, len(message))
            if code == 263
        )
        if self.answers_server_requests:
            code = LIMITED_SUCCESS if header.command == RAR else SUCCESS
            self.write(self.answer(header, session_id, code))
        self.pushed.put_nowait(Pushed(header.command, session_id))

    def answer(self, header: Header, session_id: bytes, result_code: int) -> bytes:
        """An RAA or ASA."""
        body = (
            octets(263, session_id)
            + u32(268, result_code)
            + text(264, self.local.origin_host)
            + text(296, self.local.origin_realm)
        )
        head = pack_header(
            HEADER_SIZE + len(body),
            FLAG_P,
            header.command,
            header.application,
            header.hop_by_hop,
            header.end_to_end,
        )
        return head + body
