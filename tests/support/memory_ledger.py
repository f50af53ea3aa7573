"""The ledger in plain Python: the oracle that the store's functions are compared with.

Written from the rules, with fractions instead of integer tricks, and one account-wide dictionary instead
of keys. No product code selects it.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

from ocs.abmf.encoding import refund_token
from ocs.abmf.ledger import ExpireOutcome
from ocs.books import Balance, Posting, PostOutcome, PostStatus, Refund, RefundOutcome, RefundStatus
from ocs.charging.charges import base_of
from ocs.model import (
    AccountId,
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    OutcomeStatus,
    Partition,
    Refusal,
    RequestType,
    RoundingMode,
    Subscriber,
    UnitKind,
)


@dataclass
class Account:
    """Amounts in micros."""

    credited: int = 0
    reserved: int = 0
    spent: int = 0
    written_off: int = 0
    moves: int = 0

    @property
    def available(self) -> int:
        return self.credited - self.spent - self.written_off - self.reserved


@dataclass
class Service:
    """One service key of a session."""

    used: int = 0
    booked: int = 0
    held: int = 0
    lost: int = 0  # of what is booked: paid by nobody
    last_grant: int = 0
    largest_grant: int | None = None
    newest: int = -1  # highest CC-Request-Number seen
    had_price: bool = False
    waits: bool = False


@dataclass
class Session:
    """A session with its stored answers."""

    account: str
    state: str = "open"
    host: str = ""
    realm: str = ""
    deadline: int = 0
    is_cut: bool = False
    overdue: int | None = None
    first_grant: int | None = None
    refunded: dict[str, int] = field(default_factory=dict)  # by event, "" for a whole session
    events: dict[str, list[Service]] = field(default_factory=dict)  # what each event paid
    services: dict[str, Service] = field(default_factory=dict)
    answers: dict[str, tuple[str, ChargeOutcome]] = field(default_factory=dict)


def exact(charge: Charge, units: int) -> Fraction:
    """The cost of the first `units`, in micros."""
    total = Fraction(0)
    for leg in charge.legs:
        stop = units if leg is charge.legs[-1] else min(units, leg.end)
        if stop > leg.start:
            steps = ceil(Fraction(stop - leg.start, leg.step))
            total += leg.entry_micros + steps * Fraction(leg.price, charge.denominator)
    return total


def rounded(charge: Charge, units: int) -> int:
    """The cost in whole quanta."""
    quantum = charge.rounding.quantum
    quanta = exact(charge, units) / quantum
    if charge.rounding.mode is RoundingMode.UP:
        return ceil(quanta) * quantum
    return floor(quanta + Fraction(1, 2)) * quantum


def can_pay(charge: Charge, used: int, stop: int, money: int) -> bool:
    """Whether `money`, for the whole event, carries it from `used` to `stop`."""
    if stop > charge.legs[-1].end or rounded(charge, stop) > money:
        return False
    return money >= charge.rounding.quantum or exact(charge, stop) == exact(charge, used)


def largest(charge: Charge, used: int, wanted: int, money: int) -> int:
    """The largest quantity that can be paid, by trying."""
    quantity = 0
    while quantity < wanted and can_pay(charge, used, used + quantity + 1, money):
        quantity += 1
    return quantity


def swapped(charges: tuple[Charge, ...], index: int, charge: Charge) -> tuple[Charge, ...]:
    """The charges with another in this place."""
    return (*charges[:index], charge, *charges[index + 1 :])


def number_of(plan: ChargePlan) -> int:
    """CC-Request-Number, without its sub-session."""
    return int(plan.number.partition(":")[0])


def believed(
    charge: Charge, service: Service, first_grant: int | None, now: int, balance: int
) -> int:
    """Of what is reported, the units that a client can have used."""
    used = charge.used or 0
    if charge.unit is UnitKind.SECONDS and first_grant is not None:
        used = min(used, max((now - first_grant) // 1000 + 60 - service.used, 0))
    if charge.unit is UnitKind.OCTETS and service.largest_grant is not None:
        used = min(used, 4 * service.largest_grant)
    money = service.booked + balance + 10**12
    if not charge.legs or rounded(charge, service.used + used) <= money:
        return used
    return max(
        bisect_right(range(used), money, key=lambda n: rounded(charge, service.used + n)) - 1, 0
    )


def overdue(plan: ChargePlan, results: list[ChargeResult], now: int) -> int | None:
    """When the first service that was told its end should have asked again."""
    graces = plan.final_seconds
    moments = []
    for charge, grace, result in zip(plan.charges, graces, results, strict=bool(graces)):
        service = base_of(charge.key)
        parts = [each.granted for each in results if base_of(each.key) == service]
        is_told = sum(parts) and (result.is_final or result.status is ChargeStatus.NO_CREDIT)
        if grace and is_told:
            lasts = sum(parts) if charge.unit is UnitKind.SECONDS else 0
            moments.append(now + (lasts + grace) * 1000)
    return min(moments, default=None)


class MemoryLedger:
    """charge, refund, post, expire and put, as ocs.abmf.ledger promises them."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.subscribers: dict[str, Subscriber] = {}
        self.sessions: dict[bytes, Session] = {}
        self.posted: dict[tuple[str, str], object] = {}
        self.refunds: dict[tuple[bytes, str], tuple[str, RefundOutcome]] = {}
        self.partition = Partition(1)
        self.now = 1

    def put(self, subscriber: Subscriber) -> None:
        """Store a snapshot as it is."""
        self.subscribers[subscriber.account_id] = subscriber
        self.accounts.setdefault(subscriber.account_id, Account())

    def balance(self, account_id: str) -> Balance:
        """The amounts."""
        each = self.accounts[account_id]
        return Balance(
            each.credited, each.available, each.reserved, each.spent, each.written_off, each.moves
        )

    def post(self, posting: Posting) -> PostOutcome:
        """One movement under its key."""
        name = (posting.account_id, posting.key)
        content = (posting.kind, posting.amount, posting.reason)
        if name in self.posted:
            same = self.posted[name] == content
            return PostOutcome(PostStatus.REPLAYED if same else PostStatus.MISMATCH)
        account = self.accounts[posting.account_id]
        if account.available + posting.amount < 0:
            return PostOutcome(PostStatus.INSUFFICIENT)
        self.posted[name] = content
        account.moves += 1
        if posting.amount >= 0:
            account.credited += posting.amount
        else:
            account.spent -= posting.amount
        return PostOutcome(PostStatus.POSTED)

    def expire(self, session_id: bytes, reason: str) -> ExpireOutcome:
        """Close a session, or mark it."""
        session = self.sessions.get(session_id)
        if session is None or session.state != "open":
            return ExpireOutcome(False)
        if reason == "overdue":
            if session.overdue is None or session.overdue > self.now:
                return ExpireOutcome(False)
            session.overdue = None
        if reason in ("cut", "overdue"):
            session.is_cut = True
            return ExpireOutcome(False, is_marked=True)
        if reason == "supervision" and session.deadline > self.now:
            return ExpireOutcome(False)
        before = self.accounts[session.account].reserved
        self._release(session)
        session.state, session.overdue = "expired", None
        released = before - self.accounts[session.account].reserved
        waiting = self._others(session, waits=released > 0, holds=False)
        return ExpireOutcome(True, waiting, released)

    def refund(self, refund: Refund) -> RefundOutcome:
        """Give back once what an ended session paid."""
        names = {
            refund_token(self.partition, AccountId(each.account), name, event): (each, event)
            for name, each in self.sessions.items()
            for event in ("", *each.events)
            if bool(event) == (each.state == "event")
        }
        session, event = names.get(refund.token, (None, ""))
        if session is None or session.state in ("open", "orphan"):
            return RefundOutcome(RefundStatus.UNKNOWN)
        actor, realm = refund.actor.lower(), session.realm.lower()
        if actor != session.host.lower() and not actor.endswith("." + realm):
            return RefundOutcome(RefundStatus.UNKNOWN)
        name = (refund.session_id, "E" + refund.number)
        if name in self.refunds:
            content, first = self.refunds[name]
            if content != refund.content:
                return RefundOutcome(RefundStatus.MISMATCH)
            return replace(first, amount=0, is_replayed=True)
        own = self.sessions.get(refund.session_id)
        if own is not None and "E" + refund.number in own.answers:
            return RefundOutcome(RefundStatus.MISMATCH)
        parts = session.events[event] if event else list(session.services.values())
        units, amount = sum(p.used for p in parts), sum(p.booked - p.lost for p in parts)
        if not units and not amount:
            return RefundOutcome(RefundStatus.UNKNOWN)
        outcome = RefundOutcome(RefundStatus.REFUNDED, units, amount)
        if event in session.refunded:
            outcome = RefundOutcome(RefundStatus.REPEATED, session.refunded[event])
        else:
            account = self.accounts[session.account]
            account.credited += amount
            account.moves += sum(1 for p in parts if p.used or p.booked > p.lost)
            session.refunded[event] = units
        self.refunds[name] = (refund.content, outcome)
        return outcome

    def _others(self, session: Session, *, waits: bool, holds: bool) -> tuple[bytes, ...]:
        """The other open sessions that wait for money, or that hold some."""
        found = []
        for name, other in self.sessions.items():
            if other is session or other.state != "open" or other.account != session.account:
                continue
            is_waiting = any(each.waits for each in other.services.values())
            is_holding = any(each.held for each in other.services.values())
            if (waits and is_waiting) or (holds and is_holding):
                found.append(name)
        return tuple(found)

    def _release(self, session: Session, keys: set[str] | None = None) -> None:
        account = self.accounts[session.account]
        for key, service in session.services.items():
            if service.held and (keys is None or key in keys):
                account.reserved -= service.held
                account.moves += 1
                service.held = 0

    def charge(self, plan: ChargePlan) -> ChargeOutcome:
        """One CCR."""
        name = plan.type.value + plan.number
        session = self.sessions.get(plan.session_id)
        if session is not None and session.state != "orphan":
            host, realm = (session.host, plan.actor), (session.realm, plan.realm)
            mine, theirs = host if plan.scope == "host" else realm
            if mine.lower() != theirs.lower():
                return ChargeOutcome(OutcomeStatus.FOREIGN)
        if session is not None and name in session.answers:
            content, outcome = session.answers[name]
            if content != plan.content:
                return ChargeOutcome(OutcomeStatus.MISMATCH)
            return replace(outcome, clamped=0, waiting=())
        if (plan.session_id, name) in self.refunds:
            return ChargeOutcome(OutcomeStatus.MISMATCH)
        is_event = plan.type is RequestType.EVENT
        is_first = is_event or plan.type is RequestType.INITIAL
        state = "orphan" if session is None else session.state
        if is_first and state != "orphan" and not (is_event and state == "event"):
            return ChargeOutcome(OutcomeStatus.EXISTS)
        if not is_first and state in ("orphan", "event"):
            session = self.sessions.setdefault(plan.session_id, Session("", "orphan"))
            results = tuple(ChargeResult(c.key, ChargeStatus.SETTLED) for c in plan.charges)
            outcome = ChargeOutcome(OutcomeStatus.UNKNOWN, results)
            session.answers[name] = (plan.content, outcome)
            return outcome
        fresh = self.subscribers[plan.account_id]
        if fresh.version != plan.version:
            return ChargeOutcome(OutcomeStatus.STALE, subscriber=fresh)
        if (
            is_first
            and plan.charges
            and all(c.refusal is Refusal.RATING_FAILED for c in plan.charges)
        ):
            return ChargeOutcome(OutcomeStatus.UNRATED)
        if session is None or session.state == "orphan":
            answers = session.answers if session is not None else {}
            session = Session(plan.account_id, answers=answers)
            session.state, session.realm = "event" if is_event else "open", plan.realm
            self.sessions[plan.session_id] = session
        if is_event:
            session.host, session.realm = plan.actor, plan.realm
        elif session.state == "open":
            session.host = plan.actor
        outcome = self._debit(plan, session) if is_event else self._apply(plan, session)
        session.answers[name] = (plan.content, outcome)
        return outcome

    def _debit(self, plan: ChargePlan, session: Session) -> ChargeOutcome:
        """An event: all of it or nothing."""
        account = self.accounts[plan.account_id]
        asked = [each for each in plan.charges if each.requested is not None]
        free, short = account.available, []
        for charge in asked:
            if not charge.refusal:
                if can_pay(charge, 0, charge.requested or 0, free):
                    free -= rounded(charge, charge.requested or 0)
                else:
                    short.append(charge)
        is_paid = not short and not any(each.refusal for each in asked)
        results = []
        for charge in plan.charges:
            status = ChargeStatus.SETTLED
            if charge.refusal is Refusal.RATING_FAILED:
                status = ChargeStatus.RATING_FAILED
            elif charge in asked and charge.refusal:
                status = ChargeStatus(charge.refusal.value)
            elif charge in asked:
                status = ChargeStatus.GRANTED if is_paid else ChargeStatus.NO_CREDIT
            granted = charge.requested if status is ChargeStatus.GRANTED else 0
            results.append(ChargeResult(charge.key, status, granted or 0))
            if status is ChargeStatus.GRANTED:
                service = session.services.setdefault(charge.key, Service())
                cost = rounded(charge, granted or 0)
                service.used += granted or 0
                service.booked += cost
                account.spent += cost
                account.moves += bool(granted or cost)
                session.events.setdefault(plan.number, []).append(Service(granted or 0, cost))
        total = sum(each.booked for each in session.events.get(plan.number, []))
        return ChargeOutcome(
            OutcomeStatus.DEBITED if is_paid else OutcomeStatus.REFUSED,
            tuple(results),
            total_cost=total,
            waiting=self._others(session, waits=False, holds=bool(short)),
        )

    def _apply(self, plan: ChargePlan, session: Session) -> ChargeOutcome:
        account = self.accounts[plan.account_id]
        services = [session.services.setdefault(c.key, Service()) for c in plan.charges]
        is_open = session.state == "open"
        before, clamped = account.available, 0
        for index, (charge, service) in enumerate(zip(plan.charges, services, strict=True)):
            if charge.used is not None:
                now = max(plan.at or self.now, self.now)
                balance = account.available + account.reserved
                used = believed(charge, service, session.first_grant, now, balance)
                clamped += charge.used - used
                plan = replace(
                    plan, charges=swapped(plan.charges, index, replace(charge, used=used))
                )
        # Settle: from the service's own reservation first, then from what is free.
        pairs = list(zip(plan.charges, services, strict=True))
        if is_open and plan.type is RequestType.TERMINATION:
            named = {each.key for each in plan.charges}
            self._release(session, {key for key in session.services if key not in named})
        late = [
            plan.type is RequestType.UPDATE and number_of(plan) < service.newest
            for service in services
        ]
        free, owed, paid = account.available, [], []
        for charge, service in pairs:
            # A service that never had a price leaves nothing behind.
            service.had_price = service.had_price or bool(charge.legs)
            if service.had_price:
                service.newest = max(service.newest, number_of(plan))
            if charge.legs:
                service.used += charge.used or 0
            due = 0
            if charge.used is not None and charge.legs:
                due = max(rounded(charge, service.used) - service.booked, 0)
            owed.append(due)
            paid.append(min(due, service.held))
            free += service.held - paid[-1]
        for index in range(len(pairs)):
            more = min(owed[index] - paid[index], free)
            paid[index] += more
            free -= more
        results, holds = [], []
        for (_, service), due in zip(pairs, owed, strict=True):
            service.booked += due
        asked = granted = 0
        may_grant = is_open and plan.type is not RequestType.TERMINATION
        for (charge, service), is_late in zip(pairs, late, strict=True):
            status, quantity, hold = ChargeStatus.SETTLED, 0, 0
            if charge.refusal is Refusal.RATING_FAILED:
                status = ChargeStatus.RATING_FAILED
            if may_grant and is_late:
                if service.held:
                    cost = service.held
                    if charge.legs:
                        cost = rounded(charge, service.used + service.last_grant) - service.booked
                    hold = min(max(cost, 0), free)
                    free -= hold
            elif may_grant and charge.requested is not None:
                asked += 1
                if session.is_cut:
                    status = ChargeStatus.DENIED
                elif charge.refusal:
                    status = ChargeStatus(charge.refusal.value)
                else:
                    money = free + service.booked
                    quantity = largest(charge, service.used, charge.requested, money)
                    status = ChargeStatus.GRANTED if quantity else ChargeStatus.NO_CREDIT
            if quantity:
                granted += 1
                hold = max(rounded(charge, service.used + quantity) - service.booked, 0)
                free -= hold
            results.append((charge, service, status, quantity))
            holds.append(hold)
        final = []
        for (charge, service, status, quantity), hold in zip(results, holds, strict=True):
            stop = service.used + quantity
            is_final = quantity > 0 and not can_pay(
                charge, stop, stop + 1, free + hold + service.booked
            )
            final.append(ChargeResult(charge.key, status, quantity, is_final))
        for index, (charge, service) in enumerate(pairs):
            lost = owed[index] - paid[index]
            change = holds[index] - service.held
            account.spent += paid[index]
            account.written_off += lost
            account.credited += lost
            account.reserved += change
            if charge.used or paid[index] or change or lost:
                account.moves += 1
            service.held = holds[index]
            service.lost += lost
        is_short = self._mark(session, results, final, late, min(plan.at or self.now, self.now))
        ended = OutcomeStatus.CHARGED
        if not is_open:
            closes = session.state == "refused" and plan.type is RequestType.TERMINATION
            ended = OutcomeStatus.CLOSED if closes else OutcomeStatus.LATE
            if closes:
                session.state = "closed"
        elif plan.type is RequestType.TERMINATION:
            ended = OutcomeStatus.CLOSED
        elif asked and not granted and (plan.is_refused_whole or session.is_cut):
            ended = OutcomeStatus.REFUSED
        if is_open:
            session.deadline = max(session.deadline, self.now + plan.supervision_seconds * 1000)
            session.overdue = overdue(plan, final, self.now)
            if ended is not OutcomeStatus.CHARGED:
                self._release(session)
                session.state = ended.value
        total = sum(service.booked for service in session.services.values())
        waiting = self._others(session, waits=account.available > before, holds=is_short)
        return ChargeOutcome(
            ended, tuple(final), total_cost=total, clamped=clamped, waiting=waiting
        )

    def _mark(
        self,
        session: Session,
        results: list[tuple[Charge, Service, ChargeStatus, int]],
        final: list[ChargeResult],
        late: list[bool],
        at: int,
    ) -> bool:
        """Who waits for money from now on; whether anybody does who did not before."""
        is_short = False
        rows = zip(results, final, late, strict=True)
        for (charge, service, _, quantity), result, is_late in rows:
            if not is_late:
                service.last_grant = quantity
            if quantity:
                service.largest_grant = max(service.largest_grant or 0, quantity)
                if session.first_grant is None:
                    session.first_grant = at
            if charge.requested is not None and not is_late:
                waits = result.is_final or result.status is ChargeStatus.NO_CREDIT
                is_short = is_short or (waits and not service.waits)
                service.waits = waits
        return is_short
