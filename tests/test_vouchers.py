"""Vouchers in a real store: kept hashed, claimed once whatever the race, wrong codes limited."""

import asyncio

import pytest
from redis.asyncio import Redis

from ocs.model import Micros, SubscriberId, UtcMillis
from ocs.vouchers import DIGITS, MOST_IN_A_BATCH, TRIES, VoucherRefused, Vouchers

ANNA, BORIS = SubscriberId("1"), SubscriberId("2")
NOW = UtcMillis(1_551_657_600_000)
VALUE = Micros(500_000_000)
WRONG = "0" * DIGITS


@pytest.fixture
def vouchers(redis: Redis) -> Vouchers:
    """A store without any."""
    return Vouchers(redis)


@pytest.mark.parametrize("count", [0, -1, MOST_IN_A_BATCH + 1])
async def test_a_batch_has_a_size(vouchers: Vouchers, count: int) -> None:
    """Neither none nor more than anybody prints."""
    with pytest.raises(VoucherRefused, match="batch has"):
        await vouchers.make(count, VALUE, "b")


@pytest.mark.parametrize(("value", "days"), [(0, 30), (-1, 0), (1, -1)])
async def test_a_voucher_is_worth_something(vouchers: Vouchers, value: int, days: int) -> None:
    """Money, and no days back."""
    with pytest.raises(VoucherRefused, match="worth"):
        await vouchers.make(1, Micros(value), "b", valid_days=days)


async def test_a_batch_is_made_once(vouchers: Vouchers) -> None:
    """A second order under its name would print money twice."""
    await vouchers.make(1, VALUE, "b")
    with pytest.raises(VoucherRefused, match="already"):
        await vouchers.make(1, VALUE, "b")


@pytest.mark.parametrize("code", [WRONG, "", "123", "12345678901234567", "١" * 16, "abcd" * 4])
async def test_a_code_that_is_none_is_refused(vouchers: Vouchers, code: str) -> None:
    """With the same sentence, whatever is wrong with it."""
    await vouchers.make(1, VALUE, "b")
    with pytest.raises(VoucherRefused, match="no voucher"):
        await vouchers.claim(code, ANNA, NOW)


async def test_an_expired_voucher_is_refused(vouchers: Vouchers) -> None:
    """From the moment on."""
    until = UtcMillis(NOW + 1)
    first, second = await vouchers.make(2, VALUE, "b", expires=until)
    assert (await vouchers.claim(first, ANNA, NOW)).expires == until
    with pytest.raises(VoucherRefused):
        await vouchers.claim(second, ANNA, until)


async def test_wrong_codes_are_limited_for_each_subscriber(vouchers: Vouchers) -> None:
    """After five of them the right one is refused too; another subscriber is not concerned."""
    code, other = await vouchers.make(2, VALUE, "b")
    for _ in range(TRIES):
        with pytest.raises(VoucherRefused, match="no voucher"):
            await vouchers.claim(WRONG, ANNA, NOW)
    with pytest.raises(VoucherRefused, match="too many"):
        await vouchers.claim(code, ANNA, NOW)
    assert (await vouchers.claim(other, BORIS, NOW)).value == VALUE


async def test_many_tries_at_once_get_no_further(vouchers: Vouchers) -> None:
    """Forty side by side: five are looked at."""
    await vouchers.make(1, VALUE, "b")
    tried = await asyncio.gather(
        *(vouchers.claim(f"{n:016}", ANNA, NOW) for n in range(40)), return_exceptions=True
    )
    assert sum("no voucher" in str(each) for each in tried) == TRIES
    assert sum("too many" in str(each) for each in tried) == 40 - TRIES


async def test_the_wrong_codes_are_forgotten_after_a_day(redis: Redis, vouchers: Vouchers) -> None:
    """From the first one on: trying again does not put it off."""
    with pytest.raises(VoucherRefused):
        await vouchers.claim(WRONG, ANNA, NOW)
    key = f"ocs:voucher:tries:{ANNA}"
    assert 86_000 < await redis.ttl(key) <= 86_400
    await redis.expire(key, 50)
    with pytest.raises(VoucherRefused):
        await vouchers.claim(WRONG, ANNA, NOW)
    assert await redis.ttl(key) <= 50


async def test_right_codes_are_not_counted(vouchers: Vouchers) -> None:
    """Whoever has ten vouchers redeems ten."""
    for code in await vouchers.make(TRIES + 2, VALUE, "b"):
        assert (await vouchers.claim(code, ANNA, NOW)).value == VALUE


async def test_a_voucher_says_what_it_is_worth(vouchers: Vouchers) -> None:
    """Spaces and dashes of the card are not part of the code."""
    (code,) = await vouchers.make(1, VALUE, "spring", valid_days=30, bonus="gift")
    spaced = "-".join([code[:4], code[4:8], code[8:12] + " " + code[12:]])
    found = await vouchers.claim(spaced, ANNA, NOW)
    assert (found.value, found.batch, found.valid_days, found.bonus) == (
        VALUE,
        "spring",
        30,
        "gift",
    )


async def test_one_voucher_has_one_owner_whatever_the_race(vouchers: Vouchers) -> None:
    """Twenty subscribers at once: one has it, and still has it when it asks again."""
    (code,) = await vouchers.make(1, VALUE, "b")
    names = [SubscriberId(str(n)) for n in range(20)]
    claimed = await asyncio.gather(
        *(vouchers.claim(code, each, NOW) for each in names), return_exceptions=True
    )
    owners = [n for n, each in zip(names, claimed, strict=True) if not isinstance(each, Exception)]
    assert len(owners) == 1
    assert (await vouchers.claim(code, owners[0], NOW)).value == VALUE
    other = next(each for each in names if each not in owners)
    with pytest.raises(VoucherRefused):
        await vouchers.claim(code, other, NOW)


async def test_no_code_is_in_the_store(redis: Redis, vouchers: Vouchers) -> None:
    """Neither as a key nor as a value: who reads the store cannot redeem."""
    codes = await vouchers.make(3, VALUE, "b")
    assert len(set(codes)) == 3 and all(len(each) == DIGITS for each in codes)
    stored = b""
    async for key in redis.scan_iter():
        stored += key
        stored += repr(
            await redis.hgetall(key) if await redis.type(key) == b"hash" else await redis.get(key)
        ).encode()
    assert len(stored) > 100
    for code in codes:
        assert code.encode() not in stored
