"""The sweeper: sessions whose supervision time (Tcc, RFC 8506, 13) has passed are closed, and clients that
ignored a final unit are told to end.

A reservation lives in the store without a TTL, so somebody must release it. Every worker sweeps; the
ledger closes a session once, and gives an overdue one to one sweeper, whoever comes first. It judges both
by the store's own clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog
from redis.exceptions import RedisError

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

Listed = Callable[[int], Awaitable[Sequence[OpenSession]]]


async def none_listed(_: int) -> Sequence[OpenSession]:
    """No session, for who watches no final units."""
    return ()


async def not_told(_: OpenSession) -> None:
    """Nobody is told."""


class Sweeper:
    """Closes due sessions and cuts overdue ones, batch by batch."""

    def __init__(
        self,
        due: Listed,
        ledger: Ledger,
        metrics: Metrics,
        reauthorise: Callable[[Sequence[bytes]], None] = lambda _: None,
        *,
        overdue: Listed = none_listed,
        abort: Callable[[OpenSession], Awaitable[object]] = not_told,
    ) -> None:
        """`reauthorise` is given the sessions that wait for what a closed one released, `abort` those
        whose clients are to end them (Abort-Session-Request)."""
        self._due = due
        self._ledger = ledger
        self._metrics = metrics
        self._reauthorise = reauthorise
        self._overdue = overdue
        self._abort = abort

    async def sweep(self) -> bool:
        """Close what is due now and cut what is overdue, one batch of each at most; returns whether
        there may be more."""
        due = await self._due(BATCH)
        seen_to = await in_groups(self._close, due)
        overdue = await self._overdue(BATCH)
        cut = await in_groups(self._cut, overdue)
        return (seen_to > 0 and len(due) == BATCH) or (cut > 0 and len(overdue) == BATCH)

    async def _close(self, session: OpenSession) -> bool:
        """Close one whose deadline has passed; the ledger puts one right whose index was behind. Says
        whether it is out of the others' way: one that cannot be closed does not keep them open."""
        try:
            outcome = await self._ledger.expire(session, "supervision")
        except LedgerError as error:
            log.warning("session not closed", error=str(error), session=session.session_id)
            return False
        if outcome.closed:
            self._metrics.expired(1)
            self._metrics.reserved(-outcome.released)
            self._metrics.session_closed(session.service, "timeout")
            self._reauthorise(outcome.waiting)
        return True

    async def _cut(self, session: OpenSession) -> bool:
        """Have the next request of one refused, and its client told to end it.

        Nothing else follows here. Its end is counted when it comes: by the client, or by supervision
        where there is no connection that could tell it.
        """
        try:
            outcome = await self._ledger.expire(session, "overdue")
            if outcome.is_marked:
                log.info("final unit ignored", session=session.session_id)
                await self._abort(session)
        except (LedgerError, RedisError, OSError) as error:
            log.warning("session not cut", error=str(error), session=session.session_id)
            return False
        return outcome.is_marked

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


async def in_groups(
    work: Callable[[OpenSession], Coroutine[Any, Any, bool]], sessions: Sequence[OpenSession]
) -> int:
    """Do something to all sessions, some side by side; returns for how many it was done."""
    done = 0
    for start in range(0, len(sessions), TOGETHER):
        done += sum(await asyncio.gather(*map(work, sessions[start : start + TOGETHER])))
    return done
