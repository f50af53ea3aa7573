"""A running server with a store of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """`ocs serve --examples`, stopped at the end of the test."""
    with Server(tmp_path) as running:
        yield running
