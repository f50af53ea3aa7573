"""The scenes: a call cut at zero, data topped up in mid-flight, two sessions of one account, a repeat,
a cut by the operator. Each computes what must come by its own arithmetic and compares.
"""

import asyncio
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor
from typing import Protocol

from ocs.demo.client import DiameterClient
from ocs.demo.stage import Stage, money
from ocs.diameter.client_messages import Answer
from ocs.diameter.credit_control import CCR, MSCC, USU, MSCCAnswer, Units
from ocs.diameter.framing import ASR, RAR
from ocs.model import MICROS, Balance, LedgerEntry, Micros, OpenSession, PostOutcome, Subscriber

VOICE, DATA = "32260@3gpp.org", "32251@3gpp.org"
OFF_NET = "tel:+77051234567"
#: The published prices of the tariff "conversations", in tiyn: 11.00 a minute, 20.00 a megabyte.
CALL_TIYN, DATA_TIYN = Fraction(1100, 60), Fraction(2000, 1024)
KILOBYTE, MEGABYTE = 1024, 1024 * 1024
PUSH_SECONDS = 10.0


class Desk(Protocol):
    """What the operator does in the scenes."""

    async def add(self, msisdn: str, *, balance: Micros) -> Subscriber: ...
    async def remove(self, msisdn: str) -> None: ...
    async def topup(self, msisdn: str, amount: Micros) -> PostOutcome: ...
    async def balance(self, msisdn: str) -> Balance: ...
    async def statement(self, msisdn: str) -> list[LedgerEntry]: ...
    async def sessions(self) -> list[OpenSession]: ...
    async def cut(self, session_id: bytes) -> str: ...


def rounded(tiyn: Fraction) -> int:
    """Half up, to a whole tiyn."""
    return floor(tiyn + Fraction(1, 2))


def call_tiyn(seconds: int) -> int:
    """What so many seconds of the call cost."""
    return rounded(seconds * CALL_TIYN)


def data_tiyn(size: int) -> int:
    """What so many octets cost: begun kilobytes."""
    return rounded(ceil(Fraction(size, KILOBYTE)) * DATA_TIYN)


def seconds_for(tiyn: int) -> int:
    """The longest call that this much pays."""
    seconds = 0
    while call_tiyn(seconds + 1) <= tiyn:
        seconds += 1
    return seconds


def kilobytes_for(tiyn: int) -> int:
    """The most data that this much pays."""
    kilobytes = int(tiyn / DATA_TIYN)
    while data_tiyn((kilobytes + 1) * KILOBYTE) <= tiyn:
        kilobytes += 1
    while data_tiyn(kilobytes * KILOBYTE) > tiyn:
        kilobytes -= 1
    return kilobytes


@dataclass(slots=True)
class Session:
    """A charging session as its client sees it."""

    client: DiameterClient
    msisdn: str
    name: str
    context: str
    group: int
    number: int = 0

    def ccr(self, kind: int, used: int | None, ask: Units | None) -> CCR:
        """The next request: report `used`, ask for more."""
        is_voice = self.context == VOICE
        report = Units(time=used) if is_voice else Units(total_octets=used)
        mscc = MSCC(self.group, (), ask, () if used is None else (USU(report),))
        made = CCR(
            hop_by_hop=0,
            end_to_end=self.client.next_id(),
            flags=0,
            session_id=f"{self.client.local.origin_host};{self.name}".encode(),
            origin_host=self.client.local.origin_host,
            origin_realm=self.client.local.origin_realm,
            destination_realm=self.client.destination_realm,
            destination_host=None,
            service_context_id=self.context,
            request_type=kind,
            request_number=self.number,
            subscription_ids=((0, self.msisdn),),
            mscc=(mscc,),
            calling=(f"tel:+{self.msisdn}",) if is_voice else (),
            called=OFF_NET if is_voice else None,
            role_of_node=0 if is_voice else None,
            apn=None if is_voice else "internet",
        )
        self.number += 1
        return made

    async def start(self, ask: Units | None = None) -> Answer:
        """CCR-I."""
        return await self.client.send(self.ccr(1, None, ask or Units()))

    async def update(self, used: int | None, ask: Units | None = None) -> Answer:
        """CCR-U."""
        return await self.client.send(self.ccr(2, used, ask or Units()))

    async def end(self, used: int | None) -> Answer:
        """CCR-T."""
        return await self.client.send(self.ccr(3, used, None))


def service(answer: Answer) -> MSCCAnswer:
    """The one service of an answer, or one that grants nothing."""
    return answer.mscc[0] if answer.mscc else MSCCAnswer(None, (), answer.result_code)


def granted(answer: Answer) -> int:
    """Units granted, 0 without a grant."""
    gsu = service(answer).gsu
    return 0 if gsu is None else gsu.time or gsu.total_octets or 0


def is_final(answer: Answer) -> bool:
    """Whether a final unit was announced."""
    return service(answer).final_unit is not None


@dataclass(slots=True)
class Cast:
    """Who plays."""

    stage: Stage
    desk: Desk
    switch: DiameterClient
    ggsn: DiameterClient
    numbers: list[str]
    run: str
    added: list[str] = field(default_factory=list)

    async def subscriber(self, tenge: int) -> str:
        """A fresh subscriber with so much money."""
        msisdn = self.numbers.pop()
        self.added.append(msisdn)
        await self.desk.add(msisdn, balance=Micros(tenge * MICROS))
        await self.stage.step("desk", f"adds {msisdn} with {tenge}.00 tenge")
        return msisdn

    async def leave(self) -> None:
        """Pay out what is left and remove the subscribers of the demonstration."""
        for msisdn in self.added:
            rest = (await self.desk.balance(msisdn)).available
            if rest:
                await self.desk.topup(msisdn, Micros(-rest))
            await self.desk.remove(msisdn)

    async def books(self, msisdn: str, start: int) -> None:
        """Ledger and balance after a step."""
        self.stage.ledger(await self.desk.statement(msisdn))
        self.stage.balance(await self.desk.balance(msisdn), start * MICROS)

    def call(self, msisdn: str, name: str) -> Session:
        """A call to another network."""
        return Session(self.switch, msisdn, f"{self.run};{name}", VOICE, 100)

    def data(self, msisdn: str, name: str) -> Session:
        """A data connection."""
        return Session(self.ggsn, msisdn, f"{self.run};{name}", DATA, 10)


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
    stage.expect("cost", money(call_tiyn(talked) * 10_000), money(spent))
    stage.expect("Cost-Information", (call_tiyn(talked), -2, 398), answer.cost)
    rest = await cast.desk.balance(msisdn)
    stage.expect("left", money(30 * MICROS - call_tiyn(talked) * 10_000), money(rest.available))
    stage.expect("nothing stays reserved", 0, rest.reserved)


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
    pushed = await asyncio.wait_for(cast.ggsn.pushed.get(), PUSH_SECONDS)
    await stage.step("server", "sends a Re-Auth-Request to the GGSN, which comes back")
    stage.expect("a Re-Auth-Request came", RAR, pushed.command)
    answer = await session.update(used)
    more = granted(answer)
    await stage.step("server", f"grants {more // KILOBYTE} KB, no longer final", "bold green")
    await cast.books(msisdn, 303)
    spent = (await cast.desk.balance(msisdn)).spent
    stage.expect("spent for 100 KB", money(data_tiyn(used) * 10_000), money(spent))
    stage.expect("kilobytes of the new grant", 10 * MEGABYTE // KILOBYTE, more // KILOBYTE)
    stage.expect("it is not final", False, is_final(answer))
    used_more = 512 * KILOBYTE
    await stage.use(used_more // KILOBYTE, more // KILOBYTE, "KB")
    answer = await session.end(used_more)
    await stage.step("ggsn", "ends the session")
    await cast.books(msisdn, 303)
    cost = data_tiyn(used + used_more)
    rest = await cast.desk.balance(msisdn)
    stage.expect("cost of 612 KB in all", money(cost * 10_000), money(rest.spent))
    stage.expect("left", money((30300 - cost) * 10_000), money(rest.available))


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
    stage.expect("reserved by both", money(held * 10_000), money(both.reserved))
    answer = await call.update(60, Units(time=60))
    await stage.step(
        "server", f"refuses the call a second minute: {answer.result_code}", "bold red"
    )
    stage.expect("the call gets no more", 4012, answer.result_code)
    answer = await data.end(quota)
    await cast.books(msisdn, 20)
    rest = await cast.desk.balance(msisdn)
    stage.expect("spent", money((call_tiyn(60) + data_tiyn(quota)) * 10_000), money(rest.spent))
    stage.expect(
        "nothing was overspent or stays reserved", (True, 0), (rest.available >= 0, rest.reserved)
    )


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
    stage.expect("one minute was spent", money(call_tiyn(60) * 10_000), money(rest.spent))
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
    pushed = await asyncio.wait_for(cast.switch.pushed.get(), PUSH_SECONDS)
    await stage.step(
        "server", f"sends an Abort-Session-Request; the switch says: {said}", "bold red"
    )
    stage.expect("an Abort-Session-Request came", ASR, pushed.command)
    stage.expect("the switch agreed", "ended", said)
    await session.end(12)
    await cast.books(msisdn, 100)
    rest = await cast.desk.balance(msisdn)
    stage.expect("12 s were paid", money(call_tiyn(12) * 10_000), money(rest.spent))
    stage.expect("the rest came back", 0, rest.reserved)


SCENES = (
    a_call_is_cut,
    data_is_topped_up,
    two_sessions_share,
    a_repeat_is_charged_once,
    the_operator_cuts,
)
