"""A server for the demonstration: the rig with the tariffs of the repository, and who plays on it."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ocs.charging.policy import ChargingPolicy
from ocs.demo.data import REDIRECTED_GROUP
from ocs.demo.play import REALM
from ocs.desk import Desk
from ocs.model import UtcMillis
from ocs.node.peers import PeerConfig
from ocs.rating.catalogue import Catalogue, load
from tests.charging.worked import DATA, MMS, REDIRECT, SMS, VAS, VOICE
from tests.support import rig as rigs
from tests.support.rig import Rig

CATALOGUE = Path(__file__).parents[2] / "config" / "catalogue"
#: The numbers and identities of a run hang on its seed.
SEED = 7
GATEWAY = replace(DATA, grant_default=10 << 20)
REDIRECTING = replace(GATEWAY, final_unit=REDIRECT)
SERVICES = ChargingPolicy(
    (
        replace(GATEWAY, groups=((frozenset((REDIRECTED_GROUP,)), REDIRECTING),)),
        VOICE,
        SMS,
        MMS,
        replace(VAS, contexts=("vas@ocs.example",)),
    )
)


@cache
def tariffs() -> Catalogue:
    """The tariffs that the repository holds."""
    return load(CATALOGUE)


@pytest.fixture
async def rig(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """A server that lets the demonstration in and knows its prices."""
    monkeypatch.setattr(rigs, "catalogue", tariffs)
    peers = [PeerConfig(f"{name}-{SEED}.{REALM}", (), REALM) for name in ("switch", "ggsn")]
    # The repeat comes by the other connection: whose it is, the switch's, is the relay's to bring.
    peers[1] = replace(peers[1], kind="relay")
    async with Rig(redis, SERVICES, peers) as made:
        # The clients say when their events happen, by the clock on the wall.
        made.clock.now = UtcMillis(time.time_ns() // 1_000_000)
        made.desk = Desk(
            client=redis,
            ledger=made.ledger,
            subscribers=made.subscribers,
            records=made.records,
            catalogue=tariffs(),
            default_tariff="conversations",
            actor="demo",
        )
        yield made
