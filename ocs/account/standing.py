"""What the rules of accounts look at: a subscriber, the account, the catalogue, the moment.

Exceptions:
    Refused   a sentence for the person who asked; nothing is to be posted
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from ocs.books import Act, Balance, Movement, Notice, Posting
from ocs.model import MAIN_MONEY, Product, ProductState, Subscriber, UtcMillis
from ocs.rating.catalogue import Catalogue
from ocs.rating.product import ProductRule, Span

#: Balances below zero: what late usage left, what a month on credit left, what an advance is owed.
DEBT, BILL, ADVANCE_OWED = "debt", "bill", "owed.advance"
#: The attribute of a subscriber who wants to be topped up: micros of main money, at or below which.
AUTO_TOPUP = "auto_topup"
MONEY = "money"


class Refused(Exception):
    """Not done, with the sentence a person reads."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The catalogue, as the rules of accounts need it."""

    products: Mapping[str, ProductRule]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))  # the operator's
    quantum: int = 10_000  # micros of the smallest coin
    grace_days: int = 30  # of incoming service alone, after a number's validity


def terms_of(catalogue: Catalogue) -> Terms:
    """The part of a catalogue that they need."""
    coin = 10 ** (6 - catalogue.currency.decimals)
    return Terms(catalogue.products, ZoneInfo(catalogue.zone), coin)


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is known when a rule decides."""

    subscriber: Subscriber
    balance: Balance
    terms: Terms
    now: UtcMillis
    actor: str = "ocs"

    @property
    def zone(self) -> ZoneInfo:
        """Whose midnight counts."""
        return ZoneInfo(self.subscriber.zone) if self.subscriber.zone else self.terms.zone

    @property
    def own(self) -> str:
        """The balance that pays fees and that top-ups come to: a member may have one of its own."""
        return self.subscriber.money or MAIN_MONEY

    @property
    def limit(self) -> int:
        """How far it may go below zero."""
        return self.subscriber.credit_limit if self.own == MAIN_MONEY else 0

    @property
    def available(self) -> int:
        """What it has that nothing holds."""
        return self.balance.available if self.own == MAIN_MONEY else self.free(self.own)

    @property
    def reserved(self) -> int:
        """What open sessions hold of it."""
        if self.own == MAIN_MONEY:
            return self.balance.reserved
        held = self.balance.others.get(self.own)
        return held.reserved if held is not None else 0

    @property
    def money(self) -> int:
        """Micros that may be taken from it."""
        return self.available + self.limit

    def rule_of(self, product: Product) -> ProductRule | None:
        """What the catalogue says of it; None where it is not in the catalogue any more."""
        return self.terms.products.get(product.product)

    def free(self, balance: str) -> int:
        """What one of the other balances has that nothing holds; a debt is negative."""
        held = self.balance.others.get(balance)
        return held.free if held is not None else 0

    def has(self, product_id: str) -> bool:
        """Whether the subscriber has a product, or is on a tariff, of this id."""
        subscriber = self.subscriber
        return product_id == subscriber.tariff or bool(of_id(subscriber, product_id))

    def has_needed(self, rule: ProductRule) -> bool:
        """Whether the subscriber has one of the products that another one requires."""
        return not rule.requires or any(map(self.has, rule.requires))

    def offset(self, window_seconds: int) -> int:
        """The subscriber's own moment within a window, in milliseconds: always the same one."""
        if window_seconds <= 0:
            return 0
        digest = hashlib.blake2b(self.subscriber.subscriber_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % window_seconds * 1000

    def posting(
        self,
        key: str,
        kind: str,
        reason: str,
        movements: Iterable[Movement] = (),
        *,
        subscriber: Subscriber | None = None,
        notices: Iterable[Notice] = (),
        purse: int = 0,
        asked: str = "",
    ) -> Posting:
        """A posting on the subscriber's account. What it moves follows from the moment: a repeat is told by
        what was asked for, and by which member of an account."""
        movements, member = tuple(movements), self.subscriber.member
        return Posting(
            account_id=self.subscriber.account_id,
            partition=self.subscriber.partition,
            key=key,
            kind=kind,
            movements=movements,
            actor=self.actor,
            reason=reason,
            purse=purse,
            subscriber=subscriber,
            notices=(*notices, *self._auto_topup(movements)),
            asked=f"{member}:{asked or reason}" if member else asked or reason,
        )

    def _auto_topup(self, movements: tuple[Movement, ...]) -> tuple[Notice, ...]:
        """Who asked for it is topped up, once when money is taken past the amount."""
        asked = dict(self.subscriber.attributes).get(AUTO_TOPUP, "")
        taken = sum(
            each.amount
            for each in movements
            if each.balance == self.own and each.act in (Act.DEBIT, Act.TAKE)
        )
        left = self.available - taken
        if not asked.isdecimal() or not self.available > int(asked) >= left:
            return ()
        return (Notice(AUTO_TOPUP, (("left", str(left)),)),)


def of_id(subscriber: Subscriber, product_id: str) -> list[Product]:
    """The subscriber's products of one id, oldest first."""
    return [each for each in subscriber.products if each.product == product_id]


def with_product(subscriber: Subscriber, product: Product) -> Subscriber:
    """The product in the place of what it was before, or at the end."""
    kept = [each for each in subscriber.products if each.number != product.number]
    products = sorted([*kept, product], key=lambda each: each.number)
    following = max(subscriber.next_product, product.number + 1)
    return replace(subscriber, products=tuple(products), next_product=following)


def without(subscriber: Subscriber, numbers: Iterable[int]) -> Subscriber:
    """The subscriber without some products."""
    gone = frozenset(numbers)
    kept = tuple(each for each in subscriber.products if each.number not in gone)
    return replace(subscriber, products=kept)


def is_fee_paid(subscriber: Subscriber, now: UtcMillis) -> bool:
    """Whether the tariff's fee is paid. Nobody having tried to take it yet counts as paid."""
    own = [each.state for each in of_id(subscriber, subscriber.tariff)]
    return subscriber.paid_until > now or ProductState.ACTIVE in own


def comes_again(rule: ProductRule) -> bool:
    """Whether its fee is taken each period."""
    return rule.fee is not None and rule.fee.every.span is not Span.ONCE
