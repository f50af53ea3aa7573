"""A server for peers that behave as other stacks do."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.support.rig import Rig


@pytest.fixture
async def rig(redis: Redis) -> AsyncIterator[Rig]:
    """A server on an empty store, with the peers and services of the worked sequences."""
    async with Rig(redis) as made:
        yield made
