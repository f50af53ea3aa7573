"""One account on paper: what a posting does to it, in a few lines, and days of a subscriber on it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ocs.account.agenda import next_step
from ocs.account.standing import Standing, Terms
from ocs.books import Act, Balance, Held, Notice, Posting, PostOutcome, PostStatus
from ocs.model import (
    MAIN_MONEY,
    AccountId,
    Identity,
    IdentityKind,
    Partition,
    Product,
    ProductState,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.product import Every, ProductRule, Span

ZONE = ZoneInfo("Asia/Almaty")  # +06:00 until 2024
TENGE = 1_000_000
MAIN = MAIN_MONEY


def at(text: str) -> UtcMillis:
    """A local moment: "2019-03-04 10:00"."""
    return UtcMillis(int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * 1000)


def day_of(moment: UtcMillis) -> str:
    """The same the other way round."""
    return datetime.fromtimestamp(moment // 1000, ZONE).strftime("%Y-%m-%d %H:%M")


def tenge(text: str) -> int:
    """Micros of an amount."""
    whole, _, rest = text.partition(".")
    return int(whole) * TENGE + int(rest.ljust(6, "0") or 0)


def every(span: Span, count: int = 1) -> Every:
    """A span."""
    return Every(span, count)


def subscriber(tariff: str = "base", **given: Any) -> Subscriber:
    """A subscriber who has nothing yet."""
    made = Subscriber(
        account_id=AccountId("7"),
        partition=Partition(0),
        version=1,
        tariff=tariff,
        state=SubscriberState.ACTIVE,
        identities=(Identity(IdentityKind.E164, "77010000007"),),
    )
    return replace(made, **given)


@dataclass
class Book:
    """An account, its subscriber, and the moment."""

    rules: list[ProductRule]
    now: UtcMillis
    main: int = 0
    who: Subscriber = field(default_factory=subscriber)
    others: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)  # by sessions, of each balance
    posted: dict[str, tuple[str, int, str, str]] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def terms(self) -> Terms:
        """The catalogue."""
        return Terms({each.id: each for each in self.rules}, ZONE)

    @property
    def standing(self) -> Standing:
        """What a rule sees now."""
        others = {
            name: Held(amount, self.held.get(name, 0)) for name, amount in self.others.items()
        }
        balance = Balance(available=self.main, others=others)
        return Standing(self.who, balance, self.terms, self.now)

    def amount(self, balance: str) -> int:
        """What a balance holds."""
        return self.main if balance == MAIN else self.others.get(balance, 0)

    def post(self, posting: Posting) -> PostOutcome:
        """All movements, or none."""
        content = (posting.kind, posting.purse, posting.reason, posting.asked)
        if posting.key in self.posted:
            same = self.posted[posting.key] == content
            status = PostStatus.REPLAYED if same else PostStatus.MISMATCH
            return PostOutcome(status, subscriber=self.who)
        if posting.subscriber is not None and posting.subscriber.version != self.who.version:
            return PostOutcome(PostStatus.STALE, subscriber=self.who)
        now = {MAIN: self.main} | self.others
        purse = posting.purse
        for each in posting.movements:
            have = now.get(each.balance, 0)
            match each.act:
                case Act.CREDIT:
                    now[each.balance] = have + each.amount
                case Act.DEBIT:
                    if have + each.limit < each.amount:
                        return PostOutcome(PostStatus.INSUFFICIENT)
                    now[each.balance] = have - each.amount
                case Act.REPAY:
                    part = min(purse, max(0, -have))
                    now |= {each.balance: have + part} if part else {}
                    purse -= part
                case Act.TAKE:
                    part = min(max(0, have), each.amount)
                    now[each.balance], purse = have - part, purse + part
                case Act.POUR:
                    now[each.balance], purse = have + purse, 0
                case Act.KEEP:
                    now[each.balance] = min(have, each.amount)
                case Act.BILL:
                    now[each.balance] = have + min(0, now[MAIN])
                    now[MAIN] = max(0, now[MAIN])
                case Act.DROP if not have:
                    now.pop(each.balance, None)
        assert purse == 0, "money of the purse that goes nowhere"
        self.main, self.others = now.pop(MAIN), now
        self.posted[posting.key] = content
        self.kinds.append(posting.kind)
        self.notices.extend(posting.notices)
        if posting.subscriber is not None:
            self.who = replace(posting.subscriber, version=self.who.version + 1)
        return PostOutcome(PostStatus.POSTED, subscriber=self.who)

    def done(self, posting: Posting | None) -> None:
        """A posting that must go through."""
        assert posting is not None
        assert self.post(posting).status is PostStatus.POSTED

    def until(self, text: str) -> None:
        """Time goes on; what is due is done at its moment, as by a scheduler that is never away."""
        end = at(text)
        while self.who.due and self.who.due <= end:
            self.now = UtcMillis(max(self.now, self.who.due))
            self.catch_up()
        self.now = end

    def catch_up(self) -> int:
        """Everything that is due at this moment, in one go; returns how many steps it took."""
        for steps in range(10_000):
            step = next_step(self.standing)
            if step is None:
                return steps
            self.done(step)
        raise AssertionError("the agenda has no end")

    def product(self, product_id: str) -> Product:
        """The newest one of this id."""
        return [each for each in self.who.products if each.product == product_id][-1]

    def state(self, product_id: str) -> ProductState:
        """Whether it is paid."""
        return self.product(product_id).state

    def told(self) -> list[str]:
        """The kinds of all notices so far."""
        return [each.kind for each in self.notices]
