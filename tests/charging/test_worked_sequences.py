"""Whole sequences on a real store, with the amounts worked out by hand: what a client sees and what the
account has. Store and worker share one clock."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from ocs.books import Act, Movement, Posting, PostStatus
from ocs.charging.policy import ChargingPolicy, ServicePolicy
from ocs.diameter.credit_control import MSCC, USU, FinalUnit, Money, MSCCAnswer, Units
from ocs.model import Bucket, Product, ProductState, Subscriber, SubscriberState, UtcMillis
from tests.charging.worked import (
    ANY,
    DATA,
    MIB,
    MSISDN,
    NONE,
    ON_NET,
    POLICY,
    REDIRECT,
    REDIRECTED,
    RESTRICT,
    SMS,
    data,
    event,
    messages,
    mscc,
    octets,
    seconds,
    sms,
    voice,
)
from tests.charging.worker import (
    CLOCK,
    INITIAL,
    TERMINATION,
    UPDATE,
    Worker,
    codes,
    granted,
)

DIRECT_DEBITING, REFUND_ACCOUNT, CHECK_BALANCE, PRICE_ENQUIRY = 0, 1, 2, 3


def serving(redis: Redis, *services: ServicePolicy) -> Worker:
    """A worker with these services in place of the plain ones of their name."""
    names = {each.name for each in services}
    others = tuple(each for each in POLICY.services if each.name not in names)
    return Worker(redis, policy=ChargingPolicy((*services, *others)))


# --- messages, charged at once ------------------------------------------------------------------------


async def test_message_with_refund(worker: Worker, redis: Redis) -> None:
    """5.00 a message, 12.00: debited, repeated, given back once, refused where it is not covered."""
    each = await worker.subscriber(12)
    first = event(DIRECT_DEBITING, mscc(None, None, messages(1)))
    answer = await worker.ask(first)
    token = answer.mscc[0].refund_information
    assert token.startswith(f"{each.partition}.{each.account_id}.".encode())
    paid = MSCCAnswer(None, (), 2001, messages(1), refund_information=token)
    assert (answer.result_code, answer.mscc) == (2001, (paid,))
    assert answer.cost == (500, -2, 398) and answer.direct_debiting_failure_handling == 0
    assert await worker.money(each) == (700, 0)
    # Marked as sent again, by another connection and worker.
    again = await Worker(redis).ask(replace(first, flags=0xD0, hop_by_hop=0x99))
    assert replace(again, header=answer.header) == answer
    assert await worker.money(each) == (700, 0)
    for session in (b"refund;1", b"refund;1", b"refund;2"):
        back = replace(mscc(None, None, messages(1)), refund_information=token)
        answer = await worker.ask(event(REFUND_ACCOUNT, back, session=session))
        assert answer.result_code == 2001 and answer.mscc[0].gsu == messages(1)
        assert await worker.money(each) == (1200, 0)
    answer = await worker.ask(event(0, mscc(None, None, messages(3)), session=b"three"))
    assert codes(answer) == (4012, []) and answer.error_message
    answer = await worker.ask(event(CHECK_BALANCE, mscc(None, None, messages(2)), session=b"check"))
    assert (answer.result_code, answer.check_balance_result) == (2001, 0)
    answer = await worker.ask(event(CHECK_BALANCE, mscc(None, None, messages(3)), session=b"check"))
    assert (answer.result_code, answer.check_balance_result) == (2001, 1)
    answer = await worker.ask(event(PRICE_ENQUIRY, mscc(None, None, messages(3)), session=b"price"))
    assert (answer.result_code, answer.cost) == (2001, (1500, -2, 398))
    assert await worker.money(each) == (1200, 0)
    assert worker.counted("ocs_units_used_total", unit="events") == 1


async def test_refund_at_command_level(worker: Worker) -> None:
    """A client without MSCC is debited and refunded without."""
    each = await worker.subscriber(12)
    answer = await worker.ask(replace(event(DIRECT_DEBITING), command_rsu=messages(2)))
    assert answer.mscc == () and answer.command_gsu == messages(2)
    assert await worker.money(each) == (200, 0)
    back = replace(
        event(REFUND_ACCOUNT, session=b"r"), refund_information=answer.refund_information
    )
    answer = await worker.ask(back)
    assert (answer.result_code, answer.mscc, answer.command_gsu) == (2001, (), messages(2))
    assert await worker.money(each) == (1200, 0)


@pytest.mark.parametrize(
    "token", [b"nonsense", b"1.1.1", b"\xff\xfe", b"0.1." + b"0" * 32, b"999.1." + b"a" * 32]
)
async def test_refund_of_nothing(worker: Worker, token: bytes) -> None:
    """5004 that names it; nothing is given."""
    each = await worker.subscriber(12)
    answer = await worker.ask(replace(event(REFUND_ACCOUNT), refund_information=token))
    assert codes(answer) == (5004, [])
    assert answer.failed_avp[:4] == (2022).to_bytes(4, "big") and token in answer.failed_avp
    assert await worker.money(each) == (1200, 0)


async def test_refund_without_a_name(worker: Worker) -> None:
    """5005: no client may be given an amount that it names itself."""
    each = await worker.subscriber(12)
    asked = event(REFUND_ACCOUNT, mscc(None, None, Units(money=Money(100, 0))))
    answer = await worker.ask(asked)
    assert codes(answer) == (5005, [])
    assert answer.failed_avp[:4] == (2022).to_bytes(4, "big")
    assert await worker.money(each) == (1200, 0)


async def test_message_reserved_then_sent(worker: Worker) -> None:
    """ECUR: 5.00 are held, debited when it was delivered, released when it was not."""
    each = await worker.subscriber(12)
    for session, used, balance in ((b"1", messages(1), 700), (b"2", messages(0), 700)):
        answer = await worker.ask(sms(INITIAL, 0, mscc(None, None, messages(1)), session=session))
        assert codes(answer) == (2001, [2001]) and answer.mscc[0].gsu == messages(1)
        assert (await worker.money(each))[1] == 500
        answer = await worker.ask(sms(TERMINATION, 1, mscc(None, used), session=session))
        assert codes(answer) == (2001, [2001])
        assert await worker.money(each) == (balance, 0)
    await worker.ask(sms(INITIAL, 0, mscc(None, None, messages(1)), session=b"3"))
    assert codes(await worker.ask(sms(TERMINATION, 1, session=b"3"))) == (2001, [])
    assert await worker.money(each) == (700, 0)


async def test_messages_to_several(worker: Worker) -> None:
    """Two segments to two at home and one abroad: 4 x 5.00 + 2 x 20.00, all or nothing."""
    each = await worker.subscriber(59)
    everyone = (ON_NET, "+77012223355", "+14155550100")
    asked = replace(event(DIRECT_DEBITING), recipients=everyone, messages=2)
    assert codes(await worker.ask(asked)) == (4012, [])
    assert await worker.money(each) == (5900, 0)
    await worker.top_up(each, 1, "more")
    answer = await worker.ask(replace(asked, session_id=b"again"))
    assert answer.command_gsu == messages(6) and answer.cost == (6000, -2, 398)
    assert await worker.money(each) == (0, 0)


async def test_multimedia_by_class(worker: Worker) -> None:
    """An advertisement is free to send, anything else 7.00."""
    each = await worker.subscriber(10)
    asked = replace(
        event(DIRECT_DEBITING, mscc(None, None, messages(1))), service_context_id="32270@3gpp.org"
    )
    assert codes(await worker.ask(replace(asked, message_class=1))) == (2001, [2001])
    assert await worker.money(each) == (1000, 0)
    personal = replace(asked, message_class=0, session_id=b"p")
    assert codes(await worker.ask(personal)) == (2001, [2001])
    assert await worker.money(each) == (300, 0)


async def test_content_by_service_identifier(worker: Worker) -> None:
    """A platform with a context of its own: 30.00 for service 7, no price for another one."""
    each = await worker.subscriber(100)
    asked = replace(event(DIRECT_DEBITING), service_context_id="content@vas.example", recipients=())
    answer = await worker.ask(replace(asked, command_service_identifier=8))
    assert codes(answer) == (5031, []) and answer.failed_avp
    answer = await worker.ask(replace(asked, command_service_identifier=7, session_id=b"7"))
    assert answer.command_gsu == messages(1) and answer.cost == (3000, -2, 398)
    assert await worker.money(each) == (7000, 0)


async def test_client_that_has_rated(worker: Worker) -> None:
    """CC-Money: 12.50 debited at once, 20.00 held and 7.25 used of it; another currency is refused."""
    each = await worker.subscriber(50)

    def money(digits: int, currency: int | None = 398) -> Units:
        return Units(money=Money(digits, -2, currency))

    answer = await worker.ask(event(DIRECT_DEBITING, mscc(None, None, money(1250))))
    assert answer.mscc[0].gsu == money(1250)
    assert await worker.money(each) == (3750, 0)
    answer = await worker.ask(sms(INITIAL, 0, mscc(None, None, money(2000, None)), session=b"s"))
    assert answer.mscc[0].gsu == money(2000)
    assert await worker.money(each) == (3750, 2000)
    answer = await worker.ask(sms(TERMINATION, 1, mscc(None, money(725)), session=b"s"))
    assert codes(answer) == (2001, [2001])
    assert await worker.money(each) == (3025, 0)
    wrong = mscc(None, None, money(100, 840))
    for ccr in (event(DIRECT_DEBITING, wrong, session=b"w"), sms(INITIAL, 0, wrong, session=b"w")):
        answer = await worker.ask(ccr)
        assert codes(answer) == (5004, [])
        assert answer.failed_avp == bytes.fromhex("000001a9 4000000c 00000348")
    assert await worker.money(each) == (3025, 0)


@pytest.mark.parametrize("action", [DIRECT_DEBITING, CHECK_BALANCE])
async def test_barred_event(worker: Worker, action: int) -> None:
    """4010, nothing moves; what was debited before the bar is answered as before."""
    each = await worker.subscriber(12)
    first = event(DIRECT_DEBITING, mscc(None, None, messages(1)), session=b"first")
    paid = await worker.ask(first)
    await worker.subscribers.update(each, state=SubscriberState.BARRED)
    asked = event(action, mscc(None, None, messages(1)))
    assert codes(await worker.ask(asked)) == (4010, [])
    assert (await worker.ask(first)).mscc == paid.mscc
    assert await worker.money(each) == (700, 0)


# --- data that ends in a redirection ------------------------------------------------------------------


def volume(group: int, amount: int, threshold: int | None, final: FinalUnit | None) -> MSCCAnswer:
    """A grant of data, valid for an hour, given back after ten minutes of silence."""
    return MSCCAnswer(
        group,
        (),
        2001,
        octets(amount),
        3600,
        final,
        volume_threshold=threshold,
        holding_seconds=600,
    )


async def test_two_rating_groups_and_a_top_up(redis: Redis) -> None:
    """200.00; 1.00 and 0.50 a MiB: the last 68 MiB of group 10 are final, the top-up brings it back."""
    worker = serving(redis, replace(REDIRECTED, holding_seconds=600))
    await worker.load()
    each = await worker.subscriber(200)
    first = data(INITIAL, 0, mscc(10, None, ANY), mscc(20, None, ANY))
    answer = await worker.ask(replace(first, multiple_services=1))
    plain = tuple(volume(group, 104_857_600, 20_971_520, None) for group in (10, 20))
    assert (answer.result_code, answer.mscc) == (2001, plain)
    assert await worker.money(each) == (20_000, 15_000)
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(85_983_232), ANY)))
    assert answer.mscc == (volume(10, 71_303_168, None, REDIRECT),)
    assert await worker.money(each) == (11_800, 11_800)
    assert worker.counted("ocs_final_unit_indications_total", action="redirect") == 1
    await worker.top_up(each, 500, "more")
    forced = replace(mscc(10, octets(31_457_280), ANY), reporting_reason=7)
    answer = await worker.ask(data(UPDATE, 2, forced))
    assert answer.mscc == plain[:1]
    assert await worker.money(each) == (58_800, 15_000)
    held = replace(mscc(20, octets(12_582_912)), reporting_reason=1)
    answer = await worker.ask(data(UPDATE, 3, held))
    assert answer.mscc == (MSCCAnswer(20, (), 2001, validity_seconds=3600),)
    assert await worker.money(each) == (58_200, 10_000)
    last = replace(mscc(10, octets(42_991_616)), reporting_reason=2)
    answer = await worker.ask(data(TERMINATION, 4, last))
    assert codes(answer) == (2001, [2001]) and answer.cost == (15_900, -2, 398)
    assert await worker.money(each) == (54_100, 0)


async def redirected(worker: Worker) -> Subscriber:
    """10.00 of data used up, its client redirected: row 0 and 1."""
    await worker.load()
    each = await worker.subscriber(10)
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    assert answer.mscc == (MSCCAnswer(10, (), 2001, octets(10_485_760), 3600, REDIRECT),)
    assert await worker.money(each) == (1000, 1000)
    ended = MSCC(10, (), NONE, (USU(octets(10_485_760), 3),))
    answer = await worker.ask(data(UPDATE, 1, ended))
    assert answer.mscc == (MSCCAnswer(10, (), 2001, validity_seconds=600),)
    assert await worker.money(each) == (0, 0)
    return each


async def test_redirected_and_topped_up(redis: Redis) -> None:
    """The top-up re-authorises the session, and the next request without usage is granted again."""
    worker = serving(redis, REDIRECTED)
    each = await redirected(worker)
    assert await worker.top_up(each, 300, "more") == [b"pgw1;1;2"]
    answer = await worker.ask(data(UPDATE, 2, mscc(10, None, ANY)))
    assert granted(answer) == [104_857_600] and answer.mscc[0].final_unit is None
    assert await worker.money(each) == (30_000, 10_000)
    assert codes(await worker.ask(data(TERMINATION, 3))) == (2001, [])
    assert await worker.money(each) == (30_000, 0)


async def test_redirected_and_still_empty(redis: Redis) -> None:
    """4012 without a final unit by default; the configured other choice is restricted on."""
    worker = serving(redis, REDIRECTED)
    each = await redirected(worker)
    answer = await worker.ask(data(UPDATE, 2, mscc(10, None, ANY)))
    assert (answer.result_code, answer.mscc) == (2001, (MSCCAnswer(10, (), 4012),))
    patient = serving(redis, replace(REDIRECTED, is_restricted_again=True))
    answer = await patient.ask(data(UPDATE, 3, mscc(10, None, ANY)))
    assert answer.mscc == (MSCCAnswer(10, (), 2001, None, 600, REDIRECT),)
    assert codes(await worker.ask(data(TERMINATION, 4))) == (2001, [])
    assert await worker.money(each) == (0, 0)


@pytest.mark.parametrize("final_unit", [REDIRECT, RESTRICT])
async def test_empty_from_the_start(redis: Redis, final_unit: FinalUnit) -> None:
    """The client acts at once: a final unit and Validity-Time without quota, and the session is open."""
    worker = serving(redis, replace(DATA, final_unit=final_unit))
    await worker.load()
    each = await worker.subscriber()
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    assert answer.mscc == (MSCCAnswer(10, (), 2001, None, 600, final_unit),)
    assert await worker.top_up(each, 300, "more") == [b"pgw1;1;2"]
    answer = await worker.ask(data(UPDATE, 1, mscc(10, None, ANY)))
    assert granted(answer) == [104_857_600]


async def test_empty_account_of_a_call_that_is_redirected(redis: Redis) -> None:
    """A voice service may be redirected as well: its session stays, though refusals end sessions."""
    announcement = FinalUnit(1, redirect_type=3, redirect_address="sip:topup@ims.example")
    worker = serving(redis, replace(POLICY.services[1], final_unit=announcement))
    await worker.load()
    each = await worker.subscriber()
    answer = await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    assert answer.mscc == (MSCCAnswer(None, (1000,), 2001, None, 600, announcement),)
    await worker.top_up(each, 12, "more")
    answer = await worker.ask(voice(UPDATE, 1, mscc(None, None, seconds(60), 1000)))
    assert granted(answer) == [60]


# --- a tariff that changes ----------------------------------------------------------------------------

MIDNIGHT = UtcMillis(1_790_881_200_000)  # 2026-10-02 in Almaty, 3999870000 as a Time
SPLITTING = replace(DATA, grant_default=60 * MIB, tells_tariff_change=True)


def at(minutes: int, seconds: int = 0) -> None:
    """So long after midnight (negative: before)."""
    CLOCK.now = UtcMillis(MIDNIGHT + (minutes * 60 + seconds) * 1000)


def report(number: int, *reports: tuple[int | None, int], group: int = 10) -> MSCC:
    """Usage with its Tariff-Change-Usage, in MiB, and the wish for more."""
    usu = tuple(USU(octets(amount * MIB), None, mark) for mark, amount in reports)
    return MSCC(group, (), ANY, usu)


async def test_change_of_tariff(redis: Redis) -> None:
    """Reserved at the dearer 1.00, 40 MiB before and 20 MiB after cost 45.00, the next at 0.25."""
    worker = serving(redis, SPLITTING)
    await worker.load()
    each = await worker.subscriber(80, tariff="changing")
    at(-30)
    await worker.ask(data(INITIAL, 0))
    at(-20)
    answer = await worker.ask(data(UPDATE, 5, mscc(10, None, ANY)))
    assert granted(answer) == [62_914_560]
    assert answer.mscc[0].tariff_time_change == 1_790_881_200
    assert answer.mscc[0].validity_seconds == 3600
    assert await worker.money(each) == (8000, 6000)
    at(10)
    answer = await worker.ask(data(UPDATE, 6, report(6, (0, 40), (1, 20))))
    assert granted(answer) == [62_914_560] and answer.mscc[0].tariff_time_change is None
    assert await worker.money(each) == (3500, 1500)
    # From then on there is one price only.
    at(30)
    await worker.ask(data(UPDATE, 7, report(7, (None, 20))))
    assert await worker.money(each) == (3000, 1500)
    answer = await worker.ask(data(TERMINATION, 8))
    assert answer.cost == (5000, -2, 398)
    assert await worker.money(each) == (3000, 0)


async def test_change_to_a_dearer_price(redis: Redis) -> None:
    """0.25 becomes 1.00: 60 MiB are reserved at 60.00 though what is used before costs 10.00."""
    worker = serving(redis, SPLITTING)
    await worker.load()
    each = await worker.subscriber(80, tariff="changing")
    at(-20)
    await worker.ask(data(INITIAL, 0, mscc(11, None, ANY)))
    assert await worker.money(each) == (8000, 6000)
    at(-10)
    await worker.ask(data(UPDATE, 1, report(1, (None, 20), group=11)))
    assert await worker.money(each) == (7500, 6000)
    at(10)
    await worker.ask(data(UPDATE, 2, report(2, (0, 20), (1, 30), group=11)))
    assert await worker.money(each) == (4000, 4000)
    answer = await worker.ask(data(TERMINATION, 3))
    assert answer.cost == (4000, -2, 398)


async def test_quota_of_the_other_side_is_given_back(redis: Redis) -> None:
    """A report without a wish before the change releases what was held at the price after it."""
    worker = serving(redis, SPLITTING)
    await worker.load()
    each = await worker.subscriber(80, tariff="changing")
    at(-20)
    await worker.ask(data(INITIAL, 0, mscc(11, None, ANY)))
    at(-10)
    await worker.ask(data(UPDATE, 1, mscc(11, octets(20 * MIB))))
    assert await worker.money(each) == (7500, 0)


@pytest.mark.parametrize(
    ("group", "mark", "cost"),
    [
        (10, 2, 1000),
        (11, 2, 1000),
        (10, None, 1000),
        (11, None, 1000),
        (10, 0, 4000),
        (10, 1, 1000),
    ],
)
async def test_marks_of_usage(redis: Redis, group: int, mark: int | None, cost: int) -> None:
    """40 MiB over the change: unknown is the cheaper side, 0.25; before and after are as they say."""
    worker = serving(redis, SPLITTING)
    await worker.load()
    await worker.subscriber(80, tariff="changing")
    at(-20)
    await worker.ask(data(INITIAL, 0, mscc(group, None, ANY)))
    at(10)
    answer = await worker.ask(
        data(TERMINATION, 1, replace(report(1, (mark, 40), group=group), rsu=NONE))
    )
    assert answer.cost == (cost, -2, 398)


async def test_change_without_tariff_time_change(redis: Redis) -> None:
    """Validity-Time ends at the change: 1200 s at 23:40; the report that it brings is of the old price,
    the one after it of the new price."""
    worker = serving(redis, replace(SPLITTING, tells_tariff_change=False))
    await worker.load()
    each = await worker.subscriber(80, tariff="changing")
    at(-20)
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    assert answer.mscc[0].validity_seconds == 1200
    assert answer.mscc[0].tariff_time_change is None
    at(0, 2)
    answer = await worker.ask(data(UPDATE, 1, report(1, (None, 20))))
    assert answer.mscc[0].validity_seconds == 3600
    assert await worker.money(each) == (6000, 1500)
    at(20)
    await worker.ask(data(UPDATE, 2, report(2, (None, 20))))
    assert await worker.money(each) == (5500, 1500)


async def test_late_report_without_marks(redis: Redis) -> None:
    """Ten minutes late, on either side of the change: the cheaper price."""
    worker = serving(redis, replace(SPLITTING, tells_tariff_change=False))
    await worker.load()
    each = await worker.subscriber(80, tariff="changing")
    at(-20)
    await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    at(10)
    await worker.ask(data(UPDATE, 1, report(1, (None, 40))))
    assert await worker.money(each) == (7000, 1500)


async def test_price_that_ends(redis: Redis) -> None:
    """Quota is valid until there is no price; after it the service is refused, its usage was paid."""
    worker = serving(redis, SPLITTING)
    await worker.load()
    each = await worker.subscriber(80, tariff="changing")
    at(-20)
    answer = await worker.ask(data(INITIAL, 0, mscc(12, None, ANY)))
    assert answer.mscc[0].validity_seconds == 1200
    assert answer.mscc[0].tariff_time_change is None
    at(0, 1)
    answer = await worker.ask(data(UPDATE, 1, report(1, (0, 30), group=12)))
    assert codes(answer) == (2001, [5031])
    assert await worker.money(each) == (5000, 0)


async def test_moment_without_another_price(redis: Redis) -> None:
    """Where nothing changes for the service, nothing is said of it."""
    worker = serving(redis, SPLITTING)
    await worker.load()
    await worker.subscriber(80, tariff="changing")
    at(-20)
    answer = await worker.ask(data(INITIAL, 0, mscc(13, None, ANY)))
    assert answer.mscc[0].validity_seconds == 3600
    assert answer.mscc[0].tariff_time_change is None


async def test_call_over_the_change(worker: Worker) -> None:
    """From 23:59:30 to 00:00:30: the clock divides it, 30 x 0.20 + 30 x 0.10 = 9.00."""
    each = await worker.subscriber(80, tariff="changing")
    at(0, -30)
    answer = await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    assert answer.mscc[0].tariff_time_change is None
    assert await worker.money(each) == (8000, 900)
    answer = await worker.ask(voice(TERMINATION, 1, mscc(None, seconds(60), NONE, 1000)))
    assert answer.cost == (900, -2, 398)
    assert await worker.money(each) == (7100, 0)


async def test_call_reported_after_the_change(worker: Worker) -> None:
    """A minute that began after midnight costs 6.00, whatever the session began with."""
    each = await worker.subscriber(80, tariff="changing")
    at(-2)
    await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    for number in (1, 2):  # up to midnight
        await worker.ask(voice(UPDATE, number, mscc(None, seconds(60), seconds(60), 1000)))
    assert await worker.money(each) == (5600, 600)
    await worker.ask(voice(TERMINATION, 3, mscc(None, seconds(60), NONE, 1000)))
    assert await worker.money(each) == (5000, 0)


# --- directions apart ---------------------------------------------------------------------------------


async def test_directions_apart(worker: Worker) -> None:
    """Sent at 1.00, received at 0.50: granted and debited each at its price, the rest at the cheaper."""
    each = await worker.subscriber(200)
    wish = Units(input_octets=10 * MIB, output_octets=40 * MIB)
    answer = await worker.ask(data(INITIAL, 0, mscc(40, None, wish)))
    assert answer.mscc == (MSCCAnswer(40, (), 2001, wish, 3600),)
    assert await worker.money(each) == (20_000, 3000)
    used = Units(input_octets=4 * MIB, output_octets=30 * MIB)
    answer = await worker.ask(data(UPDATE, 1, mscc(40, used, ANY)))
    assert answer.mscc[0].gsu == Units(input_octets=50 * MIB, output_octets=50 * MIB)
    assert await worker.money(each) == (18_100, 7500)
    answer = await worker.ask(data(TERMINATION, 2, mscc(40, octets(10 * MIB))))
    assert answer.cost == (2400, -2, 398)
    assert await worker.money(each) == (17_600, 0)


async def test_direction_nobody_can_pay(worker: Worker) -> None:
    """The money ends inside one direction: what is left is final."""
    each = await worker.subscriber(12)
    wish = Units(input_octets=10 * MIB, output_octets=40 * MIB)
    answer = await worker.ask(data(INITIAL, 0, mscc(40, None, wish)))
    assert answer.mscc[0].gsu == Units(input_octets=10 * MIB, output_octets=4 * MIB)
    assert answer.mscc[0].final_unit == FinalUnit(0)
    assert await worker.money(each) == (1200, 1200)


# --- free numbers -------------------------------------------------------------------------------------


async def test_free_numbers(worker: Worker, redis: Redis) -> None:
    """Emergency calls are answered whoever calls, with neither an account nor the store."""
    before = await redis.dbsize()
    for called in ("112", "tel:112", "urn:service:sos.police", "sip:112@ims.example"):
        call = replace(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)), called=called)
        answer = await worker.ask(call)
        assert answer.mscc == (
            MSCCAnswer(None, (1000,), 2001, seconds(3600), 3660, time_threshold=324),
        )
        answer = await worker.ask(voice(UPDATE, 1, mscc(None, seconds(60), seconds(60), 1000)))
        assert granted(answer) == [3600]
        answer = await worker.ask(voice(TERMINATION, 2, mscc(None, seconds(9), NONE, 1000)))
        assert codes(answer) == (2001, [2001]) and answer.cost == (0, -2, 398)
        # It is forgotten then: who goes on is unknown.
    assert await redis.dbsize() == before
    assert codes(await worker.ask(voice(UPDATE, 3))) == (5002, [])


async def test_free_message(worker: Worker) -> None:
    """A message to an emergency number is free at once; one with another recipient is not."""
    free = replace(event(DIRECT_DEBITING), recipients=("112",))
    answer = await worker.ask(free)
    assert (answer.result_code, answer.command_gsu) == (2001, messages(1))
    assert answer.refund_information == b""
    mixed = replace(free, recipients=("112", ON_NET))
    assert codes(await worker.ask(mixed)) == (5030, [])


# --- what the answer says besides ---------------------------------------------------------------------


async def test_balance_is_told_where_configured(redis: Redis) -> None:
    """Remaining-Balance is what may be spent, Low-Balance-Indication whether it is below 100.00."""
    worker = serving(redis, replace(DATA, tells_balance=True, low_balance_micros=100_000_000))
    await worker.load()
    await worker.subscriber(250)
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, ANY)))
    assert (answer.low_balance, answer.remaining_balance) == (0, (15_000, -2, 398))
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(100 * MIB), ANY)))
    assert (answer.low_balance, answer.remaining_balance) == (1, (5000, -2, 398))
    answer = await worker.ask(data(TERMINATION, 2, mscc(10, octets(0))))
    assert (answer.low_balance, answer.remaining_balance) == (0, (15_000, -2, 398))


async def test_failure_handling_is_told(redis: Redis) -> None:
    """CCFH, failover and DDFH in the first answer, DDFH in that of an event, as configured."""
    settings = {"failure_handling": 1, "session_failover": 0, "direct_debiting_failure_handling": 1}
    worker = serving(redis, replace(SMS, **settings))  # type: ignore[arg-type]  # by name
    await worker.load()
    await worker.subscriber(50)
    answer = await worker.ask(sms(INITIAL, 0, mscc(None, None, messages(1))))
    assert (answer.failure_handling, answer.session_failover) == (1, 0)
    assert answer.direct_debiting_failure_handling == 1
    answer = await worker.ask(event(DIRECT_DEBITING, session=b"e"))
    assert answer.direct_debiting_failure_handling == 1 and answer.failure_handling is None


# --- others on the same account, other clients --------------------------------------------------------


async def test_last_money_re_authorises_the_other_session(worker: Worker) -> None:
    """75 s of credit, 30 s at a time: B gets the last 15 s; when A ends early, B asks again and has it."""
    each = await worker.subscriber(15)
    wish = mscc(None, None, seconds(30), 1000)
    assert granted(await worker.ask(voice(INITIAL, 0, wish, session=b"A"))) == [30]
    answer = await worker.ask(
        voice(UPDATE, 1, mscc(None, seconds(30), seconds(30), 1000), session=b"A")
    )
    assert granted(answer) == [30]
    answer = await worker.ask(voice(INITIAL, 0, wish, session=b"B"))
    assert granted(answer) == [15] and answer.mscc[0].final_unit is not None
    worker.waiting.clear()
    await worker.ask(voice(TERMINATION, 2, mscc(None, seconds(10), NONE, 1000), session=b"A"))
    assert worker.waiting == [b"B"]
    answer = await worker.ask(
        voice(UPDATE, 1, mscc(None, seconds(5), seconds(30), 1000), session=b"B")
    )
    assert granted(answer) == [30] and answer.mscc[0].final_unit is not None
    assert await worker.money(each) == (600, 600)


async def test_session_of_another_client(worker: Worker) -> None:
    """5002 where a host that is connected itself touches another's session; a relay of the realm may."""
    each = await worker.subscriber(100)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    rogue = replace(data(UPDATE, 1, mscc(10, octets(MIB), ANY)), origin_host="pgw2.example.net")
    answer = await worker.ask(rogue, peer="PGW2.example.net")
    assert codes(answer) == (5002, [])
    elsewhere = replace(rogue, origin_realm="elsewhere.example")
    assert codes(await worker.ask(elsewhere)) == (5002, [])
    assert await worker.money(each) == (10_000, 100)
    assert codes(await worker.ask(rogue)) == (2001, [2001])


async def test_absurd_usage_is_counted(worker: Worker) -> None:
    """71 582 788 s of a call of 40 s: what passed and a minute are charged, the rest is counted."""
    each = await worker.subscriber(100)
    await worker.ask(voice(INITIAL, 0, mscc(None, None, seconds(60), 1000)))
    CLOCK.goes_on(40)
    moment = CLOCK.now
    ccr = voice(TERMINATION, 1, mscc(None, seconds(71_582_788), NONE, 1000))
    CLOCK.goes_on(-71_582_788)
    answer = await worker.ask(ccr)
    assert CLOCK.now == moment and answer.cost == (2000, -2, 398)
    assert await worker.money(each) == (8000, 0)
    assert worker.counted("ocs_usage_clamped_total", unit="seconds") == 71_582_688


# --- buckets ------------------------------------------------------------------------------------------


async def with_product(worker: Worker, each: Subscriber, product: str, ends: int = 0) -> Subscriber:
    """The subscriber with two megabytes of a product, which end at a moment."""
    bucket = Bucket("1.volume", "volume", ends=UtcMillis(ends))
    own = Product(1, product, ProductState.ACTIVE, CLOCK.now, buckets=(bucket,))
    stored = await worker.subscribers.update(each, products=(own,), next_product=2)
    assert stored is not None
    filled = (Movement(Act.CREDIT, "1.volume", 2 * MIB),)
    outcome = await worker.ledger.post(
        Posting(each.account_id, each.partition, "bucket", "purchase", filled, "t", "test")
    )
    assert outcome.status is PostStatus.POSTED
    return stored


async def left(worker: Worker, each: Subscriber) -> tuple[int, int]:
    """Mebibytes left in the bucket, and reserved."""
    found = await worker.ledger.balance(each.account_id, each.partition)
    assert found is not None
    held = found.others["1.volume"]
    return held.amount // MIB, held.reserved // MIB


async def test_bucket_then_money(worker: Worker) -> None:
    """2 MiB of the pack, then 1.00 for the third: one grant reaches over both; no more can be paid."""
    each = await with_product(worker, await worker.subscriber(1), "extra")
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    assert granted(answer) == [MIB] and answer.mscc[0].final_unit is None
    assert (await left(worker, each), await worker.money(each)) == ((2, 1), (100, 0))
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(MIB), octets(4 * MIB))))
    assert granted(answer) == [2 * MIB] and answer.mscc[0].final_unit == FinalUnit()
    assert (await left(worker, each), await worker.money(each)) == ((1, 1), (100, 100))
    answer = await worker.ask(data(TERMINATION, 2, mscc(10, octets(2 * MIB))))
    assert codes(answer) == (2001, [2001]) and answer.cost == (100, -2, 398)
    assert (await left(worker, each), await worker.money(each)) == ((0, 0), (0, 0))


async def test_bucket_then_slow(worker: Worker, redis: Redis) -> None:
    """When the pack is used up it goes on without charge, with a grant of its own that names the filter;
    a repeat on another worker says the same."""
    each = await with_product(worker, await worker.subscriber(), "slow")
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    assert granted(answer) == [MIB]
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(MIB), octets(4 * MIB))))
    assert granted(answer) == [MIB] and answer.mscc[0].final_unit is None
    last = data(UPDATE, 2, mscc(10, octets(MIB), octets(4 * MIB)))
    for one in (worker, Worker(redis)):
        answer = await one.ask(last)
        assert granted(answer) == [4 * MIB]
        assert answer.mscc[0].final_unit == FinalUnit(2, filter_ids=("64-kbit",))
    answer = await worker.ask(data(TERMINATION, 3, mscc(10, octets(3 * MIB))))
    assert codes(answer) == (2001, [2001]) and answer.cost == (0, -2, 398)
    assert (await left(worker, each), await worker.money(each)) == ((0, 0), (0, 0))


async def test_bucket_that_ends_within_a_session(worker: Worker) -> None:
    """The client comes back when it ends; what it used until then is of the bucket, the rest is paid."""
    moment = CLOCK.now + 600_000
    each = await with_product(worker, await worker.subscriber(5), "extra", moment)
    answer = await worker.ask(data(INITIAL, 0, mscc(10, None, octets(2 * MIB))))
    assert granted(answer) == [2 * MIB] and answer.mscc[0].validity_seconds == 600
    CLOCK.goes_on(605)
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(MIB), octets(2 * MIB))))
    assert granted(answer) == [2 * MIB] and answer.mscc[0].validity_seconds == 3600
    assert (await left(worker, each), await worker.money(each)) == ((1, 0), (500, 200))
    answer = await worker.ask(data(TERMINATION, 2, mscc(10, octets(2 * MIB))))
    assert answer.cost == (200, -2, 398)
    assert (await left(worker, each), await worker.money(each)) == ((1, 0), (300, 0))


async def test_report_long_after_a_bucket_ended(worker: Worker) -> None:
    """What the client held of it is given back, and its usage is paid: nobody knows when it was."""
    moment = CLOCK.now + 600_000
    each = await with_product(worker, await worker.subscriber(5), "extra", moment)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(2 * MIB))))
    CLOCK.goes_on(700)
    answer = await worker.ask(data(UPDATE, 1, mscc(10, octets(MIB), octets(MIB))))
    assert granted(answer) == [MIB]
    assert (await left(worker, each), await worker.money(each)) == ((2, 0), (400, 100))


async def test_bucket_that_is_bought_within_a_session(worker: Worker) -> None:
    """From the next report on it pays: this one too, which was not settled yet."""
    each = await worker.subscriber(5)
    await worker.ask(data(INITIAL, 0, mscc(10, None, octets(MIB))))
    await worker.ask(data(UPDATE, 1, mscc(10, octets(MIB), octets(MIB))))
    assert await worker.money(each) == (400, 100)
    each = await with_product(worker, each, "extra")
    answer = await worker.ask(data(UPDATE, 2, mscc(10, octets(MIB), octets(MIB))))
    assert granted(answer) == [MIB]
    assert (await left(worker, each), await worker.money(each)) == ((1, 1), (400, 0))
    answer = await worker.ask(data(TERMINATION, 3, mscc(10, octets(MIB))))
    assert answer.cost == (100, -2, 398)
    assert (await left(worker, each), await worker.money(each)) == ((0, 0), (400, 0))


@pytest.mark.parametrize(("wanted", "result"), [(3, 0), (4, 1)])
async def test_balance_check_counts_all_balances(worker: Worker, wanted: int, result: int) -> None:
    """Two mebibytes in the pack and 1.00 of money are three."""
    each = await with_product(worker, await worker.subscriber(1), "extra")
    asked = replace(
        data(4, 0, mscc(10, None, octets(wanted * MIB))),
        requested_action=CHECK_BALANCE,
        subscription_ids=((0, MSISDN),),
    )
    assert (await worker.ask(asked)).check_balance_result == result
    answer = await worker.ask(replace(asked, requested_action=PRICE_ENQUIRY))
    assert answer.cost == ((wanted - 2) * 100, -2, 398)
    assert (await left(worker, each), await worker.money(each)) == ((2, 0), (100, 0))
