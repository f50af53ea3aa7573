"""Each scene on a real server: what it expects by its own arithmetic is what comes."""

import io
import itertools

import pytest
from rich.console import Console

from ocs.demo.cast import Cast
from ocs.demo.client import DiameterClient
from ocs.demo.play import REALM
from ocs.demo.scenes import DEFAULT, SCENES, chosen
from ocs.demo.stage import Stage
from ocs.desk import Desk
from ocs.model import Micros, Subscriber
from tests.demo.conftest import SEED
from tests.support.rig import REALM as SERVER_REALM, Rig


class Cheap:
    """A desk that gives everybody another tariff than was asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.remove, self.topup, self.balance = desk.remove, desk.topup, desk.balance
        self.statement, self.sessions, self.cut = desk.statement, desk.sessions, desk.cut

    async def add(self, msisdn: str, *, tariff: str | None = None, balance: Micros) -> Subscriber:
        """The cheapest one."""
        return await self._desk.add(msisdn, tariff="social", balance=balance)


#: Services and situations that each must have a scene.
SHOWN = {
    "voice",
    "rating-groups",
    "sms",
    "mms",
    "vas",
    "conference",
    "roaming",
    "redirect",
    "shared",
}


def test_names() -> None:
    """Every service has a scene; the default ones are among them; an unknown name is refused."""
    assert set(SCENES) >= SHOWN | set(DEFAULT)
    assert chosen(()) == [SCENES[name][0] for name in DEFAULT]
    assert chosen(["sms", "voice"]) == [SCENES["sms"][0], SCENES["voice"][0]]
    with pytest.raises(KeyError, match="opera"):
        chosen(["opera"])


@pytest.mark.parametrize("name", SCENES)
async def test_scene(rig: Rig, name: str) -> None:
    """Every expectation is met; afterwards no session is open and no money is left anywhere."""
    stage = Stage(Console(file=io.StringIO(), width=100), 0.0)
    switch, ggsn = (
        DiameterClient(f"{each}-{SEED}.{REALM}", REALM, SERVER_REALM) for each in ("switch", "ggsn")
    )
    cast = Cast(stage, rig.desk, switch, ggsn, itertools.count(77019000001), "run")
    try:
        await switch.connect("127.0.0.1", rig.port)
        await ggsn.connect("127.0.0.1", rig.port)
        await SCENES[name][0](cast)
    finally:
        await switch.drop()
        await ggsn.drop()
    failed = [each for each in stage.expectations if not each.is_met]
    assert failed == [] and stage.expectations
    assert await rig.sessions() == []
    await cast.leave()
    assert await rig.desk.everybody() == []


async def test_scene_notices_a_wrong_price(rig: Rig) -> None:
    """A server that charges otherwise fails the scene: 2.00 a message where 12.00 are published."""
    stage = Stage(Console(file=io.StringIO(), width=100), 0.0)
    client = DiameterClient(f"switch-{SEED}.{REALM}", REALM, SERVER_REALM)
    await client.connect("127.0.0.1", rig.port)
    cast = Cast(stage, Cheap(rig.desk), client, client, itertools.count(77019000001), "run")
    try:
        await SCENES["sms"][0](cast)
    finally:
        await client.drop()
    wrong = {each.what for each in stage.expectations if not each.is_met}
    assert wrong >= {"Cost-Information", "left"}
