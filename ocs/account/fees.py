"""Fees: whole or not at all, once for each period, in order; late ones by the rule of the product.

A period that nobody tried yet counts as paid, and is charged when it is tried, however late that is. Where
a fee was tried and not covered, the product is unpaid: periods that pass like that are not charged later.
"""

from dataclasses import replace

from ocs.account.holding import Change, given, looked_at, next_period, without_over
from ocs.account.standing import Refused, Standing, comes_again, with_product
from ocs.account.times import days_left, end_of
from ocs.books import Act, Movement, Notice, Posting
from ocs.model import NEVER, Product, ProductState, Subscriber, UtcMillis
from ocs.rating.product import Fee, Late, ProductRule


def price_of(standing: Standing, fee: Fee, at: UtcMillis) -> int:
    """The fee of a period, prorated by the days left of the month where the product says so: rounded once,
    half up, to the smallest coin."""
    if not fee.is_prorated:
        return fee.amount
    left, days = days_left(at, standing.zone)
    coin = standing.terms.quantum
    return (2 * fee.amount * left + coin * days) // (2 * coin * days) * coin


def taken(standing: Standing, amount: int) -> tuple[Movement, ...]:
    """A fee is taken from own money, with the credit limit behind it."""
    if not amount:
        return ()
    return (Movement(Act.DEBIT, standing.own, amount, standing.limit),)


def period_to_try(standing: Standing, product: Product, fee: Fee) -> UtcMillis:
    """When the period begins whose fee is tried now."""
    if product.state is ProductState.ACTIVE:
        return end_of(fee.every, product.period, standing.zone)
    if fee.restarts:
        return standing.now
    start = product.period
    while (ends := end_of(fee.every, start, standing.zone)) <= standing.now:
        start = ends
    return start


def attempt(standing: Standing, product: Product, rule: ProductRule, moment: UtcMillis) -> Posting:
    """Try the fee that is due: it is taken and the period begins, or the product is unpaid."""
    fee = rule.fee
    if fee is None:
        raise Refused(f"{rule.id} has no fee")
    start = period_to_try(standing, product, fee)
    at = start if product.state is ProductState.ACTIVE else standing.now
    amount = price_of(standing, fee, at)
    if standing.money >= amount:
        return _paid(standing, product, rule, start, at, amount, moment)
    return _unpaid(standing, product, rule, start, amount, moment)


def _paid(
    standing: Standing,
    product: Product,
    rule: ProductRule,
    start: UtcMillis,
    at: UtcMillis,
    amount: int,
    moment: UtcMillis,
) -> Posting:
    change = begun(standing, product, rule, start, at, moment)
    return standing.posting(
        f"fee:{standing.subscriber.subscriber_id}:{product.number}:{start}",
        "fee",
        rule.id,
        (*taken(standing, amount), *change.movements),
        subscriber=stored(standing.subscriber, change.product, standing, rule),
        notices=(told(rule, amount, change.product.due),),
    )


def begun(
    standing: Standing,
    product: Product,
    rule: ProductRule,
    start: UtcMillis,
    at: UtcMillis,
    moment: UtcMillis,
) -> Change:
    """The product in a period that is paid: its buckets are given, its next moment is known."""
    kept = without_over(standing, product, rule, moment, all_of_them=False)
    active = replace(kept.product, state=ProductState.ACTIVE, period=start)
    change = given(standing, active, rule, at)
    seen = looked_at(standing, change.product, rule, moment)
    return Change(seen, (*kept.movements, *change.movements))


def _unpaid(
    standing: Standing,
    product: Product,
    rule: ProductRule,
    start: UtcMillis,
    amount: int,
    moment: UtcMillis,
) -> Posting:
    """Told once; what its buckets still may be used for is theirs until their own end."""
    kept = without_over(standing, product, rule, standing.now, all_of_them=True)
    changed = replace(kept.product, state=ProductState.UNPAID, period=start)
    changed = looked_at(standing, changed, rule, moment)
    was_paid = product.state is ProductState.ACTIVE
    values = (("product", rule.name), ("amount", str(amount)))
    return standing.posting(
        f"unpaid:{standing.subscriber.subscriber_id}:{product.number}:{moment}",
        "unpaid",
        rule.id,
        kept.movements,
        subscriber=stored(standing.subscriber, changed, standing, rule),
        notices=(Notice("unpaid", values),) if was_paid else (),
    )


def stored(
    subscriber: Subscriber, product: Product, standing: Standing, rule: ProductRule
) -> Subscriber:
    """The subscriber with a product in its new state; the tariff's fee tells how long it is paid."""
    changed = with_product(subscriber, product)
    if rule.fee is None or product.product != subscriber.tariff or not comes_again(rule):
        return changed
    is_paid = product.state is ProductState.ACTIVE
    until = next_period(standing, product, rule.fee) if is_paid else NEVER
    return replace(changed, paid_until=until)


def told(rule: ProductRule, amount: int, due: UtcMillis) -> Notice:
    """What was taken, and when the next one comes."""
    values = (("product", rule.name), ("amount", str(amount)), ("due", str(due)))
    return Notice("fee", values)


def waiting(standing: Standing) -> Posting | None:
    """The first fee that waits for a top-up and is covered now: the tariff's, then by age."""
    tariff = standing.subscriber.tariff
    found = sorted(
        standing.subscriber.products,
        key=lambda each: (each.product != tariff, each.since, each.number),
    )
    for product in found:
        rule = standing.rule_of(product)
        if product.state is not ProductState.UNPAID or rule is None or rule.fee is None:
            continue
        if rule.fee.late is Late.TOPUP and standing.money >= price_of(
            standing, rule.fee, standing.now
        ):
            return attempt(standing, product, rule, standing.now)
    return None


def renewed(standing: Standing, product: Product, rule: ProductRule, key: str) -> Posting:
    """A period that begins now, on request: the fee is taken again, what is left obeys its rule."""
    fee = rule.fee
    if fee is None or not comes_again(rule):
        raise Refused(f"{rule.name} has no fee that comes again")
    amount = price_of(standing, fee, standing.now)
    if standing.money < amount:
        raise Refused(f"{rule.name} costs more than the account has")
    change = begun(standing, product, rule, standing.now, standing.now, standing.now)
    return standing.posting(
        key,
        "renewal",
        rule.id,
        (*taken(standing, amount), *change.movements),
        subscriber=stored(standing.subscriber, change.product, standing, rule),
        notices=(Notice("renewed", told(rule, amount, change.product.due).values),),
    )
