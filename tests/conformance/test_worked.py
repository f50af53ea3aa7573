"""Statement 94: whole sequences over real connections, with exactly the amounts worked out by hand."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.diameter.credit_control import MSCC, USU, FinalUnit, MSCCAnswer
from tests.charging.worked import (
    ANY,
    MIB,
    NONE,
    REDIRECT,
    REDIRECTED,
    data,
    event,
    messages,
    mscc,
    octets,
    seconds,
    voice,
)
from tests.support.rig import RELAY, RELAY_REALM, Client, Rig, codes, serving

INITIAL, UPDATE, TERMINATION = 1, 2, 3
THRESHOLD, QHT, FINAL, QUOTA_EXHAUSTED, FORCED_REAUTHORISATION = 0, 1, 2, 3, 7
DIRECT_DEBITING, REFUND_ACCOUNT, CHECK_BALANCE, PRICE_ENQUIRY = 0, 1, 2, 3


def call(used: int | None, wish: int | None, reason: int | None = None) -> MSCC:
    """What a call control reports and wishes for."""
    reports = () if used is None else (USU(seconds(used), reason),)
    return MSCC(None, (1000,), NONE if wish is None else seconds(wish), reports)


async def talked(rig: Rig, client: Client) -> None:
    """40.00 at 0.20 a second: three times 55 s, each time before the grant ends; then 35 s are left."""
    plain = MSCCAnswer(None, (1000,), 2001, seconds(60), 600, None, time_threshold=5)
    answer = await client.send(voice(INITIAL, 0, call(None, 60)))
    assert (answer.result_code, answer.mscc) == (2001, (plain,))
    assert await rig.money() == (4_000, 1_200)
    for number, balance in ((1, 2_900), (2, 1_800)):
        rig.clock.goes_on(55)
        answer = await client.send(voice(UPDATE, number, call(55, 60, THRESHOLD)))
        assert (answer.result_code, answer.mscc) == (2001, (plain,))
        assert await rig.money() == (balance, 1_200)
    rig.clock.goes_on(55)
    answer = await client.send(voice(UPDATE, 3, call(55, 60, THRESHOLD)))
    final = MSCCAnswer(None, (1000,), 2001, seconds(35), 600, FinalUnit(0))
    assert (answer.result_code, answer.mscc) == (2001, (final,))
    assert await rig.money() == (700, 700)


@pytest.mark.statement(94)
@pytest.mark.parametrize(("used", "cost", "left"), [(35, 4_000, 0), (10, 3_500, 500)])
async def test_call_until_the_money_ends(
    rig: Rig, scscf: Client, used: int, cost: int, left: int
) -> None:
    """Talked to the end, or ended ten seconds into the last grant."""
    await rig.subscriber(40)
    await talked(rig, scscf)
    rig.clock.goes_on(used)
    end = replace(voice(TERMINATION, 4, call(used, None)), termination_cause=1)
    answer = await scscf.send(end)
    assert answer.result_code == 2001 and answer.cost == (cost, -2, 398)
    assert await rig.money() == (left, 0)


@pytest.mark.statement(94)
async def test_call_on_an_empty_account(rig: Rig, scscf: Client) -> None:
    """0.10 is less than a second: 4012 for the command, and no session."""
    await rig.subscriber(0.10)
    assert (await scscf.send(voice(INITIAL, 0, call(None, 60)))).result_code == 4012
    assert await rig.money() == (10, 0) and await rig.sessions() == []


def traffic(group: int, used: int, reason: int, *, wish: bool) -> MSCC:
    """A report of octets; the reasons that belong into the MSCC stand there."""
    inside = reason in (THRESHOLD, QUOTA_EXHAUSTED)
    usu = USU(octets(used), reason if inside else None)
    return MSCC(group, (), ANY if wish else NONE, (usu,), None if inside else reason)


@pytest.mark.statement(94)
async def test_two_rating_groups_and_a_top_up(redis: Redis) -> None:
    """200.00, 1.00 and 0.50 a MiB: redirection is announced, a top-up averts it."""
    async with Rig(redis, policy=serving(replace(REDIRECTED, holding_seconds=600))) as rig:
        await rig.subscriber(200)
        pgw = await rig.client()

        def granted(group: int) -> MSCCAnswer:
            return MSCCAnswer(
                group, (), 2001, octets(104_857_600), 3600,
                volume_threshold=20_971_520, holding_seconds=600,
            )  # fmt: skip

        answer = await pgw.send(data(INITIAL, 0, mscc(10, None, ANY), mscc(20, None, ANY)))
        assert (answer.result_code, answer.mscc) == (2001, (granted(10), granted(20)))
        assert await rig.money() == (20_000, 15_000)
        answer = await pgw.send(data(UPDATE, 1, traffic(10, 85_983_232, THRESHOLD, wish=True)))
        last = MSCCAnswer(10, (), 2001, octets(71_303_168), 3600, REDIRECT, holding_seconds=600)
        assert answer.mscc == (last,)
        assert await rig.money() == (11_800, 11_800)
        await rig.top_up(500)
        assert (await pgw.told()).session_id == b"pgw1;1;2"
        assert await rig.money() == (61_800, 11_800)
        forced = traffic(10, 31_457_280, FORCED_REAUTHORISATION, wish=True)
        answer = await pgw.send(data(UPDATE, 2, forced))
        assert answer.mscc == (granted(10),)
        assert await rig.money() == (58_800, 15_000)
        answer = await pgw.send(data(UPDATE, 3, traffic(20, 12_582_912, QHT, wish=False)))
        assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu is None
        assert await rig.money() == (58_200, 10_000)
        answer = await pgw.send(data(TERMINATION, 4, traffic(10, 42_991_616, FINAL, wish=False)))
        assert codes(answer) == (2001, [2001])
        assert await rig.money() == (54_100, 0)


@pytest.mark.statement(94)
async def test_message_with_a_refund(rig: Rig, smsc: Client) -> None:
    """12.00, 5.00 a message: debited once, given back once, refused whole where it is not covered."""
    await rig.subscriber(12)
    one, two, three = (mscc(None, None, messages(each)) for each in (1, 2, 3))
    first = replace(event(DIRECT_DEBITING, one), end_to_end=0xA1)
    paid = await smsc.send(first)
    assert codes(paid) == (2001, [2001]) and paid.mscc[0].gsu == messages(1)
    assert await rig.money() == (700, 0)
    relay = await rig.client(RELAY, RELAY_REALM)
    again = await relay.send(first, is_repeat=True)
    assert replace(again, header=paid.header) == paid
    assert await rig.money() == (700, 0)
    back = replace(one, refund_information=paid.mscc[0].refund_information)
    for session in (b"smsc1;2;1", b"smsc1;2;2"):
        answer = await smsc.send(event(REFUND_ACCOUNT, back, session=session))
        assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu == messages(1)
        assert await rig.money() == (1_200, 0)
    answer = await smsc.send(event(DIRECT_DEBITING, three, session=b"smsc1;3"))
    assert answer.result_code == 4012
    answer = await smsc.send(event(CHECK_BALANCE, two, session=b"smsc1;4"))
    assert (answer.result_code, answer.check_balance_result) == (2001, 0)
    answer = await smsc.send(event(PRICE_ENQUIRY, three, session=b"smsc1;5"))
    assert (answer.result_code, answer.cost) == (2001, (1_500, -2, 398))
    assert await rig.money() == (1_200, 0)


@pytest.mark.statement(94)
@pytest.mark.parametrize("is_topped_up", [True, False])
async def test_redirection(redis: Redis, is_topped_up: bool) -> None:
    """10.00 used up and redirected for 600 s: a top-up ends that, without one the service is cut."""
    async with Rig(redis, policy=serving(REDIRECTED)) as rig:
        await rig.subscriber(10)
        pgw = await rig.client()
        answer = await pgw.send(data(INITIAL, 0, mscc(10, None, ANY)))
        assert answer.mscc == (MSCCAnswer(10, (), 2001, octets(10_485_760), 3600, REDIRECT),)
        assert await rig.money() == (1_000, 1_000)
        used_up = traffic(10, 10 * MIB, QUOTA_EXHAUSTED, wish=False)
        answer = await pgw.send(data(UPDATE, 1, used_up))
        assert answer.mscc == (MSCCAnswer(10, (), 2001, validity_seconds=600),)
        assert await rig.money() == (0, 0)
        expected = MSCCAnswer(10, (), 4012)
        if is_topped_up:
            await rig.top_up(300)
            assert (await pgw.told()).session_id == b"pgw1;1;2"
            expected = MSCCAnswer(
                10, (), 2001, octets(104_857_600), 3600, volume_threshold=20_971_520
            )
        else:
            rig.clock.goes_on(600)
        answer = await pgw.send(data(UPDATE, 2, mscc(10, None, ANY)))
        assert (answer.result_code, answer.mscc) == (2001, (expected,))
        assert await rig.money() == ((30_000, 10_000) if is_topped_up else (0, 0))
        assert (await pgw.send(data(TERMINATION, 3))).result_code == 2001
        assert await rig.money() == ((30_000, 0) if is_topped_up else (0, 0))


async def test_two_calls_of_one_account(rig: Rig, scscf: Client) -> None:
    """75 s of credit, 30 s at a time: B gets the last 15 s, and what A does not use when A ends early.

    The 20 s that A gives back come to B by a RAR (RFC 8506, 5.5).
    """
    await rig.subscriber(15)
    answer = await scscf.send(voice(INITIAL, 0, call(None, 30), session=b"A"))
    assert answer.mscc[0].gsu == seconds(30)
    rig.clock.goes_on(30)
    answer = await scscf.send(voice(UPDATE, 1, call(30, 30), session=b"A"))
    assert answer.mscc[0].gsu == seconds(30)
    answer = await scscf.send(voice(INITIAL, 0, call(None, 30), session=b"B"))
    assert answer.mscc[0].gsu == seconds(15) and answer.mscc[0].final_unit == FinalUnit(0)
    assert await rig.money() == (900, 900)
    # The last of the money is taken: A is asked for what it holds, and ends before it says so.
    assert (await scscf.told()).session_id == b"A"
    rig.clock.goes_on(10)
    await scscf.send(voice(TERMINATION, 2, call(10, None), session=b"A"))
    assert (await scscf.told()).session_id == b"B"
    forced = replace(call(10, 30), reporting_reason=FORCED_REAUTHORISATION)
    answer = await scscf.send(voice(UPDATE, 1, forced, session=b"B"))
    # 75 - 30 - 10 - 10 are left.
    assert answer.mscc[0].gsu == seconds(25) and answer.mscc[0].final_unit == FinalUnit(0)
    rig.clock.goes_on(25)
    await scscf.send(voice(TERMINATION, 2, call(25, None), session=b"B"))
    assert await rig.money() == (0, 0)
