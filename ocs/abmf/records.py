"""Plain reads for people and sweepers: entries of an account, open and due sessions."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.calls import read_main
from ocs.abmf.encoding import decode_context, raw
from ocs.abmf.ledger import reading
from ocs.books import Balance, LedgerEntry, Move, OpenSession
from ocs.model import AccountId, Partition, Subscriber, UtcMillis

#: Sessions read at a time where all are walked over.
SCAN_COUNT = 500
#: Partitions looked at in one piece: more would hold up the requests of a worker for milliseconds.
PARTITIONS_AT_ONCE = 16


class Records:
    """Reads of what the ledger wrote; never on the path of a CCR."""

    def __init__(self, client: Redis, partitions: int) -> None:
        self._client = client
        self._partitions = partitions

    async def entries(
        self, account_id: AccountId, partition: Partition, limit: int
    ) -> list[LedgerEntry]:
        """The newest `limit` entries of an account, newest first, by their `prev` links."""
        newest = await self._client.hget(keys.account(partition, account_id), "last")
        entry_id = raw(newest or b"")
        found: list[LedgerEntry] = []
        while entry_id and len(found) < limit:
            rows = await self._client.xrange(keys.ledger(partition), entry_id, entry_id)
            if not rows:
                break  # older than what the stream still holds
            entry = read_entry(raw(rows[0][0]), as_row(rows[0][1]))
            found.append(entry)
            entry_id = entry.previous.encode()
        return found

    async def session(self, session_id: bytes) -> OpenSession | None:
        """The open session with this id."""
        name = keys.digest(session_id)
        where = await self._client.get(keys.route(name, self._partitions))
        if where is None:
            return None
        partition = Partition(int(where.split()[0]))
        found = await read_sessions(self._client, partition, [session_id])
        return found[0] if found else None

    async def sessions_of(self, subscriber: Subscriber) -> list[OpenSession]:
        """The open sessions that a subscriber's account pays for."""
        key = keys.open_sessions(subscriber.partition, subscriber.account_id)
        return await read_sessions(
            self._client,
            subscriber.partition,
            [raw(each) for each in await self._client.hkeys(key)],
        )

    async def open_sessions(self) -> list[OpenSession]:
        """Every open session of every partition."""
        return await self._by_moment(keys.due, "+inf", -1)

    async def sessions_of_host(self, host: str, below: int) -> AsyncIterator[list[OpenSession]]:
        """A client's open sessions whose first request carried an Origin-State-Id below this one, in
        batches; sessions that end meanwhile do no harm. One that named none says nothing."""
        for number in range(self._partitions):
            cursor, partition = 0, Partition(number)
            while True:
                cursor, members = await self._client.zscan(
                    keys.due(partition), cursor, count=SCAN_COUNT
                )
                rows = await read_rows(self._client, partition, [raw(name) for name, _ in members])
                found = [read_session(partition, row) for row in rows if is_of(row, host, below)]
                if found:
                    yield found
                if cursor == 0:
                    break

    async def due(self, limit: int) -> list[OpenSession]:
        """Sessions whose deadline has passed by the store's clock, at most `limit`."""
        return await self._past(keys.due, limit)

    async def overdue(self, limit: int) -> list[OpenSession]:
        """Sessions that were given their last units and should have asked again, at most `limit`."""
        return await self._past(keys.overdue, limit)

    async def _past(self, index: Callable[[int], bytes], limit: int) -> list[OpenSession]:
        with reading():
            seconds, micros = await self._client.time()
            found = await self._by_moment(index, str(seconds * 1000 + micros // 1000), limit)
        return found[:limit]

    async def _by_moment(
        self, index: Callable[[int], bytes], until: str, limit: int
    ) -> list[OpenSession]:
        found: list[OpenSession] = []
        for first in range(0, self._partitions, PARTITIONS_AT_ONCE):
            some = range(first, min(first + PARTITIONS_AT_ONCE, self._partitions))
            async with self._client.pipeline(transaction=False) as pipeline:
                for partition in some:
                    pipeline.zrangebyscore(index(partition), "-inf", until, start=0, num=limit)
                names = await pipeline.execute()
            for partition, members in zip(some, names, strict=True):
                if members:
                    found += await read_sessions(self._client, Partition(partition), members)
        return found


async def read_sessions(
    client: Redis, partition: Partition, session_ids: Sequence[bytes]
) -> list[OpenSession]:
    """Those of `session_ids` that are open, in one round trip."""
    rows = await read_rows(client, partition, session_ids)
    return [read_session(partition, row) for row in rows]


async def read_rows(
    client: Redis, partition: Partition, session_ids: Sequence[bytes]
) -> list[dict[bytes, bytes]]:
    """The hashes of those of `session_ids` that are open."""
    if not session_ids:
        return []
    async with client.pipeline(transaction=False) as pipeline:
        for each in session_ids:
            pipeline.hgetall(keys.session(partition, keys.digest(each)))
        rows = await pipeline.execute()
    return [row for row in rows if row.get(b"state") == b"open"]


@dataclass(frozen=True, slots=True)
class Client:
    """Who asked last for a session, and what never changes of it (lua/lib/session.lua)."""

    host: str
    realm: str
    peer: str
    owner: str
    account_id: AccountId
    started: UtcMillis
    state_id: int
    session_id: bytes


def read_client(row: Mapping[bytes, bytes]) -> Client:
    """Two fields of a session hash, each of lines; the Session-Id may have lines of its own."""
    host, realm, peer, owner, _, _ = row[b"client"].decode().split("\n")
    account, started, state_id, session_id = row[b"about"].split(b"\n", 3)
    return Client(
        host, realm, peer or host, owner, AccountId(account.decode()), UtcMillis(int(started)),
        int(state_id), session_id,
    )  # fmt: skip


def is_of(row: Mapping[bytes, bytes], host: str, below: int) -> bool:
    """Whether a session hash is this client's, opened with an Origin-State-Id below the given one."""
    client = read_client(row)
    return client.host.lower() == host.lower() and 0 < client.state_id < below


def read_session(partition: Partition, row: Mapping[bytes, bytes]) -> OpenSession:
    """One session hash."""
    services = {
        name[2:]: value.split(b"\n")[:2] for name, value in row.items() if name.startswith(b"s:")
    }
    waits = {name: numbers.endswith(b" 1") for name, (numbers, _) in services.items()}
    client, context = read_client(row), decode_context(row[b"context"])
    return OpenSession(
        session_id=client.session_id,
        account_id=client.account_id,
        partition=partition,
        origin_host=client.host,
        origin_realm=client.realm,
        peer=client.peer,
        owner=client.owner,
        is_waiting=any(waits.values()),
        is_cut=b"cut" in row,
        reserved=sum(read_own(held) for _, held in services.values()),
        started=client.started,
        deadline=UtcMillis(int(row[b"standing"].split(b" ")[0])),
        service=context.service,
        correlation=context.correlation,
        waiting_group=waiting_group(waits),
    )


def read_own(packed: bytes) -> int:
    """The main money of "name amount;name amount"; a number alone is main money."""
    if packed.isdigit():
        return int(packed)
    parts = (each.split(b" ") for each in packed.split(b";"))
    return sum(int(amount) for name, amount in parts if name == b"main")


def read_moves(packed: str) -> tuple[Move, ...]:
    """What an entry moved of other balances."""
    found = [each.split(" ") for each in packed.split(";") if each]
    return tuple(Move(name, *map(int, numbers)) for name, *numbers in found)


def read_laid(packed: str) -> tuple[tuple[str, int], ...]:
    """Units by the way that paid for them."""
    found = [each.split(" ") for each in packed.split(";") if each]
    return tuple((name, int(units)) for name, units in found)


def waiting_group(waits: Mapping[bytes, bool]) -> int | None:
    """The rating group that alone waits for money, where the session has others; None: all of it, or
    what has no group. A key begins with its group."""
    groups = {name: re.match(rb"\d+", name) for name in waits}
    found = {each and each.group() for name, each in groups.items() if waits[name]}
    is_part = len({each and each.group() for each in groups.values()}) > 1
    group = found.pop() if len(found) == 1 and is_part else None
    return None if group is None else int(group)


def as_row(fields: object) -> dict[bytes, bytes]:
    """Fields of a stream entry."""
    pairs = fields.items() if isinstance(fields, dict) else ()
    return {raw(name): raw(value) for name, value in pairs}


def read_entry(entry_id: bytes, row: Mapping[bytes, bytes]) -> LedgerEntry:
    """One entry of the stream."""

    def text(name: str) -> str:
        return row.get(name.encode(), b"").decode(errors="backslashreplace")

    # An entry that moves nothing only names units: of an orphan, or of an absurd report.
    moved = text("moved") or f"{text('units') or 0} 0 0 0 0 0"
    units, granted, credited, spent, reserved, written_off = map(int, moved.split(" "))
    after = read_main(text("after")) if b"after" in row else Balance()
    return LedgerEntry(
        entry_id=entry_id.decode(),
        sequence=after.sequence,
        previous=text("prev"),
        account_id=AccountId(text("account")),
        kind=text("kind"),
        at=UtcMillis(int(entry_id.split(b"-")[0])),
        actor=text("actor"),
        reason=text("reason"),
        session_id=row.get(b"session", b""),
        request=text("request"),
        key=text("key"),
        units=units,
        granted=granted,
        credited=credited,
        spent=spent,
        reserved=reserved,
        written_off=written_off,
        after=after,
        moves=read_moves(text("moves")),
        laid=read_laid(text("laid")),
        note=text("note"),
    )
