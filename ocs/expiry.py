"""The sweeper: sessions whose supervision time (Tcc, RFC 8506, 13) has passed are closed.

A reservation lives in the store without a TTL, so somebody must release it. Every worker sweeps; the
ledger closes a session once, whoever comes first, and judges the deadline by the store's own clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from ocs.abmf.ledger import Ledger, LedgerError
from ocs.metrics import Metrics
from ocs.model import OpenSession

#: A released reservation is promised within 5 s of its deadline.
SWEEP_SECONDS = 1.0
#: Bounded, so that 100,000 sessions of a lost client do not hold up the charges in between.
BATCH = 200

log = structlog.get_logger()


class Sweeper:
    """Closes due sessions, batch by batch."""

    def __init__(
        self,
        due: Callable[[int], Awaitable[Sequence[OpenSession]]],
        ledger: Ledger,
        metrics: Metrics,
    ) -> None:
        self._due = due
        self._ledger = ledger
        self._metrics = metrics

    async def sweep(self) -> int:
        """Close what is due now, one batch at most; returns how many sessions were closed."""
        closed = 0
        for session in await self._due(BATCH):
            if await self._ledger.expire(session, "supervision"):
                closed += 1
                self._metrics.session_closed(session.service, "timeout")
        if closed:
            self._metrics.expired(closed)
        return closed

    async def run(self) -> None:
        """Sweep for ever; ends by cancellation."""
        while True:
            try:
                full = await self.sweep() == BATCH
            except LedgerError as error:
                log.warning("sweep failed", error=str(error))
                full = False
            await asyncio.sleep(0 if full else SWEEP_SECONDS)
