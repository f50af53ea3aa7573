"""Plays a worked case on a ledger: products, prices and accounts as they serve, time as the case tells."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from ocs.account.agenda import next_step
from ocs.account.carry import carry_out
from ocs.account.fees import renewed, stored
from ocs.account.holding import given, looked_at, next_period
from ocs.account.money import after_topup, late_usage, lend, topup
from ocs.account.purchase import begin_tariff, buy, change_tariff, drop, held
from ocs.account.standing import Refused, Standing, terms_of
from ocs.account.times import local_date
from ocs.books import Act, Balance, Held, Movement, Posting, PostOutcome, PostStatus
from ocs.model import (
    MAIN_MONEY,
    NEVER,
    AccountId,
    Bucket,
    ChargeOutcome,
    ChargePlan,
    Partition,
    Product,
    ProductState,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.calendars import millis_of
from ocs.rating.product import ProductRule
from tests.support.memory_ledger import MemoryLedger
from tests.worked.cases import COIN, Case, Event, File, Has, Name, catalogue, names_of

PARTITION = Partition(1)
#: How far a debt of the start line may go.
DEEP = 10**15
Rule = Callable[[Standing], Posting | None]


class Books(Protocol):
    """What a case asks of a ledger."""

    async def charge(self, plan: ChargePlan) -> ChargeOutcome: ...
    async def post(self, posting: Posting) -> PostOutcome: ...
    async def put(self, subscriber: Subscriber) -> Subscriber | None: ...
    async def balance(self, account_id: AccountId, partition: Partition) -> Balance | None: ...


class Clock:
    """The time of the case, which is the ledger's too."""

    def __init__(self) -> None:
        self.now = UtcMillis(0)

    def __call__(self) -> int:
        return self.now


class Paper:
    """The ledger in plain Python."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ledger = MemoryLedger()

    async def charge(self, plan: ChargePlan) -> ChargeOutcome:
        self._ledger.now = self._clock.now
        return self._ledger.charge(plan)

    async def post(self, posting: Posting) -> PostOutcome:
        self._ledger.now = self._clock.now
        return self._ledger.post(posting)

    async def put(self, subscriber: Subscriber) -> Subscriber | None:
        first = replace(subscriber, version=subscriber.version + 1)
        self._ledger.put(first)
        return first

    async def balance(self, account_id: AccountId, partition: Partition) -> Balance | None:
        return self._ledger.balance(account_id)


@dataclass
class Stage:
    """One account on its way through a case."""

    stem: str
    file: File
    case: Case
    books: Books
    clock: Clock
    account: AccountId
    members: dict[str, Subscriber] = field(default_factory=dict)
    postings: int = 0

    @property
    def zone(self) -> ZoneInfo:
        """Whose midnight counts."""
        return ZoneInfo(catalogue(self.stem).zone)

    @property
    def coin(self) -> int:
        """Micros of what the case counts money in."""
        return self.file.get("coin", COIN)

    @property
    def names(self) -> dict[str, Name]:
        """The balances of the case."""
        return names_of(self.file, self.case)

    def moment(self, text: str) -> UtcMillis:
        """A local moment."""
        return millis_of(datetime.fromisoformat(text).replace(tzinfo=self.zone))

    # --- the start line --------------------------------------------------------------------------

    async def begin(self) -> None:
        """Subscribers with their products, and what the account holds."""
        self.clock.now = self.moment(self.case.get("at", self.file["at"]))
        for member in self.file.get("members", [""]):
            first = await self.books.put(self._subscriber(member))
            assert first is not None
            self.members[member] = first
        movements = [self._first(name, amount) for name, amount in self.case["start"].items()]
        moved = tuple(each for each in movements if each.amount)
        outcome = await self.books.post(
            Posting(self.account, PARTITION, "start", "adjustment", moved, "test", "start line")
        )
        assert outcome.status is PostStatus.POSTED

    def _first(self, name: str, amount: int) -> Movement:
        known = self.names[name]
        units = (amount + known.get("above", 0) - known.get("daily", 0)) * self._unit(known)
        units = -units if known.get("owed") else units
        balance = known["of"]
        if balance.endswith("*"):
            buckets = (
                b for each in self.members.values() for p in each.products for b in p.buckets
            )
            first = (b.balance for b in buckets if b.balance.startswith(balance[:-1]))
            balance = next(first, balance)
        if units < 0:
            return Movement(Act.DEBIT, balance, -units, DEEP)
        return Movement(Act.CREDIT, balance, units)

    def _subscriber(self, member: str) -> Subscriber:
        marks = tuple(
            (each["mark"], self.moment(each["until"]) if "until" in each else NEVER)
            for each in self.case.get("marks", [])
        )
        bare = Subscriber(
            self.account,
            PARTITION,
            0,
            self.case.get("serves", self.file["serves"]),
            SubscriberState(self.case.get("state", "active")),
            (),
            member=member,
            marks=marks,
            credit_limit=self.case.get("credit_limit", 0) * self.coin,
        )
        for each in self.case.get("has", []):
            bare = self._with(bare, each)
        return bare

    def _with(self, subscriber: Subscriber, has: Has) -> Subscriber:
        """The subscriber with a product as it was begun then."""
        since = self.moment(has["since"])
        standing = replace(self.standing(subscriber, Balance()), now=since)
        rule = standing.terms.products[has["product"]]
        product = Product(
            subscriber.next_product, rule.id, ProductState.ACTIVE, since, period=since
        )
        for moment in (since, *map(self.moment, has.get("batches", []))):
            product = given(standing, product, rule, moment).product
        product = replace(product, state=ProductState(has.get("state", "active")))
        product = looked_at(standing, product, rule, self.clock.now)
        return stored(subscriber, product, standing, rule)

    # --- what is there ------------------------------------------------------------------------------

    def _unit(self, name: Name) -> int:
        is_money = name["of"] == MAIN_MONEY or name.get("owed", False)
        return name.get("unit", self.coin if is_money else 1)

    def standing(self, subscriber: Subscriber, balance: Balance) -> Standing:
        """What a rule sees."""
        terms = terms_of(catalogue(self.stem))
        return Standing(subscriber, balance, terms, self.clock.now, "test")

    async def balance(self) -> Balance:
        """The account."""
        found = await self.books.balance(self.account, PARTITION)
        assert found is not None
        return found

    async def amounts(self) -> dict[str, int]:
        """Every balance of the case, in its own units; nothing is held between its events."""
        found = await self.balance()
        assert found.reserved == 0
        assert all(each.reserved == 0 for each in found.others.values())
        return {name: self._read(known, found) for name, known in self.names.items()}

    def _read(self, name: Name, balance: Balance) -> int:
        of = name["of"]
        if of == MAIN_MONEY:
            units = balance.main
        elif of.endswith("*"):
            units = sum(v.amount for k, v in balance.others.items() if k.startswith(of[:-1]))
        else:
            held_there = balance.others.get(of, Held())
            today = local_date(self.clock.now, self.zone).isoformat()
            is_over = "daily" in name and held_there.period != today
            units = 0 if is_over else held_there.amount
        units = -units if name.get("owed") else units
        whole, rest = divmod(units, self._unit(name))
        assert rest == 0, f"{name['of']}: {units} are no whole number"
        return whole + name.get("daily", 0) - name.get("above", 0)

    # --- accounts ---------------------------------------------------------------------------------------

    async def act(self, event: Event) -> None:
        """What is done to the account, without usage."""
        by = event.get("by", "")
        self.postings += 1
        key = f"{self.postings}"
        do, product = event["do"], event.get("product", "")
        amount, channel = event.get("amount", 0) * self.coin, event.get("channel", "")
        rules: dict[str, Rule] = {
            "begin": lambda standing: begin_tariff(standing, key),
            "buy": lambda standing: buy(standing, product, key),
            "change": lambda standing: change_tariff(standing, product, key),
            "drop": lambda standing: drop(standing, product, key),
            "late": lambda standing: late_usage(standing, key, amount),
            "lend": lambda standing: lend(standing, product, key),
            "renew": lambda standing: self._renewed(standing, product, key),
            "topup": lambda standing: topup(standing, amount, key, channel),
            "collect": after_topup,
        }
        if do == "due":
            return  # time has passed, and what was due on its way is done
        try:
            outcome = await self.carry(by, rules[do])
        except Refused:
            assert event.get("refused"), f"{do} is refused"
            return
        assert not event.get("refused"), f"{do} is not refused"
        while do == "collect" and outcome is not None:
            outcome = await self.carry(by, after_topup)

    def _renewed(self, standing: Standing, product: str, key: str) -> Posting:
        has = held(standing, product)
        rule = standing.rule_of(has)
        assert rule is not None
        return renewed(standing, has, rule, key)

    async def carry(self, by: str, rule: Rule) -> PostOutcome | None:
        """A rule is carried out; the subscriber is as it left it."""

        async def refresh(subscriber: Subscriber) -> Subscriber:
            return subscriber

        outcome = await carry_out(
            self.books,
            self.members[by],
            rule,
            terms_of(catalogue(self.stem)),
            self.clock.now,
            actor="test",
            refresh=refresh,
        )
        if outcome is not None:
            assert outcome.status is PostStatus.POSTED
            self.members[by] = outcome.subscriber or self.members[by]
        return outcome

    async def pass_time(self, until: UtcMillis) -> None:
        """Time goes on; what is due is done at its moment."""
        for by in self.members:
            while (due := self.members[by].due) and due <= until:
                self.clock.now = UtcMillis(max(self.clock.now, due))
                while await self.carry(by, next_step) is not None:
                    pass
        self.clock.now = UtcMillis(max(self.clock.now, until))

    # --- what is to be seen besides -----------------------------------------------------------------------

    def product(self, product_id: str) -> tuple[Product, ProductRule]:
        """The newest product of this id, and its rule."""
        has = [
            p for each in self.members.values() for p in each.products if p.product == product_id
        ]
        return has[-1], catalogue(self.stem).products[product_id]

    def bucket(self, balance: str) -> Bucket:
        """A bucket by the name of its balance."""
        buckets = (b for each in self.members.values() for p in each.products for b in p.buckets)
        return next(each for each in buckets if each.balance == balance)

    def see(self, event: Event) -> None:
        """States and dates that the event names."""
        if "paid" in event:
            assert self.product(event["paid"])[0].state is ProductState.ACTIVE
        if "unpaid" in event:
            assert self.product(event["unpaid"])[0].state is ProductState.UNPAID
        for product_id, day in event.get("next", {}).items():
            product, rule = self.product(product_id)
            assert rule.fee is not None
            standing = self.standing(self.members[""], Balance())
            assert (
                local_date(next_period(standing, product, rule.fee), self.zone).isoformat() == day
            )
        for name, moment in event.get("until", {}).items():
            assert self.bucket(self.names[name]["of"]).ends == self.moment(moment)
