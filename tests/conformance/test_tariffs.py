"""Statements 91 to 93 and 95 to 98: prices that change, money and thresholds as they are written."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.diameter.avp import i32, i64, octets, u32
from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.credit_control import MSCC, USU
from ocs.model import UtcMillis
from tests.charging.worked import ANY, DATA, MIB, NONE, data, mscc, octets as volume, seconds, voice
from tests.support.rig import Rig, avps, data_of, serving

INITIAL, UPDATE, TERMINATION = 1, 2, 3
#: 2026-10-02 00:00 in Almaty, when the prices of the tariff "changing" do; as a Time.
MIDNIGHT, MIDNIGHT_TIME = 1_790_881_200, bytes.fromhex("ee692c30")
SPLITTING = replace(DATA, grant_default=60 * MIB, tells_tariff_change=True)


@pytest.fixture
async def changing(redis: Redis) -> AsyncIterator[Rig]:
    """A server that tells when the tariff changes, and a subscriber with 80.00."""
    async with Rig(redis, policy=serving(SPLITTING)) as made:
        await made.subscriber(80, tariff="changing")
        yield made


def at(rig: Rig, minutes: float) -> None:
    """So long after midnight (negative: before)."""
    rig.clock.now = UtcMillis(round((MIDNIGHT + minutes * 60) * 1000))


def report(*reports: tuple[int, int]) -> MSCC:
    """Usage in MiB with its Tariff-Change-Usage, and the wish for more."""
    return MSCC(10, (), ANY, tuple(USU(volume(mib * MIB), None, mark) for mark, mib in reports))


@pytest.mark.statement(91)
async def test_grant_that_spans_a_change(changing: Rig) -> None:
    """Tariff-Time-Change stands in the Granted-Service-Unit, and the dearer price is held."""
    at(changing, -20)
    client = await changing.client()
    request = data(INITIAL, 0, mscc(10, None, ANY))
    answer = await client.raw(encode_ccr(replace(request, hop_by_hop=1000)))
    (service,) = data_of(answer, 456)
    (granted,) = data_of(service, 431, 0)
    assert data_of(granted, 451, 0) == [MIDNIGHT_TIME]
    assert data_of(granted, 421, 0) == [(60 * MIB).to_bytes(8, "big")]
    assert await changing.money() == (8_000, 6_000)


@pytest.mark.statement(92)
async def test_usage_on_both_sides_of_a_change(changing: Rig) -> None:
    """40 MiB before at 1.00 and 20 MiB after at 0.25 are 45.00; the next 60 MiB are held at 0.25."""
    client = await changing.client()
    at(changing, -20)
    await client.send(data(INITIAL, 0, mscc(10, None, ANY)))
    at(changing, 10)
    answer = await client.send(data(UPDATE, 1, report((0, 40), (1, 20))))
    assert answer.mscc[0].gsu == volume(60 * MIB) and answer.mscc[0].tariff_time_change is None
    assert await changing.money() == (3_500, 1_500)


@pytest.mark.statement(93)
async def test_time_over_a_change(changing: Rig) -> None:
    """From 23:59:30 to 00:00:30 at 0.20 and 0.10 a second: 9.00, and no Tariff-Time-Change."""
    client = await changing.client("scscf1.example.net")
    at(changing, -0.5)
    answer = await client.send(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    assert answer.mscc[0].gsu == seconds(60) and answer.mscc[0].tariff_time_change is None
    at(changing, 0.5)
    answer = await client.send(voice(TERMINATION, 1, mscc(None, seconds(60), NONE, 1000)))
    assert answer.cost == (900, -2, 398)
    assert await changing.money() == (7_100, 0)


@pytest.mark.statement(95)
async def test_money_on_the_wire(rig: Rig) -> None:
    """0.05 KZT is 5 times ten to the power of -2, with the code of the currency."""
    await rig.subscriber(1)
    client = await rig.client()
    await client.send(data(INITIAL, 0, mscc(10, None, ANY)))
    # A twentieth of a mebibyte at 1.00, to the octet below.
    end = data(TERMINATION, 1, mscc(10, volume(MIB // 20)))
    answer = await client.raw(encode_ccr(replace(end, hop_by_hop=1000)))
    cost = octets(423, octets(445, i64(447, 5) + i32(429, -2)) + u32(425, 398))
    assert data_of(answer, 423) == [cost[8:]]
    assert await rig.money() == (95, 0)


@pytest.mark.statement(96)
async def test_many_small_reports(rig: Rig) -> None:
    """A thousand octets one by one, charged by the started mebibyte: one step is paid."""
    await rig.subscriber(10, tariff="stepped")
    client = await rig.client()
    await client.send(data(INITIAL, 0, mscc(10, None, volume(MIB))))
    for number in range(1, 1001):
        answer = await client.send(data(UPDATE, number, mscc(10, volume(1), volume(MIB))))
        assert answer.result_code == 2001
    answer = await client.send(data(TERMINATION, 1001))
    assert answer.cost == (100, -2, 398)
    assert await rig.money() == (900, 0)


@pytest.mark.statement(97)
@pytest.mark.parametrize(
    ("percent", "amount", "threshold"),
    [
        (20, 100 * MIB, 20 * MIB),
        (90, 5 << 30, 2**32 - 1),  # 90 % would be more than the AVP holds
        (20, 5 << 30, 1 << 30),
        (0, 100 * MIB, None),
    ],
)
async def test_threshold(redis: Redis, percent: int, amount: int, threshold: int | None) -> None:
    """Below the grant and within 32 bits."""
    own = replace(DATA, threshold_percent=percent, grant_maximum=1 << 40)
    async with Rig(redis, policy=serving(own)) as rig:
        await rig.subscriber(0)
        client = await rig.client()
        answer = await client.send(data(INITIAL, 0, mscc(30, None, volume(amount))))
        assert answer.mscc[0].gsu == volume(amount)
        assert answer.mscc[0].volume_threshold == threshold


@pytest.mark.statement(97)
async def test_threshold_of_a_final_grant(rig: Rig) -> None:
    """There is none."""
    await rig.subscriber(10)
    answer = await (await rig.client()).send(data(INITIAL, 0, mscc(10, None, ANY)))
    assert answer.mscc[0].final_unit is not None
    assert answer.mscc[0].volume_threshold is None


@pytest.mark.statement(98)
async def test_empty_trigger(redis: Redis) -> None:
    """A group of a header and nothing else, with V and M."""
    async with Rig(redis, policy=serving(replace(DATA, trigger=()))) as rig:
        await rig.subscriber(500)
        request = replace(data(INITIAL, 0, mscc(10, None, ANY)), hop_by_hop=1000)
        answer = await (await rig.client()).raw(encode_ccr(request))
        (service,) = data_of(answer, 456)
        assert [each for each in avps(service, 0) if each[0] == 1264] == [(1264, 10415, 0xC0, b"")]
        assert bytes.fromhex("000004f0 c000000c 000028af") in answer
