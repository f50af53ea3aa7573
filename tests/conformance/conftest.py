"""The rig of each test, the mark that says which statement a test holds, and the report of a run."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.conformance.statements import REPORT, Outcome, numbered_tests, read_statements, report
from tests.support.rig import Client, Rig

OPTION = "--write-conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="write docs/conformance.md from this run")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "statement(*numbers): the statements that a test holds")
    if config.getoption(OPTION, default=False):
        config.pluginmanager.register(Writer(), "conformance-report")


class Writer:
    """Writes the report when the run ends."""

    def __init__(self) -> None:
        self._outcomes: dict[str, set[Outcome]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.partition("[")[0]
            self._outcomes.setdefault(name, set()).add(report.outcome)

    def pytest_sessionfinish(self) -> None:
        REPORT.write_text(report(read_statements(), numbered_tests(), self._outcomes))


@pytest.fixture
async def rig(redis: Redis) -> AsyncIterator[Rig]:
    """A server on an empty store, with the peers and services of the worked sequences."""
    async with Rig(redis) as made:
        yield made


@pytest.fixture
async def pgw(rig: Rig) -> Client:
    """A gateway, connected."""
    return await rig.client()


@pytest.fixture
async def scscf(rig: Rig) -> Client:
    """A call control, connected."""
    return await rig.client("scscf1.example.net")


@pytest.fixture
async def smsc(rig: Rig) -> Client:
    """A message centre, connected."""
    return await rig.client("smsc1.example.net")
