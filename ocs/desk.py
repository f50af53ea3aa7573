"""What people do with subscribers and money: add, top up, read a statement, cut a session.

The commands and the demonstration are faces of this one class. Each change goes through the ledger's
functions and leaves an entry with its actor. Exceptions:

    DeskError            a sentence for the person who asked; nothing was changed
"""

import secrets
from collections.abc import Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ocs import inbox
from ocs.abmf.ledger import Ledger
from ocs.abmf.records import Records
from ocs.abmf.subscribers import IdentityTaken, Subscribers
from ocs.books import Balance, LedgerEntry, OpenSession, Posting, PostOutcome, PostStatus
from ocs.model import Identity, IdentityKind, Micros, Subscriber, SubscriberState
from ocs.rating.catalogue import Catalogue

MSISDN_DIGITS = range(5, 16)  # E.164: 15 at most
IMSI_DIGITS = range(14, 16)
#: The client has 10 s to answer (Tx), the worker a little more to say so.
ASR_WAIT_SECONDS = 12.0

CHANGED = "somebody else changed this subscriber just now; look again"
POST_REFUSALS = {
    PostStatus.MISMATCH: "this key was used before for another movement",
    PostStatus.INSUFFICIENT: "the account has less than that",
    PostStatus.UNKNOWN_ACCOUNT: "the account does not exist",
    PostStatus.LIMIT: "the balance would pass the largest amount an account can hold",
}

NOTHING = Micros(0)

log = structlog.get_logger()


class DeskError(Exception):
    """Refused, with the sentence a person reads."""


class Desk:
    """Subscribers, money and sessions, as an operator's people handle them."""

    def __init__(
        self,
        client: Redis,
        ledger: Ledger,
        subscribers: Subscribers,
        records: Records,
        catalogue: Catalogue,
        default_tariff: str,
        actor: str,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._subscribers = subscribers
        self._records = records
        self._catalogue = catalogue
        self._default_tariff = default_tariff
        self._actor = actor

    async def add(
        self,
        msisdn: str,
        *,
        imsi: str | None = None,
        tariff: str | None = None,
        balance: Micros = NOTHING,
        state: SubscriberState = SubscriberState.ACTIVE,
    ) -> Subscriber:
        """Create a subscriber, with an opening balance where one is given."""
        identities = [Identity(IdentityKind.E164, digits(msisdn, MSISDN_DIGITS, "an MSISDN"))]
        if imsi is not None:
            identities.append(Identity(IdentityKind.IMSI, digits(imsi, IMSI_DIGITS, "an IMSI")))
        tariff = tariff or self._default_tariff
        self._check_tariff(tariff)
        check_state(state)
        if balance < 0:
            raise DeskError("a prepaid balance cannot be below zero")
        try:
            subscriber = await self._subscribers.create(tuple(identities), tariff, state)
        except IdentityTaken as taken:
            raise DeskError(f"{taken} belongs to another subscriber already") from taken
        if balance:
            await self._post(subscriber, balance, "topup", "opening balance", None)
        return subscriber

    async def find(self, msisdn: str) -> Subscriber:
        """The subscriber with this MSISDN; a DeskError when there is none."""
        identity = Identity(IdentityKind.E164, digits(msisdn, MSISDN_DIGITS, "an MSISDN"))
        subscriber = await self._subscribers.find((identity,))
        if subscriber is None:
            raise DeskError(f"no subscriber has the number {msisdn}")
        return await self._subscribers.refresh(subscriber)

    async def everybody(self) -> list[Subscriber]:
        """Every subscriber, ordered by number."""
        found = [each async for each in self._subscribers.all_subscribers()]
        return sorted(found, key=lambda each: each.identity(IdentityKind.E164) or "")

    async def change(
        self, msisdn: str, *, tariff: str | None = None, state: SubscriberState | None = None
    ) -> Subscriber:
        """Another tariff or state. A subscriber who is barred has the open sessions aborted."""
        if state is not None:
            check_state(state)
        subscriber = await self.find(msisdn)
        if tariff is not None:
            self._check_tariff(tariff)
        changed = await self._subscribers.update(subscriber, tariff=tariff, state=state)
        if changed is None:
            raise DeskError(CHANGED)
        kind = inbox.RAR if changed.state is SubscriberState.ACTIVE else inbox.ASR
        await self._tell(await self._records.sessions_of(changed), kind)
        return changed

    async def remove(self, msisdn: str) -> None:
        """Forget the identities; refused while a session is open or money is left."""
        subscriber = await self.find(msisdn)
        if await self._records.sessions_of(subscriber):
            raise DeskError("a session is open: cut it first, or wait for its end")
        balance = await self._balance(subscriber)
        if balance.main:
            raise DeskError("money is left on the account: pay it out with a negative top-up first")
        if not await self._subscribers.remove(subscriber):
            raise DeskError(CHANGED)

    async def balance(self, msisdn: str) -> Balance:
        """The amounts of the subscriber's account."""
        return await self._balance(await self.find(msisdn))

    async def topup(self, msisdn: str, amount: Micros, key: str | None = None) -> PostOutcome:
        """Credit (or, negative, pay out) once per key; waiting sessions are re-authorised."""
        if amount == 0:
            raise DeskError("an amount other than 0 is needed")
        if key == "":
            raise DeskError("an empty key would not stop a second top-up: leave it out, or fill it")
        subscriber = await self.find(msisdn)
        kind, reason = ("topup", "top-up") if amount >= 0 else ("adjustment", "pay-out")
        return await self._post(subscriber, amount, kind, reason, key)

    async def statement(self, msisdn: str, limit: int = 50) -> list[LedgerEntry]:
        """The newest entries of the account, newest first."""
        subscriber = await self.find(msisdn)
        entries = await self._records.entries(subscriber.account_id, subscriber.partition, limit)
        return list(entries)

    async def sessions(self) -> list[OpenSession]:
        """Every open session."""
        return sorted(await self._records.open_sessions(), key=lambda each: each.started)

    async def cut(self, session_id: bytes) -> str:
        """End a session from our side; returns what the client said.

        Whatever it says, the session's next request is refused (RFC 6733, 8.5: it may decline).
        """
        session = await self._records.session(session_id)
        if session is None:
            raise DeskError("no such session is open")
        await self._ledger.expire(session, "cut")
        return await inbox.tell(self._client, session, inbox.ASR, wait=ASR_WAIT_SECONDS)

    async def _balance(self, subscriber: Subscriber) -> Balance:
        balance = await self._ledger.balance(subscriber.account_id, subscriber.partition)
        if balance is None:
            raise DeskError("the account does not exist")
        return balance

    async def _post(
        self, subscriber: Subscriber, amount: Micros, kind: str, reason: str, key: str | None
    ) -> PostOutcome:
        outcome = await self._ledger.post(
            Posting(
                account_id=subscriber.account_id,
                partition=subscriber.partition,
                key=key or secrets.token_hex(16),
                kind=kind,
                amount=amount,
                actor=self._actor,
                reason=reason,
            )
        )
        if outcome.status in POST_REFUSALS:
            raise DeskError(POST_REFUSALS[outcome.status])
        # Money came: sessions on a final unit or refused ask again (RFC 8506, 5.5).
        await self._tell(outcome.waiting, inbox.RAR)
        return outcome

    async def _tell(self, sessions: Sequence[OpenSession], kind: str) -> None:
        """Advise the clients. What was changed stays changed: it must not look as if it had failed."""
        try:
            for session in sessions:
                await inbox.tell(self._client, session, kind)
        except RedisError as error:
            log.warning("clients not told", kind=kind, error=str(error))

    def _check_tariff(self, tariff: str) -> None:
        if tariff not in self._catalogue.tariffs:
            known = ", ".join(sorted(self._catalogue.tariffs))
            raise DeskError(f"there is no tariff {tariff!r}; the catalogue has {known}")


def check_state(state: SubscriberState) -> None:
    """A terminated subscriber would keep the number, and nobody could find the subscriber again."""
    if state is SubscriberState.TERMINATED:
        raise DeskError("a subscriber is terminated by removing, which frees the number")


def digits(text: str, lengths: range, what: str) -> str:
    """`text` as plain digits; a DeskError when it is not `what`."""
    plain = text.removeprefix("+")
    if not (plain.isascii() and plain.isdigit() and len(plain) in lengths):
        raise DeskError(f"{text!r} is not {what}: {lengths[0]} to {lengths[-1]} digits expected")
    return plain
