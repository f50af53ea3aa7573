"""Statements 59 to 70: when the money ends, and when it comes back (RFC 8506, 5.5 and 5.6)."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs import inbox
from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.credit_control import FinalUnit
from ocs.diameter.framing import ASR, FLAG_P, FLAG_R, RAR, parse_header
from tests.charging.worked import (
    ANY,
    DATA,
    MIB,
    NONE,
    REDIRECT,
    REDIRECTED,
    RESTRICT,
    data,
    mscc,
    octets,
)
from tests.support.rig import (
    CLIENT,
    CLIENT_REALM,
    HOST,
    Client,
    Rig,
    avps,
    codes,
    data_of,
    number_of,
    serving,
)

INITIAL, UPDATE, TERMINATION = 1, 2, 3
FIRST = data(INITIAL, 0, mscc(10, None, ANY))
FINAL_UNIT = 430


@pytest.fixture
async def portal(redis: Redis) -> AsyncIterator[Rig]:
    """A server whose data service is redirected when the money ends."""
    async with Rig(redis, policy=serving(REDIRECTED)) as made:
        yield made


@pytest.mark.statement(59)
async def test_less_than_the_default_is_covered(rig: Rig, pgw: Client) -> None:
    """10.00 buy 10 MiB: 2001, and they are the last."""
    await rig.subscriber(10)
    answer = await pgw.send(FIRST)
    assert codes(answer) == (2001, [2001])
    assert answer.mscc[0].gsu == octets(10 * MIB) and answer.mscc[0].final_unit is not None
    assert await rig.money() == (1_000, 1_000)


async def final_unit(rig: Rig) -> list[tuple[int, int, int, bytes]]:
    """The members of the Final-Unit-Indication that a client with 10.00 is sent."""
    await rig.subscriber(10)
    answer = await (await rig.client()).raw(encode_ccr(replace(FIRST, hop_by_hop=1000)))
    (service,) = data_of(answer, 456)
    (found,) = data_of(service, FINAL_UNIT, 0)
    return avps(found, 0)


@pytest.mark.statement(60)
async def test_terminate(rig: Rig) -> None:
    """Final-Unit-Action and nothing else."""
    assert await final_unit(rig) == [(449, 0, 0x40, bytes(4))]


@pytest.mark.statement(61)
async def test_redirect(portal: Rig) -> None:
    """The action, and the server with its type and address."""
    action, server = await final_unit(portal)
    assert action == (449, 0, 0x40, bytes((0, 0, 0, 1)))
    assert server[:3] == (434, 0, 0x40)
    kind, address = avps(server[3], 0)
    assert kind == (433, 0, 0x40, bytes((0, 0, 0, 2)))
    assert address == (435, 0, 0x40, b"http://topup.example.net/")


async def redirected(rig: Rig, client: Client) -> None:
    """10.00 used up, and the client has said that it redirects."""
    await rig.subscriber(10)
    answer = await client.send(FIRST)
    assert answer.mscc[0].final_unit == REDIRECT
    answer = await client.send(data(UPDATE, 1, mscc(10, octets(10 * MIB), NONE)))
    assert codes(answer) == (2001, [2001])


@pytest.mark.statement(62)
async def test_report_of_the_final_units(portal: Rig) -> None:
    """Debited; nothing is held or granted, and the Validity-Time says how long this may last."""
    client = await portal.client()
    await portal.subscriber(10)
    await client.send(FIRST)
    answer = await client.send(data(UPDATE, 1, mscc(10, octets(10 * MIB), NONE)))
    assert codes(answer) == (2001, [2001])
    assert answer.mscc[0].gsu is None and answer.mscc[0].validity_seconds == 600
    assert await portal.money() == (0, 0)
    assert len(await portal.sessions()) == 1


@pytest.mark.statement(63)
async def test_still_empty(portal: Rig) -> None:
    """4012 as configured, without a final unit."""
    client = await portal.client()
    await redirected(portal, client)
    answer = await client.send(data(UPDATE, 2, mscc(10, None, ANY)))
    assert codes(answer) == (2001, [4012]) and answer.mscc[0].final_unit is None


@pytest.mark.statement(63)
async def test_still_empty_and_restricted_again(redis: Redis) -> None:
    """The other configured choice: redirected for as long again."""
    patient = serving(replace(REDIRECTED, is_restricted_again=True))
    async with Rig(redis, policy=patient) as rig:
        client = await rig.client()
        await redirected(rig, client)
        answer = await client.send(data(UPDATE, 2, mscc(10, None, ANY)))
        assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu is None
        assert answer.mscc[0].validity_seconds == 600


@pytest.mark.statement(63)
async def test_money_is_back(portal: Rig) -> None:
    """Quota, and no final unit."""
    client = await portal.client()
    await redirected(portal, client)
    await portal.top_up(300)
    answer = await client.send(data(UPDATE, 2, mscc(10, None, ANY)))
    assert answer.mscc[0].gsu == octets(100 * MIB) and answer.mscc[0].final_unit is None
    assert await portal.money() == (30_000, 10_000)


@pytest.mark.statement(64)
@pytest.mark.parametrize("final", [FinalUnit(), REDIRECT, RESTRICT])
@pytest.mark.parametrize("balance", [0, 1])
async def test_final_unit_beside_a_refusal(redis: Redis, final: FinalUnit, balance: int) -> None:
    """However the money ends, no MSCC has a Final-Unit-Indication and another code than 2001."""
    async with Rig(redis, policy=serving(replace(DATA, final_unit=final))) as rig:
        await rig.subscriber(balance)
        client = await rig.client()
        used = octets(balance * MIB)
        requests = [
            FIRST,
            data(UPDATE, 1, mscc(10, used, ANY)),
            data(UPDATE, 2, mscc(10, None, ANY), mscc(20, None, ANY)),
            data(UPDATE, 3, mscc(10, octets(0), NONE)),
            data(TERMINATION, 4, mscc(10, octets(0), ANY)),
        ]
        seen = [one for each in requests for one in (await client.send(each)).mscc]
        assert {each.result_code for each in seen if each.final_unit} <= {2001}
        assert [each for each in seen if each.final_unit or each.result_code == 4012]


# --- re-authorisation ---------------------------------------------------------------------------------


def sent(rig: Rig, command: int) -> list[bytes]:
    """The requests of this command that clients got."""
    headers = [(parse_header(each), each) for each in rig.received]
    return [each for head, each in headers if head.command == command and head.is_request]


@pytest.mark.statement(65)
async def test_top_up_of_a_restricted_session(portal: Rig) -> None:
    """A RAR to the client itself, for the whole session where it has the one service."""
    client = await portal.client()
    await redirected(portal, client)
    await portal.top_up(300)
    assert (await client.told()).session_id == b"pgw1;1;2"
    (rar,) = sent(portal, RAR)
    header = parse_header(rar)
    assert (header.application, header.flags) == (4, FLAG_R | FLAG_P)
    assert avps(rar)[0][3] == b"pgw1;1;2"
    assert (number_of(rar, 285), number_of(rar, 258)) == (0, 4)
    assert data_of(rar, 264) == [HOST.encode()]
    assert data_of(rar, 293) == [CLIENT.encode()]
    assert data_of(rar, 283) == [CLIENT_REALM.encode()]
    assert data_of(rar, 432) == []


@pytest.mark.statement(65)
async def test_top_up_of_one_of_two_services(portal: Rig) -> None:
    """The one that waits is named: 68 MiB of it are the last, while the other has its whole quota."""
    client = await portal.client()
    await portal.subscriber(200)
    await client.send(data(INITIAL, 0, mscc(10, None, ANY), mscc(20, None, ANY)))
    answer = await client.send(data(UPDATE, 1, mscc(10, octets(82 * MIB), ANY)))
    assert answer.mscc[0].final_unit == REDIRECT
    await portal.top_up(500)
    await client.told()
    (rar,) = sent(portal, RAR)
    assert data_of(rar, 432) == [bytes((0, 0, 0, 10))]


@pytest.mark.statement(66)
async def test_answer_to_re_authorisation(portal: Rig) -> None:
    """RAA 2002, then a CCR-U: a new grant that is not final."""
    client = await portal.client()
    await redirected(portal, client)
    await portal.top_up(300)
    await client.told()
    await portal.reaches("ocs_reauth_requests_total", 1, kind="rar", result="asked")
    answer = await client.send(data(UPDATE, 2, mscc(10, None, ANY)))
    assert answer.mscc[0].gsu == octets(100 * MIB) and answer.mscc[0].final_unit is None


async def asked(rig: Rig, client: Client) -> bytes:
    """The RAR of a top-up, not answered yet."""
    client.answers_server_requests = False
    await redirected(rig, client)
    await rig.top_up(300)
    await client.told()
    return sent(rig, RAR)[0]


def reply(client: Client, request: bytes, code: int) -> None:
    """RAA or ASA."""
    client.write(client.answer(parse_header(request), b"pgw1;1;2", code))


@pytest.mark.statement(67)
async def test_request_that_crosses_the_re_authorisation(portal: Rig) -> None:
    """The CCR-U is served at once; neither it nor another top-up brings a second RAR."""
    client = await portal.client()
    rar = await asked(portal, client)
    await portal.top_up(1)
    await portal.reaches("ocs_reauth_requests_total", 1, kind="rar", result="outstanding")
    answer = await client.send(data(UPDATE, 2, mscc(10, None, ANY)))
    assert answer.mscc[0].gsu == octets(100 * MIB)
    reply(client, rar, 2001)
    await portal.reaches("ocs_reauth_requests_total", 1, kind="rar", result="asked")
    await portal.top_up(1)  # nothing waits any more
    assert sent(portal, RAR) == [rar]


@pytest.mark.statement(68)
async def test_session_that_the_client_does_not_know(rig: Rig, pgw: Client) -> None:
    """RAA 5002: what it held is released, and it is closed."""
    pgw.answers_server_requests = False
    await rig.subscriber(10)
    await pgw.send(FIRST)
    assert await rig.money() == (1_000, 1_000)
    await rig.top_up(1)
    await pgw.told()
    reply(pgw, sent(rig, RAR)[0], 5002)
    await rig.reaches("ocs_reauth_requests_total", 1, kind="rar", result="unknown")
    assert await rig.money() == (1_100, 0) and await rig.sessions() == []


@pytest.mark.statement(69)
async def test_client_that_ignores_its_re_authorisation(portal: Rig) -> None:
    """RAA 2001 and no CCR-U: the session stays, it is not asked again, and its next request is served."""
    client = await portal.client()
    rar = await asked(portal, client)
    reply(client, rar, 2001)
    await portal.reaches("ocs_reauth_requests_total", 1, kind="rar", result="asked")
    portal.clock.goes_on(600)
    assert await portal.sweep() == 0
    assert sent(portal, RAR) == [rar]
    answer = await client.send(data(UPDATE, 2, mscc(10, None, ANY)))
    assert answer.mscc[0].gsu == octets(100 * MIB)


@pytest.mark.statement(70)
@pytest.mark.parametrize("code", [2001, 2002])
async def test_abort(rig: Rig, pgw: Client, code: int) -> None:
    """The session waits for the CCR-T, which brings the usage."""
    await rig.subscriber(500)
    await pgw.send(FIRST)
    pgw.answers_server_requests = False
    (session,) = await rig.sessions()
    await inbox.tell(rig.redis, session, inbox.ASR)
    await pgw.told()
    (asr,) = sent(rig, ASR)
    assert (parse_header(asr).application, number_of(asr, 258)) == (4, 4)
    assert data_of(asr, 293) == [CLIENT.encode()] and data_of(asr, 285) == []
    reply(pgw, asr, code)
    await rig.reaches("ocs_reauth_requests_total", 1, kind="asr", result="ended")
    assert len(await rig.sessions()) == 1
    answer = await pgw.send(data(TERMINATION, 1, mscc(10, octets(3 * MIB))))
    assert codes(answer) == (2001, [2001])
    assert await rig.money() == (49_700, 0) and await rig.sessions() == []


@pytest.mark.statement(70)
async def test_abort_without_an_answer(
    rig: Rig, pgw: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted for the alarm; the session is kept and its next request refused."""
    monkeypatch.setattr(inbox, "ANSWER_SECONDS", 0.02)
    await rig.subscriber(500)
    await pgw.send(FIRST)
    pgw.answers_server_requests = False
    assert await rig.desk.cut(b"pgw1;1;2") == "no answer"
    assert rig.count("ocs_reauth_requests_total", kind="asr", result="no_answer") == 1
    assert len(await rig.sessions()) == 1
    answer = await pgw.send(data(UPDATE, 1, mscc(10, octets(3 * MIB), ANY)))
    assert answer.result_code == 4010
    assert await rig.money() == (49_700, 0)
