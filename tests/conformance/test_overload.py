"""Statement 99: a store that does not answer (RFC 6733, 7.1.3; RFC 8506, 13)."""

import asyncio
from inspect import signature
from pathlib import Path

import pytest

from ocs.abmf.redis_ledger import RedisLedger
from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.framing import FLAG_E, parse_header
from ocs.store.connect import connect
from tests.charging.worked import ANY, MIB, data, mscc, octets
from tests.conftest import KINDS
from tests.support.proxy import proxied
from tests.support.rig import Rig, number_of

TX_SECONDS = 10


@pytest.mark.statement(99)
@pytest.mark.parametrize("store_url", KINDS[:1], indirect=True)
async def test_store_that_stands_still(empty_store: str, tmp_path: Path) -> None:
    """3004 with E when the time for an answer is over; once the store is back, the repeat is charged
    once."""
    allowed = signature(RedisLedger).parameters["deadline_seconds"].default
    assert allowed < TX_SECONDS
    async with proxied(empty_store, tmp_path) as (proxy, url):
        store = connect(url, 5.0)
        async with Rig(store, deadline_seconds=0.1) as rig:
            await rig.subscriber(200)
            pgw = await rig.client()
            await pgw.send(data(1, 0, mscc(10, None, ANY)))
            proxy.is_still = True
            report = data(2, 1, mscc(10, octets(20 * MIB), ANY))
            async with asyncio.timeout(1):
                answer = await pgw.raw(encode_ccr(report))
            assert number_of(answer, 268) == 3004
            assert parse_header(answer).flags & FLAG_E
            proxy.is_still = False
            proxy.cut()
            assert (await pgw.send(report, is_repeat=True)).result_code == 2001
            assert await rig.money() == (18_000, 10_000)
        await store.aclose()
