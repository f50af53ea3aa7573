"""The ledger in plain Python: the oracle that the store's functions are compared with.

Written from the rules, with fractions instead of integer tricks, and plain dictionaries instead of keys.
What is laid on which way it asks ocs.rating.lay, which is compared with a model of its own. No product code
selects it.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

from ocs.abmf.encoding import refund_token
from ocs.abmf.ledger import ExpireOutcome
from ocs.books import (
    Act,
    Balance,
    Held,
    Movement,
    Posting,
    PostOutcome,
    PostStatus,
    Refund,
    RefundOutcome,
    RefundStatus,
)
from ocs.charging.services import base_of
from ocs.model import (
    AMOUNT_LIMIT,
    MAIN_MONEY,
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
    Source,
    Subscriber,
    UnitKind,
    UtcMillis,
    Way,
)
from ocs.rating.lay import Laid, Laying, lay

#: A balance as it is where the period of a counter is another.
NOTHING = Held()
#: More than anything costs or draws.
PLENTY = 2**80


def period_of(source: str) -> tuple[str, str]:
    """The balance of a source and the period it counts in."""
    balance, _, period = source.partition("@")
    return balance, period


@dataclass
class Account:
    """Amounts in micros, and its other balances."""

    name: str
    credited: int = 0
    reserved: int = 0
    spent: int = 0
    written_off: int = 0
    moves: int = 0
    others: dict[str, Held] = field(default_factory=dict)

    @property
    def main(self) -> int:
        return self.credited - self.spent - self.written_off

    @property
    def available(self) -> int:
        return self.main - self.reserved

    def is_present(self, source: str) -> bool:
        """Whether the source counts in the period that is stored."""
        balance, period = period_of(source)
        return source == MAIN_MONEY or self.others.get(balance, NOTHING).period == period

    def held(self, source: str) -> Held:
        """A balance; a counter of another period has nothing."""
        if source == MAIN_MONEY:
            return Held(self.main, self.reserved)
        known = self.others.get(period_of(source)[0], NOTHING)
        return known if self.is_present(source) else NOTHING

    def free(self, sources: tuple[Source, ...]) -> dict[str, int]:
        """What nobody holds of each, down to its floor."""
        found = {MAIN_MONEY: self.available}
        for each in sources:
            held = self.held(each.name)
            found[each.name] = held.amount - held.reserved - each.floor
        return found

    def change(self, source: str, amount: int, reserved: int) -> tuple[int, int] | None:
        """Change another balance; what it was and is, None where its period is over."""
        balance, period = period_of(source)
        known = self.others.get(balance, NOTHING)
        is_nothing = not amount and reserved <= 0
        if period < known.period or not (amount or reserved):
            return None
        if period > known.period:
            if is_nothing:
                return None
            known = Held(0, 0, period)
        after = Held(known.amount + amount, max(known.reserved + reserved, 0), period)
        self.others[balance] = after
        return known.amount, after.amount


@dataclass
class Part:
    """Units on one way of an event, and what they cost by the plan that named the way last."""

    units: int = 0
    cost: Fraction = Fraction(0)
    denominator: int = 1


@dataclass
class Service:
    """One service key of a session."""

    parts: dict[str, Part] = field(default_factory=dict)
    booked: int = 0
    held: dict[str, int] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)  # by the balance that gave it
    lost: int = 0  # of what is booked: paid by nobody
    last_grant: int = 0
    largest_grant: int | None = None
    newest: int = -1  # highest CC-Request-Number seen
    had_price: bool = False
    waits: bool = False

    @property
    def used(self) -> int:
        return sum(each.units for each in self.parts.values())


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


@dataclass
class Turn:
    """One charge of a plan on its way through the ledger."""

    charge: Charge
    service: Service
    is_late: bool
    done: int = 0
    taken: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    hold: dict[str, int] = field(default_factory=dict)
    status: ChargeStatus = ChargeStatus.SETTLED
    ahead: Laying | None = None
    granted: int = 0
    is_final: bool = False

    @property
    def result(self) -> ChargeResult:
        way = self.ahead.stretches[-1].way if self.ahead and self.granted else ""
        return ChargeResult(self.charge.key, self.status, self.granted, self.is_final, way)

    def reserves(self) -> dict[str, int]:
        """How what is held of each balance changes."""
        names = self.service.held.keys() | self.hold.keys()
        return {n: self.hold.get(n, 0) - self.service.held.get(n, 0) for n in sorted(names)}


def exact(charge: Charge, way: Way, units: int) -> Fraction:
    """The cost of the first `units` of a way, in micros."""
    total = Fraction(0)
    for leg in way.legs:
        stop = units if leg is way.legs[-1] else min(units, leg.end)
        if stop > leg.start:
            steps = ceil(Fraction(stop - leg.start, leg.step))
            total += Fraction(leg.entry + steps * leg.price, charge.denominator)
    return total


def rounded(charge: Charge, micros: Fraction) -> int:
    """A cost in whole quanta, within the limits of its price."""
    quantum = charge.rounding.quantum
    quanta = micros / quantum
    money = floor(quanta + Fraction(1, 2)) * quantum
    if charge.rounding.mode is RoundingMode.UP:
        money = ceil(quanta) * quantum
    if micros:
        money = max(money, charge.least)
    return min(money, charge.most) if charge.most else money


def recollect(charge: Charge, service: Service) -> None:
    """The cost of each part by this plan. A way that it does not have keeps its cost, in whole micros
    where the denominator is another."""
    ways = {each.name: each for each in charge.ways}
    for name, part in service.parts.items():
        if name in ways:
            part.cost = exact(charge, ways[name], part.units)
        elif part.denominator != charge.denominator:
            part.cost = Fraction(floor(part.cost))
        part.denominator = charge.denominator


def laid_of(charge: Charge, service: Service) -> Laid:
    """Where the event stands."""
    names = {each.name for each in charge.ways}
    gone = sum(each.cost for name, each in service.parts.items() if name not in names)
    parts = tuple((name, each.units) for name, each in service.parts.items())
    return Laid(parts, service.booked, int(gone * charge.denominator))


def remember(charge: Charge, service: Service, state: Laid) -> None:
    """The event stands there now."""
    for name, units in state.parts:
        # Their order says who cost money last.
        part = service.parts.pop(name, None) or Part()
        part.units = units
        service.parts[name] = part
    service.booked = state.booked
    recollect(charge, service)


def add(amounts: dict[str, int], more: Mapping[str, int]) -> None:
    """Add amounts by name."""
    for name, amount in more.items():
        amounts[name] = amounts.get(name, 0) + amount


def take(free: dict[str, int], taken: Mapping[str, int]) -> None:
    """What is taken is no longer free."""
    add(free, {name: -amount for name, amount in taken.items()})


def tick_of(charge: Charge) -> int:
    """Milliseconds between the moments of two units."""
    return 1000 if charge.unit is UnitKind.SECONDS else 0


def last_way(charge: Charge, moment: int) -> Way:
    """The way of what no way takes."""
    fitting = [w for w in charge.ways if w.begins <= moment and (not w.ends or moment < w.ends)]
    return [*charge.ways[-1:], *fitting][-1]


def overrun(turn: Turn, free: dict[str, int], at: int, room: int) -> None:
    """What is left of a report goes on the last way: balances give what they have, the rest is lost."""
    charge, service = turn.charge, turn.service
    rest = (charge.used or 0) - turn.done
    way = last_way(charge, (charge.used_at or at) - rest * tick_of(charge))
    # The last way alone serves, and everything is there: that tells what is due.
    alone = replace(way, begins=UtcMillis(0), ends=UtcMillis(0), needs=0, sources=("due",))
    shut = tuple(
        alone if each is way else replace(each, begins=UtcMillis(0), ends=UtcMillis(1))
        for each in charge.ways
        if each is way or each.name != way.name
    )
    plenty = {"due": PLENTY, **{draw.source: PLENTY for draw in way.draws}}
    due = lay(
        replace(charge, ways=shut),
        laid_of(charge, service),
        rest,
        plenty,
        at=UtcMillis(at),
        is_grant=False,
    )
    given = {
        name: min(amount, max(free[name], 0)) for name, amount in due.taken.items() if name != "due"
    }
    left = due.taken.get("due", 0)
    for source in way.sources:
        part = min(left, max(free[source], 0))
        add(given, {source: part})
        left -= part
    take(free, given)
    add(turn.taken, {name: amount for name, amount in given.items() if amount})
    turn.lost = min(left, room)
    remember(charge, service, replace(due.state, booked=due.state.booked - left + turn.lost))


def floor_of(plan: ChargePlan) -> int:
    """How far the account's own money may go."""
    return next((each.floor for each in plan.sources if each.name == MAIN_MONEY), 0)


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
    used = min(used, max(2**52 - service.used, 0))
    if not charge.ways:
        return used
    money = service.booked + max(balance, 0) + 10**12
    way = charge.ways[-1]
    parts = {name: each.cost for name, each in service.parts.items() if name != way.name}
    before = service.parts.get(way.name, Part()).units

    def cost(units: int) -> int:
        return rounded(charge, sum(parts.values()) + exact(charge, way, before + units))

    if cost(used) <= money:
        return used
    return max(bisect_right(range(used), money, key=cost) - 1, 0)


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


def act(account: Account, movement: Movement, purse: int) -> int | None:
    """Apply one movement; what is in the purse afterwards, None where too little is there."""
    name, amount = movement.balance, movement.amount
    held = account.held(name)
    available = max(held.amount - held.reserved, 0)
    gain = 0
    match movement.act:
        case Act.CREDIT:
            gain = amount
        case Act.DEBIT:
            if held.amount - held.reserved - amount < -movement.limit:
                return None
            gain = -amount
        case Act.REPAY:
            gain = min(purse, max(-held.amount, 0))
            purse -= gain
        case Act.TAKE:
            gain = -min(amount, available)
            purse -= gain
        case Act.POUR:
            gain, purse = purse, 0
        case Act.KEEP:
            gain = -max(available - amount, 0)
        case Act.BILL:
            gain = min(account.main, 0)
            account.credited -= gain
        case Act.DROP:
            if not held.amount and not held.reserved:
                account.others.pop(name, None)
    if name != MAIN_MONEY:
        account.change(name, gain, 0)
    elif gain > 0:
        account.credited += gain
    else:
        account.spent -= gain
    return purse


class MemoryLedger:
    """charge, refund, post, expire and put, as ocs.abmf.ledger promises them."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.subscribers: dict[str, Subscriber] = {}
        self.agenda: dict[str, int] = {}
        self.outbox: list[tuple[str, ...]] = []
        self.sessions: dict[bytes, Session] = {}
        self.posted: dict[tuple[str, str], object] = {}
        self.refunds: dict[tuple[bytes, str], tuple[str, RefundOutcome]] = {}
        self.partition = Partition(1)
        self.now = 1_700_000_000_000

    def put(self, subscriber: Subscriber) -> None:
        """Store a snapshot as it is, with the version that it has from now on."""
        name = subscriber.subscriber_id
        self.subscribers[name] = subscriber
        self.accounts.setdefault(subscriber.account_id, Account(subscriber.account_id))
        self.agenda.pop(name, None)
        if subscriber.due:
            self.agenda[name] = subscriber.due

    def balance(self, account_id: str) -> Balance:
        """The amounts."""
        each = self.accounts[account_id]
        return Balance(
            each.credited,
            each.available,
            each.reserved,
            each.spent,
            each.written_off,
            each.moves,
            dict(each.others),
        )

    def post(self, posting: Posting) -> PostOutcome:
        """Movements under one key, all or none."""
        name = (posting.account_id, posting.key)
        asked = posting.asked or posting.movements
        content = (posting.kind, posting.purse, asked, posting.reason)
        stored = posting.subscriber
        known = self.subscribers.get(stored.subscriber_id) if stored else None
        if name in self.posted:
            if self.posted[name] != content:
                return PostOutcome(PostStatus.MISMATCH)
            return PostOutcome(PostStatus.REPLAYED, subscriber=known)
        account = self.accounts[posting.account_id]
        if stored and known and stored.version != known.version:
            return PostOutcome(PostStatus.STALE, subscriber=known)
        copy = replace(account, others=dict(account.others), moves=account.moves + 1)
        purse = posting.purse
        for each in posting.movements:
            left = act(copy, each, purse)
            if left is None:
                return PostOutcome(PostStatus.INSUFFICIENT)
            purse = left
        amounts = [copy.credited, copy.spent, *(abs(each.amount) for each in copy.others.values())]
        if max(amounts) > AMOUNT_LIMIT:
            return PostOutcome(PostStatus.LIMIT)
        if purse:
            raise ValueError("the posting does not say where its money goes")
        self.posted[name] = content
        # What came and went leaves no balance behind.
        begun = {
            n for n, each in copy.others.items() if n not in account.others and each == NOTHING
        }
        copy.others = {n: each for n, each in copy.others.items() if n not in begun}
        self.accounts[posting.account_id] = copy
        owner = stored.subscriber_id if stored else posting.account_id
        if stored:
            stored = replace(stored, version=stored.version + 1)
            self.put(stored)
        for notice in posting.notices:
            values = [word for pair in notice.values for word in pair]
            self._tell(copy, owner, notice.kind, *values)
        return PostOutcome(PostStatus.POSTED, subscriber=stored)

    def _tell(self, account: Account, subscriber: str, kind: str, *values: str) -> None:
        """Leave word for a subscriber."""
        who = ("kind", kind, "account", account.name, "subscriber", subscriber)
        self.outbox.append((*who, *values, "time", str(self.now)))

    def _move(
        self,
        account: Account,
        plan: ChargePlan | None,
        taken: Mapping[str, int],
        reserves: Mapping[str, int],
        lost: int = 0,
    ) -> None:
        """One entry: what is taken of each balance, how its reservation changes."""
        before = account.main
        account.spent += taken.get(MAIN_MONEY, 0)
        account.reserved += reserves.get(MAIN_MONEY, 0)
        account.credited += lost
        account.written_off += lost
        account.moves += 1
        crossed = [(MAIN_MONEY, before, account.main)]
        for name in sorted({*taken, *reserves} - {MAIN_MONEY}):
            changed = account.change(name, -taken.get(name, 0), reserves.get(name, 0))
            crossed += [(name, *changed)] if changed else []
        notices = {each.name: each.notices for each in plan.sources} if plan else {}
        for name, was, left in crossed:
            for amount in notices.get(name, ()):
                if plan and was > amount >= left:
                    told = ("balance", period_of(name)[0], "at", str(amount), "left", str(left))
                    self._tell(account, plan.subscriber_id, "threshold", *told)

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
            for part in parts:
                self._give_back(self.accounts[session.account], part)
            session.refunded[event] = units
        self.refunds[name] = (refund.content, outcome)
        return outcome

    def _give_back(self, account: Account, part: Service) -> None:
        """What a service paid goes to the balances it came from, if their period still runs."""
        if not part.used and part.booked == part.lost:
            return
        account.moves += 1
        for source, amount in part.paid.items():
            if source == MAIN_MONEY:
                account.credited += amount
            elif account.is_present(source):
                account.change(source, amount, 0)

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
                back = {name: -amount for name, amount in service.held.items()}
                self._move(account, None, {}, back)
                service.held = {}

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
        fresh = self.subscribers[plan.subscriber_id]
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
        free, at = account.free(plan.sources), plan.at or self.now
        turns = [Turn(each, Service(), False) for each in plan.charges]
        asked = [each for each in turns if each.charge.requested is not None]
        short = []
        for turn in asked:
            if not turn.charge.refusal:
                turn.ahead = self._laid(plan, turn, free, turn.charge.requested or 0, at)
                take(free, turn.ahead.taken)
                if turn.ahead.rest:
                    short.append(turn)
        is_paid = not short and not any(each.charge.refusal for each in asked)
        paid = session.events.setdefault(plan.number, []) if is_paid and asked else []
        for turn in turns:
            charge = turn.charge
            if charge.refusal is Refusal.RATING_FAILED:
                turn.status = ChargeStatus.RATING_FAILED
            elif turn in asked and charge.refusal:
                turn.status = ChargeStatus(charge.refusal.value)
            elif turn in asked:
                turn.status = ChargeStatus.GRANTED if is_paid else ChargeStatus.NO_CREDIT
            if turn.status is ChargeStatus.GRANTED and turn.ahead is not None:
                turn.granted = charge.requested or 0
                turn.service.paid = dict(turn.ahead.taken)
                remember(charge, turn.service, turn.ahead.state)
                if turn.granted or turn.service.booked:
                    self._move(account, plan, turn.ahead.taken, {})
                paid.append(turn.service)
        return ChargeOutcome(
            OutcomeStatus.DEBITED if is_paid else OutcomeStatus.REFUSED,
            tuple(each.result for each in turns),
            total_cost=sum(each.booked for each in paid),
            available=account.available - floor_of(plan),
            waiting=self._others(session, waits=False, holds=bool(short)),
        )

    def _laid(
        self, plan: ChargePlan, turn: Turn, free: dict[str, int], units: int, at: int
    ) -> Laying:
        """A projection of a grant. What an event debits has one moment, time as well."""
        is_event = plan.type is RequestType.EVENT
        return lay(
            replace(turn.charge, unit=UnitKind.EVENTS) if is_event else turn.charge,
            laid_of(turn.charge, turn.service),
            units,
            free,
            at=UtcMillis(turn.charge.used_at or at if is_event else at),
            is_grant=True,
            main=free[MAIN_MONEY] + floor_of(plan),
            goes_apart=is_event,
        )

    def _settle(
        self, plan: ChargePlan, account: Account, turns: list[Turn], free: dict[str, int]
    ) -> None:
        """Each report on its ways: from what its service holds and what nobody does, then from what all
        of them gave back, then whatever it takes."""
        at, room = plan.at or self.now, AMOUNT_LIMIT - account.credited
        for number, turn in enumerate([*turns, *turns]):
            is_again = number >= len(turns)
            charge, service = turn.charge, turn.service
            if not is_again:
                add(free, {n: a for n, a in service.held.items() if account.is_present(n)})
            rest = (charge.used or 0) - turn.done
            if not rest or not charge.ways:
                continue
            found = lay(
                charge,
                laid_of(charge, service),
                rest,
                free,
                at=UtcMillis(at),
                is_grant=False,
                main=free[MAIN_MONEY] + floor_of(plan),
            )
            take(free, found.taken)
            add(turn.taken, found.taken)
            turn.done += rest - found.rest
            remember(charge, service, found.state)
            if is_again and found.rest:
                overrun(turn, free, at, room)
                room -= turn.lost

    def _grant(
        self, plan: ChargePlan, session: Session, turns: list[Turn], free: dict[str, int]
    ) -> None:
        """What each charge is told, may use, and holds for it."""
        may_grant = session.state == "open" and plan.type is not RequestType.TERMINATION
        at = plan.at or self.now
        for turn in turns:
            charge, service = turn.charge, turn.service
            if charge.refusal is Refusal.RATING_FAILED:
                turn.status = ChargeStatus.RATING_FAILED
            if may_grant and turn.is_late:
                # The quota of the newer request stands, with a price or without.
                if service.held and charge.ways:
                    turn.hold = dict(self._laid(plan, turn, free, service.last_grant, at).taken)
                elif service.held:
                    turn.hold = {n: min(a, max(free.get(n, 0), 0)) for n, a in service.held.items()}
            elif may_grant and charge.requested is not None:
                if session.is_cut:
                    turn.status = ChargeStatus.DENIED
                elif charge.refusal:
                    turn.status = ChargeStatus(charge.refusal.value)
                else:
                    turn.ahead = self._laid(plan, turn, free, charge.requested, at)
                    turn.granted = charge.requested - turn.ahead.rest
                    turn.hold = dict(turn.ahead.taken)
                    turn.status = ChargeStatus.GRANTED if turn.granted else ChargeStatus.NO_CREDIT
            take(free, turn.hold)
        for turn in turns:
            if turn.granted and turn.ahead is not None:
                one = lay(
                    turn.charge,
                    turn.ahead.state,
                    1,
                    free,
                    at=UtcMillis(at + turn.granted * tick_of(turn.charge)),
                    is_grant=True,
                    main=free[MAIN_MONEY] + floor_of(plan),
                    goes_apart=True,
                )
                turn.is_final = one.rest == 1

    def _write(self, plan: ChargePlan, account: Account, turns: list[Turn]) -> None:
        """The entries, those first that give money back."""

        def cost(turn: Turn) -> int:
            return turn.taken.get(MAIN_MONEY, 0) + turn.reserves().get(MAIN_MONEY, 0)

        for turn in sorted(turns, key=cost):
            charge, service = turn.charge, turn.service
            if (
                charge.used
                or turn.lost
                or any(turn.taken.values())
                or any(turn.reserves().values())
            ):
                self._move(account, plan, turn.taken, turn.reserves(), turn.lost)
            service.held = {name: amount for name, amount in turn.hold.items() if amount}
            service.lost += turn.lost
            add(service.paid, turn.taken)
            if turn.ahead is not None:
                for name, _ in turn.ahead.state.parts:
                    service.parts.setdefault(name, Part(denominator=charge.denominator))

    def _apply(self, plan: ChargePlan, session: Session) -> ChargeOutcome:
        account = self.accounts[plan.account_id]
        is_open = session.state == "open"
        turns, clamped, before = [], 0, account.free(plan.sources)
        for charge in plan.charges:
            service = session.services.setdefault(charge.key, Service())
            recollect(charge, service)
            if charge.used is not None:
                now = max(plan.at or self.now, self.now)
                used = believed(charge, service, session.first_grant, now, account.main)
                clamped += charge.used - used
                charge = replace(charge, used=used)
            is_late = plan.type is RequestType.UPDATE and number_of(plan) < service.newest
            turns.append(Turn(charge, service, is_late))
        if is_open and plan.type is RequestType.TERMINATION:
            named = {each.key for each in plan.charges}
            self._release(session, {key for key in session.services if key not in named})
        free = account.free(plan.sources)
        self._settle(plan, account, turns, free)
        for turn in turns:
            # A service that never had a price leaves nothing behind.
            turn.service.had_price = turn.service.had_price or bool(turn.charge.ways)
            if turn.service.had_price:
                turn.service.newest = max(turn.service.newest, number_of(plan))
        self._grant(plan, session, turns, free)
        self._write(plan, account, turns)
        is_short = self._mark(plan, session, turns)
        may_grant = is_open and plan.type is not RequestType.TERMINATION
        asked = may_grant and any(t.charge.requested is not None and not t.is_late for t in turns)
        granted = any(each.granted for each in turns)
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
        results = [each.result for each in turns]
        if is_open:
            session.deadline = max(session.deadline, self.now + plan.supervision_seconds * 1000)
            session.overdue = overdue(plan, results, self.now)
            if ended is not OutcomeStatus.CHARGED:
                self._release(session)
                session.state = ended.value
        after = account.free(plan.sources)
        return ChargeOutcome(
            ended,
            tuple(results),
            total_cost=sum(service.booked for service in session.services.values()),
            available=account.available - floor_of(plan),
            clamped=clamped,
            waiting=self._others(
                session, waits=any(after[name] > before[name] for name in after), holds=is_short
            ),
        )

    def _mark(self, plan: ChargePlan, session: Session, turns: list[Turn]) -> bool:
        """Who waits for money from now on; whether anybody does who did not before."""
        is_short = False
        for turn in turns:
            service = turn.service
            if not turn.is_late:
                service.last_grant = turn.granted
            if turn.granted:
                service.largest_grant = max(service.largest_grant or 0, turn.granted)
                if session.first_grant is None:
                    session.first_grant = min(plan.at or self.now, self.now)
            if turn.charge.requested is not None and not turn.is_late:
                waits = turn.is_final or turn.status is ChargeStatus.NO_CREDIT
                if waits and not service.waits:
                    is_short = True
                    account = self.accounts[plan.account_id]
                    self._tell(account, plan.subscriber_id, "cut", "key", turn.charge.key)
                service.waits = waits
        return is_short
