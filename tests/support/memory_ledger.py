"""The ledger in plain Python: the oracle that the store's functions are compared with.

Written from the rules, with fractions instead of integer tricks, and one account-wide dictionary instead
of keys. No product code selects it.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from ocs.model import (
    Balance,
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    OutcomeStatus,
    Posting,
    PostOutcome,
    PostStatus,
    Refusal,
    RequestType,
    RoundingMode,
    Subscriber,
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


@dataclass
class Session:
    """A session with its stored answers."""

    account: str
    state: str = "open"
    deadline: int = 0
    is_cut: bool = False
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


class MemoryLedger:
    """charge, post, expire and put, as ocs.abmf.ledger promises them."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.subscribers: dict[str, Subscriber] = {}
        self.sessions: dict[bytes, Session] = {}
        self.posted: dict[tuple[str, str], object] = {}
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

    def expire(self, session_id: bytes, reason: str) -> bool:
        """Close a session, or mark it."""
        session = self.sessions.get(session_id)
        if session is None or session.state != "open":
            return False
        if reason == "cut":
            session.is_cut = True
            return True
        if reason == "supervision" and session.deadline > self.now:
            return False
        self._release(session)
        session.state = "expired"
        return True

    def _release(self, session: Session) -> None:
        account = self.accounts[session.account]
        for service in session.services.values():
            if service.held:
                account.reserved -= service.held
                account.moves += 1
                service.held = 0

    def charge(self, plan: ChargePlan) -> ChargeOutcome:
        """One CCR."""
        name = plan.type.value + plan.number
        session = self.sessions.get(plan.session_id)
        if session is not None and name in session.answers:
            content, outcome = session.answers[name]
            return outcome if content == plan.content else ChargeOutcome(OutcomeStatus.MISMATCH)
        is_initial = plan.type is RequestType.INITIAL
        is_known = session is not None and session.state != "orphan"
        if is_initial and is_known:
            return ChargeOutcome(OutcomeStatus.EXISTS)
        if not is_initial and not is_known:
            session = self.sessions.setdefault(plan.session_id, Session("", "orphan"))
            results = tuple(ChargeResult(c.key, ChargeStatus.SETTLED) for c in plan.charges)
            outcome = ChargeOutcome(OutcomeStatus.UNKNOWN, results)
            session.answers[name] = (plan.content, outcome)
            return outcome
        fresh = self.subscribers[plan.account_id]
        if fresh.version != plan.version:
            return ChargeOutcome(OutcomeStatus.STALE, subscriber=fresh)
        if (
            is_initial
            and plan.charges
            and all(c.refusal is Refusal.RATING_FAILED for c in plan.charges)
        ):
            return ChargeOutcome(OutcomeStatus.UNRATED)
        if session is None or session.state == "orphan":
            answers = session.answers if session is not None else {}
            session = Session(plan.account_id, answers=answers)
            self.sessions[plan.session_id] = session
        outcome = self._apply(plan, session)
        session.answers[name] = (plan.content, outcome)
        return outcome

    def _apply(self, plan: ChargePlan, session: Session) -> ChargeOutcome:
        account = self.accounts[plan.account_id]
        services = [session.services.setdefault(c.key, Service()) for c in plan.charges]
        is_open = session.state == "open"
        # Settle: from the service's own reservation first, then from what is free.
        pairs = list(zip(plan.charges, services, strict=True))
        free, owed, paid = account.available, [], []
        for charge, service in pairs:
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
        for charge, service in pairs:
            status, quantity, hold = ChargeStatus.SETTLED, 0, 0
            if charge.refusal is Refusal.RATING_FAILED:
                status = ChargeStatus.RATING_FAILED
            if may_grant and charge.requested is not None:
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
            if ended is not OutcomeStatus.CHARGED:
                self._release(session)
                session.state = ended.value
        total = sum(service.booked for service in session.services.values())
        return ChargeOutcome(ended, tuple(final), total_cost=total)
