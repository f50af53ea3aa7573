"""A rule is carried out: asked with what is there, posted, and asked again when that changed meanwhile.

A subscriber that somebody else changed (stale) and money that somebody else took (insufficient) send the
rule back to look again; the rule then decides anew, and may refuse.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from ocs.account.standing import Refused, Standing, Terms
from ocs.books import Balance, Posting, PostOutcome, PostStatus
from ocs.model import AccountId, Partition, Subscriber, UtcMillis

#: More often than that nobody changes one subscriber while one posting is made.
ATTEMPTS = 8
LOOK_AGAIN = (PostStatus.STALE, PostStatus.INSUFFICIENT)


class Books(Protocol):
    """What is needed of the ledger."""

    async def post(self, posting: Posting) -> PostOutcome: ...
    async def balance(self, account_id: AccountId, partition: Partition) -> Balance | None: ...


Rule = Callable[[Standing], Posting | None]


class Records(Books, Protocol):
    """What is needed besides to know a repeat."""

    async def posted(self, account_id: AccountId, partition: Partition, key: str) -> bool: ...


async def repeated(
    books: Records, standing: Standing, key: str, kind: str, asked: str
) -> PostOutcome | None:
    """The answer to a repeat of what was `asked`, a product's id or number, which its rule may refuse by
    now; None where nothing was done under this key."""
    subscriber = standing.subscriber
    if not await books.posted(subscriber.account_id, subscriber.partition, key):
        return None
    numbers = {str(each.number): each.product for each in subscriber.products}
    return await books.post(standing.posting(key, kind, numbers.get(asked, asked)))


async def carry_out(
    books: Books,
    subscriber: Subscriber,
    rule: Rule,
    terms: Terms,
    now: UtcMillis,
    *,
    actor: str,
    refresh: Callable[[Subscriber], Awaitable[Subscriber]],
) -> PostOutcome | None:
    """What became of the rule's posting; None where it had none to make."""
    outcome = None
    for _ in range(ATTEMPTS):
        balance = await books.balance(subscriber.account_id, subscriber.partition)
        if balance is None:
            raise Refused("the account does not exist")
        posting = rule(Standing(subscriber, balance, terms, now, actor))
        if posting is None:
            return None
        outcome = await books.post(posting)
        if outcome.status not in LOOK_AGAIN:
            return outcome
        subscriber = outcome.subscriber or await refresh(subscriber)
    return outcome
