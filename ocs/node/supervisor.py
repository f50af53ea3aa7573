"""Runs the worker processes: a worker that ends is started again, one that is told to stop drains.

Workers hold the reading end of a pipe as standard input; when the supervisor is gone, however it went,
the pipe closes and they stop by themselves.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

#: The first restart comes at once for the clients' sake; one that cannot start must not spin.
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
#: A worker that ran this long failed for a new reason.
STEADY_SECONDS = 30.0
#: Requests in work, DPR and its answer; then it is killed.
STOP_SECONDS = 15.0

log = structlog.get_logger()


class Supervisor:
    """Keeps one process for each command running."""

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._commands = commands
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._is_stopping = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the running workers, by index."""
        return [each.pid for _, each in sorted(self._processes.items())]

    async def start(self) -> None:
        """Start all workers."""
        for index, command in enumerate(self._commands):
            await self._spawn(index, command)
            self._tasks.append(asyncio.create_task(self._keep(index, command)))

    async def stop(self) -> None:
        """Let every worker drain; kill what takes too long."""
        self._is_stopping = True
        processes = list(self._processes.values())
        for each in processes:
            with contextlib.suppress(ProcessLookupError):
                each.terminate()
        waits = [asyncio.create_task(each.wait()) for each in processes]
        if waits:
            _, late = await asyncio.wait(waits, timeout=STOP_SECONDS)
            for each in processes:
                if each.returncode is None and late:
                    log.error("worker killed: it did not stop in time", pid=each.pid)
                    each.kill()
            await asyncio.gather(*waits)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _spawn(self, index: int, command: Sequence[str]) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        self._processes[index] = process
        return process

    async def _keep(self, index: int, command: Sequence[str]) -> None:
        """Restart a worker for as long as it is wanted."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started = loop.time()
            code = await self._processes[index].wait()
            if self._is_stopping:
                return
            failures = 0 if loop.time() - started > STEADY_SECONDS else failures + 1
            wait = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
            log.error("worker ended", worker=index, code=code, restart_in_seconds=wait)
            await asyncio.sleep(wait)
            if self._is_stopping:
                return
            await self._spawn(index, command)
