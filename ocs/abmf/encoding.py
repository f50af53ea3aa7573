"""Subscribers and session contexts as the bytes the store keeps: compact JSON, read by people too."""

import json
from dataclasses import asdict

from ocs.model import (
    AccountId,
    Identity,
    IdentityKind,
    Partition,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
)


def raw(value: object) -> bytes:
    """A reply of the store that is a string, as its bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


def encode_subscriber(each: Subscriber) -> bytes:
    """Everything but the version, which the store counts."""
    value = {
        "account": each.account_id,
        "partition": each.partition,
        "tariff": each.tariff,
        "state": each.state.value,
        "ids": [[one.kind.value, one.value] for one in each.identities],
        "paid_until": each.paid_until,
    }
    return json.dumps(value, separators=(",", ":")).encode()


def decode_subscriber(data: bytes, version: int) -> Subscriber:
    """The snapshot at `version`."""
    value = json.loads(data)
    return Subscriber(
        account_id=AccountId(value["account"]),
        partition=Partition(value["partition"]),
        version=version,
        tariff=value["tariff"],
        state=SubscriberState(value["state"]),
        identities=tuple(Identity(IdentityKind(kind), text) for kind, text in value["ids"]),
        paid_until=UtcMillis(value["paid_until"]),
    )


def encode_context(context: SessionContext) -> bytes:
    """A session's context."""
    return json.dumps(asdict(context), separators=(",", ":")).encode()


def decode_context(data: bytes) -> SessionContext:
    """The context that `encode_context` wrote."""
    value = json.loads(data)
    value["attributes"] = RatingAttributes(**value["attributes"])
    return SessionContext(**value)
