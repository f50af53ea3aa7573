"""Scenes of events: a message and its refund, a message to several, content."""

from ocs.demo.cast import (
    CHECK_BALANCE,
    MMS,
    MMS_TIYN,
    OFF_NET,
    ON_NET,
    PRICE_ENQUIRY,
    SMS,
    SMS_TIYN,
    TIYN,
    VAS,
    VAS_TIYN,
    Cast,
    granted,
    service,
)
from ocs.demo.stage import money

KZT = (-2, 398)  # exponent and ISO 4217 code of Cost-Information
#: The Service-Identifier of "Mobile Help" (conversations.toml).
MOBILE_HELP = 1


async def a_message_is_refunded(cast: Cast) -> None:
    """IEC: debited at once, given back where it could not be delivered (TS 32.274)."""
    stage = cast.stage
    stage.scene(
        "A short message is debited, and given back once",
        "20.00 tenge, 12.00 a message to other networks. Delivery fails, and the SMSC asks for a\n"
        "refund; asking again brings nothing more.",
    )
    msisdn = await cast.subscriber(20)
    smsc = cast.platform(msisdn, "sms", SMS, (), OFF_NET.removeprefix("tel:"))
    answer = await smsc.debit()
    await stage.step("server", "debits one message")
    await cast.books(msisdn, 20)
    stage.expect("Result-Code and messages", (2001, 1), (answer.result_code, granted(answer)))
    stage.expect("Cost-Information", (SMS_TIYN, *KZT), answer.cost)
    stage.expect("a name for the refund", True, bool(service(answer).refund_information))
    left = 2000 - SMS_TIYN
    stage.expect("left", money(left * TIYN), money((await cast.desk.balance(msisdn)).available))
    for time in ("first", "second"):
        back = await smsc.refund(answer)
        await stage.step("switch", f"asks for a refund for the {time} time")
        await cast.books(msisdn, 20)
        stage.expect(f"the {time} is answered", 2001, back.result_code)
        balance = await cast.desk.balance(msisdn)
        stage.expect("the account has", money(2000 * TIYN), money(balance.available))
    refused = await smsc.debit(3)
    await stage.step("server", f"refuses three messages at once: {refused.result_code}", "bold red")
    stage.expect("three cost more than there is", 4012, refused.result_code)
    asked = await smsc.event(PRICE_ENQUIRY, 3)
    stage.expect("what they would cost", (3 * SMS_TIYN, *KZT), asked.cost)
    codes = [(await smsc.event(CHECK_BALANCE, units)).check_balance_result for units in (1, 3)]
    stage.expect("enough for one, not for three", [0, 1], codes)
    balance = await cast.desk.balance(msisdn)
    stage.expect("asking moved nothing", money(2000 * TIYN), money(balance.available))


async def a_picture_to_three(cast: Cast) -> None:
    """All recipients or none."""
    stage = cast.stage
    stage.scene(
        "A multimedia message to three is paid for each, or not at all",
        "30.00 tenge, 7.00 a message on-net.",
    )
    msisdn = await cast.subscriber(30, tariff="time-to-talk")
    friend = ON_NET.removeprefix("tel:")
    three = cast.platform(msisdn, "mms3", MMS, (), friend, friend[:-1] + "5", friend[:-1] + "6")
    one = cast.platform(msisdn, "mms1", MMS, (), friend)
    left = 3000
    for platform, recipients, is_paid in ((three, 3, True), (three, 3, False), (one, 1, True)):
        answer = await platform.debit(recipients)
        cost = recipients * MMS_TIYN
        said = "debits" if answer.result_code == 2001 else "refuses"
        await stage.step("server", f"{said} a message to {recipients}")
        await cast.books(msisdn, 30)
        code = 2001 if is_paid else 4012
        stage.expect(f"{money(left * TIYN)} for {money(cost * TIYN)}", code, answer.result_code)
        left -= cost if is_paid else 0
        balance = await cast.desk.balance(msisdn)
        stage.expect("left", money(left * TIYN), money(balance.available))


async def content_is_sold(cast: Cast) -> None:
    """A platform with contexts and service identifiers of its own."""
    stage = cast.stage
    stage.scene(
        "A platform sells content, and gives the money back",
        "50.00 tenge, 30.00 an order. There is money for one; after the refund there is again.",
    )
    msisdn = await cast.subscriber(50)
    shop = cast.platform(msisdn, "vas", VAS, (MOBILE_HELP,))
    price = await shop.event(PRICE_ENQUIRY)
    await stage.step("server", "names the price")
    stage.expect("price", (VAS_TIYN, *KZT), price.cost)
    bought = await shop.debit()
    await stage.step("server", "debits one order")
    await cast.books(msisdn, 50)
    stage.expect("the first order is paid", 2001, bought.result_code)
    refused = await shop.debit()
    await stage.step("server", f"refuses a second: {refused.result_code}", "bold red")
    stage.expect("there is no money for a second", 4012, refused.result_code)
    back = await shop.refund(bought)
    await stage.step("server", "gives the first back", "bold green")
    await cast.books(msisdn, 50)
    stage.expect("the refund is accepted", (2001, 1), (back.result_code, granted(back)))
    balance = await cast.desk.balance(msisdn)
    stage.expect("the account has all again", money(5000 * TIYN), money(balance.available))
    again = await shop.debit()
    stage.expect("and can pay again", 2001, again.result_code)
    balance = await cast.desk.balance(msisdn)
    stage.expect("left in the end", money((5000 - VAS_TIYN) * TIYN), money(balance.available))
