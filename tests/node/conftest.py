"""Tests of the node run on both loops: uvloop, which is used in production, and asyncio's own."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop
from structlog.testing import capture_logs
from structlog.typing import EventDict


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops on which each test of this folder runs."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """What is logged during the test."""
    with capture_logs() as found:
        yield found
