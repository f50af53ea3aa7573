"""What a store holds, by kind of key, and what one subscriber or session adds to it.

`used` is what the server says it uses, without buffers of connections and of its file; the difference
of two readings over N is what one more costs, tables included. The share of each kind of key is what
MEMORY USAGE says of a sample of them. Only the arithmetic is here, and the reading.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from redis.asyncio import Redis

#: Keys of a kind that are asked for their size; where there are fewer, all are.
SAMPLE = 1_000
#: Keys that many subscribers share, one in each partition: all of them are asked.
SHARED = frozenset({"ledger", "agenda", "due", "overdue", "outbox"})
#: What each kind of key is kept for.
OF_SUBSCRIBER = frozenset({"acct", "sub", "id", "agenda", "members"})
OF_SESSION = frozenset({"sess", "answers", "open", "due", "overdue", "route"})
HISTORY = frozenset({"ledger", "post", "outbox"})


@dataclass(frozen=True, slots=True)
class Kind:
    """The keys of one kind."""

    keys: int
    octets: int


@dataclass(frozen=True, slots=True)
class Contents:
    """A store at one moment."""

    used: int
    kinds: Mapping[str, Kind]
    entries: int  # of the ledger


async def contents(client: Redis) -> Contents:
    """What the store holds now."""
    sizes: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    entries = 0
    batch: list[bytes] = []
    async for key in client.scan_iter(count=5_000):
        name = kind_of(key)
        counts[name] = counts.get(name, 0) + 1
        if counts[name] <= SAMPLE or name in SHARED:
            batch.append(key)
    for start in range(0, len(batch), SAMPLE):
        part = batch[start : start + SAMPLE]
        pipeline = client.pipeline(transaction=False)
        for key in part:
            pipeline.memory_usage(key, samples=0)
        for key, size in zip(part, await pipeline.execute(), strict=True):
            if size is not None:
                sizes.setdefault(kind_of(key), []).append(size)
    for key in batch:
        entries += await client.xlen(key) if kind_of(key) == "ledger" else 0
    kinds = {
        name: Kind(count, round(sum(found) * count / len(found)))
        for name, count in counts.items()
        if (found := sizes.get(name))
    }
    return Contents(await used(client), kinds, entries)


def kind_of(key: bytes) -> str:
    """`{p017}:acct:5` is an "acct"; what has no partition is told by its whole name."""
    parts = key.decode(errors="replace").split(":")
    return parts[1] if parts[0][:2] == "{p" and len(parts) > 1 else parts[0]


async def used(client: Redis) -> int:
    """Octets that the store uses for what it keeps."""
    about = await client.info("memory")
    return int(
        about["used_memory"] - about.get("mem_clients_normal", 0) - about.get("mem_aof_buffer", 0)
    )


def share(before: Contents, after: Contents, count: int) -> dict[str, Any]:
    """What one of `count` things added: in all, and by kind of key; what a million would add."""
    kinds = {
        name: (found.octets - before.kinds.get(name, Kind(0, 0)).octets) / count
        for name, found in sorted(after.kinds.items())
    }
    entries = after.entries - before.entries
    ledger = (
        after.kinds.get("ledger", Kind(0, 0)).octets - before.kinds.get("ledger", Kind(0, 0)).octets
    )
    whole = (after.used - before.used) / count
    return {
        "count": count,
        "octets": round(whole, 1),
        "kept": round(sum_of(kinds, OF_SUBSCRIBER), 1),
        "of_sessions": round(sum_of(kinds, OF_SESSION), 1),
        "history": round(sum_of(kinds, HISTORY), 1),
        "tables_and_rest": round(whole - sum(kinds.values()), 1),
        "by_kind": {name: round(value, 1) for name, value in kinds.items() if round(value, 1)},
        "megabytes_per_million": round(whole * 1_000_000 / 1024**2),
        "ledger_entries": round(entries / count, 2),
        "octets_per_ledger_entry": round(ledger / entries, 1) if entries else 0,
    }


def sum_of(kinds: Mapping[str, float], names: frozenset[str]) -> float:
    """Octets of these kinds together."""
    return sum(value for name, value in kinds.items() if name in names)


def kinds_of(found: Contents) -> dict[str, dict[str, int]]:
    """For a result."""
    return {name: asdict(each) for name, each in sorted(found.kinds.items())}
