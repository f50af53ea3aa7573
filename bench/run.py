"""Open-loop load on a running server, with an audit: latency counts from a schedule.

    .venv/bin/python bench/run.py --rate 500 --seconds 10

Data sessions of one CCR-I, eight CCR-U and a CCR-T, spread over subscribers of its own that it removes
afterwards. A late answer delays no other request: its delay is in the figures (no coordinated
omission). At the end what was answered is priced here, by other arithmetic than the server's, and
compared with every account to the micro; without that line there is no result.

The generator is Python, too, and shares the machine with the server: its own CPU time is reported.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

from ocs import __version__
from ocs.app import open_desk
from ocs.config import Config, load
from ocs.demo.cast import DATA, KILOBYTE, Session, data_tiyn, granted
from ocs.demo.client import DiameterClient
from ocs.desk import Desk
from ocs.model import MICROS, Micros

UPDATES = 8
OPENING = 1000 * MICROS
TIYN = 10_000  # micros
PERCENTILES = (50, 90, 99, 99.9, 100)


class Load:
    """The requests of one run and what came of them."""

    def __init__(self, clients: list[DiameterClient], numbers: list[str], seed: int) -> None:
        self._clients = clients
        self._numbers = numbers
        self._random = random.Random(seed)  # noqa: S311  # a workload, no secret
        self._ready: list[tuple[Session, int]] = []  # open sessions that wait for their next turn
        self._opened = 0
        self.cost: Counter[str] = Counter()  # expected, in tiyn, by number
        self.seconds: list[float] = []
        self.codes: Counter[int] = Counter()
        self.failed = 0

    async def turn(self, scheduled: float) -> None:
        """One request: of a session that is ready, else of a new one."""
        session, used = self._ready.pop() if self._ready else (self._new(), -1)
        step = 0
        try:
            if used < 0:
                answer = await session.start()
                used = 0
            elif session.number <= UPDATES:
                step = self._random.randrange(1, 200) * KILOBYTE
                answer = await session.update(step)
            else:
                step = self._random.randrange(1, 200) * KILOBYTE
                answer = await session.end(step)
        except (ConnectionError, TimeoutError):
            self.failed += 1
            return
        self.seconds.append(time.perf_counter() - scheduled)
        self.codes[answer.result_code] += 1
        used += step
        if session.number > UPDATES + 1:
            self.cost[session.msisdn] += data_tiyn(used)
        elif granted(answer):
            self._ready.insert(0, (session, used))

    def _new(self) -> Session:
        self._opened += 1
        client = self._clients[self._opened % len(self._clients)]
        number = self._random.choice(self._numbers)
        return Session(client, number, f"bench;{time.time_ns()};{self._opened}", DATA, 10)

    async def finish(self) -> None:
        """End what is open, reporting nothing more."""
        for session, used in self._ready:
            await session.end(0)
            self.cost[session.msisdn] += data_tiyn(used)


async def offer(load: Load, rate: float, seconds: float) -> float:
    """Start a request at each tick of the schedule, whatever became of the others; returns seconds."""
    tasks = []
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        scheduled = began + number / rate
        delay = scheduled - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        tasks.append(asyncio.create_task(load.turn(scheduled)))
    await asyncio.gather(*tasks)
    return time.perf_counter() - began


async def audit(desk: Desk, load: Load, numbers: list[str]) -> list[str]:
    """Differences between what was answered and what the accounts say; none is the only good result."""
    found = []
    for number in numbers:
        balance = await desk.balance(number)
        expected = load.cost[number] * TIYN
        if balance.spent != expected or balance.reserved or balance.written_off:
            found.append(f"{number}: spent {balance.spent}, expected {expected}, {balance}")
        if balance.credited != balance.available + balance.spent:
            found.append(f"{number}: does not add up, {balance}")
    return found


def percentile(ordered: list[float], percent: float) -> float:
    """Nearest rank, in milliseconds."""
    index = min(len(ordered) - 1, int(len(ordered) * percent / 100))
    return round(ordered[index] * 1000, 3)


def machine() -> dict[str, object]:
    """Where and with what this was measured."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": f"{len(names)} x {names[0] if names else platform.processor()}",
        "python": platform.python_version(),
        "version": __version__,
        "commit": commit,
    }


async def run(config: Config, arguments: argparse.Namespace) -> int:
    """One run; the exit code is 1 when the audit found a difference or a request got no answer."""
    host, port = str(config.diameter.listen[0]), config.diameter.port
    async with open_desk(config, actor="bench") as desk:
        first = 77030000000 + arguments.seed * 100_000
        numbers = [str(first + index) for index in range(arguments.subscribers)]
        for number in numbers:
            await desk.add(number, balance=Micros(OPENING))
        clients = [
            DiameterClient(f"bench-{index}.bench.example", "bench.example", config.diameter.realm)
            for index in range(arguments.connections)
        ]
        for client in clients:
            await client.connect(host, port)
        load = Load(clients, numbers, arguments.seed)
        taken = await offer(load, arguments.rate, arguments.seconds)
        await load.finish()
        differences = await audit(desk, load, numbers)
        for client in clients:
            await client.close()
        for number in numbers:
            await desk.topup(number, Micros(-(await desk.balance(number)).available))
            await desk.remove(number)
    ordered = sorted(load.seconds)
    print(
        json.dumps(
            machine()
            | {
                "command": " ".join(sys.argv),
                "seed": arguments.seed,
                "offered_per_second": arguments.rate,
                "achieved_per_second": round(len(ordered) / taken, 1),
                "milliseconds": {f"p{each:g}": percentile(ordered, each) for each in PERCENTILES},
                "result_codes": dict(load.codes),
                "without_answer": load.failed,
                "generator_cpu_seconds": resource.getrusage(resource.RUSAGE_SELF).ru_utime,
                "audit": differences or f"{len(numbers)} accounts agree to the micro",
            },
            indent=1,
        )
    )
    return 1 if differences or load.failed else 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Open-loop load with an audit at the end.")
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--config", type=Path, default=Path("config/ocs.toml"))
    arguments = parser.parse_args()
    return uvloop.run(run(load(arguments.config, os.environ), arguments))


if __name__ == "__main__":
    sys.exit(main())
