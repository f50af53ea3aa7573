"""The path of one CCR: subscriber and context, plan, one ledger call, answer (TS 32.296, OCF).

A straight line: `charging` decides what to ask, the ledger decides what is there. This file only joins
them, reads the clock once, and counts. It knows no sockets and no Redis.
"""

from collections.abc import Callable
from typing import cast

from ocs.abmf.encoding import decode_context, encode_context
from ocs.abmf.ledger import Ledger, LedgerError, OutcomeUnknown
from ocs.abmf.subscribers import IdentityConflict, Subscribers
from ocs.charging.context import identities, new_context
from ocs.charging.policy import ChargingPolicy, ServicePolicy
from ocs.charging.result import refuse, unknown_service_context
from ocs.charging.session import answer, plan
from ocs.diameter.credit_control import CCA, CCR
from ocs.metrics import Metrics
from ocs.model import (
    ChargeOutcome,
    ChargePlan,
    ChargeStatus,
    OutcomeStatus,
    RequestType,
    SessionContext,
    Subscriber,
    UtcMillis,
    invariant,
)
from ocs.rating.catalogue import Catalogue

TOO_BUSY = 3004
USER_UNKNOWN = 5030
UNABLE_TO_COMPLY = 5012

#: A plan is made again when the subscriber changed under it. Somebody changing a subscriber faster
#: than three round trips is a fault, not a race.
PLANS_AT_MOST = 3

INITIAL, EVENT = 1, 4


class OCF:
    """Answers credit-control requests for one worker."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        subscribers: Subscribers,
        catalogue: Catalogue,
        policy: ChargingPolicy,
        metrics: Metrics,
        owner: str,
        clock: Callable[[], UtcMillis],
    ) -> None:
        self._ledger = ledger
        self._subscribers = subscribers
        self._catalogue = catalogue
        self._policy = policy
        self._metrics = metrics
        self._owner = owner
        self._clock = clock

    async def handle(self, ccr: CCR, peer: str) -> CCA:
        """The answer to one CCR; `peer` is the identity of the adjacent peer."""
        service = self._policy.service_for(ccr.service_context_id)
        if service is None:
            return unknown_service_context(ccr)
        if ccr.request_type == EVENT:
            return refuse(UNABLE_TO_COMPLY, "event charging is not served")
        try:
            if ccr.request_type == INITIAL:
                return await self._initial(ccr, service, peer)
            return await self._running(ccr, service, peer)
        except LedgerError as error:
            # 3004 promises only that a repeat is safe, which the key of the charge guarantees.
            if isinstance(error, OutcomeUnknown):
                self._metrics.store_unknown("charge")
            return refuse(TOO_BUSY, "the store does not answer")

    async def _initial(self, ccr: CCR, service: ServicePolicy, peer: str) -> CCA:
        now = self._clock()
        names = identities(ccr, self._catalogue.numbering)
        for _ in range(PLANS_AT_MOST):
            # Again when the plan was stale: the name may have another owner by now.
            try:
                subscriber = await self._subscribers.find(names)
            except IdentityConflict:
                return refuse(USER_UNKNOWN, "the identities belong to different accounts")
            if subscriber is None:
                return refuse(USER_UNKNOWN, "no subscriber has any of these identities")
            context = new_context(ccr, service, subscriber, self._catalogue, now)
            encoded = encode_context(context)
            made = self._plan(ccr, context, subscriber, service, peer, encoded)
            outcome = await self._ledger.charge(made)
            if outcome.status is not OutcomeStatus.STALE:
                # A repeat may come by another worker and after a change of tariff: the session keeps
                # the context of its first request, which is in the store.
                if outcome.status is OutcomeStatus.CHARGED and not outcome.is_replayed:
                    self._subscribers.remember_session(
                        ccr.session_id, subscriber.partition, subscriber.account_id, encoded
                    )
                return self._answer(ccr, service, made, outcome)
            self._fresh(outcome)
        return refuse(TOO_BUSY, "the subscriber is changing")

    async def _running(self, ccr: CCR, service: ServicePolicy, peer: str) -> CCA:
        """An UPDATE or TERMINATION: the session says who pays, with or without Subscription-Id."""
        context, subscriber = None, None
        record = await self._subscribers.session(ccr.session_id)
        if record is not None:
            context = decode_context(record.context)
            subscriber = await self._subscribers.get(record.partition, record.account_id)
        for _ in range(PLANS_AT_MOST):
            made = self._plan(ccr, context, subscriber, service, peer, b"")
            outcome = await self._ledger.charge(made)
            if outcome.status is not OutcomeStatus.STALE:
                return self._answer(ccr, service, made, outcome)
            subscriber = self._fresh(outcome)
        return refuse(TOO_BUSY, "the subscriber is changing")

    def _plan(
        self,
        ccr: CCR,
        context: SessionContext | None,
        subscriber: Subscriber | None,
        service: ServicePolicy,
        peer: str,
        encoded: bytes,
    ) -> ChargePlan:
        partition = (
            self._subscribers.orphan_partition(ccr.session_id)
            if context is None
            else context.partition
        )
        return plan(
            ccr,
            context=context,
            subscriber=subscriber,
            catalogue=self._catalogue,
            policy=service,
            partition=partition,
            owner=self._owner,
            peer=peer,
            context_bytes=encoded,
        )

    def _fresh(self, outcome: ChargeOutcome) -> Subscriber:
        invariant(outcome.subscriber is not None, "a stale outcome carries the fresh snapshot")
        if outcome.subscriber is not None:
            self._subscribers.remember(outcome.subscriber)
        return cast(Subscriber, outcome.subscriber)

    def _answer(
        self, ccr: CCR, service: ServicePolicy, made: ChargePlan, outcome: ChargeOutcome
    ) -> CCA:
        self._count(service, made, outcome)
        return answer(ccr, outcome, service, self._catalogue.currency)

    def _count(self, service: ServicePolicy, made: ChargePlan, outcome: ChargeOutcome) -> None:
        metrics = self._metrics
        if outcome.is_replayed:
            metrics.replay(made.type.value)
            return
        status = outcome.status
        if status is OutcomeStatus.MISMATCH:
            metrics.mismatch()
            return
        if status is OutcomeStatus.UNKNOWN:
            if any(charge.used for charge in made.charges):
                metrics.orphan_usage()
            return
        if status in (OutcomeStatus.EXISTS, OutcomeStatus.UNRATED):
            return  # nothing moved
        for charge in made.charges:
            if charge.used:
                metrics.used(service.unit, charge.used)
        for result in outcome.results:
            if result.status is ChargeStatus.GRANTED:
                metrics.granted(service.unit, result.granted)
                if result.is_final:
                    metrics.final_unit("terminate")
        metrics.debited(outcome.spent)
        metrics.written_off(outcome.written_off)
        metrics.reserved(outcome.reserved)
        if not outcome.was_open:
            return  # late usage, the T after a refusal
        if made.type is RequestType.INITIAL and status is OutcomeStatus.CHARGED:
            metrics.session_opened(service.name)
        elif made.type is not RequestType.INITIAL and status is OutcomeStatus.CLOSED:
            metrics.session_closed(service.name, "terminated")
        elif made.type is not RequestType.INITIAL and status is OutcomeStatus.REFUSED:
            metrics.session_closed(service.name, "quota")
