"""What a request costs, counted and not timed: round trips, functions called, octets and commands of the
store. A change that makes one dearer fails here; whoever means it raises the number and says why."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import pytest
from redis.asyncio import Redis

import ocs
from ocs.abmf.library import Library
from ocs.diameter import ccr as ccr_reader
from ocs.diameter.cca import encode_cca
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.credit_control import CCR
from ocs.diameter.structure import Layouts
from ocs.store.connect import connect
from tests.charging.worked import ANY, IMSI, MSISDN, data, event, mscc, octets, seconds, voice
from tests.charging.worker import (
    CARD,
    CLOCK,
    INITIAL,
    NOW,
    NUMBER,
    TERMINATION,
    UPDATE,
    Worker,
)
from tests.support.proxy import Proxy, proxied

PACKAGE = str(Path(ocs.__file__).parent)
BOTH = ((0, MSISDN), (1, IMSI))
#: Commands that only ask for the counters.
OWN = ("cmdstat_info", "cmdstat_config|resetstat", "cmdstat_fcall")


@dataclass(frozen=True)
class Cost:
    """Of one request: functions of this project called, octets to the store and back, commands in it."""

    calls: int
    sent: int
    received: int
    commands: int


#: What each kind of request may cost at the most, also the first one that a process answers.
LIMITS = {
    "data I": Cost(310, 1044, 172, 14),
    "data U": Cost(188, 719, 158, 8),
    "data U, ten services": Cost(1157, 1682, 366, 17),
    "data T": Cost(188, 709, 137, 13),
    "voice U": Cost(190, 722, 155, 8),
    "sms event": Cost(292, 698, 146, 13),
}


class Counter:
    """Counts the calls of this project's functions while it is installed."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: FrameType, kind: str, _: object) -> None:
        if kind == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            self.calls += 1


@dataclass
class Bench:
    """A worker whose way to the store is counted."""

    worker: Worker
    proxy: Proxy
    plain: Redis  # past the proxy

    async def cost(self, ccr: CCR) -> Cost:
        """Of one request, from its octets to those of its answer; one round trip."""
        message = encode_ccr(ccr)
        trips, octets_before = self.proxy.requests, list(self.proxy.octets)
        await self.plain.config_resetstat()
        counter = Counter()
        sys.setprofile(counter)
        try:
            cca = await self.worker.ocf.handle(decode_ccr(message), "dra.example.net")
            encode_cca(ccr, cca, "ocs1.ocs.example", "ocs.example")
        finally:
            sys.setprofile(None)
        assert cca.result_code == 2001
        assert self.proxy.requests - trips == 1
        stats = await self.plain.info("commandstats")
        commands = sum(each["calls"] for name, each in stats.items() if name not in OWN)
        sent, received = (
            now - before for now, before in zip(self.proxy.octets, octets_before, strict=True)
        )
        return Cost(counter.calls, sent, received, commands)


@pytest.fixture
async def bench(
    empty_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    """A worker that knows its subscriber; what fuzzing tests sent to this process is forgotten."""
    CLOCK.now = NOW
    monkeypatch.setattr(ccr_reader, "_layouts", Layouts())
    async with proxied(empty_store, tmp_path) as (proxy, url):
        client, plain = connect(url, 5.0), connect(empty_store, 5.0)
        await Library.from_package().load(client)
        worker = Worker(client)
        await worker.ledger.open()
        await worker.subscriber(1000, NUMBER, CARD)
        yield Bench(worker, proxy, plain)
        await client.aclose()
        await plain.aclose()


async def settled(bench: Bench, *requests: CCR) -> Cost:
    """The cost of the last of these requests, all of one session."""
    found = Cost(0, 0, 0, 0)
    for each in requests:
        if each is requests[-1]:
            found = await bench.cost(each)
        else:
            answer = await bench.worker.ocf.handle(decode_ccr(encode_ccr(each)), "dra.example.net")
            assert answer.result_code == 2001
    return found


def sequence(kind: str) -> tuple[CCR, ...]:
    """Requests that end with one of this kind, in the steady state of a worker."""
    one = mscc(10, octets(4096), ANY)
    first = replace(data(INITIAL, 0, mscc(10, None, ANY), session=b"s;1"), subscription_ids=BOTH)
    updates = [data(UPDATE, number, one, session=b"s;1") for number in (1, 2, 3)]
    if kind == "data I":
        other = replace(first, session_id=b"s;2")
        return first, other
    if kind == "data U":
        return first, *updates
    if kind == "data U, ten services":
        many = [mscc(group, octets(4096), ANY) for group in range(10, 20)]
        return first, *(data(UPDATE, n, *many, session=b"s;1") for n in (1, 2, 3))
    if kind == "data T":
        return first, *updates, data(TERMINATION, 4, mscc(10, octets(9)), session=b"s;1")
    if kind == "voice U":
        call = voice(INITIAL, 0, mscc(None, None, seconds(60), 1000), session=b"v;1")
        talk = mscc(None, seconds(1), seconds(60), 1000)
        return call, *(voice(UPDATE, number, talk, session=b"v;1") for number in (1, 2, 3))
    return tuple(event(0, session=b"e;%d" % number) for number in range(3))


@pytest.mark.parametrize("kind", LIMITS)
async def test_what_a_request_costs(bench: Bench, kind: str) -> None:
    """Never more than this; one round trip, in the steady state."""
    found, limit = await settled(bench, *sequence(kind)), LIMITS[kind]
    assert found.calls <= limit.calls, found
    assert found.sent <= limit.sent, found
    assert found.received <= limit.received, found
    assert found.commands <= limit.commands, found


async def test_the_counters_count(bench: Bench) -> None:
    """A guard that sees nothing would let everything pass: more work is seen by each of them."""
    small = await settled(bench, *sequence("data U"))
    assert small.calls > 40 and small.sent > 200 and small.received > 50 and small.commands > 5
    large = await bench.cost(
        data(UPDATE, 9, *(mscc(n, octets(1), ANY) for n in (11, 12)), session=b"s;1")
    )
    for name in ("calls", "sent", "received", "commands"):
        assert getattr(large, name) > getattr(small, name)


async def test_costs_do_not_grow_with_the_session(bench: Bench) -> None:
    """The hundredth report costs what the third did, but for the digits of its numbers."""
    early = await settled(bench, *sequence("data U"))
    for number in range(4, 100):
        ccr = data(UPDATE, number, mscc(10, octets(4096), ANY), session=b"s;1")
        await bench.worker.ocf.handle(decode_ccr(encode_ccr(ccr)), "dra.example.net")
    late = await bench.cost(data(UPDATE, 100, mscc(10, octets(4096), ANY), session=b"s;1"))
    assert (late.calls, late.commands) == (early.calls, early.commands)
    assert late.sent - early.sent <= 10 and late.received - early.received <= 10


async def test_calls_of_one_tick_share_a_write(bench: Bench) -> None:
    """Twenty requests at a time: one write to the store, twenty answers."""
    for number in range(20):
        first = data(INITIAL, 0, mscc(10, None, ANY), session=b"m;%d" % number)
        await bench.worker.ocf.handle(
            decode_ccr(encode_ccr(replace(first, subscription_ids=BOTH))), "d"
        )
    before = bench.proxy.requests
    asked = [data(UPDATE, 1, mscc(10, octets(1), ANY), session=b"m;%d" % n) for n in range(20)]
    answers = await asyncio.gather(*(bench.worker.ocf.handle(each, "d") for each in asked))
    assert {each.result_code for each in answers} == {2001}
    assert bench.proxy.requests == before + 1
