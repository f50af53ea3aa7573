"""Vouchers: batches of codes that are kept hashed, each redeemed once, by one subscriber.

A code is shown when it is made and never again. It has 16 digits, few enough to try them all against a
plain hash, so the hash is a slow one. Redeeming is a claim and then a top-up under the voucher's own key:
who was interrupted in between, and only who claimed it, may go on with the same code.

Exceptions:
    VoucherRefused   a sentence for the subscriber; nothing was changed
"""

import hashlib
import secrets
from dataclasses import dataclass

from redis.asyncio import Redis

from ocs.abmf.encoding import raw
from ocs.abmf.ledger import reading
from ocs.model import NEVER, Micros, SubscriberId, UtcMillis

DIGITS = 16
MOST_IN_A_BATCH = 100_000
#: Wrong codes of one subscriber until the rest of the day is refused.
TRIES = 5
TRIES_SECONDS = 86_400
#: Of scrypt: about two milliseconds and a megabyte for one code.
COST, BLOCKS = 1024, 8
SALT = b"ocs:voucher:salt"

WRONG = "this is no voucher that can be redeemed"
TOO_MANY = "too many wrong codes: try again tomorrow"


class VoucherRefused(Exception):
    """Not redeemed, with the sentence a person reads."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a code is worth. `name` is what is kept instead of the code."""

    name: str
    value: Micros
    batch: str
    valid_days: int = 0  # of the number, from the redeeming on; 0: nothing
    bonus: str = ""  # a product that is given with it
    expires: UtcMillis = NEVER  # 0: never


def _key(name: str) -> str:
    return f"ocs:voucher:{name}"


def _tries(subscriber_id: SubscriberId) -> str:
    return f"ocs:voucher:tries:{subscriber_id}"


class Vouchers:
    """Makes and claims them."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def make(
        self,
        count: int,
        value: Micros,
        batch: str,
        *,
        valid_days: int = 0,
        bonus: str = "",
        expires: UtcMillis = NEVER,
    ) -> list[str]:
        """The codes of a new batch. They cannot be shown again."""
        if not 0 < count <= MOST_IN_A_BATCH:
            raise VoucherRefused(f"a batch has 1 to {MOST_IN_A_BATCH} vouchers")
        if value <= 0 or valid_days < 0:
            raise VoucherRefused("a voucher is worth money, and no days that have passed")
        if not await self._client.set(f"ocs:voucher:batch:{batch}", count, nx=True):
            raise VoucherRefused(f"there is a batch {batch!r} already")
        salt = await self._salt()
        codes = [f"{secrets.randbelow(10**DIGITS):0{DIGITS}}" for _ in range(count)]
        async with self._client.pipeline(transaction=False) as pipeline:
            for code in codes:
                pipeline.hset(
                    _key(hashed(code, salt)),
                    mapping={
                        "value": value,
                        "batch": batch,
                        "days": valid_days,
                        "bonus": bonus,
                        "expires": expires,
                    },
                )
            await pipeline.execute()
        return codes

    async def claim(self, code: str, subscriber_id: SubscriberId, now: UtcMillis) -> Voucher:
        """The voucher of a code, now this subscriber's; wrong codes are counted, and limited."""
        tries = _tries(subscriber_id)
        # Counted before it is looked at: many tries at a time get no further than one after another.
        async with self._client.pipeline() as pipeline:
            pipeline.incr(tries)
            pipeline.expire(tries, TRIES_SECONDS, nx=True)
            count, _ = await pipeline.execute()
        if int(count) > TRIES:
            raise VoucherRefused(TOO_MANY)
        voucher = await self._found(code, now)
        if voucher is None or not await self._take(voucher, subscriber_id):
            raise VoucherRefused(WRONG)
        await self._client.decr(tries)
        return voucher

    async def _found(self, code: str, now: UtcMillis) -> Voucher | None:
        code = "".join(code.split()).replace("-", "")
        if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
            return None
        name = hashed(code, await self._salt())
        with reading():
            found = await self._client.hgetall(_key(name))
        fields = {raw(field).decode(): raw(value).decode() for field, value in found.items()}
        if not fields:
            return None
        expires = UtcMillis(int(fields["expires"]))
        if expires and expires <= now:
            return None
        value, days = Micros(int(fields["value"])), int(fields["days"])
        return Voucher(name, value, fields["batch"], days, fields["bonus"], expires)

    async def _take(self, voucher: Voucher, subscriber_id: SubscriberId) -> bool:
        """Whether it is this subscriber's: whoever comes first, for ever."""
        key = _key(voucher.name)
        if await self._client.hsetnx(key, "by", subscriber_id):
            return True
        owner = await self._client.hget(key, "by")
        return owner is not None and raw(owner).decode() == subscriber_id

    async def _salt(self) -> bytes:
        """One of each store, so that no table made elsewhere helps."""
        await self._client.set(SALT, secrets.token_hex(16), nx=True)
        salt = await self._client.get(SALT)
        return raw(salt) if salt is not None else b""


def hashed(code: str, salt: bytes) -> str:
    """What is kept of a code."""
    return hashlib.scrypt(code.encode(), salt=salt, n=COST, r=BLOCKS, p=1, dklen=20).hex()
