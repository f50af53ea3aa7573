"""Usage of a worked case: as one session or event, or cut into pieces that a client may choose."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ocs.charging.charges import charge_of
from ocs.charging.context import FEE, facts, is_barred
from ocs.charging.session import sources_of
from ocs.model import (
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    RatingAttributes,
    Refusal,
    RequestType,
    SessionContext,
    Subscriber,
    UnitKind,
    UtcMillis,
)
from ocs.rating.offer import SLOW, Offer
from ocs.rating.price import cost
from ocs.rating.read import SERVICE_UNITS
from ocs.rating.versions import Catalogues
from ocs.rating.ways import offers
from tests.worked.cases import Event, catalogue
from tests.worked.stage import PARTITION, Stage

#: More than any call of the cases lasts.
ENDLESS = 10_000
#: Pieces of one session: the last ones take what there is.
PIECES_AT_MOST = 6
OWN_NUMBER = "77010000001"

#: How many of so many units come next: at least one.
Cut = Callable[[int], int]


def whole(units: int) -> int:
    """In one piece."""
    return units


@dataclass
class Used:
    """What became of usage."""

    units: int = 0
    cost: int = 0  # micros
    slow: int = 0
    is_refused: bool = False
    booked: list[int] = field(default_factory=list)  # after each report


class Usage:
    """One event of a case that uses a service."""

    def __init__(self, stage: Stage, event: Event, number: int, cut: Cut) -> None:
        self._stage = stage
        self._event = event
        self._name = f"{stage.account};{number}"
        self._cut = cut
        self._catalogues = Catalogues((catalogue(stage.stem),))
        self._number = 0
        self._used = Used()
        self._context = self._begun()

    @property
    def _subscriber(self) -> Subscriber:
        return self._stage.members[self._event.get("by", "")]

    @property
    def _now(self) -> UtcMillis:
        return self._stage.clock.now

    @property
    def _kind(self) -> UnitKind:
        return SERVICE_UNITS[self._event["service"]]

    def _begun(self) -> SessionContext:
        event, subscriber = self._event, self._subscriber
        is_incoming = event.get("incoming", False)
        said = RatingAttributes(
            event["service"],
            OWN_NUMBER,
            event.get("called", ""),
            not is_incoming,
            event.get("apn", ""),
            event.get("visited", ""),
        )
        held = facts(subscriber, said, {}, self._now) | frozenset(event.get("facts", []))
        return SessionContext(
            subscriber.account_id,
            PARTITION,
            event["service"],
            subscriber.tariff,
            self._now,
            FEE in held,
            replace(said, facts=held),
            catalogue(self._stage.stem).version,
            member=subscriber.member,
        )

    async def play(self) -> Used:
        """Use it to its end."""
        attributes = self._context.attributes
        if attributes.is_originating and catalogue(self._stage.stem).is_free(attributes.called):
            return self._used  # nobody is asked
        if self._kind is UnitKind.EVENTS:
            await self._messages()
        else:
            await self._session()
        return self._used

    def cost(self) -> int:
        """What it costs, whoever pays for it and when."""
        offer = self._offer(0, self._event["units"])
        assert offer is not None
        return cost(offer.price, self._event["units"])

    # --- messages ----------------------------------------------------------------------------------

    async def _messages(self) -> None:
        """Each piece an event of its own, whole or not at all."""
        left = self._event["units"]
        while left:
            piece = self._cut(left)
            outcome, result = await self._ask(RequestType.EVENT, None, piece)
            if result.status is not ChargeStatus.GRANTED:
                self._used.is_refused = True
                return
            self._used.units += piece
            self._used.cost += outcome.total_cost
            left -= piece

    # --- sessions ------------------------------------------------------------------------------------

    async def _session(self) -> None:
        """Quota by quota, until all is used or no more is granted."""
        event = self._event
        left = event.get("units", ENDLESS)
        pieces = list(event.get("reports", []))
        wish = pieces[0] if pieces else self._cut(left or ENDLESS)
        outcome, result = await self._ask(RequestType.INITIAL, None, wish)
        self._used.is_refused = result.status is not ChargeStatus.GRANTED
        while result.status is ChargeStatus.GRANTED and left:
            used = min(result.granted, left)
            used = min(used, pieces.pop(0)) if pieces else min(self._piece(used), used)
            self._count(result, used)
            left -= used
            if not left:
                outcome, _ = await self._ask(RequestType.TERMINATION, used, None)
                self._book(outcome)
                return
            wish = pieces[0] if pieces else self._piece(left)
            outcome, result = await self._ask(RequestType.UPDATE, used, wish)
            self._book(outcome)
        outcome, _ = await self._ask(RequestType.TERMINATION, 0, None)
        self._used.cost = outcome.total_cost

    def _piece(self, units: int) -> int:
        return self._cut(units) if self._number < PIECES_AT_MOST else units

    def _count(self, result: ChargeResult, used: int) -> None:
        self._used.units += used
        if result.way.startswith(SLOW):
            self._used.slow += used
        if self._kind is UnitKind.SECONDS:
            self._stage.clock.now = UtcMillis(self._now + used * 1000)

    def _book(self, outcome: ChargeOutcome) -> None:
        self._used.cost = outcome.total_cost
        self._used.booked.append(outcome.total_cost)

    # --- requests ---------------------------------------------------------------------------------------

    def _offer(self, used: int, wish: int) -> Offer | None:
        first = self._now
        if self._kind is UnitKind.SECONDS:
            first = UtcMillis(max(self._context.started, self._now - used * 1000))
        found = offers(
            self._catalogues,
            self._subscriber,
            self._context,
            None,
            (),
            at=self._now,
            first=first,
            last=UtcMillis(self._now + min(wish, ENDLESS) * 1000),
        )
        return found[0] if found else None

    async def _ask(
        self, kind: RequestType, used: int | None, wish: int | None
    ) -> tuple[ChargeOutcome, ChargeResult]:
        offer = self._offer(used or 0, wish or 0)
        refusal = Refusal.NONE
        if offer is None:
            refusal = Refusal.RATING_FAILED
        elif is_barred(self._subscriber, self._context):
            refusal = Refusal.DENIED
        if offer is None:
            charge = Charge("1", used, wish, refusal=refusal)
        else:
            charge = charge_of("1", offer, used, wish, refusal=refusal)
        outcome = await self._stage.books.charge(self._plan(kind, charge, offer))
        self._number += 1
        # What has no price at all is not opened.
        result = next(iter(outcome.results), ChargeResult("1", ChargeStatus.RATING_FAILED))
        return outcome, result

    def _plan(self, kind: RequestType, charge: Charge, offer: Offer | None) -> ChargePlan:
        subscriber = self._subscriber
        # Messages in pieces are events of their own.
        name = f"{self._name};{self._number}" if kind is RequestType.EVENT else self._name
        return ChargePlan(
            type=kind,
            number=str(self._number),
            content=f"{self._number:016x}",
            session_id=name.encode(),
            partition=PARTITION,
            account_id=subscriber.account_id,
            subscriber_id=subscriber.subscriber_id,
            version=subscriber.version,
            context=b"",
            charges=(charge,),
            sources=sources_of([offer] if offer else [], subscriber),
            reply="",
            is_refused_whole=True,
            supervision_seconds=100_000,
            actor="client.example",
            realm="example",
            peer="client.example",
            owner="w0",
            at=self._now,
        )
