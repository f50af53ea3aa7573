"""Subscribers and session contexts as the bytes the store keeps: compact JSON, read by people too.

And the one name of ours that a client keeps for us: Refund-Information, the token of what was paid.
"""

import json
import re
from dataclasses import asdict

from ocs.abmf import keys
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


#: No leading zeros: one payment has one token.
_TOKEN = re.compile(r"(0|[1-9][0-9]{0,4})\.([1-9][0-9]{0,18})\.([0-9a-f]{32})(?:\.([0-9:]{1,32}))?")


def refund_token(
    partition: Partition, account_id: AccountId, session_id: bytes, event: str = ""
) -> str:
    """Refund-Information (3GPP TS 32.299, 7.2.171): what a refund names to get this payment back.

    `event` is the number of an event's request; without it, the token names an ended session.
    """
    named = f"{partition}.{account_id}.{keys.digest(session_id).decode()}"
    return f"{named}.{event}" if event else named


def read_refund_token(token: str) -> tuple[Partition, AccountId, bytes, str] | None:
    """Partition, account, the session's name and the event's number; None where we wrote no such token."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    partition, account_id, name, event = found.groups(default="")
    return Partition(int(partition)), AccountId(account_id), name.encode(), event
