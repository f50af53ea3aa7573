"""Short ways to write subscribers, plans and movements, and to read an account."""

from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.encoding import encode_context, raw
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import Act, Movement, Posting
from ocs.model import (
    MAIN_MONEY,
    AccountId,
    Charge,
    ChargePlan,
    Leg,
    Partition,
    RatingAttributes,
    RequestType,
    Rounding,
    SessionContext,
    Source,
    Subscriber,
    SubscriberState,
    UnitKind,
    UtcMillis,
    Way,
)

#: 11.00 a minute by the second, 30 minutes at the most.
CALL = (Leg(0, 1800, 1, 550_000),)
CALL_DENOMINATOR = 3


def subscriber(number: int = 1, version: int = 0) -> Subscriber:
    """A subscriber with an account."""
    return Subscriber(
        AccountId(str(number)), Partition(number), version, "t", SubscriberState.ACTIVE, ()
    )


def topup(each: Subscriber, amount: int, key: str = "first") -> Posting:
    """A top-up."""
    return Posting(
        each.account_id,
        each.partition,
        key,
        "topup",
        (Movement(Act.CREDIT, amount=amount),),
        "test",
        "because",
    )


async def amounts(ledger: RedisLedger, each: Subscriber) -> tuple[int, int, int, int]:
    """available, reserved, spent, written off; and the invariant."""
    found = await ledger.balance(each.account_id, each.partition)
    assert found is not None
    assert found.credited == found.available + found.reserved + found.spent + found.written_off
    assert found.available >= 0
    return found.available, found.reserved, found.spent, found.written_off


async def watched(redis: Redis, each: Subscriber) -> dict[bytes, int]:
    """The sessions that were given their last units, and by when they must ask again."""
    index = keys.overdue(each.partition)
    return {raw(name): int(score) async for name, score in redis.zscan_iter(index)}


def context(each: Subscriber) -> bytes:
    """The context a session of this subscriber keeps."""
    return encode_context(
        SessionContext(
            each.account_id,
            each.partition,
            "voice",
            each.tariff,
            UtcMillis(1),
            False,
            RatingAttributes("voice"),
            "v",
        )
    )


def call(
    used: int | None,
    requested: int | None,
    key: str = "100",
    legs: tuple[Leg, ...] = CALL,
    unit: UnitKind = UnitKind.EVENTS,
) -> Charge:
    """A charge of a call. Its units are not told to be seconds, so that a test without a clock may
    report any number of them."""
    ways = (Way("p", legs),) if legs else ()
    return Charge(key, used, requested, Rounding(), CALL_DENOMINATOR, ways, unit=unit)


def plan(
    each: Subscriber,
    kind: str,
    number: int,
    *charges: Charge,
    session: bytes = b"client;1",
    whole: bool = True,
    content: str | None = None,
    version: int = 1,
    supervision: int = 1200,
    actor: str = "client.example",
    realm: str = "example",
    scope: str = "host",
    state_id: int = 0,
    final: tuple[int, ...] = (),
    sources: tuple[Source, ...] = (Source(MAIN_MONEY),),
) -> ChargePlan:
    """A plan of this subscriber's session. `final` tells how long its last units are watched, by charge."""
    digest = content or f"{abs(hash((kind, number, charges))):016x}"[:16]
    return ChargePlan(
        type=RequestType(kind),
        number=str(number),
        content=digest,
        session_id=session,
        partition=each.partition,
        account_id=each.account_id,
        subscriber_id=each.subscriber_id,
        version=version,
        context=context(each) if kind == "I" else b"",
        charges=charges,
        sources=sources,
        reply="600;20",
        is_refused_whole=whole,
        supervision_seconds=supervision,
        actor=actor,
        realm=realm,
        peer="client.example",
        owner="w0",
        scope=scope,
        state_id=state_id,
        final_seconds=final,
    )
