"""Scenes of calls: the second the money ends, a repeat, a cut, a shared account, a conference."""

from dataclasses import replace

from ocs.demo.cast import TIYN, Cast, call_tiyn, granted, is_final, seconds_for
from ocs.demo.stage import money
from ocs.diameter.credit_control import Units
from ocs.diameter.framing import ASR, RAR
from ocs.model import MICROS


async def a_call_is_cut(cast: Cast) -> None:
    """30 tenge at 11 a minute."""
    stage = cast.stage
    stage.scene(
        "A call is cut at the second the money ends",
        "30.00 tenge, 11.00 a minute by the second. The switch asks for a minute at a time.",
    )
    msisdn = await cast.subscriber(30)
    session = cast.call(msisdn, "call")
    minute = Units(time=60)
    answer = await session.start(minute)
    stage.expect("Result-Code of the first request", 2001, answer.result_code)
    stage.expect("failure handling RETRY_AND_TERMINATE", 2, answer.failure_handling)
    talked = 0
    while True:
        quota = granted(answer)
        note = ", the final unit: end the call after it" if is_final(answer) else ""
        await stage.step("server", f"grants {quota} s{note}", "bold red" if note else "")
        await cast.books(msisdn, 30)
        await stage.use(quota, quota, "s")
        talked += quota
        if is_final(answer) or not quota:
            break
        answer = await session.update(quota, minute)
    stage.expect("the last grant is final", True, is_final(answer))
    answer = await session.end(quota)
    await stage.step("switch", f"ends the call after {talked} s and reports it", "bold red")
    await cast.books(msisdn, 30)
    stage.expect("seconds of the call", seconds_for(3000), talked)
    spent = (await cast.desk.balance(msisdn)).spent
    stage.expect("cost", money(call_tiyn(talked) * TIYN), money(spent))
    stage.expect("Cost-Information", (call_tiyn(talked), -2, 398), answer.cost)
    rest = await cast.desk.balance(msisdn)
    stage.expect("left", money(30 * MICROS - call_tiyn(talked) * TIYN), money(rest.available))
    stage.expect("nothing stays reserved", 0, rest.reserved)


async def a_repeat_is_charged_once(cast: Cast) -> None:
    """The same request on another connection."""
    stage = cast.stage
    stage.scene(
        "A request that is sent twice is charged once",
        "The answer is lost; the switch sends the same request again, marked as a repeat.",
    )
    msisdn = await cast.subscriber(100)
    session = cast.call(msisdn, "repeat")
    await session.start(Units(time=60))
    ccr = session.ccr(2, 60, Units(time=60))
    first = await cast.switch.send(ccr)
    await stage.step("server", f"debits a minute and grants {granted(first)} s; the answer is lost")
    await cast.books(msisdn, 100)
    second = await cast.ggsn.send(ccr, is_repeat=True)
    await stage.step("server", f"answers the repeat: {granted(second)} s")
    await cast.books(msisdn, 100)
    same = replace(second, header=first.header)
    stage.expect("the same answer", True, same == first)
    rest = await cast.desk.balance(msisdn)
    stage.expect("one minute was spent", money(call_tiyn(60) * TIYN), money(rest.spent))
    await session.end(0)


async def the_operator_cuts(cast: Cast) -> None:
    """Abort-Session-Request."""
    stage = cast.stage
    stage.scene(
        "The operator cuts a session",
        "The server sends an Abort-Session-Request; the switch ends the call and reports what was used.",
    )
    msisdn = await cast.subscriber(100)
    session = cast.call(msisdn, "cut")
    ccr = session.ccr(1, None, Units(time=60))
    await cast.switch.send(ccr)
    await cast.books(msisdn, 100)
    said = await cast.desk.cut(ccr.session_id)
    pushed = await cast.push(session)
    await stage.step(
        "server", f"sends an Abort-Session-Request; the switch says: {said}", "bold red"
    )
    stage.expect("an Abort-Session-Request came", ASR, pushed)
    stage.expect("the switch agreed", "ended", said)
    await session.end(12)
    await cast.books(msisdn, 100)
    rest = await cast.desk.balance(msisdn)
    stage.expect("12 s were paid", money(call_tiyn(12) * TIYN), money(rest.spent))
    stage.expect("the rest came back", 0, rest.reserved)


async def an_account_is_shared(cast: Cast) -> None:
    """Money that one session does not use is offered to the other."""
    stage = cast.stage
    stage.scene(
        "Two calls share the last money of an account",
        "13.75 tenge pay for 75 s. The second call gets what the first does not hold; when the first\n"
        "ends early, the server asks the second to come back for the rest.",
    )
    half = Units(time=30)
    msisdn = await cast.subscriber(13, 75)
    stage.expect("the money pays for", 75, seconds_for(1375))
    first, second = cast.call(msisdn, "shared;a"), cast.call(msisdn, "shared;b")
    stage.expect("the first call is granted", 30, granted(await first.start(half)))
    stage.expect("and again, after 30 s", 30, granted(await first.update(30, half)))
    await cast.books(msisdn, 14)
    answer = await second.start(half)
    await stage.step("server", f"grants the second call {granted(answer)} s, the final unit")
    await cast.books(msisdn, 14)
    stage.expect("seconds that are left for it", seconds_for(1375 - call_tiyn(60)), granted(answer))
    stage.expect("they are final", True, is_final(answer))
    stage.expect("the first is asked what it really needs", RAR, await cast.push(first))
    await first.end(10)
    await stage.step("switch", "ends the first call 10 s into its grant")
    stage.expect("the second is asked to come back", RAR, await cast.push(second))
    left = 1375 - call_tiyn(40) - call_tiyn(5)
    answer = await second.update(5, half)
    await stage.step("server", f"grants the second call {granted(answer)} s", "bold green")
    await cast.books(msisdn, 14)
    rest = min(seconds_for(left, after=5), 30)
    stage.expect("it is granted the rest", rest, granted(answer))
    answer = await second.end(rest)
    spent = (await cast.desk.balance(msisdn)).spent
    cost = call_tiyn(40) + call_tiyn(5 + rest)
    stage.expect("spent by both", money(cost * TIYN), money(spent))
    stage.expect("nothing stays reserved", 0, (await cast.desk.balance(msisdn)).reserved)


async def a_conference_falls(cast: Cast) -> None:
    """Three legs, one payer."""
    stage = cast.stage
    stage.scene(
        "A conference is paid by who called it, and falls as one",
        "20.00 tenge, three legs under one correlation id, 11.00 a minute each. When the money ends on\n"
        "one leg, the server asks the others for a report, and the bridge ends all of them.",
    )
    half = Units(time=30)
    msisdn = await cast.subscriber(20)
    correlation = f"{cast.run};conference".encode()
    legs = [cast.call(msisdn, f"leg{number}", correlation) for number in (1, 2, 3)]
    grants = [granted(await leg.start(half)) for leg in legs]
    await stage.step("server", f"grants the legs {grants} s")
    await cast.books(msisdn, 20)
    stage.expect("each leg is granted", [30, 30, 30], grants)
    held = (await cast.desk.balance(msisdn)).reserved
    stage.expect("reserved for all", money(3 * call_tiyn(30) * TIYN), money(held))
    await stage.use(30, 30, "s of each leg")
    answer = await legs[0].update(30, half)
    last = seconds_for(2000 - 3 * call_tiyn(30), after=30)
    stage.expect("the first leg is granted what nobody holds", last, granted(answer))
    stage.expect("it is final", True, is_final(answer))
    asked = await cast.pushes(*legs[1:])
    await stage.step("server", "asks the other legs to report", "bold red")
    stage.expect("Re-Auth-Requests for both", [RAR, RAR], list(asked.values()))
    codes = [(await leg.update(30, half)).result_code for leg in legs[1:]]
    stage.expect("they get no more", [4012, 4012], codes)
    await stage.step("switch", "ends the conference: no leg talks on without the others")
    for leg in legs:
        stage.expect("the end of a leg is accepted", 2001, (await leg.end(0)).result_code)
    await cast.books(msisdn, 20)
    rest = await cast.desk.balance(msisdn)
    spent = 3 * call_tiyn(30)
    stage.expect("three legs were paid", money(spent * TIYN), money(rest.spent))
    stage.expect("left", money((2000 - spent) * TIYN), money(rest.available))
    stage.expect("nothing stays reserved", 0, rest.reserved)
