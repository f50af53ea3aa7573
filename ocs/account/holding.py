"""The buckets of a product: given, renewed, lapsed; and when a product is to be looked at again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ocs.account.standing import (
    ADVANCE_OWED,
    BILL,
    DEBT,
    MONEY,
    Standing,
    comes_again,
)
from ocs.account.times import HOUR, days_after, days_left, end_of, first_of_next_month, local_date
from ocs.books import Act, Movement
from ocs.model import MAIN_MONEY, NEVER, Bucket, Product, ProductState, Subscriber, UtcMillis
from ocs.rating.product import CALLS_OWED, BucketRule, Fee, Late, ProductRule, Span

#: The end of what is not short is told a day ahead.
AHEAD = UtcMillis(24 * HOUR)
SHORT = UtcMillis(3 * AHEAD)


@dataclass(frozen=True, slots=True)
class Change:
    """A product as it is afterwards, and what moves."""

    product: Product
    movements: tuple[Movement, ...] = ()


def units_of(subscriber: Subscriber, products: Mapping[str, ProductRule]) -> dict[str, str]:
    """What the balances that a subscriber has or may owe on are counted in, by name."""
    own = subscriber.money or MAIN_MONEY
    units = dict.fromkeys((DEBT, BILL, ADVANCE_OWED, CALLS_OWED, own), MONEY)
    for product in subscriber.products:
        rule = products.get(product.product)
        known = {each.name: each.unit for each in rule.buckets} if rule is not None else {}
        units |= {e.balance: known[e.name] for e in product.buckets if e.name in known}
    return units


def lapse(balance: str, keeps: int = 0) -> tuple[Movement, ...]:
    """What is available above `keeps` lapses; a balance that is empty then is forgotten."""
    kept = Movement(Act.KEEP, balance, keeps)
    return (kept,) if keeps else (kept, Movement(Act.DROP, balance))


def lapse_all(standing: Standing, product: Product) -> tuple[Movement, ...]:
    """Every bucket of a product ends."""
    rule = standing.rule_of(product)
    daily = {each.name for each in rule.buckets if each.is_daily} if rule is not None else set()
    return tuple(
        movement
        for bucket in product.buckets
        if bucket.name not in daily and not bucket.balance.startswith(POOL)
        for movement in lapse(bucket.balance)
    )


def without_over(
    standing: Standing, product: Product, rule: ProductRule, at: UtcMillis, *, all_of_them: bool
) -> Change:
    """The product without the buckets that are over; those that its fee renews only with `all_of_them`."""
    rules = {each.name: each for each in rule.buckets}
    over = [
        bucket
        for bucket in product.buckets
        if bucket.ends
        and bucket.ends <= at
        and (all_of_them or bucket.name not in rules or not is_renewed(rule, rules[bucket.name]))
    ]
    movements = [
        movement
        for bucket in over
        if bucket.name not in rules or not rules[bucket.name].is_daily
        for movement in lapse(bucket.balance)
    ]
    kept = tuple(each for each in product.buckets if each not in over)
    return Change(replace(product, buckets=kept), tuple(movements))


# --- giving -------------------------------------------------------------------------------------

#: Balances of buckets that all members of an account put in and draw on.
POOL = "pool."


def given(standing: Standing, product: Product, rule: ProductRule, at: UtcMillis) -> Change:
    """All buckets for the product's present period, which begins or is paid for at `at`.

    What is there already lapses but for what its rule keeps; with `adds` it stays beside the new batch,
    with `extends` it grows and lives as long.
    """
    buckets = list(product.buckets)
    movements: list[Movement] = []
    for each in rule.buckets:
        ends = end_of_bucket(standing, product, rule, each, at)
        present = [bucket for bucket in buckets if bucket.name == each.name]
        name = _balance(standing, product, each, at, ends, present)
        if each.extends:
            buckets = [
                replace(bucket, ends=ends) if bucket in present else bucket for bucket in buckets
            ]
        elif not each.adds:
            buckets = [bucket for bucket in buckets if bucket not in present]
            for bucket in present:
                # A pool is there for the other lines too until its period is over.
                if not each.is_daily and (not each.is_shared or bucket.ends <= standing.now):
                    movements += lapse(bucket.balance, 0 if each.is_shared else each.keeps)
        if name not in {bucket.balance for bucket in buckets}:
            # What was used before a renewal and is reported after it draws on what was held for it.
            same = [bucket.begins for bucket in present if bucket.balance == name]
            is_renewal = bool(same) and product.state is ProductState.ACTIVE
            buckets.append(Bucket(name, each.name, same[0] if is_renewal else at, ends))
        if not each.is_daily:  # that is counted anew each day
            amount = amount_of(standing, rule, each, at)
            movements.append(Movement(Act.CREDIT, name, amount))
    return Change(replace(product, buckets=tuple(buckets)), tuple(movements))


def _balance(
    standing: Standing,
    product: Product,
    rule: BucketRule,
    at: UtcMillis,
    ends: UtcMillis,
    present: list[Bucket],
) -> str:
    """The name of the balance in the account that a bucket is kept under."""
    member = standing.subscriber.member
    if rule.is_shared:
        # The periods of the lines lie side by side: each period has a pool of its own.
        until = f".{local_date(ends, standing.zone):%Y%m%d}" if ends else ""
        return f"{POOL}{product.product}.{rule.name}{until}"
    name = f"{member}-{product.number}.{rule.name}" if member else f"{product.number}.{rule.name}"
    if not rule.adds or rule.is_daily:
        return name
    taken = {bucket.balance for bucket in present}
    batch = f"{name}.{local_date(at, standing.zone):%Y%m%d}"
    return batch if batch not in taken else f"{batch}.{len(taken) + 1}"


def amount_of(standing: Standing, rule: ProductRule, bucket: BucketRule, at: UtcMillis) -> int:
    """What a bucket is given: whole, or by the days left, rounded down to whole grains."""
    if not (bucket.is_prorated and rule.fee is not None):
        return bucket.amount
    left, days = days_left(at, standing.zone)
    return bucket.amount * left // days // bucket.grain * bucket.grain


def end_of_bucket(
    standing: Standing, product: Product, rule: ProductRule, bucket: BucketRule, at: UtcMillis
) -> UtcMillis:
    """When a bucket that is given at `at` ends.

    With the product's period it lasts until the next fee is tried, not only to the boundary: what was
    not attempted yet counts as paid.
    """
    if bucket.lasts.span is not Span.PERIOD:
        return end_of(bucket.lasts, at, standing.zone)
    if rule.fee is not None and comes_again(rule):
        return next_period(standing, product, rule.fee)
    return end_of(rule.lasts, product.since, standing.zone)


# --- when to look again ---------------------------------------------------------------------------


def next_period(standing: Standing, product: Product, fee: Fee) -> UtcMillis:
    """When the fee of the period after the present one is tried."""
    boundary = end_of(fee.every, product.period, standing.zone)
    return UtcMillis(boundary + standing.offset(fee.window_seconds))


def next_try(standing: Standing, product: Product, fee: Fee, after: UtcMillis) -> UtcMillis:
    """When the fee is tried next. A late one that a top-up pays is looked at once a day besides: money
    may have come by another way."""
    following = next_period(standing, product, fee)
    if product.state is ProductState.ACTIVE or fee.late is Late.NEXT or fee.is_prorated:
        return following
    tomorrow = days_after(UtcMillis(max(after, standing.now)), 1, standing.zone)
    daily = UtcMillis(tomorrow + standing.offset(fee.window_seconds))
    return daily if fee.restarts else min(following, daily)


def end_of_product(standing: Standing, product: Product, rule: ProductRule) -> UtcMillis:
    """When a product without a periodic fee is over; an advance when it is taken back."""
    if comes_again(rule):
        return NEVER
    lasts = rule.advance.lasts if rule.advance is not None else rule.lasts
    return end_of(lasts, product.since, standing.zone)


def ends_of(standing: Standing, product: Product, rule: ProductRule) -> Iterator[UtcMillis]:
    """Every end that lies ahead: of the product, of buckets that its fee does not renew."""
    if ends := end_of_product(standing, product, rule):
        yield ends
    renewed = {each.name for each in rule.buckets if is_renewed(rule, each)}
    for bucket in product.buckets:
        if bucket.ends and bucket.name not in renewed:
            yield bucket.ends


def is_renewed(rule: ProductRule, bucket: BucketRule) -> bool:
    """Whether the product's fee replaces what is left: it needs no look of its own."""
    return comes_again(rule) and bucket.lasts.span is Span.PERIOD


def told_ends(standing: Standing, product: Product, rule: ProductRule) -> frozenset[UtcMillis]:
    """The ends that are told a day ahead: not of what lasts for a few days only, nor of each batch."""
    batches = {each.name for each in rule.buckets if each.adds}
    kept = tuple(each for each in product.buckets if each.name not in batches)
    ends = ends_of(standing, replace(product, buckets=kept), rule)
    return frozenset(each for each in ends if each - product.since > SHORT)


def due_after(
    standing: Standing, product: Product, rule: ProductRule, after: UtcMillis
) -> UtcMillis:
    """The next moment after `after` at which something is to be done for the product; 0: never."""
    moments: list[UtcMillis] = []
    if rule.fee is not None and comes_again(rule):
        moments.append(next_try(standing, product, rule.fee, after))
    moments += ends_of(standing, product, rule)
    moments += [UtcMillis(each - AHEAD) for each in told_ends(standing, product, rule)]
    if standing.subscriber.credit_limit and product.product == standing.subscriber.tariff:
        moments.append(first_of_next_month(after, standing.zone))
    if rule.credit:
        moments.append(days_after(UtcMillis(max(after, standing.now)), 1, standing.zone))
    return min((each for each in moments if each > after), default=NEVER)


def looked_at(standing: Standing, product: Product, rule: ProductRule, after: UtcMillis) -> Product:
    """The product with its next moment."""
    return replace(product, due=due_after(standing, product, rule, after))
