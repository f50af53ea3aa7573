"""Subscribers in bulk: the same as one at a time, nobody else's, and gone when they are removed."""

from dataclasses import replace

import pytest

from ocs.abmf import keys
from ocs.abmf.calls import read_balance
from ocs.app import open_desk
from ocs.books import Balance
from ocs.config import Config
from ocs.desk import DeskError
from ocs.load.people import FIRST_NUMBER, MARK, People, PeopleRefused
from ocs.load.place import Place
from ocs.load.workload import Workload, read_workload
from ocs.model import Micros, Subscriber
from ocs.store.connect import connect

pytestmark = pytest.mark.process
FEW = replace(read_workload("canonical"), subscribers=60, sessions=1)


@pytest.fixture
def config(place: Place) -> Config:
    """Of the running server's store."""
    return place.config


async def test_made_in_bulk_is_made_as_the_desk_makes_it(config: Config) -> None:
    """Snapshot, account and ledger entry, but for the mark, the number and who did it."""
    async with People.live(config, FEW) as people, open_desk(config, actor="test") as desk:
        try:
            made = await desk.find(str(FIRST_NUMBER + 49))
            plain = await desk.add("77017777777", balance=Micros(2_000_000))
            assert made.attributes == MARK
            assert replace(
                made,
                account_id=plain.account_id,
                partition=plain.partition,
                identities=plain.identities,
                attributes=(),
            ) == await desk.find("77017777777")
            numbers = (str(FIRST_NUMBER + 49), "77017777777")
            balances = [await desk.balance(each) for each in numbers]
            assert balances[0] == balances[1]
            # Where the newest entry of the ledger is, is their own.
            accounts = [
                await people.client.hgetall(keys.account(each.partition, each.account_id))
                for each in (made, plain)
            ]
            assert accounts[0].keys() == accounts[1].keys()
            entries = [(await desk.statement(each))[0] for each in numbers]
            said = [(each.kind, each.reason, each.credited, each.after) for each in entries]
            assert said[0] == said[1]
        finally:
            await people.remove()
            await desk.topup("77017777777", Micros(-2_000_000))
            await desk.remove("77017777777")


async def test_balances_are_those_of_the_workload(config: Config) -> None:
    """Two in a hundred are nearly empty."""
    async with People.live(config, FEW) as people:
        found = [balance.available async for _, balance in people.balances()]
        assert found == [FEW.opening(each) for each in range(60)]
        assert found.count(FEW.nearly_empty_balance) == 1
        await people.remove()


async def test_removed_is_gone(config: Config) -> None:
    """The numbers are free and no money is left; the ledger keeps what was."""
    async with People.live(config, FEW) as people, open_desk(config, actor="test") as desk:
        first = await desk.find(str(FIRST_NUMBER))
        await people.remove()
    async with open_desk(config, actor="test") as desk:
        with pytest.raises(DeskError, match="no subscriber has the number"):
            await desk.find(str(FIRST_NUMBER))
        assert (await left_of(config, first)).available == 0


async def left_of(config: Config, subscriber: Subscriber) -> Balance:
    """What is on the account of somebody whom no number leads to."""
    client = connect(config.store.url, 5.0)
    reply = await client.hgetall(keys.account(subscriber.partition, subscriber.account_id))
    await client.aclose()
    balance = read_balance(reply)
    assert balance is not None
    return balance


async def test_what_an_interrupted_run_left_is_removed(config: Config) -> None:
    """The next run begins with fresh accounts."""
    async with People.live(config, FEW) as people:
        before = people.first_account
    async with People.live(config, FEW) as people:
        assert people.first_account >= before + FEW.subscribers
        assert [balance.sequence async for _, balance in people.balances()] == [1] * 60
        await people.remove()


async def test_a_number_of_somebody_else_is_not_touched(config: Config) -> None:
    """The run is refused, and the other keeps number and money."""
    number = str(FIRST_NUMBER + 5)
    async with open_desk(config, actor="test") as desk:
        await desk.add(number, balance=Micros(5))
        try:
            with pytest.raises(PeopleRefused, match=f"the number {number} belongs to a subscriber"):
                async with People.live(config, FEW):
                    pass
            assert (await desk.balance(number)).available == 5
        finally:
            await desk.topup(number, Micros(-5))
            await desk.remove(number)


@pytest.mark.parametrize(
    ("workload", "said"),
    [(replace(FEW, tariff="nobody's"), 'wants the tariff "nobody\'s"; the catalogue has')],
)
async def test_a_tariff_must_be_there(config: Config, workload: Workload, said: str) -> None:
    """Else every request would be refused, and that would be measured."""
    with pytest.raises(PeopleRefused, match=said):
        async with People.live(config, workload):
            pass
