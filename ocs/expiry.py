"""The sweeper: sessions whose supervision time (Tcc, RFC 8506, 13) has passed are closed.

A reservation lives in the store without a TTL, so somebody must release it. Every worker sweeps; the
ledger closes a session once, whoever comes first, and judges the deadline by the store's own clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from ocs.abmf.ledger import Ledger, LedgerError
from ocs.books import OpenSession
from ocs.metrics import Metrics

#: A released reservation is promised within 5 s of its deadline.
SWEEP_SECONDS = 1.0
#: Bounded, so that 100,000 sessions of a lost client do not hold up the charges in between.
BATCH = 200
#: Closed side by side: a store that is away, or a session that cannot be closed, costs its neighbours
#: one time-out and not one each.
TOGETHER = 20

log = structlog.get_logger()


class Sweeper:
    """Closes due sessions, batch by batch."""

    def __init__(
        self,
        due: Callable[[int], Awaitable[Sequence[OpenSession]]],
        ledger: Ledger,
        metrics: Metrics,
        reauthorise: Callable[[Sequence[bytes]], None] = lambda _: None,
    ) -> None:
        """`reauthorise` is given the sessions that wait for what a closed one released."""
        self._due = due
        self._ledger = ledger
        self._metrics = metrics
        self._reauthorise = reauthorise

    async def sweep(self) -> bool:
        """Close what is due now, one batch at most; returns whether more may be due."""
        due = await self._due(BATCH)
        closed = 0
        for start in range(0, len(due), TOGETHER):
            closed += sum(await asyncio.gather(*map(self._close, due[start : start + TOGETHER])))
        if closed:
            self._metrics.expired(closed)
        return closed > 0 and len(due) == BATCH

    async def _close(self, session: OpenSession) -> bool:
        """Close one; one that cannot be closed does not keep the others open."""
        try:
            outcome = await self._ledger.expire(session, "supervision")
        except LedgerError as error:
            log.warning("session not closed", error=str(error), session=session.session_id)
            return False
        if outcome.closed:
            self._metrics.reserved(-outcome.released)
            self._metrics.session_closed(session.service, "timeout")
            self._reauthorise(outcome.waiting)
        return outcome.closed

    async def run(self) -> None:
        """Sweep for ever; ends by cancellation."""
        while True:
            try:
                is_more = await self.sweep()
            except Exception as error:
                # The round ends here, not the worker: the next one may find the store mended.
                log.warning("sweep failed", error=repr(error))
                is_more = False
            await asyncio.sleep(0 if is_more else SWEEP_SECONDS)
