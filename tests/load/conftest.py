"""A whole server as processes, one for each kind of store, for all tests of this folder."""

import asyncio
import shutil
from collections.abc import Iterator

import pytest

from ocs.load.place import Place, StoreKind

KINDS: list[StoreKind] = ["valkey", *(["redis"] if shutil.which("redis-server") else [])]  # type: ignore[list-item]  # mypy widens the literal inside a list


@pytest.fixture(scope="session", params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Stopped at the end; its store keeps what tests leave in it."""
    with asyncio.Runner() as runner:
        started = Place.start(store=request.param)
        yield runner.run(started.__aenter__())
        runner.run(started.__aexit__(None, None, None))
