"""What is done without being asked: fees, renewals, lapses, ends. Walks the agenda of its partitions.

The agenda and each subscriber's next moment are in the store, so that nothing is forgotten over a restart;
each step is posted with the version it was planned from, so that workers may walk the same partitions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import structlog
from redis.exceptions import RedisError

from ocs.abmf.ledger import LedgerError
from ocs.account.agenda import next_step
from ocs.account.carry import Books, carry_out
from ocs.account.life import activate
from ocs.account.standing import Refused, terms_of
from ocs.books import OpenSession, PostStatus
from ocs.model import Partition, Subscriber, SubscriberId, UtcMillis
from ocs.rating.versions import Catalogues

#: A fee is due at a moment of a window of hours: a few seconds are on time.
TICK_SECONDS = 5.0
#: Bounded: charges come in between.
BATCH = 100
#: Of one partition; more than that is no fault of single subscribers.
STUCK_AT_MOST = 10 * BATCH
#: Steps of one subscriber in one go; after long downtime the rest follows in the next round.
STEPS_AT_MOST = 400

log = structlog.get_logger()


class Agenda(Books, Protocol):
    """What is needed of the ledger."""

    async def due(
        self, partition: Partition, now: UtcMillis, count: int
    ) -> Sequence[SubscriberId]: ...


class Known(Protocol):
    """What is needed of the subscribers."""

    async def get(self, partition: Partition, subscriber_id: SubscriberId) -> Subscriber | None: ...
    async def refresh(self, subscriber: Subscriber) -> Subscriber: ...
    def remember(self, subscriber: Subscriber) -> None: ...


class Counted(Protocol):
    """What is counted."""

    def agenda_step(self, status: str) -> None: ...


async def nobody_told(_: Sequence[OpenSession]) -> None:
    """No session is told."""


class Scheduler:
    """Takes the steps that are due."""

    def __init__(
        self,
        ledger: Agenda,
        subscribers: Known,
        catalogues: Catalogues,
        partitions: Iterable[Partition],
        clock: Callable[[], UtcMillis],
        metrics: Counted,
        reauthorise: Callable[[Sequence[OpenSession]], Awaitable[None]] = nobody_told,
    ) -> None:
        """`reauthorise` is given the sessions that a step's money or prices concern."""
        self._ledger = ledger
        self._subscribers = subscribers
        self._catalogues = catalogues
        self._partitions = tuple(partitions)
        self._clock = clock
        self._metrics = metrics
        self._reauthorise = reauthorise
        #: How many of a partition could not be served: they stay first on its agenda, and are read past.
        self._stuck: dict[Partition, int] = {}

    async def tick(self) -> int:
        """Take what is due now, one batch of each partition; returns how many steps were taken."""
        taken = 0
        for partition in self._partitions:
            now, stuck = self._clock(), 0
            count = BATCH + min(self._stuck.get(partition, 0), STUCK_AT_MOST)
            for each in await self._ledger.due(partition, now, count):
                try:
                    done = await self._serve(partition, each, now)
                except (LedgerError, Refused) as error:
                    # Its neighbours are served; it stays on the agenda.
                    log.warning("agenda not served", subscriber=each, error=repr(error))
                    done = 0
                taken += done
                stuck += not done
            self._stuck[partition] = stuck
        return taken

    async def _serve(
        self, partition: Partition, subscriber_id: SubscriberId, now: UtcMillis
    ) -> int:
        """All steps of one subscriber, in order."""
        subscriber = await self._subscribers.get(partition, subscriber_id)
        if subscriber is None:
            return 0
        subscriber = await self._subscribers.refresh(subscriber)
        terms = terms_of(self._catalogues.at(now))
        for taken in range(STEPS_AT_MOST):
            outcome = await carry_out(
                self._ledger,
                subscriber,
                next_step,
                terms,
                now,
                actor="scheduler",
                refresh=self._subscribers.refresh,
            )
            if outcome is None:
                return taken
            self._metrics.agenda_step(outcome.status.value)
            if outcome.status not in (PostStatus.POSTED, PostStatus.REPLAYED):
                log.warning("step refused", subscriber=subscriber_id, status=outcome.status)
                return taken
            if outcome.subscriber is None:
                subscriber = await self._subscribers.refresh(subscriber)
            else:
                subscriber = outcome.subscriber
                self._subscribers.remember(subscriber)
            await self._reauthorise(outcome.waiting)
        return STEPS_AT_MOST

    async def activate(self, subscriber: Subscriber) -> Subscriber:
        """The first use of a number that was not used yet: its tariff begins; another time nothing does."""
        now = self._clock()
        outcome = await carry_out(
            self._ledger,
            await self._subscribers.refresh(subscriber),
            activate,
            terms_of(self._catalogues.at(now)),
            now,
            actor="scheduler",
            refresh=self._subscribers.refresh,
        )
        if outcome is None or outcome.subscriber is None:
            return subscriber
        self._subscribers.remember(outcome.subscriber)
        return outcome.subscriber

    async def run(self) -> None:
        """Walk the agenda for ever; ends by cancellation."""
        while True:
            try:
                taken = await self.tick()
            except (LedgerError, RedisError, OSError) as error:
                log.warning("agenda not read", error=repr(error))
                taken = 0
            await asyncio.sleep(0 if taken else TICK_SECONDS)
