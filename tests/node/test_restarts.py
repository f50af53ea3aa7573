"""Clients that restarted: asked once for each rise, closed until it is done, and nothing else follows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.typing import EventDict

from ocs.node import restarts
from ocs.node.restarts import Restarts

PATIENCE_SECONDS = 5.0
Note = Callable[[str, int], None]


class Store:
    """What the store says, and what it was asked."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.failures: list[str] = []  # the next calls about a.example that fail, by name
        self.wait: dict[str, asyncio.Event] = {}

    async def _called(self, name: str, host: str, value: int) -> None:
        self.calls.append((name, host, value))
        if name in self.wait:
            await self.wait[name].wait()
        if host == "a.example" and self.failures[:1] == [name]:
            self.failures.pop(0)
            raise ConnectionError("the store is away")

    async def is_rise(self, host: str, value: int) -> bool:
        """True once for each rise, as the ledger promises."""
        await self._called("asked", host, value)
        before, self.known[host] = self.known.get(host, 0), max(value, self.known.get(host, 0))
        return 0 < before < value

    async def close(self, host: str, value: int) -> int:
        """Sessions closed."""
        await self._called("closed", host, value)
        return 2

    async def reaches(self, count: int) -> None:
        """Return when there were so many calls."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.calls) < count:  # noqa: ASYNC110  # a list sets no event
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)


@asynccontextmanager
async def running(store: Store, retry_seconds: float = 3600.0) -> AsyncIterator[Note]:
    """The work in the background, ended with the block."""
    made = Restarts(store.is_rise, store.close, retry_seconds=retry_seconds)
    task = asyncio.create_task(made.run())
    try:
        yield made.note
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_no_rise_asks_nobody() -> None:
    """0, the same value again in any case of the letters, and a lower one."""
    store = Store()
    async with running(store) as note:
        note("pgw1.example", 0)
        note("Pgw1.example", 5)
        await store.reaches(1)
        for value in (5, 4, 0):
            note("pgw1.EXAMPLE", value)
        await store.reaches(1)
    assert store.calls == [("asked", "pgw1.example", 5)]


async def test_the_first_value_and_one_that_the_store_knew_close_nothing(
    lines: list[EventDict],
) -> None:
    """A worker that was started lately hears old values for the first time."""
    store = Store()
    store.known = {"a.example": 7, "b.example": 9}
    async with running(store) as note:
        for host, value in (("a.example", 7), ("b.example", 8), ("c.example", 1)):
            note(host, value)
        await store.reaches(3)
    assert [name for name, _, _ in store.calls] == ["asked"] * 3
    assert lines == []


async def test_a_rise_closes_the_sessions_of_this_host_once(lines: list[EventDict]) -> None:
    """RFC 6733, 8.16: those below the new value; one line says how many they were."""
    store = Store()
    store.known = {"a.example": 7, "b.example": 7}
    async with running(store) as note:
        note("a.example", 8)
        note("a.example", 8)
        await store.reaches(2)
        note("a.example", 8)
        await store.reaches(2)
    assert store.calls == [("asked", "a.example", 8), ("closed", "a.example", 8)]
    (line,) = lines
    assert (line["event"], line["origin_host"], line["origin_state_id"], line["sessions_closed"]) == (
        "a client restarted", "a.example", 8, 2,
    )  # fmt: skip


async def test_a_lower_value_is_logged_once(lines: list[EventDict]) -> None:
    """It is ignored: an old copy of the client, or one whose clock went back."""
    store = Store()
    async with running(store) as note:
        for value in (9, 3, 3, 3, 4, 4, 9, 4):
            note("a.example", value)
        await store.reaches(1)
    assert [(each["origin_state_id"], each["known"]) for each in lines] == [(3, 9), (4, 9)]
    assert {each["log_level"] for each in lines} == {"warning"}


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        (["asked", "asked"], ["asked", "asked", "asked", "closed"]),
        # The store says a rise once: it is not asked again for sessions that are not closed yet.
        (["closed", "closed"], ["asked", "closed", "closed", "closed"]),
    ],
)
async def test_a_store_that_is_away_is_asked_again(
    failures: list[str], expected: list[str]
) -> None:
    """Neither the rise nor the sessions are forgotten, and other clients have their turn."""
    store = Store()
    store.known = {"a.example": 1, "b.example": 1}
    store.failures = [*failures]
    async with running(store, retry_seconds=0.0) as note:
        note("a.example", 2)
        note("b.example", 2)
        await store.reaches(len(expected) + 2)
    assert [name for name, host, _ in store.calls if host == "a.example"] == expected
    assert [name for name, host, _ in store.calls if host == "b.example"] == ["asked", "closed"]


async def test_a_rise_that_comes_during_the_closing_is_followed_up() -> None:
    """The second restart closes what the first left, and what came between."""
    store = Store()
    store.known = {"a.example": 1}
    store.wait = {"closed": asyncio.Event()}
    async with running(store) as note:
        note("a.example", 2)
        await store.reaches(2)
        note("a.example", 3)
        store.wait["closed"].set()
        await store.reaches(4)
    assert store.calls == [
        ("asked", "a.example", 2), ("closed", "a.example", 2),
        ("asked", "a.example", 3), ("closed", "a.example", 3),
    ]  # fmt: skip


async def never(host: str, value: int) -> bool:
    """A store that must not be asked."""
    raise AssertionError((host, value))


def test_what_is_remembered_is_bounded(
    monkeypatch: pytest.MonkeyPatch, lines: list[EventDict]
) -> None:
    """More clients than there are places, while the store is away: memory stays, nothing is raised, and
    those that were remembered are."""
    monkeypatch.setattr(restarts, "HOSTS_AT_MOST", 3)
    made = Restarts(never, never)
    for number in range(10):
        made.note(f"{number}.example", 5)
    assert len(made._highest) == len(made._pending) == 3
    made.note("0.example", 4)
    made.note("9.example", 4)
    assert [each["origin_host"] for each in lines] == ["0.example"]


async def test_the_oldest_client_is_forgotten_and_asked_about_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store still knows it: nothing is closed twice."""
    monkeypatch.setattr(restarts, "HOSTS_AT_MOST", 2)
    store = Store()
    async with running(store) as note:
        for count, host in enumerate(("a", "b", "c", "a"), 1):
            note(host, 5)
            await store.reaches(count)
    assert [host for _, host, _ in store.calls] == ["a", "b", "c", "a"]
