"""Finding and provisioning subscribers: what is refused, what is never stale, what is read once."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.encoding import decode_context, encode_context, raw
from ocs.abmf.ledger import LedgerUnavailable
from ocs.abmf.library import Library
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import (
    Cache,
    IdentityConflict,
    IdentityTaken,
    Subscribers,
    read_where,
)
from ocs.books import Balance
from ocs.model import (
    AccountId,
    Identity,
    IdentityKind,
    OutcomeStatus,
    Partition,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberId,
    SubscriberState,
    UtcMillis,
)
from ocs.store.connect import connect
from tests.support.plans import call, context, plan, topup
from tests.support.proxy import proxied

PARTITIONS = 16
ACTIVE, BARRED, TERMINATED = (
    SubscriberState.ACTIVE,
    SubscriberState.BARRED,
    SubscriberState.TERMINATED,
)
NUMBER = Identity(IdentityKind.E164, "77011112233")
CARD = Identity(IdentityKind.IMSI, "401021112223344")
URI = Identity(IdentityKind.SIP_URI, "sip:{evil}@ims.example")


def directory(client: Redis) -> Subscribers:
    """The subscribers as one process sees them."""
    ledger = RedisLedger(client, Library.from_package(), PARTITIONS)
    return Subscribers(client, ledger, PARTITIONS)


@pytest.fixture
async def here(redis: Redis) -> Subscribers:
    """One process on an empty store."""
    await Library.from_package().load(redis)
    return directory(redis)


@pytest.fixture
def there(redis: Redis) -> Subscribers:
    """Another process on the same store."""
    return directory(redis)


# --- the cache ------------------------------------------------------------------------------------


def test_cache_forgets_what_was_not_used_for_longest() -> None:
    """Bounded; a look makes a value young again."""
    cache: Cache[str, int] = Cache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    cache.put("a", 9)
    cache.put("d", 4)
    assert (cache.get("a"), cache.get("c"), cache.get("d")) == (9, None, 4)


def test_cache_drops() -> None:
    """Also what it does not have."""
    cache: Cache[str, int] = Cache(2)
    cache.put("a", 1)
    cache.drop("a")
    cache.drop("a")
    assert cache.get("a") is None


def test_where() -> None:
    """Partition and account as they stand in the store."""
    assert read_where(b"7 123") == (Partition(7), SubscriberId("123"))


# --- finding: refusals first ------------------------------------------------------------------------


async def test_nobody(here: Subscribers) -> None:
    """No identity, and identities that nobody has."""
    assert await here.find(()) is None
    assert await here.find((NUMBER, CARD, URI)) is None
    assert await here.get(Partition(1), SubscriberId("1")) is None


async def test_an_unknown_identity_is_not_remembered(here: Subscribers, there: Subscribers) -> None:
    """Provisioned elsewhere, it is found by the very next request."""
    assert await here.find((NUMBER,)) is None
    made = await there.create((NUMBER,), "t", ACTIVE)
    assert await here.find((NUMBER,)) == made


async def test_two_accounts(here: Subscribers, there: Subscribers) -> None:
    """Nobody can say who pays, neither afresh nor from the cache."""
    await there.create((NUMBER,), "t", ACTIVE)
    await there.create((CARD,), "t", ACTIVE)
    for _ in range(2):
        with pytest.raises(IdentityConflict):
            await here.find((NUMBER, CARD))


async def test_an_old_cache_makes_no_conflict(here: Subscribers, there: Subscribers) -> None:
    """The number was cached, then given to another subscriber together with a card."""
    old = await there.create((NUMBER,), "t", ACTIVE)
    assert await here.find((NUMBER,)) == old
    assert await there.remove(old)
    new = await there.create((NUMBER, CARD), "t", ACTIVE)
    assert await here.find((NUMBER, CARD)) == new
    assert await here.find((NUMBER,)) == new


async def test_terminated(here: Subscribers, there: Subscribers) -> None:
    """Not found while terminated; found again when it is back, though that happened elsewhere."""
    made = await there.create((NUMBER,), "t", ACTIVE)
    gone = await there.update(made, state=TERMINATED)
    assert gone is not None
    assert await here.find((NUMBER,)) is None
    assert await here.find((NUMBER,)) is None
    back = await there.update(gone, state=ACTIVE)
    assert await here.find((NUMBER,)) == back


async def test_removed_and_known_from_the_ledger(here: Subscribers, there: Subscribers) -> None:
    """A name is looked up afresh when its cached owner turns out to be gone."""
    old = await there.create((NUMBER,), "t", ACTIVE)
    await here.find((NUMBER,))
    assert await there.remove(old)
    fresh = await here.refresh(old)
    assert fresh.state is TERMINATED
    assert await here.find((NUMBER,)) is None
    new = await there.create((NUMBER,), "t", BARRED)
    assert await here.find((NUMBER,)) == new


async def test_a_snapshot_may_be_old(here: Subscribers, there: Subscribers) -> None:
    """Until the ledger sends the fresh one, or it is asked for; the charge finds out by the version."""
    made = await there.create((NUMBER, CARD), "t", ACTIVE)
    assert await here.find((CARD, NUMBER)) == made
    changed = await there.update(made, tariff="other")
    assert changed is not None and (changed.version, changed.tariff) == (2, "other")
    assert await here.find((NUMBER,)) == made
    here.remember(changed)
    assert await here.find((NUMBER,)) == changed
    barred = await there.update(changed, state=BARRED)
    assert await here.refresh(changed) == barred == await here.find((NUMBER,))


# --- sessions --------------------------------------------------------------------------------------


CALL = SessionContext(
    AccountId("9"), Partition(3), "voice", "t", UtcMillis(1), False, RatingAttributes("voice"), "v"
)


def context_of(each: Subscriber) -> bytes:
    """The context of a call."""
    return encode_context(
        SessionContext(
            each.account_id, each.partition, "voice", "t", UtcMillis(1), False,
            RatingAttributes("voice"), "v",
        )
    )  # fmt: skip


async def test_session_nobody_opened(here: Subscribers, redis: Redis) -> None:
    """Without a route, and with a route to a session that is not there; neither is remembered."""
    assert await here.session(b"call;1") is None
    name = keys.digest(b"call;1")
    await redis.set(keys.route(name, PARTITIONS), "3 9")
    assert await here.session(b"call;1") is None
    await redis.hset(keys.session(3, name), "context", encode_context(CALL))
    assert await here.session(b"call;1") == CALL


async def test_session_of_another_worker(
    here: Subscribers, there: Subscribers, redis: Redis
) -> None:
    """It is found by its id alone, with the context that its first request stored."""
    made = await there.create((NUMBER,), "t", ACTIVE)
    ledger = RedisLedger(redis, Library.from_package(), PARTITIONS)
    opened = await ledger.charge(plan(made, "I", 0, call(None, None), session=b"call;{1}"))
    assert opened.status is OutcomeStatus.CHARGED
    assert await here.session(b"call;{1}") == decode_context(context(made))
    assert await here.get(made.partition, made.subscriber_id) == made


async def test_session_and_subscriber_in_two_round_trips(
    here: Subscribers, redis: Redis, empty_store: str, tmp_path: Path
) -> None:
    """The snapshot comes with the context, and is known from then on."""
    made = await here.create((NUMBER,), "t", ACTIVE)
    name = keys.digest(b"call;1")
    await redis.set(keys.route(name, PARTITIONS), f"{made.partition} {made.account_id}")
    await redis.hset(keys.session(made.partition, name), "context", context_of(made))
    async with proxied(empty_store, tmp_path) as (proxy, url), connect(url, 5.0) as client:
        await client.ping()
        cold = directory(client)
        before = proxy.requests
        assert await cold.session(b"call;1") == decode_context(context_of(made))
        assert await cold.get(made.partition, made.subscriber_id) == made
        assert proxy.requests - before == 2


def test_orphans_have_a_place(here: Subscribers) -> None:
    """Always the same one, inside the partitions, whatever the Session-Id says."""
    places = {here.orphan_partition(b"{p001};%d" % number) for number in range(200)}
    assert places == set(range(PARTITIONS))
    assert here.orphan_partition(b"a") == here.orphan_partition(b"a")


async def test_no_store(tmp_path: Path) -> None:
    """Every read on the path of a CCR says that the ledger is not available."""
    async with connect(f"unix://{tmp_path}/nothing", 1.0) as client:
        cold = directory(client)
        with pytest.raises(LedgerUnavailable):
            await cold.find((NUMBER,))
        with pytest.raises(LedgerUnavailable):
            await cold.get(Partition(1), SubscriberId("1"))
        with pytest.raises(LedgerUnavailable):
            await cold.session(b"call;1")


# --- provisioning: refusals first -------------------------------------------------------------------


async def test_taken(here: Subscribers, there: Subscribers) -> None:
    """Refused by name; the other names that were claimed on the way are free again."""
    owner = await here.create((NUMBER,), "t", ACTIVE)
    with pytest.raises(IdentityTaken, match="77011112233"):
        await there.create((CARD, NUMBER), "t", ACTIVE)
    assert await there.find((NUMBER,)) == owner
    other = await there.create((CARD,), "t", ACTIVE)
    assert other.account_id != owner.account_id


async def test_created_at_once(here: Subscribers, there: Subscribers) -> None:
    """Ten creations of one number at a time: whoever is told that it succeeded is found."""
    outcomes = await asyncio.gather(
        *((here, there)[number % 2].create((NUMBER,), "t", ACTIVE) for number in range(10)),
        return_exceptions=True,
    )
    made = [each for each in outcomes if isinstance(each, Subscriber)]
    assert len(made) == 1
    assert all(isinstance(each, Subscriber | IdentityTaken) for each in outcomes)
    assert await there.find((NUMBER,)) == made[0]


async def test_interrupted_creation(here: Subscribers, redis: Redis) -> None:
    """A name whose owner was never stored is free, and that owner cannot come back."""
    await redis.set(keys.identity(NUMBER, PARTITIONS), "5 4711")
    made = await here.create((NUMBER,), "t", ACTIVE)
    assert await here.find((NUMBER,)) == made
    late = Subscriber(AccountId("4711"), Partition(5), 0, "t", ACTIVE, (NUMBER,))
    ledger = RedisLedger(redis, Library.from_package(), PARTITIONS)
    assert await ledger.put(late) is None


async def test_interrupted_removal(here: Subscribers, there: Subscribers) -> None:
    """A name that still leads to a terminated subscriber is free."""
    old = await here.create((NUMBER,), "t", ACTIVE)
    assert await here.update(old, state=TERMINATED) is not None
    new = await there.create((NUMBER,), "t", ACTIVE)
    assert new.account_id != old.account_id
    assert await here.find((NUMBER,)) == new


async def test_changed_by_somebody_else(here: Subscribers, there: Subscribers) -> None:
    """A change made from an old snapshot is refused; so is a removal, and nothing is freed."""
    made = await here.create((NUMBER,), "t", ACTIVE)
    changed = await there.update(made, tariff="other")
    assert await here.update(made, state=BARRED) is None
    assert await here.remove(made) is False
    assert await directory_of(here).find((NUMBER,)) == changed


def directory_of(each: Subscribers) -> Subscribers:
    """A process that has nothing cached."""
    return directory(each._client)


async def test_create(here: Subscribers, there: Subscribers, redis: Redis) -> None:
    """Found by each of its names; an account of its own with nothing on it; a name may stand twice."""
    made = await here.create((NUMBER, CARD, URI, NUMBER), "t", BARRED)
    assert (made.version, made.tariff, made.state) == (1, "t", BARRED)
    for each in (NUMBER, CARD, URI):
        assert await there.find((each,)) == made
    ledger = RedisLedger(redis, Library.from_package(), PARTITIONS)
    assert await ledger.balance(made.account_id, made.partition) == Balance()
    second = await here.create((), "t", ACTIVE)
    assert second.account_id != made.account_id


async def test_members_share_an_account(
    here: Subscribers, there: Subscribers, redis: Redis
) -> None:
    """Each is found by its own names and has a version of its own; what one is, the other is not."""
    first = await here.create((NUMBER,), "t", ACTIVE)
    second = await here.create((CARD,), "t", ACTIVE, account=first)
    third = await here.create((), "t", ACTIVE, account=second)
    assert [each.account_id for each in (second, third)] == [first.account_id] * 2
    assert len({first.subscriber_id, second.subscriber_id, third.subscriber_id}) == 3
    assert await there.find((NUMBER,)) == first
    assert await there.find((CARD,)) == second
    with pytest.raises(IdentityConflict):
        await there.find((NUMBER, CARD))
    changed = await here.update(second, roams=False, language="kk")
    assert changed is not None
    assert (changed.roams, changed.language, changed.version) == (False, "kk", 2)
    assert await here.refresh(first) == first
    assert await here.get(second.partition, second.subscriber_id) == changed
    assert await directory(redis).get(third.partition, third.subscriber_id) == third


async def test_a_session_of_a_member(here: Subscribers, redis: Redis) -> None:
    """Its route leads to the member, whose snapshot comes along; the account is one."""
    first = await here.create((), "t", ACTIVE)
    member = await here.create((), "t", ACTIVE, account=first)
    ledger = RedisLedger(redis, Library.from_package(), PARTITIONS)
    await ledger.post(topup(first, 30_000_000))
    outcome = await ledger.charge(plan(member, "I", 0, call(None, 60)))
    assert outcome.status is OutcomeStatus.CHARGED
    route = await redis.get(keys.route(keys.digest(b"client;1"), PARTITIONS))
    assert read_where(raw(route)) == (member.partition, member.subscriber_id)
    assert await directory(redis).session(b"client;1") is not None
    changed = await here.update(member, tariff="other")
    stale = await ledger.charge(plan(member, "U", 1, call(1, 60)))
    assert (stale.status, stale.subscriber) == (OutcomeStatus.STALE, changed)


async def test_a_member_removed_leaves_the_others(here: Subscribers, there: Subscribers) -> None:
    """Its names are free again, also for another member of the account."""
    first = await here.create((NUMBER,), "t", ACTIVE)
    member = await here.create((CARD,), "t", ACTIVE, account=first)
    assert await here.remove(member)
    assert await there.find((CARD,)) is None
    assert await there.find((NUMBER,)) == first
    again = await here.create((CARD,), "t", ACTIVE, account=first)
    assert again.subscriber_id != member.subscriber_id


async def test_an_interrupted_creation_of_a_member(here: Subscribers, redis: Redis) -> None:
    """A name that leads to a member never stored may be taken, and the member cannot come later."""
    first = await here.create((), "t", ACTIVE)
    await redis.set(keys.identity(NUMBER, PARTITIONS), f"{first.partition} {first.account_id}.8")
    made = await here.create((NUMBER,), "t", ACTIVE)
    assert await directory(redis).find((NUMBER,)) == made
    ghost = await here.get(first.partition, SubscriberId(f"{first.account_id}.8"))
    assert ghost is not None and ghost.state is TERMINATED


async def test_accounts_are_spread(here: Subscribers) -> None:
    """As many subscribers as partitions: each has one of its own."""
    made = [await here.create((), "t", ACTIVE) for _ in range(PARTITIONS)]
    assert {each.partition for each in made} == set(range(PARTITIONS))


async def test_remove(here: Subscribers, there: Subscribers, redis: Redis) -> None:
    """Its names are free, its account stays for the books."""
    made = await here.create((NUMBER, CARD), "t", ACTIVE)
    assert await here.remove(made)
    for process in (here, there):
        assert await process.find((NUMBER, CARD)) is None
    ledger = RedisLedger(redis, Library.from_package(), PARTITIONS)
    assert await ledger.balance(made.account_id, made.partition) == Balance()
    assert (await here.refresh(made)).state is TERMINATED


async def test_all_subscribers(here: Subscribers, there: Subscribers) -> None:
    """Everybody but the terminated."""
    made = [await here.create((), "t", ACTIVE) for _ in range(20)]
    assert await here.remove(made[0])
    barred = await here.update(made[1], state=BARRED)
    found = [each async for each in there.all_subscribers()]
    assert len(found) == 19
    assert sorted(found, key=lambda each: int(each.account_id)) == [barred, *made[2:]]


async def test_refresh_of_somebody_never_stored(here: Subscribers) -> None:
    """What was given comes back."""
    ghost = Subscriber(AccountId("9"), Partition(9), 0, "t", ACTIVE, ())
    assert await here.refresh(ghost) is ghost
