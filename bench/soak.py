"""Twenty minutes of `canonical` at a moderate rate: does the server's memory stay where it is?

    python bench/soak.py [--minutes 20] [--rate 1000] [--subscribers 100000] [--json FILE]

The resident memory of the workers is read every ten seconds. The first quarter is warm-up, in which caches
fill; over the rest a line is laid (least squares), whose slope is told in kB a minute, with the least and
the most. The result goes to bench/results/soak.json, with the run's own result and audit.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # this folder is not installed

import uvloop

from bench.micro.measure import RESULTS, machine
from ocs.load.drive import open_loop
from ocs.load.people import People
from ocs.load.place import Place
from ocs.load.result import Result
from ocs.load.run import Progress, run_load
from ocs.load.watch import usage
from ocs.load.workload import Workload, read_workload

EVERY_SECONDS = 10.0
#: The part of the samples in which caches fill.
WARM_UP = 0.25


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory at one moment of the measured phase."""

    seconds: float
    server_kb: int
    store_kb: int


@dataclass(frozen=True, slots=True)
class Trend:
    """What the samples after the warm-up say."""

    kb_a_minute: float
    low_kb: int
    high_kb: int
    samples: int


def trend(samples: Sequence[Sample]) -> Trend:
    """The line of least squares through the server's memory after the warm-up."""
    kept = samples[int(len(samples) * WARM_UP) :]
    sizes = [each.server_kb for each in kept]
    minutes = [each.seconds / 60 for each in kept]
    middle_x, middle_y = sum(minutes) / len(kept), sum(sizes) / len(kept)
    spread = sum((x - middle_x) ** 2 for x in minutes)
    both = sum((x - middle_x) * (y - middle_y) for x, y in zip(minutes, sizes, strict=True))
    slope = both / spread if spread else 0.0
    return Trend(round(slope, 1), min(sizes), max(sizes), len(kept))


async def sample(place: Place, begun: asyncio.Event, every: float, into: list[Sample]) -> None:
    """Read the memory from the moment that measuring begins, until cancelled."""
    await begun.wait()
    loop = asyncio.get_running_loop()
    start = loop.time()
    target = place.target
    while True:
        server, store = usage(target.server_pids), usage(target.store_pids)
        passed = round(loop.time() - start, 1)
        into.append(Sample(passed, server.rss_bytes // 1024, store.rss_bytes // 1024))
        await asyncio.sleep(start + len(into) * every - loop.time())


async def soak(
    workload: Workload, rate: float, seconds: float, every: float = EVERY_SECONDS
) -> tuple[Result, list[Sample]]:
    """One long run, and the memory meanwhile."""
    samples: list[Sample] = []
    begun = asyncio.Event()
    async with (
        Place.start() as place,
        People.live(place.config, workload) as people,
        asyncio.TaskGroup() as tasks,
    ):
        sampling = tasks.create_task(sample(place, begun, every, samples))

        def progress(told: Progress) -> None:
            if told.phase == "measuring":
                begun.set()
            elif begun.is_set():
                sampling.cancel()

        result = await run_load(
            workload,
            open_loop(rate),
            place.target,
            seconds=seconds,
            people=people,
            progress=progress,
        )
    return result, samples


def summary(result: Result, samples: Sequence[Sample]) -> dict[str, Any]:
    """The result as it is kept."""
    return {
        "name": "soak",
        **machine(),
        "minutes": round(result.seconds / 60, 1),
        "trend": asdict(trend(samples)),
        "samples": [asdict(each) for each in samples],
        "result": json.loads(result.as_json()),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=1000, help="requests a second")
    parser.add_argument("--subscribers", type=int, default=100_000)
    parser.add_argument("--json", type=Path, default=RESULTS / "soak.json")
    given = parser.parse_args()
    workload = replace(read_workload("canonical"), subscribers=given.subscribers)
    result, samples = uvloop.run(soak(workload, given.rate, given.minutes * 60))
    found = trend(samples)
    whole = result.latency["all"]
    print(
        f"{given.minutes:g} minutes at {result.achieved:,.0f} requests a second, "
        f"p50 {whole['p50']:g} ms, p99 {whole['p99']:g} ms\n"
        f"server memory after the warm-up: {found.low_kb / 1024:.1f} to {found.high_kb / 1024:.1f} MB, "
        f"{found.kb_a_minute:+.1f} kB a minute over {found.samples} samples\n"
        f"audit: {result.audit}"
    )
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(summary(result, samples), indent=1) + "\n")


if __name__ == "__main__":
    main()
