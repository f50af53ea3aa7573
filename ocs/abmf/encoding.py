"""Subscribers and session contexts as the bytes the store keeps: compact JSON, read by people too.

And the one name of ours that a client keeps for us: Refund-Information, the token of what was paid.
"""

import json
import re
from dataclasses import MISSING, fields
from typing import Any

from ocs.abmf import keys
from ocs.model import (
    AccountId,
    Bucket,
    Identity,
    IdentityKind,
    Partition,
    Product,
    ProductState,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
)

#: Fields of a subscriber that JSON holds as they are, and what they are where a record has none.
PLAIN: dict[str, Any] = {
    each.name: each.default
    for each in fields(Subscriber)
    if each.default is not MISSING and each.name not in ("paid_until", "products")
}


def raw(value: object) -> bytes:
    """A reply of the store that is a string, as its bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


def encode_subscriber(each: Subscriber) -> bytes:
    """Everything but the version, which the store counts; what says nothing is left out."""
    value: dict[str, object] = {
        "account": each.account_id,
        "partition": each.partition,
        "tariff": each.tariff,
        "state": each.state.value,
        "ids": [[one.kind.value, one.value] for one in each.identities],
        "paid_until": each.paid_until,
    }
    if each.products:
        value["products"] = [_product(one) for one in each.products]
    for name, default in PLAIN.items():
        found = getattr(each, name)
        if found != default:
            value[name] = found
    return json.dumps(value, separators=(",", ":")).encode()


def _product(each: Product) -> list[object]:
    buckets = [[one.balance, one.name, one.begins, one.ends] for one in each.buckets]
    return [
        each.number, each.product, each.state.value, each.since, each.due, each.period, buckets,
    ]  # fmt: skip


def _read_product(value: list[Any]) -> Product:
    number, product, state, since, due, period, buckets = value
    return Product(
        number,
        product,
        ProductState(state),
        since,
        due,
        period,
        tuple(Bucket(*one) for one in buckets),
    )


def decode_subscriber(data: bytes, version: int) -> Subscriber:
    """The snapshot at `version`, also one that an earlier release stored."""
    value = json.loads(data)
    plain = {name: _frozen(value.get(name, default)) for name, default in PLAIN.items()}
    return Subscriber(
        account_id=AccountId(value["account"]),
        partition=Partition(value["partition"]),
        version=version,
        tariff=value["tariff"],
        state=SubscriberState(value["state"]),
        identities=tuple(Identity(IdentityKind(kind), text) for kind, text in value["ids"]),
        paid_until=UtcMillis(value["paid_until"]),
        products=tuple(_read_product(one) for one in value.get("products", ())),
        **plain,
    )


def _frozen(value: Any) -> Any:
    """Lists as tuples, also inside each other."""
    return tuple(_frozen(each) for each in value) if isinstance(value, list | tuple) else value


def encode_context(context: SessionContext) -> bytes:
    """A session's context; facts in order, so that one context has one encoding. What says nothing is left
    out: it is kept for as long as the session is."""
    value = told(context, SessionContext)
    attributes = value["attributes"] = told(context.attributes, RatingAttributes)
    if "facts" in attributes:
        attributes["facts"] = sorted(context.attributes.facts)
    return json.dumps(value, separators=(",", ":")).encode()


def told(value: Any, kind: type) -> dict[str, Any]:
    """The fields of a value that say something else than their default."""
    found = {each.name: (getattr(value, each.name), each.default) for each in fields(kind)}
    return {name: said for name, (said, default) in found.items() if said != default}


def decode_context(data: bytes) -> SessionContext:
    """The context that `encode_context` wrote, also that of an earlier release."""
    value = json.loads(data)
    attributes = value["attributes"]
    attributes["facts"] = frozenset(attributes.get("facts", ()))
    value["attributes"] = RatingAttributes(**attributes)
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
