"""Fixtures of the stores: one server of each kind for the whole run, emptied before each test."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from ocs.store.connect import connect
from tests.support.stores import binaries, running

KINDS = [os.environ["OCS_TEST_STORE_URL"]] if "OCS_TEST_STORE_URL" in os.environ else [*binaries()]


@pytest.fixture(scope="session", params=KINDS)
def store_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A store of each kind that is here; OCS_TEST_STORE_URL names another."""
    if "://" in request.param:
        yield request.param
        return
    folder = Path(tmp_path_factory.mktemp("store"))
    with running(binaries()[request.param], folder) as url:
        yield url


@pytest.fixture
def empty_store(store_url: str) -> str:
    """The store's URL, with nothing in it."""
    with SyncRedis.from_url(store_url) as client:
        client.flushall()
    return store_url


@pytest.fixture
async def redis(empty_store: str) -> AsyncIterator[Redis]:
    """A client of an empty store."""
    client = connect(empty_store, 5.0)
    yield client
    await client.aclose()
