"""The sweeper with a real store: due sessions are closed once, whoever comes first, and clients that
ignored a final unit are told once; nothing ends it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest
import structlog
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ocs import expiry
from ocs.abmf import keys
from ocs.abmf.encoding import raw
from ocs.abmf.ledger import LedgerUnavailable
from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import OpenSession
from ocs.expiry import BATCH, Sweeper
from ocs.inbox import ASR, Message, read_message, tell
from ocs.metrics import Metrics
from ocs.model import ChargeStatus, Leg, OutcomeStatus, Subscriber, UnitKind
from tests.support.plans import call, plan, subscriber, topup

PARTITIONS = 4
#: Tcc of the plans is 20 minutes: long past, long to come.
PAST, FUTURE = 1_000_000, 10**13


class Stage:
    """One store, one subscriber with 100.00, and sweepers."""

    def __init__(self, redis: Redis, library: Library, payer: Subscriber) -> None:
        self.redis = redis
        self.library = library
        self.payer = payer
        self.records = Records(redis, PARTITIONS)
        self.metrics = Metrics()

    def ledger(self, now: int) -> RedisLedger:
        """The ledger at this moment (0: the store's own)."""
        return RedisLedger(self.redis, self.library, PARTITIONS, clock=lambda: now)

    async def open(self, name: str, now: int) -> None:
        """A call with 60 s reserved: 11.00."""
        started = plan(self.payer, "I", 0, call(None, 60), session=name.encode())
        await self.ledger(now).charge(started)

    async def end_of_money(self, name: str, now: int) -> None:
        """A call that is granted the 545 s that the account's 100.00 carry, and told to end."""
        asked = call(None, 1800, unit=UnitKind.SECONDS)
        made = plan(self.payer, "I", 0, asked, session=name.encode(), final=(30,), supervision=3000)
        (result,) = (await self.ledger(now).charge(made)).results
        assert (result.granted, result.is_final) == (545, True)

    async def short_call(self, name: bytes, now: int) -> None:
        """A call of a price that allows 60 s at the most: told to end with them, whatever money is left.
        Its units are not seconds, so its grace of 30 s begins at once."""
        asked = call(None, 60, legs=(Leg(0, 60, 1, 3),))
        await self.ledger(now).charge(plan(self.payer, "I", 0, asked, session=name, final=(30,)))

    async def now(self) -> int:
        """The store's own time, which the sweeper judges by."""
        seconds, _ = await self.redis.time()
        return int(seconds) * 1000

    def cutter(
        self, overdue: Callable[[int], Awaitable[Sequence[OpenSession]]] | None = None
    ) -> Sweeper:
        """A worker's sweeper that tells the owners of overdue sessions."""
        return Sweeper(
            self.records.due,
            self.ledger(0),
            self.metrics,
            overdue=overdue or self.records.overdue,
            abort=lambda each: tell(self.redis, each, ASR),
        )

    async def told(self) -> list[tuple[str, bytes]]:
        """What the inbox of the sessions' owner holds."""
        rows = await self.redis.lrange(keys.inbox("w0"), 0, -1)
        found = [read_message(raw(row)) for row in rows]
        return [(each.kind, each.session_id) for each in found if isinstance(each, Message)]

    def sweeper(
        self, due: Callable[[int], Awaitable[Sequence[OpenSession]]] | None = None
    ) -> Sweeper:
        """A worker's sweeper."""
        return Sweeper(due or self.records.due, self.ledger(0), self.metrics)

    async def reserved(self) -> int:
        """What the account holds reserved."""
        found = await self.ledger(0).balance(self.payer.account_id, self.payer.partition)
        assert found is not None and found.available + found.reserved == 100_000_000
        return found.reserved

    def gauge(self, name: str) -> float:
        """The sum of a family's samples."""
        registry = CollectorRegistry()
        registry.register(self.metrics)
        return sum(s.value for f in registry.collect() for s in f.samples if s.name == name)


@pytest.fixture
async def stage(redis: Redis) -> Stage:
    """An empty store with a subscriber."""
    library = Library.from_package()
    await library.load(redis)
    ledger = RedisLedger(redis, library, PARTITIONS)
    payer = await ledger.put(subscriber())
    assert payer is not None
    await ledger.post(topup(payer, 100_000_000))
    return Stage(redis, library, payer)


async def test_not_due(stage: Stage) -> None:
    """Before its deadline a session stays as it is, also when somebody lists it too early."""
    await stage.open("a", FUTURE)
    assert not await stage.sweeper().sweep()
    assert not await stage.sweeper(lambda _: stage.records.open_sessions()).sweep()
    assert await stage.reserved() == 11_000_000
    assert stage.gauge("ocs_sessions_expired_total") == 0
    assert stage.gauge("ocs_balance_reserved_minor_units") == 0


async def test_due_is_released(stage: Stage) -> None:
    """Past the deadline all is released, and every gauge goes down by what was."""
    await stage.open("a", PAST)
    await stage.open("b", PAST)
    await stage.open("c", FUTURE)
    assert await stage.reserved() == 33_000_000
    stage.metrics.reserved(33_000_000)
    await stage.sweeper().sweep()
    assert await stage.reserved() == 11_000_000
    assert stage.gauge("ocs_balance_reserved_minor_units") == 1100
    assert stage.gauge("ocs_sessions_expired_total") == 2
    assert stage.gauge("ocs_sessions_terminated_total") == 2
    assert stage.gauge("ocs_sessions_active") == -2
    assert [each.session_id for each in await stage.records.open_sessions()] == [b"c"]
    assert not await stage.records.due(10)


async def test_two_sweepers_at_once(stage: Stage) -> None:
    """Each session is closed by one of them, and counted once."""
    for number in range(50):
        await stage.open(f"s{number}", PAST)
    # 100.00 at 11.00 a minute: nine calls hold 11.00 each, a tenth 5 s for 0.92; the rest is refused.
    assert await stage.reserved() == 99_920_000
    await asyncio.gather(stage.sweeper().sweep(), stage.sweeper().sweep())
    assert await stage.reserved() == 0
    assert stage.gauge("ocs_sessions_expired_total") == 10
    assert stage.gauge("ocs_balance_reserved_minor_units") == -9992
    entries = await stage.redis.xrange(keys.ledger(stage.payer.partition))
    releases = [row for _, row in entries or [] if row and row.get(b"reason") == b"supervision"]
    assert len(releases) == 10


async def test_update_between_reading_and_closing(stage: Stage) -> None:
    """A session that reports just in time lives on."""
    await stage.open("a", PAST)
    (due,) = await stage.records.due(1)
    await stage.ledger(FUTURE).charge(plan(stage.payer, "U", 1, call(10, 60), session=b"a"))

    async def early(limit: int) -> Sequence[OpenSession]:
        return [due]

    await stage.sweeper(early).sweep()
    assert [each.session_id for each in await stage.records.open_sessions()] == [b"a"]
    assert stage.gauge("ocs_balance_reserved_minor_units") == 0


async def test_a_session_that_cannot_be_closed(stage: Stage) -> None:
    """One whose account is gone keeps none of the others open."""
    await stage.open("a", PAST)
    (broken,) = await stage.records.due(1)
    broken = replace(broken, account_id=type(broken.account_id)("404"))
    await stage.open("b", PAST)

    async def both(limit: int) -> Sequence[OpenSession]:
        return [broken, *[each for each in await stage.records.due(limit) if each != broken][-1:]]

    await stage.sweeper(both).sweep()
    assert [each.session_id for each in await stage.records.open_sessions()] == [b"a"]
    assert stage.gauge("ocs_sessions_expired_total") == 1


async def test_full_batches_follow_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a batch: said so, also where the index was behind of all of it."""
    monkeypatch.setattr(expiry, "BATCH", 2)
    for name in "abc":
        await stage.open(name, PAST)
    sweeper = stage.sweeper()
    assert await sweeper.sweep()
    assert not await sweeper.sweep()
    assert await stage.records.open_sessions() == []
    for name in "de":
        await stage.open(name, FUTURE)
    await stage.redis.zadd(keys.due(stage.payer.partition), {"d": 1, "e": 1})
    await stage.open("f", PAST)
    assert await sweeper.sweep()
    assert not await sweeper.sweep()
    assert {each.session_id for each in await stage.records.open_sessions()} == {b"d", b"e"}


async def test_a_full_batch_that_cannot_be_closed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody comes back for it at once."""
    monkeypatch.setattr(expiry, "BATCH", 1)
    await stage.open("a", PAST)
    (broken,) = await stage.records.due(1)
    broken = replace(broken, account_id=type(broken.account_id)("404"))

    async def listed(_: int) -> Sequence[OpenSession]:
        return [broken]

    assert not await stage.sweeper(listed).sweep()


# --- final units that are ignored -------------------------------------------------------------------


async def test_not_overdue(stage: Stage) -> None:
    """While the last units and their grace run, the client is left alone, whoever lists it."""
    await stage.end_of_money("a", await stage.now())
    assert not await stage.cutter().sweep()
    assert not await stage.cutter(lambda _: stage.records.open_sessions()).sweep()
    (session,) = await stage.records.open_sessions()
    assert not session.is_cut and await stage.told() == []


async def test_heard_of_between_reading_and_cutting(stage: Stage) -> None:
    """A client that reports just in time goes on, and is told nothing."""
    await stage.end_of_money("a", await stage.now() - 600_000)
    (overdue,) = await stage.records.overdue(1)
    report = plan(stage.payer, "U", 1, call(10, None), session=b"a")
    await stage.ledger(0).charge(report)

    async def early(limit: int) -> Sequence[OpenSession]:
        return [overdue]

    await stage.cutter(early).sweep()
    (session,) = await stage.records.open_sessions()
    assert not session.is_cut and await stage.told() == []


async def test_overdue_is_told_once(stage: Stage) -> None:
    """By one of two sweepers, in the first round: an ASR to the owner, and the next request is refused.
    The session is open until then, and keeps what it holds."""
    # 545 s and 30 s of grace have passed; Tcc, 3000 s, has not.
    await stage.end_of_money("a", await stage.now() - 600_000)
    held = await stage.reserved()
    await asyncio.gather(stage.cutter().sweep(), stage.cutter().sweep())
    await stage.cutter().sweep()
    assert await stage.told() == [(ASR, b"a")]
    (session,) = await stage.records.open_sessions()
    assert session.is_cut and await stage.reserved() == held == 99_920_000
    assert await stage.records.overdue(1) == []
    for name in ("ocs_sessions_expired_total", "ocs_sessions_active"):
        assert stage.gauge(name) == 0
    refused = await stage.ledger(0).charge(plan(stage.payer, "U", 1, call(9, 60), session=b"a"))
    assert refused.status is OutcomeStatus.REFUSED
    assert [each.status for each in refused.results] == [ChargeStatus.DENIED]


async def test_nobody_reads_the_message(stage: Stage) -> None:
    """A client that cannot be told is closed by supervision, like any that is silent."""
    await stage.end_of_money("a", await stage.now() - 3_001_000)
    (overdue,) = await stage.records.overdue(1)
    await stage.ledger(0).expire(overdue, "overdue")
    await stage.cutter().sweep()
    assert await stage.reserved() == 0 and await stage.told() == []
    assert stage.gauge("ocs_sessions_expired_total") == 1


async def test_an_inbox_that_cannot_be_reached(stage: Stage) -> None:
    """It keeps nobody else from being told, nor the mark from the session."""
    past = await stage.now() - 60_000
    await stage.short_call(b"a", past)
    await stage.short_call(b"b", past)
    told: list[bytes] = []

    async def abort(session: OpenSession) -> None:
        if session.session_id == b"a":
            raise RedisConnectionError("away")
        told.append(session.session_id)

    sweeper = Sweeper(
        stage.records.due,
        stage.ledger(0),
        stage.metrics,
        overdue=stage.records.overdue,
        abort=abort,
    )
    with structlog.testing.capture_logs() as logged:
        await sweeper.sweep()
    assert told == [b"b"]
    assert [each["event"] for each in logged if each["log_level"] == "warning"] == [
        "session not cut"
    ]
    assert [each.is_cut for each in await stage.records.open_sessions()] == [True, True]


async def test_full_batches_of_overdue_follow_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a batch: said so, until all are told."""
    monkeypatch.setattr(expiry, "BATCH", 2)
    past = await stage.now() - 60_000
    for name in (b"a", b"b", b"c"):
        await stage.short_call(name, past)
    sweeper = stage.cutter()
    assert await sweeper.sweep()
    assert not await sweeper.sweep()
    assert sorted(await stage.told()) == [(ASR, b"a"), (ASR, b"b"), (ASR, b"c")]


# --- the rounds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [LedgerUnavailable("away"), KeyError("state"), ValueError("wrong")], ids=repr
)
async def test_run_survives(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whatever a round meets (a store that is away, data that is none), the next round is made."""
    monkeypatch.setattr(expiry, "SWEEP_SECONDS", 0.0)
    is_swept = asyncio.Event()
    asked: list[int] = []

    async def due(limit: int) -> Sequence[OpenSession]:
        asked.append(limit)
        if len(asked) == 1:
            raise error
        if len(asked) > 2:
            is_swept.set()
        return await stage.records.due(limit)

    await stage.open("a", PAST)
    with structlog.testing.capture_logs() as logged:
        task = asyncio.create_task(stage.sweeper(due).run())
        await asyncio.wait_for(is_swept.wait(), 5)
        while not task.done():  # Python 3.11's wait_for, inside the client, may lose a cancellation
            task.cancel()
            await asyncio.sleep(0)
    assert await stage.reserved() == 0
    assert asked[0] == BATCH
    assert [(each["event"], each["log_level"]) for each in logged] == [("sweep failed", "warning")]
