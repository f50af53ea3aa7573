"""Products are bought, given and dropped, tariffs changed: who may have what, and what it moves.

A fee of the calendar that is not covered lets its product begin unpaid, with its fallback prices, until
money comes; every other fee is a price: without it there is no product.
"""

from collections.abc import Iterable
from dataclasses import replace

from ocs.account.fees import begun, price_of, renewed, stored, taken, told
from ocs.account.holding import lapse_all, looked_at
from ocs.account.standing import Refused, Standing, is_fee_paid, of_id, without
from ocs.books import Movement, Notice, Posting
from ocs.model import NEVER, Product, ProductState
from ocs.rating.product import (
    ADVANCE,
    CALENDAR,
    PROMOTION,
    TARIFF,
    Fee,
    Late,
    ProductRule,
)


def rule_named(standing: Standing, product_id: str) -> ProductRule:
    """What the catalogue says of an id."""
    rule = standing.terms.products.get(product_id)
    if rule is None:
        raise Refused(f"there is no product {product_id!r} in the catalogue")
    return rule


def held(standing: Standing, number_or_id: str) -> Product:
    """The subscriber's product of this number, or the newest one of this id."""
    for each in reversed(standing.subscriber.products):
        if number_or_id in (str(each.number), each.product):
            return each
    raise Refused(f"the subscriber does not have {number_or_id!r}")


def check_needed(standing: Standing, rule: ProductRule) -> None:
    """Whether the subscriber has what it requires; the sentence what."""
    if not standing.has_needed(rule):
        raise Refused(f"{rule.name} needs one of: {', '.join(sorted(rule.requires))}")


def check(standing: Standing, rule: ProductRule) -> None:
    """Whether the subscriber may have one more of it; the sentence why not."""
    check_needed(standing, rule)
    others = {standing.subscriber.tariff, *(each.product for each in standing.subscriber.products)}
    others.discard(rule.id)
    for other in sorted(others - rule.forfeits):
        known = standing.terms.products.get(other)
        if other in rule.excludes or (known is not None and rule.id in known.excludes):
            raise Refused(f"{rule.name} and {other} exclude each other")
    if rule.at_most and len(of_id(standing.subscriber, rule.id)) >= rule.at_most:
        raise Refused(f"{rule.name} is there already, and can be had {rule.at_most} time(s)")
    if rule.needs_paid and not is_fee_paid(standing.subscriber, standing.now):
        raise Refused(f"{rule.name} can be had only while the fee of the tariff is paid")


def buy(standing: Standing, product_id: str, key: str) -> Posting:
    """An add-on, with its first fee."""
    rule = rule_named(standing, product_id)
    if rule.kind == TARIFF:
        raise Refused(f"{rule.name} is a tariff: change to it")
    if rule.kind == PROMOTION:
        raise Refused(f"{rule.name} is given, not bought")
    if rule.kind == ADVANCE:
        raise Refused(f"{rule.name} is money lent: ask for the advance")
    check(standing, rule)
    return _begin(standing, standing, rule, key, "purchase", ())


def give(standing: Standing, product_id: str, key: str, kind: str = "gift") -> Posting:
    """A product without its price: a promotion, a voucher's bonus."""
    rule = rule_named(standing, product_id)
    check(standing, rule)
    return _begin(standing, standing, rule, key, kind, (), is_free=True)


def drop(standing: Standing, number_or_id: str, key: str) -> Posting:
    """A product ends on request; what is left in it lapses."""
    product = held(standing, number_or_id)
    if product.product == standing.subscriber.tariff:
        raise Refused("a tariff is not dropped: change to another")
    rule = standing.rule_of(product)
    if rule is not None and rule.kind == ADVANCE:
        raise Refused("an advance ends when it is paid back")
    return standing.posting(
        key,
        "drop",
        number_or_id,  # a repeat does not find the product any more
        lapse_all(standing, product),
        subscriber=without(standing.subscriber, (product.number,)),
    )


def renew(standing: Standing, number_or_id: str, key: str) -> Posting:
    """A product's next period begins now, for its fee."""
    product = held(standing, number_or_id)
    return renewed(standing, product, rule_named(standing, product.product), key)


def change_tariff(standing: Standing, tariff: str, key: str) -> Posting:
    """Another tariff: the old one and what ends with it go, the new one's fee is taken."""
    rule = rule_named(standing, tariff)
    if rule.kind != TARIFF:
        raise Refused(f"{rule.name} is no tariff")
    subscriber = standing.subscriber
    if tariff == subscriber.tariff and of_id(subscriber, tariff):
        raise Refused(f"{rule.name} is the tariff already")
    gone = [
        each
        for each in subscriber.products
        if each.product == subscriber.tariff or _ends_with_tariff(standing, each)
    ]
    bare = replace(
        without(subscriber, (each.number for each in gone)), tariff=tariff, paid_until=NEVER
    )
    lapsed = [movement for each in gone for movement in lapse_all(standing, each)]
    after = replace(standing, subscriber=bare)
    check(after, rule)
    return _begin(standing, after, rule, key, "tariff", lapsed)


def _ends_with_tariff(standing: Standing, product: Product) -> bool:
    rule = standing.rule_of(product)
    return rule is not None and rule.ends_with_tariff


def _begin(
    standing: Standing,
    after: Standing,
    rule: ProductRule,
    key: str,
    kind: str,
    before: Iterable[Movement],
    *,
    is_free: bool = False,
) -> Posting:
    """A product begins; what it forfeits ends. `after` is the standing that it begins in. Where it is free,
    its first period is."""
    forfeited = [each for each in after.subscriber.products if each.product in rule.forfeits]
    subscriber = without(after.subscriber, (each.number for each in forfeited))
    now = standing.now
    product = Product(subscriber.next_product, rule.id, ProductState.ACTIVE, now, period=now)
    amount = 0 if is_free or rule.fee is None else price_of(standing, rule.fee, now)
    lapsed = (*before, *(each for gone in forfeited for each in lapse_all(standing, gone)))
    after = replace(after, subscriber=subscriber)
    notices: tuple[Notice, ...] = ()
    if standing.money >= amount:
        change = begun(after, product, rule, now, now, now)
        product, moved = change.product, (*taken(standing, amount), *change.movements)
        if amount:
            notices = (told(rule, amount, product.due),)
    elif begins_unpaid(rule.fee):
        moved = ()
        product = looked_at(after, replace(product, state=ProductState.UNPAID), rule, now)
        notices = (Notice("unpaid", (("product", rule.name), ("amount", str(amount)))),)
    else:
        raise Refused(f"{rule.name} costs more than the account has")
    return standing.posting(
        key,
        kind,
        rule.id,
        (*lapsed, *moved),
        subscriber=stored(subscriber, product, after, rule),
        notices=notices,
    )


def begins_unpaid(fee: Fee | None) -> bool:
    """Whether a product may begin before its first fee is covered."""
    return fee is not None and fee.every.span in CALENDAR and fee.late is Late.TOPUP


def begin_tariff(standing: Standing, key: str) -> Posting | None:
    """A new subscriber's own tariff begins; None where there is nothing of it to keep account of."""
    subscriber = standing.subscriber
    rule = standing.terms.products.get(subscriber.tariff)
    if rule is None or of_id(subscriber, subscriber.tariff):
        return None
    if rule.fee is None and not rule.buckets and not subscriber.credit_limit:
        return None
    if standing.money < (rule.fee.amount if rule.fee else 0) and not begins_unpaid(rule.fee):
        # It waits for its first fee: there is no tariff to go back to.
        product = Product(
            subscriber.next_product,
            rule.id,
            ProductState.UNPAID,
            standing.now,
            period=standing.now,
        )
        product = looked_at(standing, product, rule, standing.now)
        changed = stored(subscriber, product, standing, rule)
        return standing.posting(key, "tariff", rule.id, subscriber=changed)
    return _begin(standing, standing, rule, key, "tariff", ())
