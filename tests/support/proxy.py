"""A proxy between a client and a store on unix sockets: counts, drops replies, stands still, cuts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Proxy:
    """Forwards every connection; what it does to replies is switched by its attributes."""

    def __init__(self, target: str) -> None:
        self._target = target.removeprefix("unix://")
        self._writers: set[asyncio.StreamWriter] = set()
        self.connections = 0
        self.requests = 0  # pieces of data that went to the store
        self.octets = [0, 0]  # that went to the store, and that came back
        self.drops = 0  # replies to swallow from now on; the request was carried out
        self.is_still = False  # requests are taken and go nowhere
        self._request = asyncio.Event()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        self.connections += 1
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, up_writer}
        await asyncio.gather(self._requests(reader, up_writer), self._replies(up_reader, writer))

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                self.requests += 1
                self.octets[0] += len(data)
                self._request.set()
                if not self.is_still:
                    writer.write(data)
        writer.close()

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                self.octets[1] += len(data)
                if self.drops:
                    self.drops -= 1
                else:
                    writer.write(data)
        writer.close()

    async def arrived(self) -> None:
        """Wait for the next request."""
        self._request.clear()
        await self._request.wait()

    def cut(self) -> None:
        """Close every connection in both directions."""
        for each in self._writers:
            each.close()
        self._writers.clear()


@asynccontextmanager
async def proxied(url: str, folder: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the store at `url`, and the URL of the proxy."""
    proxy = Proxy(url)
    path = folder / "p"
    server = await asyncio.start_unix_server(proxy.accept, path)
    try:
        yield proxy, f"unix://{path}"
    finally:
        server.close()
        proxy.cut()
