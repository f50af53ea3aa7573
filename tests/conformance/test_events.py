"""Statements 71 to 77: one-time events (RFC 8506, 6; TS 32.299, 6.3)."""

from dataclasses import replace

import pytest

from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.credit_control import MSCC
from tests.charging.worked import ANY, data, event, messages, mscc, sms
from tests.support.messages import with_length
from tests.support.rig import Client, Rig, codes, data_of, number_of

DIRECT_DEBITING, REFUND_ACCOUNT, CHECK_BALANCE, PRICE_ENQUIRY = 0, 1, 2, 3


def of(amount: int) -> MSCC:
    """A wish for so many messages of 5.00."""
    return mscc(None, None, messages(amount))


@pytest.mark.statement(72)
async def test_debit_that_is_not_covered(rig: Rig, smsc: Client) -> None:
    """4012, in either shape; nothing is debited, not even a part."""
    await rig.subscriber(12)
    answer = await smsc.send(event(DIRECT_DEBITING, of(3)))
    assert answer.result_code == 4012
    plain = replace(event(DIRECT_DEBITING, session=b"plain"), command_rsu=messages(3))
    assert codes(await smsc.send(plain)) == (4012, [])
    assert await rig.money() == (1_200, 0)


@pytest.mark.statement(76)
async def test_event_without_an_action(rig: Rig, smsc: Client) -> None:
    """5005 with an example of Requested-Action."""
    await rig.subscriber(12)
    answer = await smsc.raw(with_length(encode_ccr(sms(4, 0, of(1)))))
    assert number_of(answer, 268) == 5005
    assert data_of(answer, 279) == [bytes.fromhex("000001b4 4000000c 00000000")]
    assert await rig.money() == (1_200, 0)


@pytest.mark.statement(71)
async def test_debit(rig: Rig, smsc: Client) -> None:
    """2001 with the units that were debited, where the request had its own."""
    await rig.subscriber(12)
    answer = await smsc.send(event(DIRECT_DEBITING, of(1)))
    assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu == messages(1)
    assert await rig.money() == (700, 0)
    plain = replace(event(DIRECT_DEBITING, session=b"plain"), command_rsu=messages(1))
    answer = await smsc.send(plain)
    assert codes(answer) == (2001, []) and answer.command_gsu == messages(1)
    assert await rig.money() == (200, 0)
    assert await rig.sessions() == []


@pytest.mark.statement(73)
async def test_refund(rig: Rig, smsc: Client) -> None:
    """Credited once, also when another session asks again for what the same token names."""
    await rig.subscriber(12)
    paid = await smsc.send(event(DIRECT_DEBITING, of(2)))
    token = paid.mscc[0].refund_information
    assert token and await rig.money() == (200, 0)
    back = replace(of(2), refund_information=token)
    for number, session in enumerate((b"r;1", b"r;1", b"r;2", b"r;3")):
        request = replace(event(REFUND_ACCOUNT, back, session=session), end_to_end=900 + number)
        answer = await smsc.send(request)
        assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu == messages(2)
        assert await rig.money() == (1_200, 0)


@pytest.mark.statement(74)
@pytest.mark.parametrize(("amount", "result"), [(2, 0), (3, 1)])
async def test_check_of_the_balance(rig: Rig, smsc: Client, amount: int, result: int) -> None:
    """2001 whether it is enough or not; nothing is held."""
    await rig.subscriber(12)
    answer = await smsc.send(event(CHECK_BALANCE, of(amount)))
    assert (answer.result_code, answer.check_balance_result) == (2001, result)
    assert await rig.money() == (1_200, 0)


@pytest.mark.statement(75)
async def test_price(rig: Rig, smsc: Client) -> None:
    """Told to whom has nothing, and nothing moves."""
    await rig.subscriber(0)
    answer = await smsc.send(event(PRICE_ENQUIRY, of(3)))
    assert (answer.result_code, answer.cost) == (2001, (1500, -2, 398))
    assert await rig.money() == (0, 0)


@pytest.mark.statement(77)
@pytest.mark.parametrize("action", [DIRECT_DEBITING, REFUND_ACCOUNT, 9])
async def test_action_outside_an_event(rig: Rig, pgw: Client, action: int) -> None:
    """It says nothing there."""
    await rig.subscriber(500)
    for kind in (1, 2, 3):
        service = mscc(10, None, ANY)
        request = replace(data(kind, kind - 1, service), requested_action=action)
        assert (await pgw.send(request)).result_code == 2001
    assert await rig.money() == (50_000, 0)
