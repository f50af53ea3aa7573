"""Runs the worker processes: a worker that ends is started again, one that is told to stop drains.

Workers hold the reading end of a pipe as standard input; when the supervisor is gone, however it went,
the pipe closes and they stop by themselves.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

#: The first restart comes soon for the clients' sake; a worker that cannot start must not spin.
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
#: A worker that ran this long failed for a new reason.
STEADY_SECONDS = 30.0
#: Requests in work, DPR and its answer; then it is killed.
STOP_SECONDS = 15.0

log = structlog.get_logger()


class Supervisor:
    """Keeps one process for each command running."""

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        *,
        backoff_seconds: Sequence[float] = BACKOFF_SECONDS,
        steady_seconds: float = STEADY_SECONDS,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._commands = commands
        self._backoff = backoff_seconds
        self._steady = steady_seconds
        self._stop = stop_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._starting = asyncio.Lock()

    @property
    def pids(self) -> list[int]:
        """Process ids of the running workers, by index."""
        return [each.pid for _, each in sorted(self._processes.items()) if each.returncode is None]

    async def start(self) -> None:
        """Start all workers; OSError when one cannot be, after stopping the others."""
        try:
            for index, command in enumerate(self._commands):
                await self._spawn(index, command)
                self._tasks.append(asyncio.create_task(self._keep(index, command)))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Let every worker drain; kill what takes too long."""
        # First the keepers: none of them may start another worker now. A start that is under way is
        # waited for: cancelled, it would leave a process whose end nobody awaits.
        async with self._starting:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        processes = [each for each in self._processes.values() if each.returncode is None]
        if not processes:
            return
        for each in processes:
            with contextlib.suppress(ProcessLookupError):
                each.terminate()
        waits = [asyncio.create_task(each.wait()) for each in processes]
        await asyncio.wait(waits, timeout=self._stop)
        for each in processes:
            if each.returncode is None:
                log.error("worker killed: it did not stop in time", pid=each.pid)
                with contextlib.suppress(ProcessLookupError):
                    each.kill()
        await asyncio.gather(*waits)

    async def _spawn(self, index: int, command: Sequence[str]) -> None:
        async with self._starting:
            self._processes[index] = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, start_new_session=True
            )

    async def _keep(self, index: int, command: Sequence[str]) -> None:
        """Restart a worker for as long as it is wanted."""
        loop = asyncio.get_running_loop()
        failures, started = 0, loop.time()
        while True:
            code = await self._processes[index].wait()
            failures = 1 if loop.time() - started > self._steady else failures + 1
            wait = self._backoff[min(failures, len(self._backoff)) - 1]
            log.error("worker ended", worker=index, code=code, restart_in_seconds=wait)
            await asyncio.sleep(wait)
            started = loop.time()
            try:
                await self._spawn(index, command)
            except OSError as error:
                # Neither memory nor a process id is there now: the old one still counts as ended.
                log.error("worker not started", worker=index, error=str(error))
