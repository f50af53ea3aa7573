"""Clients that restarted: a higher Origin-State-Id says that its sender lost its sessions (RFC 6733, 8.16).

Looked at with every CCR, so the value is compared in memory and nothing more; whether it is news to the
store too, and the closing of sessions, is work of the background. What cannot be done now is done later.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

#: Clients remembered; of more the oldest is forgotten, and its next value asks the store again.
HOSTS_AT_MOST = 10_000
#: Until a store that is away is asked again.
RETRY_SECONDS = 1.0

log = structlog.get_logger()

#: (Origin-Host, Origin-State-Id) -> whether the store knew a lower value; true once for each rise
IsRise = Callable[[str, int], Awaitable[bool]]
#: (Origin-Host, Origin-State-Id) -> how many of its sessions with a lower value were closed
Close = Callable[[str, int], Awaitable[int]]


class Restarts:
    """The highest Origin-State-Id of each client, and what follows from a rise."""

    def __init__(
        self, is_rise: IsRise, close: Close, *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._is_rise = is_rise
        self._close = close
        self._retry_seconds = retry_seconds
        self._highest: dict[str, int] = {}
        self._lower: dict[str, int] = {}  # that were logged
        self._pending: dict[str, int] = {}
        self._confirmed: dict[str, int] = {}  # rises whose sessions are not all closed yet
        self._wake = asyncio.Event()

    def note(self, origin_host: str, origin_state_id: int) -> None:
        """A client said its value; 0 says nothing."""
        host = origin_host.lower()
        known = self._highest.get(host, 0)
        if origin_state_id > known:
            self._rose(host, origin_state_id)
        elif 0 < origin_state_id < known and self._lower.get(host) != origin_state_id:
            self._lower[host] = origin_state_id
            log.warning(
                "a lower Origin-State-Id is ignored",
                origin_host=host,
                origin_state_id=origin_state_id,
                known=known,
            )

    def _rose(self, host: str, origin_state_id: int) -> None:
        if host not in self._pending and len(self._pending) >= HOSTS_AT_MOST:
            return  # the store is away: the next request of this client says it again
        if host not in self._highest and len(self._highest) >= HOSTS_AT_MOST:
            oldest = next(iter(self._highest))
            del self._highest[oldest]
            self._lower.pop(oldest, None)
        self._highest[host] = origin_state_id
        self._lower.pop(host, None)
        self._pending[host] = origin_state_id
        self._wake.set()

    async def run(self) -> None:
        """Follow up on what was noted, for ever; ends by cancellation."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            has_failed = False
            for host, value in list(self._pending.items()):
                try:
                    await self._follow(host, value)
                except Exception as error:
                    # It ends for this round, not for the worker: the store may be back for the next.
                    log.warning("restart not followed up", origin_host=host, error=repr(error))
                    has_failed = True
                    continue
                if self._pending.get(host) == value:  # no higher one came meanwhile
                    del self._pending[host]
            if has_failed:
                await asyncio.sleep(self._retry_seconds)
                self._wake.set()

    async def _follow(self, host: str, value: int) -> None:
        if self._confirmed.get(host) != value:
            self._confirmed.pop(host, None)
            if not await self._is_rise(host, value):
                return
            self._confirmed[host] = value
        closed = await self._close(host, value)
        del self._confirmed[host]
        log.info(
            "a client restarted", origin_host=host, origin_state_id=value, sessions_closed=closed
        )
