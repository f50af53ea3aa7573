"""A ledger on an empty store, and somebody who pays. A test file may have its own."""

import pytest
from redis.asyncio import Redis

from ocs.abmf.library import Library
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import Act, Movement, Posting, PostStatus
from ocs.model import Subscriber
from tests.support.plans import subscriber, topup


class Clock:
    """The store's clock, as a test moves it; in milliseconds."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: int) -> None:
        """Later."""
        self.now += seconds * 1000


def payout(each: Subscriber, amount: int, key: str) -> Posting:
    """Money is taken from an account."""
    acts = (Movement(Act.DEBIT, amount=amount),)
    return Posting(each.account_id, each.partition, key, "payout", acts, "test", "because")


@pytest.fixture
def clock() -> Clock:
    """The time of `timed`."""
    return Clock()


@pytest.fixture
async def ledger(redis: Redis) -> RedisLedger:
    """A ledger on an empty store, by the store's own time."""
    library = Library.from_package()
    await library.load(redis)
    return RedisLedger(redis, library)


@pytest.fixture
def timed(redis: Redis, ledger: RedisLedger, clock: Clock) -> RedisLedger:
    """The same ledger at `clock`."""
    return RedisLedger(redis, Library.from_package(), clock=clock)


@pytest.fixture
async def payer(ledger: RedisLedger) -> Subscriber:
    """A subscriber with 30.00."""
    stored = await ledger.put(subscriber())
    assert stored is not None
    outcome = await ledger.post(topup(stored, 30_000_000))
    assert outcome.status is PostStatus.POSTED
    return stored
