"""Statements 89 and 90: what an Origin-State-Id says of a client's sessions (RFC 6733, 8.16)."""

from dataclasses import replace

import pytest

from ocs.diameter import base
from ocs.diameter.credit_control import CCR
from tests.charging.worked import ANY, data, mscc, sms
from tests.support.rig import CLIENT, RELAY, RELAY_REALM, Client, Rig, codes

INITIAL = 1


def first(session: bytes, state: int | None) -> CCR:
    """A first request of the gateway with its Origin-State-Id."""
    request = data(INITIAL, 0, mscc(10, None, ANY), session=session)
    return replace(request, origin_state_id=state)


async def opened(rig: Rig, state: int | None = 5) -> Client:
    """Two sessions of the gateway, 100 MiB each, and one of another host; the gateway is gone then."""
    await rig.subscriber(500)
    pgw = await rig.client(state_id=state or 0)
    for session in (b"pgw1;1", b"pgw1;2"):
        assert codes(await pgw.send(first(session, state))) == (2001, [2001])
    smsc = await rig.client("smsc1.example.net")
    message = replace(sms(INITIAL, 0, mscc(None, None, ANY)), origin_state_id=5)
    assert codes(await smsc.send(message)) == (2001, [2001])
    await pgw.drop()
    assert await rig.money() == (50_000, 20_500)
    return smsc


@pytest.mark.statement(89)
async def test_restart_told_in_the_capabilities(rig: Rig) -> None:
    """The older sessions are closed and what they held is released; another host's stay."""
    await opened(rig)
    await rig.client(state_id=6)
    await rig.has_sessions(b"smsc1;1;2")
    assert await rig.money() == (50_000, 500)


@pytest.mark.statement(89)
async def test_restart_told_by_the_watchdog(rig: Rig) -> None:
    """A connection may outlive the memory of its client."""
    await opened(rig)
    pgw = await rig.client(state_id=5)
    node = replace(base.LocalNode(CLIENT, "example.net"), origin_state_id=6)
    await pgw.raw(base.dwr(node, 1000, 1000))
    await rig.has_sessions(b"smsc1;1;2")
    assert await rig.money() == (50_000, 500)


@pytest.mark.statement(89)
async def test_restart_told_by_a_request(rig: Rig) -> None:
    """Through a relay, too; the session that the request opens is a new one and stays."""
    await opened(rig)
    relay = await rig.client(RELAY, RELAY_REALM, state_id=99)
    assert codes(await relay.send(first(b"pgw1;3", 6))) == (2001, [2001])
    await rig.has_sessions(b"smsc1;1;2", b"pgw1;3")
    assert await rig.money() == (50_000, 10_500)


@pytest.mark.statement(90)
@pytest.mark.parametrize(("before", "after"), [(5, 5), (5, None), (None, None), (None, 6), (5, 4)])
async def test_nothing_said_of_a_restart(rig: Rig, before: int | None, after: int | None) -> None:
    """The same value, a lower one or none, or sessions that carried none: they are kept. What a relay says
    concerns itself."""
    smsc = await opened(rig, before)
    pgw = await rig.client(state_id=after or 0)
    await rig.client(RELAY, RELAY_REALM, state_id=99)
    assert codes(await pgw.send(first(b"pgw1;3", after))) == (2001, [2001])
    # What was said is followed up in its order: when the other host's rise has been, so has this.
    smsc.write(base.dwr(replace(smsc.local, origin_state_id=6), 1000, 1000))
    await rig.has_sessions(b"pgw1;1", b"pgw1;2", b"pgw1;3")
    assert await rig.money() == (50_000, 30_000)
