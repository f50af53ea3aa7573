"""Everything here plays load on whole servers: `make check` runs it."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder."""
    for each in items:
        if each.path.is_relative_to(HERE):
            each.add_marker(pytest.mark.bench)
