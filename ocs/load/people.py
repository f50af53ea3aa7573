"""The subscribers of a run: made in bulk by the ledger's own functions, audited by number, removed in bulk.

Rules: their numbers begin with 999, a country code that nobody has. Each snapshot carries a mark, and a
number that is somebody's without it is never touched. They are made like `ocs subscriber add` makes
them: identity, snapshot, opening balance by a posting; thousands of calls travel in one pipeline, which
is all that differs.

Exceptions:
    PeopleRefused   a sentence; nothing of anybody else was changed
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from redis.asyncio import Redis

from ocs.abmf import keys
from ocs.abmf.calls import as_list, read_balance
from ocs.abmf.commands import post_command, put_command
from ocs.abmf.encoding import decode_subscriber, raw
from ocs.abmf.library import Library
from ocs.abmf.link import Command, Link
from ocs.abmf.subscribers import read_where
from ocs.account.money import pay_out, topup
from ocs.account.purchase import begin_tariff
from ocs.account.standing import Standing, Terms, terms_of
from ocs.app import open_store
from ocs.books import Balance
from ocs.catalogue_store import open_catalogues
from ocs.config import Config
from ocs.desk import utc_millis
from ocs.load.traffic import Books
from ocs.load.workload import Workload
from ocs.model import (
    AccountId,
    Identity,
    IdentityKind,
    Partition,
    Subscriber,
    SubscriberId,
    SubscriberState,
)
from ocs.rating.catalogue import load as load_catalogue

FIRST_NUMBER = 999_000_000_000
MARK = (("load", "generator"),)
ACTOR = "load generator"
#: The fields of a stored subscriber.
SNAPSHOT = ("version", "data")
#: People whose calls travel together, a megabyte or two; the next are packed while the store works.
BATCH = 1_000
#: The store answers each batch within some tens of milliseconds.
PATIENCE_SECONDS = 30.0

Told = Callable[[int, int], None]


class PeopleRefused(Exception):
    """A sentence."""


def nobody_told(done: int, total: int) -> None:
    """Where nobody watches."""


@dataclass(slots=True)
class People:
    """Who is charged in a run, or in several one after the other."""

    client: Redis
    link: Link
    library: Library
    partitions: int
    terms: Terms
    tariff: str
    openings: list[int]
    first_account: int
    #: What all runs so far must have cost.
    books: Books

    @classmethod
    @asynccontextmanager
    async def live(
        cls, config: Config, workload: Workload, told: Told = nobody_told
    ) -> AsyncIterator["People"]:
        """The workload's subscribers in the configured store; they stay there at the end."""
        client, epoch = await open_store(config)
        try:
            library = Library.from_package()
            await library.load(client)
            catalogues, _ = await open_catalogues(
                client, load_catalogue(Path(config.catalogue.folder)), utc_millis
            )
            catalogue = catalogues.at(utc_millis())
            if workload.tariff not in catalogue.tariffs:
                known = ", ".join(sorted(catalogue.tariffs))
                raise PeopleRefused(
                    f"the workload {workload.name} wants the tariff {workload.tariff!r}; "
                    f"the catalogue has {known}"
                )
            count = workload.subscribers
            openings = [workload.opening(person) for person in range(count)]
            made = cls(
                client,
                Link(client, PATIENCE_SECONDS),
                library,
                epoch.partitions,
                terms_of(catalogue),
                workload.tariff,
                openings,
                first_account=0,
                books=Books([0] * count),
            )
            await made._clear_leftovers()
            last = await client.incrby(keys.ACCOUNT_NUMBERS, count)
            made.first_account = int(last) - count + 1
            await made._create(told)
            yield made
        finally:
            await client.aclose()

    def subscriber(self, person: int) -> Subscriber:
        """The snapshot of a person, before it is stored."""
        number = self.first_account + person
        return Subscriber(
            AccountId(str(number)),
            Partition(number % self.partitions),
            0,
            self.tariff,
            SubscriberState.ACTIVE,
            (identity(person),),
            attributes=MARK,
        )

    # --- making -------------------------------------------------------------------------------------

    async def _create(self, told: Told) -> None:
        model = replace(self.subscriber(0), version=1)
        standing = Standing(model, Balance(), self.terms, utc_millis(), ACTOR)
        if begin_tariff(standing, "begin") is not None:
            raise PeopleRefused(
                f"the tariff {self.tariff!r} has a fee or bundles: the audit reckons with prices alone"
            )
        postings = {
            amount: topup(standing, amount, "opening", reason="opening balance")
            for amount in set(self.openings)
            if amount
        }

        def creation(person: int) -> Iterator[Command]:
            subscriber = self.subscriber(person)
            name = keys.identity(subscriber.identities[0], self.partitions)
            where = f"{subscriber.partition} {subscriber.subscriber_id}"
            yield "SET", name, where, "NX"
            yield put_command(self.library, subscriber)
            posting = postings.get(self.openings[person])
            if posting is not None:
                account, partition = subscriber.account_id, subscriber.partition
                yield post_command(
                    self.library, replace(posting, account_id=account, partition=partition)
                )

        async for persons, replies in self._each(creation):
            statuses = {raw(each[0]) for each in replies if isinstance(each, list)}
            if not statuses <= {b"stored", b"posted"} or None in replies:
                raise PeopleRefused(
                    f"subscribers from {FIRST_NUMBER + persons[0]} on could not be made"
                )
            told(persons[-1] + 1, len(self.openings))

    # --- looking ------------------------------------------------------------------------------------

    async def balances(self) -> AsyncIterator[tuple[int, Balance]]:
        """Every person's account; one that is gone has nothing."""

        def look(person: int) -> Iterator[Command]:
            number = self.first_account + person
            yield "HGETALL", keys.account(number % self.partitions, str(number))

        async for persons, replies in self._each(look):
            for person, reply in zip(persons, replies, strict=True):
                yield person, read_balance(reply) or Balance()

    # --- removing -----------------------------------------------------------------------------------

    async def remove(self, told: Told = nobody_told) -> None:
        """Pay out what is left, end the subscribers and free their numbers; the ledger stays."""
        for first in range(0, len(self.openings), BATCH):
            persons = range(first, min(first + BATCH, len(self.openings)))
            await self._remove([self.subscriber(person) for person in persons])
            told(persons[-1] + 1, len(self.openings))

    async def _remove(self, subscribers: Sequence[Subscriber]) -> None:
        found = await self.link.send(
            [
                command
                for each in subscribers
                for command in (
                    ("HMGET", keys.subscriber(each.partition, each.subscriber_id), *SNAPSHOT),
                    ("HGETALL", keys.account(each.partition, each.account_id)),
                )
            ]
        )
        commands: list[Command] = []
        for snapshot, amounts in zip(found[::2], found[1::2], strict=True):
            stored = read_snapshot(snapshot)
            if stored is None:
                continue
            left = (read_balance(amounts) or Balance()).available
            if left > 0:
                commands.append(post_command(self.library, pay_out(stored, left, "removal", ACTOR)))
            commands.append(
                put_command(self.library, replace(stored, state=SubscriberState.TERMINATED))
            )
            commands.append(("DEL", keys.identity(stored.identities[0], self.partitions)))
        if commands:
            await self.link.send(commands)

    async def _clear_leftovers(self) -> None:
        """Remove who is there from a run that was interrupted; refuse where a number is not ours."""

        def look(person: int) -> Iterator[Command]:
            yield "GET", keys.identity(identity(person), self.partitions)

        async for persons, owners in self._each(look):
            taken = {
                person: read_where(raw(owner))
                for person, owner in zip(persons, owners, strict=True)
                if owner is not None
            }
            if taken:
                await self._clear(taken)

    async def _clear(self, taken: dict[int, tuple[Partition, SubscriberId]]) -> None:
        found = await self.link.send(
            [("HMGET", keys.subscriber(*where), *SNAPSHOT) for where in taken.values()]
        )
        left = [read_snapshot(each) for each in found]
        for person, stored in zip(taken, left, strict=True):
            if stored is None or stored.attributes != MARK:
                raise PeopleRefused(
                    f"the number {FIRST_NUMBER + person} belongs to a subscriber that is not the load "
                    "generator's: remove it, or measure with fewer subscribers"
                )
        await self._remove([each for each in left if each is not None])

    # --- the store ----------------------------------------------------------------------------------

    async def _each(
        self, commands_of: Callable[[int], Iterable[Command]]
    ) -> AsyncIterator[tuple[range, list[object]]]:
        """Each batch of people with the replies to their commands, in order."""
        count = len(self.openings)
        under_way: deque[tuple[range, asyncio.Future[list[object]]]] = deque()
        for first in range(0, count, BATCH):
            persons = range(first, min(first + BATCH, count))
            commands = [each for person in persons for each in commands_of(person)]
            under_way.append((persons, self.link.send(commands)))
            await asyncio.sleep(0)  # it leaves now
            if len(under_way) > 1:
                earlier, replies = under_way.popleft()
                yield earlier, await replies
        for persons, replies in under_way:
            yield persons, await replies


def read_snapshot(reply: object) -> Subscriber | None:
    """A subscriber as it is stored; None where there is none."""
    version, data = as_list(reply)
    return decode_subscriber(raw(data), int(raw(version))) if data is not None else None


def identity(person: int) -> Identity:
    """The number of a person."""
    return Identity(IdentityKind.E164, str(FIRST_NUMBER + person))
