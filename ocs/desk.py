"""What people do with subscribers and money: add, top up, read a statement, cut a session.

The commands and the demonstration are faces of this one class. Each change goes through the ledger's
functions and leaves an entry with its actor. Exceptions:

    DeskError            a sentence for the person who asked; nothing was changed
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ocs import inbox
from ocs.abmf.ledger import Ledger
from ocs.abmf.records import Records
from ocs.abmf.subscribers import IdentityTaken, Subscribers
from ocs.account.carry import Rule, carry_out, repeated
from ocs.account.holding import units_of
from ocs.account.life import activate
from ocs.account.money import after_topup, late_usage, lend, pay_out, topup
from ocs.account.purchase import begin_tariff, buy, change_tariff, drop, give, renew
from ocs.account.standing import Refused, Standing, terms_of
from ocs.books import Balance, LedgerEntry, OpenSession, Posting, PostOutcome, PostStatus
from ocs.model import (
    Identity,
    IdentityKind,
    Micros,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.catalogue import Catalogue
from ocs.vouchers import VoucherRefused, Vouchers

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
    PostStatus.STALE: CHANGED,
}

NOTHING = Micros(0)
VOUCHER = "voucher"
#: What is done with a product, by the id or number that was asked for, under a key.
ProductRule = Callable[[Standing, str, str], Posting]

log = structlog.get_logger()


class DeskError(Exception):
    """Refused, with the sentence a person reads."""


def utc_millis() -> UtcMillis:
    """The wall clock: rating time only, deadlines are the store's."""
    return UtcMillis(time.time_ns() // 1_000_000)


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
        clock: Callable[[], UtcMillis] = utc_millis,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._subscribers = subscribers
        self._records = records
        self._catalogue = catalogue
        self._default_tariff = default_tariff
        self._actor = actor
        self._clock = clock
        self._vouchers = Vouchers(client)

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
            await self._credited(subscriber, balance, new_key(), reason="opening balance")
        if state is SubscriberState.ACTIVE:
            key = f"begin:{subscriber.subscriber_id}"
            outcome = await self._carry(subscriber, lambda each: begin_tariff(each, key))
            subscriber = outcome.subscriber or subscriber if outcome is not None else subscriber
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
        if tariff is not None:
            self._check_tariff(tariff)
        changed = subscriber = await self.find(msisdn)
        if tariff is not None and tariff != subscriber.tariff:
            key = new_key()
            await self._carry(subscriber, lambda each: change_tariff(each, tariff, key))
            changed = await self.find(msisdn)
        if state is SubscriberState.ACTIVE and changed.state is SubscriberState.PREACTIVE:
            outcome = await self._carry(changed, activate)
            changed = (outcome.subscriber if outcome is not None else None) or changed
        elif state is not None:
            updated = await self._subscribers.update(changed, state=state)
            if updated is None:
                raise DeskError(CHANGED)
            changed = updated
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

    async def topup(
        self, msisdn: str, amount: Micros, key: str | None = None, channel: str = ""
    ) -> PostOutcome:
        """Credit (or, negative, pay out) once per key; what waited for money is paid, sessions that wait
        are re-authorised."""
        if amount == 0:
            raise DeskError("an amount other than 0 is needed")
        once = once_under(key)
        subscriber = await self.find(msisdn)
        if amount > 0:
            return await self._credited(subscriber, amount, once, channel)
        paid_out = pay_out(subscriber, -amount, once, self._actor)
        return accepted(await self._ledger.post(paid_out))

    async def units(self, msisdn: str) -> dict[str, str]:
        """What the other balances of the account are counted in, where that is known."""
        return units_of(await self.find(msisdn), self._catalogue.products)

    # --- products ---------------------------------------------------------------------------------

    async def products(self, msisdn: str) -> tuple[Subscriber, Balance]:
        """The subscriber with all products, and what is left of them."""
        subscriber = await self.find(msisdn)
        return subscriber, await self._balance(subscriber)

    async def buy(self, msisdn: str, product: str, key: str | None = None) -> PostOutcome:
        """An add-on, paid now."""
        return await self._once(msisdn, buy, "purchase", product, once_under(key))

    async def drop(self, msisdn: str, product: str, key: str | None = None) -> PostOutcome:
        """A product ends: by its number, or the newest of this id."""
        return await self._once(msisdn, drop, "drop", product, once_under(key))

    async def renew(self, msisdn: str, product: str, key: str | None = None) -> PostOutcome:
        """A product's next period begins now: its fee is taken again."""
        return await self._once(msisdn, renew, "renewal", product, once_under(key))

    async def advance(self, msisdn: str, product: str, key: str | None = None) -> PostOutcome:
        """Money lent, and owed from the next top-up, or to a day that was promised."""
        return await self._once(msisdn, lend, "advance", product, once_under(key))

    async def late_usage(self, msisdn: str, record: str, amount: Micros) -> PostOutcome:
        """Usage that a partner reports afterwards, once for each of its records."""
        once_under(record)
        return await self._changed(msisdn, lambda each: late_usage(each, record, amount))

    # --- vouchers ---------------------------------------------------------------------------------

    async def make_vouchers(
        self, count: int, value: Micros, batch: str, *, valid_days: int = 0, bonus: str = ""
    ) -> list[str]:
        """The codes of a new batch: they are shown this once."""
        if bonus and bonus not in self._catalogue.products:
            raise DeskError(f"there is no product {bonus!r} in the catalogue")
        try:
            return await self._vouchers.make(
                count, value, batch, valid_days=valid_days, bonus=bonus
            )
        except VoucherRefused as refused:
            raise DeskError(str(refused)) from refused

    async def redeem(self, msisdn: str, code: str) -> PostOutcome:
        """A voucher's money, once; whoever was interrupted may send the same code again."""
        subscriber = await self.find(msisdn)
        try:
            voucher = await self._vouchers.claim(code, subscriber.subscriber_id, self._clock())
        except VoucherRefused as refused:
            raise DeskError(str(refused)) from refused
        key = f"{VOUCHER}:{voucher.name}"
        outcome = done = await self._credited(
            subscriber, voucher.value, key, VOUCHER, valid_days=voucher.valid_days
        )
        if voucher.bonus:
            done = await self._once(msisdn, give, "gift", voucher.bonus, f"{key}:bonus")
        if done.status is PostStatus.REPLAYED:
            raise DeskError("this voucher was redeemed before")
        return outcome

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

    async def _changed(self, msisdn: str, rule: Rule) -> PostOutcome:
        """What a rule does to a subscriber; its sessions ask again with what holds now."""
        subscriber = await self.find(msisdn)
        outcome = await self._carry(subscriber, rule)
        if outcome is None:
            raise DeskError("there was nothing to do")
        await self._tell(outcome.waiting, inbox.RAR)
        return outcome

    async def _once(
        self, msisdn: str, rule: ProductRule, kind: str, product: str, key: str
    ) -> PostOutcome:
        """What a rule does with a product; a repeat is answered as one, also if the rule refuses by now."""
        try:
            return await self._changed(msisdn, lambda each: rule(each, product, key))
        except DeskError:
            subscriber = await self.find(msisdn)
            asked = Standing(
                subscriber, Balance(), terms_of(self._catalogue), self._clock(), self._actor
            )
            outcome = await repeated(self._ledger, asked, key, kind, product)
            if outcome is None:
                raise
        await self._tell(outcome.waiting, inbox.RAR)
        return accepted(outcome)

    async def _credited(
        self,
        subscriber: Subscriber,
        amount: Micros,
        key: str,
        channel: str = "",
        *,
        valid_days: int = 0,
        reason: str = "top-up",
    ) -> PostOutcome:
        """Money came: it pays what is owed and what waited; sessions on a final unit or refused ask
        again (RFC 8506, 5.5)."""
        outcome = await self._carry(
            subscriber,
            lambda each: topup(each, amount, key, channel, valid_days=valid_days, reason=reason),
        )
        if outcome is None:
            raise DeskError("there was nothing to do")
        # Also where it was repeated: whoever sent it first may have been interrupted here.
        for _ in range(1 + len(subscriber.products)):
            subscriber = await self._subscribers.refresh(subscriber)
            followed = await self._carry(subscriber, after_topup)
            if followed is None:
                break
            outcome = replace(outcome, balance=followed.balance)
        await self._tell(outcome.waiting, inbox.RAR)
        return outcome

    async def _carry(self, subscriber: Subscriber, rule: Rule) -> PostOutcome | None:
        try:
            outcome = await carry_out(
                self._ledger,
                subscriber,
                rule,
                terms_of(self._catalogue),
                self._clock(),
                actor=self._actor,
                refresh=self._subscribers.refresh,
            )
        except Refused as refused:
            raise DeskError(str(refused)) from refused
        if outcome is None:
            return None
        if outcome.subscriber is not None:
            self._subscribers.remember(outcome.subscriber)
        return accepted(outcome)

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


def new_key() -> str:
    """A key that nobody uses again."""
    return secrets.token_hex(16)


def once_under(key: str | None) -> str:
    """The key that was given, or one of its own; an empty one is refused."""
    if key == "":
        raise DeskError("an empty key would not stop a second time: leave it out, or fill it")
    return key or new_key()


def accepted(outcome: PostOutcome) -> PostOutcome:
    """The outcome of what was posted; a DeskError with the sentence why it was not."""
    if outcome.status in POST_REFUSALS:
        raise DeskError(POST_REFUSALS[outcome.status])
    return outcome


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
