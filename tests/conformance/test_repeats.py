"""Statements 78 to 82: a request that comes again is answered again and charged once (RFC 8506, 5.7)."""

import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.diameter.avp import octets as octets_avp, text
from ocs.diameter.client_messages import Answer
from ocs.diameter.credit_control import CCA, CCR
from ocs.node.contract import Handler
from tests.charging.worked import ANY, MIB, data, mscc, octets
from tests.support.rig import RELAY, RELAY_REALM, Client, Rig, codes

INITIAL, UPDATE, TERMINATION = 1, 2, 3
REPORT = replace(data(UPDATE, 4, mscc(10, octets(20 * MIB), ANY)), end_to_end=0x77)
PROXY = octets_avp(284, text(280, "dra.relay.example") + octets_avp(33, b"\1\2"))
#: The same request as an agent sends it on.
FORWARDED = replace(REPORT, route_records=("pgw1.example.net",), proxy_info=PROXY)


async def opened(rig: Rig, client: Client) -> None:
    """A session with 100 MiB of 200.00."""
    await rig.subscriber(200)
    assert codes(await client.send(data(INITIAL, 0, mscc(10, None, ANY)))) == (2001, [2001])


def said(answer: Answer) -> Answer:
    """An answer without what belongs to the copy of its request."""
    return replace(answer, header=replace(answer.header, hop_by_hop=0, length=0), proxy_info=b"")


async def debited_once(rig: Rig) -> None:
    """20 MiB were used, and 100 are held."""
    assert await rig.money() == (18_000, 10_000)


@pytest.mark.statement(78)
async def test_again_over_another_connection(rig: Rig, pgw: Client) -> None:
    """Marked with T, by a relay, at another worker: the same answer, with the copy's Proxy-Info."""
    await opened(rig, pgw)
    first = await pgw.send(REPORT)
    await debited_once(rig)
    relay = await rig.client(RELAY, RELAY_REALM)
    other = await (await rig.second()).client(RELAY, RELAY_REALM)
    for client in (relay, other):
        again = await client.send(FORWARDED, is_repeat=True)
        assert said(again) == said(first) and again.proxy_info == PROXY
        assert not again.header.flags & 0x10
        await debited_once(rig)


@pytest.mark.statement(79)
async def test_copy_before_the_original(rig: Rig, pgw: Client) -> None:
    """The marked copy may be the first to come."""
    await opened(rig, pgw)
    copy = await pgw.send(REPORT, is_repeat=True)
    assert codes(copy) == (2001, [2001])
    original = await pgw.send(REPORT)
    assert said(original) == said(copy)
    await debited_once(rig)


@pytest.mark.statement(80)
async def test_again_with_another_end_to_end_id(rig: Rig, pgw: Client) -> None:
    """A client's buffer makes new ids: session, type and number tell."""
    await opened(rig, pgw)
    first = await pgw.send(REPORT)
    again = await pgw.send(replace(REPORT, end_to_end=0x78), is_repeat=True)
    assert again.header.end_to_end == 0x78
    assert replace(said(again), header=said(first).header) == said(first)
    await debited_once(rig)


@pytest.mark.statement(81)
async def test_copy_while_the_first_is_in_work(rig: Rig, pgw: Client) -> None:
    """Both are answered alike."""
    await opened(rig, pgw)
    other = await (await rig.second()).client(RELAY, RELAY_REALM)
    copies = (pgw.send(REPORT), pgw.send(REPORT, is_repeat=True), other.send(FORWARDED))
    answers = await asyncio.gather(*copies)
    assert codes(answers[0]) == (2001, [2001])
    assert said(answers[0]) == said(answers[1]) == said(answers[2])
    await debited_once(rig)


class Dying:
    """A worker that is killed between the debit and the answer."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.has_charged = asyncio.Event()

    async def __call__(self, *request: object) -> CCA:
        cca = await self._handler(*request)  # type: ignore[arg-type]  # whatever a handler is given
        ccr = request[0]
        if isinstance(ccr, CCR) and ccr.request_type == UPDATE:
            self.has_charged.set()
            await asyncio.Event().wait()
        return cca


@pytest.mark.statement(82)
async def test_restart_between_debit_and_answer(redis: Redis) -> None:
    """The client sends again to the next worker and is told what the first one would have said."""
    made: list[Dying] = []

    def dying(handler: Handler) -> Handler:
        made.append(Dying(handler))
        return made[0]

    async with Rig(redis, around=dying) as rig:
        client = await rig.client()
        await opened(rig, client)
        asking = asyncio.create_task(client.send(REPORT))
        await asyncio.wait_for(made[0].has_charged.wait(), 5)
        asking.cancel()
        await client.drop()
        again = await (await (await rig.second()).client()).send(REPORT, is_repeat=True)
        assert codes(again) == (2001, [2001]) and again.mscc[0].gsu == octets(100 * MIB)
        await debited_once(rig)
