"""Money that comes and money that is owed: top-ups and their bonus, late usage, advances, calls on credit.

A top-up pays, in this order: the debt of late usage, the bill of past months, the advance, waiting fees,
the balance. Fees are postings of their own (`after_topup`), so that a top-up that is sent again has the
content it had.
"""

from collections.abc import Iterator
from dataclasses import replace

from ocs.account.fees import taken, waiting
from ocs.account.holding import given, lapse, looked_at
from ocs.account.purchase import check_needed, rule_named
from ocs.account.standing import (
    ADVANCE_OWED,
    BILL,
    DEBT,
    MONEY,
    Refused,
    Standing,
    of_id,
    with_product,
    without,
)
from ocs.account.times import HOUR, days_after
from ocs.books import Act, Movement, Notice, Posting
from ocs.model import (
    AMOUNT_LIMIT,
    MAIN_MONEY,
    NEVER,
    Product,
    ProductState,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.lifecycle import DEBT_MARK
from ocs.rating.product import CALLS_OWED, Advance, Bonus, ProductRule

DAY = 24 * HOUR
#: What a top-up pays before it is the subscriber's.
OWED_FIRST = (DEBT, BILL, ADVANCE_OWED)
ACTIVATED = "activated"
#: The mark of who owes for calls on credit of an earlier day.
CALLS_DUE = "owed.due"


def marked(subscriber: Subscriber, mark: str, until: UtcMillis) -> Subscriber:
    """With a mark; one that is there already gets the new end."""
    kept = tuple(each for each in subscriber.marks if each[0] != mark)
    return replace(subscriber, marks=(*kept, (mark, until)))


def unmarked(subscriber: Subscriber, mark: str) -> Subscriber:
    """Without a mark."""
    return replace(subscriber, marks=tuple(e for e in subscriber.marks if e[0] != mark))


def carries(subscriber: Subscriber, mark: str, now: UtcMillis) -> bool:
    """Whether a mark is there and not over."""
    return any(name == mark and (until == NEVER or until > now) for name, until in subscriber.marks)


# --- top-ups ------------------------------------------------------------------------------------


def topup(
    standing: Standing,
    amount: int,
    key: str,
    channel: str = "",
    *,
    valid_days: int = 0,
    reason: str = "top-up",
) -> Posting:
    """Money comes, from outside, with what a promotion adds to it."""
    if amount <= 0:
        raise Refused("a top-up is more than 0")
    paid = [Movement(Act.REPAY, balance) for balance in OWED_FIRST]
    subscriber = _without_debts(standing, amount)
    if valid_days:
        subscriber = valid_for(subscriber, valid_days, standing)
    bonus: list[Movement] = []
    for rule, terms in bonuses(standing, amount, channel):
        if terms.mark:
            until = UtcMillis(standing.now + terms.mark_days * DAY)
            subscriber = marked(subscriber, terms.mark, until)
        subscriber, moved = with_bonus(replace(standing, subscriber=subscriber), rule)
        bonus += moved
    left = standing.available + max(0, amount - owed(standing))
    values = (("amount", str(amount)), ("left", str(left)))
    return standing.posting(
        key,
        "topup",
        f"{reason} by {channel}" if channel else reason,
        (*paid, Movement(Act.POUR, standing.own), *bonus),
        subscriber=subscriber if subscriber != standing.subscriber else None,
        notices=(Notice("topup", values),),
        purse=amount,
    )


def pay_out(subscriber: Subscriber, amount: int, key: str, actor: str) -> Posting:
    """Own money goes out: all of the amount or nothing."""
    taken = (Movement(Act.DEBIT, subscriber.money or MAIN_MONEY, amount),)
    where = subscriber.account_id, subscriber.partition
    return Posting(*where, key, "adjustment", taken, actor, "pay-out")


def owed(standing: Standing) -> int:
    """All that a top-up pays first."""
    return sum(max(0, -standing.free(each)) for each in OWED_FIRST)


def _without_debts(standing: Standing, amount: int) -> Subscriber:
    """The debts that an amount pays leave no trace on the subscriber."""
    subscriber, left = standing.subscriber, amount
    left -= max(0, -standing.free(DEBT))
    if left >= 0:
        subscriber = unmarked(subscriber, DEBT_MARK)
    left -= max(0, -standing.free(BILL)) + max(0, -standing.free(ADVANCE_OWED))
    if left >= 0:
        done = [each.number for each in advances(standing) if not each.buckets]
        subscriber = without(subscriber, done)
    return subscriber


def bonuses(standing: Standing, amount: int, channel: str) -> Iterator[tuple[ProductRule, Bonus]]:
    """The promotions that a top-up earns, in the order of their ids."""
    for _, rule in sorted(standing.terms.products.items()):
        bonus = rule.bonus
        if bonus is None or not bonus.least <= amount <= (bonus.most or AMOUNT_LIMIT):
            continue
        if bonus.channels and channel not in bonus.channels:
            continue
        if standing.has_needed(rule):
            yield rule, bonus


def with_bonus(standing: Standing, rule: ProductRule) -> tuple[Subscriber, tuple[Movement, ...]]:
    """All buckets of a promotion; one that is there already is added to, where its buckets say so."""
    if not rule.buckets:
        return standing.subscriber, ()
    present = of_id(standing.subscriber, rule.id)
    now = standing.now
    if present and all(each.extends or each.adds for each in rule.buckets):
        product = replace(present[-1], since=now, period=now)
    elif rule.at_most and len(present) >= rule.at_most:
        return standing.subscriber, ()
    else:
        number = standing.subscriber.next_product
        product = Product(number, rule.id, ProductState.ACTIVE, now, period=now)
    change = given(standing, product, rule, now)
    product = looked_at(standing, change.product, rule, now)
    return with_product(standing.subscriber, product), change.movements


def valid_for(subscriber: Subscriber, days: int, standing: Standing) -> Subscriber:
    """The number's validity reaches so many days ahead; who could only be called can call again."""
    until = max(subscriber.valid_until, days_after(standing.now, days, standing.zone))
    is_over = subscriber.state is SubscriberState.ONE_WAY
    state = SubscriberState.ACTIVE if is_over else subscriber.state
    if is_over:
        until = days_after(standing.now, days, standing.zone)  # the grace time is no validity
    return replace(subscriber, valid_until=UtcMillis(until), state=state)


# --- what comes late ------------------------------------------------------------------------------


def late_usage(standing: Standing, record: str, amount: int) -> Posting:
    """Usage that was reported afterwards, once for its record: main money pays what it has, the rest is
    a debt that closes outgoing services."""
    if amount <= 0:
        raise Refused("late usage is more than 0")
    paid = min(amount, max(0, standing.money))
    rest = amount - paid
    moved = [*taken(standing, paid)]
    subscriber = None
    if rest:
        moved.append(Movement(Act.DEBIT, DEBT, rest, AMOUNT_LIMIT))
        subscriber = marked(standing.subscriber, DEBT_MARK, NEVER)
    notices = (Notice("debt", (("amount", str(rest)),)),) if rest else ()
    return standing.posting(
        f"late:{record}",
        "late",
        record,
        moved,
        subscriber=subscriber,
        notices=notices,
        asked=str(amount),
    )


# --- advances ---------------------------------------------------------------------------------


def advances(standing: Standing) -> list[Product]:
    """The advances that the subscriber has."""
    rules = ((each, standing.rule_of(each)) for each in standing.subscriber.products)
    return [each for each, rule in rules if rule is not None and rule.advance is not None]


def lend(standing: Standing, product_id: str, key: str) -> Posting:
    """Money lent: less its fee it is given, with its fee it is owed, first from the next top-up."""
    rule = rule_named(standing, product_id)
    lent = rule.advance
    if lent is None:
        raise Refused(f"{rule.name} is no advance")
    _check_advance(standing, rule, lent)
    now = standing.now
    number = standing.subscriber.next_product
    product = Product(number, rule.id, ProductState.ACTIVE, now, period=now)
    received = lent.amount - lent.fee
    if any(each.unit == MONEY for each in rule.buckets):
        change = given(standing, product, rule, now)
        product, moved = change.product, change.movements
    else:
        moved = (Movement(Act.CREDIT, standing.own, received),)
    product = looked_at(standing, product, rule, now)
    values = (("amount", str(received)), ("owed", str(lent.amount)), ("due", str(product.due)))
    return standing.posting(
        key,
        "advance",
        rule.id,
        (*moved, Movement(Act.DEBIT, ADVANCE_OWED, lent.amount, AMOUNT_LIMIT)),
        subscriber=with_product(standing.subscriber, product),
        notices=(Notice("advance", values),),
    )


def _check_advance(standing: Standing, rule: ProductRule, lent: Advance) -> None:
    subscriber, now = standing.subscriber, standing.now
    if standing.free(ADVANCE_OWED) < 0 or standing.free(DEBT) < 0:
        raise Refused("there is an advance or a debt that is not paid back")
    if standing.available < 0 or standing.available >= lent.below:
        raise Refused(f"{rule.name} is lent only where the balance is low, and not below zero")
    if lent.mark and not carries(subscriber, lent.mark, now):
        raise Refused(f"{rule.name} needs a top-up within the last days")
    if lent.age_days and now - age_begins(subscriber, now) < lent.age_days * DAY:
        raise Refused(f"{rule.name} needs a number of {lent.age_days} days")
    check_needed(standing, rule)


def age_begins(subscriber: Subscriber, now: UtcMillis) -> UtcMillis:
    """When the number came into use: its activation, else the oldest product."""
    activated = dict(subscriber.attributes).get(ACTIVATED, "")
    if activated.isdecimal():
        return UtcMillis(int(activated))
    return min((each.since for each in subscriber.products), default=now)


def take_back(standing: Standing, product: Product) -> Posting:
    """An advance is over: what is owed is taken, used or not; what is missing waits for a top-up."""
    missing = max(0, -standing.free(ADVANCE_OWED))
    movements: list[Movement] = []
    for bucket in product.buckets:
        part = min(missing, max(0, standing.free(bucket.balance)))
        if part:
            movements.append(Movement(Act.TAKE, bucket.balance, part))
            missing -= part
        movements += lapse(bucket.balance)
    part = min(missing, max(0, standing.available))
    if part:
        movements.append(Movement(Act.TAKE, standing.own, part))
    if any(each.act is Act.TAKE for each in movements):
        movements += [Movement(Act.REPAY, ADVANCE_OWED), Movement(Act.POUR, standing.own)]
    return standing.posting(
        f"back:{standing.subscriber.subscriber_id}:{product.number}",
        "recovery",
        product.product,
        movements,
        subscriber=without(standing.subscriber, (product.number,)),
        notices=(Notice("recovered", (("owed", str(missing - part)),)),),
    )


# --- calls on credit --------------------------------------------------------------------------------


def collected(standing: Standing) -> tuple[Movement, ...]:
    """What calls on credit are owed is taken whole; () where nothing is owed or it is not covered."""
    amount = -standing.free(CALLS_OWED)
    if amount <= 0 or standing.money < amount:
        return ()
    return (
        Movement(Act.DEBIT, standing.own, amount, standing.limit),
        Movement(Act.CREDIT, CALLS_OWED, amount),
    )


def after_topup(standing: Standing) -> Posting | None:
    """What waits for money and is covered now: calls on credit that are due, then fees; one at a time."""
    if carries(standing.subscriber, CALLS_DUE, standing.now) and (paid := collected(standing)):
        subscriber = unmarked(standing.subscriber, CALLS_DUE)
        key = f"owed:{subscriber.subscriber_id}:{standing.now}"
        return standing.posting(key, "recovery", "calls on credit", paid, subscriber=subscriber)
    return waiting(standing)
