"""A plan as the flat arguments of the store's functions, and their replies as outcomes.

Only the two directions of a format whose other end is lua/: no waiting, no clock, no connection.
"""

from ocs.abmf.encoding import decode_subscriber, raw
from ocs.abmf.ledger import ExpireOutcome
from ocs.books import RefundOutcome, RefundStatus
from ocs.model import (
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    OutcomeStatus,
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
        plan.scope, plan.state_id, plan.at, len(plan.charges),
    ]  # fmt: skip
    for charge, seconds in zip(plan.charges, final, strict=True):
        used = -1 if charge.used is None else charge.used
        requested = -1 if charge.requested is None else charge.requested
        invariant(used < UNITS_LIMIT and requested < UNITS_LIMIT, "units stay below 2^53")
        found += (
            charge.key, used, requested, charge.refusal.value, charge.unit.value,
            charge.rounding.mode.value, charge.rounding.quantum, charge.denominator,
            seconds * 1000, len(charge.legs),
        )  # fmt: skip
        for leg in charge.legs:
            found += (leg.start, leg.end, leg.step, leg.price, leg.entry_micros)
    return found


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
    key, status, granted, is_final = packed.split(" ")
    return ChargeResult(key, ChargeStatus(status), int(granted), is_final == "1")


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
