"""Who is served: identities and snapshots, cached by each worker, and where a session is paid.

Rules: every cache is bounded; a snapshot may be old, the charge finds out by its version; an identity
that is not found is never cached. At most two round trips for what is not known here, none for names and
snapshots that are; a session is asked for once, by a worker that has no memory of it.

Exceptions:
    IdentityConflict   identities of one request lead to different subscribers
    IdentityTaken      an identity belongs to another subscriber
"""

import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis
from redis.exceptions import WatchError

from ocs.abmf import keys
from ocs.abmf.encoding import decode_context, decode_subscriber, raw
from ocs.abmf.ledger import Ledger, reading
from ocs.model import (
    AccountId,
    Identity,
    Partition,
    SessionContext,
    Subscriber,
    SubscriberId,
    SubscriberState,
)

#: About 100 MB of snapshots at the most.
CACHED_AT_MOST = 100_000

K = TypeVar("K")
V = TypeVar("V")


class IdentityConflict(Exception):
    """Two identities, two subscribers."""


class IdentityTaken(Exception):
    """Named identity is in use."""


class Cache(Generic[K, V]):
    """A dictionary that forgets what was not used for longest."""

    def __init__(self, at_most: int = CACHED_AT_MOST) -> None:
        self._at_most = at_most
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, now the youngest."""
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep; the oldest goes when there are too many."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._at_most:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget."""
        self._kept.pop(key, None)


class Subscribers:
    """Finds and provisions subscribers."""

    def __init__(self, client: Redis, ledger: Ledger, partitions: int) -> None:
        self._client = client
        self._ledger = ledger
        self._partitions = partitions
        self._owners: Cache[Identity, tuple[Partition, SubscriberId]] = Cache()
        self._snapshots: Cache[SubscriberId, Subscriber] = Cache()

    # --- on the path of a CCR ----------------------------------------------------------------------

    async def find(self, identities: tuple[Identity, ...]) -> Subscriber | None:
        """The subscriber that any of these identities names; IdentityConflict when they differ."""
        try:
            subscriber = await self._find(identities)
            if subscriber is None or subscriber.state is not SubscriberState.TERMINATED:
                return subscriber
            self._snapshots.drop(subscriber.subscriber_id)
        except IdentityConflict:
            pass  # what is cached may be old
        # A name may have a new owner since it was cached, a subscriber may be back: once, afresh.
        for each in identities:
            self._owners.drop(each)
        subscriber = await self._find(identities)
        if subscriber is not None and subscriber.state is SubscriberState.TERMINATED:
            return None
        return subscriber

    async def _find(self, identities: tuple[Identity, ...]) -> Subscriber | None:
        missing = [each for each in identities if self._owners.get(each) is None]
        if missing:
            names = [keys.identity(each, self._partitions) for each in missing]
            with reading():
                async with self._client.pipeline(transaction=False) as pipeline:
                    for name in names:
                        pipeline.get(name)
                    values = await pipeline.execute()
            for each, value in zip(missing, values, strict=True):
                if value is not None:
                    self._owners.put(each, read_where(value))
        found = {where for each in identities if (where := self._owners.get(each)) is not None}
        if not found:
            return None
        if len(found) > 1:
            raise IdentityConflict
        return await self.get(*found.pop())

    async def get(self, partition: Partition, subscriber_id: SubscriberId) -> Subscriber | None:
        """The snapshot of a subscriber, perhaps an old one."""
        cached = self._snapshots.get(subscriber_id)
        return cached or await self._read(partition, subscriber_id)

    async def _read(self, partition: Partition, subscriber_id: SubscriberId) -> Subscriber | None:
        key = keys.subscriber(partition, subscriber_id)
        with reading():
            version, data = await self._client.hmget(key, "version", "data")
        return self._keep(version, data)

    def _keep(self, version: object, data: object) -> Subscriber | None:
        if version is None:
            return None
        subscriber = decode_subscriber(raw(data), int(raw(version)))
        self.remember(subscriber)
        return subscriber

    def remember(self, subscriber: Subscriber) -> None:
        """Keep the snapshot that the ledger sent."""
        self._snapshots.put(subscriber.subscriber_id, subscriber)

    async def session(self, session_id: bytes) -> SessionContext | None:
        """What the store remembers of a session, in two round trips.

        The second one brings the subscriber's snapshot along, which the same request needs next.
        """
        name = keys.digest(session_id)
        with reading():
            where = await self._client.get(keys.route(name, self._partitions))
            if where is None:
                return None
            partition, subscriber_id = read_where(raw(where))
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.hget(keys.session(partition, name), "context")
                pipeline.hmget(keys.subscriber(partition, subscriber_id), "version", "data")
                context, stored = await pipeline.execute()
        self._keep(*stored)
        return None if context is None else decode_context(raw(context))

    def orphan_partition(self, session_id: bytes) -> Partition:
        """Where the record of a session nobody knows is kept."""
        return Partition(keys.partition_of(keys.digest(session_id), self._partitions))

    # --- provisioning -------------------------------------------------------------------------------

    async def refresh(self, subscriber: Subscriber) -> Subscriber:
        """The stored snapshot, past the cache."""
        return await self._read(subscriber.partition, subscriber.subscriber_id) or subscriber

    async def create(
        self,
        identities: tuple[Identity, ...],
        tariff: str,
        state: SubscriberState,
        *,
        account: Subscriber | None = None,
    ) -> Subscriber:
        """A new subscriber with an account of its own, or a member of the account of another one;
        IdentityTaken when a name is in use."""
        if account is None:
            number = int(await self._client.incr(keys.ACCOUNT_NUMBERS))
            partition, account_id = Partition(number % self._partitions), AccountId(str(number))
            member = ""
        else:
            partition, account_id = account.partition, account.account_id
            member = str(await self._client.incr(keys.members(partition, account_id)))
        made = Subscriber(account_id, partition, 0, tariff, state, identities, member=member)
        claimed: list[bytes] = []
        for each in identities:
            key = keys.identity(each, self._partitions)
            if not await self._claim(key, partition, made.subscriber_id):
                if claimed:
                    await self._client.delete(*claimed)
                raise IdentityTaken(each.value)
            claimed.append(key)
        stored = await self._ledger.put(made)
        if stored is None:
            raise IdentityTaken(made.subscriber_id)
        return stored

    async def _claim(self, key: bytes, partition: Partition, owner: SubscriberId) -> bool:
        """Take a name, also one whose owner is gone or was never stored (interrupted half-way)."""
        value = f"{partition} {owner}".encode()
        if await self._client.set(key, value, nx=True):
            return True
        async with self._client.pipeline() as pipeline:
            await pipeline.watch(key)
            where = await pipeline.get(key)
            if where is not None and raw(where) != value and not await self._is_gone(raw(where)):
                return False
            pipeline.multi()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            pipeline.set(key, value)
            try:
                await pipeline.execute()
            except WatchError:
                return False  # somebody else took it meanwhile
        return True

    async def _is_gone(self, where: bytes) -> bool:
        """Whether a name leads to nobody. Who is not stored by now is kept from it: two creations of
        one name at a time would both succeed, and one account could be found by nobody."""
        partition, subscriber_id = read_where(where)
        owner = await self._read(partition, subscriber_id)
        if owner is not None:
            return owner.state is SubscriberState.TERMINATED
        account_id, _, member = subscriber_id.partition(".")
        barrier = Subscriber(
            AccountId(account_id), partition, 0, "", SubscriberState.TERMINATED, (), member=member
        )
        return await self._ledger.put(barrier) is not None

    async def update(self, subscriber: Subscriber, **changes: Any) -> Subscriber | None:
        """The snapshot with some of its fields changed, or None when somebody else changed it first."""
        stored = await self._ledger.put(replace(subscriber, **changes))
        if stored is not None:
            self._snapshots.put(stored.subscriber_id, stored)
        return stored

    async def remove(self, subscriber: Subscriber) -> bool:
        """Free the identities; account and ledger stay for the books.

        False, and nothing is freed, when somebody else changed the subscriber first: a name without
        its owner would leave a subscriber in service whom nobody finds.
        """
        if await self.update(subscriber, state=SubscriberState.TERMINATED) is None:
            return False
        names = [keys.identity(each, self._partitions) for each in subscriber.identities]
        for each in subscriber.identities:
            self._owners.drop(each)
        own = f"{subscriber.partition} {subscriber.subscriber_id}".encode()
        for name in names:
            await self._release(name, own)
        return True

    async def _release(self, name: bytes, own: bytes) -> None:
        """Free a name, unless it has a new owner already: a name of the gone may be taken at once."""
        async with self._client.pipeline() as pipeline:
            await pipeline.watch(name)
            where = await pipeline.get(name)
            if where is None or raw(where) != own:
                return
            pipeline.multi()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            pipeline.delete(name)
            with contextlib.suppress(WatchError):  # somebody took it meanwhile
                await pipeline.execute()

    async def all_subscribers(self) -> AsyncIterator[Subscriber]:
        """Every subscriber that is not terminated."""
        async for key in self._client.scan_iter(match="{p*}:sub:*", count=1000):
            version, data = await self._client.hmget(key, "version", "data")
            subscriber = decode_subscriber(raw(data), int(raw(version)))
            if subscriber.state is not SubscriberState.TERMINATED:
                yield subscriber


def read_where(value: bytes) -> tuple[Partition, SubscriberId]:
    """Partition and subscriber of a route or identity."""
    partition, subscriber_id = value.decode().split(" ")
    return Partition(int(partition)), SubscriberId(subscriber_id)
