"""The whole path of a CCR on a real store: bytes in, bytes out, and what the account says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from itertools import count, product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from redis.asyncio import Redis

from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import Subscribers
from ocs.books import Act, Movement, Posting
from ocs.charging.policy import ChargingPolicy
from ocs.diameter.credit_control import CCR, MSCC, USU, FinalUnit, MSCCAnswer
from ocs.model import (
    ChargeOutcome,
    ChargePlan,
    Identity,
    IdentityKind,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.store.connect import connect
from tests.charging.worked import (
    ANY,
    IMSI,
    MIB,
    MSISDN,
    NONE,
    ON_NET,
    REDIRECTED,
    data,
    event,
    mscc,
    octets,
    seconds,
    voice,
)
from tests.charging.worker import (
    CARD,
    CLOCK,
    INITIAL,
    NOW,
    NUMBER,
    PARTITIONS,
    TERMINATION,
    UPDATE,
    Clock,
    Worker,
    codes,
    granted,
)
from tests.support.proxy import Proxy, proxied
from tests.support.stores import binaries, running


@pytest.fixture(autouse=True)
def clock() -> Clock:
    """Each test begins at the same moment."""
    CLOCK.now = NOW
    return CLOCK


@pytest.fixture
async def worker(redis: Redis) -> Worker:
    """A worker on an empty store."""
    await Library.from_package().load(redis)
    return Worker(redis)


# --- refused without the ledger ---------------------------------------------------------------------


async def test_unknown_service_context(worker: Worker, redis: Redis) -> None:
    """5031 that names it; nothing is stored."""
    await worker.subscriber(100)
    before = await redis.dbsize()
    ccr = replace(data(INITIAL, 0, mscc(10, None, ANY)), service_context_id="32271@3gpp.org")
    answer = await worker.ask(ccr)
    assert codes(answer) == (5031, [])
    assert answer.failed_avp[:4] == (461).to_bytes(4, "big")
    assert await redis.dbsize() == before


@pytest.mark.parametrize("identities", [(), ((0, "+77019999999"),), ((1, "999"), (2, "sip:a@b"))])
async def test_unknown_user(
    worker: Worker, redis: Redis, identities: tuple[tuple[int, str], ...]
) -> None:
    """5030, with identities that nobody has or with none; nothing is stored."""
    await worker.subscriber(100)
    before = await redis.dbsize()
    ccr = replace(data(INITIAL, 0, mscc(10, None, ANY)), subscription_ids=identities)
    assert codes(await worker.ask(ccr)) == (5030, [])
    assert await redis.dbsize() == before


async def test_identities_of_two_accounts(worker: Worker) -> None:
    """5030: nobody knows who would pay, also when both are cached."""
    first = await worker.subscriber(100, NUMBER)
    second = await worker.subscriber(100, CARD)
    both = ((0, MSISDN), (1, IMSI))
    for session in (b"a", b"b"):
        ccr = replace(data(INITIAL, 0, mscc(10, None, ANY), session=session), subscription_ids=both)
        assert codes(await worker.ask(ccr)) == (5030, [])
    assert await worker.money(first) == await worker.money(second) == (10_000, 0)


@pytest.mark.parametrize(
    "identities",
    [
        ((0, "87011112233"),),
        ((1, IMSI), (0, MSISDN)),
        ((1, "999999999999999"), (0, MSISDN)),  # one of them is enough
        ((2, "sip:+77011112233@ims.example;user=phone"),),
    ],
)
async def test_identities_of_one_account(
    worker: Worker, identities: tuple[tuple[int, str], ...]
) -> None:
    """Any spelling and any subset of what is known leads to the account."""
    each = await worker.subscriber(100, NUMBER, CARD)
    ccr = replace(data(INITIAL, 0, mscc(10, None, octets(MIB))), subscription_ids=identities)
    assert codes(await worker.ask(ccr)) == (2001, [2001])
    assert await worker.money(each) == (10_000, 100)


# --- refused by the ledger --------------------------------------------------------------------------


@pytest.mark.parametrize("request_of", [data, voice])
async def test_barred(worker: Worker, request_of: Callable[..., CCR]) -> None:
    """4010 for the command, again when repeated after the bar is lifted; the T that follows is 2001."""
    each = await worker.subscriber(100)
    barred = await worker.subscribers.update(each, state=SubscriberState.BARRED)
    assert barred is not None
    first = request_of(INITIAL, 0, mscc(10, None, ANY))
    assert codes(await worker.ask(first)) == (4010, [4010])
    assert await worker.subscribers.update(barred, state=SubscriberState.ACTIVE) is not None
    assert codes(await worker.ask(first)) == (4010, [4010])
    last = request_of(TERMINATION, 1)
    assert codes(await worker.ask(last)) == (2001, [])
    assert await worker.money(each) == (10_000, 0)


async def test_barred_without_services(worker: Worker) -> None:
    """A session that names no service yet is refused as well."""
    each = await worker.subscriber(100)
    await worker.subscribers.update(each, state=SubscriberState.BARRED)
    assert codes(await worker.ask(data(INITIAL, 0))) == (4010, [])


async def test_empty_account(worker: Worker) -> None:
    """4012: per service for data, for the command where a call or a client without MSCC asks."""
    each = await worker.subscriber()
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, ANY), mscc(20, None, ANY)))
    assert codes(answer) == (2001, [4012, 4012])
    assert all(one.gsu is None and one.final_unit is None for one in answer.mscc)
    assert codes(await worker.ask(voice(INITIAL, 0, mscc(1, None, ANY)))) == (4012, [4012])
    plain = replace(
        data(INITIAL, 0, session=b"plain"), command_rsu=ANY, service_context_id="32276@3gpp.org"
    )
    answer = await worker.ask(replace(plain, called="+77012223344"))
    assert codes(answer) == (4012, []) and answer.command_gsu is None
    assert answer.failure_handling == 2
    assert await worker.money(each) == (0, 0)


async def test_no_price(worker: Worker) -> None:
    """5031 for that service; for the command when there is no other, and a mended catalogue helps."""
    each = await worker.subscriber(100)
    both = data(INITIAL, 0, mscc(99, None, ANY), mscc(10, None, octets(MIB)))
    answer = await worker.ask(both)
    assert codes(answer) == (2001, [5031, 2001]) and granted(answer) == [None, MIB]
    assert answer.failed_avp == bytes.fromhex("000001b0 4000000c 00000063")
    alone = data(INITIAL, 0, mscc(99, None, ANY), session=b"alone")
    answer = await worker.ask(alone)
    assert codes(answer) == (5031, [])
    assert answer.failed_avp == bytes.fromhex("000001b0 4000000c 00000063")
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB)), session=b"alone"))
    assert codes(answer) == (2001, [2001])
    assert await worker.money(each) == (10_000, 200)


async def test_usage_in_other_units(worker: Worker) -> None:
    """Seconds of a data service have no price: 5031, the reservation goes back, nothing is free."""
    each = await worker.subscriber(100)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    answer = await worker.ask(data(UPDATE, 1, mscc(10, seconds(60), ANY)))
    assert codes(answer) == (2001, [5031]) and granted(answer) == [None]
    assert answer.failed_avp == bytes.fromhex("000001b0 4000000c 0000000a")
    assert await worker.money(each) == (10_000, 0)
    answer = await worker.ask(data(TERMINATION, 2, mscc(10, octets(MIB))))
    assert codes(answer) == (2001, [2001])
    assert await worker.money(each) == (9_900, 0)


@pytest.mark.parametrize("kind", [UPDATE, TERMINATION])
async def test_unknown_session(worker: Worker, kind: int) -> None:
    """5002; usage is kept as an orphan record and counted once, nothing is debited."""
    each = await worker.subscriber(100)
    for _ in range(2):
        answer = await worker.ask(data(kind, 4, mscc(10, octets(5), ANY)))
        assert codes(answer) == (5002, [])
    assert codes(await worker.ask(data(kind, 5, mscc(10)))) == (5002, [])
    assert worker.counted("ocs_orphan_usage_total") == 1
    assert await worker.money(each) == (10_000, 0)


async def test_second_initial(worker: Worker) -> None:
    """5012, and the open session is unchanged."""
    each = await worker.subscriber(100)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    answer = await worker.ask(data(INITIAL, 1, mscc(10, None, octets(2 * MIB))))
    assert codes(answer) == (5012, [])
    assert await worker.money(each) == (10_000, 100)
    answer = await worker.ask(data(TERMINATION, 2, mscc(10, octets(MIB))))
    assert codes(answer) == (2001, [2001])
    assert worker.counted("ocs_sessions_active", service="data") == 0


async def test_same_number_other_content(worker: Worker) -> None:
    """5012, nothing moves; the original repeated is still answered."""
    each = await worker.subscriber(100)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    report = data(UPDATE, 1, mscc(10, octets(MIB), octets(MIB)))
    first = await worker.ask(report)
    assert codes(await worker.ask(data(UPDATE, 1, mscc(10, octets(9), ANY)))) == (5012, [])
    assert (await worker.ask(report)).mscc == first.mscc
    assert await worker.money(each) == (9_900, 100)


async def test_refused_call_ends_with_success(worker: Worker) -> None:
    """The T after a refusal is 2001 and debits what it reports; the next one is 5002."""
    each = await worker.subscriber(12)
    await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    answer = await worker.ask(voice(UPDATE, 1, mscc(None, seconds(59), NONE, 1000)))
    assert codes(answer) == (2001, [2001]) and answer.mscc[0].validity_seconds == 600
    answer = await worker.ask(voice(UPDATE, 2, mscc(None, seconds(1), ANY, 1000)))
    assert codes(answer) == (4012, [4012])
    last = voice(TERMINATION, 3, mscc(None, seconds(0), NONE, 1000))
    answer = await worker.ask(last)
    assert codes(answer) == (2001, [2001]) and answer.cost == (1200, -2, 398)
    assert codes(await worker.ask(voice(TERMINATION, 4))) == (5002, [])
    assert await worker.money(each) == (0, 0)


# --- the store is away ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ccr", [data(INITIAL, 0, mscc(10, None, ANY)), data(UPDATE, 1, mscc(10)), data(TERMINATION, 2)]
)
async def test_no_store(ccr: CCR, tmp_path: Path) -> None:
    """3004 with nothing granted: a repeat is safe."""
    client = connect(f"unix://{tmp_path}/nothing", 1.0)
    answer = await Worker(client).ask(ccr)
    assert codes(answer) == (3004, [])
    await client.aclose()


@pytest.mark.parametrize("binary", binaries().values(), ids=binaries())
async def test_killed_store(binary: str, tmp_path: Path) -> None:
    """3004 from the moment it is gone, for running and new sessions, whatever is cached."""
    with running(binary, tmp_path) as url:
        client = connect(url, 5.0)
        await Library.from_package().load(client)
        worker = Worker(client)
        await worker.subscriber(100)
        answer = await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
        assert codes(answer) == (2001, [2001])
    for ccr in (
        data(UPDATE, 1, mscc(10, octets(5), ANY)),
        data(INITIAL, 0, mscc(10, None, ANY), session=b"next"),
        data(TERMINATION, 2, mscc(10, octets(5))),
    ):
        assert codes(await worker.ask(ccr)) == (3004, [])
    await client.aclose()


async def test_lost_answers(empty_store: str, tmp_path: Path) -> None:
    """The store acts and its answers are lost: 3004, and the client's repeat is charged once."""
    async with proxied(empty_store, tmp_path) as (proxy, url):
        client = connect(url, 5.0)
        await Library.from_package().load(client)
        worker = Worker(client, deadline_seconds=0.2)
        each = await worker.subscriber(100)
        await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
        report = data(UPDATE, 1, mscc(10, octets(MIB), octets(MIB)))
        proxy.drops = 2
        assert codes(await worker.ask(report)) == (3004, [])
        assert worker.counted("ocs_store_unknown_outcomes_total", operation="charge") == 1
        answer = await worker.ask(replace(report, flags=0xD0))
        assert codes(answer) == (2001, [2001]) and granted(answer) == [MIB]
        assert worker.counted("ocs_ccr_replays_total", request_type="U") == 1
        assert await worker.money(each) == (9_900, 100)
        await client.aclose()


# --- worked sequences -------------------------------------------------------------------------------


def talk(number: int, used: int, rsu: int | None = 60) -> CCR:
    """A request of the call of 12.00 a minute."""
    kind = TERMINATION if rsu is None else UPDATE
    wish = NONE if rsu is None else seconds(rsu)
    return voice(kind, number, mscc(None, seconds(used), wish, 1000))


async def test_call_until_the_money_ends(worker: Worker) -> None:
    """40.00 at 0.20 a second: 60, 60, 60 and a final 35 s, every grant with its Validity-Time."""
    each = await worker.subscriber(40)
    answer = await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    minute = MSCCAnswer(None, (1000,), 2001, seconds(60), 600, time_threshold=5)
    assert (answer.result_code, answer.mscc) == (2001, (minute,))
    assert (answer.failure_handling, answer.session_failover) == (2, 1)
    assert await worker.money(each) == (4000, 1200)
    for number, balance in ((1, 2900), (2, 1800)):
        answer = await worker.ask(talk(number, 55))
        assert answer.mscc == (minute,) and answer.failure_handling is None
        assert await worker.money(each) == (balance, 1200)
    answer = await worker.ask(talk(3, 55))
    assert answer.mscc == (MSCCAnswer(None, (1000,), 2001, seconds(35), 600, FinalUnit(0)),)
    assert await worker.money(each) == (700, 700)
    answer = await worker.ask(talk(4, 35, None))
    assert codes(answer) == (2001, [2001]) and granted(answer) == [None]
    assert answer.cost == (4000, -2, 398)
    assert await worker.money(each) == (0, 0)


async def test_call_that_ends_early(worker: Worker) -> None:
    """Ten seconds into the last grant: 2.00 are debited, 5.00 come back."""
    each = await worker.subscriber(40)
    await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    for number in (1, 2, 3):
        await worker.ask(talk(number, 55))
    answer = await worker.ask(talk(4, 10, None))
    assert answer.cost == (3500, -2, 398)
    assert await worker.money(each) == (500, 0)


@pytest.mark.parametrize("last", [voice(TERMINATION, 1), talk(1, 0, None)])
async def test_call_nobody_answered(worker: Worker, last: CCR) -> None:
    """No seconds, or no report at all: nothing is debited, all is released."""
    each = await worker.subscriber(40)
    await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    answer = await worker.ask(last)
    assert answer.result_code == 2001 and answer.cost == (0, -2, 398)
    assert await worker.money(each) == (4000, 0)


async def test_less_than_one_second(worker: Worker) -> None:
    """An account with 0.10 cannot pay a second of 0.20: 4012 for the command."""
    each = await worker.subscriber()
    moved = (Movement(Act.CREDIT, amount=100_000),)
    await worker.ledger.post(
        Posting(each.account_id, each.partition, "k", "topup", moved, "t", "test")
    )
    answer = await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    assert codes(answer) == (4012, [4012])
    assert await worker.money(each) == (10, 0)


async def test_data_of_two_rating_groups(worker: Worker) -> None:
    """200.00 for 1.00 and 0.50 a MiB; one group never takes what is held for the other."""
    each = await worker.subscriber(200)

    def volume(group: int, amount: int, number: int, final: bool = False) -> MSCCAnswer:
        return MSCCAnswer(
            group,
            (),
            2001,
            octets(amount),
            3600,
            final_unit=FinalUnit(0) if final else None,
            volume_threshold=None if final else number,
        )

    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, ANY), mscc(20, None, ANY)))
    first = tuple(volume(group, 104_857_600, 20_971_520) for group in (10, 20))
    assert (answer.result_code, answer.mscc) == (2001, first)
    assert await worker.money(each) == (20_000, 15_000)
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(85_983_232), ANY)))
    assert answer.mscc == (volume(10, 71_303_168, 0, final=True),)
    assert await worker.money(each) == (11_800, 11_800)
    await worker.top_up(each, 500, "more")
    answer = await worker.ask(data(UPDATE, 2, mscc(10, octets(31_457_280), ANY)))
    assert answer.mscc == first[:1]
    assert await worker.money(each) == (58_800, 15_000)
    answer = await worker.ask(data(UPDATE, 3, mscc(20, octets(12_582_912))))
    assert answer.mscc == (MSCCAnswer(20, (), 2001, validity_seconds=3600),)
    assert await worker.money(each) == (58_200, 10_000)
    answer = await worker.ask(data(TERMINATION, 4, mscc(10, octets(42_991_616))))
    assert answer.mscc == (MSCCAnswer(10, (), 2001),)
    assert answer.cost == (15_900, -2, 398)  # 153 MiB at 1.00 and 12 at 0.50
    assert await worker.money(each) == (54_100, 0)


async def test_data_until_the_money_ends(worker: Worker) -> None:
    """10.00 for 10 MiB; the report of the final units takes no new quota, the next wish is refused,
    and a top-up brings the service back."""
    each = await worker.subscriber(10)
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    assert answer.mscc == (MSCCAnswer(10, (), 2001, octets(10 * MIB), 3600, FinalUnit(0)),)
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(10 * MIB))))
    assert answer.mscc == (MSCCAnswer(10, (), 2001, validity_seconds=3600),)
    assert await worker.money(each) == (0, 0)
    answer = await worker.ask(data(UPDATE, 2, mscc(10, None, ANY)))
    assert (answer.result_code, answer.mscc) == (2001, (MSCCAnswer(10, (), 4012),))
    await worker.top_up(each, 300, "more")
    answer = await worker.ask(data(UPDATE, 3, mscc(10, None, ANY)))
    assert granted(answer) == [100 * MIB] and answer.mscc[0].final_unit is None
    assert await worker.money(each) == (30_000, 10_000)
    assert codes(await worker.ask(data(TERMINATION, 4))) == (2001, [])
    assert await worker.money(each) == (30_000, 0)


async def test_usage_beside_a_refusal_is_debited(worker: Worker) -> None:
    """4012, and 3 MiB more than were granted: down to zero, the rest is written off."""
    each = await worker.subscriber(10)
    await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(13 * MIB), ANY)))
    assert codes(answer) == (2001, [4012])
    found = await worker.ledger.balance(each.account_id, each.partition)
    assert found is not None
    assert (found.main, found.spent, found.written_off) == (0, 10_000_000, 3_000_000)
    assert worker.counted("ocs_written_off_minor_units_total") == 300


async def test_more_than_can_be_counted(worker: Worker) -> None:
    """Reports of 2^53 octets in sum are answered like any other that is absurd: four grants are charged."""
    each = await worker.subscriber(10)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    largest = USU(octets(2**53 - 1))
    report = MSCC(10, (), NONE, (largest, largest))
    assert codes(await worker.ask(data(TERMINATION, 1, report))) == (2001, [2001])
    assert await worker.money(each) == (600, 0)


async def test_zero_rated_service(worker: Worker) -> None:
    """What costs nothing is granted in full without money, and never debited."""
    each = await worker.subscriber()
    answer = await worker.ask(data(INITIAL, 0, mscc(30, None, ANY)))
    assert granted(answer) == [100 * MIB] and answer.mscc[0].final_unit is None
    await worker.ask(data(TERMINATION, 1, mscc(30, octets(90 * MIB))))
    assert await worker.money(each) == (0, 0)


async def test_many_small_reports_cost_what_one_does(worker: Worker) -> None:
    """A hundred reports of a hundredth: the event is rounded once."""
    each = await worker.subscriber(40)
    await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    for number in range(1, 101):
        piece = 3 * MIB // 100 + (1 if number <= 3 * MIB % 100 else 0)
        await worker.ask(data(UPDATE, number, mscc(10, octets(piece), ANY)))
    answer = await worker.ask(data(TERMINATION, 101))
    assert answer.cost == (300, -2, 398)
    assert await worker.money(each) == (3_700, 0)


# --- exactly once, on any worker ----------------------------------------------------------------------


async def test_repeats_get_the_first_answer(worker: Worker, redis: Redis) -> None:
    """Here and on another worker, at once and after a top-up or the end: the same, and charged once."""
    each = await worker.subscriber(20)
    other = Worker(redis)
    requests = [
        voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)),
        talk(1, 60),  # 40 s are left: final
        talk(2, 40),  # nothing left: 4012 for the command
        voice(TERMINATION, 3, mscc(None, seconds(0), NONE, 1000)),
    ]
    answers = [await worker.ask(ccr) for ccr in requests]
    assert [each.result_code for each in answers] == [2001, 2001, 4012, 2001]
    await worker.top_up(each, 100, "more")
    for ccr, first in zip(requests, answers, strict=True):
        marked = replace(ccr, flags=0xD0, end_to_end=0x99, hop_by_hop=0x99)
        for place in (worker, other):
            again = await place.ask(marked)
            assert replace(again, header=first.header) == first
            assert (again.header.hop_by_hop, again.header.end_to_end) == (0x99, 0x99)
    assert await worker.money(each) == (10_000, 0)
    assert worker.counted("ocs_ccr_replays_total") == other.counted("ocs_ccr_replays_total") == 4
    assert worker.counted("ocs_balance_debited_minor_units_total") == 2000
    assert other.counted("ocs_balance_debited_minor_units_total") == 0


async def test_copies_at_once_are_charged_once(worker: Worker, redis: Redis) -> None:
    """The same request on two workers at the same time, ten times: one debit, one answer."""
    each = await worker.subscriber(40)
    await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    places = [worker, Worker(redis)] * 5
    answers = await asyncio.gather(*(place.ask(talk(1, 55)) for place in places))
    assert all(answer == answers[0] for answer in answers)
    assert await worker.money(each) == (2900, 1200)


async def test_two_workers_serve_one_session(worker: Worker, redis: Redis) -> None:
    """Alternately, the same amounts as on one, and no Subscription-Id after the first request."""
    each = await worker.subscriber(40)
    places = [worker, Worker(redis)]
    await places[0].ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    for number, balance, left in ((1, 2900, 60), (2, 1800, 60), (3, 700, 35)):
        answer = await places[number % 2].ask(talk(number, 55))
        assert granted(answer) == [left]
        assert (await worker.money(each))[0] == balance
    answer = await places[0].ask(talk(4, 35, None))
    assert answer.cost == (4000, -2, 398)
    assert await worker.money(each) == (0, 0)


async def test_repeat_on_another_worker_keeps_the_tariff_of_the_start(
    worker: Worker, redis: Redis
) -> None:
    """A worker that only saw the repeat, after a change of tariff, prices like the one that saw the
    first: conditions are those of the session's start."""
    each = await worker.subscriber(100)
    first = voice(INITIAL, 0, mscc(None, None, seconds(60), 1000))
    await worker.ask(first)
    assert await worker.subscribers.update(each, tariff="dearer") is not None
    other = Worker(redis)
    await other.ask(first)
    await other.ask(talk(1, 60))
    assert await worker.money(each) == (8800, 1200)
    await worker.ask(talk(2, 60))
    assert await worker.money(each) == (7600, 1200)


async def test_parallel_sessions_share_what_is_there(worker: Worker) -> None:
    """Fifty calls at once on 40.00: 200 s are granted in sum, the others are refused."""
    each = await worker.subscriber(40)
    answers = await asyncio.gather(
        *(
            worker.ask(
                voice(INITIAL, 0, mscc(None, None, seconds(60), 1000), session=b"s;%d" % number)
            )
            for number in range(50)
        )
    )
    sizes = [amount for answer in answers for amount in granted(answer) if amount]
    assert sorted(sizes) == [20, 60, 60, 60]
    assert sum(answer.result_code == 4012 for answer in answers) == 46
    assert await worker.money(each) == (4000, 4000)


# --- a subscriber that changes ------------------------------------------------------------------------


async def test_stale_snapshot_is_planned_again(worker: Worker, redis: Redis) -> None:
    """A new session has the new price at once, though this worker had the old snapshot."""
    each = await worker.subscriber(100)
    await worker.ask(voice(INITIAL, 0, mscc(1, None, seconds(60)), session=b"before"))
    assert await worker.money(each) == (10_000, 1200)
    assert await Worker(redis).subscribers.update(each, tariff="dearer") is not None
    answer = await worker.ask(voice(INITIAL, 0, mscc(1, None, seconds(60)), session=b"after"))
    assert granted(answer) == [60]
    assert await worker.money(each) == (10_000, 1200 + 2400)
    # The running one keeps the price that it began with.
    await worker.ask(voice(UPDATE, 1, mscc(1, seconds(60), seconds(60)), session=b"before"))
    assert await worker.money(each) == (8_800, 1200 + 2400)


async def test_barred_during_a_session(worker: Worker, redis: Redis) -> None:
    """4010 for the command at the next wish; what was used is debited, all is released, T is 2001."""
    each = await worker.subscriber(100)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    await Worker(redis).subscribers.update(each, state=SubscriberState.BARRED)
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(MIB), ANY)))
    assert codes(answer) == (4010, [4010]) and granted(answer) == [None]
    assert await worker.money(each) == (9_900, 0)
    answer = await worker.ask(data(TERMINATION, 2, mscc(10, octets(MIB))))
    assert codes(answer) == (2001, [2001])
    assert await worker.money(each) == (9_800, 0)


async def test_number_with_a_new_owner(worker: Worker, redis: Redis) -> None:
    """A removed subscriber's number is given away elsewhere: the first call is the new owner's."""
    old = await worker.subscriber(100)
    await worker.ask(voice(INITIAL, 0, mscc(1, None, seconds(60)), session=b"old"))
    await worker.ask(voice(TERMINATION, 1, session=b"old"))
    desk = Worker(redis)
    assert await desk.subscribers.remove(old)
    new = await desk.subscriber(50, CARD, NUMBER)
    for session in (b"new", b"newer"):
        answer = await worker.ask(voice(INITIAL, 0, mscc(1, None, seconds(60)), session=session))
        assert codes(answer) == (2001, [2001])
    assert await worker.money(old) == (10_000, 0)
    assert await worker.money(new) == (5_000, 2400)


async def test_removed_subscriber(worker: Worker, redis: Redis) -> None:
    """5030 as soon as it is gone, though it is cached here."""
    each = await worker.subscriber(100)
    await worker.ask(voice(INITIAL, 0, mscc(1, None, seconds(60)), session=b"old"))
    await worker.ask(voice(TERMINATION, 1, session=b"old"))
    assert await Worker(redis).subscribers.remove(each)
    assert codes(await worker.ask(voice(INITIAL, 0, mscc(1, None, ANY)))) == (5030, [])


class Restless(RedisLedger):
    """Somebody changes the subscriber before each charge, faster than it can be planned."""

    rival: Subscribers
    victim: Subscriber

    async def charge(self, plan: ChargePlan) -> ChargeOutcome:
        await self.rival.update(await self.rival.refresh(self.victim))
        return await super().charge(plan)


async def test_subscriber_that_never_rests(worker: Worker, redis: Redis) -> None:
    """3004 after three plans: bounded, and nothing moved."""
    each = await worker.subscriber(100)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    restless = Restless(redis, Library.from_package(), PARTITIONS, clock=CLOCK)
    restless.rival, restless.victim = Worker(redis).subscribers, each
    worker.serve_with(restless)
    for ccr in (
        data(UPDATE, 1, mscc(10, octets(MIB), ANY)),
        data(INITIAL, 0, mscc(10, None, ANY), session=b"other"),
    ):
        assert codes(await worker.ask(ccr)) == (3004, [])
    assert await worker.money(each) == (10_000, 100)


# --- who pays, and what holds ---------------------------------------------------------------------------

OTHER = Identity(IdentityKind.E164, "77012223344")  # ON_NET
CALL = voice(INITIAL, 0, mscc(None, None, seconds(60), 1000))


async def changed(worker: Worker, each: Subscriber, **changes: object) -> Subscriber:
    """The subscriber, stored with these changes."""
    made = await worker.subscribers.update(each, **changes)
    assert made is not None
    return made


async def facts_of(worker: Worker, session: bytes) -> frozenset[str]:
    """What a session keeps of its start."""
    context = await worker.subscribers.session(session)
    assert context is not None
    return context.attributes.facts


@pytest.mark.parametrize("state", [SubscriberState.ONE_WAY, SubscriberState.SUSPENDED])
async def test_incoming_only(worker: Worker, state: SubscriberState) -> None:
    """4010 for what the subscriber calls and uses; who calls there is served."""
    each = await worker.subscriber(100)
    await changed(worker, each, state=state)
    assert codes(await worker.ask(CALL)) == (4010, [4010])
    assert codes(await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))) == (4010, [4010])
    received = replace(CALL, session_id=b"in", role_of_node=1)
    assert codes(await worker.ask(received)) == (2001, [2001])


@pytest.mark.parametrize(
    ("ccr", "tenge", "is_first_use"),
    [
        (CALL, 0, False),  # refused: nothing was used
        (CALL, 100, True),
        (data(INITIAL, 0, mscc(10, None, ANY)), 100, True),
        (event(0, mscc(None, None, ANY)), 0, False),
        (event(0, mscc(None, None, ANY)), 100, True),
        (event(2, mscc(None, None, ANY)), 100, False),  # a question uses nothing
    ],
)
async def test_first_use(worker: Worker, ccr: CCR, tenge: int, is_first_use: bool) -> None:
    """A number that was never used is served, and whoever activates it is told."""
    each = await worker.subscriber(tenge)
    stored = await changed(worker, each, state=SubscriberState.PREACTIVE)
    answer = await worker.ask(ccr)
    assert answer.result_code == (2001 if tenge else 4012)
    assert worker.activated == ([stored] if is_first_use else [])


async def test_active_subscriber_is_not_activated(worker: Worker) -> None:
    """Nobody is told of a use that is not the first."""
    await worker.subscriber(100)
    assert codes(await worker.ask(CALL)) == (2001, [2001])
    assert worker.activated == []


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"),
    [
        ((), ("staff",), set()),
        (("staff", "a"), ("staff", "b"), {"group:staff"}),
        (("a",), (), set()),
    ],
)
async def test_closed_group(
    worker: Worker, mine: tuple[str, ...], theirs: tuple[str, ...], shared: set[str]
) -> None:
    """Membership of both parties at the start of the call decides."""
    each = await changed(worker, await worker.subscriber(100), groups=mine)
    other = await changed(worker, await worker.subscriber(0, OTHER), groups=theirs)
    assert codes(await worker.ask(CALL)) == (2001, [2001])
    assert await facts_of(worker, CALL.session_id) == shared
    await changed(worker, each, groups=("late",))
    await changed(worker, other, groups=("late",))
    assert codes(await worker.ask(talk(1, 10))) == (2001, [2001])
    assert await facts_of(worker, CALL.session_id) == shared


async def test_group_of_nobody(worker: Worker) -> None:
    """A called number that is not ours has no groups."""
    await changed(worker, await worker.subscriber(100), groups=("staff",))
    assert codes(await worker.ask(CALL)) == (2001, [2001])
    assert await facts_of(worker, CALL.session_id) == set()


async def test_members_of_an_account(worker: Worker, redis: Redis) -> None:
    """Two numbers, one balance: each is served, repeated and barred by itself, on any worker."""
    head = await worker.subscriber(24)
    member = await worker.subscribers.create(
        (OTHER,), "worked", SubscriberState.ACTIVE, account=head
    )
    assert (member.account_id, member.subscriber_id) == (head.account_id, f"{head.account_id}.1")
    own = replace(CALL, session_id=b"member", subscription_ids=((0, OTHER.value),))
    for ccr in (CALL, own):
        assert granted(await worker.ask(ccr)) == [60]
    assert await worker.money(head) == (2_400, 2_400)
    other = Worker(redis)
    answer = await other.ask(replace(talk(1, 30, 30), session_id=b"member"))
    assert granted(answer) == [30]
    assert await worker.money(head) == (1_800, 1_800)
    await changed(worker, member, state=SubscriberState.BARRED)
    answer = await other.ask(replace(talk(2, 30, 30), session_id=b"member"))
    assert codes(answer) == (4010, [4010])
    assert granted(await other.ask(talk(1, 30, 30))) == [30]
    assert await worker.money(head) == (600, 600)


async def test_collect_call(worker: Worker) -> None:
    """The called party pays, 12.00 a minute: 61 s are 12.20; the caller has nothing and needs nothing."""
    caller = await worker.subscriber(0)
    payer = await worker.subscriber(50, OTHER)
    first = replace(CALL, called="00087012223344")
    answer = await worker.ask(first)
    assert codes(answer) == (2001, [2001]) and granted(answer) == [60]
    assert await facts_of(worker, CALL.session_id) == {"collect"}
    assert await worker.money(payer) == (5_000, 1_200)
    answer = await worker.ask(talk(1, 61, None))
    assert codes(answer) == (2001, [2001]) and answer.cost == (1220, -2, 398)
    assert (await worker.money(payer), await worker.money(caller)) == ((3_780, 0), (0, 0))


async def test_collect_call_of_somebody_else(worker: Worker) -> None:
    """4010: a number that has no account here cannot pay; nor does the caller."""
    caller = await worker.subscriber(100)
    answer = await worker.ask(replace(CALL, called="00087012223344"))
    assert codes(answer) == (4010, [])
    assert await worker.money(caller) == (10_000, 0)


@pytest.mark.parametrize(("flags", "reserved"), [(0xC0, 25), (0xD0, 100)])
async def test_request_from_a_buffer(worker: Worker, flags: int, reserved: int) -> None:
    """Sent again after an hour, it costs what it did then: 1.00 a MiB until midnight, 0.25 from then on."""
    each = await worker.subscriber(100, tariff="changing")
    midnight = 1_790_881_200
    CLOCK.now = UtcMillis((midnight + 1800) * 1000)
    ccr = replace(
        data(INITIAL, 0, mscc(10, None, octets(MIB))),
        event_timestamp=midnight - 1800,
        flags=flags,
    )
    assert codes(await worker.ask(ccr)) == (2001, [2001])
    assert await worker.money(each) == (10_000, reserved)


# --- supervision, round trips, counters ---------------------------------------------------------------


async def test_supervision_outlives_a_long_grant(worker: Worker, redis: Redis) -> None:
    """An hour of talk is valid for 3660 s: nobody closes its session for twice that time."""
    await worker.subscriber(1000)
    answer = await worker.ask(voice(INITIAL, 0, mscc(1, None, seconds(3600))))
    assert granted(answer) == [3600] and answer.mscc[0].validity_seconds == 3660
    session = (await Records(redis, PARTITIONS).open_sessions())[0]
    assert session.deadline == NOW + 2 * 3660 * 1000


@dataclass
class Link:
    """A worker behind a proxy of its own."""

    worker: Worker
    proxy: Proxy

    async def trips(self, ccr: CCR) -> int:
        """Round trips to the store until the answer, which is a success."""
        before = self.proxy.requests
        assert (await self.worker.ask(ccr)).result_code == 2001
        return self.proxy.requests - before


@pytest.fixture
async def links(empty_store: str, tmp_path: Path) -> AsyncIterator[list[Link]]:
    """Two workers, connected, and a subscriber that neither has seen."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        proxied(empty_store, tmp_path / "a") as (first, first_url),
        proxied(empty_store, tmp_path / "b") as (second, second_url),
    ):
        clients = [connect(url, 5.0) for url in (first_url, second_url)]
        await Library.from_package().load(clients[0])
        async with connect(empty_store, 5.0) as desk:
            await Worker(desk).subscriber(1000, NUMBER, CARD)
        workers = [Worker(client) for client in clients]
        for worker, client in zip(workers, clients, strict=True):
            await worker.ledger.open()
            await client.ping()  # reads have a connection of their own
        yield [Link(workers[0], first), Link(workers[1], second)]
        for client in clients:
            await client.aclose()


async def test_one_round_trip_in_the_steady_state(links: list[Link]) -> None:
    """I of a known subscriber, U and T of a session opened here: one each."""
    here = links[0]
    both = ((0, MSISDN), (1, IMSI))
    # Identities, snapshot, charge.
    first = replace(data(INITIAL, 0, mscc(10, None, ANY), session=b"1"), subscription_ids=both)
    assert await here.trips(first) == 3
    for ccr in (
        data(UPDATE, 1, mscc(10, octets(5), ANY), session=b"1"),
        data(UPDATE, 1, mscc(10, octets(5), ANY), session=b"1"),
        data(TERMINATION, 2, mscc(10, octets(5)), session=b"1"),
        replace(data(INITIAL, 0, mscc(10, None, ANY), session=b"2"), subscription_ids=both),
        data(INITIAL, 0, mscc(10, None, ANY), session=b"3"),
        data(TERMINATION, 1, session=b"3"),
    ):
        assert await here.trips(ccr) == 1


async def test_three_round_trips_for_what_was_not_seen(links: list[Link]) -> None:
    """Route, then context and snapshot together, then the charge; afterwards one."""
    here, there = links
    for session in (b"1", b"2", b"3"):
        await here.trips(data(INITIAL, 0, mscc(10, None, ANY), session=session))
    report = mscc(10, octets(5), ANY)
    assert await there.trips(data(UPDATE, 1, report, session=b"1")) == 3
    assert await there.trips(data(UPDATE, 2, report, session=b"1")) == 1
    # The subscriber is known by now, another session is not.
    assert await there.trips(data(TERMINATION, 1, session=b"2")) == 3
    # Both are known by the worker that opened it.
    assert await here.trips(data(UPDATE, 1, report, session=b"3")) == 1


async def test_stale_costs_one_more(links: list[Link]) -> None:
    """The fresh snapshot comes with the refusal of the old one: no read besides."""
    here, there = links
    await here.trips(data(INITIAL, 0, mscc(10, None, ANY), session=b"1"))
    await there.trips(data(INITIAL, 0, mscc(10, None, ANY), session=b"2"))
    each = await there.worker.subscribers.find((NUMBER,))
    assert each is not None
    assert await there.worker.subscribers.update(each, tariff="dearer") is not None
    assert await here.trips(data(UPDATE, 1, mscc(10, octets(5), ANY), session=b"1")) == 2
    assert await here.trips(data(UPDATE, 2, mscc(10, octets(5), ANY), session=b"1")) == 1


async def test_counters_agree_with_the_account(worker: Worker) -> None:
    """Sessions, units and money are counted once, also where requests are repeated or refused."""
    each = await worker.subscriber(40)
    first = voice(INITIAL, 0, mscc(None, None, seconds(60), 1000))
    for ccr in (first, first, talk(1, 55), talk(1, 55), voice(INITIAL, 7, mscc(9, seconds(8)))):
        await worker.ask(ccr)
    assert worker.counted("ocs_sessions_active", service="voice") == 1
    assert worker.counted("ocs_units_used_total", unit="seconds") == 55
    assert worker.counted("ocs_units_granted_total", unit="seconds") == 120
    assert worker.counted("ocs_balance_debited_minor_units_total") == 1100
    assert worker.counted("ocs_balance_reserved_minor_units") == 1200
    assert worker.counted("ocs_idempotency_mismatch_total") == 0
    await worker.ask(talk(1, 54))
    assert worker.counted("ocs_idempotency_mismatch_total") == 1
    await worker.ask(talk(2, 120, None))
    assert worker.counted("ocs_sessions_active", service="voice") == 0
    assert worker.counted("ocs_sessions_terminated_total", reason="terminated") == 1
    assert worker.counted("ocs_balance_reserved_minor_units") == 0
    assert worker.counted("ocs_balance_debited_minor_units_total") == 3500
    assert worker.counted("ocs_final_unit_indications_total") == 0
    assert await worker.money(each) == (500, 0)


# --- every state and every request --------------------------------------------------------------------

#: What a request is answered in each state of its session, and the state that follows (RFC 8506, 7; an
#: event is a session of its own name).
TRANSITIONS = {
    ("idle", "I"): (2001, "open"),
    ("idle", "U"): (5002, "unknown"),
    ("idle", "T"): (5002, "unknown"),
    ("idle", "E"): (2001, "event"),
    ("unknown", "I"): (2001, "open"),
    ("unknown", "U"): (5002, "unknown"),
    ("unknown", "T"): (5002, "unknown"),
    ("unknown", "E"): (2001, "event"),
    ("open", "I"): (5012, "open"),
    ("open", "U"): (2001, "open"),
    ("open", "T"): (2001, "closed"),
    ("open", "E"): (5012, "open"),
    ("closed", "I"): (5012, "closed"),
    ("closed", "U"): (5002, "closed"),
    ("closed", "T"): (5002, "closed"),
    ("closed", "E"): (5012, "closed"),
    ("refused", "I"): (5012, "refused"),
    ("refused", "U"): (5002, "refused"),
    ("refused", "T"): (2001, "closed"),  # the one T that follows a refusal
    ("refused", "E"): (5012, "refused"),
    ("expired", "I"): (5012, "expired"),
    ("expired", "U"): (5002, "expired"),
    ("expired", "T"): (5002, "expired"),
    ("expired", "E"): (5012, "expired"),
    ("event", "I"): (5012, "event"),
    ("event", "U"): (5002, "event"),
    ("event", "T"): (5002, "event"),
    ("event", "E"): (2001, "event"),
}
KINDS = "IUTE"
#: Each history has a session of its own, also where Hypothesis plays one again.
HISTORIES = count()


def request(kind: str, number: int, session: bytes) -> CCR:
    """A request of a call: one second is used, one is wished."""
    used = seconds(1) if kind in "UT" else None
    ccr = voice(KINDS.index(kind) + 1, number, mscc(None, used, seconds(1), 1000), session=session)
    if kind == "E":
        return replace(
            ccr, requested_action=0, called=f"tel:{ON_NET}", subscription_ids=((0, MSISDN),)
        )
    return ccr


def test_the_table_is_whole() -> None:
    """Every state meets every request, and leads to a state."""
    states = {state for state, _ in TRANSITIONS}
    assert set(TRANSITIONS) == {(state, kind) for state in states for kind in KINDS}
    assert {following for _, following in TRANSITIONS.values()} <= states


async def test_every_sequence_of_three(worker: Worker) -> None:
    """Each request is answered by the table, and what was reserved comes back at the end."""
    each = await worker.subscriber(1000)
    for first, second, third in product(KINDS, repeat=3):
        session = f"s;{first}{second}{third}".encode()
        state = "idle"
        for number, kind in enumerate((first, second, third)):
            code, state = TRANSITIONS[state, kind]
            answer = await worker.ask(request(kind, number, session))
            assert answer.result_code == code, (session, number)
        if state == "open":
            await worker.ask(request("T", 3, session))
    assert (await worker.money(each))[1] == 0


@given(kinds=st.lists(st.sampled_from(KINDS), min_size=4, max_size=12))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_history(worker: Worker, kinds: list[str]) -> None:
    """Longer histories go by the same table: every pair of state and request, from wherever it came."""
    if await worker.subscribers.find((NUMBER,)) is None:
        await worker.subscriber(100_000)
    state, name = "idle", b"h;%d" % next(HISTORIES)
    for number, kind in enumerate(kinds):
        code, state = TRANSITIONS[state, kind]
        answer = await worker.ask(request(kind, number, name))
        assert answer.result_code == code, (kinds, number)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", ["refused", "expired"])
async def test_sessions_that_we_ended(worker: Worker, state: str, kind: str) -> None:
    """After our own refusal, and after supervision."""
    each = await worker.subscriber(1)
    await worker.ask(request("I", 0, b"s"))
    if state == "refused":
        await worker.ask(voice(UPDATE, 1, mscc(None, seconds(5), seconds(1), 1000), session=b"s"))
    else:
        (session,) = await Records(worker.client, PARTITIONS).open_sessions()
        CLOCK.goes_on(5000)
        await worker.ledger.expire(session, "supervision")
    await worker.top_up(each, 100, "more")
    code, _ = TRANSITIONS[state, kind]
    assert (await worker.ask(request(kind, 9, b"s"))).result_code == code
    assert (await worker.money(each))[1] == 0


@pytest.mark.parametrize(
    ("condition", "codes_by_kind"),
    [
        ("no money", {"I": 4012, "U": 4012, "T": 2001, "E": 4012}),
        ("barred", {"I": 4010, "U": 4010, "T": 2001, "E": 4010}),
        ("no price", {"I": 5031, "U": 2001, "T": 2001, "E": 5031}),
        ("unknown user", {"I": 5030, "U": 2001, "T": 2001, "E": 5030}),
        ("another realm", {"I": 2001, "U": 5002, "T": 5002, "E": 2001}),
        ("not our service", {"I": 5031, "U": 5031, "T": 5031, "E": 5031}),
    ],
)
async def test_conditions(worker: Worker, condition: str, codes_by_kind: dict[str, int]) -> None:
    """What stands against a request decides its code; a session keeps the number it was opened with."""
    each = await worker.subscriber(1)
    await worker.ask(request("I", 0, b"s"))
    if condition == "no money":
        await worker.ask(request("U", 1, b"s"))
        await worker.ask(voice(UPDATE, 2, mscc(None, seconds(4), NONE, 1000), session=b"s"))
    if condition == "barred":
        await worker.subscribers.update(each, state=SubscriberState.BARRED)
    changes: dict[str, dict[str, object]] = {
        "no price": {"called": "tel:+14155550100"},
        "unknown user": {"subscription_ids": ((0, "70000000000"),)},
        "another realm": {"origin_realm": "elsewhere.example"},
        "not our service": {"service_context_id": "32271@3gpp.org"},
    }
    for kind, code in codes_by_kind.items():
        ccr = request(kind, 5, b"s" if kind in "UT" else b"new" + kind.encode())
        ccr = replace(ccr, **changes.get(condition, {}))  # type: ignore[arg-type]  # by name
        assert (await worker.ask(ccr)).result_code == code, kind


# --- events on the path -------------------------------------------------------------------------------


async def test_event_is_one_round_trip(links: list[Link]) -> None:
    """As a session's request is; a question reads the subscriber afresh, a refund asks nobody else."""
    here = links[0]
    assert await here.trips(event(0, session=b"1")) == 3  # identity, snapshot, charge
    assert await here.trips(event(0, session=b"2")) == 1
    assert await here.trips(event(0, session=b"2")) == 1
    assert await here.trips(event(3, session=b"3")) == 1
    assert await here.trips(event(2, session=b"4")) == 2
    answer = await here.worker.ask(event(0, session=b"2"))
    back = replace(event(1, session=b"5"), refund_information=answer.refund_information)
    assert await here.trips(back) == 1


async def test_questions_are_answered_of_now(worker: Worker, redis: Redis) -> None:
    """The price of the tariff that the subscriber has since, though this worker knows another one."""
    each = await worker.subscriber(6)
    asked = replace(event(3, session=b"p"), service_context_id="32260@3gpp.org", called=ON_NET)
    asked = replace(asked, command_rsu=seconds(60), recipients=())
    assert (await worker.ask(asked)).cost == (1200, -2, 398)
    assert await Worker(redis).subscribers.update(each, tariff="dearer") is not None
    assert (await worker.ask(asked)).cost == (2400, -2, 398)
    check = replace(asked, requested_action=2, command_rsu=seconds(20))
    assert (await worker.ask(check)).check_balance_result == 1  # 8.00 by now, it was 4.00
    changed = await worker.subscribers.refresh(each)
    assert await Worker(redis).subscribers.update(changed, state=SubscriberState.BARRED) is not None
    assert codes(await worker.ask(check)) == (4010, [])


@pytest.mark.parametrize("action", [0, 1, 2, 3])
async def test_event_without_a_store(tmp_path: Path, action: int) -> None:
    """3004: whatever it is, a repeat is safe."""
    client = connect(f"unix://{tmp_path}/nothing", 1.0)
    ccr = replace(event(action), refund_information=b"1.1." + b"a" * 32)
    assert codes(await Worker(client).ask(ccr)) == (3004, [])
    await client.aclose()


async def test_free_numbers_without_a_store(tmp_path: Path) -> None:
    """An emergency call is never refused because something of ours is broken."""
    client = connect(f"unix://{tmp_path}/nothing", 1.0)
    worker = Worker(client)
    for number, kind in enumerate((INITIAL, UPDATE, TERMINATION)):
        used = None if kind == INITIAL else seconds(60)
        ccr = voice(kind, number, mscc(None, used, seconds(60), 1000))
        answer = await worker.ask(replace(ccr, called="112" if kind == INITIAL else None))
        assert codes(answer) == (2001, [2001])
        assert granted(answer) == [None if kind == TERMINATION else 3600]
    for action, told in ((0, (None, 0)), (2, (0, None)), (3, (None, 0))):
        answer = await worker.ask(replace(event(action), recipients=("112",)))
        cost = None if answer.cost is None else answer.cost[0]
        assert answer.result_code == 2001
        assert (answer.check_balance_result, cost) == told
    await client.aclose()


async def test_worker_that_did_not_open_a_free_call(worker: Worker) -> None:
    """The called number says it again where the client repeats it; else the session is unknown."""
    last = voice(TERMINATION, 2, mscc(None, seconds(9), NONE, 1000))
    assert codes(await worker.ask(replace(last, called="112"))) == (2001, [2001])
    assert codes(await worker.ask(last)) == (5002, [])


async def test_a_paid_call_does_not_become_free(worker: Worker) -> None:
    """Whatever number a later request names, the session is paid as it began."""
    each = await worker.subscriber(30)
    await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    update = voice(UPDATE, 1, mscc(None, seconds(60), seconds(60), 1000))
    await worker.ask(replace(update, called="112"))
    await worker.ask(voice(TERMINATION, 2, mscc(None, seconds(60), NONE, 1000)))
    assert await worker.money(each) == (600, 0)  # 120 s at 12.00 a minute


async def test_session_of_a_free_call_that_calls_somebody_else(worker: Worker) -> None:
    """A new first request is judged by whom it calls, not by what its name was used for."""
    await worker.ask(replace(voice(INITIAL, 0, mscc(None, None, ANY, 1000)), called="112"))
    answer = await worker.ask(voice(INITIAL, 1, mscc(None, None, ANY, 1000)))
    assert codes(answer) == (5030, [])


async def test_data_is_no_emergency(worker: Worker) -> None:
    """A gateway that names an emergency number is charged all the same."""
    each = await worker.subscriber(100)
    ccr = replace(data(INITIAL, 0, mscc(10, None, octets(MIB))), called="112")
    assert granted(await worker.ask(ccr)) == [MIB]
    assert await worker.money(each) == (10_000, 100)


async def test_barred_subscriber_calls_for_help(worker: Worker) -> None:
    """Neither the state nor the balance is asked, and nothing is kept."""
    each = await worker.subscriber()
    await worker.subscribers.update(each, state=SubscriberState.BARRED)
    call = replace(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)), called="112")
    assert granted(await worker.ask(call)) == [3600]
    assert await Records(worker.client, PARTITIONS).open_sessions() == []


async def test_announced_redirection_without_a_rating_group(redis: Redis) -> None:
    """Some clients report a started redirect without naming what: 2001 and when to come back, not 5031."""
    policy = ChargingPolicy((REDIRECTED,))
    await Library.from_package().load(redis)
    worker = Worker(redis, policy=policy)
    each = await worker.subscriber(10)
    await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    answer = await worker.ask(data(UPDATE, 1, mscc(None, octets(MIB))))
    assert answer.mscc == (MSCCAnswer(None, (), 2001, validity_seconds=600),)
    assert await worker.money(each) == (1000, 1000)
    answer = await worker.ask(data(UPDATE, 2, mscc(None, octets(MIB), ANY)))
    assert codes(answer) == (2001, [5031])
