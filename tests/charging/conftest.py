"""Fixtures of the worked sequences."""

import pytest
from redis.asyncio import Redis

from ocs.abmf.library import Library
from tests.charging.worker import CLOCK, NOW, Clock, Worker


@pytest.fixture(autouse=True)
def clock() -> Clock:
    """Each test begins at the same moment."""
    CLOCK.now = NOW
    return CLOCK


@pytest.fixture
async def worker(redis: Redis) -> Worker:
    """A worker on an empty store."""
    await Library.from_package().load(redis)
    return Worker(redis)
