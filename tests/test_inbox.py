"""The inbox with a real store: RAR and ASR are carried, what comes of them is said, counted, acted on."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from ocs import inbox as module
from ocs.abmf import keys
from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.books import OpenSession
from ocs.diameter.avp import u32
from ocs.diameter.framing import ASR, HEADER_SIZE, RAR, pack_header, parse_header
from ocs.inbox import Inbox, LocalIdentity, tell
from ocs.metrics import Metrics
from tests.support.plans import call, plan, subscriber, topup

PARTITIONS = 4


def answer(code: int) -> bytes:
    """An RAA or ASA with this Result-Code."""
    body = u32(268, code)
    return pack_header(HEADER_SIZE + len(body), 0x40, 258, 4, 1, 2) + body


class Client:
    """The other end: keeps what it was asked, and answers what it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, bytes, float]] = []
        self.answer: bytes | None = answer(2001)
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.is_asked = asyncio.Event()

    async def request(
        self,
        origin_host: str,
        origin_realm: str,
        peer: str,
        build: Callable[[int, int], bytes],
        seconds: float,
    ) -> bytes | None:
        """The node's way to a client."""
        self.asked.append((origin_host, origin_realm, peer, build(7, 8), seconds))
        self.is_asked.set()
        if self.error is not None:
            raise self.error
        await self.may_answer.wait()
        return self.answer

    @property
    def commands(self) -> list[int]:
        """The commands it got."""
        return [parse_header(message).command for _, _, _, message, _ in self.asked]


class Stage:
    """An open call with 11.00 reserved, a worker's inbox, and the client."""

    def __init__(self, redis: Redis, ledger: RedisLedger) -> None:
        self.redis = redis
        self.ledger = ledger
        self.records = Records(redis, PARTITIONS)
        self.client = Client()
        self.metrics = Metrics()

    async def session(self) -> OpenSession:
        """The open session."""
        found = await self.records.session(b"client;1")
        assert found is not None
        return found

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Inbox]:
        """A worker that reads its inbox; alive to the end."""
        inbox = Inbox(
            self.redis,
            "w0",
            LocalIdentity("ocs1.example", "ocs.example"),
            self.client.request,
            self.records,
            self.ledger,
            self.metrics,
        )
        task = asyncio.create_task(inbox.run())
        try:
            yield inbox
            assert not task.done()
        finally:
            while not task.done():  # Python 3.11's wait_for, in the client, may lose a cancellation
                task.cancel()
                await asyncio.wait([task], timeout=0.1)

    async def push(self, data: str | bytes) -> None:
        """Anything into the inbox."""
        await self.redis.rpush(keys.inbox("w0"), data)

    def counted(self) -> dict[tuple[str, str], float]:
        """What was counted of RAR and ASR, by kind and result."""
        registry = CollectorRegistry()
        registry.register(self.metrics)
        return {
            (each.labels["kind"], each.labels["result"]): each.value
            for family in registry.collect()
            for each in family.samples
            if each.name == "ocs_reauth_requests_total"
        }


@pytest.fixture
async def stage(redis: Redis) -> Stage:
    """An open call."""
    library = Library.from_package()
    await library.load(redis)
    ledger = RedisLedger(redis, library, PARTITIONS)
    payer = await ledger.put(subscriber())
    assert payer is not None
    await ledger.post(topup(payer, 30_000_000))
    await ledger.charge(plan(payer, "I", 0, call(None, 60)))
    return Stage(redis, ledger)


def message(**changes: object) -> str:
    """A message as `tell` writes it, with changes."""
    plain = {
        "kind": "rar",
        "session": base64.b64encode(b"client;1").decode(),
        "at": int(time.time()),
        "reply": "",
    }
    return json.dumps(plain | changes)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"\xff", b"[]", b"1", b"null", b"{}", b'{"kind": "rar"}', b"[" * 100_000,
        message(kind="dwr"), message(kind=1), message(kind=[]), message(session="?"),
        message(session=5), message(at="soon"), message(at=None), message(at={}),
    ],
    ids=range(17),
)  # fmt: skip
async def test_malformed(stage: Stage, data: str | bytes) -> None:
    """What nobody of ours wrote is counted and dropped; the next message is carried."""
    await stage.push(data)
    async with stage.worker():
        assert await tell(stage.redis, await stage.session(), "rar", wait=5) == "asked"
    assert stage.counted() == {("other", "malformed"): 1, ("rar", "asked"): 1}


async def test_stale(stage: Stage) -> None:
    """A message that nobody read for more than 15 s is about a moment that has passed."""
    await stage.push(message(at=int(time.time()) - 17))
    async with stage.worker():
        assert await tell(stage.redis, await stage.session(), "asr", wait=5) == "ended"
    assert stage.client.commands == [ASR]
    assert stage.counted() == {("rar", "stale"): 1, ("asr", "ended"): 1}


async def test_session_that_is_gone(stage: Stage) -> None:
    """Nothing is sent for a session that has ended meanwhile."""
    session = await stage.session()
    assert (await stage.ledger.expire(session, "admin")).closed
    async with stage.worker():
        assert await tell(stage.redis, session, "rar", wait=5) == "unknown"
    assert stage.client.asked == []
    assert stage.counted() == {("rar", "unknown"): 1}


async def test_nobody_reads(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is away: no answer, an inbox that does not grow for ever, and that lapses."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "MESSAGES_AT_MOST", 3)
    session = await stage.session()
    assert await tell(stage.redis, session, "rar", wait=0.01) == "no answer"
    for _ in range(5):
        assert await tell(stage.redis, session, "rar") == ""
    assert await stage.redis.llen(keys.inbox("w0")) == 3
    assert 0 < await stage.redis.ttl(keys.inbox("w0")) <= 60


async def test_carried(stage: Stage) -> None:
    """The request goes to the client, by the peer its last CCR came by, and names the session."""
    async with stage.worker():
        assert await tell(stage.redis, await stage.session(), "rar", wait=5) == "asked"
    ((host, realm, peer, sent, seconds),) = stage.client.asked
    assert (host, realm, peer) == ("client.example", "example", "client.example")
    assert seconds == 10.0  # Tx (RFC 8506, 13)
    header = parse_header(sent)
    assert (header.command, header.hop_by_hop, header.end_to_end) == (RAR, 7, 8)
    for part in (b"client;1", b"ocs1.example", b"ocs.example", b"client.example"):
        assert part in sent


@pytest.mark.parametrize(
    ("kind", "code", "said", "label"),
    [
        ("rar", 2001, "asked", "asked"),
        ("rar", 2002, "asked", "asked"),
        ("rar", 5012, "refused 5012", "refused"),
        ("rar", 3002, "refused 3002", "refused"),
        ("asr", 2001, "ended", "ended"),
        ("asr", 5012, "refused 5012", "refused"),
        ("asr", None, "no answer", "no_answer"),
    ],
)
async def test_answers(stage: Stage, kind: str, code: int | None, said: str, label: str) -> None:
    """What the client says is handed on and counted; the session and its money stay."""
    stage.client.answer = None if code is None else answer(code)
    async with stage.worker():
        assert await tell(stage.redis, await stage.session(), kind, wait=5) == said
    assert stage.counted() == {(kind, label): 1}
    assert (await stage.session()).reserved == 11_000_000


@pytest.mark.parametrize("kind", ["rar", "asr"])
async def test_unknown_to_the_client(stage: Stage, kind: str) -> None:
    """5002: our side closes too, releases what is held, and the gauges follow."""
    stage.client.answer = answer(5002)
    session = await stage.session()
    async with stage.worker():
        assert await tell(stage.redis, session, kind, wait=5) == "unknown"
    assert await stage.records.session(b"client;1") is None
    balance = await stage.ledger.balance(session.account_id, session.partition)
    assert balance is not None and (balance.available, balance.reserved) == (30_000_000, 0)
    found = {
        (each.name, *sorted(each.labels.values())): each.value
        for f in stage.metrics.collect()
        for each in f.samples
    }
    assert found["ocs_balance_reserved_minor_units", "KZT"] == -1100
    assert found["ocs_sessions_terminated_total", "gone", "voice"] == 1


async def test_an_answer_without_a_result(stage: Stage) -> None:
    """An RAA without a Result-Code is no consent."""
    stage.client.answer = pack_header(HEADER_SIZE, 0x40, 258, 4, 1, 2)
    async with stage.worker():
        assert await tell(stage.redis, await stage.session(), "rar", wait=5) == "refused 0"


async def test_a_request_that_fails(stage: Stage) -> None:
    """Whatever goes wrong with one request is counted; the worker goes on."""
    stage.client.error = ValueError("no answer of this kind")
    session = await stage.session()
    async with stage.worker():
        await tell(stage.redis, session, "rar")
        await asyncio.wait_for(stage.client.is_asked.wait(), 5)
        stage.client.error = None
        assert await tell(stage.redis, session, "asr", wait=5) == "ended"
    assert stage.counted() == {("rar", "failed"): 1, ("asr", "ended"): 1}


async def test_one_rar_at_a_time(stage: Stage) -> None:
    """While an RAR is outstanding no second one is sent, also after an ASR; afterwards one may be."""
    session = await stage.session()
    stage.client.may_answer.clear()
    async with stage.worker():
        first = asyncio.create_task(tell(stage.redis, session, "rar", wait=5))
        await asyncio.wait_for(stage.client.is_asked.wait(), 5)
        assert await tell(stage.redis, session, "rar", wait=5) == "outstanding"
        stage.client.is_asked.clear()
        cut = asyncio.create_task(tell(stage.redis, session, "asr", wait=5))
        await asyncio.wait_for(stage.client.is_asked.wait(), 5)
        assert await tell(stage.redis, session, "rar", wait=5) == "outstanding"
        stage.client.may_answer.set()
        assert (await first, await cut) == ("asked", "ended")
        assert await tell(stage.redis, session, "rar", wait=5) == "asked"
    assert stage.client.commands == [RAR, ASR, RAR]
    assert stage.counted() == {
        ("rar", "outstanding"): 2,
        ("rar", "asked"): 2,
        ("asr", "ended"): 1,
    }


async def test_outstanding_requests_are_bounded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With as many outstanding as allowed, further messages wait where they are."""
    monkeypatch.setattr(module, "TASKS_AT_MOST", 1)
    session = await stage.session()
    stage.client.may_answer.clear()
    async with stage.worker():
        await tell(stage.redis, session, "rar")
        await asyncio.wait_for(stage.client.is_asked.wait(), 5)
        stage.client.is_asked.clear()
        await tell(stage.redis, session, "asr")
        assert await stage.redis.llen(keys.inbox("w0")) == 1
        assert stage.client.commands == [RAR]
        stage.client.may_answer.set()
        await asyncio.wait_for(stage.client.is_asked.wait(), 5)
        assert stage.client.commands == [RAR, ASR]


async def test_end(stage: Stage) -> None:
    """A worker that stops gives up what is outstanding, and leaves no task behind."""
    before = asyncio.all_tasks()
    stage.client.may_answer.clear()
    async with stage.worker():
        await tell(stage.redis, await stage.session(), "rar")
        await asyncio.wait_for(stage.client.is_asked.wait(), 5)
    assert asyncio.all_tasks() <= before
