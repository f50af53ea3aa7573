"""A plan as the flat arguments of the store's functions, and their replies as outcomes.

Only the two directions of a format whose other end is lua/: no waiting, no clock, no connection.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from ocs.abmf.encoding import decode_subscriber, encode_subscriber, raw
from ocs.abmf.ledger import ExpireOutcome
from ocs.abmf.link import Argument
from ocs.books import Balance, Held, Posting, RefundOutcome, RefundStatus
from ocs.model import (
    AMOUNT_LIMIT,
    Charge,
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    OutcomeStatus,
    Source,
    Subscriber,
    Way,
    invariant,
)

Line = str | int

#: Usage and requests are below this; a larger number is refused before it reaches the store.
UNITS_LIMIT = 2**53

#: Prices, and lists of balances, whose packed form is remembered.
PACKED_AT_MOST = 2000

#: By name: a look into a dictionary takes a third of the time of a call of the enumeration.
STATUSES = {each.value: each for each in OutcomeStatus}
CHARGE_STATUSES = {each.value: each for each in ChargeStatus}

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
        plan.session_id, plan.account_id,
        packed_client(plan.actor, plan.realm, plan.peer, plan.owner, plan.scope), plan.state_id,
        plan.at, plan.subscriber_id,
    ]  # fmt: skip
    names, packed = packed_sources(plan.sources)
    found.append(packed)
    for charge, seconds in zip(plan.charges, final, strict=True):
        price = packed_price(charge, seconds)
        invariant(price.names <= names, "the plan names every balance of its ways")
        used = -1 if charge.used is None else charge.used
        requested = -1 if charge.requested is None else charge.requested
        invariant(used < UNITS_LIMIT and requested < UNITS_LIMIT, "units stay below 2^53")
        found += (
            charge.key, used, requested, charge.refusal.value, charge.used_at,
            price.packed,
        )  # fmt: skip
    return found


@lru_cache(PACKED_AT_MOST)
def packed_client(actor: str, realm: str, peer: str, owner: str, scope: str) -> bytes:
    """Who asks, by whom, and who hears: one argument, which the session keeps."""
    return lines([actor, realm, "" if peer == actor else peer, owner, scope])


@lru_cache(PACKED_AT_MOST)
def packed_sources(sources: tuple[Source, ...]) -> tuple[frozenset[str], bytes]:
    """The names of a plan's balances, and all that is said of them as one argument."""
    found: list[Line] = []
    for each in sources:
        found += (each.name, each.floor, ",".join(map(str, each.notices)))
    return frozenset([each.name for each in sources]), lines(found)


@dataclass(frozen=True, slots=True)
class PackedPrice:
    """How charges with the same ways are paid: all that does not change from request to request."""

    ways: tuple[Way, ...]
    common: tuple[object, ...]
    packed: bytes
    names: frozenset[str]  # of the balances


#: By the identity of the ways: what is offered again is the same object. An entry holds its ways, so that
#: no others can come to their place. Services that differ in the rest share the ways of a price.
_packed: dict[tuple[int, int], PackedPrice] = {}


def packed_price(charge: Charge, final_seconds: int) -> PackedPrice:
    """How a charge is paid, and how long its last units are watched, as one argument."""
    ways = charge.ways
    common = (
        charge.unit, charge.rounding, charge.denominator, charge.limit, charge.least, charge.most,
        charge.note, final_seconds,
    )  # fmt: skip
    place = id(ways), final_seconds
    known = _packed.get(place)
    if known is not None and known.ways is ways and known.common == common:
        return known
    found: list[Line] = [
        charge.unit.value, charge.rounding.mode.value, charge.rounding.quantum, charge.denominator,
        charge.limit, charge.least, charge.most, charge.note, final_seconds * 1000, len(ways),
    ]  # fmt: skip
    names: set[str] = set()
    for way in ways:
        add_way(found, way)
        names.update(way.sources, (draw.source for draw in way.draws))
    if len(_packed) >= PACKED_AT_MOST:
        _packed.clear()
    made = _packed[place] = PackedPrice(ways, common, lines(found), frozenset(names))
    return made


def add_way(found: list[Line], way: Way) -> None:
    """One way of a price."""
    found += (
        way.name, " ".join(way.sources), way.begins, way.ends, way.needs, way.floor,
        way.stops + 2 * way.is_apart, len(way.legs), len(way.draws),
    )  # fmt: skip
    for leg in way.legs:
        found += (leg.start, leg.end, leg.step, leg.price, leg.entry)
    for draw in way.draws:
        found += (draw.source, draw.step, draw.amount, draw.entry)


def lines(values: list[Line]) -> bytes:
    """Values as lines."""
    packed = "".join(f"{each}\n" for each in values)
    invariant(packed.count("\n") == len(values), "no value is of more than one line")
    return packed.encode()


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
    status = STATUSES[word(reply[0])]
    if status in BARE:
        return ChargeOutcome(status)
    if status is OutcomeStatus.STALE:
        fresh = decode_subscriber(raw(reply[2]), int(raw(reply[1])))
        return ChargeOutcome(status, subscriber=fresh)
    _, named, kept, total, left, packed = raw(reply[1]).decode().split("|")
    told = ChargeOutcome(
        status=STATUSES[named],
        results=tuple([read_result(each) for each in packed.split(";")]) if packed else (),
        reply=kept,
        is_replayed=reply[2] == 1,
        total_cost=int(total),
        available=int(left),
    )
    if len(reply) == 3:
        return told  # a repeat, or usage that no session takes: nothing moved
    spent, reserved, written_off, _, was_open, clamped = map(number, reply[3:9])
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
        waiting=read_names(reply[9]) if reply[9] else (),
    )


def read_result(packed: str) -> ChargeResult:
    """One charge of a stored answer."""
    key, status, granted, is_final, way = packed.split(" ")
    name = "" if way == "-" else way
    return ChargeResult(key, CHARGE_STATUSES[status], int(granted), is_final == "1", name)


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
    if b"main" not in found:
        return None

    others = {
        name[2:].decode(): read_held(value.decode())
        for name, value in found.items()
        if name.startswith(b"b:")
    }
    return replace(read_main(found[b"main"].decode()), others=others)


def read_main(packed: str) -> Balance:
    """Own money: balance, reserved, credited, spent, written off, number of the newest entry."""
    balance, reserved, credited, spent, written_off, sequence = map(int, packed.split(" "))
    return Balance(credited, balance - reserved, reserved, spent, written_off, sequence)


def read_held(packed: str) -> Held:
    """Another balance: amount, reserved, and of a counter its period."""
    amount, reserved, period = packed.split(" ", 2)
    return Held(int(amount), int(reserved), period)


def number(value: object) -> int:
    """A reply element that is a number."""
    return value if isinstance(value, int) else int(raw(value))


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
