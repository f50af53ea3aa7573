"""From the first use of a number to the end of its account.

Preactive, active by the first use; when its validity is over it can be called for a grace time, then it is
terminated: what it owes is paid, what is left is paid back.
"""

from dataclasses import replace

from ocs.account.holding import given, lapse_all, looked_at
from ocs.account.money import ACTIVATED, OWED_FIRST, owed
from ocs.account.purchase import begin_tariff
from ocs.account.standing import Refused, Standing, of_id, with_product
from ocs.account.times import days_after
from ocs.books import Act, Movement, Notice, Posting
from ocs.model import MAIN_MONEY, NEVER, Product, ProductState, Subscriber, SubscriberState
from ocs.rating.product import ACTIVATION


def activate(standing: Standing) -> Posting | None:
    """The first use of a number: its tariff begins, with what is given then; None where it was used."""
    subscriber = standing.subscriber
    if subscriber.state is not SubscriberState.PREACTIVE:
        return None
    known = tuple(each for each in subscriber.attributes if each[0] != ACTIVATED)
    subscriber = replace(
        subscriber,
        state=SubscriberState.ACTIVE,
        attributes=(*known, (ACTIVATED, str(standing.now))),
    )
    movements: list[Movement] = []
    for _, rule in sorted(standing.terms.products.items()):
        is_given = rule.given_on == ACTIVATION and standing.has_needed(rule)
        if not is_given or of_id(subscriber, rule.id):
            continue
        now = standing.now
        product = Product(subscriber.next_product, rule.id, ProductState.ACTIVE, now, period=now)
        here = replace(standing, subscriber=subscriber)
        change = given(here, product, rule, now)
        subscriber = with_product(subscriber, looked_at(here, change.product, rule, now))
        movements += change.movements
    key = f"activate:{subscriber.subscriber_id}"
    begun = begin_tariff(replace(standing, subscriber=subscriber), key)
    if begun is not None:
        return replace(begun, kind="activation", movements=(*movements, *begun.movements))
    return standing.posting(key, "activation", subscriber.tariff, movements, subscriber=subscriber)


def validity_over(standing: Standing) -> Posting:
    """The end of the number's validity, or of the grace time behind it."""
    subscriber = standing.subscriber
    if subscriber.state in (SubscriberState.ONE_WAY, SubscriberState.TERMINATED):
        return terminate(standing, f"end:{subscriber.subscriber_id}:{subscriber.valid_until}")
    until = days_after(standing.now, standing.terms.grace_days, standing.zone)
    changed = replace(subscriber, state=SubscriberState.ONE_WAY, valid_until=until)
    return standing.posting(
        f"one-way:{subscriber.subscriber_id}:{subscriber.valid_until}",
        "validity",
        "validity is over",
        subscriber=changed,
        notices=(Notice("one_way", (("until", str(until)),)),),
    )


def terminate(standing: Standing, key: str) -> Posting:
    """The end: debts are paid from what is there, the rest of the money is paid back, all else lapses.

    A member takes along the balance that is its own, never the account's money.
    """
    subscriber = standing.subscriber
    if subscriber.state is SubscriberState.TERMINATED:
        raise Refused("the subscriber is terminated already")
    if standing.reserved:
        raise Refused("a session holds money: it has to end first")
    is_guest = bool(subscriber.member) and standing.own == MAIN_MONEY
    money = 0 if is_guest else max(0, standing.available)
    paid = 0 if subscriber.member else min(money, owed(standing))
    movements: list[Movement] = []
    if paid:
        movements.append(Movement(Act.TAKE, standing.own, paid))
        movements += [Movement(Act.REPAY, each) for each in OWED_FIRST]
        movements.append(Movement(Act.POUR, standing.own))
    if money > paid:
        movements.append(Movement(Act.DEBIT, standing.own, money - paid))
    for product in subscriber.products:
        movements += lapse_all(standing, product)
    changed = _ended(subscriber)
    return standing.posting(
        key,
        "refund",
        "what was left at the end",
        movements,
        subscriber=changed,
        notices=(Notice("terminated", (("amount", str(money - paid)),)),),
    )


def swept(standing: Standing) -> Posting:
    """Who was terminated with products: no fee follows."""
    subscriber = standing.subscriber
    return standing.posting(
        f"swept:{subscriber.subscriber_id}:{subscriber.due}",
        "lapse",
        "terminated",
        [each for product in subscriber.products for each in lapse_all(standing, product)],
        subscriber=_ended(subscriber),
    )


def _ended(subscriber: Subscriber) -> Subscriber:
    return replace(
        subscriber,
        state=SubscriberState.TERMINATED,
        products=(),
        marks=(),
        valid_until=NEVER,
        paid_until=NEVER,
    )
