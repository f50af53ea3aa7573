"""The reference point Rc: what charging, commands and sweepers may ask of the money.

One `charge` is one CCR. Nothing here knows Diameter or tariffs.

Exceptions:
    LedgerError
      LedgerUnavailable   the store did not answer and it is certain that nothing was done
      OutcomeUnknown      the call may or may not have been applied; only its repeat settles it
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from redis.exceptions import RedisError

from ocs.books import Balance, OpenSession, Posting, PostOutcome, Refund, RefundOutcome
from ocs.model import AccountId, ChargeOutcome, ChargePlan, Partition, Subscriber, SubscriberId


class LedgerError(Exception):
    """The ledger could not say what became of a call."""


class LedgerUnavailable(LedgerError):
    """Nothing was done: the store is away, loading, or refused the call before it began."""


class OutcomeUnknown(LedgerError):
    """The call was sent and not answered in time, nor was its repeat."""


@contextmanager
def reading() -> Iterator[None]:
    """A plain read that the store does not answer is LedgerUnavailable: it changed nothing."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise LedgerUnavailable(str(error)) from error


@dataclass(frozen=True, slots=True)
class ExpireOutcome:
    """What became of a session that was to be closed from our side.

    `waiting` are other sessions of the account that wait for the money this call released.
    """

    closed: bool
    waiting: tuple[bytes, ...] = ()
    released: int = 0  # micros
    is_marked: bool = False  # it stays open; its next request will be refused


class Ledger(Protocol):
    """The only place that changes money."""

    async def charge(self, plan: ChargePlan) -> ChargeOutcome:
        """Settle, release and reserve all charges of one CCR, exactly once per key.

        An EVENT is debited at once, whole or not at all.
        """

    async def refund(self, refund: Refund) -> RefundOutcome:
        """Give back what an event or an ended session took, once, and never more than that."""

    async def post(self, posting: Posting) -> PostOutcome:
        """Apply movements under their idempotency key, all or none, and store a subscriber with them."""

    async def posted(self, account_id: AccountId, partition: Partition, key: str) -> bool:
        """Whether a posting of the account was applied under this key, as long as its record is kept."""

    async def expire(self, session: OpenSession, reason: str) -> ExpireOutcome:
        """Release everything the session holds and close it, leaving a tombstone of 24 h.

        With reason "supervision" it is closed only if its deadline has passed by the store's clock.
        With "cut" it is not closed: its next request will be refused. With "overdue" the same, if by the
        store's clock its client has ignored a final unit for too long: told once, to one caller.
        """

    async def restarted(self, host: str, state_id: int) -> bool:
        """Whether this Origin-State-Id says that the client lost its sessions: it is higher than the one
        known before. True once for each rise; 0 says nothing."""

    async def put(self, subscriber: Subscriber) -> Subscriber | None:
        """Store subscriber data if `subscriber.version` is the stored one (0: not there yet).

        Returns the stored snapshot with its new version, or None when the version was another.
        """

    async def balance(self, account_id: AccountId, partition: Partition) -> Balance | None:
        """The account's amounts, its other balances among them; None when there is no such account."""

    async def due(self, partition: Partition, now: int, count: int) -> list[SubscriberId]:
        """Subscribers of a partition for whom something is due at `now`, the earliest first."""
