"""Short ways to write subscribers and plans."""

from ocs.abmf.encoding import encode_context
from ocs.model import (
    AccountId,
    Charge,
    ChargePlan,
    Leg,
    Partition,
    RatingAttributes,
    RequestType,
    Rounding,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
)

#: 11.00 a minute by the second, 30 minutes at the most.
CALL = (Leg(0, 1800, 1, 550_000),)
CALL_DENOMINATOR = 3


def subscriber(number: int = 1, version: int = 0) -> Subscriber:
    """A subscriber with an account."""
    return Subscriber(
        AccountId(str(number)), Partition(number), version, "t", SubscriberState.ACTIVE, ()
    )


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
    used: int | None, requested: int | None, key: str = "100", legs: tuple[Leg, ...] = CALL
) -> Charge:
    """A charge of a call."""
    return Charge(key, used, requested, Rounding(), CALL_DENOMINATOR, legs)


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
) -> ChargePlan:
    """A plan of this subscriber's session."""
    digest = content or f"{abs(hash((kind, number, charges))):016x}"[:16]
    return ChargePlan(
        type=RequestType(kind),
        number=str(number),
        content=digest,
        session_id=session,
        partition=each.partition,
        account_id=each.account_id,
        version=version,
        context=context(each) if kind == "I" else b"",
        charges=charges,
        reply="600;20",
        is_refused_whole=whole,
        supervision_seconds=supervision,
        actor="client.example",
        realm="example",
        peer="client.example",
        owner="w0",
    )
