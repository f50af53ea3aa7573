"""The desk with a real store: each thing it does, and before that each way it says no."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ocs import desk as module, inbox
from ocs.abmf import keys
from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import Subscribers
from ocs.books import OpenSession, PostOutcome, PostStatus
from ocs.desk import Desk, DeskError
from ocs.diameter.avp import u32
from ocs.diameter.framing import HEADER_SIZE, pack_header
from ocs.inbox import Inbox, LocalIdentity
from ocs.metrics import Metrics
from ocs.model import (
    AMOUNT_LIMIT,
    Identity,
    IdentityKind,
    Micros,
    RequestType,
    Subscriber,
    SubscriberState,
)
from ocs.rating.catalogue import Catalogue, load
from ocs.rating.product import Advance, Bonus, BucketRule, Every, Fee, ProductRule, Span
from tests.account.book import at, tenge
from tests.support.plans import call, plan

PARTITIONS = 4
CATALOGUE = load(Path(__file__).parents[1] / "config" / "catalogue")
MSISDN, IMSI = "77010000001", "401010000000001"
THIRTY = Micros(30_000_000)


class Office:
    """A store, and desks on it."""

    def __init__(self, redis: Redis, library: Library, catalogue: Catalogue = CATALOGUE) -> None:
        self.redis = redis
        self.catalogue = catalogue
        self.now = at("2019-03-04 12:00")
        self.ledger = RedisLedger(redis, library, PARTITIONS)
        self.records = Records(redis, PARTITIONS)
        self.desk = self.another()

    def another(self) -> Desk:
        """A desk of another process: it shares nothing but the store."""
        return Desk(
            client=self.redis,
            ledger=self.ledger,
            subscribers=Subscribers(self.redis, self.ledger, PARTITIONS),
            records=self.records,
            catalogue=self.catalogue,
            default_tariff="conversations",
            actor="tester",
            clock=lambda: self.now,
        )

    async def call(self, payer: Subscriber, seconds: int = 60) -> OpenSession:
        """An open call."""
        made = plan(payer, "I", 0, call(None, seconds), version=payer.version)
        await self.ledger.charge(made)
        found = await self.records.session(b"client;1")
        assert found is not None
        return found

    async def told(self) -> list[str]:
        """The kinds of messages in the worker's inbox."""
        rows = await self.redis.lrange(keys.inbox("w0"), 0, -1)
        found = [inbox.read_message(bytes(each)) for each in rows if isinstance(each, bytes)]
        return [each.kind for each in found if each is not None]


@pytest.fixture
async def office(redis: Redis) -> Office:
    """An empty store."""
    library = Library.from_package()
    await library.load(redis)
    return Office(redis, library)


@pytest.fixture
def desk(office: Office) -> Desk:
    """Its first desk."""
    return office.desk


# --- adding and finding -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "msisdn", ["", "1234", "1" * 16, "7701x000001", "+", "++77010000001", "7 701", "٧٧٠١٠٠٠٠٠٠١"]
)
async def test_no_msisdn(desk: Desk, msisdn: str) -> None:
    """What is no number is refused wherever it is asked for."""
    for work in (
        desk.add(msisdn),
        desk.find(msisdn),
        desk.change(msisdn),
        desk.remove(msisdn),
        desk.balance(msisdn),
        desk.topup(msisdn, THIRTY),
        desk.statement(msisdn),
    ):
        with pytest.raises(DeskError, match="is not an MSISDN: 5 to 15 digits"):
            await work


async def test_nobody_has_the_number(desk: Desk) -> None:
    """A number that nobody has is said so."""
    for work in (
        desk.find(MSISDN),
        desk.change(MSISDN, tariff="social"),
        desk.remove(MSISDN),
        desk.balance(MSISDN),
        desk.topup(MSISDN, THIRTY),
        desk.statement(MSISDN),
    ):
        with pytest.raises(DeskError, match=f"no subscriber has the number {MSISDN}"):
            await work


async def test_add_refusals(desk: Desk, redis: Redis) -> None:
    """Nothing is stored of a subscriber who is refused."""
    for work, sentence in (
        (desk.add(MSISDN, imsi="123"), "is not an IMSI: 14 to 15 digits"),
        (desk.add(MSISDN, tariff="none"), "there is no tariff 'none'; the catalogue has conv"),
        (desk.add(MSISDN, balance=Micros(-1)), "cannot be below zero"),
        (desk.add(MSISDN, state=SubscriberState.TERMINATED), "terminated by removing"),
    ):
        with pytest.raises(DeskError, match=sentence):
            await work
    assert await redis.dbsize() == 0


async def test_add_taken(desk: Desk) -> None:
    """A number or an IMSI has one owner; a refused one leaves the other name free."""
    await desk.add(MSISDN, imsi=IMSI)
    with pytest.raises(DeskError, match=f"{MSISDN} belongs to another"):
        await desk.add("+" + MSISDN)
    with pytest.raises(DeskError, match=f"{IMSI} belongs to another"):
        await desk.add("77010000002", imsi=IMSI)
    assert len(await desk.everybody()) == 1
    assert (await desk.add("77010000002")).version == 1


async def test_add(desk: Desk, office: Office) -> None:
    """Found by any desk, with identities, tariff, state and balance; the credit has its actor."""
    made = await desk.add("+" + MSISDN, imsi=IMSI, tariff="social", balance=THIRTY)
    found = await office.another().find("+" + MSISDN)
    assert found == made
    assert found.identities == (
        Identity(IdentityKind.E164, MSISDN),
        Identity(IdentityKind.IMSI, IMSI),
    )
    assert (found.tariff, found.state) == ("social", SubscriberState.ACTIVE)
    balance = await desk.balance(MSISDN)
    assert (balance.credited, balance.available, balance.spent) == (THIRTY, THIRTY, 0)
    (entry,) = await desk.statement(MSISDN)
    assert (entry.kind, entry.actor, entry.reason) == ("topup", "tester", "opening balance")
    plain = await desk.add("77010000002", state=SubscriberState.BARRED)
    assert (plain.tariff, plain.state) == ("conversations", SubscriberState.BARRED)
    assert await desk.statement("77010000002") == []


async def test_everybody(desk: Desk) -> None:
    """In the order of numbers."""
    assert await desk.everybody() == []
    for number in ("77010000003", "77010000001", "77010000002"):
        await desk.add(number)
    found = [each.identity(IdentityKind.E164) for each in await desk.everybody()]
    assert found == ["77010000001", "77010000002", "77010000003"]


async def test_interrupted_add(desk: Desk, redis: Redis) -> None:
    """A name that was claimed by somebody who never came to store the subscriber can be taken."""
    number = Identity(IdentityKind.E164, MSISDN)
    await redis.set(keys.identity(number, PARTITIONS), "3 99")
    with pytest.raises(DeskError, match="no subscriber"):
        await desk.find(MSISDN)
    made = await desk.add(MSISDN)
    assert (await desk.find(MSISDN)).account_id == made.account_id


# --- changing and removing --------------------------------------------------------------------------


async def test_change_refusals(desk: Desk) -> None:
    """An unknown tariff, and an end that is none: nothing is changed."""
    made = await desk.add(MSISDN)
    with pytest.raises(DeskError, match="there is no tariff"):
        await desk.change(MSISDN, tariff="none")
    with pytest.raises(DeskError, match="terminated by removing"):
        await desk.change(MSISDN, state=SubscriberState.TERMINATED)
    assert await desk.find(MSISDN) == made


async def test_change(desk: Desk, office: Office) -> None:
    """The change raises the version and is seen by others; one thing changes, the rest stays."""
    await desk.add(MSISDN)
    changed = await desk.change(MSISDN, tariff="social")
    assert (changed.tariff, changed.state, changed.version) == (
        "social",
        SubscriberState.ACTIVE,
        2,
    )
    assert await office.another().find(MSISDN) == changed
    barred = await desk.change(MSISDN, state=SubscriberState.BARRED)
    assert (barred.tariff, barred.state) == ("social", SubscriberState.BARRED)


@pytest.mark.parametrize(
    ("state", "kind"), [(None, "rar"), (SubscriberState.BARRED, "asr")], ids=["tariff", "barred"]
)
async def test_change_tells_the_clients(
    desk: Desk, office: Office, state: SubscriberState | None, kind: str
) -> None:
    """Another tariff re-authorises the open sessions, barring aborts them."""
    await office.call(await desk.add(MSISDN, balance=THIRTY))
    await desk.change(MSISDN, tariff="social", state=state)
    assert await office.told() == [kind]


async def test_remove_refusals(desk: Desk, office: Office) -> None:
    """Not with an open session, not with money left; the subscriber is still there."""
    made = await desk.add(MSISDN, balance=THIRTY)
    session = await office.call(made)
    with pytest.raises(DeskError, match="a session is open"):
        await desk.remove(MSISDN)
    await office.ledger.expire(session, "admin")
    with pytest.raises(DeskError, match="money is left"):
        await desk.remove(MSISDN)
    assert await desk.find(MSISDN) == made


async def test_remove(desk: Desk, office: Office) -> None:
    """The number is free, and the next owner starts with nothing of the first."""
    first = await desk.add(MSISDN, imsi=IMSI, balance=THIRTY)
    await desk.topup(MSISDN, Micros(-THIRTY))
    await desk.remove(MSISDN)
    with pytest.raises(DeskError, match="no subscriber"):
        await office.another().find(MSISDN)
    assert await desk.everybody() == []
    second = await desk.add(MSISDN, imsi=IMSI)
    assert second.account_id != first.account_id
    assert await desk.statement(MSISDN) == []
    kept = await office.records.entries(first.account_id, first.partition, 10)
    assert [each.kind for each in kept] == ["adjustment", "topup"]


# --- money ------------------------------------------------------------------------------------------


async def test_topup_refusals(desk: Desk) -> None:
    """No amount, no key, too much, too little, a key of another movement: nothing moves."""
    await desk.add(MSISDN, balance=THIRTY)
    await desk.topup(MSISDN, THIRTY, "tx-1")
    before = await desk.statement(MSISDN)
    for amount, key, sentence in (
        (0, None, "other than 0"),
        (1, "", "an empty key"),
        (AMOUNT_LIMIT, "tx-2", "largest amount"),
        (-60_000_001, "tx-3", "less than that"),
        (5, "tx-1", "before for another movement"),
    ):
        with pytest.raises(DeskError, match=sentence):
            await desk.topup(MSISDN, Micros(amount), key)
    assert await desk.statement(MSISDN) == before


async def test_topup(desk: Desk) -> None:
    """Once per key, as often as it is repeated; without a key each time; negative pays out."""
    await desk.add(MSISDN)
    first = await desk.topup(MSISDN, THIRTY, "tx-1")
    assert (first.status, first.balance.available) == (PostStatus.POSTED, THIRTY)
    again = await desk.topup(MSISDN, THIRTY, "tx-1")
    assert (again.status, again.balance.available) == (PostStatus.REPLAYED, THIRTY)
    await desk.topup(MSISDN, Micros(1))
    await desk.topup(MSISDN, Micros(1))
    paid = await desk.topup(MSISDN, Micros(-2))
    assert paid.balance.available == THIRTY
    found = [(each.kind, each.reason, each.sequence) for each in await desk.statement(MSISDN)]
    assert found == [
        ("adjustment", "pay-out", 4),
        ("topup", "top-up", 3),
        ("topup", "top-up", 2),
        ("topup", "top-up", 1),
    ]
    assert [each.sequence for each in await desk.statement(MSISDN, limit=1)] == [4]


async def test_topup_re_authorises(desk: Desk, office: Office) -> None:
    """A session on its final unit asks again when money comes (RFC 8506, 5.5), and no other."""
    payer = await desk.add(MSISDN, balance=Micros(40_000_000))
    await office.call(payer)
    assert (await desk.topup(MSISDN, Micros(-19_000_000))).waiting == ()
    last = plan(payer, "U", 1, call(60, 60), version=payer.version)
    assert last.type is RequestType.UPDATE
    outcome = await office.ledger.charge(last)
    assert outcome.results[0].is_final  # 10.00 left: 54 s
    assert await office.told() == []
    told = (await desk.topup(MSISDN, THIRTY)).waiting
    assert [each.session_id for each in told] == [b"client;1"]
    assert await office.told() == ["rar"]


async def test_topup_stands_when_the_client_cannot_be_told(
    desk: Desk, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Money has moved: a store that goes away just then must not make it look as if it had not."""
    payer = await desk.add(MSISDN, balance=Micros(10_000_000))
    await office.call(payer)

    async def away(*arguments: object, **options: object) -> str:
        raise RedisConnectionError("away")

    monkeypatch.setattr(inbox, "tell", away)
    outcome = await desk.topup(MSISDN, THIRTY)
    assert outcome.status is PostStatus.POSTED and len(outcome.waiting) == 1


# --- sessions ---------------------------------------------------------------------------------------


async def test_sessions(desk: Desk, office: Office) -> None:
    """Those that are open, oldest first."""
    assert await desk.sessions() == []
    payer = await desk.add(MSISDN, balance=THIRTY)
    opened = await office.call(payer)
    assert await desk.sessions() == [opened]
    assert (opened.reserved, opened.is_cut, opened.service) == (11_000_000, False, "voice")


async def test_cut_refusal(desk: Desk) -> None:
    """A session that is not open cannot be cut."""
    with pytest.raises(DeskError, match="no such session is open"):
        await desk.cut(b"client;1")


async def test_cut_without_an_answer(
    desk: Desk, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the client says, or not: the session's next request is refused."""
    monkeypatch.setattr(module, "ASR_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(inbox, "POLL_SECONDS", 0.01)
    payer = await desk.add(MSISDN, balance=THIRTY)
    await office.call(payer)
    assert await desk.cut(b"client;1") == "no answer"
    (marked,) = await desk.sessions()
    assert marked.is_cut
    outcome = await office.ledger.charge(plan(payer, "U", 1, call(5, 60), version=payer.version))
    assert outcome.results[0].granted == 0
    assert await desk.sessions() == []
    assert (await desk.balance(MSISDN)).reserved == 0


async def test_cut(desk: Desk, office: Office) -> None:
    """The client's consent is what the desk reports."""

    async def agree(
        host: str, realm: str, peer: str, build: Callable[[int, int], bytes], seconds: float
    ) -> bytes:
        body = u32(268, 2001)
        return pack_header(HEADER_SIZE + len(body), 0x40, 274, 4, 1, 2) + body

    await office.call(await desk.add(MSISDN, balance=THIRTY))
    us = LocalIdentity("ocs1.example", "example")
    worker = Inbox(office.redis, "w0", us, agree, office.records, office.ledger, Metrics())
    task = asyncio.create_task(worker.run())
    assert await desk.cut(b"client;1") == "ended"
    while not task.done():  # Python 3.11's wait_for, inside the client, may lose a cancellation
        task.cancel()
        await asyncio.wait([task], timeout=0.1)


async def test_concurrent_add(office: Office) -> None:
    """Of many desks that add one number at the same time exactly one succeeds, and its number works."""
    desks = [office.another() for _ in range(8)]
    tried = await asyncio.gather(*(each.add(MSISDN) for each in desks), return_exceptions=True)
    made = [each for each in tried if isinstance(each, Subscriber)]
    assert all(isinstance(each, Subscriber | DeskError) for each in tried)
    assert len(made) == 1
    assert await office.another().find(MSISDN) == made[0]
    assert await office.another().everybody() == made


# --- products ---------------------------------------------------------------------------------------

RULES = {
    "conversations": ProductRule(
        "conversations",
        "Conversations",
        "tariff",
        fee=Fee(tenge("40"), Every(Span.DAY), restarts=False),
    ),
    "flat": ProductRule("flat", "Flat", "tariff", fee=Fee(tenge("900"), Every(Span.DAYS, 28))),
    "pack": ProductRule(
        "pack",
        "Pack",
        "addon",
        fee=Fee(tenge("250"), Every(Span.ONCE)),
        buckets=(BucketRule("sms", "events", 25, ()),),
        lasts=Every(Span.DAYS, 30),
    ),
    "live": ProductRule("live", "Live", "addon", fee=Fee(tenge("99"), Every(Span.DAYS, 30))),
    "okoa": ProductRule(
        "okoa",
        "Okoa",
        "advance",
        advance=Advance(tenge("50"), tenge("5"), Every(Span.ONCE), tenge("2")),
    ),
    "gift": ProductRule(
        "gift", "Gift", "promotion", buckets=(BucketRule("data", "octets", 7, ()),)
    ),
    "recharge": ProductRule(
        "recharge",
        "Recharge",
        "promotion",
        buckets=(BucketRule("bonus", "money", tenge("10"), ()),),
        bonus=Bonus(tenge("500"), 0, frozenset({"card"})),
        at_most=0,
    ),
}
STOCKED = replace(CATALOGUE, products=RULES, tariffs=RULES)


@pytest.fixture
async def shop(redis: Redis) -> Office:
    """An empty store, and a catalogue with products."""
    library = Library.from_package()
    await library.load(redis)
    return Office(redis, library, STOCKED)


async def test_what_the_rules_refuse_the_desk_refuses(shop: Office) -> None:
    """With the sentence of the rule; nothing is posted."""
    desk = shop.desk
    await desk.add(MSISDN, balance=Micros(tenge("100")))
    before = await desk.statement(MSISDN)
    for work, sentence in (
        (desk.buy(MSISDN, "pack"), "costs more"),
        (desk.buy(MSISDN, "gift"), "not bought"),
        (desk.buy(MSISDN, "nothing"), "no product"),
        (desk.drop(MSISDN, "pack"), "does not have"),
        (desk.renew(MSISDN, "pack"), "does not have"),
        (desk.advance(MSISDN, "okoa"), "balance is low"),
        (desk.late_usage(MSISDN, "r", Micros(0)), "more than 0"),
        (desk.change(MSISDN, tariff="flat"), "costs more"),
        (desk.make_vouchers(1, THIRTY, "b", bonus="nothing"), "no product"),
        (desk.make_vouchers(0, THIRTY, "b"), "batch has"),
        (desk.redeem(MSISDN, "0" * 16), "no voucher"),
    ):
        with pytest.raises(DeskError, match=sentence):
            await work
    assert await desk.statement(MSISDN) == before


async def test_a_new_subscriber_pays_the_first_fee_of_the_tariff(shop: Office) -> None:
    """100.00 less 40.00; one who is not used yet pays nothing."""
    made = await shop.desk.add(MSISDN, balance=Micros(tenge("100")))
    assert [each.product for each in made.products] == ["conversations"]
    assert (await shop.desk.balance(MSISDN)).available == tenge("60")
    quiet = await shop.desk.add("77010000002", state=SubscriberState.PREACTIVE)
    assert quiet.products == ()


async def test_activating_by_hand_begins_the_tariff_as_the_first_use_does(shop: Office) -> None:
    """Its fee is taken."""
    await shop.desk.add(MSISDN, balance=Micros(tenge("100")), state=SubscriberState.PREACTIVE)
    made = await shop.desk.change(MSISDN, state=SubscriberState.ACTIVE)
    assert made.state is SubscriberState.ACTIVE
    assert [each.product for each in made.products] == ["conversations"]
    assert (await shop.desk.balance(MSISDN)).available == tenge("60")


async def test_a_topup_pays_what_waited(shop: Office) -> None:
    """Without money the fee waits; 100.00 come: 60.00 are left, and the entries say why."""
    await shop.desk.add(MSISDN)
    outcome = await shop.desk.topup(MSISDN, Micros(tenge("100")), "tx", "card")
    assert outcome.balance.available == tenge("60")
    kinds = [(each.kind, each.reason) for each in await shop.desk.statement(MSISDN)]
    assert kinds[:2] == [("fee", "conversations"), ("topup", "top-up by card")]


async def test_a_fee_that_an_interrupted_topup_left_is_paid_by_its_repeat(
    shop: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was cut off after the money had come sends the same key again."""
    await shop.desk.add(MSISDN)
    with monkeypatch.context() as patch:
        patch.setattr(module, "after_topup", lambda _: None)
        await shop.desk.topup(MSISDN, Micros(tenge("100")), "tx")
    assert (await shop.desk.balance(MSISDN)).available == tenge("100")
    again = await shop.desk.topup(MSISDN, Micros(tenge("100")), "tx")
    assert again.status is PostStatus.REPLAYED
    assert (await shop.desk.balance(MSISDN)).available == tenge("60")


async def test_buying_shows_in_products_and_dropping_takes_away(shop: Office) -> None:
    """The pack's bucket is there, and lapses with it."""
    await shop.desk.add(MSISDN, balance=Micros(tenge("1000")))
    await shop.desk.buy(MSISDN, "pack", "k")
    units = await shop.desk.units(MSISDN)
    assert (units["2.sms"], units["debt"]) == ("events", "money")
    owner, amounts = await shop.another().products(MSISDN)
    assert [each.product for each in owner.products] == ["conversations", "pack"]
    assert amounts.available == tenge("710") and amounts.others["2.sms"].amount == 25
    await shop.desk.drop(MSISDN, "pack")
    owner, amounts = await shop.desk.products(MSISDN)
    assert [each.product for each in owner.products] == ["conversations"]
    assert "2.sms" not in amounts.others


async def test_a_pack_that_is_bought_twice_at_once_is_had_once(shop: Office) -> None:
    """At most one: of four desks one sells it, the others see that it is there."""
    await shop.desk.add(MSISDN, balance=Micros(tenge("1040")))
    desks = [shop.another() for _ in range(4)]
    sold = await asyncio.gather(
        *(each.buy(MSISDN, "pack") for each in desks), return_exceptions=True
    )
    assert sum(isinstance(each, DeskError) for each in sold) == 3
    assert (await shop.desk.balance(MSISDN)).available == tenge("750")


async def test_an_empty_key_is_refused_for_products(shop: Office) -> None:
    """It would not stop a second time."""
    await shop.desk.add(MSISDN, balance=Micros(tenge("1000")))
    await shop.desk.buy(MSISDN, "live", "k")
    before = await shop.desk.statement(MSISDN)
    for work in (
        shop.desk.buy(MSISDN, "pack", ""),
        shop.desk.drop(MSISDN, "live", ""),
        shop.desk.renew(MSISDN, "live", ""),
        shop.desk.advance(MSISDN, "okoa", ""),
        shop.desk.late_usage(MSISDN, "", THIRTY),
    ):
        with pytest.raises(DeskError, match="an empty key"):
            await work
    assert await shop.desk.statement(MSISDN) == before


@pytest.mark.parametrize("live", ["live", "2"])
async def test_a_repeat_is_answered_as_one_though_the_rule_refuses_by_now(
    shop: Office, live: str
) -> None:
    """There already, not covered any more, gone: what was done under the key was done. Less than 336.00
    pay 40.00, 99.00 and 99.00; what is left does not pay a third 99.00."""
    desk = shop.desk
    await desk.add(MSISDN, balance=Micros(tenge("336") - 1))
    works: tuple[Callable[[], Awaitable[PostOutcome]], ...] = (
        lambda: desk.buy(MSISDN, "live", "k-1"),
        lambda: desk.renew(MSISDN, live, "k-2"),
        lambda: desk.drop(MSISDN, live, "k-3"),
    )
    for work in works:
        assert (await work()).status is PostStatus.POSTED
        before = await desk.statement(MSISDN)
        assert (await work()).status is PostStatus.REPLAYED
        assert await desk.statement(MSISDN) == before
    for key in ("k-1", "k-2", "k-3"):
        with pytest.raises(DeskError, match="before for another movement"):
            await desk.advance(MSISDN, "okoa", key)
    assert (await desk.balance(MSISDN)).available == tenge("98") - 1


async def test_an_advance_that_is_asked_for_again_is_lent_once(shop: Office) -> None:
    """45.00 once; under another key it is refused, since 50.00 are owed."""
    await shop.desk.add(MSISDN)
    await shop.desk.advance(MSISDN, "okoa", "k")
    assert (await shop.desk.advance(MSISDN, "okoa", "k")).status is PostStatus.REPLAYED
    with pytest.raises(DeskError, match="not paid back"):
        await shop.desk.advance(MSISDN, "okoa", "k-2")
    assert (await shop.desk.balance(MSISDN)).available == tenge("45")


async def test_members_of_an_account_buy_each_for_themselves(shop: Office) -> None:
    """From the money that they share, with buckets of their own; one's key does not answer the other."""
    first, second = MSISDN, "77010000002"
    owner = await shop.desk.add(first, balance=Micros(tenge("540")))
    names = (Identity(IdentityKind.E164, second),)
    subscribers = Subscribers(shop.redis, shop.ledger, PARTITIONS)
    await subscribers.create(names, "conversations", SubscriberState.ACTIVE, account=owner)
    await shop.desk.buy(first, "pack", "k")
    with pytest.raises(DeskError, match="before for another movement"):
        await shop.desk.buy(second, "pack", "k")
    await shop.desk.buy(second, "pack", "k-2")
    amounts = await shop.desk.balance(first)
    assert amounts.available == 0
    assert {name: held.amount for name, held in amounts.others.items()} == {
        "2.sms": 25,
        "1-1.sms": 25,
    }
    await shop.desk.drop(second, "pack", "k-3")
    assert (await shop.desk.drop(second, "pack", "k-3")).status is PostStatus.REPLAYED
    assert set((await shop.desk.balance(second)).others) == {"2.sms"}
    assert [each.product for each in (await shop.desk.find(first)).products][1:] == ["pack"]


async def test_a_change_of_tariff_takes_its_fee(shop: Office) -> None:
    """The old tariff's product is gone, the new one is paid."""
    await shop.desk.add(MSISDN, balance=Micros(tenge("1000")))
    changed = await shop.desk.change(MSISDN, tariff="flat")
    assert changed.tariff == "flat" and [e.product for e in changed.products] == ["flat"]
    assert (await shop.desk.balance(MSISDN)).available == tenge("60")
    assert await shop.another().find(MSISDN) == changed


async def test_a_period_is_renewed_on_request(shop: Office) -> None:
    """The fee is taken again."""
    await shop.desk.add(MSISDN, balance=Micros(tenge("300")))
    await shop.desk.buy(MSISDN, "live")
    await shop.desk.renew(MSISDN, "live")
    assert (await shop.desk.balance(MSISDN)).available == tenge("62")


async def test_money_lent_is_paid_back_by_the_next_topup(shop: Office) -> None:
    """45.00 are given, 50.00 are owed; 100.00 come: 50.00 of them are the subscriber's, 40.00 the fee's."""
    await shop.desk.add(MSISDN)
    await shop.desk.advance(MSISDN, "okoa")
    assert (await shop.desk.balance(MSISDN)).available == tenge("45")
    await shop.desk.topup(MSISDN, Micros(tenge("100")))
    balance = await shop.desk.balance(MSISDN)
    assert balance.available == tenge("55")
    assert balance.others["owed.advance"].amount == 0


async def test_late_usage_is_a_debt_and_charged_once_for_its_record(shop: Office) -> None:
    """60.00 of 295.00 are there; the same record again, with money there by then, takes nothing."""
    await shop.desk.add(MSISDN, balance=Micros(tenge("100")))
    await shop.desk.late_usage(MSISDN, "file 7/3", Micros(tenge("295")))
    balance = await shop.desk.balance(MSISDN)
    assert balance.available == 0 and balance.others["debt"].amount == -tenge("235")
    assert ("debt", 0) in (await shop.desk.find(MSISDN)).marks
    await shop.desk.topup(MSISDN, Micros(tenge("500")))
    assert ("debt", 0) not in (await shop.desk.find(MSISDN)).marks
    await shop.desk.late_usage(MSISDN, "file 7/3", Micros(tenge("295")))
    with pytest.raises(DeskError, match="this key was used before for another movement"):
        await shop.desk.late_usage(MSISDN, "file 7/3", Micros(tenge("296")))
    assert (await shop.desk.balance(MSISDN)).available == tenge("265")


async def test_a_topup_earns_its_bonus_once(shop: Office) -> None:
    """By card from 500.00 on; the same payment again earns nothing more, another one does."""
    await shop.desk.add(MSISDN)
    for _ in range(2):
        await shop.desk.topup(MSISDN, Micros(tenge("500")), "tx", "card")
    owner, amounts = await shop.desk.products(MSISDN)
    assert [each.product for each in owner.products].count("recharge") == 1
    assert amounts.others["2.bonus"].amount == tenge("10")
    assert amounts.available == tenge("460")
    await shop.desk.topup(MSISDN, Micros(tenge("500")), "tx-2", "card")
    owner, _ = await shop.desk.products(MSISDN)
    assert [each.product for each in owner.products].count("recharge") == 2


async def test_a_voucher_is_money_once_whatever_the_race(shop: Office) -> None:
    """Five subscribers at once with one code: one has its value; that one is refused a second time."""
    numbers = [f"7701000000{n}" for n in range(5)]
    for each in numbers:
        await shop.desk.add(each, state=SubscriberState.PREACTIVE)
    (code,) = await shop.desk.make_vouchers(1, THIRTY, "b")
    tried = await asyncio.gather(
        *(shop.another().redeem(each, code) for each in numbers), return_exceptions=True
    )
    assert sum(isinstance(each, DeskError) for each in tried) == 4
    had = [(await shop.desk.balance(each)).available for each in numbers]
    assert sorted(had) == [0, 0, 0, 0, THIRTY]
    with pytest.raises(DeskError, match="redeemed before"):
        await shop.desk.redeem(numbers[had.index(THIRTY)], code)


async def test_a_voucher_brings_days_and_a_gift(shop: Office) -> None:
    """The number's validity and a product of the catalogue."""
    await shop.desk.add(MSISDN, state=SubscriberState.PREACTIVE)
    (code,) = await shop.desk.make_vouchers(1, THIRTY, "b", valid_days=30, bonus="gift")
    await shop.desk.redeem(MSISDN, code)
    owner, amounts = await shop.desk.products(MSISDN)
    assert owner.valid_until == at("2019-04-03 00:00")
    assert amounts.others["1.data"].amount == 7 and amounts.available == THIRTY
    with pytest.raises(DeskError):
        await shop.desk.redeem(MSISDN, code)
    assert (await shop.desk.balance(MSISDN)).available == THIRTY
