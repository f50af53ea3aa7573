"""The store's functions against the reference model: equal after every step of any history."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis as SyncRedis

from ocs.abmf import keys
from ocs.abmf.encoding import refund_token
from ocs.abmf.library import Library
from ocs.abmf.records import read_sessions
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import Act, Movement, Notice, Posting, PostStatus, Refund
from ocs.model import (
    MAIN_MONEY,
    Charge,
    ChargeOutcome,
    ChargePlan,
    Draw,
    Leg,
    Refusal,
    Rounding,
    RoundingMode,
    Source,
    UnitKind,
    UtcMillis,
    Way,
)
from ocs.store.connect import connect
from tests.support.memory_ledger import MemoryLedger
from tests.support.plans import plan, subscriber, watched

SESSIONS = [b"s%d{x}" % number for number in range(8)]
START = 1_700_000_000_000
#: Prices that round awkwardly, with fees, tiers, a maximum and free stretches.
PRICES = {
    "call": (Rounding(), 3, (Leg(0, 1800, 1, 550_000),)),
    "data": (Rounding(), 16384, (Leg(0, 2**50, 1024, 15625 * 1024),)),
    "tier": (
        Rounding(RoundingMode.UP, 10_000),
        7,
        (Leg(0, 60, 6, 900_001, 350_003), Leg(60, 90, 1, 0)),
    ),
    "odd": (Rounding(RoundingMode.HALF_UP, 3), 11, (Leg(0, 40, 7, 12_345), Leg(40, 999, 1, 13))),
}
UNITS = {"call": UnitKind.SECONDS, "data": UnitKind.OCTETS}
#: Balances besides main money: units, money, two periods of a counter with its capacity, and a debt.
UNIT, MONEY, OLD, NEW, OWED = "1.units", "2.money", "c.used@2023-11", "c.used@2023-12", "owed"
FREE = (Leg(0, 2**50, 1, 0),)
#: The periods that a counter may be in; a plan made late may still name the older one.
PERIODS = st.sampled_from([OLD, NEW, NEW])
#: Host and realm: a client, its neighbour, the first in other letters, and a stranger.
CLIENTS = [
    *[("a.example", "example")] * 8,
    ("b.example", "example"),
    ("A.Example", "EXAMPLE"),
    ("a.elsewhere", "elsewhere"),
]
#: Grace of final units; what reaches far is for other sweeps than the next.
GRACES = st.sampled_from([0, 1, 30, 630])
units = st.one_of(st.none(), st.integers(0, 80), st.integers(0, 5000))


REASONS = ["supervision", "gone", "cut", "overdue", "overdue"]


@st.composite
def ways(draw: st.DrawFn, legs: tuple[Leg, ...], counter: str) -> tuple[Way, ...]:
    """How a service is paid: now and then by units, in a window, within a counter, from other money."""
    found = []
    if draw(st.booleans()):
        step = draw(st.sampled_from([1, 10, 60]))
        draws = (Draw(UNIT, step, draw(st.integers(0, 9)), draw(st.sampled_from([0, 0, 5]))),)
        found.append(Way("b.units", FREE, (), draws, needs=draw(st.sampled_from([0, 0, 900_000]))))
    if draw(st.booleans()):
        # A limit in units, or in the money that the way costs.
        amount = draw(st.sampled_from([(10, 3), (0, 0)]))
        begins = draw(st.sampled_from([0, 0, START + 100_000, START + 1_000_000]))
        ends = draw(st.sampled_from([0, 0, START + 500_000, START + 2_000_000]))
        found.append(
            Way(
                "p.limited",
                legs,
                draw(st.sampled_from([(MAIN_MONEY,), (MONEY, MAIN_MONEY), (MONEY,)])),
                (Draw(counter, *amount),),
                UtcMillis(begins),
                UtcMillis(ends),
                stops=draw(st.booleans()),
                floor=draw(st.sampled_from([0, 0, 30])),
            )
        )
    sources = draw(st.sampled_from([(MAIN_MONEY,)] * 3 + [(MONEY, MAIN_MONEY)]))
    found.append(Way("p.own", legs, sources, stops=draw(st.integers(0, 3)) > 0))
    if draw(st.integers(0, 3)) == 0:
        found.append(Way("p.owed", legs, (OWED,)))
    if draw(st.integers(0, 4)) == 0:
        found.append(Way("slow.1", FREE, (), is_apart=True))
    return tuple(found)


@st.composite
def charges(draw: st.DrawFn) -> tuple[Charge, ...]:
    """One or two services of a request."""
    names = draw(st.lists(st.sampled_from([*PRICES]), min_size=1, max_size=2, unique=True))
    found = []
    counter = draw(PERIODS)
    for name in names:
        rounding, denominator, legs = PRICES[name]
        refusal = draw(
            st.sampled_from([Refusal.NONE] * 8 + [Refusal.DENIED, Refusal.RATING_FAILED])
        )
        found.append(
            Charge(
                name,
                draw(units),
                draw(units),
                rounding,
                denominator,
                () if refusal is Refusal.RATING_FAILED else draw(ways(legs, counter)),
                refusal,
                UNITS.get(name, UnitKind.EVENTS),
                limit=draw(st.sampled_from([0, 0, 0, 700])),
                least=draw(st.sampled_from([0, 0, 0, 30_000])),
                most=draw(st.sampled_from([0, 0, 0, 2_000_000])),
            )
        )
    if draw(st.integers(0, 4)) == 0:
        # A direction is a charge of its own: what ends one of them is the end of both.
        found.append(replace(found[0], key=f"{found[0].key}>", requested=draw(units)))
    return tuple(found)


def sources_of(asked: tuple[Charge, ...], floor: int) -> tuple[Source, ...]:
    """Every balance that the charges name, with how far it may go and when somebody is told."""
    known = {
        MAIN_MONEY: Source(MAIN_MONEY, floor, (1_000_000, 0)),
        UNIT: Source(UNIT, 0, (100,)),
        MONEY: Source(MONEY, 0, (500_000,)),
        OLD: Source(OLD, -400_000),
        NEW: Source(NEW, -400_000, (-100,)),
        OWED: Source(OWED, -3_000_000),
    }
    named = {MAIN_MONEY}
    for way in [way for each in asked for way in each.ways]:
        named |= {*way.sources, *(each.source for each in way.draws)}
    return tuple(known[name] for name in sorted(named))


ACTS = st.builds(
    Movement,
    st.sampled_from([*[Act.CREDIT] * 6, Act.DEBIT, Act.DEBIT, *Act]),
    st.sampled_from([MAIN_MONEY] * 3 + [UNIT, MONEY, OWED]),
    st.one_of(st.integers(0, 500), st.integers(0, 5_000_000)),
    st.sampled_from([0, 0, 400_000]),
)


def comparable(outcome: ChargeOutcome) -> tuple[object, ...]:
    """What both sides must agree on."""
    return (
        outcome.status,
        outcome.results,
        outcome.total_cost,
        outcome.subscriber,
        outcome.available,
        outcome.clamped,
        set(outcome.waiting),
    )


class LedgerMachine(RuleBasedStateMachine):
    """Drives both ledgers with the same calls."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.client = connect(self.url, 10.0)
        self.memory = MemoryLedger()
        self.subscriber = subscriber()
        self.version = 0
        self.plans: list[ChargePlan] = []
        self.refunds: list[Refund] = []
        with SyncRedis.from_url(self.url) as plain:
            plain.flushdb()
        library = Library.from_package()
        self.runner.run(library.load(self.client))
        self.redis = RedisLedger(self.client, library, clock=lambda: self.memory.now)
        self.put_again()
        given = {MAIN_MONEY: 5_000_000, UNIT: 300, MONEY: 900_000}
        self.post([Movement(Act.CREDIT, name, much) for name, much in given.items()], 0, 99, 9)

    def teardown(self) -> None:
        self.runner.run(self.client.aclose())
        self.runner.close()

    @rule()
    def put_again(self) -> None:
        """The subscriber changes: plans made before are stale."""
        stored = self.runner.run(self.redis.put(replace(self.subscriber, version=self.version)))
        assert stored is not None
        self.version = stored.version
        self.memory.put(stored)

    @rule(
        acts=st.lists(ACTS, min_size=1, max_size=4),
        purse=st.sampled_from([0, 0, 700_000, 9_000_000]),
        key=st.integers(0, 30),
        stores=st.integers(0, 5),
    )
    def post(self, acts: list[Movement], purse: int, key: int, stores: int) -> None:
        """Movements, sometimes under a used key, sometimes with a snapshot, which may be old."""
        each = replace(
            self.subscriber, version=self.version - (stores == 1), valid_until=UtcMillis(stores)
        )
        if purse or any(one.act in (Act.TAKE, Act.POUR) for one in acts):
            acts = [*acts, Movement(Act.POUR)]
        # What is forgotten is forgotten at the end: a later act would only begin it again.
        acts = sorted(acts, key=lambda one: one.act is Act.DROP)
        posting = Posting(
            each.account_id,
            each.partition,
            str(key),
            "topup",
            tuple(acts),
            "test",
            "test",
            purse,
            each if stores < 2 else None,
            (Notice("topup", (("amount", str(purse)),)),),
        )
        outcome = self.runner.run(self.redis.post(posting))
        mine = self.memory.post(posting)
        assert (outcome.status, outcome.subscriber) == (mine.status, mine.subscriber)
        if mine.status is PostStatus.POSTED and mine.subscriber is not None:
            self.version = mine.subscriber.version

    @rule(
        kind=st.sampled_from("IIIUUUUUUTEE"),
        number=st.integers(0, 40),
        session=st.sampled_from(SESSIONS),
        whole=st.booleans(),
        asked=charges(),
        is_stale=st.integers(0, 9),
        supervision=st.sampled_from([60, 1200, 4000]),
        client=st.sampled_from(CLIENTS),
        scope=st.sampled_from(["host", "realm", "realm"]),
        grace=GRACES,
        floor=st.sampled_from([0, 0, -700_000]),
    )
    def charge(
        self,
        kind: str,
        number: int,
        session: bytes,
        whole: bool,
        asked: tuple[Charge, ...],
        is_stale: int,
        supervision: int,
        client: tuple[str, str],
        scope: str,
        grace: int,
        floor: int,
    ) -> None:
        """Any request of anybody, in any order, legal or not."""
        version = self.version - (is_stale == 9)
        if session not in self.memory.sessions and number % 8:
            kind = "E" if kind == "E" else "I"  # most histories begin at the beginning
        made = plan(
            self.subscriber,
            kind,
            number,
            *asked,
            session=session,
            whole=whole,
            version=version,
            supervision=supervision,
            actor=client[0],
            realm=client[1],
            scope=scope,
            final=tuple(grace * (1 + n) for n in range(len(asked))),
            sources=sources_of(asked, floor),
        )
        self.plans.append(made)
        self.both(made)

    @rule(index=st.integers(0, 1000))
    def repeat(self, index: int) -> None:
        """A request again: the same answer, nothing moves."""
        if self.plans:
            made = self.plans[index % len(self.plans)]
            first = self.both(made)
            before = self.memory.balance(self.subscriber.account_id)
            again = self.both(made)
            assert again[:5] == first[:5]
            assert again[5:] == (0, set())
            assert before == self.memory.balance(self.subscriber.account_id)

    @rule(session=st.sampled_from(SESSIONS), reason=st.sampled_from(REASONS))
    def expire(self, session: bytes, reason: str) -> None:
        """The sweeper, with either of its reasons, a client that is gone, an operator."""
        found = self.runner.run(read_sessions(self.client, self.subscriber.partition, [session]))
        known = self.memory.sessions.get(session)
        assert bool(found) == (known is not None and known.state == "open")
        if found:
            done = self.runner.run(self.redis.expire(found[0], reason))
            mine = self.memory.expire(session, reason)
            assert replace(done, waiting=()) == replace(mine, waiting=())
            assert set(done.waiting) == set(mine.waiting)

    @rule(
        paid=st.sampled_from(SESSIONS),
        own=st.sampled_from(SESSIONS[:3]),
        number=st.integers(0, 2),
        content=st.sampled_from(["c1", "c2"]),
        actor=st.sampled_from(["a.example", "b.example", "a.elsewhere"]),
    )
    def refund(self, paid: bytes, own: bytes, number: int, content: str, actor: str) -> None:
        """Somebody gives something back, or tries to."""
        each = self.subscriber
        ended = [
            name
            for name, one in self.memory.sessions.items()
            if one.state not in ("open", "orphan")
        ]
        if ended and number:
            paid = ended[-1]  # a refund of what was paid is the rarer case
        events = [*self.memory.sessions[paid].events] if paid in self.memory.sessions else []
        token = refund_token(each.partition, each.account_id, paid, events[-1] if events else "")
        self.refunds.append(Refund(token, str(number), content, own, actor))
        self.refund_again(-1)

    @rule(index=st.integers(0, 1000))
    def refund_again(self, index: int) -> None:
        """A refund, or its repeat: what is given back is the same on both sides, and given once."""
        if self.refunds:
            made = self.refunds[index % len(self.refunds)]
            assert self.runner.run(self.redis.refund(made)) == self.memory.refund(made)

    @rule(millis=st.integers(0, 2_000_000))
    def pass_time(self, millis: int) -> None:
        """Deadlines come nearer."""
        self.memory.now += millis

    def both(self, made: ChargePlan) -> tuple[object, ...]:
        """The outcome, which must be the same on both sides."""
        outcome = self.runner.run(self.redis.charge(made))
        mine = comparable(self.memory.charge(made))
        assert comparable(outcome) == mine
        return mine

    @invariant()
    def amounts_are_equal(self) -> None:
        """The same amounts; credited is the sum of the rest; reservations belong to open sessions."""
        each = self.subscriber
        found = self.runner.run(self.redis.balance(each.account_id, each.partition))
        assert found is not None
        assert found == self.memory.balance(each.account_id)
        assert found.credited == (
            found.available + found.reserved + found.spent + found.written_off
        )
        assert min(found.reserved, found.spent, found.written_off) >= 0
        sessions = self.runner.run(read_sessions(self.client, each.partition, SESSIONS))
        assert sum(one.reserved for one in sessions) == found.reserved

    @invariant()
    def those_who_wait_are_counted(self) -> None:
        """The account's count of waiting sessions is that of the marks of its open ones."""
        each = self.subscriber
        with SyncRedis.from_url(self.url) as plain:
            marks = plain.hvals(keys.open_sessions(each.partition, each.account_id))
            count = plain.hget(keys.account(each.partition, each.account_id), "waits")
        assert int(count or 0) == sum(b"w" in mark for mark in marks)

    @invariant()
    def the_told_are_equal(self) -> None:
        """The same notices, in whatever order one call leaves them; the same moment of what is due."""
        with SyncRedis.from_url(self.url) as plain:
            told = plain.xrange(keys.outbox(self.subscriber.partition))
            due = plain.zrange(keys.agenda(self.subscriber.partition), 0, -1, withscores=True)
        found = [tuple(word.decode() for pair in each.items() for word in pair) for _, each in told]
        assert sorted(found) == sorted(self.memory.outbox)
        assert {name.decode(): int(score) for name, score in due} == self.memory.agenda

    @invariant()
    def the_overdue_are_indexed(self) -> None:
        """Exactly the open sessions of the model that must ask again, each with its moment."""
        found = self.runner.run(watched(self.client, self.subscriber))
        known = self.memory.sessions.items()
        expected = {name: one.overdue for name, one in known if one.overdue is not None}
        assert found == expected
        assert all(self.memory.sessions[name].state == "open" for name in expected)


@pytest.fixture
def machine(empty_store: str) -> Iterator[type[LedgerMachine]]:
    """The machine on this store."""
    LedgerMachine.url = empty_store
    yield LedgerMachine


def test_store_equals_model(machine: type[LedgerMachine]) -> None:
    """Any history gives the same outcomes and amounts on both sides."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
