"""Scenes of data: topped up in mid-flight, beside a call, two rating groups, abroad, redirected."""

from ocs.demo.cast import (
    HOME_PLMN,
    HOME_TIYN,
    KILOBYTE,
    MEGABYTE,
    TIYN,
    VISITED_PLMN,
    VISITED_TIYN,
    Cast,
    call_tiyn,
    data_tiyn,
    granted,
    is_final,
    kilobytes_for,
    service,
    units_of,
)
from ocs.demo.stage import money
from ocs.diameter.credit_control import MSCC, USU, Units
from ocs.diameter.framing import RAR
from ocs.model import MICROS, Micros

REDIRECT = 1  # Final-Unit-Action
#: The rating group whose customers are sent to a page when the money ends (config/ocs.toml).
REDIRECTED_GROUP = 30


async def data_is_topped_up(cast: Cast) -> None:
    """A final unit, a top-up, a Re-Auth-Request, and on it goes."""
    stage = cast.stage
    stage.scene(
        "A data session is topped up in mid-flight",
        "3.00 tenge, 20.00 a megabyte. The quota is announced final; a top-up makes the server ask the\n"
        "GGSN to come back (Re-Auth-Request), and the session goes on.",
    )
    msisdn = await cast.subscriber(3)
    session = cast.data(msisdn, "data")
    answer = await session.start()
    first = granted(answer)
    await stage.step("server", f"grants {first // KILOBYTE} KB, the final unit", "bold red")
    await cast.books(msisdn, 3)
    stage.expect("kilobytes for 3.00 tenge", kilobytes_for(300), first // KILOBYTE)
    stage.expect("the grant is final", True, is_final(answer))
    used = 100 * KILOBYTE
    await stage.use(used // KILOBYTE, first // KILOBYTE, "KB")
    await cast.desk.topup(msisdn, Micros(300 * MICROS))
    await stage.step("desk", "tops up 300.00 tenge", "bold green")
    pushed = await cast.push(session)
    await stage.step("server", "sends a Re-Auth-Request to the GGSN, which comes back")
    stage.expect("a Re-Auth-Request came", RAR, pushed)
    answer = await session.update(used)
    more = granted(answer)
    await stage.step("server", f"grants {more // KILOBYTE} KB, no longer final", "bold green")
    await cast.books(msisdn, 303)
    spent = (await cast.desk.balance(msisdn)).spent
    stage.expect("spent for 100 KB", money(data_tiyn(used) * TIYN), money(spent))
    stage.expect("kilobytes of the new grant", 10 * MEGABYTE // KILOBYTE, more // KILOBYTE)
    stage.expect("it is not final", False, is_final(answer))
    used_more = 512 * KILOBYTE
    await stage.use(used_more // KILOBYTE, more // KILOBYTE, "KB")
    answer = await session.end(used_more)
    await stage.step("ggsn", "ends the session")
    await cast.books(msisdn, 303)
    cost = data_tiyn(used + used_more)
    rest = await cast.desk.balance(msisdn)
    stage.expect("cost of 612 KB in all", money(cost * TIYN), money(rest.spent))
    stage.expect("left", money((30300 - cost) * TIYN), money(rest.available))


async def two_sessions_share(cast: Cast) -> None:
    """What one holds, the other cannot get."""
    stage = cast.stage
    stage.scene(
        "A second session of the same account gets what is left",
        "20.00 tenge: a call holds its minute, so a data session is granted the rest and no more.",
    )
    msisdn = await cast.subscriber(20)
    call, data = cast.call(msisdn, "both;call"), cast.data(msisdn, "both;data")
    answer = await call.start(Units(time=60))
    await stage.step("server", f"grants the call {granted(answer)} s")
    await cast.books(msisdn, 20)
    held = call_tiyn(60)
    answer = await data.start()
    quota = granted(answer)
    await stage.step("server", f"grants the data session {quota // KILOBYTE} KB, the final unit")
    await cast.books(msisdn, 20)
    stage.expect("kilobytes for what is left", kilobytes_for(2000 - held), quota // KILOBYTE)
    stage.expect("and final", True, is_final(answer))
    both = await cast.desk.balance(msisdn)
    held += data_tiyn(quota)
    stage.expect("reserved by both", money(held * TIYN), money(both.reserved))
    answer = await call.update(60, Units(time=60))
    await stage.step(
        "server", f"refuses the call a second minute: {answer.result_code}", "bold red"
    )
    stage.expect("the call gets no more", 4012, answer.result_code)
    answer = await data.end(quota)
    await cast.books(msisdn, 20)
    rest = await cast.desk.balance(msisdn)
    stage.expect("spent", money((call_tiyn(60) + data_tiyn(quota)) * TIYN), money(rest.spent))
    stage.expect(
        "nothing was overspent or stays reserved", (True, 0), (rest.available >= 0, rest.reserved)
    )


async def two_rating_groups(cast: Cast) -> None:
    """Each its own quota, one account."""
    stage = cast.stage
    stage.scene(
        "Data in two rating groups",
        "300.00 tenge, 20.00 a megabyte. Both are asked for in one request; each gets a quota and a\n"
        "result of its own, and together they never hold more than the account has.",
    )
    msisdn = await cast.subscriber(300)
    session = cast.data(msisdn, "groups")

    async def ask(kind: int, *used: tuple[int, int | None]) -> dict[int | None, int]:
        """Report megabytes by group, and ask again but for a last time."""
        wish = None if kind == 3 else Units()
        services = [
            MSCC(
                group,
                (),
                wish,
                () if size is None else (USU(Units(total_octets=size * MEGABYTE)),),
            )
            for group, size in used
        ]
        answer = await cast.ggsn.send(session.ccr(kind, None, None, services))
        stage.expect("Result-Codes", [2001] * len(used), [one.result_code for one in answer.mscc])
        return {one.rating_group: units_of(one) // KILOBYTE for one in answer.mscc}

    grants = await ask(1, (10, None), (20, None))
    await stage.step("server", f"grants by rating group: {grants} KB")
    await cast.books(msisdn, 300)
    first = 10 * MEGABYTE
    rest = kilobytes_for(30_000 - data_tiyn(first))
    stage.expect("quota of both", {10: first // KILOBYTE, 20: rest}, grants)
    grants = await ask(2, (10, 4))
    await stage.step("server", f"debits 4 MB of group 10 and grants {grants} KB")
    await cast.books(msisdn, 300)
    # What group 20 holds stays its own.
    rest = kilobytes_for(30_000 - data_tiyn(4 * MEGABYTE) - data_tiyn(rest * KILOBYTE))
    stage.expect("the first gets what the second does not hold", {10: rest}, grants)
    await ask(3, (10, 1), (20, 1))
    await stage.step("ggsn", "ends the session: 1 MB more of each")
    await cast.books(msisdn, 300)
    cost = data_tiyn(5 * MEGABYTE) + data_tiyn(MEGABYTE)
    balance = await cast.desk.balance(msisdn)
    stage.expect("cost of 5 MB and 1 MB", money(cost * TIYN), money(balance.spent))
    stage.expect("nothing stays reserved", 0, balance.reserved)


async def data_abroad(cast: Cast) -> None:
    """The network says where the subscriber is; the price follows."""
    stage = cast.stage
    stage.scene(
        "Data at home and abroad",
        "100.00 tenge. A megabyte costs 20.16 at home and 59.00 in a visited network, which the\n"
        "gateway names (3GPP-SGSN-MCC-MNC); it opens a session for each.",
    )
    msisdn = await cast.subscriber(100, tariff="ktz-1500")
    used, left = 600 * KILOBYTE, 10_000
    for place, plmn, price in (
        ("abroad", VISITED_PLMN, VISITED_TIYN),
        ("home", HOME_PLMN, HOME_TIYN),
    ):
        session = cast.data(msisdn, place, plmn=plmn)
        answer = await session.start()
        quota = granted(answer)
        await stage.step("server", f"{place} ({plmn}): grants {quota // KILOBYTE} KB")
        await cast.books(msisdn, 100)
        paid = min(kilobytes_for(left, price), 10 * MEGABYTE // KILOBYTE)
        stage.expect(f"kilobytes for {left / 100:.2f} {place}", paid, quota // KILOBYTE)
        await stage.use(used // KILOBYTE, quota // KILOBYTE, "KB")
        answer = await session.end(used)
        cost = data_tiyn(used, price)
        stage.expect(f"cost of 600 KB {place}", (cost, -2, 398), answer.cost)
        left -= cost
    balance = await cast.desk.balance(msisdn)
    await cast.books(msisdn, 100)
    stage.expect("left", money(left * TIYN), money(balance.available))
    stage.expect("nothing stays reserved", 0, balance.reserved)


async def a_subscriber_is_redirected(cast: Cast) -> None:
    """No money, a page to pay at, money, and on it goes (RFC 8506, 5.6.2)."""
    stage = cast.stage
    stage.scene(
        "A subscriber without money is redirected, pays and surfs on",
        "10.00 tenge, 20.00 a megabyte. After the final unit the gateway leads the subscriber to a\n"
        "page; the top-up makes the server ask it to come back, and the redirection ends.",
    )
    msisdn = await cast.subscriber(10)
    session = cast.data(msisdn, "redirect", REDIRECTED_GROUP)
    answer = await session.start()
    quota = granted(answer)
    final = service(answer).final_unit
    where = final.redirect_address if final else ""
    await stage.step("server", f"grants {quota // KILOBYTE} KB, then {where}", "bold red")
    await cast.books(msisdn, 10)
    stage.expect("kilobytes for 10.00", kilobytes_for(1000), quota // KILOBYTE)
    stage.expect("the action is REDIRECT", REDIRECT, final.action if final else None)
    stage.expect("to an address", True, where.startswith("http"))
    await stage.use(quota // KILOBYTE, quota // KILOBYTE, "KB")
    answer = await session.report(quota)
    mscc = service(answer)
    await stage.step("ggsn", "redirects the subscriber, and reports the final unit as used")
    await cast.books(msisdn, 10)
    stage.expect("the report is accepted", (2001, 2001), (answer.result_code, mscc.result_code))
    stage.expect("nothing is granted, nothing reserved", None, mscc.gsu)
    stage.expect("the redirection has an end", True, bool(mscc.validity_seconds))
    await cast.desk.topup(msisdn, Micros(300 * MICROS))
    await stage.step("desk", "tops up 300.00 tenge", "bold green")
    stage.expect("a Re-Auth-Request came", RAR, await cast.push(session))
    answer = await session.update(None)
    await stage.step("server", f"grants {granted(answer) // KILOBYTE} KB", "bold green")
    await cast.books(msisdn, 310)
    stage.expect("quota as for anybody", 10 * MEGABYTE, granted(answer))
    stage.expect("not final", False, is_final(answer))
    await session.end(MEGABYTE)
    cost = data_tiyn(quota + MEGABYTE)
    balance = await cast.desk.balance(msisdn)
    stage.expect("cost in all", money(cost * TIYN), money(balance.spent))
    stage.expect("left", money((31_000 - cost) * TIYN), money(balance.available))
