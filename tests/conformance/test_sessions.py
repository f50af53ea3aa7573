"""Statements 36 to 58, 83 to 88 and 100: sessions with quota (RFC 8506, 5 and 7), over real connections."""

import asyncio
from dataclasses import replace

import pytest

from ocs.diameter.avp import octets as octets_avp, text, u32
from ocs.diameter.client_messages import Answer, decode_cca, encode_ccr
from ocs.diameter.credit_control import CCR, Units
from ocs.model import SubscriberState
from tests.charging.worked import (
    ANY,
    MIB,
    MSISDN,
    NONE,
    data,
    event,
    messages,
    mscc,
    octets,
    seconds,
    sms,
    voice,
)
from tests.support.messages import cut_out, with_length
from tests.support.rig import Client, Rig, avps, codes

INITIAL, UPDATE, TERMINATION = 1, 2, 3
QUOTA = 100 * MIB  # the default of the service

# --- the first request --------------------------------------------------------------------------------


@pytest.mark.statement(40)
async def test_unknown_subscriber(pgw: Client) -> None:
    """5030 at command level."""
    assert codes(await pgw.send(data(INITIAL, 0, mscc(10, None, ANY)))) == (5030, [])


@pytest.mark.statement(41)
async def test_barred_subscriber(rig: Rig, pgw: Client) -> None:
    """4010, nothing is held."""
    await rig.subscriber(500)
    await rig.desk.change(MSISDN, state=SubscriberState.BARRED)
    answer = await pgw.send(data(INITIAL, 0, mscc(10, None, ANY)))
    assert answer.result_code == 4010
    assert await rig.money() == (50_000, 0)


@pytest.mark.statement(42)
async def test_unknown_service_context(rig: Rig, pgw: Client) -> None:
    """5031 with the Service-Context-Id."""
    await rig.subscriber(500)
    request = replace(data(INITIAL, 0, mscc(10, None, ANY)), service_context_id="9.99999@3gpp.org")
    answer = await pgw.send(request)
    assert codes(answer) == (5031, [])
    assert answer.failed_avp == text(461, "9.99999@3gpp.org")


@pytest.mark.statement(39)
async def test_empty_account(rig: Rig, pgw: Client, scscf: Client) -> None:
    """Data is refused for the service and its session stays; a call is refused as a whole."""
    await rig.subscriber(0)
    answer = await pgw.send(data(INITIAL, 0, mscc(10, None, ANY)))
    assert codes(answer) == (2001, [4012]) and answer.mscc[0].gsu is None
    answer = await scscf.send(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    assert answer.result_code == 4012
    assert [each.session_id for each in await rig.sessions()] == [b"pgw1;1;2"]


@pytest.mark.statement(43)
async def test_unknown_rating_group_beside_a_known_one(rig: Rig, pgw: Client) -> None:
    """The known one is granted, the other answered 5031; the command succeeds."""
    await rig.subscriber(500)
    answer = await pgw.send(data(INITIAL, 0, mscc(99, None, ANY), mscc(10, None, ANY)))
    assert codes(answer) == (2001, [5031, 2001])
    assert answer.mscc[0].gsu is None and answer.mscc[1].gsu == octets(QUOTA)
    assert await rig.money() == (50_000, 10_000)


@pytest.mark.statement(36)
async def test_covered(rig: Rig, pgw: Client) -> None:
    """Granted what was asked for, and its price is held: 50 MiB at 1.00."""
    await rig.subscriber(500)
    answer = await pgw.send(data(INITIAL, 0, mscc(10, None, octets(50 * MIB))))
    assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu == octets(50 * MIB)
    assert await rig.money() == (50_000, 5_000)


@pytest.mark.statement(37)
async def test_amount_left_to_the_server(rig: Rig, pgw: Client) -> None:
    """An empty Requested-Service-Unit is granted the configured amount in the tariff's unit."""
    await rig.subscriber(500)
    answer = await pgw.send(data(INITIAL, 0, mscc(10, None, ANY)))
    assert answer.mscc[0].gsu == octets(QUOTA)


@pytest.mark.statement(44)
async def test_zero_rated(rig: Rig, pgw: Client) -> None:
    """Granted with a full quota, and nothing is held or taken."""
    await rig.subscriber(0)
    answer = await pgw.send(data(INITIAL, 0, mscc(30, None, ANY)))
    assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu == octets(QUOTA)
    assert answer.mscc[0].final_unit is None
    answer = await pgw.send(data(TERMINATION, 1, mscc(30, octets(QUOTA))))
    assert codes(answer) == (2001, [2001]) and answer.cost == (0, -2, 398)
    assert await rig.money() == (0, 0)


@pytest.mark.statement(51)
async def test_two_services_of_one_balance(rig: Rig, pgw: Client) -> None:
    """120.00: 100 MiB at 1.00, and of the other what 20.00 buy at 0.50."""
    await rig.subscriber(120)
    answer = await pgw.send(data(INITIAL, 0, mscc(10, None, ANY), mscc(20, None, ANY)))
    assert [each.gsu for each in answer.mscc] == [octets(QUOTA), octets(40 * MIB)]
    assert await rig.money() == (12_000, 12_000)


@pytest.mark.statement(52)
async def test_many_sessions_at_once(rig: Rig, pgw: Client) -> None:
    """Fifty sessions of one account ask for 3 MiB each: 100.00 are held, not more."""
    await rig.subscriber(100)
    wishes = [
        data(INITIAL, 0, mscc(10, None, octets(3 * MIB)), session=b"pgw1;1;%d" % number)
        for number in range(50)
    ]
    found = await asyncio.gather(*map(pgw.send, wishes))
    granted = [each.mscc[0].gsu for each in found]
    assert sum(each.octets or 0 for each in granted if each) == 100 * MIB
    assert granted.count(octets(3 * MIB)) == 33 and granted.count(octets(MIB)) == 1
    assert await rig.money() == (10_000, 10_000)


# --- running ------------------------------------------------------------------------------------------


async def opened(client: Client, *groups: int) -> Answer:
    """A session with the default quota of each rating group."""
    return await client.send(data(INITIAL, 0, *(mscc(each, None, ANY) for each in groups)))


@pytest.mark.statement(38)
async def test_report_without_a_wish(rig: Rig, pgw: Client) -> None:
    """Debited; nothing is granted."""
    await rig.subscriber(500)
    await opened(pgw, 10)
    answer = await pgw.send(data(UPDATE, 1, mscc(10, octets(20 * MIB), NONE)))
    assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu is None
    assert await rig.money() == (48_000, 0)


@pytest.mark.statement(45)
async def test_less_used_than_granted(rig: Rig, pgw: Client) -> None:
    """What was used is debited, what was held is let go, and the next quota is held."""
    await rig.subscriber(500)
    await opened(pgw, 10)
    answer = await pgw.send(data(UPDATE, 1, mscc(10, octets(80 * MIB), octets(30 * MIB))))
    assert answer.mscc[0].gsu == octets(30 * MIB)
    assert await rig.money() == (42_000, 3_000)


@pytest.mark.statement(46)
async def test_more_used_than_granted(rig: Rig, pgw: Client) -> None:
    """All of it is accounted: 10.00 are there, 4.00 are written off."""
    await rig.subscriber(10)
    answer = await opened(pgw, 10)
    assert answer.mscc[0].gsu == octets(10 * MIB)
    await pgw.send(data(UPDATE, 1, mscc(10, octets(14 * MIB), NONE)))
    assert await rig.money() == (0, 0)
    assert await rig.written_off() == 400


@pytest.mark.statement(47)
async def test_usage_beside_a_refusal(rig: Rig, pgw: Client, scscf: Client) -> None:
    """Debited, whether the service or the command is refused."""
    await rig.subscriber(110)
    await opened(pgw, 10)
    await scscf.send(voice(INITIAL, 0, mscc(None, None, seconds(50), 1000)))
    assert await rig.money() == (11_000, 11_000)
    answer = await pgw.send(data(UPDATE, 1, mscc(10, octets(100 * MIB), ANY)))
    assert codes(answer) == (2001, [4012])
    assert await rig.money() == (1_000, 1_000)
    rig.clock.goes_on(50)
    answer = await scscf.send(voice(UPDATE, 1, mscc(None, seconds(50), seconds(60), 1000)))
    assert answer.result_code == 4012
    assert await rig.money() == (0, 0)


@pytest.mark.statement(48)
async def test_termination(rig: Rig, pgw: Client) -> None:
    """What was not used comes back; 2001 without a grant, even where one is asked for."""
    await rig.subscriber(500)
    await opened(pgw, 10)
    answer = await pgw.send(data(TERMINATION, 1, mscc(10, octets(7 * MIB), ANY)))
    assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu is None
    assert await rig.money() == (49_300, 0)
    assert await rig.sessions() == []


@pytest.mark.statement(49)
async def test_termination_without_usage(rig: Rig, pgw: Client) -> None:
    """Everything comes back."""
    await rig.subscriber(500)
    await opened(pgw, 10, 20)
    assert codes(await pgw.send(data(TERMINATION, 1))) == (2001, [])
    assert await rig.money() == (50_000, 0)


@pytest.mark.statement(50)
async def test_usage_of_both_directions(rig: Rig, pgw: Client) -> None:
    """Without a total it is the sum; a total that is there counts alone."""
    await rig.subscriber(500)
    await opened(pgw, 10)
    used = Units(input_octets=3 * MIB, output_octets=4 * MIB)
    await pgw.send(data(UPDATE, 1, mscc(10, used, ANY)))
    assert await rig.money() == (49_300, 10_000)
    await pgw.send(data(UPDATE, 2, mscc(10, replace(used, total_octets=10 * MIB), ANY)))
    assert await rig.money() == (48_300, 10_000)


@pytest.mark.statement(53)
async def test_updates_at_once(rig: Rig, pgw: Client) -> None:
    """Each answer has the number of its own request, and its own service."""
    await rig.subscriber(500)
    await opened(pgw, 10, 20)
    asked = [data(UPDATE, 3, mscc(10, octets(MIB), ANY)), data(UPDATE, 2, mscc(20, octets(0), ANY))]
    found = await asyncio.gather(*map(pgw.send, asked))
    assert [each.request_number for each in found] == [3, 2]
    assert [each.mscc[0].rating_group for each in found] == [10, 20]


# --- what real clients send and read ------------------------------------------------------------------


async def raw(client: Client, request: bytes) -> Answer:
    """The answer to octets."""
    return decode_cca(await client.raw(request))


@pytest.mark.statement(54)
async def test_service_without_a_name(rig: Rig, pgw: Client) -> None:
    """A client that announces no multiple services and sends one without Rating-Group is answered
    in the same form."""
    await rig.subscriber(500, tariff="flat")
    first = replace(data(INITIAL, 0, mscc(None, None, octets(1_000_000))), multiple_services=0)
    answer = await pgw.send(first)
    assert codes(answer) == (2001, [2001]) and answer.command_gsu is None
    assert (answer.mscc[0].rating_group, answer.mscc[0].service_identifiers) == (None, ())
    assert answer.mscc[0].gsu == octets(1_000_000)


@pytest.mark.statement(55)
async def test_application_only_in_the_header(rig: Rig, pgw: Client) -> None:
    """No Auth-Application-Id, and accounting AVPs with M that no CCR has: served all the same."""
    await rig.subscriber(500)
    request = cut_out(encode_ccr(data(INITIAL, 0, mscc(10, None, ANY))), u32(258, 4))
    group = octets_avp(260, u32(266, 10415) + u32(258, 4))
    answer = await raw(pgw, with_length(request + group + u32(480, 2) + u32(485, 0)))
    assert codes(answer) == (2001, [2001])


@pytest.mark.statement(56)
async def test_base_avps_without_m(rig: Rig, pgw: Client) -> None:
    """The M bit of what everybody knows need not be set."""
    await rig.subscriber(500)
    request = bytearray(encode_ccr(data(INITIAL, 0, mscc(10, None, ANY))))
    at = 20
    for code, _, flags, value in avps(bytes(request)):
        if code in (263, 264, 296, 283, 258, 415, 416, 461):
            request[at + 4] = flags & ~0x40
        at += 8 + len(value) + (-len(value) & 3)
    assert codes(await raw(pgw, bytes(request))) == (2001, [2001])


@pytest.mark.statement(57)
@pytest.mark.parametrize("balance", [0, 1, 500])
async def test_every_service_has_a_result_code(rig: Rig, pgw: Client, balance: int) -> None:
    """Granted, refused, reported, unknown: each MSCC has one Result-Code of its own."""
    await rig.subscriber(balance)
    groups = [mscc(each, None, ANY) for each in (10, 20, 30, 99)]
    requests = (
        data(INITIAL, 0, *groups),
        data(UPDATE, 1, mscc(10, octets(0), NONE), *groups[1:]),
        data(TERMINATION, 2, *groups),
    )
    for number, request in enumerate(requests, 1):
        answer = await pgw.raw(encode_ccr(replace(request, hop_by_hop=1000 + number)))
        services = [each[3] for each in avps(answer) if each[0] == 456]
        assert len(services) == 4
        for each in services:
            assert [one[0] for one in avps(each, 0)].count(268) == 1


@pytest.mark.statement(58)
async def test_names_of_the_services(rig: Rig, pgw: Client, scscf: Client) -> None:
    """Those of the request in its order, never one that was not asked about."""
    await rig.subscriber(500)
    asked = data(INITIAL, 0, mscc(20, None, ANY), mscc(10, None, ANY, 7), mscc(30, None, ANY, 1, 2))
    answer = await pgw.send(asked)
    found = [(each.rating_group, each.service_identifiers) for each in answer.mscc]
    assert found == [(20, ()), (10, (7,)), (30, (1, 2))]
    answer = await pgw.send(data(UPDATE, 1, mscc(10, octets(MIB), ANY, 7)))
    assert [(each.rating_group, each.service_identifiers) for each in answer.mscc] == [(10, (7,))]
    answer = await scscf.send(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    assert [(each.rating_group, each.service_identifiers) for each in answer.mscc] == [
        (None, (1000,))
    ]


# --- numbers, unknown sessions, supervision -----------------------------------------------------------


@pytest.mark.statement(83)
async def test_numbers_out_of_order(rig: Rig, pgw: Client) -> None:
    """0, 1, 3, 2, 4: each is served, and each mebibyte is debited."""
    await rig.subscriber(500)
    await opened(pgw, 10)
    for number in (1, 3, 2):
        answer = await pgw.send(data(UPDATE, number, mscc(10, octets(number * MIB), ANY)))
        assert (*codes(answer), answer.request_number) == (2001, [2001], number)
    answer = await pgw.send(data(TERMINATION, 4, mscc(10, octets(MIB))))
    assert codes(answer) == (2001, [2001])
    assert await rig.money() == (49_300, 0)


@pytest.mark.statement(84)
async def test_numbers_that_begin_with_one(rig: Rig, pgw: Client, smsc: Client) -> None:
    """A session and an event may."""
    await rig.subscriber(500)
    assert codes(await pgw.send(data(INITIAL, 1, mscc(10, None, ANY)))) == (2001, [2001])
    answer = await smsc.send(event(0, mscc(None, None, messages(1)), number=1))
    assert (*codes(answer), answer.request_number) == (2001, [2001], 1)


@pytest.mark.statement(85)
@pytest.mark.parametrize("kind", [UPDATE, TERMINATION])
async def test_unknown_session(rig: Rig, pgw: Client, kind: int) -> None:
    """5002; what it reports is kept for the books and debited from nobody."""
    await rig.subscriber(500)
    answer = await pgw.send(data(kind, 1, mscc(10, octets(9 * MIB), ANY)))
    assert codes(answer) == (5002, [])
    assert await rig.money() == (50_000, 0)
    (kept,) = await rig.orphans()
    assert (kept[b"session"], kept[b"units"]) == (b"pgw1;1;2", b"%d" % (9 * MIB))
    assert await rig.sessions() == []


@pytest.mark.statement(86)
async def test_second_first_request(rig: Rig, pgw: Client) -> None:
    """5012, and the session is as it was."""
    await rig.subscriber(500)
    await opened(pgw, 10)
    before = await rig.sessions()
    answer = await pgw.send(data(INITIAL, 0, mscc(20, None, ANY)))
    assert codes(answer) == (5012, [])
    answer = await pgw.send(data(INITIAL, 5, mscc(10, None, ANY)))
    assert codes(answer) == (5012, [])
    assert await rig.sessions() == before
    assert await rig.money() == (50_000, 10_000)


@pytest.mark.statement(87)
async def test_supervision(rig: Rig, pgw: Client) -> None:
    """Twice the Validity-Time without a word: released and closed. What comes later is debited once and
    answered 5002."""
    await rig.subscriber(500)
    answer = await opened(pgw, 10)
    assert answer.mscc[0].validity_seconds == 3600
    rig.clock.goes_on(7199)
    assert await rig.sweep() == 0
    rig.clock.goes_on(1)
    assert await rig.sweep() == 1
    assert await rig.money() == (50_000, 0)
    late = data(TERMINATION, 5, mscc(10, octets(37 * MIB)))
    for _ in range(2):
        assert codes(await pgw.send(late)) == (5002, [])
        assert await rig.money() == (46_300, 0)
    assert await rig.orphans() == []


@pytest.mark.statement(88)
async def test_supervision_begins_again(rig: Rig, pgw: Client) -> None:
    """Each update gives the session the whole time again."""
    await rig.subscriber(500)
    await opened(pgw, 10)
    for number in (1, 2):
        rig.clock.goes_on(7000)
        assert await rig.sweep() == 0
        await pgw.send(data(UPDATE, number, mscc(10, octets(0), ANY)))
    rig.clock.goes_on(7199)
    assert await rig.sweep() == 0
    rig.clock.goes_on(1)
    assert await rig.sweep() == 1


# --- services -----------------------------------------------------------------------------------------


@pytest.mark.statement(100)
@pytest.mark.parametrize(
    ("name", "granted"),
    [
        ("ext.01.001.8.32260@3gpp.org", seconds(60)),
        ("32260@3gpp.org", seconds(60)),
        ("32251@3gpp.org", octets(QUOTA)),
        ("401.02.8.32251@3gpp.org", octets(QUOTA)),
        ("6.32274@3gpp.org", messages(1)),
    ],
)
async def test_service_contexts(rig: Rig, smsc: Client, name: str, granted: Units) -> None:
    """IMS counts time, PS octets, SMS messages: the last label before the @ tells."""
    await rig.subscriber(500)
    request: CCR = replace(sms(INITIAL, 0, mscc(10, None, ANY)), service_context_id=name)
    answer = await smsc.send(replace(request, called="tel:+77012223344"))
    assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu == granted
