"""What every scene works with: the desk, sessions and events as their clients see them, and arithmetic.

A scene computes what must come by its own arithmetic, in whole tiyn and exact fractions; nothing here
asks the server's rating.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Protocol

from ocs.books import Balance, LedgerEntry, OpenSession, PostOutcome
from ocs.demo.client import DiameterClient
from ocs.demo.stage import Stage
from ocs.diameter.client_messages import Answer
from ocs.diameter.credit_control import CCR, EVENT_REQUEST, MSCC, USU, MSCCAnswer, Units
from ocs.model import MICROS, Micros, Subscriber

VOICE, DATA = "32260@3gpp.org", "32251@3gpp.org"
SMS, MMS = "32274@3gpp.org", "32270@3gpp.org"
#: A platform that sells content under a domain of its own (RFC 8506, 8.42).
VAS = "vas@ocs.example"
DIRECT_DEBITING, REFUND_ACCOUNT, CHECK_BALANCE, PRICE_ENQUIRY = 0, 1, 2, 3
ON_NET, OFF_NET = "tel:+77012223344", "tel:+77051234567"
#: Home and a foreign network (MCC-MNC).
HOME_PLMN, VISITED_PLMN = "40102", "25001"
KILOBYTE, MEGABYTE = 1024, 1024 * 1024
TIYN = 10_000  # micros
PUSH_SECONDS = 10.0
#: Published prices in tiyn, of the tariff "conversations" unless the name says another.
CALL_TIYN, DATA_TIYN = Fraction(1100, 60), Fraction(2000, 1024)
SMS_TIYN, VAS_TIYN = 1200, 3000
MMS_TIYN = 700  # "time-to-talk"
HOME_TIYN, VISITED_TIYN = Fraction(2016, 1024), Fraction(5900, 1024)  # "ktz-1500"


class Desk(Protocol):
    """What the operator does in the scenes."""

    async def add(
        self, msisdn: str, *, tariff: str | None = None, balance: Micros
    ) -> Subscriber: ...
    async def remove(self, msisdn: str) -> None: ...
    async def topup(self, msisdn: str, amount: Micros) -> PostOutcome: ...
    async def balance(self, msisdn: str) -> Balance: ...
    async def statement(self, msisdn: str) -> list[LedgerEntry]: ...
    async def sessions(self) -> list[OpenSession]: ...
    async def cut(self, session_id: bytes) -> str: ...


# --- arithmetic -----------------------------------------------------------------------------------


def rounded(tiyn: Fraction) -> int:
    """Half up, to a whole tiyn."""
    return floor(tiyn + Fraction(1, 2))


def call_tiyn(seconds: int) -> int:
    """What so many seconds of the call cost."""
    return rounded(seconds * CALL_TIYN)


def data_tiyn(size: int, price: Fraction = DATA_TIYN) -> int:
    """What so many octets cost: begun kilobytes."""
    return rounded(ceil(Fraction(size, KILOBYTE)) * price)


def seconds_for(tiyn: int, after: int = 0) -> int:
    """The longest stretch of a call that this much pays, `after` seconds that are paid already."""
    seconds = 0
    while call_tiyn(after + seconds + 1) - call_tiyn(after) <= tiyn:
        seconds += 1
    return seconds


def kilobytes_for(tiyn: int, price: Fraction = DATA_TIYN) -> int:
    """The most data that this much pays."""
    kilobytes = int(tiyn / price)
    while data_tiyn((kilobytes + 1) * KILOBYTE, price) <= tiyn:
        kilobytes += 1
    while data_tiyn(kilobytes * KILOBYTE, price) > tiyn:
        kilobytes -= 1
    return kilobytes


# --- clients --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Session:
    """A charging session as its client sees it."""

    client: DiameterClient
    msisdn: str
    name: str
    context: str
    group: int
    number: int = 0
    correlation_id: bytes = b""
    plmn: str | None = None
    #: The demonstration's own clock, UTC seconds: usage runs faster than ours, and says so.
    now: int = field(default_factory=lambda: int(time.time()))

    @property
    def session_id(self) -> bytes:
        """The Session-Id."""
        return f"{self.client.local.origin_host};{self.name}".encode()

    def ccr(
        self,
        kind: int,
        used: int | None,
        ask: Units | None,
        services: Sequence[MSCC] | None = None,
    ) -> CCR:
        """The next request: report `used`, ask for more; or with `services` of one's own."""
        is_voice = self.context == VOICE
        if is_voice:
            self.now += used or 0
        report = Units(time=used) if is_voice else Units(total_octets=used)
        mscc = MSCC(self.group, (), ask, () if used is None else (USU(report),))
        made = CCR(
            hop_by_hop=0,
            end_to_end=self.client.next_id(),
            flags=0,
            session_id=self.session_id,
            origin_host=self.client.local.origin_host,
            origin_realm=self.client.local.origin_realm,
            destination_realm=self.client.destination_realm,
            destination_host=None,
            service_context_id=self.context,
            request_type=kind,
            request_number=self.number,
            event_timestamp=self.now,
            subscription_ids=((0, self.msisdn),),
            mscc=(mscc,) if services is None else tuple(services),
            correlation_id=self.correlation_id,
            calling=(f"tel:+{self.msisdn}",) if is_voice else (),
            called=OFF_NET if is_voice else None,
            role_of_node=0 if is_voice else None,
            apn=None if is_voice else "internet",
            serving_plmn=self.plmn,
        )
        self.number += 1
        return made

    async def start(self, ask: Units | None = None) -> Answer:
        """CCR-I."""
        return await self.client.send(self.ccr(1, None, ask or Units()))

    async def update(self, used: int | None, ask: Units | None = None) -> Answer:
        """CCR-U."""
        return await self.client.send(self.ccr(2, used, ask or Units()))

    async def report(self, used: int) -> Answer:
        """CCR-U that wants nothing more: the final units are used up (RFC 8506, 5.6.2)."""
        return await self.client.send(self.ccr(2, used, None))

    async def end(self, used: int | None) -> Answer:
        """CCR-T."""
        return await self.client.send(self.ccr(3, used, None))


@dataclass(slots=True)
class Platform:
    """A platform that charges one subscriber for events, each under a Session-Id of its own."""

    client: DiameterClient
    msisdn: str
    name: str
    context: str
    services: tuple[int, ...] = ()
    recipients: tuple[str, ...] = ()
    sent: int = 0

    async def event(self, action: int, units: int = 1, token: bytes = b"") -> Answer:
        """CCR-E."""
        self.sent += 1
        host = self.client.local.origin_host
        made = CCR(
            hop_by_hop=0,
            end_to_end=self.client.next_id(),
            flags=0,
            session_id=f"{host};{self.name};{self.sent}".encode(),
            origin_host=host,
            origin_realm=self.client.local.origin_realm,
            destination_realm=self.client.destination_realm,
            destination_host=None,
            service_context_id=self.context,
            request_type=EVENT_REQUEST,
            request_number=0,
            subscription_ids=((0, self.msisdn),),
            requested_action=action,
            mscc=(MSCC(None, self.services, Units(specific=units), refund_information=token),),
            recipients=self.recipients,
            originator=self.msisdn if self.recipients else None,
        )
        return await self.client.send(made)

    async def debit(self, units: int = 1) -> Answer:
        """DIRECT_DEBITING."""
        return await self.event(DIRECT_DEBITING, units)

    async def refund(self, debited: Answer, units: int = 1) -> Answer:
        """REFUND_ACCOUNT of what an answer said was debited."""
        return await self.event(REFUND_ACCOUNT, units, service(debited).refund_information)


# --- reading answers --------------------------------------------------------------------------------


def service(answer: Answer) -> MSCCAnswer:
    """The one service of an answer, or one that grants nothing."""
    return answer.mscc[0] if answer.mscc else MSCCAnswer(None, (), answer.result_code)


def units_of(mscc: MSCCAnswer) -> int:
    """Units granted to one service, 0 without a grant."""
    gsu = mscc.gsu
    return 0 if gsu is None else gsu.time or gsu.total_octets or gsu.specific or 0


def granted(answer: Answer) -> int:
    """Units granted, 0 without a grant."""
    return units_of(service(answer))


def is_final(answer: Answer) -> bool:
    """Whether a final unit was announced."""
    return service(answer).final_unit is not None


# --- the cast -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Cast:
    """Who plays."""

    stage: Stage
    desk: Desk
    switch: DiameterClient
    ggsn: DiameterClient
    numbers: "itertools.count[int]"
    run: str
    added: list[str] = field(default_factory=list)

    async def subscriber(self, tenge: int, tiyn: int = 0, tariff: str | None = None) -> str:
        """A fresh subscriber with so much money."""
        msisdn = str(next(self.numbers))
        opening = Micros(tenge * MICROS + tiyn * TIYN)
        await self.desk.add(msisdn, tariff=tariff, balance=opening)
        self.added.append(msisdn)
        await self.stage.step("desk", f"adds {msisdn} with {tenge}.{tiyn:02d} tenge")
        return msisdn

    async def leave(self) -> None:
        """Pay out what is left and remove the subscribers of the demonstration."""
        for msisdn in self.added:
            rest = (await self.desk.balance(msisdn)).available
            if rest:
                await self.desk.topup(msisdn, Micros(-rest))
            await self.desk.remove(msisdn)

    async def pushes(self, *sessions: Session) -> dict[bytes, int]:
        """The command that the server sent for each of these sessions, as they come; others are not
        of this scene."""
        found: dict[bytes, int] = {}
        async with asyncio.timeout(PUSH_SECONDS):
            while any(each.session_id not in found for each in sessions):
                pushed = await sessions[0].client.pushed.get()
                found[pushed.session_id] = pushed.command
        return {each.session_id: found[each.session_id] for each in sessions}

    async def push(self, session: Session) -> int:
        """The command that the server sends for this session."""
        return (await self.pushes(session))[session.session_id]

    async def books(self, msisdn: str, start: int) -> None:
        """Ledger and balance after a step."""
        self.stage.ledger(await self.desk.statement(msisdn))
        self.stage.balance(await self.desk.balance(msisdn), start * MICROS)

    def call(self, msisdn: str, name: str, correlation_id: bytes = b"") -> Session:
        """A call to another network."""
        named = f"{self.run};{name}"
        return Session(self.switch, msisdn, named, VOICE, 100, correlation_id=correlation_id)

    def data(self, msisdn: str, name: str, group: int = 10, plmn: str | None = None) -> Session:
        """A data connection."""
        return Session(self.ggsn, msisdn, f"{self.run};{name}", DATA, group, plmn=plmn)

    def platform(
        self, msisdn: str, name: str, context: str, services: tuple[int, ...], *recipients: str
    ) -> Platform:
        """A platform that charges for messages or content."""
        named = f"{self.run};{name}"
        return Platform(self.switch, msisdn, named, context, services, recipients)
