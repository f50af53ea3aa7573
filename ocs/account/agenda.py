"""What is to be done for a subscriber without being asked: the next step, one at a time, in order.

Each step is a posting that stores the subscriber with its next moment, so that steps that were missed
follow one another, and a step that two workers take at once is taken by one.
"""

from dataclasses import replace

from ocs.account.fees import attempt
from ocs.account.holding import (
    AHEAD,
    end_of_product,
    lapse_all,
    looked_at,
    next_period,
    told_ends,
    without_over,
)
from ocs.account.life import swept, validity_over
from ocs.account.money import CALLS_DUE, collected, marked, take_back, unmarked
from ocs.account.standing import BILL, Standing, comes_again, with_product, without
from ocs.account.times import local_date
from ocs.books import Act, Held, Movement, Notice, Posting
from ocs.model import NEVER, Product, ProductState, SubscriberState, UtcMillis
from ocs.rating.calendars import midnight
from ocs.rating.product import CALLS_OWED, Late, ProductRule

#: How long an end waits at a time for a session that still holds what was given.
HELD_MILLIS = 5 * 60_000


def next_step(standing: Standing) -> Posting | None:
    """The earliest thing that is due, the tariff's before those of other products; None: nothing is."""
    subscriber, now = standing.subscriber, standing.now
    if subscriber.state is SubscriberState.TERMINATED:
        return swept(standing) if subscriber.due else None
    due = [each for each in subscriber.products if each.due and each.due <= now]
    due.sort(key=lambda each: (each.due, each.product != subscriber.tariff, each.number))
    ends = subscriber.valid_until
    if ends and ends <= now and (not due or ends <= due[0].due):
        return validity_over(standing)
    return step_of(standing, due[0]) if due else None


def step_of(standing: Standing, product: Product) -> Posting:
    """What a product's due moment asks for; an end that comes is told with it."""
    moment, rule = product.due, standing.rule_of(product)
    if rule is None:
        # It left the catalogue: nobody can say what it asks for.
        forgotten = with_product(standing.subscriber, replace(product, due=NEVER))
        key = f"gone:{key_of(standing, product)}"
        return standing.posting(key, "agenda", product.product, subscriber=forgotten)
    ends = end_of_product(standing, product, rule)
    is_over = bool(ends) and ends <= moment
    is_billed, is_fee = _is_billed(standing, product), _is_fee(standing, product, rule)
    if (is_over or not (is_billed or is_fee)) and _is_held(standing, product):
        return _waits(standing, product)
    if is_over:
        return _ended(standing, product, rule)
    if is_billed:
        step = _billed(standing, product, rule)
    elif is_fee:
        step = attempt(standing, product, rule, moment)
    else:
        step = _looked(standing, product, rule)
    told = tuple(
        Notice("expires", (("product", rule.name), ("until", str(each))))
        for each in told_ends(standing, product, rule)
        if each - AHEAD == moment
    )
    return replace(step, notices=(*step.notices, *told)) if told else step


def _is_held(standing: Standing, product: Product) -> bool:
    """Whether a session still holds units of the product that are over: used before, reported later.

    A bucket's own end keeps later usage off it; taken away now, the earlier would cost money.
    """
    nothing = Held()
    return any(
        standing.balance.others.get(each.balance, nothing).reserved > 0
        for each in product.buckets
        if each.ends and each.ends <= product.due
    )


def _waits(standing: Standing, product: Product) -> Posting:
    """Looked at again a little later; nothing moves."""
    later = replace(product, due=UtcMillis(max(product.due, standing.now) + HELD_MILLIS))
    return standing.posting(
        f"held:{key_of(standing, product)}",
        "agenda",
        product.product,
        subscriber=with_product(standing.subscriber, later),
    )


def key_of(standing: Standing, product: Product) -> str:
    """The name of a due moment."""
    return f"{standing.subscriber.subscriber_id}:{product.number}:{product.due}"


def _is_billed(standing: Standing, product: Product) -> bool:
    """Whether the moment is the beginning of a month, for a tariff on credit."""
    if not standing.subscriber.credit_limit or product.product != standing.subscriber.tariff:
        return False
    day = local_date(product.due, standing.zone)
    return day.day == 1 and midnight(day, standing.zone) == product.due


def _billed(standing: Standing, product: Product, rule: ProductRule) -> Posting:
    """The past month's use becomes its bill; a fee of the same moment has the whole limit before it."""
    held = standing.balance
    whole = replace(held, available=held.available + max(0, -held.main))
    after = replace(standing, balance=whole)
    if _is_fee(after, product, rule):
        step = attempt(after, product, rule, product.due)
    else:
        step = _looked(after, product, rule)
    billed = Movement(Act.BILL, BILL)
    return replace(step, movements=(billed, *step.movements))


def _is_fee(standing: Standing, product: Product, rule: ProductRule) -> bool:
    """Whether the moment is the fee's; of what waits for a top-up every look is a try."""
    if rule.fee is None or not comes_again(rule):
        return False
    waits = product.state is ProductState.UNPAID and rule.fee.late is Late.TOPUP
    return waits or next_period(standing, product, rule.fee) <= product.due


def _ended(standing: Standing, product: Product, rule: ProductRule) -> Posting:
    if rule.advance is not None:
        return take_back(standing, product)
    return standing.posting(
        f"end:{key_of(standing, product)}",
        "lapse",
        product.product,
        lapse_all(standing, product),
        subscriber=without(standing.subscriber, (product.number,)),
        notices=(Notice("ended", (("product", rule.name),)),),
    )


def _looked(standing: Standing, product: Product, rule: ProductRule) -> Posting:
    """Buckets that are over lapse; what calls on credit are owed is collected where it is covered."""
    change = without_over(standing, product, rule, product.due, all_of_them=False)
    changed = looked_at(standing, change.product, rule, product.due)
    movements, subscriber = change.movements, standing.subscriber
    if rule.credit and standing.free(CALLS_OWED) < 0:
        paid = collected(standing)
        movements += paid
        subscriber = unmarked(subscriber, CALLS_DUE)
        if not paid:  # from now on with the next top-up that suffices
            subscriber = marked(subscriber, CALLS_DUE, NEVER)
    return standing.posting(
        f"look:{key_of(standing, product)}",
        "lapse" if movements else "agenda",
        product.product,
        movements,
        subscriber=with_product(subscriber, changed),
    )
