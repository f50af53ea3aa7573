"""The worker's connection to the store: the calls of one loop tick leave in one write.

Replies come back in the order of the calls, so that nothing but a queue joins them. redis-py opens the
connection (addresses, TLS, passwords, Sentinel) and closes it with its client; in between its streams
stand aside, because a reply through them costs as much as the charge itself. Rules: what has not left is
dropped when its caller is gone; a reply that is late ends the connection, since all behind it are late,
too. Nothing here knows what a command means, or sends one twice.

Exceptions:
    NotSent             the store was not reached: the call did nothing
    ConnectionError, TimeoutError (of redis)   it may have arrived
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
    RedisError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
)

Argument = bytes | str | int
Command = tuple[Argument, ...]

_NOT_YET = object()


class NotSent(Exception):
    """A call that never left."""


class _Call:
    """Commands that belong together: what comes back is the list of their replies."""

    __slots__ = ("count", "deadline", "future", "packed")

    def __init__(
        self, packed: bytes, count: int, future: asyncio.Future[list[object]], deadline: float
    ) -> None:
        self.packed = packed
        self.count = count
        self.future = future
        self.deadline = deadline


class Link:
    """The calls of a worker, on one connection; opened when it is needed, again after it was lost."""

    def __init__(self, client: Redis, patience_seconds: float) -> None:
        """A call that is not answered within the patience fails, sent or not."""
        self._client = client
        self._patience = patience_seconds
        self._waiting: list[_Call] = []
        self._wire: _Wire | None = None
        self._connection: Any = None  # redis-py's, which knows how to end
        self._opening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        #: The loop of the first call, as the connection has it: to ask for it costs a call of the kernel.
        self._loop: asyncio.AbstractEventLoop | None = None

    def send(self, commands: Sequence[Command]) -> asyncio.Future[list[object]]:
        """The replies of commands that travel in this tick's write; what the store refuses is among
        them, as an exception."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        loop = self._loop
        future: asyncio.Future[list[object]] = loop.create_future()
        packed = b"".join([hiredis.pack_command(each) for each in commands])  # type: ignore[arg-type]  # of any length
        if not self._waiting and self._opening is None:
            loop.call_soon(self._flush)
        deadline = loop.time() + self._patience
        self._waiting.append(_Call(packed, len(commands), future, deadline))
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._look)
        return future

    def _flush(self) -> None:
        """Write what waits, or open the connection that it waits for."""
        # Whoever gave up in the meantime must not be charged: what was not sent is not sent late.
        self._waiting = [each for each in self._waiting if not each.future.done()]
        wire = self._wire
        if wire is not None and wire.is_open:
            calls, self._waiting = self._waiting, []
            wire.write(calls)
        elif self._waiting and self._opening is None:
            self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        pool = self._client.connection_pool
        try:
            if self._connection is not None:
                old, self._connection = self._connection, None
                await old.disconnect(nowait=True)
                await pool.release(old)
            async with asyncio.timeout(self._patience):
                self._connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # theirs
        except TimeoutError:
            pass  # those who waited for it have their own end; for others it is tried again
        except (RedisError, OSError) as error:
            waiting, self._waiting = self._waiting, []
            fail(waiting, NotSent, str(error))
        else:
            # redis-py has no public way to its transport; test_redis_link.py holds this to a release.
            self._wire = _Wire(self._connection._writer.transport)
        finally:
            self._opening = None
        self._flush()

    def _look(self) -> None:
        """Whether the oldest call has waited for too long; else look again when it will have."""
        loop = asyncio.get_running_loop()
        self._timer, now = None, loop.time()
        wire = self._wire
        if wire is not None and wire.sent and wire.sent[0].deadline <= now:
            wire.end(RedisTimeoutError, "the store does not answer")
        late = [each for each in self._waiting if each.deadline <= now]
        del self._waiting[: len(late)]
        fail(late, NotSent, "the store was not reached in time")
        oldest = [*self._waiting[:1], *(() if wire is None else tuple(wire.sent)[:1])]
        if oldest:
            self._timer = loop.call_at(min(each.deadline for each in oldest), self._look)


class _Wire(asyncio.Protocol):
    """One connection: what was sent on it, and the replies."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.sent: deque[_Call] = deque()
        self._replies: list[object] = []  # to the first that was sent
        self._reader = hiredis.Reader(replyError=ResponseError, notEnoughData=_NOT_YET)
        self._transport = transport
        # It waits for the end of the connection when the client is closed.
        self._streams = cast(asyncio.Protocol, transport.get_protocol())
        transport.set_protocol(self)
        transport.resume_reading()
        self.is_open = not transport.is_closing()

    def write(self, calls: list[_Call]) -> None:
        """Send, in one piece."""
        self.sent += calls
        self._transport.write(b"".join([each.packed for each in calls]))

    def data_received(self, data: bytes) -> None:
        """Replies, each to the first call that waits for one."""
        reader, sent = self._reader, self.sent
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not _NOT_YET:
                if not sent or isinstance(reply, hiredis.PushNotification):
                    continue  # asked for by nobody
                self._replies.append(reply)
                if len(self._replies) == sent[0].count:
                    replies, self._replies = self._replies, []
                    future = sent.popleft().future
                    if not future.done():
                        future.set_result(replies)
        except hiredis.ProtocolError as error:
            self.end(RedisConnectionError, str(error))

    def pause_writing(self) -> None:
        """Nothing to do: the node bounds what is in work, and what waits too long ends by itself."""

    def resume_writing(self) -> None:
        """As above."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.connection_lost(exc)
        self.end(RedisConnectionError, "the store closed the connection")

    def end(self, kind: type[Exception], reason: str) -> None:
        """Close; whatever waits for a reply may have been carried out."""
        self.is_open = False
        self._transport.abort()
        sent, self.sent = self.sent, deque()
        fail(sent, kind, reason)


def fail(calls: Iterable[_Call], kind: type[Exception], reason: str) -> None:
    """Tell the callers that still listen."""
    for each in calls:
        if not each.future.done():
            each.future.set_exception(kind(reason))
            each.future.exception()  # nobody may be waiting
