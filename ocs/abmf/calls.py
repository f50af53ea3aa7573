"""A plan as the flat arguments of the store's functions, and their replies as outcomes.

Only the two directions of a format whose other end is lua/: no waiting, no clock, no connection.
"""

from collections.abc import Mapping

from ocs.abmf.encoding import decode_subscriber, encode_subscriber, raw
from ocs.abmf.ledger import ExpireOutcome
from ocs.books import Balance, Held, Posting, RefundOutcome, RefundStatus
from ocs.model import (
    AMOUNT_LIMIT,
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    OutcomeStatus,
    Subscriber,
    Way,
    invariant,
)

Argument = bytes | str | int
Command = tuple[Argument, ...]

#: Usage and requests are below this; a larger number is refused before it reaches the store.
UNITS_LIMIT = 2**53

#: Statuses that say everything; nothing was stored for them.
BARE = frozenset(
    {
        OutcomeStatus.FOREIGN,
        OutcomeStatus.MISMATCH,
        OutcomeStatus.EXISTS,
        OutcomeStatus.UNRATED,
    }
)


def plan_arguments(plan: ChargePlan, now: int) -> list[Argument]:
    """ARGV of charge.lua and event.lua."""
    final = plan.final_seconds or (0,) * len(plan.charges)
    found: list[Argument] = [
        now, plan.type.value, plan.number, plan.content, plan.version, plan.context,
        plan.reply, int(plan.is_refused_whole), plan.supervision_seconds * 1000,
        plan.session_id, plan.account_id, plan.actor, plan.realm, plan.peer, plan.owner,
        plan.scope, plan.state_id, plan.at, plan.subscriber_id, len(plan.sources),
    ]  # fmt: skip
    for source in plan.sources:
        found += (source.name, source.floor, ",".join(map(str, source.notices)))
    places = {source.name: place for place, source in enumerate(plan.sources, 1)}
    found.append(len(plan.charges))
    for charge, seconds in zip(plan.charges, final, strict=True):
        used = -1 if charge.used is None else charge.used
        requested = -1 if charge.requested is None else charge.requested
        invariant(used < UNITS_LIMIT and requested < UNITS_LIMIT, "units stay below 2^53")
        found += (
            charge.key, used, requested, charge.refusal.value, charge.unit.value,
            charge.rounding.mode.value, charge.rounding.quantum, charge.denominator,
            seconds * 1000, charge.limit, charge.least, charge.most, charge.used_at, charge.note,
            len(charge.ways),
        )  # fmt: skip
        for way in charge.ways:
            add_way(found, way, places)
    return found


def add_way(found: list[Argument], way: Way, places: Mapping[str, int]) -> None:
    """One way; balances by their places in the plan."""
    named = {*way.sources, *(draw.source for draw in way.draws)}
    invariant(named <= places.keys(), "the plan names every balance of its ways")
    found += (
        way.name, " ".join(str(places[source]) for source in way.sources),
        way.begins, way.ends, way.needs, way.floor, way.stops + 2 * way.is_apart,
        len(way.legs), len(way.draws),
    )  # fmt: skip
    for leg in way.legs:
        found += (leg.start, leg.end, leg.step, leg.price, leg.entry)
    for draw in way.draws:
        found += (places[draw.source], draw.step, draw.amount, draw.entry)


def post_arguments(posting: Posting, content: bytes, now: int) -> list[Argument]:
    """ARGV of post.lua."""
    stored = posting.subscriber
    subscriber: tuple[Argument, ...] = (posting.account_id, "", b"", 0)
    if stored is not None:
        subscriber = (
            stored.subscriber_id, stored.version, encode_subscriber(stored), stored.due,
        )  # fmt: skip
    found: list[Argument] = [
        now, content, posting.kind, posting.actor, posting.reason, posting.account_id,
        *subscriber, posting.purse, len(posting.movements),
    ]  # fmt: skip
    invariant(0 <= posting.purse <= AMOUNT_LIMIT, "a purse holds money")
    for each in posting.movements:
        invariant(0 <= each.amount <= AMOUNT_LIMIT, "an act says the direction of its amount")
        found += (each.act.value, each.balance, each.amount, each.limit)
    found.append(len(posting.notices))
    for notice in posting.notices:
        found += (notice.kind, len(notice.values))
        for name, value in notice.values:
            found += (name, value)
    return found


def post_content(posting: Posting) -> bytes:
    """What a repeat of a posting must share. What else it says may follow from the moment it is made at."""
    acts = ";".join(f"{m.act.value} {m.balance} {m.amount} {m.limit}" for m in posting.movements)
    asked = posting.asked or acts
    return f"{posting.account_id}|{posting.kind}|{posting.purse}|{asked}|{posting.reason}".encode()


def read_outcome(reply: list[object]) -> ChargeOutcome:
    """What charge or event said."""
    status = OutcomeStatus(word(reply[0]))
    if status in BARE:
        return ChargeOutcome(status)
    if status is OutcomeStatus.STALE:
        fresh = decode_subscriber(raw(reply[2]), int(raw(reply[1])))
        return ChargeOutcome(status, subscriber=fresh)
    _, named, kept, total, left, packed = raw(reply[1]).decode().split("|")
    told = ChargeOutcome(
        status=OutcomeStatus(named),
        results=tuple(read_result(each) for each in packed.split(";") if each),
        reply=kept,
        is_replayed=reply[2] == 1,
        total_cost=int(total),
        available=int(left),
    )
    if len(reply) == 3:
        return told  # a repeat, or usage that no session takes: nothing moved
    spent, reserved, written_off, _, was_open, clamped = (int(raw(each)) for each in reply[3:9])
    return ChargeOutcome(
        told.status,
        told.results,
        told.reply,
        was_open=was_open == 1,
        spent=spent,
        reserved=reserved,
        written_off=written_off,
        total_cost=told.total_cost,
        available=told.available,
        clamped=clamped,
        waiting=read_names(reply[9]),
    )


def read_result(packed: str) -> ChargeResult:
    """One charge of a stored answer."""
    # A result of an earlier release names no way.
    key, status, granted, is_final, way = [*packed.split(" "), "-"][:5]
    name = "" if way == "-" else way
    return ChargeResult(key, ChargeStatus(status), int(granted), is_final == "1", name)


def read_refund(reply: list[object]) -> RefundOutcome:
    """What refund said."""
    status = RefundStatus(word(reply[0]))
    if len(reply) == 1:
        return RefundOutcome(status)
    return RefundOutcome(status, int(raw(reply[1])), int(raw(reply[2])), reply[3] == 1)


def read_expired(reply: list[object]) -> ExpireOutcome:
    """What expire said."""
    status = word(reply[0])
    if status != "expired":
        return ExpireOutcome(False, is_marked=status == "marked")
    return ExpireOutcome(True, read_names(reply[2]), int(raw(reply[1])))


def read_subscriber(reply: list[object]) -> Subscriber | None:
    """Version and data, as they are stored; None where there is none."""
    version, data = (raw(each) for each in reply)
    return decode_subscriber(data, int(version)) if data else None


def read_balance(reply: object) -> Balance | None:
    """An account's hash; None where there is no account."""
    found = as_pairs(reply)
    if b"balance" not in found:
        return None

    def number(name: bytes) -> int:
        return int(found.get(name, b"0"))

    others = {
        name[2:].decode(): Held(
            int(value), number(b"r:" + name[2:]), found.get(b"k:" + name[2:], b"").decode()
        )
        for name, value in found.items()
        if name.startswith(b"a:")
    }
    reserved = number(b"reserved")
    return Balance(
        number(b"credited"),
        number(b"balance") - reserved,
        reserved,
        number(b"spent"),
        number(b"written_off"),
        number(b"seq"),
        others,
    )


def as_pairs(reply: object) -> dict[bytes, bytes]:
    """A hash; a connection that speaks RESP2 gives it flat."""
    if isinstance(reply, dict):
        return {raw(name): raw(value) for name, value in reply.items()}
    flat = [raw(each) for each in as_list(reply)]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def read_names(reply: object) -> tuple[bytes, ...]:
    """Session-Ids."""
    return tuple(raw(each) for each in as_list(reply))


def as_list(reply: object) -> list[object]:
    """A reply that is an array."""
    invariant(isinstance(reply, list), "the function replies with an array")
    return list(reply) if isinstance(reply, list) else []


def word(value: object) -> str:
    """A reply element that is a status."""
    return raw(value).decode()
