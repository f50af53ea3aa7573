"""Workers as real processes: restarted when they end, ended when they should, never left behind."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.typing import EventDict

from ocs.node import supervisor
from ocs.node.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 20.0

#: A worker that reports to a socket, whose end tells when the process is gone, however it went.
REPORT = """
import os, signal, socket, sys
wire = socket.socket(socket.AF_UNIX)
wire.connect(sys.argv[1])
def say(what):
    wire.sendall(b"%d %s\\n" % (os.getpid(), what))
"""
#: Ends by SIGTERM, or when its standard input closes.
PLAIN = REPORT + "say(b'up'); sys.stdin.read(); say(b'alone')"
DRAINS = (
    REPORT
    + """
def drain(*_):
    say(b"drained")
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
say(b"up")
sys.stdin.read()
"""
)
STUBBORN = (
    REPORT
    + """
signal.signal(signal.SIGTERM, lambda *_: say(b"ignored"))
say(b"up")
wire.recv(1)
"""
)
FAILS = REPORT + "say(b'up'); sys.exit(3)"


class Worker:
    """A process that has reported."""

    def __init__(self, pid: int, reader: asyncio.StreamReader) -> None:
        self.pid = pid
        self._reader = reader

    async def says(self) -> str:
        """Its next word; nothing when the process is gone."""
        line = await asyncio.wait_for(self._reader.readline(), PATIENCE_SECONDS)
        return line.decode().strip().partition(" ")[2]


class Workers:
    """Where processes report."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._up: asyncio.Queue[Worker] = asyncio.Queue()
        self.count = 0
        self.writers: list[asyncio.StreamWriter] = []

    def command(self, program: str) -> list[str]:
        """The command line of a worker."""
        return [sys.executable, "-I", "-S", "-c", program, self.path]

    async def reported(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A process has connected."""
        self.writers.append(writer)
        pid, _, word = (await reader.readline()).decode().strip().partition(" ")
        assert word == "up"
        self.count += 1
        self._up.put_nowait(Worker(int(pid), reader))

    async def next(self) -> Worker:
        """The next process that is up."""
        return await asyncio.wait_for(self._up.get(), PATIENCE_SECONDS)


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    """The socket to which workers report."""
    found = Workers(str(tmp_path / "s"))
    listener = await asyncio.start_unix_server(found.reported, found.path)
    yield found
    listener.close()
    for writer in found.writers:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def supervised(
    commands: list[list[str]],
    backoff_seconds: tuple[float, ...] = (0.0,),
    steady_seconds: float = 30.0,
    stop_seconds: float = 10.0,
) -> AsyncIterator[Supervisor]:
    """A supervisor that is stopped at the end."""
    found = Supervisor(
        commands,
        backoff_seconds=backoff_seconds,
        steady_seconds=steady_seconds,
        stop_seconds=stop_seconds,
    )
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


async def until(is_true: Callable[[], bool]) -> None:
    """Return when a condition holds; each look is one turn of the loop."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_true():  # noqa: ASYNC110  # a log line sets no event
            await asyncio.sleep(0)


def ended(lines: list[EventDict]) -> list[EventDict]:
    return [each for each in lines if each["event"] == "worker ended"]


def children_with(mark: str) -> list[str]:
    """The command lines of our own children in which `mark` stands."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    if not listed.exists():
        pytest.skip("this system does not list children in /proc")
    found = []
    for pid in listed.read_text().split():
        with contextlib.suppress(OSError):  # gone meanwhile
            found.append(Path(f"/proc/{pid}/cmdline").read_text())
    return [line for line in found if mark in line]


# --- starting -----------------------------------------------------------------------------------------


async def test_a_worker_that_cannot_start_ends_the_others(workers: Workers) -> None:
    """start() says so, and leaves nobody behind."""
    found = Supervisor([workers.command(PLAIN), ["/nonexistent/worker"]])
    with pytest.raises(FileNotFoundError):
        await found.start()
    assert found.pids == []


async def test_workers_have_a_session_of_their_own(workers: Workers) -> None:
    """Ctrl-C reaches the supervisor alone, which lets them drain."""
    async with supervised([workers.command(PLAIN)] * 2) as found:
        pids = sorted([(await workers.next()).pid, (await workers.next()).pid])
        assert sorted(found.pids) == pids
        assert all(os.getsid(pid) == pid for pid in pids)


# --- restarting ---------------------------------------------------------------------------------------


async def test_a_killed_worker_is_started_again(workers: Workers, lines: list[EventDict]) -> None:
    """kill -9 of one: a new process in its place, the other untouched, one line."""
    async with supervised([workers.command(PLAIN)] * 2) as found:
        up = {worker.pid: worker for worker in (await workers.next(), await workers.next())}
        first, second = found.pids
        os.kill(second, signal.SIGKILL)
        assert await up[second].says() == ""
        new = await workers.next()
        assert found.pids == [first, new.pid]
        assert ended(lines) == [
            {
                "event": "worker ended",
                "log_level": "error",
                "worker": 1,
                "code": -signal.SIGKILL,
                "restart_in_seconds": 0.0,
            }
        ]


async def test_a_worker_that_cannot_run_is_tried_ever_less_often(
    workers: Workers, lines: list[EventDict]
) -> None:
    """The waits of the list in order, then the last one; its exit code is told."""
    waits = (0.001, 0.002, 0.003)
    async with supervised([workers.command(FAILS)], backoff_seconds=waits):
        await until(lambda: len(ended(lines)) >= 5)
    found = ended(lines)[:5]
    assert [each["restart_in_seconds"] for each in found] == [0.001, 0.002, 0.003, 0.003, 0.003]
    assert {each["code"] for each in found} == {3}
    assert list(supervisor.BACKOFF_SECONDS) == sorted(supervisor.BACKOFF_SECONDS)


async def test_a_worker_that_ran_steadily_is_started_again_soon(
    workers: Workers, lines: list[EventDict]
) -> None:
    """It failed for a new reason: the first wait of the list, each time."""
    command = workers.command(FAILS)
    async with supervised([command], backoff_seconds=(0.001, 60.0), steady_seconds=0.0):
        await until(lambda: len(ended(lines)) >= 3)
    assert {each["restart_in_seconds"] for each in ended(lines)} == {0.001}


async def test_a_start_that_fails_is_tried_again(
    workers: Workers, tmp_path: Path, lines: list[EventDict]
) -> None:
    """The program is away for a moment, as during an update: the worker comes when it is back."""
    program = tmp_path / "python"
    program.symlink_to(sys.executable)
    command = [str(program), *workers.command(PLAIN)[1:]]
    async with supervised([command]) as found:
        first = await workers.next()
        program.unlink()
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: any(each["event"] == "worker not started" for each in lines))
        assert found.pids == []
        program.symlink_to(sys.executable)
        assert found.pids != [first.pid] and (await workers.next()).pid != first.pid


# --- stopping -----------------------------------------------------------------------------------------


async def test_stop_lets_workers_drain(workers: Workers, lines: list[EventDict]) -> None:
    """SIGTERM; they do what they have to do, are awaited, and are not started again."""
    async with supervised([workers.command(DRAINS)] * 2) as found:
        both = [await workers.next(), await workers.next()]
        await found.stop()
        assert found.pids == []
        for worker in both:
            assert await worker.says() == "drained"
            assert await worker.says() == ""
    assert lines == [] and workers.count == 2


async def test_a_worker_that_does_not_stop_is_killed(
    workers: Workers, lines: list[EventDict]
) -> None:
    """In time, with a line that names it; the one that stopped by itself is not killed."""
    assert supervisor.STOP_SECONDS == 15.0
    commands = [workers.command(STUBBORN), workers.command(DRAINS)]
    async with supervised(commands, stop_seconds=0.5) as found:
        by_pid = {worker.pid: worker for worker in (await workers.next(), await workers.next())}
        stubborn, drains = found.pids
        await found.stop()
        assert await by_pid[stubborn].says() == "ignored"
        assert await by_pid[stubborn].says() == ""
        assert await by_pid[drains].says() == "drained"
        assert found.pids == []
    assert [(each["event"], each["pid"]) for each in lines] == [
        ("worker killed: it did not stop in time", stubborn)
    ]


async def test_stop_during_the_wait_starts_nobody(workers: Workers, lines: list[EventDict]) -> None:
    """The worker is down and would come back in an hour: stop() returns at once."""
    async with supervised([workers.command(FAILS)], backoff_seconds=(3600.0,)) as found:
        await until(lambda: bool(ended(lines)))
        await asyncio.wait_for(found.stop(), PATIENCE_SECONDS)
        assert found.pids == []
    assert workers.count == 1


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_stop_in_the_midst_of_a_start_leaves_nobody(
    workers: Workers, lines: list[EventDict], turns: int
) -> None:
    """Whatever the moment: no process outlives stop()."""
    async with supervised([workers.command(PLAIN)]) as found:
        first = await workers.next()
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: bool(ended(lines)))
        for _ in range(turns):
            await asyncio.sleep(0)
        await found.stop()
        assert found.pids == []
    assert children_with(workers.path) == []


async def test_stop_twice_is_no_error(workers: Workers) -> None:
    """The second finds nothing to do."""
    async with supervised([workers.command(PLAIN)]) as found:
        await workers.next()
        await found.stop()
        await found.stop()
        assert found.pids == []


SUPERVISED = """
import asyncio, json, sys
from ocs.node.supervisor import Supervisor
async def main():
    await Supervisor([json.loads(sys.argv[1])] * 2).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_workers_end_when_the_supervisor_is_killed(workers: Workers) -> None:
    """kill -9 of the supervisor closes their standard input: both see it and end by themselves."""
    arguments = [sys.executable, "-c", SUPERVISED, json.dumps(workers.command(PLAIN))]
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT)
    both = [await workers.next(), await workers.next()]
    process.kill()
    await process.wait()
    for worker in both:
        assert await worker.says() == "alone"
        assert await worker.says() == ""
