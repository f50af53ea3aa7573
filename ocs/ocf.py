"""The path of one CCR: subscriber and context, plan, one ledger call, answer (TS 32.296, OCF).

A straight line: `charging` decides what to ask, the ledger decides what is there. This file only joins
them, reads the clock once, and counts. It knows no sockets and no Redis.
"""

from collections.abc import Callable, Sequence
from typing import cast

from ocs.abmf.encoding import encode_context, refund_token
from ocs.abmf.ledger import Ledger, LedgerError, OutcomeUnknown
from ocs.abmf.subscribers import Cache, IdentityConflict, Subscribers
from ocs.books import Balance
from ocs.charging import event, grants, questions, session
from ocs.charging.charges import CLIENT_RATED
from ocs.charging.context import (
    Groups,
    collect_number,
    identities,
    is_free,
    new_context,
    other_parties,
    rating_time,
)
from ocs.charging.memory import Memory
from ocs.charging.money import refused_money
from ocs.charging.policy import ChargingPolicy, ServicePolicy
from ocs.charging.result import refuse, unknown_service_context
from ocs.diameter.credit_control import (
    CCA,
    CCR,
    EVENT_REQUEST,
    INITIAL_REQUEST,
    TERMINATION_REQUEST,
)
from ocs.metrics import Metrics
from ocs.model import (
    ChargeOutcome,
    ChargePlan,
    ChargeStatus,
    Identity,
    IdentityKind,
    OutcomeStatus,
    RequestType,
    Subscriber,
    SubscriberState,
    UnitKind,
    UtcMillis,
    invariant,
)
from ocs.rating.catalogue import Catalogue
from ocs.rating.versions import Catalogues

TOO_BUSY = 3004
USER_UNKNOWN = 5030
END_USER_SERVICE_DENIED = 4010

#: A plan is made again when the subscriber changed under it. Somebody changing a subscriber faster
#: than three round trips is a fault, not a race.
PLANS_AT_MOST = 3

#: Service-Context-Ids whose service is known; clients write the same few in their own ways.
CONTEXTS_AT_MOST = 1000

#: After these nothing more is expected of a session.
ENDED = (OutcomeStatus.CLOSED, OutcomeStatus.REFUSED, OutcomeStatus.LATE)

#: Calls to numbers free of control whose end a worker can still recognise; such calls are few.
FREE_AT_MOST = 10_000
REFUND = (EVENT_REQUEST, event.REFUND_ACCOUNT)
QUESTIONS = (event.CHECK_BALANCE, event.PRICE_ENQUIRY)
FINAL_UNIT_ACTIONS = ("terminate", "redirect", "restrict")


class OCF:
    """Answers credit-control requests for one worker."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        subscribers: Subscribers,
        catalogues: Catalogues,
        policy: ChargingPolicy,
        metrics: Metrics,
        owner: str,
        clock: Callable[[], UtcMillis],
        reauthorise: Callable[[Sequence[bytes]], None] = lambda _: None,
        activate: Callable[[Subscriber], None] = lambda _: None,
    ) -> None:
        """`reauthorise` is given the Session-Ids that should ask again because of somebody's request,
        `activate` whoever was served for the first time; neither may wait."""
        self._ledger = ledger
        self._subscribers = subscribers
        self._catalogues = catalogues
        self._policy = policy
        self._metrics = metrics
        self._owner = owner
        self._clock = clock
        self._reauthorise = reauthorise
        self._activate = activate
        self._services: dict[str, ServicePolicy] = {}
        self._free: Cache[bytes, bool] = Cache(FREE_AT_MOST)
        self._memories: Cache[bytes, Memory] = Cache()

    async def handle(self, ccr: CCR, peer: str) -> CCA:
        """The answer to one CCR; `peer` is the identity of the adjacent peer."""
        service = self._services.get(ccr.service_context_id)
        if service is None:
            service = self._policy.service_for(ccr.service_context_id)
            if service is None:
                return unknown_service_context(ccr)
            if len(self._services) >= CONTEXTS_AT_MOST:
                self._services.clear()
            self._services[ccr.service_context_id] = service
        now = self._clock()
        catalogue = self._catalogues.at(now)
        if service.unit is not UnitKind.OCTETS and self._opened_free(ccr, service, catalogue):
            return self._free_answer(ccr, service, catalogue)
        refused = refused_money(ccr, catalogue.currency)
        if refused is not None:
            return refused
        try:
            if (ccr.request_type, ccr.requested_action) == REFUND:
                return await self._refund(ccr, service, catalogue)
            if ccr.request_type in (INITIAL_REQUEST, EVENT_REQUEST):
                return await self._initial(ccr, service, peer, catalogue, now)
            return await self._running(ccr, service, peer, catalogue, now)
        except LedgerError as error:
            if self._names_free(ccr, service, catalogue):
                return self._free_answer(ccr, service, catalogue)
            # 3004 promises only that a repeat is safe, which the key of the charge guarantees.
            if isinstance(error, OutcomeUnknown):
                self._metrics.store_unknown(str(error))
            return refuse(TOO_BUSY, "the store does not answer")

    # --- numbers free of control: no subscriber, no ledger -------------------------------------------

    def _opened_free(self, ccr: CCR, service: ServicePolicy, catalogue: Catalogue) -> bool:
        """A first request is free by whom it calls, a later one where the session is: a paid call does
        not become free by what a later request says."""
        if ccr.request_type in (INITIAL_REQUEST, EVENT_REQUEST):
            return self._names_free(ccr, service, catalogue)
        return self._free.get(ccr.session_id) is not None

    def _names_free(self, ccr: CCR, service: ServicePolicy, catalogue: Catalogue) -> bool:
        # Data calls nobody, whatever else its request says.
        is_call = service.unit is not UnitKind.OCTETS
        if not is_call or (ccr.request_type, ccr.requested_action) == REFUND:
            return False
        return is_free(ccr, catalogue.numbering, catalogue.is_free)

    def _free_answer(self, ccr: CCR, service: ServicePolicy, catalogue: Catalogue) -> CCA:
        if ccr.request_type == EVENT_REQUEST:
            return event.free_answer(ccr, service, catalogue.currency)
        if ccr.request_type == TERMINATION_REQUEST:
            self._free.drop(ccr.session_id)
        else:
            self._free.put(ccr.session_id, True)
        outcome = session.free_outcome(ccr, service)
        return session.answer(ccr, outcome, service, catalogue.currency)

    # --- requests that name who is served ------------------------------------------------------------

    async def _initial(
        self, ccr: CCR, service: ServicePolicy, peer: str, catalogue: Catalogue, now: UtcMillis
    ) -> CCA:
        """The first request of a session, or an event."""
        for _ in range(PLANS_AT_MOST):
            # Again when the plan was stale: the name may have another owner by now.
            subscriber = await self._payer(ccr, service, catalogue)
            if isinstance(subscriber, CCA):
                return subscriber
            groups = await self._groups(ccr, service, catalogue, subscriber)
            if ccr.requested_action in QUESTIONS and ccr.request_type == EVENT_REQUEST:
                return await self._question(ccr, service, subscriber, catalogue, groups, now)
            context = new_context(ccr, service, subscriber, catalogue, now, groups)
            memory = Memory(context)
            if ccr.request_type == INITIAL_REQUEST:
                encoded = encode_context(context)
                made = self._plan(ccr, memory, subscriber, service, peer, now, encoded)
            else:
                made = event.plan(
                    ccr,
                    around=event.around_of(context, subscriber, self._catalogues),
                    policy=service,
                    numbering=catalogue.numbering,
                    groups=groups,
                    owner=self._owner,
                    peer=peer,
                )
            outcome = await self._ledger.charge(made)
            if outcome.status is OutcomeStatus.STALE:
                self._fresh(outcome)
                continue
            self._count(service, made, outcome)
            is_served = outcome.status in (OutcomeStatus.CHARGED, OutcomeStatus.DEBITED)
            if is_served and subscriber.state is SubscriberState.PREACTIVE:
                self._activate(subscriber)
            if ccr.request_type == EVENT_REQUEST:
                token = refund_token(made.partition, made.account_id, ccr.session_id, made.number)
                return event.answer(ccr, outcome, service, catalogue.currency, token)
            # A repeat may come by another worker and after a change of tariff: the session keeps
            # the context of its first request, which is in the store.
            if outcome.status is OutcomeStatus.CHARGED and not outcome.is_replayed:
                self._memories.put(ccr.session_id, memory)
                self._remember_answer(memory, made, outcome)
            return session.answer(ccr, outcome, service, catalogue.currency)
        return refuse(TOO_BUSY, "the subscriber is changing")

    async def _payer(
        self, ccr: CCR, service: ServicePolicy, catalogue: Catalogue
    ) -> Subscriber | CCA:
        """Who pays: whom the request names, or the called party of a collect call."""
        called = collect_number(ccr, service, catalogue.numbering)
        names = identities(ccr, catalogue.numbering)
        try:
            found = await self._subscribers.find((number(called),) if called else names)
        except IdentityConflict:
            return refuse(USER_UNKNOWN, "the identities belong to different accounts")
        if found is not None:
            return found
        if called:
            return refuse(END_USER_SERVICE_DENIED, "the called party cannot pay here")
        return refuse(USER_UNKNOWN, "no subscriber has any of these identities")

    async def _groups(
        self, ccr: CCR, service: ServicePolicy, catalogue: Catalogue, subscriber: Subscriber
    ) -> Groups:
        """The closed user groups of the other parties; nobody is asked about whom none can matter."""
        if not subscriber.groups:
            return {}
        found = {}
        for one in other_parties(ccr, service, catalogue.numbering):
            other = await self._subscribers.find((number(one),))
            if other is not None:
                found[one] = other.groups
        return found

    async def _question(
        self,
        ccr: CCR,
        service: ServicePolicy,
        cached: Subscriber,
        catalogue: Catalogue,
        groups: Groups,
        now: UtcMillis,
    ) -> CCA:
        """A balance check or price enquiry: nothing moves, so nobody else would notice an old snapshot."""
        subscriber = await self._subscribers.refresh(cached)
        context = new_context(ccr, service, subscriber, catalogue, now, groups)
        around = event.around_of(context, subscriber, self._catalogues)
        is_enquiry = ccr.requested_action == event.PRICE_ENQUIRY
        if around.is_denied and not is_enquiry:
            return refuse(END_USER_SERVICE_DENIED, "the subscriber may not use this service")
        found = event.lines(ccr, around, service, catalogue.numbering, groups)
        stored, at = None, context.started
        if not is_enquiry or questions.counts_units(found):
            stored = await self._ledger.balance(subscriber.account_id, subscriber.partition)
        balance = stored or Balance()
        if is_enquiry:
            currency = catalogue.currency
            return questions.price_enquiry(ccr, found, service, currency, balance, at)
        return questions.check_balance(ccr, found, service, balance, at)

    async def _running(
        self, ccr: CCR, service: ServicePolicy, peer: str, catalogue: Catalogue, now: UtcMillis
    ) -> CCA:
        """An UPDATE or TERMINATION: the session says who pays, with or without Subscription-Id."""
        memory, subscriber = self._memories.get(ccr.session_id), None
        if memory is None:
            context = await self._subscribers.session(ccr.session_id)
            if context is not None:
                memory = Memory(context)
                self._memories.put(ccr.session_id, memory)
            elif self._names_free(ccr, service, catalogue):
                return self._free_answer(ccr, service, catalogue)  # opened by another worker
        if memory is not None:
            context = memory.context
            subscriber = await self._subscribers.get(context.partition, context.subscriber_id)
        for _ in range(PLANS_AT_MOST):
            made = self._plan(ccr, memory, subscriber, service, peer, now)
            outcome = await self._ledger.charge(made)
            if outcome.status is not OutcomeStatus.STALE:
                if outcome.status in ENDED:
                    self._memories.drop(ccr.session_id)
                elif memory is not None and not outcome.is_replayed:
                    self._remember_answer(memory, made, outcome)
                self._count(service, made, outcome)
                return session.answer(ccr, outcome, service, catalogue.currency)
            subscriber = self._fresh(outcome)
        return refuse(TOO_BUSY, "the subscriber is changing")

    async def _refund(self, ccr: CCR, service: ServicePolicy, catalogue: Catalogue) -> CCA:
        """What is given back says who gets it."""
        asked = event.refund(ccr)
        if isinstance(asked, CCA):
            return asked
        outcome = await self._ledger.refund(asked)
        if outcome.is_replayed:
            self._metrics.replay(RequestType.EVENT.value)
        return event.refund_answer(ccr, outcome, service, catalogue.currency)

    def _plan(
        self,
        ccr: CCR,
        memory: Memory | None,
        subscriber: Subscriber | None,
        service: ServicePolicy,
        peer: str,
        now: UtcMillis,
        encoded: bytes = b"",
    ) -> ChargePlan:
        partition = (
            self._subscribers.orphan_partition(ccr.session_id)
            if memory is None
            else memory.context.partition
        )
        return session.plan(
            ccr,
            memory=memory,
            subscriber=subscriber,
            catalogues=self._catalogues,
            policy=service,
            partition=partition,
            at=rating_time(ccr, now),
            owner=self._owner,
            peer=peer,
            context_bytes=encoded,
        )

    def _remember_answer(self, memory: Memory, made: ChargePlan, outcome: ChargeOutcome) -> None:
        """When a service was answered tells on which side of a change its next report was used; at which
        pace, how large its next grant should be."""
        paces = grants.learned(made, outcome) if made.paces else {}
        memory.learn(session.changing(made), made.at, paces)

    def _fresh(self, outcome: ChargeOutcome) -> Subscriber:
        invariant(outcome.subscriber is not None, "a stale outcome carries the fresh snapshot")
        if outcome.subscriber is not None:
            self._subscribers.remember(outcome.subscriber)
        return cast(Subscriber, outcome.subscriber)

    def _count(self, service: ServicePolicy, made: ChargePlan, outcome: ChargeOutcome) -> None:
        metrics = self._metrics
        if outcome.waiting:
            self._reauthorise(outcome.waiting)
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
        if status in (OutcomeStatus.EXISTS, OutcomeStatus.FOREIGN, OutcomeStatus.UNRATED):
            return  # nothing moved
        for charge in made.charges:
            if charge.used:
                metrics.used(unit_of(charge.key, service), charge.used)
        for result in outcome.results:
            unit = unit_of(result.key, service)
            if status is OutcomeStatus.DEBITED:
                metrics.used(unit, result.granted)
            elif result.status is ChargeStatus.GRANTED:
                metrics.granted(unit, result.granted)
                if result.is_final:
                    metrics.final_unit(FINAL_UNIT_ACTIONS[service.final_unit.action])
        if outcome.clamped:
            metrics.clamped(service.unit, outcome.clamped)
        if outcome.spent:
            metrics.debited(outcome.spent)
        if outcome.written_off:
            metrics.written_off(outcome.written_off)
        if outcome.reserved:
            metrics.reserved(outcome.reserved)
        if not outcome.was_open:
            return  # late usage, the T after a refusal
        if made.type is RequestType.INITIAL and status is OutcomeStatus.CHARGED:
            metrics.session_opened(service.name)
        elif made.type is not RequestType.INITIAL and status is OutcomeStatus.CLOSED:
            metrics.session_closed(service.name, "terminated")
        elif made.type is not RequestType.INITIAL and status is OutcomeStatus.REFUSED:
            metrics.session_closed(service.name, "quota")


def number(digits: str) -> Identity:
    """A subscriber's number as an identity."""
    return Identity(IdentityKind.E164, digits)


def unit_of(key: str, service: ServicePolicy) -> UnitKind:
    """What the units of a charge are."""
    return UnitKind.MONEY if key.endswith(CLIENT_RATED) else service.unit
